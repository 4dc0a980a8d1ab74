"""Which steps a request means, and what it does to others: pure functions on the step list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hdmea_gui.models.steps import StepItem, StepState

__all__ = ["made_stale", "steps_to_here"]


def steps_to_here(items: Sequence[StepItem], chosen: str, flow: Iterable[str]) -> tuple[str, ...]:
    """Return the steps that are missing or stale, up to and with the chosen one, in the order to run them.

    Those are the steps of the flow that stand before it, and what it needs directly or through others,
    whether or not that is in the flow; and those among them that would become stale on the way.

    Parameters
    ----------
    items
        The step list.
    chosen
        Name of the chosen step.
    flow
        Names of the steps of the chosen flow.
    """
    by_name = {item.spec.name: item for item in items}
    row = next(row for row, item in enumerate(items) if item.spec.name == chosen)
    in_flow = set(flow)
    wanted = {item.spec.name for item in items[:row] if item.spec.name in in_flow}
    wanted |= {chosen} | _needed(by_name, chosen)
    ordered = _in_order(by_name, [item.spec.name for item in items if item.spec.name in wanted])
    to_run: list[str] = []
    for name in ordered:
        spec = by_name[name].spec
        if by_name[name].state is not StepState.DONE or {*spec.requires, *spec.uses} & set(to_run):
            to_run.append(name)
    return tuple(to_run)


def made_stale(items: Iterable[StepItem], step: str) -> tuple[str, ...]:
    """Return the titles of the steps whose results running `step` again makes stale."""
    items = tuple(items)
    reached = {step}
    while True:
        more = {
            item.spec.name
            for item in items
            if item.spec.name not in reached and reached & {*item.spec.requires, *item.spec.uses}
        }
        if not more:
            break
        reached |= more
    return tuple(
        item.spec.title
        for item in items
        if item.spec.name in reached and item.spec.name != step and item.has_results
    )


def _needed(by_name: dict[str, StepItem], step: str) -> set[str]:
    found: set[str] = set()
    pending = [step]
    while pending:
        for name in by_name[pending.pop()].spec.requires:
            if name in by_name and name not in found:
                found.add(name)
                pending.append(name)
    return found


def _in_order(by_name: dict[str, StepItem], names: list[str]) -> list[str]:
    """Return the names such that each comes after what it needs, else in the order given."""
    ordered: list[str] = []

    def place(name: str) -> None:
        if name in ordered:
            return
        for before in by_name[name].spec.requires:
            if before in names:
                place(before)
        ordered.append(name)

    for name in names:
        place(name)
    return ordered
