"""What "run to here" and "run again" mean."""

from __future__ import annotations

import pydantic
import pytest

from hdmea_gui.engine.snapshot import StepSpec
from hdmea_gui.flows.run import made_stale, steps_to_here
from hdmea_gui.models.steps import StepItem, StepState

D, S, R, N, F = (
    StepState.DONE,
    StepState.STALE,
    StepState.READY,
    StepState.NEEDS,
    StepState.FAILED,
)
NEEDS = {
    "load": ((), ()),
    "sections": (("load",), ()),
    "trials": (("load",), ("sections",)),
    "sta": (("load", "sections"), ()),
    "image": (("load",), ()),
    "field": (("sta",), ()),
    "features": (("load",), ("trials", "sta", "image")),
}
FLOW = ("load", "sections", "trials", "sta", "features")


def steps(*states: StepState) -> list[StepItem]:
    return [
        StepItem(
            StepSpec(name, name.upper(), "", requires, (), pydantic.BaseModel, uses=uses),
            state,
            has_results=state in {D, S},
        )
        for (name, (requires, uses)), state in zip(NEEDS.items(), states, strict=True)
    ]


@pytest.mark.parametrize(
    ("chosen", "states", "expected"),
    [
        ("sta", (R, N, N, N, N, N, N), ("load", "sections", "trials", "sta")),
        ("sta", (D, D, D, R, R, N, R), ("sta",)),
        ("sta", (D, D, S, S, R, N, R), ("trials", "sta")),
        ("field", (D, D, D, S, R, N, R), ("sta", "field")),
        ("field", (D, D, D, D, R, D, R), ()),
        ("image", (R, N, N, N, N, N, N), ("load", "sections", "trials", "sta", "image")),
        ("features", (D, D, F, D, S, S, D), ("trials", "features")),
        ("load", (R, N, N, N, N, N, N), ("load",)),
    ],
)
def test_run_to_here(chosen: str, states: tuple[StepState, ...], expected: tuple[str, ...]) -> None:
    assert steps_to_here(steps(*states), chosen, FLOW) == expected


def test_what_a_step_needs_runs_before_it_wherever_it_stands_in_the_list() -> None:
    items = steps(R, N, N, N, N, N, N)[::-1]
    ordered = steps_to_here(items, "field", ())
    assert ordered == ("load", "sections", "sta", "field")


def test_without_a_flow_only_what_is_needed_runs() -> None:
    assert steps_to_here(steps(R, N, N, N, N, N, N), "image", ()) == ("load", "image")


def test_run_again_makes_stale_what_was_made_from_it_directly_or_through_others() -> None:
    items = steps(D, D, D, D, R, D, D)
    assert made_stale(items, "sections") == ("TRIALS", "STA", "FIELD", "FEATURES")
    assert made_stale(items, "field") == ()
    assert made_stale(items, "image") == ("FEATURES",)


def test_what_is_not_there_does_not_become_stale() -> None:
    assert made_stale(steps(D, R, R, R, R, N, S), "load") == ("FEATURES",)
