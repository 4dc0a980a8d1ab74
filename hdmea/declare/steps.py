"""What a step is: one declaration from which function, form, command line and provenance are made.

A step is a function ``(session, params, ctx)`` in a file of its own. It reads the session, and hands what it
produces to ``ctx.put``. How steps are run is in `hdmea.pipeline.run`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from hdmea.declare.outputs import Output, with_limits
from hdmea.declare.parameters import Params, field_extra, make_params
from hdmea.declare.registry import Registry

__all__ = ["STEPS", "StepDefinition", "StepParams", "all_steps", "calls_go_to", "get_step", "step"]

R = TypeVar("R")


class StepParams(Params):
    """Base of the parameters of a step; see `Params`."""


@dataclass(frozen=True)
class StepDefinition(Generic[R]):
    """The declaration of a step; see `step` for the meaning of each part."""

    name: str
    title: str
    function: Callable[[Any, Any, Any], Any]
    params: type[StepParams]
    requires: tuple[str, ...]
    uses: tuple[str, ...]
    provides: tuple[str, ...]
    outputs: tuple[Output, ...]
    outputs_at: str
    group: str
    group_title: str
    version: str
    positional: tuple[str, ...]
    selectors: tuple[str, ...]
    creates: bool
    inputs: Callable[[Any, Any], Iterable[Path]] | None
    items: Callable[[Any, Any], Sequence[str]] | None
    item_params: Callable[[Any, str], Any] | None
    resolve: Callable[[Any, Any], StepParams] | None
    forecast: Callable[[Any, Any], int] | None
    working_nbytes: int
    on_files: Mapping[str, Any]
    on_calls: Mapping[str, Any]
    refusals: tuple[type[Exception], ...]
    result: Callable[[Any], R]

    @property
    def module(self) -> str:
        """Name of the module that declares it."""
        return self.function.__module__

    @property
    def summary(self) -> str:
        """First paragraph of the function's docstring, on one line."""
        return " ".join((self.function.__doc__ or self.title).strip().split("\n\n")[0].split())

    def make_params(self, values: Mapping[str, Any]) -> StepParams:
        """Return validated parameters; ValidationError with a line for each value that is not allowed."""
        return make_params(self.params, values, self.name)

    def needs_values(self) -> bool:
        """Return whether a parameter has no default, so that the step cannot run unless a user says it."""
        return any(info.is_required() for info in self.params.model_fields.values())

    def result_parameters(self, params: StepParams, item: str = "") -> dict[str, Any]:
        """Return the parameters that decide an item's numbers: no selectors, nothing for speed only."""
        ignored = set(self.selectors)
        for name, info in self.params.model_fields.items():
            if field_extra(info).get("affects_result") is False:
                ignored.add(name)
        shared = params.model_dump(mode="json", exclude=ignored)
        if self.item_params is None or not item:
            return shared
        return {**shared, "item": self.item_params(params, item)}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the step as its public function does: on a file, or on a session."""
        if not _callers:
            raise RuntimeError("Nothing runs steps yet: import hdmea.pipeline first.")
        return _callers[-1](self, args, kwargs)

    def __reduce__(self) -> tuple[Callable[[str], StepDefinition[Any]], tuple[str]]:
        return get_step, (self.name,)


_callers: list[Callable[[StepDefinition[Any], tuple[Any, ...], dict[str, Any]], Any]] = []


def calls_go_to(caller: Callable[[StepDefinition[Any], tuple[Any, ...], dict[str, Any]], Any]) -> None:
    """Say what runs a step that is called; `hdmea.pipeline` does, as declarations know no caller."""
    _callers[:] = [caller]


STEPS: Registry[StepDefinition[Any]] = Registry("hdmea.steps", StepDefinition, "hdmea.pipeline.steps", "step")
"""Every step: ours, those of installed packages, and those of a user's own files."""


def all_steps() -> dict[str, StepDefinition[Any]]:
    """Return every step by name."""
    return {definition.name: definition for definition in STEPS}


def get_step(name: str) -> StepDefinition[Any]:
    """Return the step called `name`; ConfigurationError with the known names if there is none."""
    return STEPS.get(name)


