"""Files of what is shown: written on the worker, as a drive may not answer; whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hdmea.utils.atomic import replacing
from hdmea_gui.engine.jobs import Failure

if TYPE_CHECKING:
    from hdmea_gui.engine.workspace import Workspace

__all__ = ["WritePicture", "export_key", "exported_file", "is_export", "outcome", "reasons"]

_MARK = ":export:"

_FULL = (errno.ENOSPC, errno.EDQUOT)
_GONE = (errno.ENOENT, errno.ENOTDIR)


def export_key(view: str, path: Path) -> str:
    """Return the key of a query that writes a file for a view: one for each file, so that none is dropped."""
    return f"{view}{_MARK}{path}"


def is_export(key: str, view: str) -> bool:
    """Return whether an answer is that of a file which was written for a view."""
    return key.startswith(f"{view}{_MARK}")


def exported_file(key: str) -> Path | None:
    """Return the file that a query of this key writes, None if it is no export."""
    _, mark, path = key.partition(_MARK)
    return Path(path) if mark else None


def outcome(answer: object) -> str:
    """Return what to say when a file was written, or was not."""
    return f"Not exported: {answer.reason}" if isinstance(answer, Failure) else f"Exported: {answer}"


@contextlib.contextmanager
def reasons(path: Path) -> Iterator[None]:
    """Have an error while `path` is written say which file it is about, why it failed and what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            why, advice = "the drive is full", "Free some space, or choose another folder."
        elif error.errno in _GONE:
            why, advice = "its folder is not there", "Connect the drive again, or choose another folder."
        else:
            why = error.strerror or str(error)
            advice = "Choose another folder, or close the program that uses it."
        raise OSError(f"{path} cannot be written ({why}). What was there is unchanged. {advice}") from error


@dataclass(frozen=True)
class WritePicture:
    """Write a picture.

    Attributes
    ----------
    path
        The file; an existing one is replaced.
    content
        Returns what is written, empty if there was nothing to draw; called on the worker.
    """

    path: Path
    content: Callable[[], bytes]

    def answer(self, bench: Workspace) -> Path:
        """Return the file that was written; OSError if it cannot be."""
        content = self.content()
        if not content:
            raise OSError(f"{self.path} was not written: the view is too small to be seen. Make it larger.")
        with reasons(self.path), replacing(Path(os.path.realpath(self.path))) as part:
            part.write_bytes(content)
        return self.path
