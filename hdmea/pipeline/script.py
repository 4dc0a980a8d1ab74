"""What was done in a session as a Python script, which runs as it is and gives the same file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from pydantic.fields import FieldInfo

from hdmea._version import __version__
from hdmea.declare import StepDefinition, all_steps
from hdmea.pipeline.provenance import past_runs
from hdmea.pipeline.session import DEFAULT_OUTPUT_DIR
from hdmea.results.content import PastRun
from hdmea.utils.exceptions import SessionError
from hdmea.utils.fixes import Advice

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession

__all__ = ["notebook_cell", "session_script"]

_LINE_LENGTH = 100


def session_script(session: PipelineSession, *, output_path: str | Path | None = None) -> str:
    """Return a Python script that does again what was done in a session.

    Nothing that a file says gets into it except as a literal. It makes a session of the same source
    files, runs the steps in the order in which they ran, with the parameters that differ from their
    defaults, and saves. Runs of which nothing is left in the session are left out, and so are
    parameters that have no effect any more. Paths are written as they were given.

    Parameters
    ----------
    session
        What was computed; its provenance is read, no data.
    output_path
        File that the script writes; default: the session's own file, else where `save` would write it.

    Raises
    ------
    SessionError
        If no step was run yet.
    """
    runs = past_runs(session)
    known = all_steps()
    lost = [name for name in session.completed_steps if name not in {run.step for run in runs}]
    if not runs:
        reason = f"; how {', '.join(lost)} ran was not noted in its file" if lost else ""
        raise SessionError(
            f"No step of {session.dataset_id} can be repeated by a script{reason}.",
            fix=Advice("Run a step first."),
        )
    unknown = sorted({run.step for run in runs} - set(known))
    if unknown:
        raise SessionError(
            f"{', '.join(unknown)} cannot be written into a script: this version does not have such a step.",
            step=unknown[0],
            fix=Advice("Install the package that adds the step."),
        )
    names = sorted({"create_session", *(run.step for run in runs)})
    lines = [
        f'"""Repeats what was done with HD-MEA Studio {__version__}."""',
        "",
        *_import(names),
        "",
        _creation(session),
        # Names come from a file: one with a line break in it would be code.
        *(f"# {name!r} ran in an earlier program, which did not note how." for name in lost),
        *(_call(known[run.step], run) for run in runs),
        _save(session, output_path),
    ]
    return "\n".join(lines) + "\n"


def notebook_cell(session: PipelineSession, unit_id: str, movie: str = "") -> str:
    """Return Python that opens the session's file in a notebook and gets what is known of a unit.

    Parameters
    ----------
    session
        A session with a file.
    unit_id
        The unit.
    movie
        Movie whose trials are drawn; none are if the unit's spikes are not cut into trials of it.

    Raises
    ------
    SessionError
        If the session has no file.
    """
    if session.hdf5_path is None:
        raise SessionError(f"{session.dataset_id} has no file yet.", fix=Advice("Save the result first."))
    trials = movie in (session.units[unit_id].get("spike_times_sectioned") or {})
    lines = [
        *(["# Changes since the last save are not in the file."] if session.has_unsaved_changes else []),
        *(["import matplotlib.pyplot as plt"] if trials else []),
        *(["from hdmea.analysis.trials import unit_trials"] if trials else []),
        "from hdmea.pipeline import PipelineSession",
        "",
        f"session = PipelineSession.load({str(session.hdf5_path)!r}, lazy=True)",
        f"unit = session.units[{unit_id!r}]",
        'spikes_s = unit["spike_times"] / session.acquisition_rate',
        f"numbers = session.to_dataframe().loc[{unit_id!r}]",
    ]
    if trials:
        lines += [
            f"trials_s = unit_trials(unit, {movie!r}, session.acquisition_rate)",
            "",
            'plt.eventplot(trials_s, colors="black")',
            f'plt.gca().set(title={f"{unit_id}, {movie}"!r}, xlabel="Time (s)", ylabel="Trial")',
        ]
    return "\n".join([*lines, "numbers"]) + "\n"


def _import(names: list[str]) -> list[str]:
    line = f"from hdmea.pipeline import {', '.join(names)}"
    if len(line) <= _LINE_LENGTH:
        return [line]
    return ["from hdmea.pipeline import (", *(f"    {name}," for name in names), ")"]


def _creation(session: PipelineSession) -> str:
    arguments: dict[str, Any] = {"dataset_id": session.dataset_id}
    for name in ("cmcr_path", "cmtr_path"):
        if session.source_files.get(name):
            arguments[name] = session.source_files[name]
    if session.output_dir != DEFAULT_OUTPUT_DIR:
        arguments["output_dir"] = session.output_dir
    return "session = " + _written("create_session", {key: _code(value) for key, value in arguments.items()})


def _call(definition: StepDefinition[Any], run: PastRun) -> str:
    arguments = {name: _code(value) for name, value in _changed(definition, run.params).items()}
    if run.force:
        arguments["force"] = "True"
    if definition.refusals:
        arguments["strict"] = "True"
    return _written(run.step, {**arguments, "session": "session"})


def _changed(definition: StepDefinition[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that differ from their default and still have an effect, in declared types."""
    fields = definition.params.model_fields
    current = {name: values[name] for name in fields if name in values and not _is_deprecated(fields[name])}
    params = definition.make_params(current)
    return {
        name: getattr(params, name)
        for name in current
        if fields[name].is_required()
        or getattr(params, name) != definition.on_calls.get(name, _default(fields[name]))
    }


def _default(info: FieldInfo) -> Any:
    return info.get_default(call_default_factory=True)


def _is_deprecated(info: FieldInfo) -> bool:
    extra = info.json_schema_extra
    return isinstance(extra, Mapping) and bool(extra.get("deprecated"))


def _save(session: PipelineSession, output_path: str | Path | None) -> str:
    usual = session.output_dir / f"{session.dataset_id}.h5"
    target = Path(output_path) if output_path is not None else session.default_path
    arguments = "" if target == usual else _code(target)
    return f"session.save({arguments})  # an existing file is replaced"


def _written(function: str, arguments: Mapping[str, str]) -> str:
    """Return a call with keyword arguments, on one line where it fits."""
    inside = [f"{name}={code}" for name, code in arguments.items()]
    line = f"{function}({', '.join(inside)})"
    if len(line) <= _LINE_LENGTH:
        return line
    return "\n".join([f"{function}(", *(f"    {argument}," for argument in inside), ")"])


def _code(value: Any) -> str:
    """Return a value as a Python literal."""
    if isinstance(value, PurePath):
        return repr(str(value))
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_code(key)}: {_code(item)}" for key, item in value.items()) + "}"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(_code, value)) + ("," if len(value) == 1 else "") + ")"
    if isinstance(value, list):
        return "[" + ", ".join(map(_code, value)) + "]"
    return repr(value)
