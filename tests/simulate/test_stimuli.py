"""Movies fit their definitions, and cells answer them as the truth says."""

from __future__ import annotations

import numpy as np
import pytest

from hdmea.simulate.cells import KINDS, make_cell
from hdmea.simulate.expected import expected_responses, expected_sta, vector_tuning
from hdmea.simulate.experiment import full_protocol, short_protocol
from hdmea.simulate.responses import bar_rates, movie_rate, trial_rate
from hdmea.simulate.stimuli import (
    DenseNoise,
    FrequencySteps,
    GreenBlueSteps,
    LightSteps,
    Movie,
    MovingBars,
)
from hdmea.stimuli.definition import StimulusDefinition, packaged_definitions

MOVIES = {movie.name: movie for movie in (*full_protocol(), *short_protocol())}


def cell(kind: str, seed: int = 5):  # type: ignore[no-untyped-def]
    return make_cell(kind, (6.3, 8.1), np.random.default_rng(seed))


@pytest.mark.parametrize("movie", MOVIES.values(), ids=MOVIES)
def test_a_movie_has_the_length_and_trials_of_its_definition(movie: Movie) -> None:
    definition = StimulusDefinition.model_validate(movie.definition())
    assert movie.pixels.shape == (movie.length, 15, 15)
    assert movie.pixels.dtype == np.uint8
    layout = definition.section_kwargs
    assert layout.end_frame <= movie.length
    trials = [
        movie.pixels[layout.start_frame + trial * layout.trial_length_frame :][: layout.trial_length_frame]
        for trial in range(layout.n_trials)
    ]
    assert all(np.array_equal(trial, trials[0]) for trial in trials)


def test_shipped_movies_are_shown_as_the_packaged_definitions_say() -> None:
    packaged = packaged_definitions()
    shared = [name for name in MOVIES if name in packaged]
    assert len(shared) == 5
    for name in shared:
        assert StimulusDefinition.model_validate(MOVIES[name].definition()) == packaged[name]


@pytest.mark.parametrize("movie", [LightSteps(), GreenBlueSteps()])
def test_light_is_on_exactly_in_the_events_of_the_definition(movie: LightSteps | GreenBlueSteps) -> None:
    trial = movie.luminance[movie.start_frame :][: movie.trial_frames]
    lit = np.zeros(movie.trial_frames, bool)
    for event in movie.events():
        lit[event["start_frame"] : event["end_frame"]] = True
    assert np.array_equal(trial > 0, lit)


def test_each_sine_has_its_frequency() -> None:
    movie = FrequencySteps()
    trial = movie.luminance[movie.start_frame :][: movie.trial_frames] - 127.5
    for frequency, (start, stop) in zip(movie.frequencies_hz, movie.windows(), strict=True):
        power = np.abs(np.fft.rfft(trial[start:stop]))
        assert np.fft.rfftfreq(stop - start, 1 / 60)[np.argmax(power)] == pytest.approx(frequency)


@pytest.mark.parametrize(("sweep", "motion"), [(0, (1, 0)), (2, (0, -1)), (4, (-1, 0)), (6, (0, 1))])
def test_bars_move_in_their_direction(sweep: int, motion: tuple[int, int]) -> None:
    movie = MovingBars()
    first = movie.start_frame + sweep * movie.sweep_frames
    early, late = movie.pixels[first + 220].astype(float), movie.pixels[first + 340].astype(float)

    def centre(image: np.ndarray) -> np.ndarray:
        rows, columns = np.mgrid[:15, :15]
        return np.array([(columns * image).sum(), (rows * image).sum()]) / image.sum()

    assert np.sign(np.round(centre(late) - centre(early), 3)).tolist() == list(motion)


@pytest.mark.parametrize("direction", range(8))
def test_edges_cross_a_pixel_when_the_movie_shows_it(direction: int) -> None:
    movie = MovingBars()
    sweep = movie.pixels[movie.start_frame + direction * 565 :][:565]
    bright = sweep[:, 8, 6].astype(float) / 255
    on, off = movie.crossing_frames(6.0, 8.0, 45.0 * direction)
    above = np.flatnonzero(bright >= 0.5)
    assert above[0] == pytest.approx(on, abs=1.0)
    assert above[-1] == pytest.approx(off, abs=1.0)


def test_noise_pixels_are_balanced_and_change_at_15_hz() -> None:
    noise = DenseNoise()
    assert np.all(noise.pixels.mean(axis=0) == 127.5)
    assert set(np.unique(noise.pixels)) == {0, 255}
    changes = np.flatnonzero(np.any(np.diff(noise.pixels.astype(int), axis=0), axis=(1, 2))) + 1
    assert np.all(changes % 4 == 0)
    assert len(changes) == 3600 // 4 - 1


@pytest.mark.parametrize("kind", KINDS)
def test_rates_are_possible(kind: str) -> None:
    for movie in MOVIES.values():
        rate = movie_rate(cell(kind), movie)
        assert rate.shape == (movie.length,)
        assert 0 <= rate.min() <= rate.max() <= 200


