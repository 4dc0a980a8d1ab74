"""Warnings: texts for scripts that keep their fields for the window, also through a result file."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterable
from typing import Any

from hdmea.utils.exceptions import (
    DriveError,
    ExistingFileError,
    HDMEAError,
    MissingFileError,
    NoAccessError,
)
from hdmea.utils.fixes import PYTHON, Advice, Fix, Words, fix_as_json, fix_from_json, with_fix

__all__ = [
    "Notice",
    "detail_of",
    "fix_of",
    "log_text",
    "notices_as_json",
    "notices_from_json",
    "of_system",
    "reason_of",
    "said",
    "told",
    "with_fixes",
]


class Notice(str):
    """Something that a user should know, and what to do about it.

    It is a text like any other for scripts and files, in the words of Python.

    Parameters
    ----------
    message
        What happened and why, in whole sentences without names of functions and arguments.
    fix
        What to do.
    step
        Name of the step that says it.

    Attributes
    ----------
    message, fix, step
        As given.
    """

    message: str
    fix: Fix | None
    step: str

    def __new__(cls, message: str, *, fix: Fix | None = None, step: str = "") -> Notice:
        """Make the text."""
        return cls._with_text(with_fix(message, fix, step, PYTHON), message, fix, step)

    @classmethod
    def _with_text(cls, text: str, message: str, fix: Fix | None, step: str) -> Notice:
        notice = str.__new__(cls, text)
        notice.message, notice.fix, notice.step = message, fix, step
        return notice

    def text(self, words: Words) -> str:
        """Return the message and what to do in the words of a front end."""
        return with_fix(self.message, self.fix, self.step, words)

    def __reduce__(self) -> tuple[Any, ...]:
        return Notice._with_text, (str(self), self.message, self.fix, self.step)


_REASONS = {
    errno.EACCES: "access is not permitted",
    errno.EPERM: "access is not permitted",
    errno.EROFS: "the drive is read-only",
    errno.ENAMETOOLONG: "the name is too long",
    errno.ENOSPC: "the drive is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file is larger than the drive or the account allows",
    errno.ENOTDIR: "a part of its path is a file, not a folder",
    errno.EISDIR: "it is a folder",
    errno.ELOOP: "it is a link that leads to itself",
    errno.EEXIST: "a file of that name is in the way",
    errno.ENOENT: "it does not exist",
    errno.EIO: "the drive reports an error",
    errno.ENODEV: "the drive is not connected",
    errno.ENXIO: "the drive is not connected",
    errno.ETIMEDOUT: "the drive does not respond",
    errno.EMFILE: "too many files are open",
}


_NO_SPACE = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


def reason_of(error: OSError) -> str:
    """Return why the system refused something, without the name of the file."""
    if error.errno is None:
        return str(error)
    return _REASONS.get(error.errno) or error.strerror or os.strerror(error.errno)


def fix_of(error: OSError) -> Fix:
    """Return what to do about what the system refused."""
    if error.errno == errno.ENAMETOOLONG:
        return Advice("Choose a shorter name, or a folder with a shorter path.")
    if error.errno in _NO_SPACE:
        return Advice("Free some space, or choose another drive.")
    return Advice("Check the path, the permissions and the connection of the drive.")


def detail_of(error: BaseException) -> str:
    """Return what HDF5 or the system said, in parentheses; what Python says of values is for programmers."""
    if isinstance(error, HDMEAError) or not isinstance(error, OSError | RuntimeError):
        return ""
    said = reason_of(error) if isinstance(error, OSError) else str(error)
    return f" ({said})" if said else ""


def of_system(error: OSError, what: str) -> HDMEAError:
    """Return the error of ours for one of the system, of the same kind where there is one.

    Parameters
    ----------
    error
        What the system said.
    what
        What failed, without a full stop.
    """
    kinds: dict[type[OSError], type[HDMEAError]] = {
        FileNotFoundError: MissingFileError,
        FileExistsError: ExistingFileError,
        PermissionError: NoAccessError,
        OSError: DriveError,
    }
    kind = next(ours for theirs, ours in kinds.items() if isinstance(error, theirs))
    path = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else None
    text = f"{what}: {f'{path}: ' if path else ''}{reason_of(error)}."
    return kind(text, path=path, fix=fix_of(error))


def said(what: object, words: Words) -> str:
    """Return an error or a warning in the words of a front end; anything else as a text."""
    if isinstance(what, Notice | HDMEAError):
        return what.text(words)
    if isinstance(what, OSError) and what.errno is not None and isinstance(what.filename, str | bytes):
        text = f"{os.fsdecode(what.filename)}: {reason_of(what)}."
        return with_fix(text, fix_of(what), "", words)
    if isinstance(what, MemoryError):
        more = f" ({what})" if str(what) else ""
        return f"There is not enough free memory{more}. Save, close other programs, and try again."
    return str(what)


def told(error: BaseException | None, words: Words) -> str:
    """Return why something failed as a sentence, also for an error that nobody expected."""
    if isinstance(error, HDMEAError | OSError | MemoryError):
        return said(error, words)
    return (
        f"An unexpected error occurred ({type(error).__name__}: {error}). If a file may be damaged, try "
        "another copy of it; otherwise report the error with its details."
    )


def log_text(record: logging.LogRecord, words: Words) -> str:
    """Return the message of a log record, with the errors and warnings in it in the words of a front end."""
    if not isinstance(record.args, tuple) or not any(isinstance(a, Notice | HDMEAError) for a in record.args):
        return record.getMessage()
    args = (said(a, words) if isinstance(a, Notice | HDMEAError) else a for a in record.args)
    return str(record.msg) % tuple(args)


def notices_as_json(notices: Iterable[str]) -> list[Any]:
    """Return warnings as JSON-able values: those without a fix as plain texts."""
    return [_stored(notice) for notice in notices]


def with_fixes(texts: Iterable[str], notices: Iterable[str]) -> list[str]:
    """Return warnings that were stored as texts, with the fields of those `notices` that say the same."""
    known = {str(notice): notice for notice in notices}
    return [known.get(text, text) for text in texts]


def _stored(notice: str) -> Any:
    if not isinstance(notice, Notice) or notice.fix is None:
        return str(notice)
    return {
        "text": str(notice),
        "message": notice.message,
        "step": notice.step,
        "fix": fix_as_json(notice.fix),
    }


def notices_from_json(stored: Iterable[Any]) -> list[str]:
    """Return the warnings that `notices_as_json` stored."""
    return [_restored(entry) for entry in stored]


def _restored(entry: Any) -> str:
    if not isinstance(entry, dict):
        return str(entry)
    text, fix = str(entry.get("text", "")), fix_from_json(entry.get("fix"))
    if fix is None:
        return text
    return Notice._with_text(text, str(entry.get("message", "")), fix, str(entry.get("step", "")))
