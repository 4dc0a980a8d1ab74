"""Frames, sections and light of a simulated recording, recomputed from the files alone."""

from __future__ import annotations

import ast
import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import find_peaks

from hdmea.simulate import Experiment, SimulatedRecording, recipe, simulate_recording
from hdmea.utils.exceptions import ConfigurationError
from tests.simulate.files import analog, table


def detected(sync: NDArray[np.int32]) -> NDArray[np.int64]:
    change = np.diff(sync / np.percentile(sync, 99.9))
    return find_peaks(change, height=0.1)[0]


def placed(playlist: Path, lengths: Path, pad: int = 180) -> list[tuple[str, int, int, int]]:
    """Return name, first frame, content frame and last frame of each movie's section."""
    with playlist.open() as file:
        movies = ast.literal_eval(next(csv.DictReader(file))["movie_names"])
    with lengths.open() as file:
        frames = {row["movie_name"]: int(row["movie_length"]) for row in csv.DictReader(file)}
    found, counter = [], 0
    for movie in movies:
        name = movie.split(".")[0]
        content = counter + pad
        found.append((name, content - 60, content, content + 120 + frames[name] + 1))
        counter += 2 * pad + frames[name] + 1
    return found


def test_frames_on_the_sync_channel_are_the_true_ones(tiny: SimulatedRecording) -> None:
    flips = detected(analog(tiny.cmcr_path)[1])
    assert np.array_equal(flips[4:], tiny.truth.frame_timestamps)
    assert np.array_equal(flips, tiny.truth.timeline.frame_samples)


def test_frames_keep_to_the_refresh_rate_within_a_sample(tiny: SimulatedRecording) -> None:
    frames = tiny.truth.timeline.frame_samples
    ideal = (1.2 + np.arange(len(frames)) / 60.0) * 20_000
    assert np.all(np.abs(frames - ideal) <= 1.0)
    assert len(np.unique(np.diff(frames))) > 1


def test_sections_follow_from_playlist_and_movie_lengths(tiny: SimulatedRecording) -> None:
    flips = detected(analog(tiny.cmcr_path)[1])[4:]
    for name, first, content, last in placed(tiny.playlist_path, tiny.movie_length_path):
        assert tiny.truth.sections(name).tolist() == [[flips[first], flips[last]]]
        assert tiny.truth.content_frames(name).tolist() == [content]


def test_trials_follow_from_the_definition(tiny: SimulatedRecording) -> None:
    name = "step_up_1s_2i_b0_2x"
    flips = detected(analog(tiny.cmcr_path)[1])[4:]
    first = 180 + 60
    expected = [[flips[first], flips[first + 180]], [flips[first + 180], flips[first + 360]]]
    assert tiny.truth.trials(name).tolist() == expected


def test_light_channel_shows_every_frame_of_the_movies(tiny: SimulatedRecording) -> None:
    light, sync = analog(tiny.cmcr_path)
    flips = detected(sync)[4:]
    for name, _, content, _ in placed(tiny.playlist_path, tiny.movie_length_path):
        movie = np.load(tiny.stimuli_dir / f"{name}.npy")
        after_flip = flips[content : content + len(movie)] + 1
        expected = np.rint(movie.mean(axis=(1, 2)) * 10_000)
        assert np.array_equal(light[after_flip], expected)
        assert np.array_equal(light[flips[content + 1 : content + len(movie)]], expected[:-1])


def test_digital_events_mark_start_and_end_of_each_movie(tiny: SimulatedRecording) -> None:
    events = table(tiny.cmcr_path, "Acquisition/Digital Data Events/EventData")
    frames = tiny.truth.frame_timestamps
    for index, run in enumerate(tiny.truth.timeline.runs):
        start, stop = frames[run.content_frame], frames[run.content_frame + run.movie.length]
        assert events["EventID"][2 * index : 2 * index + 2].tolist() == [1, 2]
        assert events["TimeStamp"][2 * index : 2 * index + 2].tolist() == [50 * start, 50 * stop]


@pytest.mark.parametrize(("fault", "difference"), [("missing_flip", -1), ("double_flip", 1)])
def test_faulty_flips_shift_what_is_detected_after_them(tmp_path: Path, fault: str, difference: int) -> None:
    recording = simulate_recording(tmp_path, recipe(fault))
    flips = detected(analog(recording.cmcr_path)[1])
    assert np.array_equal(flips[4:], recording.truth.frame_timestamps)
    true = recording.truth.timeline.frame_samples
    assert len(flips) - len(true) == difference
    interval = np.diff(flips) / np.median(np.diff(flips))
    assert np.sum(interval > 1.5) == (1 if fault == "missing_flip" else 0)
    assert np.sum(interval < 0.5) == (1 if fault == "double_flip" else 0)
    assert np.array_equal(flips[:700], true[:700])


def test_nothing_is_recorded_in_a_gap(tmp_path: Path) -> None:
    recording = simulate_recording(tmp_path, recipe("two_groups_gap"))
    truth = recording.truth
    assert truth.segments.tolist() == [[0, 320_100], [360_100, truth.timeline.n_samples]]
    for group, (start, stop) in enumerate(truth.segments.tolist(), start=1):
        light, sync = analog(recording.cmcr_path, group)
        assert len(light) == stop - start
        frames = truth.timeline.flip_samples
        inside = frames[(frames >= start) & (frames < stop)]
        assert np.array_equal(detected(sync) + start, inside)
    for unit in truth.units:
        samples = np.concatenate([unit.spike_samples, unit.rejected_samples])
        assert not np.any((samples >= 320_100) & (samples < 360_100))
        assert samples.max() > 360_100
    intervals = truth.raw_intervals
    assert [start for start, _ in intervals] == [0, 360_100]


def test_flashes_come_after_the_last_frame(tmp_path: Path) -> None:
    recording = simulate_recording(tmp_path, recipe("flashes"))
    light = analog(recording.cmcr_path)[0]
    steps = np.diff(light)
    after = recording.truth.frame_timestamps[-1] + 1000
    onsets = np.flatnonzero(steps >= 1e6)
    assert onsets[onsets > after].tolist() == recording.truth.timeline.flashes[:, 0].tolist()
    offsets = np.flatnonzero(steps <= -1e6)
    assert offsets[offsets > after].tolist() == recording.truth.timeline.flashes[:, 1].tolist()


def test_other_rates_scale_the_clock(tmp_path: Path) -> None:
    recording = simulate_recording(tmp_path, recipe("other_rate"))
    assert recording.truth.rate_hz == 25_000
    flips = detected(analog(recording.cmcr_path)[1])
    assert np.isclose(np.mean(np.diff(flips)), 25_000 / 60, atol=0.01)


def test_a_list_shown_twice_has_two_sections_per_movie(tmp_path: Path) -> None:
    truth = simulate_recording(tmp_path, recipe("repeated_playlist")).truth
    cycle = 480 + 480 + 4 * 180 + 2
    for name in truth.movie_names:
        first, second = truth.content_frames(name)
        assert second - first == cycle
    assert [run.occurrence for run in truth.timeline.runs] == [0, 0, 1, 1]


@pytest.mark.parametrize("gaps", [((5.0, 4.0),), ((3.0, 500.0),), ((3.0, 6.0), (5.0, 7.0))])
def test_gaps_that_cannot_be_are_refused(tmp_path: Path, gaps: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(ConfigurationError, match=r"[Gg]aps"):
        simulate_recording(tmp_path, replace(Experiment.tiny(), gaps_s=gaps))
    assert list(tmp_path.iterdir()) == []
