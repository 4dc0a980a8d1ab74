"""Pages and folders shown by other programs: the browser, the file manager."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices

__all__ = ["open_outside"]

_LIBRARIES = "LD_LIBRARY_PATH"


def open_outside(url: QUrl) -> bool:
    """Have the program for it show a page or a folder; return False if there is none."""
    with _libraries_of_the_system():
        return QDesktopServices.openUrl(url)


@contextmanager
def _libraries_of_the_system() -> Iterator[None]:
    """Have programs started inside find their own libraries.

    A package for Linux names its libraries in the environment, first for whatever is started from it; a
    browser that is newer than them would break down.
    """
    inside = os.environ.get(_LIBRARIES)
    if inside is None or not getattr(sys, "frozen", False):
        yield
        return
    before = os.environ.get(f"{_LIBRARIES}_ORIG")
    if before is None:
        del os.environ[_LIBRARIES]
    else:
        os.environ[_LIBRARIES] = before
    try:
        yield
    finally:
        os.environ[_LIBRARIES] = inside
