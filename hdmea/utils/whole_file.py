"""Small files that are written whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["whole_file", "write_whole"]


@contextmanager
def whole_file(path: Path, *, synced: bool = False) -> Iterator[BinaryIO]:
    """Yield a file that takes the place of the one that exists; its folder is made if needed.

    A program that ends in the middle, a full disk, or a second window that writes the same file at the same
    time leave one complete file.

    Parameters
    ----------
    path
        Where it goes.
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
        with part.open("xb") as file:
            yield file
            if synced:
                file.flush()
                os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_whole(path: Path, text: str, *, synced: bool = False) -> None:
    """Write a text file, UTF-8, as `whole_file` does.

    Raises
    ------
    OSError
        If it cannot be written; what was there before is still there.
    """
    with whole_file(path, synced=synced) as file:
        file.write(text.encode("utf-8", "surrogateescape"))
