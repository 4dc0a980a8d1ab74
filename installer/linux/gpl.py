"""Which parts of a package are under the GPL alone: ``python3 gpl.py FOLDER`` names them, then fails.

Read from ``licences.json``. An exception (of the compiler's libraries, of PyInstaller's bootloader), a choice
of another licence and the LGPL are no obstacle; a licence that nobody has read counts as one.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

__all__ = ["obstacles"]

_LIST = Path("_internal") / "licences" / "licences.json"
_UNREAD = {"", "see the text"}


def obstacles(components: list[dict[str, str]]) -> list[str]:
    """Return a line for each component that must not be in the package."""
    return [f"{item['name']}: {item['licence']}" for item in components if _is_obstacle(item["licence"])]


def _is_obstacle(licence: str) -> bool:
    parts = re.split(r"\s+and\s+", licence, flags=re.IGNORECASE)
    return licence in _UNREAD or any(_binds(part) for part in parts)


def _binds(part: str) -> bool:
    choices = re.split(r"\s+or\s+", part, flags=re.IGNORECASE)
    return all(re.match(r"\(?A?GPL", one) is not None and " with " not in one.lower() for one in choices)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    found = obstacles(json.loads((folder / _LIST).read_text(encoding="utf-8")))
    found += [str(path) for path in sorted(folder.rglob("libreadline*"))]
    sys.exit("\n".join(found) or 0)
