"""Features of a recording that was not made by this project, with known truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdmea import pipeline

FEATURES = ("on_off", "green_blue", "chirp", "moving_bar", "dense_noise", "waveform", "cell_type")
# spikes per direction of three trials, DSI, preferred direction, OSI, orientation
BAR = {
    1: ((63, 52, 67, 77, 61, 69, 69, 78), 0.0325, 237.7, 0.0673, 125.3),
    2: ((73, 68, 96, 67, 79, 78, 76, 68), 0.0287, 135.3, 0.0377, 75.6),
    3: ((74, 71, 61, 52, 73, 66, 56, 58), 0.0191, 26.1, 0.0790, 21.0),
    4: ((55, 71, 75, 80, 81, 72, 90, 84), 0.0497, 217.8, 0.0589, 108.0),
    5: ((65, 64, 66, 72, 55, 53, 57, 57), 0.0579, 75.3, 0.0253, 128.0),
    6: ((48, 137, 152, 36, 12, 13, 9, 9), 0.6509, 67.3, 0.3502, 66.9),
    7: ((58, 139, 21, 11, 51, 111, 19, 19), 0.0845, 26.4, 0.5375, 36.3),
    8: ((70, 76, 67, 72, 81, 84, 66, 59), 0.0456, 170.0, 0.0594, 29.1),
    9: ((67, 77, 58, 73, 63, 54, 63, 63), 0.0436, 54.3, 0.0199, 165.5),
    10: ((83, 65, 65, 77, 68, 72, 68, 51), 0.0243, 128.6, 0.0367, 13.3),
    11: ((649, 691, 653, 668, 621, 616, 604, 686), 0.0250, 43.6, 0.0094, 142.7),
    13: ((222, 234, 200, 239, 210, 206, 243, 212), 0.0076, 342.1, 0.0088, 112.5),
    14: ((184, 149, 154, 197, 195, 170, 212, 187), 0.0508, 243.4, 0.0458, 140.7),
}
ON_OFF_INDEX = {1: 0.97, 2: 1, 3: -0.81, 4: -1, 5: 0.19, 6: -0.09, 7: 1, 8: 1, 9: 1, 10: 1}
COLOUR_INDEX = {1: -0.03, 2: -0.03, 5: -0.07, 6: -0.02, 7: -0.03, 8: 0.79, 9: -0.77, 10: -0.01}
TYPES = (
    *("ON", "ON", "OFF", "OFF", "ON-OFF", "DS", "OS", "ON", "ON", "ON"),
    *("suppressed", "silent", "unresponsive", "unresponsive"),
)


@pytest.fixture(scope="module")
def units(shared_data: Path) -> list[dict[str, Any]]:
    folder = shared_data / "sample"
    session = pipeline.create_session("sample", folder / "sample.cmcr", folder / "sample.cmtr")
    pipeline.load_recording(session=session)
    pipeline.add_section_time(playlist_name="synthetic_set", session=session)
    pipeline.section_spike_times(session=session)
    pipeline.compute_sta(session=session)
    pipeline.extract_features(features=FEATURES, session=session)
    return [{name: unit["features"][name]["data"] for name in FEATURES} for unit in session.units.values()]


@pytest.fixture(scope="module")
def truth(shared_data: Path) -> Any:
    return json.loads((shared_data / "sample" / "sample_truth.json").read_text())["units"]


@pytest.mark.parametrize("unit", BAR)
def test_direction_tuning_to_the_printed_digit(units: list[dict[str, Any]], unit: int) -> None:
    counts, dsi, preferred, osi, axis = BAR[unit]
    found = units[unit - 1]["moving_bar"]

    assert tuple(found["sweep_counts"].sum(axis=0)) == counts
    assert round(found["dsi_full_sweep"], 4) == dsi
    assert round(found["preferred_direction_full_sweep"], 1) == preferred
    assert round(found["osi_full_sweep"], 4) == osi
    assert round(found["preferred_motion_axis_full_sweep"], 1) == axis


def test_evoked_responses_have_the_direction_and_axis_of_the_truth(units: list[dict[str, Any]]) -> None:
    ds, os = units[5]["moving_bar"], units[6]["moving_bar"]

    assert ds["dsi"] > ds["dsi_full_sweep"]
    assert ds["preferred_direction"] == pytest.approx(67, abs=5)
    assert os["osi"] > os["osi_full_sweep"]
    assert os["preferred_motion_axis"] == pytest.approx(36, abs=5)


def test_only_the_tuned_units_are_significant(units: list[dict[str, Any]]) -> None:
    dsi = [number for number, unit in enumerate(units, 1) if unit["moving_bar"]["dsi_p"] <= 0.001]
    osi = [number for number, unit in enumerate(units, 1) if unit["moving_bar"]["osi_p"] <= 0.001]

    assert (dsi, osi) == ([6], [7])
    assert np.isnan(units[11]["moving_bar"]["dsi"])
    assert np.isnan(units[11]["moving_bar"]["dsi_p"])


@pytest.mark.parametrize("unit", ON_OFF_INDEX)
def test_on_off_index_within_the_scatter_of_three_trials(units: list[dict[str, Any]], unit: int) -> None:
    assert units[unit - 1]["on_off"]["on_off_index"] == pytest.approx(ON_OFF_INDEX[unit], abs=0.35)


@pytest.mark.parametrize("unit", COLOUR_INDEX)
def test_colour_index_within_the_scatter(units: list[dict[str, Any]], unit: int) -> None:
    found = units[unit - 1]["green_blue"]["chromatic_index_on"]

    assert found == pytest.approx(COLOUR_INDEX[unit], abs=0.35)


def test_latencies_are_those_of_the_truth(units: list[dict[str, Any]], truth: Any) -> None:
    for unit, known in zip(units[:10], truth, strict=False):
        for phase in ("on", "off"):
            if unit["on_off"][f"{phase}_response"]:
                frames = unit["on_off"][f"{phase}_latency"] * 60 / 1000
                late = frames - known["expected"]["step"][f"{phase}_latency_frames"]
                # Three trials: it takes some frames until two in a row hold more than one spike.
                assert -0.1 < late < 3.1


def test_amplitudes_and_phases_of_sines(units: list[dict[str, Any]], truth: Any) -> None:
    seconds = np.array([6, 9, 9, 9, 9])
    for unit, known in zip(units[:10], truth, strict=False):
        expected, found = known["expected"]["freq"], unit["chirp"]
        sd = np.sqrt(2 * expected["offset_hz"] / seconds)
        assert (np.abs(found["amplitude"] - expected["amplitude_hz"]) < 3.5 * sd).all()
        assert (np.abs(found["f2"] - expected["second_harmonic_amplitude_hz"])[:4] < 4.5 * sd[:4]).all()
        if expected["phase_rad"] is not None:
            clear = np.array(expected["amplitude_hz"]) > 4 * sd
            clear &= np.isfinite(found["phase"])
            difference = np.angle(np.exp(1j * (found["phase"] - np.array(expected["phase_rad"]))))
            assert (np.abs(difference[clear]) < 0.8).all()


def test_the_tuned_unit_has_its_preferred_frequency(units: list[dict[str, Any]]) -> None:
    assert units[9]["chirp"]["preferred_frequency"] == pytest.approx(2, rel=1e-3)
    for number in (5, 6, 11, 12, 13, 14):
        assert np.isnan(units[number - 1]["chirp"]["preferred_frequency"])


def test_receptive_fields(units: list[dict[str, Any]], truth: Any) -> None:
    for unit, known in zip(units, truth, strict=True):
        found, expected = unit["dense_noise"], known["expected"]["noise"]
        assert (found["rf_p"] <= 0.01) == expected["has_rf"]
        if not expected["has_rf"]:
            assert np.isnan(found["centre_x"])
            continue
        assert found["polarity"] == expected["polarity"]
        assert np.hypot(
            found["centre_x"] - expected["centre_x_px"], found["centre_y"] - expected["centre_y_px"]
        ) == pytest.approx(0, abs=0.35)
        assert found["sigma"] == pytest.approx(expected["sigma_px"], abs=0.15)
        assert found["latency"] == pytest.approx(expected["sta_peak"]["latency_ms"], abs=2.1 * 1000 / 60)


def test_cell_types(units: list[dict[str, Any]]) -> None:
    assert tuple(unit["cell_type"]["cell_type"] for unit in units) == TYPES


def test_controls_respond_to_nothing(units: list[dict[str, Any]]) -> None:
    for unit in units[11:]:
        for name in ("on_off", "green_blue", "chirp", "moving_bar"):
            assert not unit[name]["quality_p"] <= 0.05
        assert not unit["on_off"]["on_response"]
        assert not unit["on_off"]["off_response"]
        assert not unit["green_blue"]["color_opponent"]
