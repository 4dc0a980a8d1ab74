"""A result whose folder was renamed, together with the recording, its playlist and its movies."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from hdmea.pipeline.moved_sources import find_moved_sources
from hdmea.pipeline.run import run_step
from hdmea.pipeline.session import PipelineSession, create_session
from hdmea.stimuli.library import StimulusLibrary
from hdmea.utils.exceptions import ConfigurationError
from tests.recordings.vendor_files import SensorBlock, VendorUnit, write_cmcr, write_cmtr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Folder with a recording, a playlist, and the result of loading it."""
    before = tmp_path / "before"
    before.mkdir()
    counts = np.random.default_rng(0).integers(-50, 50, (4000, 4, 5)).astype(np.int16)
    cmcr = write_cmcr(before / "a.cmcr", sensor=[SensorBlock(counts, width=4, height=5)])
    cmtr = write_cmtr(before / "a.cmtr", [VendorUnit(1, [50_000, 90_000])], duration_us=200_000)
    (before / "playlist.csv").write_text("playlist_name,movie_names\nmine,\"['m.mov']\"\n")
    session = create_session("a", cmcr, cmtr)
    run_step(session, "load_recording")
    session.save(before / "a.h5")
    return before


def test_files_beside_the_result_are_taken_and_that_is_said(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    after = folder.rename(folder.with_name("after"))

    with caplog.at_level(logging.WARNING):
        session = PipelineSession.load(after / "a.h5")

    assert session.source_files["cmcr_path"] == str(after / "a.cmcr")
    assert session.source_files["cmtr_path"] == str(after / "a.cmtr")
    assert not session.has_unsaved_changes
    said = f"{folder / 'a.cmcr'} no longer exists; {after / 'a.cmcr'} beside the result is used."
    assert said in session.information
    assert said in caplog.messages
    run_step(session, "compute_eimage_sta")
    assert StimulusLibrary.for_recording(session.source_files).playlist("mine").path == after / "playlist.csv"


def test_the_result_may_lie_in_a_folder_of_its_own(folder: Path) -> None:
    (folder / "results").mkdir()
    (folder / "a.h5").rename(folder / "results" / "a.h5")
    after = folder.rename(folder.with_name("after"))
    session = PipelineSession.load(after / "results" / "a.h5", lazy=True)
    assert session.source_files["cmcr_path"] == str(after / "a.cmcr")


def test_the_old_place_counts_as_long_as_it_is_there(folder: Path) -> None:
    copy = folder.with_name("copy")
    copy.mkdir()
    for name in ("a.h5", "a.cmcr"):
        (copy / name).write_bytes((folder / name).read_bytes())
    session = PipelineSession.load(copy / "a.h5")
    assert session.source_files["cmcr_path"] == str(folder / "a.cmcr")
    assert session.information == PipelineSession.load(folder / "a.h5").information


def test_a_file_of_another_size_is_another_file(folder: Path) -> None:
    after = folder.rename(folder.with_name("after"))
    with (after / "a.cmcr").open("ab") as file:
        file.write(b"more")
    session = PipelineSession.load(after / "a.h5")
    assert session.source_files["cmcr_path"] == str(folder / "a.cmcr")
    with pytest.raises(FileNotFoundError, match=r"before.a\.cmcr does not exist, and .* beside the result"):
        run_step(session, "compute_eimage_sta")


def test_without_the_recording_the_message_names_the_old_place(folder: Path) -> None:
    after = folder.rename(folder.with_name("after"))
    for name in ("a.cmcr", "a.cmtr"):
        (after / name).unlink()
    session = PipelineSession.load(after / "a.h5")
    library = StimulusLibrary.for_recording(session.source_files)
    assert library.gone == (folder,)
    bare = StimulusLibrary(tuple(place for place in library.places if place.playlists is None), library.gone)
    with pytest.raises(ConfigurationError, match=r"folder of the recording, .*before, no longer exists"):
        bare.playlist("mine")


def test_paths_of_another_system(tmp_path: Path) -> None:
    (tmp_path / "rec.cmcr").write_bytes(b"x")
    found, _ = find_moved_sources({"cmcr_path": r"D:\data\rec.cmcr", "cmcr_size": 1}, tmp_path / "r.h5")
    assert found == {"cmcr_path": str(tmp_path / "rec.cmcr")}
