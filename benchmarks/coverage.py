"""How often 95 % intervals hold the truth, and the bias: ``python -m benchmarks.coverage --cells 2000``.

The table goes into ``docs/science.md``. Limits: 0.93 and more everywhere; where the truth is two standard
errors or more from a bound 0.97 and less. Simulated cells are Poisson; numbers are taken as they are, before
those without a significant response are left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.null_cells import rates_of_counts
from hdmea.features.extractors.spots import surround_suppression
from hdmea.features.science.direction_tuning import direction_tuning
from hdmea.features.science.linear_nonlinear import fit_exponential, gain_error
from hdmea.features.science.receptive_field_models import fit_map
from hdmea.features.science.sine_fit import fit_sine, fit_wave
from hdmea.features.science.step_response import (
    baseline_of,
    contrast_limits,
    rectified_index,
    step_response,
    transience,
    transience_limits,
)
from hdmea.features.science.time_course import course_errors

__all__ = ["Point", "points", "table"]

_DIRECTIONS = np.arange(8) * 45.0
_THETA = np.deg2rad(_DIRECTIONS)
_FITS = 400
_COURSES = 300
_T_OF_BLOCKS = 2.093

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Point:
    """Coverage of one number for one kind of cell.

    Attributes
    ----------
    number, cells
        What is estimated, and of what.
    truth
        Its true value.
    inside
        Share of the intervals that hold it.
    bias
        Mean error of the estimates, in their standard deviations.
    n
        Cells.
    """

    number: str
    cells: str
    truth: float
    inside: float
    bias: float
    n: int


def _point(number: str, cells: str, truth: float, estimate: Floats, low: Floats, high: Floats) -> Point:
    known = ~(np.isnan(low) | np.isnan(high))
    tie = 1e-9
    inside = (low[known] <= truth + tie) & (truth - tie <= high[known])
    finite = estimate[np.isfinite(estimate)]
    spread = float(finite.std())
    bias = float((finite.mean() - truth) / spread) if spread > 0 else 0.0
    return Point(number, cells, truth, float(inside.mean()), bias, int(known.sum()))


def points(n_cells: int, seed: int = 0) -> Iterator[Point]:
    """Simulate cells and yield the coverage of each number."""
    rng = np.random.default_rng(seed)
    yield from _amplitudes(rng, n_cells)
    yield from _directions(rng, n_cells)
    yield from _light_steps(rng, n_cells)
    yield from _stimuli(rng, n_cells)
    yield from _gains(rng, min(n_cells, _FITS))
    yield from _fields(rng, min(n_cells, _FITS))
    yield from _courses(rng, min(n_cells, _COURSES))


def _amplitudes(rng: np.random.Generator, n_cells: int) -> Iterator[Point]:
    t = (60 + np.arange(180) + 0.5) / 60
    gain = np.sinc(2 / 60)
    for trials in (3, 10):
        for amplitude in (0.0, 2.0, 5.0, 10.0, 20.0):
            rate = 20 + gain * amplitude * np.sin(2 * np.pi * 2 * t + 0.4)
            rates = rng.poisson(np.broadcast_to(rate / 60, (n_cells, trials, 180))) * 60.0
            fit = fit_sine(rates, 2.0, 1 / 60, 60)
            cells = f"{trials} trials, 20 Hz"
            yield _point(
                "amplitude (Hz)", cells, amplitude, fit.amplitude, fit.amplitude_low, fit.amplitude_high
            )


def _directions(rng: np.random.Generator, n_cells: int) -> Iterator[Point]:
    for peak, maintained in ((10, 0.0), (45, 0.0), (45, 8.0), (45, 60.0)):
        for sharp in (0.0, 0.3, 1.0, 2.5):
            evoked = peak * np.exp(sharp * (np.cos(_THETA - 0.3) - 1))
            counts = rng.poisson(np.broadcast_to(evoked + maintained, (n_cells, 3, 8)))
            blank = rng.poisson(maintained * 5, n_cells) / 5
            found = direction_tuning(
                counts, _DIRECTIONS, blank=blank, blank_se=np.sqrt(blank / 5), n_permutations=100
            )
            cells = f"{peak} spikes at most, {maintained:g} maintained"
            first, second = ((evoked * np.exp(1j * k * _THETA)).sum() for k in (1, 2))
            total = evoked.sum()
            yield _point("dsi", cells, abs(first) / total, found.dsi, found.dsi_low, found.dsi_high)
            yield _point("osi", cells, abs(second) / total, found.osi, found.osi_low, found.osi_high)
            if sharp:
                angle = float(np.rad2deg(np.angle(first)))
                # Angles near the true one, so that low <= angle <= high means what it says.
                turn = 360 * np.round((found.preferred_direction - angle) / 360)
                limits = (found.preferred_direction_low - turn, found.preferred_direction_high - turn)
                yield _point(
                    "preferred_direction (°)", cells, angle, found.preferred_direction - turn, *limits
                )


def _stimuli(rng: np.random.Generator, n_cells: int) -> Iterator[Point]:
    """Windows of a chirp, gratings, and spots; 5, 3 and 5 repetitions."""
    seconds = (np.arange(60) + 0.5) / 60
    phase = 2 * np.pi * (4 * seconds + 0.5 * seconds**2)
    gain = float(np.sinc(4.5 / 60))
    for amplitude in (0.0, 5.0, 15.0):
        rate = 20 + gain * amplitude * np.sin(phase + 0.4)
        counts = rng.poisson(np.broadcast_to(rate / 60, (n_cells, 5, 60)))
        fit = fit_wave(counts * 60.0, phase, gain)
        limits = (fit.amplitude, fit.amplitude_low, fit.amplitude_high)
        yield _point("frequency_amplitude (Hz)", "chirp, 5 trials, 20 Hz", amplitude, *limits)
    t = (np.arange(120) + 0.5) / 60
    for amplitude in (0.0, 5.0, 15.0):
        rate = 20 + np.sinc(2 / 60) * amplitude * np.sin(2 * np.pi * 2 * t)
        counts = rng.poisson(np.broadcast_to(rate / 60, (n_cells, 3, 120)))
        fit = fit_sine(counts * 60.0, 2.0, 1 / 60)
        limits = (fit.amplitude, fit.amplitude_low, fit.amplitude_high)
        yield _point("f1 (Hz)", "gratings of 2 s, 3 trials, 20 Hz", amplitude, *limits)
    for sharp in (0.3, 1.0, 2.5):
        evoked = 60 * np.exp(sharp * (np.cos(_THETA - 0.3) - 1))
        counts = rng.poisson(np.broadcast_to(evoked + 10, (n_cells, 3, 8)))
        blank = rng.poisson(10 * 10, n_cells) / 10
        found = direction_tuning(
            counts, _DIRECTIONS, blank=blank, blank_se=np.sqrt(blank / 10), n_permutations=100
        )
        truth = abs((evoked * np.exp(1j * _THETA)).sum()) / evoked.sum()
        yield _point(
            "dsi",
            "gratings of 2 s, 3 trials, 5 Hz maintained",
            truth,
            found.dsi,
            found.dsi_low,
            found.dsi_high,
        )
    sizes = np.array([1, 2, 3, 4, 6, 8, 12, 16.0])
    for peak in (40.0, 120.0):
        for surround in (0.0, 0.3, 0.6):
            curve = peak * (1 - np.exp(-((sizes / 3) ** 2)) - surround * (1 - np.exp(-((sizes / 10) ** 2))))
            counts = rng.poisson(np.broadcast_to(curve + 5, (n_cells, 5, 8)))
            truth = float(1 - curve[-1] / curve.max())
            limits = surround_suppression(counts - rng.poisson(5 * 20, n_cells)[:, None, None] / 20)
            yield _point("surround_suppression", f"spots of 1 s, 5 trials, {peak:g} Hz", truth, *limits)


def _gains(rng: np.random.Generator, n_cells: int) -> Iterator[Point]:
    """Gain of the exponential for a given generator, single spikes and bursts."""
    g = np.convolve(rng.normal(size=7200), np.ones(6) / np.sqrt(6), "same")
    duration = np.full(g.size, 1 / 60)
    for size, cells in ((1, "single spikes"), (4, "bursts of 4")):
        for hz in (3.0, 17.0):
            found = []
            for _ in range(n_cells):
                counts = size * rng.poisson(hz / size * np.exp(0.5 * g - 0.125) / 60)
                log_rate, gain = fit_exponential(g, counts, duration)
                half = _T_OF_BLOCKS * gain_error(g, counts, duration, log_rate, gain)
                found.append((gain, gain - half, gain + half))
            yield _point("gain", f"{cells}, {hz * 120:g} spikes", 0.5, *np.array(found).T)


def _light_steps(rng: np.random.Generator, n_cells: int) -> Iterator[Point]:
    """Baseline 1 s, light 5 s, dark 4 s; a transient and a sustained part, with a sharp or a soft onset.

    The onset lies anywhere in a frame: latencies are given minus the true one.
    """
    fine = 6
    t = (np.arange(600 * fine) + 0.5) / 60 / fine
    late = rng.uniform(0, 1 / 60, (n_cells, 1))
    for trials in (3, 10, 30):
        for peak in (40.0, 120.0):
            for rise, name in ((0.0, "sharp"), (0.03, "soft")):
                rate = np.full((n_cells, t.size), 5.0)
                for at, size in ((1.08 + late, 1.0), (6.09 + late, 0.5)):
                    since = np.maximum(t - at, 0)
                    course = 0.25 + 0.75 * np.exp(-since / 0.25)
                    if rise:
                        course *= 1 - np.exp(-since / rise)
                    rate += np.where((t > at) & (t < at + 4.9), size * peak * course, 0)
                rate = rate.reshape(n_cells, 1, 600, fine).mean(axis=-1)
                counts = rng.poisson(np.broadcast_to(rate / 60, (n_cells, trials, 600)))
                found = _steps(counts)
                # Two equal trials of the rate itself have no noise and no interval.
                exact = _steps(np.broadcast_to(rate / 60, (n_cells, 2, 600)), spike=1e-9)
                cells = f"{trials} trials, {peak:g} Hz, {name} onset"
                for number, limits in found.items():
                    if number == "on_latency (ms)":
                        true = 80 + 1000 * late[:, 0]
                        yield _point(number, cells, 0.0, *(limit - true for limit in limits))
                    else:
                        yield _point(number, cells, float(exact[number][0].mean()), *limits)


def _steps(counts: NDArray[Any], spike: float = 1.0) -> dict[str, tuple[Floats, Floats, Floats]]:
    """Latency, transience and index, each with its limits."""
    rates = rates_of_counts(counts)
    rates = replace(rates, spike_rate=spike * rates.spike_rate, spike_height=spike * rates.spike_height)
    baseline = baseline_of(rates, 0, 60)
    on, off = (step_response(rates, baseline, *phase) for phase in ((60, 360), (360, 600)))
    return {
        "on_latency (ms)": (on.latency_ms, on.latency_low_ms, on.latency_high_ms),
        "on_transience": (transience(on), *transience_limits(on)),
        "on_off_index": (
            rectified_index(on.transient, off.transient),
            *contrast_limits(on, off, rectified=True),
        ),
    }


def _fields(rng: np.random.Generator, n_cells: int) -> Iterator[Point]:
    rows, cols = np.indices((15, 15))
    for noise in (0.05, 0.15):
        numbers: dict[str, list[tuple[float, float]]] = {}
        for _ in range(n_cells):
            shape = np.exp(-0.5 * ((cols - 7.2) ** 2 + (rows - 6.6) ** 2) / 1.3**2)
            fit = fit_map(shape + noise * rng.normal(size=shape.shape), (7, 7), "gaussian")
            if fit is None:
                continue
            found = fit.shapes[0]
            sigma = float(np.sqrt(found.sigma_major * found.sigma_minor))
            numbers.setdefault("rf_x (px)", []).append((found.x, fit.errors.x))
            numbers.setdefault("sigma (px)", []).append((sigma, fit.errors.sigma))
        for name, truth in (("rf_x (px)", 7.2), ("sigma (px)", 1.3)):
            value, half = np.array(numbers[name]).T
            yield _point(name, f"noise {noise:g} of the peak", truth, value, value - half, value + half)


def _courses(rng: np.random.Generator, n_cells: int) -> Iterator[Point]:
    lags = np.arange(-30, 0)
    for second in (0.0, 0.5):
        kernel = np.exp(-0.5 * ((lags + 6.4) / 2) ** 2) - second * np.exp(-0.5 * ((lags + 15) / 3) ** 2)
        smooth = np.convolve(kernel, np.ones(3) / 3, "same")
        truth = -smooth.min() / smooth.max() if second else 0.0
        latency, index = [], []
        for _ in range(n_cells):
            pixel = rng.normal(size=7200)
            drive = np.concatenate((np.zeros(1), np.convolve(pixel, kernel[::-1])[: pixel.size - 1]))
            spikes = np.repeat(np.arange(7200), rng.poisson(0.25 * np.exp(0.4 * drive / drive.std())))
            found = course_errors(pixel, spikes[spikes >= 30], (-30, 0), 1.0)
            middle = 0.5 * (found.latency_low_frames + found.latency_high_frames)
            latency.append((middle, found.latency_low_frames, found.latency_high_frames))
            index.append((found.biphasic_index, found.biphasic_low, found.biphasic_high))
        cells = "biphasic" if second else "monophasic"
        yield _point("latency (frames)", cells, 6.4, *np.array(latency).T)
        yield _point("biphasic_index", cells, truth, *np.array(index).T)


def table(n_cells: int) -> str:
    """Return the Markdown table."""
    lines = ["| number | cells | truth | inside 95 % | bias (SD) | n |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {p.number} | {p.cells} | {p.truth:.3g} | {p.inside:.3f} | {p.bias:+.2f} | {p.n} |"
        for p in points(n_cells)
    ]
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=2000, help="cells per point")
    print(table(parser.parse_args().cells))


if __name__ == "__main__":
    main()
