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
from hdmea.utils.exceptions import ConfigurationError, MissingInputError
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

    `units_processed` have them; `units_missing` do not, and say why in their output `missing`.
    """

    hdf5_path: Path
    units_processed: int
    units_missing: list[str]
    elapsed_seconds: float
    warnings: list[str] = field(default_factory=list)


def units_result(run: StepRun) -> UnitsResult:
    """Return the result of a step whose outcome is the list of units without numbers.

    Of a result that was kept, `units_missing` is not known again and stays empty.
    """
    assert run.hdf5_path is not None
    missing = list(run.outcome or ())
    return UnitsResult(
        hdf5_path=run.hdf5_path,
        units_processed=run.session.unit_count - len(missing),
        units_missing=missing,
        elapsed_seconds=run.elapsed_seconds,
        warnings=list(run.warnings),
    )


def chosen_units(session: PipelineSession, unit_ids: Sequence[str | int] | None) -> list[str]:
    """Return the ids of units that are named ``"unit_002"``, ``"2"`` or 2; None: all.

    Raises
    ------
    ConfigurationError
        If a unit does not exist.
    """
    if unit_ids is None:
        return list(session.units)
    asked = [f"unit_{int(unit):03d}" if str(unit).isdigit() else str(unit) for unit in unit_ids]
    unknown = [unit_id for unit_id in asked if unit_id not in session.units]
    if unknown:
        raise ConfigurationError(
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
