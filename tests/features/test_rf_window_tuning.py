"""Direction tuning in the window in which the bar crosses the receptive field."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from hdmea.features.extractor import Recording
from hdmea.features.extractors.moving_bar import moving_bar
from hdmea.features.science.rf_window_tuning import RF_WINDOW_OUTPUTS
from hdmea.stimuli.definition import packaged_definitions
from tests.features.movies import BEFORE, movie_recording

MOVIE = "moving_h_bar_s5_d8_3x"
LENGTH, SWEEP, TRIAL = 50, 565, 4520


def with_windows(recording: Recording, windows: np.ndarray, unit_id: str = "unit_001") -> None:
    """Add what section_by_direction stores; windows (directions ascending, repetitions, 2)."""
    frames = recording.metadata["frame_timestamps"].astype(np.int64)
    spikes = recording.units[unit_id]["spike_times"].astype(np.int64)
    counts = np.diff(np.searchsorted(spikes, frames[windows]))[..., 0]
    recording.units[unit_id]["features"][f"direction_sections_{MOVIE}"] = {
        "data": {
            "directions_deg": np.arange(8) * 45.0,
            "rf_window_frames": windows,
            "rf_window_spike_counts": counts,
        },
        "metadata": {"missing": "{}"},
    }


def windows_at(offset: int, length: int = LENGTH) -> np.ndarray:
    sweep, trial = np.meshgrid(np.arange(8), np.arange(3), indexing="ij")
    start = BEFORE + trial * TRIAL + sweep * SWEEP + offset
    return np.stack([start, start + length], axis=-1)


def compute(recording: Recording) -> Any:
    return moving_bar.compute(recording, moving_bar.make_params({"n_permutations": 200}))


def test_only_spikes_in_the_window_count_and_are_rates() -> None:
    # Given a unit that fires 4 spikes in its field at 90 degrees, and as many elsewhere at 270 degrees
    fires = np.zeros((1, 3, TRIAL), int)
    fires[0, :, 2 * SWEEP + 210] = 4
    fires[0, :, 6 * SWEEP + 400] = 4
    recording = movie_recording(MOVIE, fires)
    with_windows(recording, windows_at(200))

    found = compute(recording).units

    rate = 4 / (LENGTH / 60)
    assert found["tuning_curve_rf_window"][0].tolist() == pytest.approx([0, 0, rate, 0, 0, 0, 0, 0])
    assert found["dsi_rf_window"][0] == pytest.approx(1)
    assert found["dsi_pref_null_rf_window"][0] == pytest.approx(1)
    assert found["preferred_direction_rf_window"][0] == pytest.approx(90)
    assert found["dsi"][0] == pytest.approx(0, abs=1e-12)


def test_a_shorter_window_does_not_tune() -> None:
    # Given a steady rate, and windows of one direction that the end of the sweep cuts to a half
    recording = movie_recording(MOVIE, np.ones((1, 3, TRIAL), int))
    windows = windows_at(200)
    windows[3, :, 1] -= LENGTH // 2
    with_windows(recording, windows)

    found = compute(recording).units

    assert found["tuning_curve_rf_window"][0] == pytest.approx(60)
    assert found["dsi_rf_window"][0] == pytest.approx(0, abs=1e-9)
    assert np.isnan(found["preferred_direction_rf_window"][0])


def test_order_of_directions_is_that_of_the_stimulus() -> None:
    # Given the first sweep of each trial moving to 180 degrees
    definition = packaged_definitions()[MOVIE]
    turned = [
        event.model_copy(update={"direction_deg": ((event.direction_deg or 0) + 180) % 360})
        for event in definition.events
    ]
    fires = np.zeros((1, 3, TRIAL), int)
    fires[0, :, 210] = 4
    recording = movie_recording(definition.model_copy(update={"events": tuple(turned)}), fires)
    with_windows(recording, np.roll(windows_at(200), 4, axis=0))

    found = compute(recording)

    assert found.recording["moving_bar_directions"][0] == 180
    assert np.flatnonzero(found.units["tuning_curve_rf_window"][0]).tolist() == [0]
    assert found.units["preferred_direction_rf_window"][0] == pytest.approx(180)


def test_windows_of_whole_sweeps_give_the_numbers_of_full_sweeps() -> None:
    fires = np.random.default_rng(1).poisson(0.02, (1, 3, TRIAL))
    recording = movie_recording(MOVIE, fires)
    with_windows(recording, windows_at(0, SWEEP))

    found = compute(recording).units

    for output in RF_WINDOW_OUTPUTS[3:]:
        plain = output.name.removesuffix("_rf_window")
        assert found[output.name][0] == pytest.approx(found[plain][0], abs=1e-9)


def test_units_without_windows_are_missing_with_their_reason_and_leave_others_alone() -> None:
    fires = np.random.default_rng(2).poisson(0.02, (3, 3, TRIAL))
    recording = movie_recording(MOVIE, fires)
    alone = movie_recording(MOVIE, fires[1:2])
    with_windows(recording, windows_at(200), "unit_002")
    with_windows(alone, windows_at(200))
    reason = {"rf_window": "the receptive field is not known: run extract_rf_geometry"}
    recording.units["unit_003"]["features"][f"direction_sections_{MOVIE}"] = {
        "data": {"directions_deg": np.arange(8) * 45.0},
        "metadata": {"missing": json.dumps(reason)},
    }

    table = compute(recording)

    for output in RF_WINDOW_OUTPUTS:
        values = table.units[output.name]
        assert np.isnan(values[[0, 2]]).all()
        np.testing.assert_array_equal(values[1], compute(alone).units[output.name][0])
        assert "section_by_direction" in table.reasons_for("unit_001")[output.name]
        assert table.reasons_for("unit_003")[output.name] == reason["rf_window"]
        assert output.name not in table.reasons_for("unit_002")


def test_silent_windows_have_p_1_and_reasons() -> None:
    recording = movie_recording(MOVIE, np.zeros((1, 3, TRIAL), int))
    with_windows(recording, windows_at(200))

    table = compute(recording)

    assert table.units["dsi_p_rf_window"][0] == 1
    assert table.units["tuning_curve_rf_window"][0].tolist() == [0] * 8
    assert table.reasons_for("unit_001")["dsi_rf_window"] == "no spike in any window"


@pytest.mark.parametrize("windows", [windows_at(200)[:, :2], windows_at(200) + 10**6])
def test_windows_of_other_sweeps_are_refused(windows: np.ndarray) -> None:
    recording = movie_recording(MOVIE, np.ones((1, 3, TRIAL), int))
    with_windows(recording, np.clip(windows, 0, recording.metadata["frame_timestamps"].size - 1))
    recording.units["unit_001"]["features"][f"direction_sections_{MOVIE}"]["data"]["rf_window_frames"] = (
        windows
    )

    table = compute(recording)

    assert "run section_by_direction again" in table.reasons_for("unit_001")["dsi_rf_window"]
