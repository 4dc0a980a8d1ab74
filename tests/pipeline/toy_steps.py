"""Small steps with a known outcome, for tests of the mechanism alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from pydantic import Field

from hdmea.declare import STEPS, StepDefinition, StepParams, step
from hdmea.pipeline.context import StepContext, StepRun


class ToyLoadParams(StepParams):
    cmcr_path: str | None = None
    cmtr_path: str | None = None
    dataset_id: str | None = None
    n_units: int = Field(3, ge=1)


class ToyScaleParams(StepParams):
    factor: int = Field(2, ge=1, title="Factor", description="What to multiply by.")
    threads: int = Field(1, json_schema_extra={"affects_result": False, "advanced": True})
    fail_at: float | None = None


class ToyPartsParams(StepParams):
    parts: tuple[str, ...] = ("a", "b")
    offset: int = 0


def _result(run: StepRun) -> dict[str, Any]:
    return {
        "path": run.hdf5_path,
        "cached": run.cached,
        "outcome": run.outcome,
        "items": run.items,
        "cached_items": run.cached_items,
        "warnings": run.warnings,
    }


@contextmanager
def registered() -> Iterator[None]:
    """Have the toy steps in the registry, and only for a while."""
    toys = _declared()
    for toy in toys:
        STEPS.register(toy)
    try:
        yield
    finally:
        for toy in toys:
            STEPS.remove(toy.name)


def _declared() -> list[StepDefinition[Any]]:
    @step("toy_load", title="Toy load", params=ToyLoadParams, creates=True, result=_result,
          provides=("toy_units",),
          positional=("cmcr_path", "cmtr_path", "dataset_id"))  # fmt: skip
    def toy_load(session: Any, params: Any, ctx: StepContext) -> int:
        """Make units whose spikes are 0 … 9."""
        for number in range(params.n_units):
            spikes = np.arange(10, dtype=np.uint64)
            ctx.put({"spike_times": spikes, "row": number}, "units", f"unit_{number + 1:03d}")
        ctx.put(np.array([20_000.0]), "metadata", "acquisition_rate")
        return int(params.n_units)

    @step("toy_scale", title="Toy scale", params=ToyScaleParams, requires=("toy_units",),
          provides=("toy_scaled",), result=_result,
          positional=("factor",))  # fmt: skip
    def toy_scale(session: Any, params: Any, ctx: StepContext) -> str:
        """Multiply the spike times.

        Raises
        ------
        RuntimeError
            When asked to.
        """
        for index, (unit_id, unit) in enumerate(session.units.items()):
            ctx.checkpoint(index / session.unit_count, unit_id)
            if params.fail_at is not None and index >= params.fail_at:
                raise RuntimeError("asked to fail")
            data = unit["spike_times"] * np.uint64(params.factor)
            ctx.put({"data": data, "metadata": {}}, "units", unit_id, "features", "scaled")
        ctx.warn(f"scaled by {params.factor}")
        return "scaled"

    @step(
        "toy_parts",
        title="Toy parts",
        params=ToyPartsParams,
        requires=("toy_units",),
        uses=("toy_scaled",),
        items=lambda session, params: params.parts,
        selectors=("parts",),
        result=_result,
    )
    def toy_parts(session: Any, params: Any, ctx: StepContext) -> tuple[str, ...]:
        """Store one number per part."""
        for part in ctx.items:
            ctx.put(params.offset + len(part), "stimulus", "parts", part)
        return ctx.items

    return [toy_load, toy_scale, toy_parts]
