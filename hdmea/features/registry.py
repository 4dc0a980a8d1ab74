"""Which features there are: the package's own, those of installed packages, and a person's own file.

The own extractors are the modules of `hdmea.features.extractors`, installed packages announce theirs as entry
points of the group ``hdmea.features`` (an extractor, or a module with extractors), and
`Registry.register_file` takes any Python file.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import importlib.util
import logging
import pkgutil
from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

import hdmea.features.extractors
from hdmea.features.extractor import Extractor
from hdmea.utils.exceptions import ConfigurationError

__all__ = ["ENTRY_POINT_GROUP", "Registry", "default_registry", "register_file"]

logger = logging.getLogger(__name__)

ENTRY_POINT_GROUP = "hdmea.features"

_MADE_BY_STEPS = {
    "eimage_sta": "compute_eimage_sta",
    "lnl": "fit_lnl",
    "section_by_direction": "section_by_direction",
    "sta": "compute_sta",
}


class Registry:
    """Extractors by name and alias."""

    def __init__(self) -> None:
        self._by_name: dict[str, Extractor] = {}
        self._canonical: dict[str, str] = {}

    def __iter__(self) -> Iterator[Extractor]:
        """Iterate over the extractors in the order of their names."""
        return iter([self._by_name[name] for name in sorted(self._by_name)])

    def __contains__(self, name: object) -> bool:
        return name in self._canonical

    def register(self, extractor: Extractor) -> None:
        """Add an extractor.

        Raises
        ------
        ConfigurationError
            If its name or an alias belongs to another feature.
        """
        names = (extractor.name, *extractor.aliases)
        for name in names:
            owner = self._canonical.get(name)
            if owner is not None:
                raise ConfigurationError(
                    f"The feature {extractor.name!r} cannot be added: the name {name!r} belongs to the "
                    f"feature {owner!r} already. Choose another name."
                )
        self._by_name[extractor.name] = extractor
        self._canonical.update(dict.fromkeys(names, extractor.name))

    def register_module(self, module: ModuleType) -> list[Extractor]:
        """Add the extractors that a module defines; returns them."""
        own = [value for value in vars(module).values() if isinstance(value, Extractor)]
        own = [value for value in own if value.function.__module__ == module.__name__]
        for extractor in own:
            self.register(extractor)
        return own

    def register_file(self, path: str | Path) -> list[Extractor]:
        """Add the extractors of a Python file, which is run; returns them.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ConfigurationError
            If it defines no extractor, or one whose name is taken.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"There is no feature file {path}.")
        name = f"hdmea_user_feature_{path.stem}"
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise ConfigurationError(f"{path} is no Python file: its name must end in .py.")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found = self.register_module(module)
        if not found:
            raise ConfigurationError(
                f"{path} defines no feature: decorate a function with hdmea.features.extractor.extractor()."
            )
        return found

    def get(self, name: str) -> Extractor:
        """Return the extractor that has this name or alias.

        Raises
        ------
        ConfigurationError
            If there is none; with the names that are close to it.
        """
        if name in self._canonical:
            return self._by_name[self._canonical[name]]
        reason = self.why_unavailable(name)
        if reason:
            raise ConfigurationError(f"The feature {name!r} cannot be computed: {reason}.")
        close = difflib.get_close_matches(name, sorted(self._canonical), n=3, cutoff=0.6)
        advice = f"Did you mean {' or '.join(map(repr, close))}? " if close else ""
        raise ConfigurationError(
            f"There is no feature {name!r}. {advice}Features: {', '.join(sorted(self._by_name))}."
        )

    def canonical_name(self, name: str) -> str:
        """Return the canonical name for a name or alias; an unknown name as it is."""
        return self._canonical.get(name, name)

    def why_unavailable(self, name: str) -> str | None:
        """Say why a name that scripts use is no feature of this registry; None if it is, or is not known."""
        if name in self._canonical or name not in _MADE_BY_STEPS:
            return None
        return f"it is made by a step of its own, run {_MADE_BY_STEPS[name]}"


@functools.cache
def default_registry() -> Registry:
    """Return the registry of this process, with everything that is installed."""
    found = Registry()
    for info in sorted(pkgutil.iter_modules(hdmea.features.extractors.__path__), key=lambda info: info.name):
        if not info.name.startswith("_"):
            found.register_module(importlib.import_module(f"hdmea.features.extractors.{info.name}"))
    for point in entry_points(group=ENTRY_POINT_GROUP):
        try:
            _register_entry_point(found, point)
        except (ImportError, AttributeError, ConfigurationError) as error:
            logger.warning("Features of the installed package %r are left out: %s", point.value, error)
    return found


def register_file(path: str | Path) -> list[Extractor]:
    """Add the extractors of a Python file to those of this process; see `Registry.register_file`."""
    return default_registry().register_file(path)


def _register_entry_point(found: Registry, point: EntryPoint) -> None:
    value = point.load()
    if isinstance(value, Extractor):
        found.register(value)
    elif isinstance(value, ModuleType):
        found.register_module(value)
    else:
        raise ConfigurationError(
            f"the entry point {point.name!r} is neither a feature nor a module with features"
        )
