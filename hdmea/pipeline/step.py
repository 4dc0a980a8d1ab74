"""What a step is: one declaration from which function, form, command line and provenance are made.

A step is a function ``(session, params, ctx)`` in a file of its own below `hdmea.pipeline.steps`. It reads
the session, and hands what it produces to ``ctx.put``. How steps are run is in `hdmea.pipeline.run`.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, overload

import pydantic

from hdmea.utils.exceptions import ConfigurationError, StepCancelled, ValidationError

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession

__all__ = [
    "CancelToken",
    "ProgressEvent",
    "StepContext",
    "StepDefinition",
    "StepFunction",
    "StepParams",
    "StepRun",
    "step",
]

R = TypeVar("R")
Key = tuple[str, ...]

# Twenty reports in a second are more than an eye can follow; each costs a signal and a repaint.
_REPORT_INTERVAL_S = 0.05


class StepParams(pydantic.BaseModel):
    """Base of the parameters of a step: frozen, unknown names refused.

    A field declares type, default, limits, title and description. ``json_schema_extra`` may hold
    ``unit`` (text), ``advanced`` (bool), ``affects_result`` (False for what changes only time or memory),
    ``names`` (what it names, one of `hdmea.pipeline.choices.KINDS`) and ``of_recording`` (True for what
    makes no sense for another recording).
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


@dataclass(frozen=True)
class ProgressEvent:
    """How far a running step is: `fraction` 0 … 1, and what it is doing."""

    step: str
    title: str
    fraction: float
    text: str


class CancelToken(Protocol):
    """Anything that can say that the work should stop, such as `threading.Event`."""

    def is_set(self) -> bool:
        """Return True when the work should stop."""
        ...


@dataclass
class StepRun:
    """What one run of a step did.

    `cached` says that the session is as it was: everything was there already, or what was not could not
    be made. `outcome` is what the step function returned (None if it was not called), `items` the
    parts that were computed now, `cached_items` those that were kept, `changed` the paths that were
    written, `warnings` and `information` those of this run.
    """

    definition: StepDefinition[Any]
    session: PipelineSession
    params: Any
    outcome: Any = None
    cached: bool = False
    items: tuple[str, ...] = ()
    cached_items: tuple[str, ...] = ()
    warnings: list[str] = field(default_factory=list)
    information: list[str] = field(default_factory=list)
    changed: list[Key] = field(default_factory=list)
    elapsed_seconds: float = 0.0
    hdf5_path: Path | None = None


@dataclass(frozen=True)
class StepDefinition(Generic[R]):
    """The declaration of a step; see `step` for the meaning of each part."""

    name: str
    title: str
    function: Callable[[PipelineSession, Any, StepContext], Any]
    params: type[StepParams]
    requires: tuple[str, ...]
    uses: tuple[str, ...]
    provides: tuple[str, ...]
    version: str
    positional: tuple[str, ...]
    selectors: tuple[str, ...]
    creates: bool
    inputs: Callable[[PipelineSession, Any], Iterable[Path]] | None
    items: Callable[[PipelineSession, Any], Sequence[str]] | None
    item_params: Callable[[Any, str], Any] | None
    resolve: Callable[[PipelineSession, Any], StepParams] | None
    forecast: Callable[[PipelineSession, Any], int] | None
    on_files: Mapping[str, Any]
    result: Callable[[StepRun], R]

    def make_params(self, values: Mapping[str, Any]) -> StepParams:
        """Return validated parameters.

        Raises
        ------
        ValidationError
            With one line for each value that is not allowed.
        """
        try:
            return self.params(**values)
        except pydantic.ValidationError as error:
            raise ValidationError(self._explain(error)) from None

    def _explain(self, error: pydantic.ValidationError) -> str:
        lines = []
        for problem in error.errors():
            name = ".".join(map(str, problem["loc"])) or self.name
            if problem["type"] == "extra_forbidden":
                known = ", ".join(self.params.model_fields)
                lines.append(f"{name} is no parameter of {self.name}; there are: {known}.")
            else:
                message = problem["msg"].removeprefix("Value error, ")
                lines.append(f"{name} of {self.name}: {message} (got {problem['input']!r}).")
        return "\n".join(lines)

    def result_parameters(self, params: StepParams, item: str = "") -> dict[str, Any]:
        """Return the parameters that decide an item's numbers: no selectors, nothing for speed only."""
        ignored = set(self.selectors)
        for name, info in self.params.model_fields.items():
            extra = info.json_schema_extra
            if isinstance(extra, Mapping) and extra.get("affects_result") is False:
                ignored.add(name)
        shared = params.model_dump(mode="json", exclude=ignored)
        return (
            shared
            if self.item_params is None or not item
            else {**shared, "item": self.item_params(params, item)}
        )


