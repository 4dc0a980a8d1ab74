"""The part of the science page that is made from the declarations of the steps that compute numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docs.tools.feature_tables import output_table, parameter_table, update_part
from hdmea.declare import Output, StepDefinition, get_step
from hdmea.features.science.axon_outputs import AXON_OUTPUTS
from hdmea.features.science.rf_outputs import RF_OUTPUTS
from hdmea.features.science.soma_geometry import SOMA_OUTPUTS
from hdmea.pipeline.steps.fit_lnl import LNL_OUTPUTS

__all__ = ["STEPS_BEGIN", "STEPS_END", "steps_markdown", "update_steps"]

STEPS_BEGIN = "<!-- steps: made from the declarations, do not edit -->"
STEPS_END = "<!-- end of steps -->"

_OUTPUTS: dict[str, tuple[Output, ...]] = {
    "compute_eimage_sta": (),
    "extract_soma_geometry": SOMA_OUTPUTS,
    "extract_axon_path": AXON_OUTPUTS,
    "compute_sta": (),
    "extract_rf_geometry": RF_OUTPUTS,
    "fit_lnl": LNL_OUTPUTS,
    "section_by_direction": (),
}


def steps_markdown() -> str:
    """Describe in Markdown the steps that compute numbers: needs, place, parameters, outputs."""
    return "\n\n".join(_section(get_step(name), outputs) for name, outputs in _OUTPUTS.items())


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


def _section(definition: StepDefinition[Any], outputs: tuple[Output, ...]) -> str:
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
            *(["", *output_table(outputs)] if outputs else []),
        ]
    )
