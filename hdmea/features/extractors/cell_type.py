"""cell_type: functional type by transparent rules."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hdmea.declare import FeatureParams, FeatureTable, Output, Recording, Requirement, extractor, stored_as
from hdmea.features.science.cell_type_rules import RULES, UNKNOWN, Evidence, Thresholds, classify
from hdmea.features.science.movie_trials import OptionalFeature

__all__ = ["CellTypeParams", "cell_type"]

_RESPONSE_P = (
    ("on_off", "quality_p"),
    ("on_off", "suppression_p"),
    ("green_blue", "quality_p"),
    ("chirp", "quality_p"),
    ("moving_bar", "quality_p"),
    ("moving_bar", "dsi_p"),
    ("moving_bar", "osi_p"),
)


class CellTypeParams(FeatureParams):
    """Parameters of the feature `cell_type`: the thresholds of its rules."""

    silent_rate_hz: float = Field(
        0.05,
        gt=0,
        title="Silent",
        description="Largest mean rate of a silent unit.",
        json_schema_extra={"unit": "Hz"},
    )
    alpha: float = Field(0.01, gt=0, lt=1, title="Significance", description="Largest significant p value.")
    rotation_alpha: float = Field(
        0.05,
        gt=0,
        lt=1,
        title="Significance of rotations",
        description="Largest p value by rotation of a direction-selective unit.",
        json_schema_extra={"advanced": True},
    )
    suppression_index: float = Field(
        -0.33, ge=-1, lt=0, title="Suppressed", description="Largest suppression index of a suppressed unit."
    )
    dsi: float = Field(0.3, gt=0, le=1, title="DS", description="Least index of a direction-selective unit.")
    osi: float = Field(
        0.3, gt=0, le=1, title="OS", description="Least index of an orientation-selective unit."
    )
    on_off_index: float = Field(
        0.5,
        gt=0,
        le=1,
        title="ON or OFF",
        description="From this size of the index on, a unit with both responses is ON or OFF.",
    )


@extractor(
    name="cell_type",
    aliases=("cell_type_classifier",),
    title="Cell type",
    version="2",
    params=CellTypeParams,
    requires=(
        Requirement("metadata", "recording_duration_s", "load_recording"),
        Requirement("feature", "on_off", "extract_features"),
        OptionalFeature("feature", "moving_bar", "extract_features"),
        OptionalFeature("feature", "green_blue", "extract_features"),
        OptionalFeature("feature", "chirp", "extract_features"),
    ),
    outputs=(
        Output(
            "cell_type",
            "Cell type",
            "",
            (None, None),
            f"first rule that fires of: {', '.join(RULES)}; {UNKNOWN} without evidence; then what was not "
            "tested before it",
            dtype="str",
            standard="Cell type",
        ),
        Output("rule", "Rule", "", (None, None), "name of that rule alone", dtype="str"),
        Output(
            "rule_margins",
            "Margins of the rules",
            "",
            (None, None),
            "distance of every rule from its decision, as a share of its threshold; 0 or more fires",
            shape=(len(RULES),),
        ),
    ),
)
def cell_type(recording: Recording, params: CellTypeParams) -> FeatureTable:
    """Functional type: the first of nine rules that fires, with the margins of all; no probability."""
    found = classify(_evidence(recording), Thresholds(**params.model_dump()))
    reasons = {
        unit: "no evidence for: " + ", ".join(np.array(RULES)[missing])
        for unit, missing in zip(recording.units, np.isnan(found.margins), strict=True)
        if missing.any()
    }
    return FeatureTable(
        units={"cell_type": list(found.names), "rule": list(found.rules), "rule_margins": found.margins},
        reasons={"rule_margins": reasons} if reasons else {},
        notes={"rules": ", ".join(RULES)},
    )


def _evidence(recording: Recording) -> Evidence:
    n_spikes = np.array([train.size for train in recording.spike_trains], np.float64)
    recorded_s = float(np.diff(recording.segments).sum()) / recording.acquisition_rate
    on, off = (
        _values(recording, "on_off", f"{phase}_response")
        * (_values(recording, "on_off", f"{phase}_transient") > 0)
        for phase in ("on", "off")
    )
    return Evidence(
        rate_hz=n_spikes / recorded_s,
        response_p=np.stack([_values(recording, *where) for where in _RESPONSE_P], axis=1),
        suppression_index=_values(recording, "on_off", "suppression_index"),
        suppression_p=_values(recording, "on_off", "suppression_p"),
        on=on,
        off=off,
        on_off_index=_values(recording, "on_off", "on_off_index"),
        dsi=_of_bar(recording, "dsi", 0.0),
        dsi_p=_of_bar(recording, "dsi_p", 1.0),
        osi=_of_bar(recording, "osi", 0.0),
        osi_p=_of_bar(recording, "osi_p", 1.0),
        dsi_rotation_p=_of_bar(recording, "dsi_rotation_p", 1.0),
        osi_rotation_p=_of_bar(recording, "osi_rotation_p", 1.0),
        step_p=_values(recording, "on_off", "quality_p"),
    )


def _of_bar(recording: Recording, output: str, without: float) -> NDArray[np.float64]:
    """Output of the moving bar; where it was shown, but the unit has no such number, one that says so."""
    values = _values(recording, "moving_bar", output)
    tested = np.isfinite(_values(recording, "moving_bar", "quality_p"))
    return np.where(tested & np.isnan(values), without, values)


def _values(recording: Recording, feature: str, output: str) -> NDArray[np.float64]:
    """Scalar output of another feature in every unit; NaN where it does not exist."""

    def value(unit: Any) -> float:
        features = unit.get("features") or {}
        found = (features.get(stored_as(features, feature)) or {}).get("data")
        return float(found[output]) if found is not None and output in found else float("nan")

    return np.array([value(unit) for unit in recording.units.values()], np.float64)