class StepContext:
    """How a running step reports, is stopped, and hands over what it produced.

    Attributes
    ----------
    items
        The parts to compute now, for a step that declares items.
    workers
        Number of threads to use, at least 1.
    warnings
        What the step warned of.
    information
        What the step has to say that is not wrong.
    definition
        The step that runs.
    """

    def __init__(
        self,
        definition: StepDefinition[Any],
        *,
        items: tuple[str, ...] = (),
        workers: int = 1,
        progress: Callable[[ProgressEvent], None] | None = None,
        cancel: CancelToken | None = None,
    ) -> None:
        self.items = items
        self.workers = workers
        self.warnings: list[str] = []
        self.information: list[str] = []
        self.outputs: dict[Key, Any] = {}
        self.removed: list[Key] = []
        self.skipped: set[str] = set()
        self.definition = definition
        self._progress = progress
        self._cancel = cancel
        self._last_report = 0.0

    def checkpoint(self, fraction: float, text: str = "") -> None:
        """Report progress, and stop here if that was asked for.

        Parameters
        ----------
        fraction
            Part of the work that is done, 0 … 1.
        text
            What is being done, in a few words.

        Raises
        ------
        StepCancelled
            If the step was asked to stop.
        """
        if self._cancel is not None and self._cancel.is_set():
            raise StepCancelled(f"{self.definition.title} was stopped; nothing of it was kept.")
        if self._progress is None:
            return
        now = time.monotonic()
        if fraction <= 0 or fraction >= 1 or now - self._last_report >= _REPORT_INTERVAL_S:
            self._last_report = now
            event = ProgressEvent(self.definition.name, self.definition.title, min(fraction, 1.0), text)
            self._progress(event)

    def warn(self, message: str) -> None:
        """Tell the person something: in the session's warnings, the result and the log."""
        if message not in self.warnings:
            self.warnings.append(message)

    def inform(self, message: str) -> None:
        """Tell the user something that is not wrong: in `session.information` and the step's provenance."""
        if message not in self.information:
            self.information.append(message)

    def skip(self, item: str) -> None:
        """Say that an item was not produced: it does not count as done, and is tried again next time."""
        self.skipped.add(item)

    def put(self, value: Any, *path: str) -> None:
        """Hand over a result for `path`, e.g. ``put(array, "stimulus", "section_time", movie)``.

        It becomes part of the session when the step ends well. An array must not be changed afterwards.
        """
        self._check(path)
        self.outputs[path] = value

    def remove(self, *path: str) -> None:
        """Have what is at `path` removed when the step ends well; nothing happens if it is not there."""
        self._check(path)
        self.removed.append(path)

    @staticmethod
    def _check(path: Key) -> None:
        if len(path) < 2 or path[0] not in {"units", "metadata", "stimulus", "source_files"}:
            raise ValueError(f"{path} is no place in a session: it starts with units, metadata, stimulus …")


