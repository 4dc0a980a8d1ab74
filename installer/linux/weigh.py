"""What weighs what in a one-folder build: ``python3 weigh.py FOLDER`` prints a table.

``python3 weigh.py FOLDER --json`` prints megabytes by name.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from pathlib import Path

__all__ = ["group_of", "weigh"]

# The executable holds the archive with all modules that are pure Python.
PYTHON = "Python, and the archive of modules"

# To what a file in _internal belongs: the first that fits.
_GROUPS = (
    ("numba and LLVM (compiled functions)", r"(numba|llvmlite)/"),
    ("Arrow (Parquet tables)", r"pyarrow/|libarrow|libparquet"),
    ("ICU (Unicode, for Qt)", r"(.*/)?(libicu|icu\w*[.]dll)"),
    ("Qt and PySide6", r"PySide6|shiboken6|libQt6|Qt6"),
    (
        "matplotlib (publication figures)",
        r"(matplotlib|mpl_toolkits|PIL|pillow[.]libs|fontTools|contourpy|kiwisolver)/",
    ),
    ("NWB files", r"(pynwb|hdmf)/"),
    ("scipy", r"scipy"),
    ("numpy", r"numpy"),
    ("pandas", r"(pandas|tzdata)"),
    ("HDF5 and h5py", r"h5py"),
    ("pydantic", r"pydantic"),
    ("pyqtgraph", r"pyqtgraph"),
    ("licences", r"licences/"),
    ("own resources and compiled modules", r"(resources|hdmea|hdmea_gui)/"),
    (PYTHON, r"libpython|python3|base_library|lib-dynload"),
    ("libraries of the system", r"lib[^/]+[.]so"),
)


def group_of(place: str) -> str:
    """Return to what a file belongs, by its path in the folder."""
    if "/" not in place:
        return PYTHON
    inner = place.removeprefix("_internal/")
    return next((name for name, pattern in _GROUPS if re.match(pattern, inner)), "other")


def weigh(folder: Path) -> dict[str, float]:
    """Return megabytes (10⁶ bytes) by group, the heaviest first."""
    sizes: Counter[str] = Counter()
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            sizes[group_of(path.relative_to(folder).as_posix())] += path.stat().st_size
    return {name: round(size / 1e6, 1) for name, size in sizes.most_common()}


def main(arguments: list[str]) -> None:
    """Print the weights."""
    found = weigh(Path(arguments[0]))
    if "--json" in arguments:
        print(json.dumps(found))
        return
    total = sum(found.values())
    for name, size in {**found, "all": total}.items():
        print(f"| {name:<40} | {size:7.1f} MB | {size / total:6.1%} |")


if __name__ == "__main__":
    main(sys.argv[1:])
