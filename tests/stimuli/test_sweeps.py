"""Sweeps of a moving bar: their order, and when the bar crosses a point."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdmea.stimuli.definition import StimulusEvent
from hdmea.stimuli.sweeps import brightness_at, crossing, sweeps_by_direction
from hdmea.utils.exceptions import ConfigurationError


def sweeps(*directions: float, length: int = 10) -> list[StimulusEvent]:
    return [
        StimulusEvent(
            type="sweep", start_frame=n * length, end_frame=(n + 1) * length, direction_deg=direction
        )
        for n, direction in enumerate(directions)
    ]


class TestOrder:
    def test_directions_ascend_and_repetitions_follow_the_trials(self) -> None:
        directions, frames = sweeps_by_direction([100, 300], sweeps(90, 0, 180))

        np.testing.assert_array_equal(directions, [0, 90, 180])
        np.testing.assert_array_equal(frames[0], [[110, 120], [310, 320]])
        np.testing.assert_array_equal(frames[1], [[100, 110], [300, 310]])

    def test_direction_shown_twice_in_a_trial_is_repeated_in_the_order_of_its_sweeps(self) -> None:
        _, frames = sweeps_by_direction([0, 100], sweeps(0, 90, 360, 450))

        assert frames.shape == (2, 4, 2)
        np.testing.assert_array_equal(np.sort(frames[0, :, 0]), [0, 20, 100, 120])

    def test_unequal_directions_are_refused(self) -> None:
        with pytest.raises(ConfigurationError, match="each direction"):
            sweeps_by_direction([0], sweeps(0, 0, 90))


class TestCrossing:
    @given(st.integers(20, 60), st.integers(5, 25), st.booleans())
    def test_edges_are_found_whatever_the_contrast(self, start: int, width: int, dark: bool) -> None:
        brightness = np.full(100, 255.0 if dark else 0.0)
        brightness[start : start + width] = 0.0 if dark else 255.0

        assert crossing(brightness) == (start, start + width)

    def test_blurred_edges_count_from_half_their_height(self) -> None:
        ramp = np.linspace(0, 255, 11)
        brightness = np.concatenate([np.zeros(40), ramp, np.full(5, 255.0), ramp[::-1], np.zeros(40)])

        assert crossing(brightness) == (46, 61)

    def test_point_that_stays_as_it_is_is_not_crossed(self) -> None:
        assert crossing(np.full(50, 7.0)) is None

    def test_point_between_pixels_is_interpolated(self) -> None:
        movie = np.arange(2 * 4 * 5, dtype=np.uint8).reshape(2, 4, 5)

        found = brightness_at(movie, 0, 2, 2.25, 1.5)

        np.testing.assert_allclose(found, [1.5 * 5 + 2.25, 20 + 1.5 * 5 + 2.25])

    @pytest.mark.parametrize(("x", "y", "pixel"), [(-3, -1, (0, 0)), (9, 9, (3, 4)), (4, 3, (3, 4))])
    def test_point_outside_has_the_nearest_pixel(self, x: float, y: float, pixel: tuple[int, int]) -> None:
        movie = np.random.default_rng(0).integers(0, 255, (3, 4, 5))

        np.testing.assert_array_equal(brightness_at(movie, 0, 3, x, y), movie[:, pixel[0], pixel[1]])
