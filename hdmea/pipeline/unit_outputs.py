"""What the steps have in common that derive numbers from a stored image or average of each unit."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import Field

from hdmea.declare import UNIT_OF_ENTRY, Output, get_step
from hdmea.pipeline.context import StepContext, StepRun
from hdmea.pipeline.session import PipelineSession
from hdmea.utils.arrays import AttrArray
from hdmea.utils.exceptions import MissingInputError, UnknownUnitError
from hdmea.utils.fixes import RunStep, SetParameter

__all__ = [
    "MIN_IMAGE_SNR_FIELD",
    "MIN_SPIKES_FIELD",
    "PITCH_FIELD",
    "UnitsResult",
    "chosen_units",
    "entries",
    "for_each_unit",
    "known_pitch",
    "stored_outputs",
    "units_result",
]

T = TypeVar("T")

PITCH_KEY = "sensor_pitch_um"

PITCH_FIELD = Field(
    None,
    gt=0,
    allow_inf_nan=False,
    title="Electrode pitch",
    description="Distance of neighbouring electrodes (16 or 32 µm). No file states it; once given it is "
    "remembered with the recording. Without it lengths are in electrodes only.",
    json_schema_extra={"unit": "µm"},
)
"""Parameter of every step whose lengths become µm."""

MIN_SPIKES_FIELD = Field(
    None,
    ge=1,
    title="Fewest spikes",
    description="Nothing is derived from an electrical image of fewer spikes; by default as stated when the "
    "images were computed.",
    json_schema_extra={"unit": "spikes", "advanced": True},
)
MIN_IMAGE_SNR_FIELD = Field(
    None,
    ge=0,
    title="Least signal-to-noise",
    description="Nothing is derived from an electrical image whose largest signal, over the noise of its "
    "mean, is smaller; by default as stated when the images were computed.",
    json_schema_extra={"advanced": True},
)
"""Parameters of everything that is derived from electrical images."""


@dataclass
class UnitsResult:
    """Result of a step that computes numbers for every unit.

    `units_processed` have them; `units_missing` do not, and say why in their output `missing`. Of a result
    that was kept they are those of the run that made it.
    """

    hdf5_path: Path
    units_processed: int
    units_missing: list[str]
    elapsed_seconds: float
    warnings: list[str] = field(default_factory=list)


def units_result(output: str) -> Callable[[StepRun], UnitsResult]:
    """Return what makes the result of a step from what is stored, whether it was computed now or kept.

    Parameters
    ----------
    output
        A unit of which this output is missing has no numbers of the step.
    """

    def result(run: StepRun) -> UnitsResult:
        assert run.hdf5_path is not None
        missing: dict[str, bool] = {}
        for unit_id in chosen_units(run.session, getattr(run.params, "unit_ids", None)):
            reasons = [_reasons(run, unit_id, item) for item in (*run.items, *run.cached_items)]
            known = [each for each in reasons if each is not None]
            if known:
                missing[unit_id] = any(output in each for each in known)
        without = [unit_id for unit_id, is_missing in missing.items() if is_missing]
        return UnitsResult(
            hdf5_path=run.hdf5_path,
            units_processed=len(missing) - len(without),
            units_missing=without,
            elapsed_seconds=run.elapsed_seconds,
            warnings=list(run.warnings),
        )

    return result


def _reasons(run: StepRun, unit_id: str, item: str) -> dict[str, str] | None:
    """Return why outputs of a part of a step are missing in a unit; None if it has none of them."""
    _, _, *place = run.definition.provides[-1].split("/")
    entry: Any = run.session.units[unit_id]
    for name in place:
        entry = (entry.get(name.replace("*", item)) if isinstance(entry, Mapping) else None) or {}
    parts = [entry] if "missing" in entry else entry.values()
    found = [part["missing"] for part in parts if isinstance(part, Mapping) and "missing" in part]
    return json.loads(str(found[0])) if found else None


def chosen_units(session: PipelineSession, unit_ids: Sequence[str | int] | None) -> list[str]:
    """Return the ids of units that are named ``"unit_002"``, ``"2"`` or 2; None: all.

    Raises
    ------
    UnknownUnitError
        If a unit does not exist.
    """
    if unit_ids is None:
        return list(session.units)
    asked = [f"unit_{int(unit):03d}" if str(unit).isdigit() else str(unit) for unit in unit_ids]
    unknown = [unit_id for unit_id in asked if unit_id not in session.units]
    if unknown:
        raise UnknownUnitError(
            f"The recording does not have {', '.join(unknown)}. Its units: "
            f"{', '.join(session.units) or 'none'}.",
            parameter="unit_ids",
            fix=SetParameter("unit_ids"),
        )
    return list(dict.fromkeys(asked))


def entries(session: PipelineSession, feature: str, made_by: str) -> dict[str, Mapping[str, Any]]:
    """Return a feature's entry (data, metadata) of every unit that has one.

    Raises
    ------
    MissingInputError
        If no unit has it.
    """
    found = {
        unit_id: unit["features"][feature]
        for unit_id, unit in session.units.items()
        if feature in (unit.get("features") or {})
    }
    if not found:
        raise MissingInputError(
            f"The results of “{get_step(made_by).title}” are missing.", fix=RunStep(made_by)
        )
    return found


def known_pitch(session: PipelineSession, given: float | None, ctx: StepContext) -> float | None:
    """Return the pitch that is given (and remember it), else the remembered one; warn if there is none."""
    if given is not None:
        ctx.put(float(given), "metadata", PITCH_KEY)
        return float(given)
    remembered = session.metadata.get(PITCH_KEY)
    if remembered is None:
        ctx.warn(
            "The electrode pitch is not known, so lengths are not in µm and velocities not in m/s.",
            fix=SetParameter("sensor_pitch_um"),
        )
        return None
    return float(np.ravel(remembered)[0])


def for_each_unit(
    ctx: StepContext, units: Mapping[str, Any], compute: Callable[[Any], T], text: str
) -> dict[str, T]:
    """Compute something for every unit, on all threads; the order and the numbers do not depend on them."""
    found: dict[str, T] = {}
    with contextlib.ExitStack() as stack:
        computed: Iterator[T] = map(compute, units.values())
        if ctx.workers > 1:
            pool = stack.enter_context(ThreadPoolExecutor(max_workers=ctx.workers))
            stack.callback(pool.shutdown, cancel_futures=True)
            computed = pool.map(compute, units.values())
        # One thread alone is this one, which then also stops between the units when it is to give way.
        for unit_id, value in zip(units, computed, strict=True):
            found[unit_id] = value
            ctx.checkpoint(len(found) / len(units), text)
    return found


def stored_outputs(
    outputs: Sequence[Output], values: Mapping[str, Any], reasons: Mapping[str, str], unit: str = ""
) -> dict[str, Any]:
    """Return what goes into the file: scalars, arrays that carry their unit, and why what is missing.

    Parameters
    ----------
    outputs, values
        Declarations, and the values by name.
    reasons
        Why values are missing.
    unit
        What `UNIT_OF_ENTRY` stands for here.
    """
    stored: dict[str, Any] = {}
    for output in outputs:
        value = values[output.name]
        if output.dtype == "str" or output.shape == ():
            stored[output.name] = value if output.dtype == "str" else float(value)
            continue
        name = unit if output.unit == UNIT_OF_ENTRY else output.unit
        array = np.asarray(value, output.dtype)
        stored[output.name] = AttrArray(array, {"unit": name} if name else {})
    return {**stored, "missing": json.dumps(dict(reasons), sort_keys=True, ensure_ascii=False)}
