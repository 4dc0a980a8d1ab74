"""Every extractor of a movie on what other laboratories record: few spikes, few trials, odd stimuli."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hdmea.declare import FEATURES, Recording
from hdmea.stimuli.definition import StimulusDefinition, packaged_definitions
from hdmea.utils.arrays import AttrArray
from tests.features.movies import movie_recording

MOVIES = {
    "step_up_5s_5i_b0_3x": "on_off",
    "green_blue_3s_3i_3x": "green_blue",
    "freq_step_5st_3x": "chirp",
    "moving_h_bar_s5_d8_3x": "moving_bar",
    "euler_chirp_32s_5x": "euler_chirp",
    "grating_d8_sf2_tf2_3x": "grating",
    "contrast_steps_8_5x": "contrast_steps",
    "spots_8_5x": "spots",
}


def patterns(n_trials: int, n_frames: int) -> np.ndarray:
    """Counts (units, trials, frames): no, one, three spikes, constant, in one trial, bursts, in one frame."""
    rng = np.random.default_rng(0)
    found = np.zeros((9, n_trials, n_frames), np.int64)
    found[1, 0, n_frames // 2] = 1
    found[2, -1, [3, n_frames // 3, n_frames - 1]] = 1
    found[3] = 1
    found[4, 0] = rng.poisson(0.3, n_frames)
    found[5, :, ::100] = 12
    found[6, :, n_frames // 2] = 40
    found[7] = rng.poisson(0.2, (n_trials, n_frames))
    found[8] = rng.poisson(4.0, (n_trials, n_frames))
    return found


def check(name: str, recording: Recording, **params: Any) -> dict[str, Any]:
    """Compute (warnings are errors); every number is in its range or missing with a reason."""
    extractor = FEATURES.get(name)
    table = extractor.compute(recording, extractor.make_params(params))
    for output in extractor.outputs:
        if output.per == "recording" or output.dtype == "str":
            continue
        values = np.asarray(table.units[output.name], np.float64)
        low, high = output.range
        known = values[~np.isnan(values)]
        assert low is None or (known >= low - 1e-9).all(), output.name
        assert high is None or (known <= high + 1e-9).all(), output.name
        if output.limits:
            below, above = (np.asarray(table.units[limit]) for limit in output.limits)
            given = np.isfinite(values) & ~np.isnan(below)
            assert (below[given] <= values[given] + 1e-9).all(), output.name
            assert (values[given] <= above[given] + 1e-9).all(), output.name
        for index, unit_id in enumerate(recording.units):
            if np.isnan(values[index]).any():
                assert table.reasons_for(unit_id).get(output.name), (output.name, index)
    return table.units


@pytest.mark.parametrize("movie", MOVIES)
@pytest.mark.parametrize("n_trials", [1, 2, 3])
@pytest.mark.parametrize("alpha", [0.01, 1])
def test_few_spikes_and_few_trials(movie: str, n_trials: int, alpha: float) -> None:
    length = packaged_definitions()[movie].section_kwargs.trial_length_frame

    found = check(MOVIES[movie], movie_recording(movie, patterns(n_trials, length)), alpha=alpha)

    for silent, values in found.items():
        if silent.endswith(("_p", "_index", "_index_low", "_index_high")):
            assert np.isnan(np.asarray(values, np.float64)[0]).all(), silent


@pytest.mark.parametrize("movie", MOVIES)
def test_trials_that_are_cut_off_are_left_out(movie: str) -> None:
    definition = packaged_definitions()[movie]
    length = definition.section_kwargs.trial_length_frame
    whole = movie_recording(movie, patterns(3, length))
    times = whole.stimulus["trial_time"][movie]
    frames = np.asarray(times.attrs["frames"]).copy()
    cut = len(whole.metadata["frame_timestamps"]) - length // 2
    frames[2] = cut, cut + length // 2 - 1
    broken = AttrArray(np.asarray(times), {**times.attrs, "frames": frames})
    stimulus = {**whole.stimulus, "trial_time": {movie: broken}}

    found = check(MOVIES[movie], Recording(whole.units, whole.metadata, stimulus))

    assert found["n_trials"].tolist() == [2.0] * 9


def fewer(movie: str, event_type: str, keep: int) -> StimulusDefinition:
    """The definition with the first events of a type only."""
    definition = packaged_definitions()[movie]
    kept = sorted(definition.events_of_type(event_type), key=lambda event: event.start_frame)[:keep]
    others = tuple(event for event in definition.events if event.type != event_type)
    return definition.model_copy(update={"events": (*others, *kept)})


@pytest.mark.parametrize(
    ("movie", "event_type"), [("moving_h_bar_s5_d8_3x", "sweep"), ("freq_step_5st_3x", "sine")]
)
@pytest.mark.parametrize("keep", [1, 2])
def test_one_or_two_directions_or_frequencies(movie: str, event_type: str, keep: int) -> None:
    definition = fewer(movie, event_type, keep)
    counts = patterns(3, definition.section_kwargs.trial_length_frame)

    found = check(MOVIES[movie], movie_recording(definition, counts))

    name = "tuning_curve" if event_type == "sweep" else "amplitude"
    assert np.asarray(found[name]).shape == (9, keep)


def test_two_opposite_directions_have_no_axis() -> None:
    definition = packaged_definitions()["moving_h_bar_s5_d8_3x"]
    kept = [e for e in definition.events if getattr(e, "direction_deg", 0.0) in (0.0, 180.0)]
    some = definition.model_copy(update={"events": tuple(kept)})

    check("moving_bar", movie_recording(some, patterns(3, definition.section_kwargs.trial_length_frame)))


def test_no_unit_at_all() -> None:
    for movie, name in MOVIES.items():
        assert not len(check(name, movie_recording(movie, []))["n_trials"])
