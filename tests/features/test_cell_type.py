"""Cell types: every rule, their order, and what happens without evidence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hdmea.declare import Recording
from hdmea.features.extractors.cell_type import cell_type
from hdmea.features.science.cell_type_rules import RULES, Evidence, Thresholds, classify

NAN = float("nan")
ON_CELL = {
    "rate_hz": 5.0,
    "suppression_index": 0.1,
    "suppression_p": 0.9,
    "on": 1.0,
    "off": 0.0,
    "on_off_index": 0.9,
    "dsi": 0.05,
    "dsi_p": 0.5,
    "osi": 0.05,
    "osi_p": 0.5,
    "dsi_rotation_p": 0.02,
    "osi_rotation_p": 0.0625,
    "step_p": 0.001,
}


def kind_of(response_p: tuple[float, ...] = (0.001,), **changes: float) -> str:
    values = {name: np.array([value]) for name, value in {**ON_CELL, **changes}.items()}
    return classify(Evidence(response_p=np.array([response_p]), **values)).names[0]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "ON"),
        ({"on": 0.0, "off": 1.0, "on_off_index": -0.9}, "OFF"),
        ({"off": 1.0, "on_off_index": 0.1}, "ON-OFF"),
        ({"off": 1.0, "on_off_index": 0.8}, "ON"),
        ({"off": 1.0, "on_off_index": -0.8}, "OFF"),
        ({"on": 1.0, "off": 0.0, "on_off_index": 0.2}, "ON"),
        ({"dsi": 0.6, "dsi_p": 0.001}, "DS"),
        ({"dsi": 0.6, "dsi_p": 0.2}, "ON"),
        ({"osi": 0.6, "osi_p": 0.001}, "OS"),
        ({"dsi": 0.6, "dsi_p": 0.001, "osi": 0.6, "osi_p": 0.001}, "DS"),
        ({"rate_hz": 0.01}, "silent"),
        ({"on": 0.0}, "mixed"),
        ({"on": 0.0, "suppression_p": 1e-6, "suppression_index": -0.8}, "suppressed"),
        (
            {"on": 0.0, "off": 1.0, "suppression_p": 1e-6, "suppression_index": -0.8, "on_off_index": -1},
            "OFF",
        ),
    ],
)
def test_rules(changes: dict[str, float], expected: str) -> None:
    assert kind_of(**changes) == expected


def test_unresponsive_is_corrected_for_the_number_of_tests() -> None:
    assert kind_of((0.2, 0.6)) == "unresponsive"
    assert kind_of((0.004, 0.6)) == "ON"
    assert kind_of((0.004, 0.6, 0.9)) == "unresponsive"
    assert kind_of((0.004, NAN, NAN)) == "ON"
    assert kind_of((0.005, 0.6)) == "ON"  # exactly alpha is significant


def test_what_is_not_known_does_not_fire() -> None:
    assert kind_of((NAN,), dsi=NAN, dsi_p=NAN, osi=NAN, osi_p=NAN) == "ON, direction not tested"
    assert kind_of(suppression_p=NAN) == "ON, suppression not tested"
    assert kind_of(rate_hz=0.01, dsi=NAN) == "silent"
    assert kind_of(dsi=0.6, dsi_p=0.001, osi=NAN) == "DS"
    assert kind_of(on=NAN, off=NAN, on_off_index=NAN) == "unknown"


def test_a_selective_unit_needs_both_p_values() -> None:
    assert kind_of(dsi=0.6, dsi_p=0.001, dsi_rotation_p=0.1) == "ON"
    assert kind_of(osi=0.6, osi_p=0.001, osi_rotation_p=0.125) == "ON"


def test_a_suppressed_unit_repeats() -> None:
    changes = {"on": 0.0, "suppression_p": 1e-6, "suppression_index": -0.8}

    assert kind_of(**changes, step_p=0.3) == "mixed"


def test_margins_say_how_far_from_the_threshold() -> None:
    values = {name: np.array([value]) for name, value in {**ON_CELL, "dsi": 0.6, "dsi_p": 0.001}.items()}
    evidence = Evidence(response_p=np.array([[0.001]]), **values)

    found = classify(evidence, Thresholds(dsi=0.4))

    margins = dict(zip(RULES, found.margins[0], strict=True))
    assert margins["DS"] == pytest.approx(0.5)
    assert margins["silent"] == pytest.approx(1 - 5 / 0.05)
    assert classify(replace(evidence, dsi=np.array([0.39])), Thresholds(dsi=0.4)).names[0] == "ON"


BAR = {
    "dsi": 0.7,
    "dsi_p": 0.0005,
    "dsi_rotation_p": 1 / 64,
    "osi": 0.2,
    "osi_p": 0.4,
    "osi_rotation_p": 0.5,
    "quality_p": 0.001,
}


def features(**on_off: Any) -> dict[str, Any]:
    data = {
        "quality_p": 0.001,
        "suppression_p": 1.0,
        "suppression_index": 0.0,
        "on_response": True,
        "off_response": False,
        "on_transient": 50.0,
        "off_transient": 0.0,
        "on_off_index": 1.0,
        **on_off,
    }
    return {"on_off": {"data": data, "metadata": {}}}


class TestFeature:
    def recording(self, *units: dict[str, Any]) -> Recording:
        named = {
            f"unit_{k:03d}": {"spike_times": np.arange(600) * 1000, "features": unit}
            for k, unit in enumerate(units, start=1)
        }
        return Recording(
            named,
            {"acquisition_rate": np.array([20_000.0]), "recording_duration_s": np.array([60.0])},
            {},
        )

    def test_it_reads_the_other_features(self) -> None:
        bar = {"data": BAR}

        table = cell_type.compute(self.recording(features(), {**features(), "moving_bar": bar}))

        assert table.units["cell_type"] == ["ON, direction not tested", "DS"]
        assert table.units["rule"] == ["ON", "DS"]
        assert table.reasons_for("unit_001")["rule_margins"] == "no evidence for: DS, OS"
        assert table.reasons_for("unit_002") == {}

    def test_a_decrease_is_no_on_response(self) -> None:
        table = cell_type.compute(self.recording(features(on_transient=-40.0, on_off_index=NAN)))

        assert table.units["rule"] == ["mixed"]

    def test_unit_without_the_feature_is_not_classified_by_it(self) -> None:
        table = cell_type.compute(self.recording(features(), {}))

        assert table.units["rule"] == ["ON", "unknown"]

    def test_it_needs_on_off_and_takes_the_others_if_there(self) -> None:
        (reason,) = cell_type.missing(self.recording({}))

        assert "on_off" in reason
        assert cell_type.missing(self.recording(features())) == []

    def test_a_unit_that_does_not_respond_to_bars_was_tested(self) -> None:
        bar = {"data": {**BAR, "dsi": NAN, "osi": NAN, "dsi_p": NAN, "osi_p": NAN, "quality_p": 0.4}}

        table = cell_type.compute(self.recording({**features(), "moving_bar": bar}))

        assert table.units["cell_type"] == ["ON"]

    def test_thresholds_are_parameters(self) -> None:
        bar = {"data": BAR}
        recording = self.recording({**features(), "moving_bar": bar})

        strict = cell_type.compute(recording, cell_type.make_params({"dsi": 0.8}))

        assert strict.units["cell_type"] == ["ON"]
