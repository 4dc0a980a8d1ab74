"""The whole flow on recordings that were not made by this project's code; figures from their description."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hdmea.pipeline import FlowResult, PipelineSession, create_session, run_flow, run_step
from tests.integration.round_trips import CHAIN, assert_round_trip

NOISE = "perfect_dense_noise_15x15_15hz_r42_1min"
# Unit: spikes per trial of step, green/blue, frequency steps, moving bar; spikes used and extreme of the STA.
TRIALS = {
    1: ([36, 34, 19], [40, 46, 45], [214, 190, 195], [191, 184, 161], 983, (56, 10, 7), 199.746),
    2: ([190, 210, 167], [215, 211, 232], [256, 227, 244], [210, 205, 190], 1043, (57, 6, 5), 213.193),
    3: ([27, 32, 23], [51, 53, 56], [261, 274, 255], [161, 183, 167], 995, (55, 4, 3), 56.894),
    6: ([39, 46, 30], [77, 71, 50], [272, 290, 253], [146, 130, 140], 1081, (57, 3, 6), 195.083),
    11: ([150, 147, 137], [174, 155, 179], [287, 291, 313], [1758, 1778, 1652], 746, (41, 6, 10), 97.420),
    12: ([0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0], 0, None, np.nan),
    14: ([57, 72, 83], [68, 38, 86], [206, 171, 199], [481, 494, 473], 439, (21, 5, 1), 85.387),
}
FROM_STA = ("extract_rf_geometry", "fit_lnl")
FROM_IMAGES = ("extract_soma_geometry", "extract_axon_path")
MOVIES = ("step_up_5s_5i_b0_3x", "green_blue_3s_3i_3x", "freq_step_5st_3x", "moving_h_bar_s5_d8_3x")


@pytest.fixture(scope="module")
def sample(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[FlowResult, PipelineSession]:
    folder = shared_data / "sample"
    output = tmp_path_factory.mktemp("results")
    result = run_flow("standard", folder / "sample.cmcr", folder / "sample.cmtr", output_dir=output)
    assert result.hdf5_path is not None
    return result, PipelineSession.load(result.hdf5_path, lazy=True)


def test_sample_runs_through(sample: tuple[FlowResult, PipelineSession]) -> None:
    result, session = sample
    assert result.success
    assert not result.steps_skipped
    assert session.unit_count == 14
    assert session.duration_s == 496
    frames = session.metadata["frame_timestamps"]
    assert (len(frames), int(frames[0]), int(frames[-1])) == (28_566, 61_332, 9_583_000)
    assert session.units["unit_001"]["firing_rate_10hz"].shape == (4960,)
    light = session.stimulus["light_reference"]["raw_ch1"]
    assert light.astype(np.float64).sum() == pytest.approx(7_277_441_665_000, rel=1e-7)


@pytest.mark.parametrize("unit", TRIALS)
def test_trials_and_sta_of_the_sample(sample: tuple[FlowResult, PipelineSession], unit: int) -> None:
    data = sample[1].units[f"unit_{unit:03d}"]
    *counts, used, extreme, value = TRIALS[unit]
    for movie, expected in zip(MOVIES, counts, strict=True):
        trials = data["spike_times_sectioned"][movie]["trials_spike_times"]
        assert [len(trials[n]) for n in range(len(trials))] == expected
    entry = data["features"][f"sta_{NOISE}"]
    assert entry["metadata"]["n_spikes_used"] == used
    if extreme is None:
        assert np.isnan(entry["data"]).all()
    else:
        place = np.unravel_index(np.argmax(np.abs(entry["data"] - 127.5)), entry["data"].shape)
        assert place == extreme
        assert entry["data"][place] == pytest.approx(value, abs=6e-4)


@pytest.mark.parametrize(
    ("folder", "units", "skipped"),
    [
        ("rowmajor_uint16_v2", [1, 2, 3, 4], set()),
        ("two_groups_gap", [1, 2, 3, 4], {"compute_sta", *FROM_STA}),
        ("no_aux", [1, 2, 3, 4], {"add_section_time", "section_spike_times", "compute_sta", *FROM_STA}),
        ("no_sorter", [], {"compute_eimage_sta", *FROM_IMAGES, *FROM_STA}),
        ("odd_units_broken_link", [2, 5, 17, 103], set()),
    ],
)
def test_variants_give_what_they_hold(
    shared_data: Path, tmp_path: Path, folder: str, units: list[int], skipped: set[str]
) -> None:
    (cmcr,) = (shared_data / "variants" / folder).glob("*.cmcr")
    result = run_flow("standard", cmcr, output_dir=tmp_path)
    assert result.success, result.error
    assert result.hdf5_path is not None
    session = PipelineSession.load(result.hdf5_path)
    assert list(session.units) == [f"unit_{number:03d}" for number in units]
    assert set(result.steps_skipped) == skipped | {"section_by_direction"}, "none shows moving bars"
    assert_round_trip(session, tmp_path, CHAIN, lazy=True)


def test_movie_after_a_gap_is_refused_until_it_is_anchored(shared_data: Path) -> None:
    (cmcr,) = (shared_data / "variants" / "two_groups_gap").glob("*.cmcr")
    noise = "dense_noise_15x15_15hz_r42_652f"
    session = create_session(cmcr_path=cmcr)
    run_step(session, "load_recording", {"cmcr_path": cmcr})
    run_step(session, "add_section_time")
    assert list(session.stimulus["section_time"]) == ["step_up_1s_1i_b0_3x"]
    said = [*session.warnings, *session.information]
    assert any(noise in text and "reanchor" in text for text in said)
    event = round(17_083_400 / 50)
    run_step(session, "add_section_time", {"reanchor": {noise: event}}, force=True)
    run_step(session, "compute_sta")
    assert session.units["unit_001"]["features"][f"sta_{noise}"]["metadata"]["n_spikes_used"] > 0
