"""The licences of this program and of everything it comes with.

A packaged program carries a folder ``licences`` with ``licences.json`` and the texts, written when the
package was made; elsewhere the installed packages are asked.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.metadata import Distribution

__all__ = [
    "Component",
    "LicencesError",
    "component_of",
    "components",
    "python_component",
    "read_collected",
]

FOLDER = "licences"
LIST = "licences.json"

_ROOT = "hdmea-studio"
_EXTRAS = {"gui", "excel", "figures", "nwb", "parquet"}
_QT_NOTE = (
    "Used under the GNU Lesser General Public License, version 3. Qt and PySide6 are shared libraries in "
    "the folder PySide6: you may replace them with your own build of the same version."
)
_NOTES = {"pyside6-essentials": _QT_NOTE, "shiboken6": _QT_NOTE}
_CHOSEN = {"pyside6-essentials": "LGPL-3.0-only", "shiboken6": "LGPL-3.0-only"}
_TEXT = re.compile(r"(licen[cs]e|copying|notice|authors)", re.IGNORECASE)


class LicencesError(Exception):
    """What is shipped cannot be read; the message says why and what to do."""


@dataclass(frozen=True)
class Component:
    """A part of the program and the terms of its use.

    Attributes
    ----------
    name, version
        As its makers call it; the version is empty where they do not state one.
    licence
        Short name of the licence, an SPDX expression where one is known.
    texts
        Files with the text of the licence; none if the makers ship none.
    note
        What else a user should know.
    """

    name: str
    version: str
    licence: str
    texts: tuple[Path, ...] = ()
    note: str = ""

    def text(self) -> str:
        """Return the text of the licence, empty if there is none.

        Raises
        ------
        OSError
            If a file with it is gone or cannot be read.
        """
        parts = [path.read_text(encoding="utf-8", errors="replace") for path in self.texts]
        return "\n\n".join(part.strip("\n") for part in parts)


def components() -> tuple[Component, ...]:
    """Return every part of the program: itself, Python, then libraries by name.

    Reads files: ask when somebody wants to see it, not at the start.
    """
    frozen = getattr(sys, "_MEIPASS", None)
    if frozen is not None and (Path(frozen) / FOLDER / LIST).is_file():
        return read_collected(Path(frozen) / FOLDER)
    root, *others = _installed()
    return (root, python_component(), *sorted(others, key=lambda found: found.name.lower()))


def read_collected(folder: Path) -> tuple[Component, ...]:
    """Return the components that ``licences.json`` in a folder lists.

    Raises
    ------
    LicencesError
        If the list is damaged.
    OSError
        If it cannot be read.
    """
    try:
        return tuple(map(partial(_listed, folder), json.loads((folder / LIST).read_text(encoding="utf-8"))))
    except (ValueError, TypeError, KeyError) as error:
        raise LicencesError(
            f"The file {folder / LIST} is damaged. Install the program again; the texts of the licences are "
            f"in {folder}."
        ) from error


def _listed(folder: Path, item: Any) -> Component:
    words = [item[name] for name in ("name", "version", "licence", "note")]
    texts = item["texts"]
    if not (isinstance(texts, list) and all(isinstance(word, str) for word in (*words, *texts))):
        raise TypeError("an entry is not text")
    name, version, licence, note = words
    return Component(name, version, licence, tuple(folder / text for text in texts), note)


def component_of(distribution: Distribution) -> Component:
    """Return what an installed package says about itself."""
    name = distribution.metadata["Name"]
    key = _key(name)
    files = [path for path in distribution.files or () if _TEXT.search(path.name)]
    inside = [path for path in files if path.parts[0].endswith(".dist-info")]
    texts = (Path(str(distribution.locate_file(path))) for path in sorted(inside or files))
    return Component(
        name,
        distribution.version,
        _CHOSEN.get(key) or _licence_of(distribution),
        tuple(path for path in texts if path.is_file()),
        _NOTES.get(key, ""),
    )


def python_component() -> Component:
    """Return the interpreter."""
    import os
    import platform

    library = Path(os.__file__).parent
    places = (library / "LICENSE.txt", library.parent / "LICENSE.txt", Path(sys.base_prefix) / "LICENSE.txt")
    texts = tuple(path for path in places if path.is_file())[:1]
    return Component("Python", platform.python_version(), "PSF-2.0", texts)


def _installed() -> list[Component]:
    """Return the program and what it needs, as far as it is installed; the program first."""
    from importlib.metadata import PackageNotFoundError, distribution

    from hdmea._version import __version__

    packages: dict[str, Distribution] = {}
    waiting = [_ROOT]
    while waiting:
        key = _key(waiting.pop())
        if key in packages:
            continue
        try:
            packages[key] = distribution(key)
        except PackageNotFoundError:
            # Needed on another system only.
            continue
        waiting += _needs(packages[key].requires or (), _EXTRAS if key == _ROOT else set())
    own = packages.pop(_ROOT, None)
    checkout = Path(__file__).resolve().parents[2] / "LICENSE"
    texts = (checkout,) if checkout.is_file() else component_of(own).texts if own is not None else ()
    program = Component("HD-MEA Studio", __version__, "MIT", texts)
    return [program, *(component_of(package) for package in packages.values())]


def _needs(requirements: Iterable[str], extras: set[str]) -> list[str]:
    """Return the names in requirements, without those of extras that were not asked for."""
    names = []
    for requirement in requirements:
        wanted, _, marker = requirement.partition(";")
        extra = re.search(r"extra\s*==\s*['\"]([^'\"]+)", marker)
        name = re.match(r"\s*([A-Za-z0-9._-]+)", wanted)
        if name is not None and (extra is None or extra[1] in extras):
            names.append(name[1])
    return names


def _licence_of(distribution: Distribution) -> str:
    metadata = distribution.metadata
    stated = next((str(metadata[name]) for name in ("License-Expression", "License") if name in metadata), "")
    classifiers: list[str] = metadata.get_all("Classifier") or []
    classified = [line.split(" :: ")[-1] for line in classifiers if line.startswith("License :: ")]
    if not stated or "\n" in stated or len(stated) > 120:
        stated = classified[-1] if classified else ""
    return stated.strip() or "see the text"


def _key(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
