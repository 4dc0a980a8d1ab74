"""Write what of a lock is needed on Windows, for pip on another system.

    python wheels.py LOCK >requirements.txt

pip judges markers such as ``sys_platform == 'win32'`` by the system it runs on, also when it downloads for
another. This judges them for a 64-bit Windows, keeps the hashes and leaves no marker.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from pip._vendor.packaging.markers import Marker

__all__ = ["WINDOWS", "for_windows"]

WINDOWS = {
    "os_name": "nt",
    "platform_machine": "AMD64",
    "platform_python_implementation": "CPython",
    "platform_system": "Windows",
    "python_full_version": "3.11.9",
    "python_version": "3.11",
    "sys_platform": "win32",
}

_ENTRY = re.compile(
    r"^(?P<pin>[^\s;#]+==[^\s;]+)(?: ; (?P<marker>[^\\\n]+?))?(?P<hashes>(?: \\\n +--hash=\S+)+)$", re.M
)


def for_windows(lock: str) -> str:
    """Return the entries of a lock that are wanted on Windows.

    Raises
    ------
    ValueError
        If an entry has no hash.
    """
    entries = list(_ENTRY.finditer(lock))
    named = re.findall(r"^[^\s#-]\S*", lock, re.M)
    if len(entries) != len(named):
        lost = set(named) - {entry["pin"] for entry in entries}
        raise ValueError(f"no version or hash: {', '.join(sorted(lost))}")
    wanted = [entry for entry in entries if not entry["marker"] or Marker(entry["marker"]).evaluate(WINDOWS)]
    return "".join(f"{entry['pin']}{entry['hashes']}\n" for entry in wanted)


if __name__ == "__main__":
    sys.stdout.write(for_windows(Path(sys.argv[1]).read_text(encoding="utf-8")))
