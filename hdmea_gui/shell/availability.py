"""Which actions are possible now, and if not, why: one place, no widgets."""

from __future__ import annotations

from hdmea_gui.engine.controller import Activity
from hdmea_gui.engine.snapshot import StateView
from hdmea_gui.models.steps import StepItem, StepState

__all__ = ["refusals"]


def refusals(
    state: StateView,
    activity: Activity,
    chosen: StepItem | None,
    problems: bool,
    has_flow: bool,
    to_here: int = 0,
) -> dict[str, str | None]:
    """Return for each action that may be impossible None, or the reason why it is.

    Parameters
    ----------
    state
        The session.
    activity
        What the worker does.
    chosen
        The step chosen in the list.
    problems
        Whether the parameters of the chosen step have values that are not allowed.
    has_flow
        Whether there is a flow to run.
    to_here
        Number of steps that are missing or stale up to the chosen one.
    """
    busy = _busy(activity)
    nothing_open = None if state.is_open else "open a recording first"
    no_data = None if state.has_data else "there is nothing in memory yet"
    saved = None if state.unsaved or not state.saved_path else "everything is saved"
    no_flow = None if has_flow else "no flow is installed"
    no_units = None if state.unit_ids else "there are no units yet"
    opening = "the engine is still starting" if activity is Activity.STARTING else busy
    if activity is Activity.RUNNING:
        stop = None
    elif activity is Activity.STOPPING:
        stop = "it is stopping already"
    else:
        stop = "nothing is running"
    return {
        "open": opening,
        "open_folder": opening,
        "open_checkpoint": opening,
        "open_demo": opening,
        "save": nothing_open or no_data or busy or saved,
        "save_as": nothing_open or no_data or busy,
        "checkpoint": nothing_open or no_data or busy,
        "run_all": nothing_open or busy or no_flow,
        "run_to_here": nothing_open or busy or _to_here_refusal(chosen, to_here),
        "run_step": nothing_open or busy or _step_refusal(chosen, problems),
        "run_again": nothing_open or busy or _again_refusal(chosen, problems),
        "show_failure": None if chosen is not None and chosen.reason else "the chosen step did not fail",
        "stop": stop,
        "copy_script": nothing_open or (None if state.completed else "run a step first"),
        "calibration": "the engine is still starting" if activity is Activity.STARTING else None,
        "previous_unit": no_units,
        "next_unit": no_units,
        "whole_recording": no_units,
        "export_table": no_units,
    }


def _busy(activity: Activity) -> str | None:
    if activity is Activity.IDLE:
        return None
    return (
        "the engine is still starting"
        if activity is Activity.STARTING
        else "wait for the running job, or stop it"
    )


def _step_refusal(chosen: StepItem | None, problems: bool) -> str | None:
    if chosen is None:
        return "choose a step first"
    if chosen.state is StepState.NEEDS:
        return f"{chosen.spec.title} {chosen.detail}"
    if chosen.state is StepState.DONE:
        return "it is done; “Run again” computes it anew"
    return "a parameter has a value that is not allowed" if problems else None


def _again_refusal(chosen: StepItem | None, problems: bool) -> str | None:
    if chosen is None:
        return "choose a step first"
    if not chosen.has_results:
        return f"{chosen.spec.title} has no results yet"
    return "a parameter has a value that is not allowed" if problems else None


def _to_here_refusal(chosen: StepItem | None, to_here: int) -> str | None:
    if chosen is None:
        return "choose a step first"
    return None if to_here else "everything up to here is done"
