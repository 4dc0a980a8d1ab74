"""Small text files that are written whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

__all__ = ["write_whole"]


def write_whole(path: Path, text: str, *, synced: bool = False) -> None:
    """Write a text file, UTF-8, in place of the one that exists; its folder is made if needed.

    A program that ends in the middle, a full disk, or a second window that writes the same file at the same
    time leave one complete file.

    Parameters
    ----------
    path, text
        What goes where.
    synced
        Wait until it is on the disk: for what must outlast a loss of power.

    Raises
    ------
    OSError
        If it cannot be written; what was there before is still there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
    try:
        # Created again: a link that someone put there is not followed.
        with part.open("x", encoding="utf-8") as file:
            file.write(text)
            if synced:
                file.flush()
                os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
