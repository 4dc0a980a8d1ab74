"""Which C library a folder of programs and libraries needs: ``python3 glibc.py FOLDER`` prints its version.

The newest version of a symbol that a file asks for decides, not the version on the machine that builds.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

__all__ = ["needed"]

_SYMBOL = re.compile(rb"\0GLIBC_(\d+)\.(\d+)(?:\.\d+)?(?=\0)")


def needed(folder: Path) -> tuple[int, int]:
    """Return the newest version of glibc that a file in `folder` names; (2, 17) at least."""
    newest = (2, 17)
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        content = path.read_bytes()
        if content.startswith(b"\x7fELF"):
            newest = max([newest, *((int(a), int(b)) for a, b in _SYMBOL.findall(content))])
    return newest


if __name__ == "__main__":
    print("{}.{}".format(*needed(Path(sys.argv[1]))))
