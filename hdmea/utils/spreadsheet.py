"""Tables as CSV files that spreadsheets open as they are meant."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

__all__ = ["write_csv"]


def write_csv(path: Path, titles: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table: commas between the cells, a point in numbers, UTF-8; whole or not at all.

    Parameters
    ----------
    path
        The file; an existing one is replaced.
    titles
        First row.
    rows
        All others.

    Raises
    ------
    OSError
        If it cannot be written; what was there before is still there.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        # The byte order mark tells spreadsheets that µ is UTF-8.
        with part.open("w", newline="", encoding="utf-8-sig") as file:
            writer = csv.writer(file)
            writer.writerow(titles)
            writer.writerows(rows)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
