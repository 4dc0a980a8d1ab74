"""What a step needs, by the names of data: whether it exists, and which step provides it."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hdmea.declare import FEATURES, StepDefinition, all_steps
from hdmea.utils.exceptions import ConfigurationError, MissingInputError
from hdmea.utils.fixes import Each, RunStep
from hdmea.utils.notices import Notice

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession

__all__ = [
    "check_requirements",
    "is_there",
    "providers",
    "reason_against",
    "steps_before",
    "steps_used",
]

_FEATURES = "units/*/features/"

# Short names of what a recording offers, and where a session holds it.
_PLACES = {
    "units": "units/*",
    "light": "stimulus/light_reference",
    "sensors": "source_files/cmcr_path",
}


def is_there(session: PipelineSession, data: str) -> bool:
    """Return whether a session contains data of this name, whichever program or step put them there.

    Parameters
    ----------
    session
        The session.
    data
        A short name (``"units"``, ``"light"``, ``"sensors"``) or a place such as
        ``"units/*/features/sta_*"``, where ``*`` stands for any name.
    """
    root, _, below = _PLACES.get(data, data).partition("/")
    tree = getattr(session, root, None)
    return _found(tree, below.split("/") if below else [])


def providers(data: str) -> list[StepDefinition[Any]]:
    """Return the steps that provide data of this name."""
    return [definition for definition in all_steps().values() if data in definition.provides]


def steps_before(definition: StepDefinition[Any]) -> tuple[str, ...]:
    """Return the steps that provide what a step requires, the first provider of each."""
    found = [providers(data) for data in definition.requires]
    return tuple(dict.fromkeys(made[0].name for made in found if made))


def steps_used(definition: StepDefinition[Any]) -> tuple[str, ...]:
    """Return the steps that provide what a step uses where it exists."""
    return tuple(dict.fromkeys(made.name for data in definition.uses for made in providers(data)))


def reason_against(name: str) -> Notice | None:
    """Say why a name is not a feature: made by a step, or unknown; None if it is one."""
    if name in FEATURES:
        return None
    for definition in all_steps().values():
        made = [place.removeprefix(_FEATURES) for place in definition.provides]
        if name == definition.name or name in {pattern.rstrip("*").rstrip("_") for pattern in made}:
            return Notice("It is made by a step of its own.", fix=RunStep(definition.name))
    try:
        FEATURES.get(name)
    except ConfigurationError as error:
        return Notice(error.message, fix=error.fix)
    return None


def check_requirements(session: PipelineSession, definition: StepDefinition[Any]) -> None:
    """Raise MissingInputError if data that a step requires are missing and were never searched for.

    A step that ran and found nothing (a recording without a light signal) counts: what needs its data then
    says itself what is missing.
    """
    missing = []
    for data in definition.requires:
        made = providers(data)
        if not is_there(session, data) and not any(one.name in session.completed_steps for one in made):
            missing.append((data, made))
    if missing:
        raise _refusal(definition, missing)


def _refusal(
    definition: StepDefinition[Any], missing: Sequence[tuple[str, Sequence[StepDefinition[Any]]]]
) -> MissingInputError:
    first = {made[0].name: made[0].title for _, made in missing if made}
    said = [f"“{title}”" for title in first.values()]
    said += [f"{data}, which no step provides" for data, made in missing if not made]
    fixes = tuple(RunStep(name) for name in first)
    return MissingInputError(
        f"“{definition.title}” needs {' and '.join(said)}.",
        step=definition.name,
        fix=Each(fixes) if len(fixes) > 1 else next(iter(fixes), None),
    )


def _found(tree: Any, keys: list[str]) -> bool:
    if not keys:
        return tree is not None
    if not isinstance(tree, Mapping):
        return False
    names = fnmatch.filter(map(str, tree), keys[0]) if "*" in keys[0] else [keys[0]] * (keys[0] in tree)
    return any(_found(tree[name], keys[1:]) for name in names)
