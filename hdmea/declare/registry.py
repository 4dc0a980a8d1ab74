"""Registries: what the package offers, what installed packages add, and a user's own files."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import logging
import pkgutil
from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Generic, Protocol, TypeVar

from hdmea.utils.exceptions import ConfigurationError, MissingFileError
from hdmea.utils.fixes import Advice

__all__ = ["Named", "Registry", "run_file"]

logger = logging.getLogger(__name__)

_NOT_KNOWN = "Check the name, and that the package that adds it is installed."


class Named(Protocol):
    """Anything that is registered: it has a name, and may have aliases."""

    @property
    def name(self) -> str:
        """Name by which it is asked for."""
        ...


N = TypeVar("N", bound=Named)


class Registry(Generic[N]):
    """Declarations of one kind by name.

    They are found when they are first asked for: in the modules of a package of ours, then in the entry
    points that installed packages announce (a declaration, or a module with declarations). A new one is a
    new file; nothing else is edited.

    Parameters
    ----------
    group
        Name of the entry-point group, such as ``hdmea.features``.
    kind
        Class of the declarations.
    package
        Name of the package whose modules declare ours; empty for a registry that finds nothing by itself.
    noun
        What one of them is called in messages.
    """

    def __init__(self, group: str, kind: type[N], package: str, noun: str) -> None:
        self.group = group
        self.noun = noun
        self._kind = kind
        self._package = package
        self._by_name: dict[str, N] = {}
        self._canonical: dict[str, str] = {}
        self._origin: dict[str, str] = {}
        self._discovered = False

    def __iter__(self) -> Iterator[N]:
        """Iterate over the declarations in the order of their names."""
        self._discover()
        return iter([self._by_name[name] for name in sorted(self._by_name)])

    def __contains__(self, name: object) -> bool:
        self._discover()
        return name in self._canonical

    def names(self) -> list[str]:
        """Return the names, sorted."""
        return [item.name for item in self]

    def get(self, name: str) -> N:
        """Return the declaration that has this name or alias.

        Raises
        ------
        ConfigurationError
            If there is none; with the names that are close to it.
        """
        self._discover()
        if name in self._canonical:
            return self._by_name[self._canonical[name]]
        close = difflib.get_close_matches(name, sorted(self._canonical), n=3, cutoff=0.6)
        advice = f"Did you mean {' or '.join(map(repr, close))}?" if close else _NOT_KNOWN
        raise ConfigurationError(
            f"There is no {self.noun} {name!r}. Known: {', '.join(sorted(self._by_name))}.",
            fix=Advice(advice),
        )

    def canonical_name(self, name: str) -> str:
        """Return the canonical name for a name or alias; an unknown name as it is."""
        self._discover()
        return self._canonical.get(name, name)

    def origin(self, name: str) -> str:
        """Return where a declaration comes from: ``""`` (this package), an entry point, or a file."""
        return self._origin.get(self.canonical_name(name), "")

    def register(self, item: N, origin: str = "") -> None:
        """Add a declaration.

        Raises
        ------
        ConfigurationError
            If its name or an alias is taken.
        """
        names = (item.name, *getattr(item, "aliases", ()))
        for name in names:
            owner = self._canonical.get(name)
            if owner is not None:
                raise ConfigurationError(
                    f"The {self.noun} {item.name!r} cannot be added: the name {name!r} belongs to the "
                    f"{self.noun} {owner!r}.",
                    fix=Advice("Choose another name."),
                )
        self._by_name[item.name] = item
        self._canonical.update(dict.fromkeys(names, item.name))
        if origin:
            self._origin[item.name] = origin

    def remove(self, name: str) -> None:
        """Forget a declaration; nothing happens if there is none of this name."""
        item = self._by_name.pop(name, None)
        if item is not None:
            self._canonical = {key: owner for key, owner in self._canonical.items() if owner != name}
            self._origin.pop(name, None)

    def register_module(self, module: ModuleType, origin: str = "") -> list[N]:
        """Add the declarations that a module makes; returns them."""
        # What is registered before the others were found would take their names.
        self._discover()
        own = [value for value in vars(module).values() if isinstance(value, self._kind)]
        own = [item for item in own if getattr(item, "module", module.__name__) == module.__name__]
        for item in own:
            self.register(item, origin)
        return own

    def register_file(self, path: str | Path) -> list[N]:
        """Add the declarations of a Python file, which is run; returns them.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ConfigurationError
            If it cannot be run, declares nothing of this kind, or uses a name that is taken.
        """
        path = Path(path)
        module = run_file(path)
        found = self.register_module(module, str(path))
        if not found:
            raise ConfigurationError(
                f"{path} does not declare a {self.noun}.",
                path=path,
                fix=Advice(f"The documentation has a page on how to write a {self.noun}."),
            )
        return found

    def _discover(self) -> None:
        if self._discovered:
            return
        self._discovered = True
        if self._package:
            package = importlib.import_module(self._package)
            for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name):
                if not info.name.startswith("_"):
                    self.register_module(importlib.import_module(f"{self._package}.{info.name}"))
        for point in entry_points(group=self.group):
            try:
                self._load(point)
            except Exception as error:  # noqa: BLE001 - a broken package of others must not stop this one
                logger.warning("The installed package %r is ignored: %s", point.value, error)

    def _load(self, point: EntryPoint) -> None:
        value = point.load()
        if isinstance(value, self._kind):
            self.register(value, point.value)
        elif isinstance(value, ModuleType):
            self.register_module(value, point.value)
        else:
            raise ConfigurationError(
                f"the entry point {point.name!r} is neither a {self.noun} nor a module that declares one",
                fix=Advice("Correct the entry point in the metadata of its package."),
            )


def run_file(path: Path) -> ModuleType:
    """Run a Python file that declares something; returns its module.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ConfigurationError
        If it cannot be run.
    """
    if not path.is_file():
        raise MissingFileError(f"The file {path} does not exist.", path=path, fix=Advice("Check the path."))
    spec = importlib.util.spec_from_file_location(f"hdmea_user_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ConfigurationError(
            f"{path} is not a Python file.", path=path, fix=Advice("Give it a name that ends in .py.")
        )
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ConfigurationError(
            f"{path} cannot be run: {type(error).__name__}: {error}.",
            path=path,
            fix=Advice("Correct the file."),
        ) from error
    return module
