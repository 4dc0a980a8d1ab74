"""Collect the licences of everything in a package: called by the PyInstaller spec, before anything is copied.

What is in the package decides what is listed: Python packages by the modules that were taken, the libraries
inside them by `licences/libraries.json`, libraries of the system by the Debian package they came from.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import Distribution, distribution, packages_distributions
from pathlib import Path

HERE = Path(__file__).resolve().parent
COMMON = Path("/usr/share/common-licenses")

sys.path.insert(0, str(HERE.parent))

from hdmea_gui.diagnostics.licences import FOLDER, LIST, Component, component_of, components, python_component  # noqa: E402

__all__ = ["Entry", "collect", "distributions_of", "libraries_inside", "shown_licence", "system_libraries"]

# Licences that were read in the texts of Debian's packages where these do not say them for all files in a way
# that a program understands: of the library, not of the tools beside it. By package, a version left out.
_READ = {
    "libfontconfig": "MIT",
    "libbsd": "BSD-3-Clause AND BSD-2-Clause AND ISC",
    "libgcc-s": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "libgcrypt": "LGPL-2.1-or-later",
    "libgomp": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "libjpeg62-turbo": "IJG AND BSD-3-Clause AND Zlib",
    "libmd": "BSD-3-Clause AND BSD-2-Clause AND ISC",
    "libstdc++": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "libuuid": "BSD-3-Clause",
    "libxkbcommon": "MIT",
    "libxkbcommon-x11-": "MIT",
    **dict.fromkeys(("libx11-", "libx11-xcb", "libxau", "libxdmcp", "libxext", "libxrender"), "MIT"),
    **dict.fromkeys((f"libxcb-{part}" for part in ("glx", "randr", "render", "shape", "shm")), "MIT"),
    **dict.fromkeys((f"libxcb-{part}" for part in ("sync", "xfixes", "xkb")), "MIT"),
}

_TOOLS = {"pip", "pyinstaller-hooks-contrib", "setuptools"}


@dataclass(frozen=True)
class Entry:
    """A file of the package: its place there, and where it came from."""

    place: str
    source: str


@dataclass
class _Writer:
    folder: Path
    rows: list[dict[str, object]] = field(default_factory=list)

    def add(self, found: Component, texts: Sequence[Path] | None = None) -> None:
        stem = re.sub(r"[^A-Za-z0-9.+-]+", "_", found.name).strip("_")
        names = []
        for number, path in enumerate(found.texts if texts is None else texts):
            names.append(f"{stem}.{number + 1}.txt" if number else f"{stem}.txt")
            shutil.copyfile(path, self.folder / names[-1])
        row = {"name": found.name, "version": found.version, "licence": found.licence}
        self.rows.append({**row, "texts": names, "note": found.note})

    def close(self) -> list[tuple[str, str]]:
        content = json.dumps(self.rows, indent=1, ensure_ascii=False) + "\n"
        (self.folder / LIST).write_text(content, encoding="utf-8")
        return [(f"{FOLDER}/{path.name}", str(path)) for path in sorted(self.folder.iterdir())]


def collect(entries: Sequence[Entry], modules: Iterable[str], folder: Path) -> list[tuple[str, str]]:
    """Write the list and the texts into `folder`; return pairs of place in the package and file.

    Parameters
    ----------
    entries
        Libraries in the package.
    modules
        Names of the Python modules in it.
    folder
        Where to write; emptied first.

    Raises
    ------
    ValueError
        If a component has no text of its licence.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    writer = _Writer(folder)
    writer.add(components()[0])
    writer.add(python_component())
    found = [component_of(package) for package in distributions_of(modules)]
    found += [*libraries_inside(entries), *system_libraries(entries), _bootloader()]
    lgpl = (HERE / "licences" / "LGPL-3.0.txt", HERE / "licences" / "GPL-3.0.txt")
    for item in sorted(found, key=lambda item: item.name.lower()):
        writer.add(item, lgpl if not item.texts and item.licence == "LGPL-3.0-only" else None)
    _add_common_texts(writer)
    silent = [str(row["name"]) for row in writer.rows if not row["texts"]]
    if silent:
        raise ValueError(f"There is no text of the licence of {', '.join(silent)}: add it to libraries.json.")
    return writer.close()


