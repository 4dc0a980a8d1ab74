"""Marks lie where the features found their numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hdmea.analysis.marked_response import MarkedResponse, marked_response
from hdmea.declare import Recording
from hdmea.features.extractors.green_blue import GreenBlueParams, green_blue
from hdmea.features.extractors.on_off import OnOffParams, on_off
from tests.features.movies import FRAME, RATE, movie_recording

STEP, COLOURS = "step_up_5s_5i_b0_3x", "green_blue_3s_3i_3x"
SECOND = 60 * FRAME / RATE


def poisson(rate_of_frame: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return counts (1 unit, 3 trials, frames) of a rate in spikes per frame."""
    return np.random.default_rng(seed).poisson(rate_of_frame, (1, 3, rate_of_frame.size))


def marked(
    recording: Recording, feature: str, movie: str, **params: Any
) -> tuple[MarkedResponse, dict[str, Any]]:
    extractor, settings = (on_off, OnOffParams) if feature == "on_off" else (green_blue, GreenBlueParams)
    chosen = settings(**params)
    table = extractor.compute(recording, chosen)
    numbers = {name: values[0] for name, values in table.units.items()}
    return marked_response(recording, feature, numbers, chosen, movie), numbers


def on_cell() -> Recording:
    rate = np.full(600, 0.05)
    rate[66:90] = 1.2
    rate[90:360] = 0.4
    return movie_recording(STEP, poisson(rate))


@pytest.mark.parametrize("params", [{}, {"cutoff_hz": 5.0, "sustained_s": 2.0}])
def test_the_peak_lies_on_the_low_passed_rate_at_the_features_time(params: dict[str, float]) -> None:
    found, numbers = marked(on_cell(), "on_off", STEP, **params)

    on, off = found.marks
    assert (on.name, off.name) == ("on", "off")
    assert on.peak_s == pytest.approx(SECOND + numbers["on_transient_time"] / 1000)
    assert on.peak_hz == pytest.approx(found.rate[np.argmin(np.abs(found.time_s - on.peak_s))])
    assert on.latency_s == pytest.approx(SECOND + numbers["on_latency"] / 1000)
    assert on.responds


def test_sustained_parts_and_baseline_are_mean_rates() -> None:
    recording = on_cell()
    found, numbers = marked(recording, "on_off", STEP)

    mean = numbers["trial_rates"].mean(axis=0)
    assert found.baseline_hz == pytest.approx(mean[:60].mean())
    assert found.baseline_s == pytest.approx((0.0, SECOND))
    on, off = found.marks
    assert on.sustained_hz == pytest.approx(mean[300:360].mean())
    assert off.sustained_hz == pytest.approx(mean[540:].mean())
    assert (on.sustained_from_s, on.stop_s) == pytest.approx((5 * SECOND, 6 * SECOND), rel=1e-3)


def test_each_colour_has_its_marks_in_the_order_of_time() -> None:
    rate = np.full(720, 0.05)
    rate[66:80] = 1.5

    found, numbers = marked(movie_recording(COLOURS, poisson(rate)), "green_blue", COLOURS)

    assert [mark.name for mark in found.marks] == ["green_on", "green_off", "blue_on", "blue_off"]
    assert all(np.diff([mark.start_s for mark in found.marks]) > 0)
    assert found.marks[0].peak_s == pytest.approx(
        found.marks[0].start_s + numbers["green_on_transient_time"] / 1000
    )


def test_a_silent_unit_has_no_peak_and_no_latency() -> None:
    found, _ = marked(movie_recording(STEP, np.zeros((1, 3, 600), int)), "on_off", STEP)

    assert all(np.isnan([mark.peak_s, mark.peak_hz, mark.latency_s]).all() for mark in found.marks)
    assert not any(mark.responds for mark in found.marks)
