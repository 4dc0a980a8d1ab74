"""Every error that the engine raises on purpose; each message says what to do.

Files that are not there, or are there and must not be replaced, raise the builtin
`FileNotFoundError` and `FileExistsError`.
"""

from __future__ import annotations

from pathlib import Path

__all__ = [
    "CacheConflictError",
    "CheckpointError",
    "ConfigurationError",
    "DataLoadError",
    "FeatureExtractionError",
    "HDMEAError",
    "MismatchError",
    "MissingInputError",
    "SessionError",
    "StepCancelled",
    "ValidationError",
]


class HDMEAError(Exception):
    """Base of all errors of this package."""


class ConfigurationError(HDMEAError):
    """A playlist, a stimulus definition, a flow or a parameter is missing or wrong."""


class DataLoadError(HDMEAError):
    """A source file cannot be read.

    Parameters
    ----------
    message
        What is wrong, and what to do.
    file_path
        The file concerned.
    original_error
        The error below, when there was one.
    """

    def __init__(
        self,
        message: str,
        file_path: str | Path | None = None,
        original_error: BaseException | None = None,
    ) -> None:
        super().__init__(message)
        self.file_path = None if file_path is None else Path(file_path)
        self.original_error = original_error


class FeatureExtractionError(HDMEAError):
    """A feature could not be computed although its inputs are there."""


class MissingInputError(HDMEAError):
    """A step or feature lacks an input: the message names the step or file that provides it."""


class CacheConflictError(HDMEAError, FileExistsError):
    """A result is there that was made with other parameters, inputs or another version."""


class ValidationError(HDMEAError, ValueError):
    """A value is outside what its declaration allows."""


class MismatchError(HDMEAError):
    """Things that must belong together (files of a pair, movie and definition) do not."""


class SessionError(HDMEAError):
    """A session cannot do what it was asked for."""


class CheckpointError(SessionError, ValueError):
    """A file is no session file, or cannot be restored."""


class StepCancelled(HDMEAError):
    """A step was asked to stop and did; session and file are as they were before it."""
