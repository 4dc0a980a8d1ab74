"""When windows were shown and usable: ``python3 starts.py REPORTS`` prints rows of a table."""

from __future__ import annotations

import json
import sys
from pathlib import Path

__all__ = ["row"]


def row(report: Path) -> str:
    """Return one row for a report of the self-test."""
    start = json.loads(report.read_text(encoding="utf-8"))["start"]
    shown, computed, usable = (start.get(name, float("nan")) for name in ("shown", "computed", "usable"))
    return f"| {report.stem} | {shown:.2f} s | {computed:.2f} s | {usable:.2f} s |"


if __name__ == "__main__":
    for path in sorted(Path(sys.argv[1]).glob("*.json")):
        print(row(path))
