"""Recordings and ways of working that nobody tried before, found by a review from outside."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import pytest

from hdmea.pipeline import (
    PipelineSession,
    add_section_time,
    create_session,
    extract_features,
    load_recording,
    load_recording_with_eimage_sta,
    run_flow,
)
from hdmea.simulate import Experiment, SimulatedRecording, simulate_recording


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> SimulatedRecording:
    return simulate_recording(tmp_path_factory.mktemp("recorded"), Experiment.tiny())


def test_a_recording_that_was_moved_is_followed(tiny: SimulatedRecording, tmp_path: Path) -> None:
    """Given a kept result, when its files have moved, then later steps find raw data and stimuli there."""
    first, second = tmp_path / "first", tmp_path / "second"
    shutil.copytree(tiny.folder, first)
    cmcr, cmtr = first / tiny.cmcr_path.name, first / tiny.cmtr_path.name
    load_recording(cmcr, cmtr, output_dir=tmp_path)
    first.rename(second)

    cmcr, cmtr = second / cmcr.name, second / cmtr.name
    result = load_recording_with_eimage_sta(cmcr, cmtr, output_dir=tmp_path)

    assert result.units_with_sta == 5
    assert PipelineSession.load(result.hdf5_path).source_files["cmtr_path"] == str(cmtr)
    assert add_section_time(result.hdf5_path) is True


@pytest.mark.parametrize("locking", [None, True, False])
def test_a_file_that_the_script_itself_has_open(
    tiny: SimulatedRecording, tmp_path: Path, locking: bool | None
) -> None:
    """Given a script that looks into the result with h5py, then steps work, and its handle stays usable."""
    path = load_recording(tiny.cmcr_path, tiny.cmtr_path, output_dir=tmp_path, layout="columns").hdf5_path
    with h5py.File(path, "r", locking=locking) as own:
        assert PipelineSession.load(path).unit_count == 5
        assert extract_features(path, ["frif"]).features_extracted == ["frif"]
        assert len(own["units/id"]) == 5
    assert "frif" in PipelineSession.load(path).units["unit_001"]["features"]


def test_a_flow_on_a_session_in_memory_gives_the_documented_results(
    tiny: SimulatedRecording, tmp_path: Path
) -> None:
    session = create_session(None, tiny.cmcr_path, tiny.cmtr_path, tmp_path)
    result = run_flow("quick", tiny.cmcr_path, tiny.cmtr_path, session=session)

    assert result.success
    assert result.hdf5_path is None
    assert result.load_result is not None
    assert result.load_result.num_units == session.unit_count > 0
    assert result.load_result.hdf5_path == session.default_path
    assert result.extraction_result is not None
    assert not list(tmp_path.iterdir()), "nothing is written"