def step(
    name: str,
    *,
    title: str,
    params: type[StepParams],
    result: Callable[[Any], R] | None = None,
    requires: Sequence[str] = (),
    uses: Sequence[str] = (),
    provides: Sequence[str] = (),
    outputs: Sequence[Output] = (),
    outputs_at: str = "",
    group: str = "",
    group_title: str = "",
    version: str = "1",
    positional: Sequence[str] = (),
    selectors: Sequence[str] = (),
    creates: bool = False,
    inputs: Callable[[Any, Any], Iterable[Path]] | None = None,
    items: Callable[[Any, Any], Sequence[str]] | None = None,
    item_params: Callable[[Any, str], Any] | None = None,
    resolve: Callable[[Any, Any], StepParams] | None = None,
    forecast: Callable[[Any, Any], int] | None = None,
    working_nbytes: int = 0,
    on_files: Mapping[str, Any] | None = None,
    on_calls: Mapping[str, Any] | None = None,
    refusals: Sequence[type[Exception]] = (),
) -> Callable[[Callable[[Any, Any, Any], Any]], StepDefinition[R]]:
    """Declare a step.

    Parameters
    ----------
    name
        Name of the public function, of the step in the file and on the command line.
    title
        What the user sees.
    params
        Model of the parameters.
    result
        Makes the documented result of the public function on a file from a `StepRun`; default: what the
        step returned, its `outcome`.
    requires
        Data that must be there, by name: ``"units"``, ``"light"``, ``"sensors"``, or a place in the
        result such as ``"stimulus/section_time"`` or ``"units/*/features/sta_*"``, as a step `provides` it.
    uses
        Data that are used where they exist; a change of them makes this step stale.
    provides
        Data that the step adds to the session.
    outputs
        The numbers that the step makes for each unit.
    outputs_at
        Where they are, such as ``"units/*/features/eimage_sta/geometry"``; default: the first place below
        ``units/*/features/`` that the step provides, and there ``data`` if it is a whole feature.
    group, group_title
        What precedes these numbers in tables (``soma`` in ``soma.size_x``), and how that is read;
        default: name and title of the step.
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
        What decides one item's numbers beside the parameters that are not selectors, as JSON-able data.
    resolve
        Replaces parameters that were left to a default of the recording by what they stand for, so that
        leaving them out and naming them is the same request.
    forecast
        How many bytes the whole result will take in the session. It is asked before the step can run as
        well, and may raise MissingInputError, or another error of the package, where that is not known yet.
    working_nbytes
        Memory that a run needs beyond its results, in bytes, where that is much.
    on_files
        Values of parameters that a call without a session takes in place of their defaults: what earlier
        scripts get.
    on_calls
        The same for all calls of the public function.
    refusals
        Errors with which the public function logs a warning and returns False (a session: unchanged) unless
        it is called with ``strict=True``, as earlier scripts expect it; everything else raises them.
    """

    def declare(function: Callable[[Any, Any, Any], Any]) -> StepDefinition[R]:
        return StepDefinition(
            name=name,
            title=title,
            function=function,
            params=params,
            requires=tuple(requires),
            uses=tuple(uses),
            provides=tuple(provides),
            outputs=with_limits(*outputs),
            outputs_at=outputs_at or _place_of_outputs(provides),
            group=group or name,
            group_title=group_title or title,
            version=version,
            positional=tuple(positional),
            selectors=tuple(selectors),
            creates=creates,
            inputs=inputs,
            items=items,
            item_params=item_params,
            resolve=resolve,
            forecast=forecast,
            working_nbytes=working_nbytes,
            on_files=on_files or {},
            on_calls=on_calls or {},
            refusals=tuple(refusals),
            result=result or _outcome,
        )

    return declare


def _outcome(run: Any) -> Any:
    return run.outcome


def _place_of_outputs(provides: Sequence[str]) -> str:
    place = next((place for place in provides if place.startswith("units/*/features/")), "")
    return f"{place}/data" if place.count("/") == 3 else place
