"""Set-ups are written so that every step finds them, and read again as they were."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hdmea.stimuli.alignment import FrameLight
from hdmea.stimuli.library import LIBRARY_VARIABLE, StimulusLibrary
from hdmea.stimuli.playlist import read_movie_lengths, read_playlists
from hdmea.stimuli.shown import read_shown, shown_in_time
from hdmea.stimulus_setup import (
    Block,
    RecordedStimulus,
    numbered,
    obeyed_padding,
    playlist_note,
    read_setup,
    setup_path,
    write_setup,
)
from hdmea.utils.exceptions import ExistingFileError, MismatchError, MissingInputError

STEPS, GREY = Block("steps", 180, 600, "light"), Block("grey", 180 + 961, 300, "length")
PAIR = (STEPS, GREY)


def known(n_frames: int = 3000, **also: object) -> RecordedStimulus:
    light = FrameLight(np.zeros(n_frames), np.ones(n_frames, bool), 1 / 60)
    times = np.arange(n_frames) / 60
    fields = {"events": np.empty(0, np.int64), **also}
    return RecordedStimulus(Path("rec.cmcr"), "rec", "display", light, times, **fields)  # type: ignore[arg-type]


def test_a_set_up_is_read_as_it_was_written(tmp_path: Path) -> None:
    target = setup_path(tmp_path / "X-Rec-.cmtr")
    assert target == tmp_path / "X-Rec.stimuli.json"
    blocks = numbered([*PAIR, Block("flash", 2000, 30, "hand"), Block("flash", 2100, 30, "log")])
    done = write_setup(blocks, target)
    assert done.written == (target,)
    assert not done.kept
    assert read_setup(target, known()) == blocks


def test_tables_are_written_where_a_playlist_says_the_same(tmp_path: Path) -> None:
    done = write_setup([GREY, STEPS], tmp_path / "rec.stimuli.json", playlist="mine")
    assert [path.name for path in done.written] == ["rec.stimuli.json", "playlist.csv", "movie_length.csv"]
    assert read_playlists(tmp_path / "playlist.csv")["mine"].movies == ("steps", "grey")
    assert read_movie_lengths(tmp_path / "movie_length.csv") == {"steps": 600, "grey": 300}


def test_tables_that_say_something_else_are_kept_unless_they_may_be_replaced(tmp_path: Path) -> None:
    table = tmp_path / "playlist.csv"
    table.write_text("playlist_name,movie_names\nday,\"['other.mov']\"\n", encoding="utf-8")
    done = write_setup(PAIR, tmp_path / "rec.stimuli.json")
    assert done.kept == (table,)
    assert "day" in read_playlists(table)
    done = write_setup(PAIR, tmp_path / "rec.stimuli.json", overwrite=True, replace_tables=True)
    assert table in done.written
    assert list(read_playlists(table)) == ["rec"]
    # What says the same is neither written again nor called kept.
    done = write_setup(PAIR, tmp_path / "rec.stimuli.json", overwrite=True)
    assert done.written == (tmp_path / "rec.stimuli.json",)
    assert not done.kept


def test_an_existing_list_is_replaced_only_when_asked(tmp_path: Path) -> None:
    target = tmp_path / "rec.stimuli.json"
    write_setup(PAIR, target)
    before = target.read_bytes()
    with pytest.raises(ExistingFileError):
        write_setup([STEPS], target)
    assert target.read_bytes() == before
    write_setup([STEPS], target, overwrite=True)
    assert [entry.movie for entry in read_shown(target)] == ["steps"]


@pytest.mark.parametrize(
    ("blocks", "pad"),
    [
        (PAIR, 180),
        ((replace(STEPS, content_frame=100), replace(GREY, content_frame=100 + 600 + 201)), 100),
        ((STEPS, replace(GREY, content_frame=1142)), None),
        ((STEPS, Block("steps", 180 + 961, 599, "light")), None),
        ((STEPS,), 180),
        ((replace(STEPS, content_frame=3181),), None),
        ((), None),
    ],
)
def test_the_padding_that_a_playlist_needs(blocks: tuple[Block, ...], pad: int | None) -> None:
    assert obeyed_padding(blocks) == pad
    note = playlist_note(blocks)
    assert ("cannot express" in note) == (bool(blocks) and pad is None)
    assert (f"pad_frame={pad}" in note) == (pad == 100)


def test_what_no_playlist_can_say_has_no_tables(tmp_path: Path) -> None:
    done = write_setup([STEPS, replace(GREY, content_frame=1142)], tmp_path / "rec.stimuli.json")
    assert [path.name for path in done.written] == ["rec.stimuli.json"]


def test_what_cannot_be_shown_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError):
        write_setup([], tmp_path / "rec.stimuli.json")
    with pytest.raises(MismatchError, match="steps and grey overlap"):
        write_setup([STEPS, replace(GREY, content_frame=700)], tmp_path / "rec.stimuli.json")
    assert not list(tmp_path.iterdir())


def test_the_library_holds_set_ups_of_recordings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "own"
    own.mkdir()
    monkeypatch.setenv(LIBRARY_VARIABLE, str(own))
    recording = tmp_path / "drive" / "X-Rec.cmcr"
    target = setup_path(recording, library=True, dataset_id="mouse 7")
    assert target == own / "recordings" / "mouse 7" / "X-Rec.stimuli.json"
    write_setup(PAIR, target)
    library = StimulusLibrary.for_recording({"cmcr_path": str(recording)})
    assert library.shown_path("mouse 7") == target
    assert library.shown_path() is None
    beside = recording.with_name("X-Rec.stimuli.json")
    write_setup(PAIR, beside)
    assert library.shown_path("mouse 7") == beside, "what lies beside the recording comes first"


def test_lists_of_other_programs_are_read(tmp_path: Path) -> None:
    path = tmp_path / "rec.stimuli.json"
    listed = [{"movie": "steps.mov", "time_s": 3.0}, {"movie": "grey", "content_frame": 1000, "length": 50}]
    path.write_text(json.dumps(listed), encoding="utf-8")
    first, second = read_setup(path, known(lengths={"steps": 600}))
    assert (first.movie, first.content_frame, first.length, first.by) == ("steps", 180, 600, "hand")
    assert second.content_frame == 1000
    with pytest.raises(MismatchError, match="length of steps is not known"):
        read_setup(path, known())


def test_without_a_display_seconds_are_written(tmp_path: Path) -> None:
    path = tmp_path / "rec.stimuli.json"
    blocks = numbered([Block("flash", 1500, 250, "hand"), Block("flash", 4000, 250, "hand")])
    done = write_setup(blocks, path, clock="time")
    assert done.written == (path,)
    shown = read_shown(path)
    assert [(entry.time_s, entry.duration_s) for entry in shown] == [(1.5, 0.25), (4.0, 0.25)]
    assert shown_in_time(shown, 20_000.0, 80_100)["flash"].tolist() == [[30_000, 35_000], [80_000, 80_100]]
    light = FrameLight(np.zeros(5000), np.zeros(5000, bool), 1e-3)
    times = np.arange(5000) / 1000
    timed = RecordedStimulus(Path("rec.cmcr"), "rec", "time", light, times, np.empty(0, np.int64))
    assert read_setup(path, timed) == blocks
