"""The step compute_eimage_sta on recordings that were not made by this project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdmea.pipeline.feature_table import feature_columns
from hdmea.pipeline.run import run_step
from hdmea.pipeline.session import PipelineSession
from hdmea.utils.exceptions import ConfigurationError, MissingInputError
from tests.pipeline.computed import copy_without_sensor, session_of
from tests.recordings.vendor_files import SensorBlock, write_cmcr


def truth_session(folder: Path, name: str) -> tuple[Any, Any]:
    """Session with the true spikes of a sample recording, and its truth."""
    truth = np.load(folder / f"{name}_truth.npz")
    trains = np.split(truth["spike_samples"], truth["spike_offsets"][1:-1].astype(int))
    session = session_of(*trains, source=folder / f"{name}.cmcr")
    for unit, row, col in zip(session.units.values(), truth["row"], truth["column"], strict=True):
        unit |= {"row": round(float(row)), "col": round(float(col))}
    return session, truth


@pytest.fixture
def sample(shared_data: Path, sample_raw: Path) -> tuple[Any, Any]:
    session, truth = truth_session(shared_data / "sample", "sample")
    session.set_source_files(cmcr_path=sample_raw)
    return session, truth


def image_of(session: Any, unit_id: str) -> Any:
    return session.units[unit_id]["features"]["eimage_sta"]


def test_image_and_facts_are_stored_per_unit(sample: tuple[Any, Any]) -> None:
    session, truth = sample

    outcome = run_step(session, "compute_eimage_sta", {"spike_limit": 60})

    entry = image_of(session, "unit_001")
    assert entry["data"].shape == (50, 16, 16)
    assert entry["data"].dtype == np.float32
    assert entry["data"].flags.c_contiguous
    facts = entry["metadata"]
    assert facts["n_spikes_used"] == 38
    assert facts["n_spikes_excluded"] == 22
    assert facts["unit"] == "uV"
    assert facts["window_range"] == [-10, 40]
    assert (facts["pre_samples"], facts["post_samples"]) == (10, 40)
    assert (facts["first_row"], facts["first_column"]) == (25, 25)
    assert facts["sampling_rate"] == 20_000
    assert any("end at 1.5 s" in message for message in outcome.warnings)
    footprint = np.swapaxes(truth["footprint_uv"][0], 1, 2)
    assert np.ptp(entry["data"], axis=0).max() == pytest.approx(np.ptp(footprint, axis=0).max(), rel=0.05)
    assert np.ptp(entry["data"], axis=0).argmax() == np.ptp(footprint, axis=0).argmax()


def test_only_the_units_asked_for_and_later_only_the_others(sample: tuple[Any, Any]) -> None:
    session, _ = sample

    first = run_step(session, "compute_eimage_sta", {"unit_ids": ("unit_003", 5)})
    kept = image_of(session, "unit_003")["data"]
    second = run_step(session, "compute_eimage_sta")

    assert first.items == ("unit_003", "unit_005")
    assert second.cached_items == ("unit_003", "unit_005")
    assert image_of(session, "unit_003")["data"] is kept
    assert all("eimage_sta" in unit["features"] for unit in session.units.values())


def test_result_counts_the_units_with_an_image(sample: tuple[Any, Any], tmp_path: Path) -> None:
    session, _ = sample
    outcome = run_step(session, "compute_eimage_sta", {"duration_s": 0.05})
    outcome.hdf5_path = tmp_path / "x.h5"

    result = outcome.definition.result(outcome)

    used = [image_of(session, unit_id)["metadata"]["n_spikes_used"] for unit_id in session.units]
    assert result.units_with_sta == sum(n > 0 for n in used) < result.num_units == 14
    assert 0 < result.filter_time_seconds <= result.elapsed_seconds
    assert any("No electrical image" in message and "unit_012" in message for message in result.warnings)


def test_neither_chunks_nor_threads_change_a_byte(sample: tuple[Any, Any]) -> None:
    session, _ = sample
    images = []
    for chunk, workers in ((10.0, 2), (0.01, 1)):
        run_step(session, "compute_eimage_sta", {"chunk_duration_s": chunk}, workers=workers, force=True)
        images.append(b"".join(image_of(session, unit_id)["data"].tobytes() for unit_id in session.units))

    assert images[0] == images[1]


def test_unsigned_counts_with_rows_first(shared_data: Path) -> None:
    session, truth = truth_session(shared_data / "variants" / "rowmajor_uint16_v2", "rowmajor")

    run_step(session, "compute_eimage_sta")

    for index, unit_id in enumerate(session.units):
        entry = image_of(session, unit_id)
        footprint = np.swapaxes(truth["footprint_uv"][index], 1, 2)
        assert entry["data"].shape[1:] == footprint.shape[1:] == (8, 11)
        if entry["metadata"]["n_spikes_used"] >= 10:
            largest = np.ptp(footprint, axis=0)
            assert np.ptp(entry["data"], axis=0).max() == pytest.approx(largest.max(), rel=0.1)
            assert np.ptp(entry["data"], axis=0).argmax() == largest.argmax()


def test_windows_do_not_cross_a_gap(shared_data: Path) -> None:
    session, _ = truth_session(shared_data / "variants" / "two_groups_gap", "two-groups-Rec")
    session.units["unit_001"]["spike_times"] = np.array([5, 100, 6990, 10_000, 340_005, 340_500], np.uint64)

    run_step(session, "compute_eimage_sta", {"unit_ids": ("unit_001",)})

    facts = image_of(session, "unit_001")["metadata"]
    assert (facts["n_spikes_used"], facts["n_spikes_excluded"]) == (2, 4)


def test_what_is_missing_is_named(sample: tuple[Any, Any], tmp_path: Path) -> None:
    session, _ = sample
    with pytest.raises(ConfigurationError, match=r"unit_099.*Its units: unit_001"):
        run_step(session, "compute_eimage_sta", {"unit_ids": (99,)})
    with pytest.raises(FileNotFoundError, match="cmcr_path"):
        run_step(session, "compute_eimage_sta", {"cmcr_path": str(tmp_path / "moved.cmcr")})
    bare = copy_without_sensor(Path(session.source_files["cmcr_path"]), tmp_path / "bare.cmcr")
    with pytest.raises(MissingInputError, match="does not contain sensor data"):
        run_step(session, "compute_eimage_sta", {"cmcr_path": bare})
    with pytest.raises(MissingInputError, match="as cmcr_path"):
        run_step(session_of([100]), "compute_eimage_sta")


def test_regions_of_the_chip_are_one_image(tmp_path: Path) -> None:
    """Given two recorded regions, then the image covers both and is NaN between them."""
    noise = np.random.default_rng(0).integers(-50, 50, (2000, 4, 6)).astype(np.int16)
    blocks = [SensorBlock(noise[:, :3, :3], region=1, left=40, top=40), SensorBlock(noise, region=2)]
    source = write_cmcr(tmp_path / "two.cmcr", sensor=blocks)
    session = session_of([500, 900], [700], source=source)
    session.units["unit_002"] |= {"row": 41, "col": 41}

    run_step(session, "compute_eimage_sta", {"skip_highpass": True})

    entry = image_of(session, "unit_002")
    assert entry["data"].shape == (50, 42, 42)
    assert (entry["metadata"]["first_row"], entry["metadata"]["first_column"]) == (1, 1)
    means = noise.mean(axis=0)
    expected = noise[690:740].astype(float) - means
    np.testing.assert_allclose(entry["data"][:, :6, :4], expected.transpose(0, 2, 1), atol=1e-4)
    np.testing.assert_allclose(entry["data"][:, 39:, 39:], expected[:, :3, :3].transpose(0, 2, 1), atol=1e-4)
    assert np.count_nonzero(np.isfinite(entry["data"][0])) == 24 + 9


def with_spikes(folder: Path, *, loose: tuple[int, int] | None = None) -> Any:
    """Session of one unit at row 12, column 23 of a region of 8 x 8 from row 10, column 20 on."""
    rng = np.random.default_rng(3)
    image = rng.normal(0, 10, (60_000, 8, 8))
    train = np.sort(rng.choice(np.arange(50, 59_900), 40, replace=False))
    for k, height in enumerate((-200, -120, -40)):
        image[train + k, 3, 2] += height
    if loose is not None:
        jumps = np.where(rng.random(len(image)) < 0.01, 20_000, 0) * rng.choice([-1, 1], len(image))
        image[:, loose[1] - 20, loose[0] - 10] = jumps
    block = SensorBlock(np.rint(image).astype(np.int16), left=20, top=10, factors=np.full(64, 1000.0))
    session = session_of(train, train, source=write_cmcr(folder / "a.cmcr", sensor=[block]))
    session.units["unit_001"] |= {"row": 12, "col": 23}
    session.units["unit_002"] |= {"row": 12, "col": 33}
    return session


class TestElectrodes:
    def test_a_loose_contact_is_named_stored_and_no_soma(self, tmp_path: Path) -> None:
        session = with_spikes(tmp_path, loose=(15, 26))

        run = run_step(session, "compute_eimage_sta")
        run_step(session, "extract_soma_geometry", {"sensor_pitch_um": 16})

        assert any("1 of 64 electrodes are bad" in message for message in run.warnings)
        assert any("column 26, row 15 (noisy)" in message for message in run.warnings)
        stored = session.metadata["electrodes"]
        assert stored["bad"].tolist() == [[15, 26]]
        assert (stored["bad_reasons"], stored["bad_source"]) == (["noisy"], "found")
        assert stored["noise_sd"].shape == (8, 8)
        assert stored["noise_sd"][2, 3] == pytest.approx(10, rel=0.1)
        soma = image_of(session, "unit_001")["geometry"]
        assert (soma["chip_row"], soma["chip_col"], soma["soma_to_sorter"]) == (12, 23, 0)

    def test_without_a_bad_one_nothing_is_said(self, tmp_path: Path) -> None:
        session = with_spikes(tmp_path)
        run = run_step(session, "compute_eimage_sta", {"unit_ids": ("unit_001",), "duration_s": 2.0})
        assert run.warnings == []
        assert session.metadata["electrodes"]["bad"].shape == (0, 2)

    def test_the_caller_may_name_them(self, tmp_path: Path) -> None:
        session = with_spikes(tmp_path, loose=(15, 26))

        run_step(session, "compute_eimage_sta", {"bad_electrodes": ((12, 23),)})

        stored = session.metadata["electrodes"]
        assert stored["bad"].tolist() == [[12, 23]]
        assert (stored["bad_reasons"], stored["bad_source"]) == (["named"], "named")
        with pytest.raises(ConfigurationError, match="row 9, column 20 was not recorded"):
            run_step(session, "compute_eimage_sta", {"bad_electrodes": ((9, 20),)}, force=True)

    def test_a_unit_outside_of_the_region_has_no_image(self, tmp_path: Path) -> None:
        session = with_spikes(tmp_path)

        run = run_step(session, "compute_eimage_sta")
        run_step(session, "extract_soma_geometry")
        run_step(session, "extract_axon_path")

        (said,) = (message for message in run.warnings if "No electrical image" in message)
        assert "rows 10–17, columns 20–27" in said
        assert said.endswith("unit_002.")
        entry = image_of(session, "unit_002")
        assert np.isnan(entry["data"]).all()
        assert entry["metadata"]["n_spikes_used"] == 0
        for part in ("geometry", "axon"):
            missing = json.loads(entry[part]["missing"])
            name = {"geometry": "chip_row", "axon": "velocity"}[part]
            assert "outside of the recorded region" in missing[name]

    def test_snr_and_spikes_are_in_the_table(self, tmp_path: Path) -> None:
        session = with_spikes(tmp_path)
        run_step(session, "compute_eimage_sta")
        columns = {column.name: column for column in feature_columns(session)}
        assert columns["eimage.n_spikes_used"].values == (40, 0)
        snr = columns["eimage.image_snr"].values[0]
        # 200 at the trough, some 2 SD of the mean's noise on top, over 10 / sqrt(40).
        assert snr == pytest.approx(200 / (10 / np.sqrt(40)), rel=0.1)
        assert columns["eimage.image_snr"].definition

    def test_a_soma_far_from_the_sorter_s_electrode_is_told(self, tmp_path: Path) -> None:
        session = with_spikes(tmp_path)
        session.units["unit_001"] |= {"row": 16, "col": 20}
        run_step(session, "compute_eimage_sta")

        run = run_step(session, "extract_soma_geometry", {"sensor_pitch_um": 16})

        assert image_of(session, "unit_001")["geometry"]["soma_to_sorter"] == 5
        assert any("unit_001 (5.0)" in message for message in run.warnings)

    def test_few_spikes_give_neither_soma_nor_axon_nor_waveform(self, tmp_path: Path) -> None:
        session = with_spikes(tmp_path)
        session.units["unit_001"]["spike_times"] = session.units["unit_001"]["spike_times"][:4]
        session.units["unit_001"]["waveform"] = np.zeros(20, np.float32)
        run_step(session, "compute_eimage_sta")
        run_step(session, "extract_soma_geometry")
        run_step(session, "extract_axon_path")
        run_step(session, "extract_features", {"features": ("waveform",)})
        features = session.units["unit_001"]["features"]
        for entry in (features["eimage_sta"]["geometry"], features["eimage_sta"]["axon"]):
            assert "4 spikes were averaged, 5 are needed" in entry["missing"]
        assert np.isnan(features["eimage_sta"]["geometry"]["chip_row"])
        assert {"noise_sd", "length", "velocity"} <= set(
            json.loads(features["eimage_sta"]["axon"]["missing"])
        )
        assert np.isnan(features["waveform"]["data"]["trough_to_peak"])
        assert "4 spikes were averaged" in features["waveform"]["metadata"]["missing"]

    def test_what_is_known_of_the_electrodes_is_saved(self, tmp_path: Path) -> None:
        session = with_spikes(tmp_path, loose=(15, 26))
        run_step(session, "compute_eimage_sta")
        loaded = PipelineSession.load(session.save(tmp_path / "r.h5"))
        assert loaded.metadata["electrodes"]["bad"].tolist() == [[15, 26]]
        assert loaded.metadata["electrodes"]["bad_reasons"] == ["noisy"]
        np.testing.assert_array_equal(
            loaded.metadata["electrodes"]["noise_sd"], session.metadata["electrodes"]["noise_sd"]
        )
