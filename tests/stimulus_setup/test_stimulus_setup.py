"""What is proposed and written is read by the steps, and gives what files written by hand give."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from hdmea.cli import app
from hdmea.pipeline import (
    PipelineSession,
    add_section_time,
    compute_sta,
    create_session,
    load_recording,
    section_spike_times,
)
from hdmea.simulate import Experiment, FileOptions, SimulatedRecording, simulate_recording
from hdmea.simulate.stimuli import Baseline, DenseNoise, LightSteps
from hdmea.stimulus_setup import (
    Block,
    check_blocks,
    look_at,
    propose,
    propose_for,
    setup_path,
    write_setup,
    write_stimuli,
)
from hdmea.utils.exceptions import ExistingFileError, MissingInputError

MOVIES = (
    LightSteps("step_up_1s_2i_b0_2x", start_frame=60, trial_frames=180, trials=2, on_frames=60),
    Baseline(),
    DenseNoise("dense_noise_15x15_15hz_r42_8s", trial_frames=480),
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SimulatedRecording:
    folder = tmp_path_factory.mktemp("shown")
    return simulate_recording(folder, Experiment.tiny(movies=MOVIES, files=FileOptions(sensor_data=False)))


@pytest.fixture
def bare(made: SimulatedRecording, tmp_path: Path) -> Path:
    """The pair and the movies, without a playlist and without lengths."""
    for path in (made.cmcr_path, made.cmtr_path):
        shutil.copy(path, tmp_path)
    shutil.copytree(made.stimuli_dir, tmp_path / "stimuli")
    shutil.copytree(made.config_dir, tmp_path / "config")
    return tmp_path / made.cmcr_path.name


def sections(path: Path) -> PipelineSession:
    session = create_session(None, path, path.with_name(f"{path.stem}-.cmtr"))
    load_recording(session.source_files["cmcr_path"], session.source_files["cmtr_path"], session=session)
    add_section_time(session=session)
    section_spike_times(session=session)
    compute_sta(session=session)
    return session


def hdmea(*arguments: object) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)


def test_what_is_written_gives_the_sections_of_files_by_hand(made: SimulatedRecording, bare: Path) -> None:
    outcome = hdmea("stimuli", bare)
    assert outcome.exit_code == 0, outcome.output
    assert {path.name for path in bare.parent.iterdir() if path.is_file()} == {
        bare.name, f"{bare.stem}-.cmtr", f"{bare.stem}.stimuli.json", "playlist.csv", "movie_length.csv",
    }  # fmt: skip
    by_hand, by_light = sections(made.cmcr_path), sections(bare)
    assert list(by_hand.stimulus["section_time"]) == list(by_light.stimulus["section_time"])
    for movie, expected in by_hand.stimulus["section_time"].items():
        found = by_light.stimulus["section_time"][movie]
        np.testing.assert_array_equal(found, expected)
        for name in ("content_frame", "occurrence", "movie_length", "alignment"):
            assert np.array_equal(found.attrs[name], expected.attrs[name])
    assert list(by_hand.stimulus["trial_time"]) == list(by_light.stimulus["trial_time"])
    for movie, expected in by_hand.stimulus["trial_time"].items():
        np.testing.assert_array_equal(by_light.stimulus["trial_time"][movie], expected)
    name = f"sta_{MOVIES[2].name}"
    for unit_id, unit in by_hand.units.items():
        np.testing.assert_array_equal(
            by_light.units[unit_id]["features"][name]["data"], unit["features"][name]["data"]
        )
    # The playlist that was written says the same as the list.
    (bare.parent / f"{bare.stem}.stimuli.json").unlink()
    by_playlist = sections(bare)
    for movie, expected in by_hand.stimulus["section_time"].items():
        np.testing.assert_array_equal(by_playlist.stimulus["section_time"][movie], expected)


def test_a_run_takes_it(made: SimulatedRecording, bare: Path, tmp_path: Path) -> None:
    assert hdmea("stimuli", bare).exit_code == 0
    target = tmp_path / "result.h5"
    outcome = hdmea("run", bare, "--flow", "quick", "-o", target, "--require-stimulus")
    assert outcome.exit_code == 0, outcome.output
    assert "compute_sta" in PipelineSession.load(target).completed_steps


def test_what_is_told_of_each_block(bare: Path) -> None:
    outcome = hdmea("stimuli", bare, "--show", "--json")
    assert outcome.exit_code == 0, outcome.output
    told = json.loads(outcome.stdout)
    steps, baseline, noise = told["blocks"]
    assert steps["movie"] == MOVIES[0].name
    assert steps["checked"]
    assert steps["r"] > 0.99
    assert steps["content_frame"] == 180
    assert steps["end_frame"] == 180 + MOVIES[0].length
    assert baseline["movie"] == "baseline_127"
    assert not baseline["checked"]
    assert baseline["r"] is None
    assert noise["movie"] == MOVIES[2].name
    assert told["pad_frame"] == 180
    assert not (bare.parent / f"{bare.stem}.stimuli.json").exists(), "--show writes nothing"
    text = hdmea("stimuli", bare, "--show").stdout
    assert "by length" in text


def test_files_that_are_there_are_kept(made: SimulatedRecording, bare: Path) -> None:
    mine = bare.with_name("playlist.csv")
    mine.write_text("playlist_name,movie_names\nmine,\"['x.mov']\"\n", encoding="utf-8")
    before = mine.read_bytes()
    found = propose_for(bare)
    done = write_stimuli(found)
    assert [path.name for path in done.written] == [f"{bare.stem}.stimuli.json", "movie_length.csv"]
    assert done.kept == (mine,)
    assert mine.read_bytes() == before
    with pytest.raises(ExistingFileError):
        write_stimuli(found)
    write_stimuli(found, overwrite=True)
    assert hdmea("stimuli", bare).exit_code == 1


def test_another_folder_is_written_to(bare: Path, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    outcome = hdmea("stimuli", bare, "--output", target)
    assert outcome.exit_code == 0, outcome.output
    assert (target / f"{bare.stem}.stimuli.json").is_file()
    assert not (bare.parent / f"{bare.stem}.stimuli.json").exists()


def test_a_result_will_do(made: SimulatedRecording, bare: Path, tmp_path: Path) -> None:
    session = create_session(None, bare)
    load_recording(bare, session=session)
    result = session.save(tmp_path / "result.h5")
    from_result = propose_for(result).proposal
    assert from_result == propose_for(bare).proposal or [b.movie for b in from_result.blocks] == [
        m.name for m in MOVIES
    ]


def test_blocks_are_checked_against_the_light(bare: Path) -> None:
    known = look_at(bare)
    assert known.clock == "display"
    assert known.events.size
    steps, baseline, noise = propose(known).blocks
    fine, constant, last = check_blocks(known, (steps, baseline, noise))
    assert (fine.state, fine.lag, last.state) == ("checked", 0, "checked")
    assert fine.r > 0.99
    assert fine.curve.size == steps.length
    inside = known.light.mean[steps.content_frame : steps.end_frame]
    assert np.corrcoef(inside, fine.curve)[0, 1] > 0.99
    np.testing.assert_allclose(fine.curve.mean(), inside.mean(), rtol=0.01)
    assert constant.state == "not checkable"
    moved = replace(steps, content_frame=steps.content_frame - 7)
    (shifted,) = check_blocks(known, (moved,))
    assert shifted.best_lag == 7
    assert shifted.best_r > 0.99
    assert np.corrcoef(inside, shifted.curve)[0, 1] > 0.99
    (other,) = check_blocks(known, (replace(noise, movie=steps.movie, length=steps.length),))
    assert other.state != "checked"


def test_spikes_around_events_need_no_display(tmp_path: Path) -> None:
    options = FileOptions(analog_channels=(), sensor_data=False)
    made = simulate_recording(tmp_path, Experiment.tiny(movies=MOVIES, files=options))
    known = look_at(made.cmcr_path)
    assert known.clock == "time"
    blocks = [Block("event", int(at), 500, "log") for at in known.events]
    write_setup(blocks, setup_path(made.cmcr_path), clock=known.clock)
    session = create_session(None, made.cmcr_path, made.cmtr_path)
    load_recording(made.cmcr_path, made.cmtr_path, session=session)
    add_section_time(session=session)
    section_spike_times(session=session)
    trials = session.stimulus["trial_time"]["event"]
    starts = np.asarray(session.stimulus["digital_events"]["time_us"]) * session.acquisition_rate / 1e6
    np.testing.assert_allclose(trials[:, 0], starts, atol=session.acquisition_rate / 2000 + 1)
    assert np.all(np.diff(trials, axis=1) == round(0.5 * session.acquisition_rate))
    unit = next(iter(session.units.values()))
    assert set(unit["spike_times_sectioned"]) == {"event"}


def test_without_movies_nothing_is_claimed(bare: Path) -> None:
    shutil.rmtree(bare.parent / "stimuli")
    found = propose_for(bare)
    assert not any(block.is_checked for block in found.proposal.blocks)
    with pytest.raises(MissingInputError, match="No movie of the library"):
        write_stimuli(found)


def test_recordings_without_light_or_frames_say_so(tmp_path: Path) -> None:
    options = FileOptions(analog_channels=(), sensor_data=False)
    made = simulate_recording(tmp_path, Experiment.tiny(files=options))
    outcome = hdmea("stimuli", made.cmcr_path)
    assert outcome.exit_code == 1
    assert "no light channel" in outcome.stderr