class StepFunction(Generic[R]):
    """The public function of a step: on a file, or on a session.

    With ``session=`` the results go into that session, which is returned. With ``hdf5_path=`` (or source
    paths) the file is written when the call returns, and the documented result is returned. With
    ``defer_save=True`` a new session that holds the data is returned and nothing is written.
    """

    def __init__(self, definition: StepDefinition[R]) -> None:
        from hdmea.pipeline._signature import docstring, signature

        self.definition = definition
        self.__name__ = self.__qualname__ = definition.name
        self.__module__ = definition.function.__module__
        self.__signature__ = signature(definition)
        self.__doc__ = docstring(definition)

    @overload
    def __call__(self, *args: Any, session: PipelineSession, **kwargs: Any) -> PipelineSession: ...
    @overload
    def __call__(self, *args: Any, session: None = None, **kwargs: Any) -> R: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the step; see the class and `__doc__` of the function."""
        from hdmea.pipeline.calls import call_step

        bound = self.__signature__.bind(*args, **kwargs)
        return call_step(self.definition, dict(bound.arguments))

    def __repr__(self) -> str:
        return f"<step {self.definition.name}{self.__signature__}>"

    def __reduce__(self) -> tuple[Callable[[str], StepFunction[Any]], tuple[str]]:
        return get_step, (self.definition.name,)


_registry: dict[str, StepFunction[Any]] = {}


def step(
    name: str,
    *,
    title: str,
    params: type[StepParams],
    result: Callable[[StepRun], R],
    requires: Sequence[str] = (),
    uses: Sequence[str] = (),
    provides: Sequence[str] = (),
    version: str = "1",
    positional: Sequence[str] = (),
    selectors: Sequence[str] = (),
    creates: bool = False,
    inputs: Callable[[PipelineSession, Any], Iterable[Path]] | None = None,
    items: Callable[[PipelineSession, Any], Sequence[str]] | None = None,
    item_params: Callable[[Any, str], Any] | None = None,
    resolve: Callable[[PipelineSession, Any], StepParams] | None = None,
    forecast: Callable[[PipelineSession, Any], int] | None = None,
    on_files: Mapping[str, Any] | None = None,
) -> Callable[[Callable[[PipelineSession, Any, StepContext], Any]], StepFunction[R]]:
    """Declare a step.

    Parameters
    ----------
    name
        Name of the public function, of the step in the file and on the command line.
    title
        What the person sees.
    params
        Model of the parameters.
    result
        Makes the documented result of the public function on a file from a `StepRun`.
    requires
        Steps that must be complete.
    uses
        Steps whose results are used where they are there; a rerun of one makes this step stale.
    provides
        What the step adds to the session, for people.
    version
        Raised when the numbers that the step produces change.
    positional
        Parameters that may be given by position, after ``hdf5_path``.
    selectors
        Parameters that only choose which items are computed.
    creates
        The step starts a recording: its public function has no ``hdf5_path``, but ``output_dir``.
    inputs
        Files that decide the result.
    items
        Independent parts of the result (movies, features) that are kept or recomputed one by one.
    item_params
        What decides one item's numbers beside the parameters that are no selectors, as JSON-able data.
    resolve
        Replaces parameters that were left to a default of the recording by what they stand for, so that
        leaving them out and naming them is the same request.
    forecast
        How many bytes the whole result will take in the session. It is asked before the step can run as
        well, and may raise MissingInputError, or another error of the package, where that is not known yet.
    on_files
        Values of parameters that a call without a session takes in place of their defaults: what earlier
        scripts get.
    """

    def register(function: Callable[[PipelineSession, Any, StepContext], Any]) -> StepFunction[R]:
        definition = StepDefinition(
            name=name,
            title=title,
            function=function,
            params=params,
            requires=tuple(requires),
            uses=tuple(uses),
            provides=tuple(provides),
            version=version,
            positional=tuple(positional),
            selectors=tuple(selectors),
            creates=creates,
            inputs=inputs,
            items=items,
            item_params=item_params,
            resolve=resolve,
            forecast=forecast,
            on_files=on_files or {},
            result=result,
        )
        _registry[name] = public = StepFunction(definition)
        return public

    return register


def all_steps() -> dict[str, StepFunction[Any]]:
    """Return every registered step by name; those of the package are found in `hdmea.pipeline.steps`."""
    importlib.import_module("hdmea.pipeline.steps").discover()
    return dict(_registry)


def get_step(name: str) -> StepFunction[Any]:
    """Return the step called `name`; ConfigurationError with the known names if there is none."""
    steps = all_steps()
    if name not in steps:
        import difflib

        close = difflib.get_close_matches(name, steps, 1)
        advice = f"Did you mean {close[0]!r}? " if close else ""
        raise ConfigurationError(f"There is no step {name!r}. {advice}Steps: {', '.join(sorted(steps))}.")
    return steps[name]
