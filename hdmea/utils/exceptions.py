"""Every error that the engine raises on purpose; each says what happened, why, and what to do.

A message is neutral: it names things as a user reads them, and neither functions nor arguments. What to do
is a `hdmea.utils.fixes.Fix`. `str` of an error says both in the words of a Python script, `HDMEAError.text`
in those of another front end.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hdmea.utils.fixes import PYTHON, Fix, Words, with_fix

if TYPE_CHECKING:
    from hdmea.utils.validation import Problem

__all__ = [
    "CacheConflictError",
    "CheckpointError",
    "ConfigurationError",
    "DataLoadError",
    "DriveError",
    "ExistingFileError",
    "FeatureExtractionError",
    "HDMEAError",
    "MismatchError",
    "MissingFileError",
    "MissingInputError",
    "MissingStimulusError",
    "NoAccessError",
    "NotEnoughMemoryError",
    "ResultsRescuedError",
    "SessionError",
    "StepCancelled",
    "ValidationError",
]


class HDMEAError(Exception):
    """Base of all errors of this package.

    Parameters
    ----------
    message
        What happened and why, in whole sentences.
    step
        Name of the step that failed.
    parameter
        Name of the parameter whose value is the reason.
    path
        File or folder that is the reason.
    fix
        What to do.

    Attributes
    ----------
    message, step, parameter, path, fix
        As given; `path` as a `pathlib.Path`.
    """

    def __init__(
        self,
        message: str = "",
        *,
        step: str = "",
        parameter: str = "",
        path: str | Path | None = None,
        fix: Fix | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.step = step
        self.parameter = parameter
        self.path = None if path is None else Path(path)
        self.fix = fix

    def text(self, words: Words) -> str:
        """Return what happened and what to do in the words of a front end."""
        return with_fix(self.message, self.fix, self.step, words)

    def __str__(self) -> str:
        return self.text(PYTHON)


class ConfigurationError(HDMEAError):
    """A playlist, a stimulus definition, a flow or a parameter is missing or wrong."""


class DataLoadError(HDMEAError):
    """A source file cannot be read.

    Parameters
    ----------
    message
        What is wrong.
    file_path
        The file concerned.
    original_error
        The error below, when there was one.
    step, parameter, fix
        As of `HDMEAError`.
    """

    def __init__(
        self,
        message: str = "",
        file_path: str | Path | None = None,
        original_error: BaseException | None = None,
        *,
        step: str = "",
        parameter: str = "",
        fix: Fix | None = None,
    ) -> None:
        super().__init__(message, step=step, parameter=parameter, path=file_path, fix=fix)
        self.file_path = self.path
        self.original_error = original_error


class FeatureExtractionError(HDMEAError):
    """A feature could not be computed although its inputs exist."""


class MissingInputError(HDMEAError):
    """A step or feature lacks an input: the fix names the step or file that provides it."""


class MissingStimulusError(MissingInputError, ConfigurationError):
    """Nothing says what was shown, or when its trials are."""


class CacheConflictError(HDMEAError, FileExistsError):
    """A result exists that was made with other parameters, inputs or another version."""


class ExistingFileError(HDMEAError, FileExistsError):
    """A file exists that must not be replaced."""


class NotEnoughMemoryError(HDMEAError, MemoryError):
    """Something needs more memory than is free; the message says how much of both."""

    # What makes copies of errors looks it up by name, and would find that of MemoryError, which refuses.
    __new__ = HDMEAError.__new__  # type: ignore[assignment]


class MissingFileError(HDMEAError, FileNotFoundError):
    """A file or folder does not exist."""


class NoAccessError(HDMEAError, PermissionError):
    """A file or folder may not be read or written."""


class DriveError(HDMEAError, OSError):
    """The system or a drive refuses to read or write."""


class ValidationError(ConfigurationError, ValueError):
    """A value is outside what its declaration allows.

    Parameters
    ----------
    message
        What is wrong.
    problems
        Each value that is not allowed; the message is then made from them.
    step, parameter, path, fix
        As of `HDMEAError`.
    """

    def __init__(
        self,
        message: str = "",
        *,
        problems: tuple[Problem, ...] = (),
        step: str = "",
        parameter: str = "",
        path: str | Path | None = None,
        fix: Fix | None = None,
    ) -> None:
        said = message or "\n".join(problem.sentence for problem in problems)
        first = parameter or next((problem.name for problem in problems), "")
        super().__init__(said, step=step, parameter=first, path=path, fix=fix)
        self.problems = problems
        self._is_list = bool(problems) and not message

    def text(self, words: Words) -> str:
        """Return one line for each value that is not allowed, otherwise the message, and what to do."""
        if not self._is_list:
            return super().text(words)
        lines = (problem.text(words, self.step) for problem in self.problems)
        return with_fix("\n".join(lines), self.fix, self.step, words)


class UnknownUnitError(ValidationError, KeyError):
    """A unit is named that the recording does not have."""


class MismatchError(HDMEAError):
    """Things that must belong together (files of a pair, movie and definition) do not."""


class SessionError(HDMEAError):
    """A session cannot do what it was asked for."""


class ResultsRescuedError(SessionError):
    """Results could not be saved where they were asked for, and were kept elsewhere.

    Parameters
    ----------
    message
        What happened, and where they are.
    rescued
        The file that holds them.
    step, parameter, path, fix
        As of `HDMEAError`; `path` is the file that could not be written.
    """

    def __init__(
        self,
        message: str = "",
        *,
        rescued: Path = Path(),
        step: str = "",
        parameter: str = "",
        path: str | Path | None = None,
        fix: Fix | None = None,
    ) -> None:
        super().__init__(message, step=step, parameter=parameter, path=path, fix=fix)
        self.rescued = rescued


class CheckpointError(SessionError, ValueError):
    """A file is not a session file, or cannot be restored."""


class StepCancelled(HDMEAError):
    """A step was asked to stop and did; session and file are as they were before it."""
