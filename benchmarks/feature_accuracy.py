"""Bias and spread of the features of simulated Poisson cells: the table of docs/science.md.

``python benchmarks/feature_accuracy.py`` writes the table to the standard output; seeded.
"""

from __future__ import annotations

import numpy as np

from hdmea.features.direction_tuning import direction_tuning
from hdmea.features.repeatability import quality_index
from hdmea.features.sine_fit import fit_sine
from hdmea.features.step_response import baseline_of, rectified_index, step_response
from hdmea.features.trial_rates import trial_rates

CELLS = 400
FRAME = 333
RATE = 19_980.0
PEAKS = (20.0, 60.0, 150.0)
TRIALS = (3, 10, 30)


def spread(values: np.ndarray, truth: float) -> str:
    """Mean error and standard deviation."""
    return f"{np.nanmean(values) - truth:+.3f} ± {np.nanstd(values):.3f}"


def tuning(rng: np.random.Generator, peak: float, trials: int) -> str:
    """Simulate a cell of direction index 0.5, `peak` spikes per sweep in its best direction."""
    theta = np.arange(8) * np.pi / 4
    rate = 0.5 * peak * (1 + np.cos(theta))
    counts = rng.poisson(rate, (CELLS, trials, 8))
    return spread(direction_tuning(counts, np.rad2deg(theta), n_permutations=100).dsi, 0.5)


def amplitude(rng: np.random.Generator, peak: float, trials: int) -> str:
    """Simulate a sine of half the peak rate, 3 s at 2 Hz; amplitude as a share of the true one."""
    t = (np.arange(180) + 0.5) / 60
    rate = 0.5 * peak * (1 + np.sinc(2 / 60) * np.sin(4 * np.pi * t))
    counts = rng.poisson(rate / 60, (CELLS, trials, 180))
    return spread(fit_sine(counts * 60.0, 2.0, 1 / 60).amplitude / (0.5 * peak), 1.0)


def steps(rng: np.random.Generator, peak: float, trials: int) -> tuple[str, str]:
    """Transients of `peak` Hz at light on and of a third of it at light off, on 1 Hz; index 0.5; quality."""
    frames = np.arange(600)
    bump = np.exp(-0.5 * ((frames - 72) / 4) ** 2) + np.exp(-0.5 * ((frames - 372) / 4) ** 2) / 3
    counts = rng.poisson((1 + peak * bump) / 60, (CELLS, trials, 600)).reshape(CELLS, -1)
    counts = np.pad(counts, ((0, 0), (130, 130)))
    times = np.arange(counts.shape[1] + 1) * FRAME
    trains = [np.repeat(times[:-1], unit) + 7 for unit in counts]
    rates = trial_rates(trains, times, 130 + 600 * np.arange(trials), 600, RATE)
    baseline = baseline_of(rates, 0, 60)
    on, off = step_response(rates, baseline, 60, 360), step_response(rates, baseline, 360, 600)
    index = rectified_index(on.transient, off.transient)
    return spread(index, 0.5), f"{np.nanmean(quality_index(rates.filtered)):.2f}"


def main() -> None:
    """Write the table."""
    print("| peak | trials | dsi (0.5) | sine amplitude / truth | on_off_index (0.5) | quality_index |")
    print("|---|---|---|---|---|---|")
    for peak in PEAKS:
        for trials in TRIALS:
            rng = np.random.default_rng([int(peak), trials])
            cells = (tuning(rng, peak, trials), amplitude(rng, peak, trials), *steps(rng, peak, trials))
            print(f"| {peak:g} | {trials} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