def distributions_of(modules: Iterable[str]) -> list[Distribution]:
    """Return the installed packages to which modules belong."""
    owners = packages_distributions()
    tops = {name.partition(".")[0] for name in modules}
    names = {owner for top in tops for owner in owners.get(top, ())}
    # The kits of PySide6 share one folder.
    return [
        distribution(name) for name in sorted(names) if name.lower() not in _TOOLS and name != "hdmea-studio"
    ]


def libraries_inside(entries: Iterable[Entry]) -> list[Component]:
    """Return the libraries that came inside Python packages, as far as they are in the package."""
    sources = [entry.source.replace("\\", "/") for entry in entries]
    found = []
    for row in json.loads((HERE / "licences" / "libraries.json").read_text(encoding="utf-8")):
        pattern = re.compile(row["pattern"])
        if not any(pattern.search(source.rpartition("/")[2]) for source in sources):
            continue
        texts = tuple(path for name in row["texts"] for path in _texts_named(name))
        found.append(Component(row["name"], _version_of(row), row["licence"], texts, row.get("note", "")))
    return found


def _texts_named(name: str) -> list[Path]:
    """Return the file of this folder, or those of an installed package for ``package:file``."""
    package, _, file = name.rpartition(":")
    if not package:
        return [HERE / "licences" / name]
    files = distribution(package).files or ()
    return [Path(str(path.locate())) for path in files if path.name == file and len(path.parts) <= 3][:1]


def _version_of(row: dict[str, str]) -> str:
    if row.get("version") == "hdf5":
        import h5py

        return str(h5py.version.hdf5_version)
    return distribution(row["from"]).version if "from" in row and "version" not in row else ""


def system_libraries(entries: Iterable[Entry]) -> list[Component]:
    """Return the Debian packages from which libraries were taken; none on other systems."""
    if shutil.which("dpkg-query") is None:
        return []
    inside = (sys.prefix, sys.base_prefix + "/lib/python")
    files = {
        entry.source
        for entry in entries
        if entry.source.startswith("/usr/lib/") or "/lib/" in entry.source[:6]
    }
    packages = {name for file in files if not file.startswith(inside) for name in _owner(file)}
    packages = {name for name in packages if not re.match(r"(lib)?python3", name)}
    return [_debian_component(name) for name in sorted(packages)]


def _owner(file: str) -> list[str]:
    # Since /lib became a link into /usr, packages may own a file by its other name.
    for name in (file, file.removeprefix("/usr"), str(Path(file).resolve())):
        done = subprocess.run(["dpkg-query", "-S", name], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return [done.stdout.partition(": ")[0].split(",")[0].partition(":")[0]]
    return []


def _debian_component(package: str) -> Component:
    form = ["dpkg-query", "-W", "-f", "${source:Package}\n${source:Version}\n", package]
    source, version = subprocess.run(form, capture_output=True, text=True, check=True).stdout.split("\n")[:2]
    text = Path("/usr/share/doc") / package / "copyright"
    content = text.read_text(encoding="utf-8", errors="replace") if text.is_file() else ""
    licence = _READ.get(re.sub(r"\d+(t64)?$", "", package)) or shown_licence(content)
    note = f"A shared library of Debian's package {package}, unchanged."
    return Component(f"{source} ({package})", version, licence, (text,) if content else (), note)


def shown_licence(copyright_file: str) -> str:
    """Return the licence of a Debian package in short: that of all its files, where that is stated."""
    paragraphs = re.split(r"\n\s*\n", copyright_file)
    for paragraph in paragraphs:
        licence = re.search(r"^License:[ \t]*(\S.*)$", paragraph, re.MULTILINE)
        if licence and re.search(r"^Files:[ \t]*\*", paragraph, re.MULTILINE):
            return licence[1].strip()
    return "see the text"


def _bootloader() -> Component:
    loader = component_of(distribution("pyinstaller"))
    licence = "GPL-2.0-or-later WITH Bootloader-exception"
    note = "Starts Python; the exception allows any licence for what it starts."
    return Component("PyInstaller bootloader", loader.version, licence, loader.texts, note)


def _add_common_texts(writer: _Writer) -> None:
    """Add the licences that Debian's files only name."""
    mentioned = {
        name
        for path in writer.folder.glob("*.txt")
        for name in re.findall(
            r"common-licenses/([A-Za-z]+(?:-\d(?:\.\d)?)?)",
            path.read_text(encoding="utf-8", errors="replace"),
        )
    }
    for name in sorted(mentioned):
        if (COMMON / name).is_file():
            shutil.copyfile(COMMON / name, writer.folder / f"common-{name}.txt")
