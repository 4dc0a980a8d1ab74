"""The compiler of the kernels is read from the disk before it is loaded."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from pathlib import Path

__all__ = ["compiler_files", "read_compiler"]

_BLOCK = 1 << 20
_SUFFIXES = {".so", ".dll", ".dylib"}


def compiler_files() -> list[Path]:
    """Return the libraries of llvmlite, without importing it."""
    found = importlib.util.find_spec("llvmlite")
    folders = [] if found is None else list(found.submodule_search_locations or ())
    inside = (path for folder in folders for path in Path(folder, "binding").glob("*"))
    return [path for path in inside if path.suffix in _SUFFIXES]


def read_compiler() -> None:
    """Have the compiler in the memory of the operating system before the first step imports it.

    No other thread runs while a library is loaded: with these 180 MB still on the disk, the window would
    be blocked for a tenth of a second and more. Reading them does not block anything.
    """
    if "llvmlite" in sys.modules:
        return
    block = bytearray(_BLOCK)
    for path in compiler_files():
        # Whoever imports it says what is wrong with it.
        with contextlib.suppress(OSError), path.open("rb", buffering=0) as file:
            while file.readinto(block):
                pass