def test_indices_tell_the_kinds_apart() -> None:
    step, colours = MOVIES["step_up_5s_5i_b0_3x"], MOVIES["green_blue_3s_3i_3x"]
    index = {kind: expected_responses(cell(kind), step)["on_off_index"] for kind in KINDS}
    assert index["on_transient"] == index["on_sustained"] == 1
    assert index["off_sustained"] == -1 < index["off_transient"] < -0.7
    assert abs(index["on_off"]) < 0.3
    assert np.isnan(index["poisson"])
    chromatic = {kind: expected_responses(cell(kind), colours)["chromatic_index_on"] for kind in KINDS}
    assert chromatic["green_preferring"] == pytest.approx(0.9 / 1.1)
    assert chromatic["blue_preferring"] == pytest.approx(-0.9 / 1.1)
    assert chromatic["on_transient"] == 0


def test_only_the_tuned_cell_has_a_preferred_frequency() -> None:
    movie = FrequencySteps()
    preferred = {kind: expected_responses(cell(kind), movie)["preferred_frequency_hz"] for kind in KINDS}
    assert preferred.pop("tf_tuned") == 2.0
    preferred.pop("on_transient"), preferred.pop("off_transient")
    assert preferred.pop("suppressed_by_light") != 2.0


def test_stated_amplitude_and_phase_are_those_of_the_rate() -> None:
    movie, tuned = FrequencySteps(), cell("tf_tuned")
    expected = expected_responses(tuned, movie)
    rate = trial_rate(tuned, movie)
    for index, (start, stop) in enumerate(movie.windows()):
        seconds = (np.arange(stop - start) + 0.5) / 60
        angle = 2 * np.pi * movie.frequencies_hz[index] * seconds
        design = np.stack([np.sin(angle), np.cos(angle), np.ones_like(angle)], axis=1)
        sine, cosine, offset = np.linalg.lstsq(design, rate[start:stop], rcond=None)[0]
        assert np.hypot(sine, cosine) == pytest.approx(expected["amplitude_hz"][index])
        assert np.exp(1j * np.arctan2(cosine, sine)) == pytest.approx(
            np.exp(1j * expected["phase_rad"][index])
        )
        assert offset == pytest.approx(expected["offset_hz"])


def test_direction_and_orientation_tuning() -> None:
    movie = MovingBars()
    selective = expected_responses(cell("direction_selective"), movie)
    assert selective["dsi"] > 0.4
    turn = (selective["preferred_direction_deg"] - selective["true_preferred_deg"] + 180) % 360 - 180
    assert abs(turn) < 3
    oriented = expected_responses(cell("orientation_selective"), movie)
    assert oriented["osi"] > 0.4
    assert oriented["dsi"] < 0.02
    turn = (oriented["preferred_motion_axis_deg"] - oriented["true_preferred_deg"] + 90) % 180 - 90
    assert abs(turn) < 3
    assert expected_responses(cell("on_transient"), movie)["dsi"] < 1e-3


def test_vector_tuning_of_a_cell_that_fires_for_one_direction_only() -> None:
    directions = 45.0 * np.arange(8)
    assert vector_tuning(np.eye(8)[2], directions, 1) == pytest.approx((1.0, 90.0))
    assert np.isnan(vector_tuning(np.zeros(8), directions, 1)).all()


def test_bars_excite_when_the_edge_has_crossed_the_receptive_field() -> None:
    movie, selective = MovingBars(), cell("on_transient")
    expected = expected_responses(selective, movie)
    for rate, on in zip(bar_rates(selective, movie), expected["on_frame"], strict=True):
        assert np.argmax(rate) == pytest.approx(on + selective.latency_frames, abs=0.6)


@pytest.mark.parametrize(("kind", "sign"), [("on_sustained", 1), ("off_sustained", -1)])
def test_expected_sta_is_the_brute_force_average_and_points_at_the_receptive_field(
    kind: str, sign: int
) -> None:
    movie, model = DenseNoise(trial_frames=1200), cell(kind)
    average = expected_sta(model, movie)
    rate = movie_rate(model, movie)
    total, weight = np.zeros((60, 15, 15)), 0.0
    for frame in range(60, 1200):
        total += rate[frame] * movie.pixels[frame - 60 : frame]
        weight += rate[frame]
    assert average == pytest.approx(total / weight)
    deviation = sign * (average - 127.5)
    frame, row, column = np.unravel_index(np.argmax(deviation), deviation.shape)
    assert (row, column) == (8, 6)
    assert 60 - frame == pytest.approx(model.kernel_peak_frames, abs=2.5)


def test_a_cell_without_receptive_field_has_a_flat_expected_sta() -> None:
    movie = DenseNoise(trial_frames=1200)
    assert np.abs(expected_sta(cell("poisson"), movie) - 127.5).max() < 8
    assert np.isnan(expected_sta(cell("silent"), movie)).all()
