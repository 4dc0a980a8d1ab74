"""`load_recording` with a Phy folder: alone, beside a raw recording, in memory and in a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hdmea.pipeline import PipelineSession, create_session, load_recording
from hdmea.pipeline.loading import on_clock
from hdmea.utils.exceptions import CacheConflictError, DataLoadError, MismatchError
from tests.recordings.phy_folders import make_sorting, write_labels, write_phy
from tests.recordings.vendor_files import write_cmcr

FS = 20_000
SECONDS = 10


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "X-Rec_phy"


def write_light(path: Path, *blocks: tuple[int, int]) -> Path:
    """Write a raw recording with one light and one sync channel in blocks of (first, last + 1) sample."""
    spans = blocks or ((0, SECONDS * FS),)
    parts = [(first * 1_000_000 // FS, np.zeros((2, stop - first), np.int32)) for first, stop in spans]
    return write_cmcr(path, light=parts)


def spikes_of(session: PipelineSession) -> dict[str, np.ndarray]:
    return {name: np.asarray(unit["spike_times"]) for name, unit in session.units.items()}


def test_a_folder_alone_is_loaded_in_memory_and_in_a_file_alike(folder: Path, tmp_path: Path) -> None:
    truth = write_phy(folder)
    write_labels(folder, "cluster_group.tsv", "group", {0: "good", 1: "noise"})

    session = load_recording(cmtr_path=folder, session=create_session(None, None, folder))
    result = load_recording(cmtr_path=folder, output_dir=tmp_path / "out")

    assert session.dataset_id == result.dataset_id == "X-Rec"
    assert list(session.units) == ["unit_000", "unit_002", "unit_009"]
    for name, samples in spikes_of(session).items():
        np.testing.assert_array_equal(samples, np.sort(truth.times[truth.clusters == int(name[-3:])]))
    assert session.acquisition_rate == FS
    assert session.metadata["acquisition_rate_source"] == "sample_rate in params.py"
    assert any("noise" in text for text in session.warnings)
    loaded = PipelineSession.load(result.hdf5_path)
    np.testing.assert_equal(spikes_of(loaded), spikes_of(session))
    assert loaded.units["unit_000"]["unit_meta"]["label"] == "good"
    table = loaded.to_dataframe()
    assert table["sorter.label"].tolist() == ["good", "unsorted", "unsorted"]
    assert table["row"].tolist() == [unit["row"] for unit in session.units.values()]


def test_the_raw_recording_beside_the_folder_is_found_both_ways(folder: Path, tmp_path: Path) -> None:
    truth = write_phy(folder)
    cmcr = write_light(tmp_path / "X-Rec.cmcr")
    for sources in ({"cmtr_path": folder}, {"cmcr_path": cmcr}, {"cmcr_path": cmcr, "cmtr_path": folder}):
        session = load_recording(**sources, defer_save=True)
        assert session.dataset_id == "X-Rec"
        assert Path(session.source_files["cmcr_path"]) == cmcr
        assert Path(session.source_files["cmtr_path"]) == folder
        assert session.source_files["cmtr_size"] == sum(file.stat().st_size for file in folder.iterdir())
        assert session.duration_s == SECONDS
        assert "raw_ch1" in session.stimulus["light_reference"]
        np.testing.assert_array_equal(
            spikes_of(session)["unit_009"], np.sort(truth.times[truth.clusters == 9])
        )


def test_samples_are_moved_to_the_clock_of_the_recording(folder: Path, tmp_path: Path) -> None:
    blocks = ((5000, 60_000), (80_000, 225_000))
    clock = np.concatenate([np.arange(first, stop) for first, stop in blocks])
    truth = write_phy(folder)
    cmcr = write_light(tmp_path / "X-Rec.cmcr", *blocks)

    session = load_recording(cmcr, folder, defer_save=True)

    for name, samples in spikes_of(session).items():
        np.testing.assert_array_equal(samples, clock[np.sort(truth.times[truth.clusters == int(name[-3:])])])
    assert any("count recorded samples" in text for text in session.information)
    assert not any("nothing was recorded" in text for text in session.warnings)


def test_without_segments_samples_stay() -> None:
    samples = np.array([3, 9], np.uint64)
    np.testing.assert_array_equal(on_clock(samples, np.empty((0, 2), np.int64)), samples)


def test_spikes_after_the_end_of_the_recording_are_a_mismatch(folder: Path, tmp_path: Path) -> None:
    truth = make_sorting()
    write_phy(folder, replace(truth, times=truth.times * 2))
    with pytest.raises(MismatchError, match="not of one recording"):
        load_recording(write_light(tmp_path / "X-Rec.cmcr"), folder, defer_save=True)


def test_a_result_is_kept_until_the_folder_changes(folder: Path, tmp_path: Path) -> None:
    write_phy(folder)
    load_recording(cmtr_path=folder, output_dir=tmp_path)
    before = (tmp_path / "X-Rec.h5").stat().st_mtime_ns
    load_recording(cmtr_path=folder, output_dir=tmp_path)
    assert (tmp_path / "X-Rec.h5").stat().st_mtime_ns == before

    write_labels(folder, "cluster_group.tsv", "group", {0: "noise"})
    with pytest.raises(CacheConflictError):
        load_recording(cmtr_path=folder, output_dir=tmp_path)
    assert load_recording(cmtr_path=folder, output_dir=tmp_path, force=True).num_units == 3
    assert load_recording(cmtr_path=folder, output_dir=tmp_path, force=True, keep_noise=True).num_units == 4


def test_a_moved_folder_is_followed(folder: Path, tmp_path: Path) -> None:
    write_phy(folder)
    load_recording(cmtr_path=folder, output_dir=tmp_path)
    moved = folder.rename(tmp_path / "moved_phy")
    load_recording(cmtr_path=moved, dataset_id="X-Rec", output_dir=tmp_path)
    assert Path(PipelineSession.load(tmp_path / "X-Rec.h5").source_files["cmtr_path"]) == moved


def test_damage_leaves_no_trace(folder: Path, tmp_path: Path) -> None:
    write_phy(folder)
    (folder / "spike_times.npy").write_bytes(b"")
    session = create_session(None, None, folder)
    with pytest.raises(DataLoadError, match=r"spike_times\.npy"):
        load_recording(cmtr_path=folder, session=session)
    assert not session.units
    with pytest.raises(DataLoadError):
        load_recording(cmtr_path=folder, output_dir=tmp_path / "out")
    assert not [file for file in (tmp_path / "out").iterdir() if file.suffix == ".h5"]


def test_a_folder_given_as_raw_recording_is_told(folder: Path) -> None:
    write_phy(folder)
    with pytest.raises(DataLoadError, match="Phy folder"):
        load_recording(cmcr_path=folder, defer_save=True)


def test_texts_that_no_file_can_hold_do_not_keep_a_result_from_being_saved(
    folder: Path, tmp_path: Path
) -> None:
    write_phy(folder, params="sample_rate = 20000\ndtype = 'V9,,'\nnote = 'a\\0b\\ud800'\ndat_path = '..'\n")
    (folder / "cluster_info.tsv").write_bytes(
        b"cluster_id\ta/b\t..\t\tx y\tbad\xff\n0\tu\0v\t1\t2\t3\t\xfe\textra\n"
    )
    path = load_recording(cmtr_path=folder, output_dir=tmp_path).hdf5_path
    session = PipelineSession.load(path)
    measures = session.units["unit_000"]["unit_meta"]
    assert measures["a_b"] == "uv"
    assert measures["x_y"] == 3
    assert session.metadata["cmtr_meta"]["note"] == "ab?"
