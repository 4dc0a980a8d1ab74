"""The part of the science page that is made from the declarations of the steps that compute numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docs.tools.feature_tables import output_table, parameter_table, update_part
from hdmea.declare import StepDefinition, all_steps

__all__ = ["STEPS_BEGIN", "STEPS_END", "steps_markdown", "update_steps"]

STEPS_BEGIN = "<!-- steps: made from the declarations, do not edit -->"
STEPS_END = "<!-- end of steps -->"


def steps_markdown() -> str:
    """Describe in Markdown the steps that put numbers into the units: needs, place, parameters, outputs."""
    made = [
        definition
        for definition in all_steps().values()
        if any(place.startswith("units/*/features/") for place in definition.provides)
    ]
    return "\n\n".join(map(_section, made))


def update_steps(path: str | Path) -> str:
    """Return the text of a page with its steps brought up to date.

    Parameters
    ----------
    path
        A Markdown file that has the lines `STEPS_BEGIN` and `STEPS_END`.

    Raises
    ------
    ConfigurationError
        If the page does not have these lines.
    """
    return update_part(path, STEPS_BEGIN, STEPS_END, steps_markdown())


def _section(definition: StepDefinition[Any]) -> str:
    summary = " ".join((definition.function.__doc__ or definition.title).strip().split("\n\n")[0].split())
    uses = f" Uses if there: {'; '.join(definition.uses)}." if definition.uses else ""
    places = ", ".join(f"`{place}`" for place in definition.provides)
    facts = f"Needs: {'; '.join(definition.requires)}.{uses} Stored in {places}."
    return "\n".join(
        [
            f"### `{definition.name}` — {definition.title}",
            "",
            summary,
            "",
            f"{facts} Version {definition.version}.",
            "",
            *parameter_table(definition.params.model_fields),
            *(["", *output_table(definition.outputs)] if definition.outputs else []),
        ]
    )
