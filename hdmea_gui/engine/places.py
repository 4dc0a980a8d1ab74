"""What file dialogs ask of folders and files: those may lie on a drive that does not answer any more."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from pathlib import Path

from hdmea_gui.engine.file_lookup import answer_of, ask_beside

__all__ = ["PATIENCE_S", "file_start", "first_folder", "folder_start", "is_folder", "is_there"]

logger = logging.getLogger(__name__)

PATIENCE_S = 1.0
"""How long a dialog waits for the drive of the folder that it is to begin in."""

_silent: dict[Path, Future[bool]] = {}
"""Questions that were not answered in time: as long as they are not, they are not asked again."""


def is_folder(folder: Path) -> bool:
    """Return whether a folder is there; False if its drive does not answer within `PATIENCE_S`."""
    return _answer(os.path.isdir, folder)


def is_there(path: Path) -> bool:
    """Return whether a file or folder is there; False if its drive does not answer within `PATIENCE_S`."""
    return _answer(os.path.exists, path)


def first_folder(folders: Iterable[Path | None]) -> Path:
    """Return the first of these folders that is there, else the home folder."""
    return next((folder for folder in folders if folder is not None and is_folder(folder)), Path.home())


def folder_start(folder: str) -> str:
    """Return a folder where a dialog can begin: this one, else the home folder; empty if nothing is given."""
    return str(first_folder([Path(folder)])) if folder else ""


def file_start(proposed: Path) -> Path:
    """Return a file that a dialog can propose: of this name, in the home folder if its own is not there."""
    return proposed if is_folder(proposed.parent) else Path.home() / proposed.name


def _answer(question: Callable[[Path], bool], path: Path) -> bool:
    before = _silent.get(path)
    if before is not None and not before.done():
        return False
    answer = ask_beside(lambda: question(path))
    try:
        found = answer_of(answer, PATIENCE_S)
    except TimeoutError:
        logger.info("%s does not answer; it is taken as not there.", path)
        _silent[path] = answer
        return False
    _silent.pop(path, None)
    return found
