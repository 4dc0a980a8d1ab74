"""Steps for somas, axons, receptive fields, models and directions: on a small session with known truth."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdmea.pipeline.context import StepRun
from hdmea.pipeline.run import run_step
from hdmea.pipeline.session import PipelineSession
from hdmea.results.sectioned import SectionedSpikes
from hdmea.utils.arrays import AttrArray
from hdmea.utils.exceptions import ConfigurationError, MissingInputError
from tests.features.images import PRE, axon_image, soma_image
from tests.features.test_linear_nonlinear import spikes, true_filter, true_generator

RATE = 20_000.0
FRAME = 333
NOISE, BAR = "dense_noise_6x6", "moving_bar_2d"
COVER = (-12, 0)
NOISE_FRAMES, SWEEP = 3600, 100
BAR_CONTENT = 100 + NOISE_FRAMES + 100


def _bar_movie() -> np.ndarray:
    """Two trials of a bar, 2 px wide, to the right (0 degrees) and upwards (90); 10 frames per pixel."""
    movie = np.zeros((4 * SWEEP, 6, 6), np.uint8)
    for frame in range(SWEEP):
        front = frame // 10
        lit = [edge for edge in (front, front - 1) if 0 <= edge < 6]
        for start in (0, 2 * SWEEP):
            movie[start + frame][:, lit] = 255
            movie[start + SWEEP + frame][[5 - edge for edge in lit]] = 255
    return movie


@pytest.fixture
def session(tmp_path: Path) -> PipelineSession:
    """Two units: one with soma, axon, receptive field and spikes, one silent."""
    rng = np.random.default_rng(0)
    noise = np.repeat(rng.integers(0, 2, (NOISE_FRAMES // 4, 6, 6), dtype=np.uint8) * 255, 4, axis=0)
    (tmp_path / "stimuli").mkdir()
    np.save(tmp_path / "stimuli" / f"{NOISE}.npy", noise)
    np.save(tmp_path / "stimuli" / f"{BAR}.npy", _bar_movie())
    frames = np.arange(BAR_CONTENT + 4 * SWEEP + 100, dtype=np.uint64) * FRAME + 5000
    k = spikes(15 * np.exp(0.8 * true_generator(noise)), 1)
    in_bar = np.concatenate([BAR_CONTENT + trial * 2 * SWEEP + np.array([30, 35, 150]) for trial in (0, 1)])
    train = np.sort(np.concatenate([frames[100 + k], frames[in_bar]])).astype(np.uint64) + np.uint64(7)
    line = np.array([8.0, 4.0]) + np.linspace(0, 16, 100)[:, None] * [0.0, 1.0]
    image = soma_image((16, 24), (8, 4), sigma=1.0) + axon_image((16, 24), line, 1.5)
    image += rng.normal(0, 0.5, image.shape)
    sta = 127.5 + 60 * true_filter() / true_filter().max() + rng.normal(0, 4, (12, 6, 6))
    session = PipelineSession("small", output_dir=tmp_path)
    session.source_files["cmcr_path"] = str(tmp_path / "small.cmcr")
    session.add_units({"unit_001": _unit(train, image, sta)})
    silent = np.full_like(image, np.nan), np.full_like(sta, np.nan)
    session.add_units({"unit_002": _unit(np.empty(0, np.uint64), *silent)})
    session.add_metadata({"acquisition_rate": np.array([RATE]), "frame_timestamps": frames})
    session.add_stimulus({"section_time": _sections(frames), "trial_time": {BAR: _trials(frames)}})
    for name in (
        "load_recording",
        "add_section_time",
        "section_spike_times",
        "compute_sta",
        "compute_eimage_sta",
    ):
        session.mark_step_complete(name)
    return session


def missing_units(run: StepRun) -> list[str]:
    """Return what the result of a step, as it is or kept, says."""
    run.hdf5_path = Path("result.h5")
    missing: list[str] = run.definition.result(run).units_missing
    return missing


def _unit(train: np.ndarray, image: np.ndarray, sta: np.ndarray) -> dict[str, Any]:
    facts = {"pre_samples": PRE, "sampling_rate": RATE, "first_row": 25, "first_column": 31, "unit": "µV"}
    trial = np.zeros((1, 2), np.int64)
    return {
        "spike_times": train,
        "row": 33,
        "col": 34,
        "spike_times_sectioned": {BAR: SectionedSpikes(trial, train, trial)},
        "features": {
            "eimage_sta": {"data": image.astype(np.float32), "metadata": facts},
            f"sta_{NOISE}": {
                "data": sta.astype(np.float32),
                "metadata": {"cover_range": list(COVER), "trials": "first", "n_spikes_used": train.size},
            },
        },
    }


def _sections(frames: np.ndarray) -> dict[str, AttrArray]:
    shown = ((NOISE, 100, NOISE_FRAMES), (BAR, BAR_CONTENT, 4 * SWEEP))
    return {
        movie: AttrArray(
            frames[[[first, first + length]]].astype(np.int64),
            {"content_frame": np.array([first]), "movie_length": length},
        )
        for movie, first, length in shown
    }


def _trials(frames: np.ndarray) -> AttrArray:
    bounds = BAR_CONTENT + np.array([[0, 2 * SWEEP], [2 * SWEEP, 4 * SWEEP]])
    sweeps = [
        {"type": "sweep", "direction_deg": 90 * n, "start_frame": n * SWEEP, "end_frame": (n + 1) * SWEEP}
        for n in range(2)
    ]
    layout = {"start_frame": 0, "trial_length_frame": 2 * SWEEP, "repeat": 2}
    definition = json.dumps({"kind": "moving_bar", "section_kwargs": layout, "events": sweeps})
    return AttrArray(frames[bounds].astype(np.int64), {"frames": bounds, "definition": definition})


def feature(session: PipelineSession, *path: str, unit: str = "unit_001") -> dict[str, Any]:
    node: Any = session.units[unit]["features"]
    for name in path:
        node = node[name]
    return node  # type: ignore[no-any-return]


class TestSoma:
    def test_place_on_the_chip_and_lengths_in_um(self, session: PipelineSession) -> None:
        run_step(session, "extract_soma_geometry", {"sensor_pitch_um": 16})

        soma = feature(session, "eimage_sta", "geometry")
        assert (soma["center_row"], soma["center_col"]) == (8, 4)
        assert (soma["chip_row"], soma["chip_col"]) == (33, 35)
        assert soma["size_x_um"] == 16 * soma["size_x"]
        assert soma["soma_to_sorter"] == 1
        assert soma["diff_map"].attrs == {"unit": "µV"}
        assert json.loads(soma["missing"]) == {}

    def test_without_pitch_um_are_missing_with_the_reason(self, session: PipelineSession) -> None:
        run = run_step(session, "extract_soma_geometry", {})

        soma = feature(session, "eimage_sta", "geometry")
        assert math.isnan(soma["area_um2"])
        assert "sensor_pitch_um" in json.loads(soma["missing"])["area_um2"]
        assert any("sensor_pitch_um" in message for message in run.warnings)

    def test_pitch_is_remembered(self, session: PipelineSession) -> None:
        run_step(session, "extract_soma_geometry", {"sensor_pitch_um": 16})

        run = run_step(session, "extract_axon_path", {})

        assert feature(session, "eimage_sta", "axon")["velocity_m_s"] == pytest.approx(
            1.5 * 20 * 16 / 1000, rel=0.06
        )
        assert run.warnings == []

    def test_silent_unit_is_named(self, session: PipelineSession) -> None:
        run = run_step(session, "extract_soma_geometry", {"sensor_pitch_um": 16})

        assert missing_units(run) == ["unit_002"]
        kept = run_step(session, "extract_soma_geometry", {"sensor_pitch_um": 16})
        assert (kept.cached, missing_units(kept)) == (True, ["unit_002"])
        soma = feature(session, "eimage_sta", "geometry", unit="unit_002")
        assert "no spike" in json.loads(soma["missing"])["area"]

    def test_image_stays_as_it_was(self, session: PipelineSession) -> None:
        before = feature(session, "eimage_sta", "data").tobytes()

        run_step(session, "extract_soma_geometry", {})

        assert feature(session, "eimage_sta")["data"].tobytes() == before

    def test_needs_images(self, session: PipelineSession) -> None:
        for unit in session.units.values():
            del unit["features"]["eimage_sta"]

        with pytest.raises(MissingInputError, match="compute_eimage_sta"):
            run_step(session, "extract_soma_geometry", {})


class TestAxon:
    def test_velocity_in_electrodes_without_pitch(self, session: PipelineSession) -> None:
        run = run_step(session, "extract_axon_path", {})

        axon = feature(session, "eimage_sta", "axon")
        assert axon["velocity"] == pytest.approx(1.5 * 20, rel=0.06)
        assert axon["velocity_low"] <= axon["velocity"] <= axon["velocity_high"]
        assert math.isnan(axon["velocity_m_s"])
        assert missing_units(run) == ["unit_002"]

    def test_number_of_threads_does_not_matter(self, session: PipelineSession) -> None:
        run_step(session, "extract_axon_path", {}, workers=1)
        one = feature(session, "eimage_sta", "axon")
        run_step(session, "extract_axon_path", {}, workers=2, force=True)
        two = feature(session, "eimage_sta", "axon")

        assert {k: np.asarray(v).tobytes() for k, v in one.items()} == {
            k: np.asarray(v).tobytes() for k, v in two.items()
        }


class TestReceptiveField:
    def test_place_in_pixels_and_on_the_chip(self, session: PipelineSession, tmp_path: Path) -> None:
        path = tmp_path / "calibration.json"
        path.write_text('{"um_per_pixel": 50, "offset_um": [10, 20]}')

        run_step(session, "extract_rf_geometry", {"calibration_path": path})

        field = feature(session, f"sta_{NOISE}", "sta_geometry")
        assert (field["rf_x"], field["rf_y"]) == pytest.approx((3, 2), abs=0.3)
        assert (field["rf_x_um"], field["rf_y_um"]) == pytest.approx((160, 120), abs=15)
        assert field["area_um2"] == pytest.approx(2500 * field["area"])
        assert field["polarity"] == 1
        assert field["latency"] == pytest.approx(4 * FRAME / 20)

    def test_calibration_is_remembered(self, session: PipelineSession, tmp_path: Path) -> None:
        (tmp_path / "c.json").write_text('{"um_per_pixel": 50}')
        run_step(session, "extract_rf_geometry", {"calibration_path": tmp_path / "c.json"})
        (tmp_path / "c.json").unlink()

        run_step(session, "extract_rf_geometry", {}, force=True)

        assert feature(session, f"sta_{NOISE}", "sta_geometry")["area_um2"] > 0

    def test_unknown_movie_is_refused(self, session: PipelineSession) -> None:
        with pytest.raises(ConfigurationError, match=NOISE):
            run_step(session, "extract_rf_geometry", {"movie_name": "other"})


class TestModel:
    def test_model_is_found_for_the_unit_that_has_one(self, session: PipelineSession) -> None:
        run = run_step(session, "fit_lnl", {})

        found = feature(session, "lnl")["data"]
        assert found["bits_per_spike"] > 0.1
        assert found["bin_rate"].shape == (20,)
        assert missing_units(run) == ["unit_002"]
        silent = feature(session, "lnl", unit="unit_002")["data"]
        assert "100 are needed" in json.loads(silent["missing"])["r2"]

    def test_spikes_of_frames_that_were_shown_are_counted(self, session: PipelineSession) -> None:
        run_step(session, "fit_lnl", {})

        frames = session.metadata["frame_timestamps"]
        train = session.units["unit_001"]["spike_times"]
        expected = ((train >= frames[112]) & (train < frames[100 + NOISE_FRAMES])).sum()
        assert feature(session, "lnl")["data"]["n_spikes"] == expected


class TestDirections:
    def test_spikes_are_sorted_by_direction_and_repetition(self, session: PipelineSession) -> None:
        run_step(session, "section_by_direction", {})

        found = feature(session, f"direction_sections_{BAR}")["data"]
        np.testing.assert_array_equal(found["directions_deg"], [0, 90])
        np.testing.assert_array_equal(found["spike_counts"], [[2, 2], [1, 1]])
        spikes_ = session.units["unit_001"]["spike_times"]
        first, last = found["spike_ranges"][1, 0]
        assert spikes_[first:last].tolist() == [
            int(session.metadata["frame_timestamps"][BAR_CONTENT + 150]) + 7
        ]
        assert session.stimulus["direction_time"][BAR].shape == (2, 2, 2)

    def test_without_receptive_field_there_is_no_window_and_a_reason(self, session: PipelineSession) -> None:
        run_step(session, "section_by_direction", {})

        entry = feature(session, f"direction_sections_{BAR}")
        assert "rf_window_frames" not in entry["data"]
        assert "the receptive field is not known" in entry["metadata"]["missing"]

    def test_window_is_the_bars_crossing_with_padding(self, session: PipelineSession) -> None:
        run_step(session, "extract_rf_geometry", {})

        run_step(session, "section_by_direction", {"padding_frames": 5})

        # The bar covers column 3 in frames 30 to 50 of a sweep, and row 2 likewise.
        found = feature(session, f"direction_sections_{BAR}")["data"]
        start = BAR_CONTENT + np.array([[0, 200], [100, 300]])
        np.testing.assert_allclose(found["rf_window_frames"][..., 0] - start, 25, atol=10)
        np.testing.assert_allclose(np.diff(found["rf_window_frames"])[..., 0], 30, atol=10)
        assert (found["rf_window_spike_counts"] <= found["spike_counts"]).all()

    def test_direction_tuning_takes_the_windows(self, session: PipelineSession) -> None:
        for name in ("extract_rf_geometry", "section_by_direction"):
            run_step(session, name, {})

        run_step(session, "extract_features", {"features": ["moving_bar"]})

        crossings = feature(session, f"direction_sections_{BAR}")["data"]["rf_window_frames"]
        found = feature(session, "moving_bar")["data"]
        assert found["window_source"] == "receptive field"
        lengths = np.diff(found["response_windows"])[..., 0]
        assert np.unique(lengths).tolist() == [np.diff(crossings).max()]
        starts = crossings[..., 0].T - found["response_windows"][..., 0]
        assert np.unique(np.diff(np.sort(starts.ravel()))).tolist() == [100], "first frames of the sweeps"
        other = feature(session, "moving_bar", unit="unit_002")["data"]
        assert other["window_source"] != "receptive field", "its field is not known"

    def test_needs_sweeps(self, session: PipelineSession) -> None:
        session.stimulus["trial_time"] = {}

        with pytest.raises(MissingInputError, match="section_spike_times"):
            run_step(session, "section_by_direction", {})


def test_everything_is_stored_and_read_back(session: PipelineSession, tmp_path: Path) -> None:
    for name in (
        "extract_soma_geometry",
        "extract_axon_path",
        "extract_rf_geometry",
        "fit_lnl",
        "section_by_direction",
    ):
        run_step(session, name, {})
    path = session.save(tmp_path / "small.h5")

    loaded = PipelineSession.load(path)

    for where in (("eimage_sta", "geometry"), ("eimage_sta", "axon"), (f"sta_{NOISE}", "sta_geometry")):
        kept, found = feature(session, *where), feature(loaded, *where)
        assert kept.keys() == found.keys()
        for name, value in kept.items():
            np.testing.assert_array_equal(found[name], value)
    np.testing.assert_array_equal(
        feature(loaded, "lnl")["data"]["bin_rate"], feature(session, "lnl")["data"]["bin_rate"]
    )
