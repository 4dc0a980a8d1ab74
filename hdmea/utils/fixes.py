"""What a user can do about an error or a warning, as data that each front end says in its own words.

An engine does not know whether a script, a terminal or a window shows its messages. It therefore says what
happened in neutral words, and what to do with a `Fix`. Python scripts, the command line and the window have
one `Words` each.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final, Protocol

__all__ = [
    "PYTHON",
    "Advice",
    "ChooseFile",
    "ComputeAgain",
    "Each",
    "Either",
    "Fix",
    "Replace",
    "RunStep",
    "SaveAs",
    "SetParameter",
    "Words",
    "either",
    "fix_as_json",
    "fix_from_json",
    "with_fix",
]


@dataclass(frozen=True)
class RunStep:
    """Run a step, or run it again.

    Attributes
    ----------
    step
        Name of the step.
    again
        Whether it has run before and its results are to be replaced.
    feature
        Name of the feature to ask for, where the step is `extract_features`.
    """

    step: str
    again: bool = False
    feature: str = ""


@dataclass(frozen=True)
class SetParameter:
    """Give a parameter a value.

    Attributes
    ----------
    parameter
        Name of the parameter.
    step
        Step that has it; empty for the one that failed.
    value
        Value to give; None where the user has to choose.
    feature
        Name of the feature that has the parameter; empty for a parameter of the step itself.
    """

    parameter: str
    step: str = ""
    value: Any = None
    feature: str = ""


@dataclass(frozen=True)
class ChooseFile:
    """Choose the file or folder that a parameter names.

    Attributes
    ----------
    parameter
        Name of the parameter.
    step
        Step that has it; empty for the one that failed.
    """

    parameter: str
    step: str = ""


@dataclass(frozen=True)
class ComputeAgain:
    """Run the step that failed again, and replace the results that exist."""


@dataclass(frozen=True)
class SaveAs:
    """Save the session in a file of another name."""


@dataclass(frozen=True)
class Replace:
    """Allow that an existing file is replaced.

    Attributes
    ----------
    parameter
        Name of the argument that allows it.
    value
        Value of the argument that allows it.
    """

    parameter: str = "overwrite"
    value: bool | str = True


@dataclass(frozen=True)
class Advice:
    """Something to do outside of the program, or the same in every front end.

    Attributes
    ----------
    text
        A whole sentence with its full stop.
    """

    text: str


@dataclass(frozen=True)
class Either:
    """Several fixes, each of which is enough."""

    fixes: tuple[Fix, ...]


@dataclass(frozen=True)
class Each:
    """Several fixes, all of which are needed, in this order."""

    fixes: tuple[Fix, ...]


Fix = RunStep | SetParameter | ChooseFile | ComputeAgain | SaveAs | Replace | Advice | Either | Each

_KINDS: Final = {
    kind.__name__: kind
    for kind in (RunStep, SetParameter, ChooseFile, ComputeAgain, SaveAs, Replace, Advice, Either, Each)
}


class Words(Protocol):
    """How one front end speaks."""

    def fix(self, fix: Fix, step: str) -> str:
        """Return a whole sentence that says what to do.

        Parameters
        ----------
        fix
            What to do.
        step
            Name of the step that failed, empty if none did.
        """
        ...

    def parameter(self, name: str, title: str, step: str) -> str:
        """Return how a parameter is called.

        Parameters
        ----------
        name, title
            Its name in code, and its label.
        step
            Step or feature that has it, empty if none does.
        """
        ...


class _PythonWords:
    """Names of functions and arguments, as a script uses them."""

    def fix(self, fix: Fix, step: str) -> str:
        match fix:
            case RunStep(name, again=True):
                return f"Run {name} again with force=True."
            case RunStep(name, feature=feature) if feature:
                return f"Run {name} with features=({feature!r},) first."
            case RunStep(name):
                return f"Run {name} first."
            case SetParameter() if fix.feature:
                inner = f"{{{fix.parameter!r}: {'…' if fix.value is None else repr(fix.value)}}}"
                return f"Pass config_overrides={{{fix.feature!r}: {inner}}}."
            case SetParameter():
                value = "" if fix.value is None else f"={fix.value!r}"
                return f"Pass {fix.parameter}{value}{_to(fix.step, step)}."
            case ChooseFile():
                what = "folder" if fix.parameter.endswith("_dir") else "path"
                return f"Pass its {what} as {fix.parameter}{_to(fix.step, step)}."
            case ComputeAgain():
                return "Pass force=True to recompute it."
            case SaveAs():
                return "Save it under another name: session.save(path)."
            case Replace(parameter, value):
                return f"Pass {parameter}={value!r} to replace it."
            case Advice(text):
                return text
            case Either(fixes):
                return either(self.fix(each, step) for each in fixes)
            case Each(fixes):
                return " ".join(self.fix(each, step) for each in fixes)

    def parameter(self, name: str, title: str, step: str) -> str:
        return f"{name} of {step}" if step else name


PYTHON: Final[Words] = _PythonWords()
"""The words of Python scripts: what `str` of an error or a warning says."""


def _to(owner: str, step: str) -> str:
    return f" to {owner}" if owner and owner != step else ""


def either(sentences: Iterable[str]) -> str:
    """Return sentences, each of which says something to do, as one that offers the choice."""
    first, *others = (sentence.rstrip(".") for sentence in sentences)
    return ", or ".join([first, *(f"{other[:1].lower()}{other[1:]}" for other in others)]) + "."


def with_fix(message: str, fix: Fix | None, step: str, words: Words) -> str:
    """Return a message followed by what to do."""
    return message if fix is None else f"{message} {words.fix(fix, step)}".strip()


def fix_as_json(fix: Fix) -> dict[str, Any]:
    """Return a fix as values that JSON can hold."""
    if isinstance(fix, Either | Each):
        return {"kind": type(fix).__name__, "fixes": [fix_as_json(each) for each in fix.fixes]}
    return {"kind": type(fix).__name__, **asdict(fix)}


def fix_from_json(stored: Any) -> Fix | None:
    """Return the fix that `fix_as_json` stored; None for one that this version does not know."""
    if not isinstance(stored, dict):
        return None
    fields = {name: value for name, value in stored.items() if name != "kind"}
    kind = _KINDS.get(str(stored.get("kind")))
    if kind is Either or kind is Each:
        known = tuple(fix for each in fields.get("fixes", ()) if (fix := fix_from_json(each)) is not None)
        return kind(known) if known else None
    try:
        return None if kind is None else kind(**fields)
    except TypeError:
        return None
