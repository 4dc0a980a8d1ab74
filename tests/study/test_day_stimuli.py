"""The stimulus set-up of one recording for a day of which the others have none."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from hdmea.pipeline import PipelineSession
from hdmea.simulate import Experiment, FileOptions, simulate_recording
from hdmea.simulate.stimuli import Baseline, DenseNoise, LightSteps
from hdmea.study import BatchOptions, BatchResult, run_batch
from hdmea.study.day_stimuli import read_day_stimuli
from hdmea.utils.exceptions import ConfigurationError
from hdmea.utils.spreadsheet import read_rows

STEPS = LightSteps("step_up_1s_2i_b0_2x", start_frame=60, trial_frames=180, trials=2, on_frames=60)
NOISE = DenseNoise("dense_noise_15x15_15hz_r42_8s", trial_frames=480)
MOVIES = (STEPS, Baseline(), NOISE)
FILES = FileOptions(sensor_data=False)


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One recording with all files, the same without any, and one that was shown something else as well."""
    day = tmp_path_factory.mktemp("day")
    first = simulate_recording(day / "first", Experiment.tiny(name="a-Rec", movies=MOVIES, files=FILES))
    shorter = simulate_recording(
        day / "other", Experiment.tiny(name="c-Rec", movies=(NOISE, Baseline()), files=FILES)
    )
    for folder, made, name in (("second", first, "b-Rec"), ("third", shorter, "c-Rec")):
        (day / folder).mkdir()
        for path in (made.cmcr_path, made.cmtr_path):
            shutil.copy(path, day / folder / path.name.replace(f"{made.cmcr_path.stem}", name))
    shutil.rmtree(day / "other")
    return day


def run(day: Path, output: Path) -> BatchResult:
    options = BatchOptions(jobs=1, health=False, stimuli_of=day / "first" / "a-Rec.cmcr")
    return run_batch(day, "quick", output_dir=output, options=options)


def test_what_was_shown_in_one_is_found_in_the_others(day: Path, tmp_path: Path) -> None:
    result = run(day, tmp_path)
    assert result.success, [outcome.message for outcome in result.outcomes]
    told = {outcome.name: outcome.stimuli for outcome in result.outcomes}
    assert told == {
        "a-Rec": "Its own: my_playlist.",
        "b-Rec": f"As of a-Rec, found in the light: {STEPS.name}, {NOISE.name}; placed by their length: "
        "baseline_127.",
        "c-Rec": f"As of a-Rec, found in the light: {NOISE.name}; placed by their length: baseline_127; "
        f"not found: {STEPS.name}.",
    }
    assert [row["stimuli"] for _, row in read_rows(result.summary)] == list(told.values())
    assert told["b-Rec"] in (tmp_path / "summary.html").read_text(encoding="utf-8")

    by_hand, by_light = (
        PipelineSession.load(tmp_path / place) for place in ("first/a-Rec.h5", "second/b-Rec.h5")
    )
    for movie, expected in by_hand.stimulus["section_time"].items():
        np.testing.assert_array_equal(by_light.stimulus["section_time"][movie], expected)
    assert list(by_light.completed_steps) == list(by_hand.completed_steps), "movies were found, too"
    assert (tmp_path / "stimuli" / "second" / "b-Rec" / "b-Rec.stimuli.json").exists()
    assert sorted(path.name for path in (day / "second").iterdir()) == ["b-Rec-.cmtr", "b-Rec.cmcr"]

    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.h5")}
    again = run(day, tmp_path)
    assert [outcome.state for outcome in again.outcomes] == ["kept"] * 3
    assert {outcome.name: outcome.stimuli for outcome in again.outcomes} == told
    (tmp_path / "batch.json").unlink()
    assert [outcome.state for outcome in run(day, tmp_path).outcomes] == ["kept"] * 3
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.h5")} == before


def test_a_list_says_what_was_shown_as_well(day: Path, tmp_path: Path) -> None:
    path = tmp_path / "x-Rec.stimuli.json"
    path.write_text(
        f'[{{"movie": "{NOISE.name}", "content_frame": 900}},'
        f' {{"movie": "{STEPS.name}", "content_frame": 180, "length": 420}}]'
    )
    (tmp_path / "movie_length.csv").write_text(f"movie_name,movie_length\n{NOISE.name},480\n")
    found = read_day_stimuli(path)
    assert (found.name, found.movies, found.folder) == ("x-Rec", (STEPS.name, NOISE.name), tmp_path)
    assert found.lengths == {STEPS.name: 420, NOISE.name: 480}


def test_a_recording_that_has_none_is_refused_before_anything_runs(day: Path, tmp_path: Path) -> None:
    options = BatchOptions(stimuli_of=day / "second" / "b-Rec.cmcr")
    with pytest.raises(ConfigurationError, match="no playlist"):
        run_batch(day, "quick", output_dir=tmp_path, options=options)
    assert not list(tmp_path.rglob("*.log"))
    with pytest.raises(FileNotFoundError):
        read_day_stimuli(tmp_path / "none.cmcr")
    with pytest.raises(ConfigurationError, match="neither a recording nor a list"):
        read_day_stimuli(day / "first" / "playlist.csv")
