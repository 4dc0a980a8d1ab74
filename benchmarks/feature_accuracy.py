"""Bias and spread of the numbers of simulated cells: the tables of docs/science.md.

``python benchmarks/feature_accuracy.py`` writes the tables to the standard output; seeded.
"""

from __future__ import annotations

import numpy as np

from hdmea.features.science.direction_tuning import direction_tuning
from hdmea.features.science.repeatability import quality_index
from hdmea.features.science.rf_geometry import rf_geometry
from hdmea.features.science.sine_fit import fit_sine
from hdmea.features.science.spike_train import coefficient_of_variation, isi_violation_ratio, local_variation
from hdmea.features.science.spike_triggered_average import spike_triggered_averages
from hdmea.features.science.step_response import baseline_of, rectified_index, step_response
from hdmea.features.science.trial_rates import trial_rates

CELLS = 400
FRAME = 333
RATE = 19_980.0
PEAKS = (20.0, 60.0, 150.0)
TRIALS = (3, 10, 30)
SPIKES = (30, 100, 1000, 10_000)
FIELDS = 40
FIELD_SPIKES = (300, 1000, 3000, 10_000)
SIGMA, PLACE, LATENCY_MS = 1.06, (6.8, 7.3), 100.0


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


def spike_train(rng: np.random.Generator, n_spikes: int) -> list[str]:
    """Poisson trains (cv 1, lv 1, violations 0.5) and gamma trains of shape 4 (cv 1/2, lv 1/3) of 10 Hz."""
    found = []
    for shape in (1, 4):
        isi = np.rint(rng.gamma(shape, 2000 / shape, (CELLS, n_spikes - 1))).astype(np.int64)
        found.append(spread(np.array([coefficient_of_variation(one) for one in isi]), shape**-0.5))
        found.append(spread(np.array([local_variation([one]) for one in isi]), 3 / (2 * shape + 1)))
        if shape == 1:
            seconds = isi.sum(axis=1) / 20_000
            violations = (isi < 30).sum(axis=1).tolist()
            ratios = [
                isi_violation_ratio(v, n_spikes, t, 0.0015) for v, t in zip(violations, seconds, strict=True)
            ]
            found.append(spread(np.array(ratios), 0.5))
    return found


def field(rng: np.random.Generator, n_spikes: int) -> tuple[float, float, float, bool]:
    """Sigma, place and latency of one cell with an exponential nonlinearity, and whether it is a Gaussian.

    Every cell has a noise movie of its own: 3 min, 15 x 15 pixels, 15 Hz.
    """
    movie = np.repeat(rng.integers(0, 2, (2700, 15, 15), dtype=np.uint8) * 255, 4, axis=0)
    row, col = np.indices((15, 15))
    weights = np.exp(-0.5 * ((row - PLACE[0]) ** 2 + (col - PLACE[1]) ** 2) / SIGMA**2)
    t = np.arange(-60, 0) / 60
    course = np.exp(-0.5 * ((t + LATENCY_MS / 1000) / 0.03) ** 2) - 0.4 * np.exp(
        -0.5 * ((t + 0.2) / 0.04) ** 2
    )
    light = (movie.reshape(len(movie), -1) / 127.5 - 1) @ weights.ravel()
    drive = np.lib.stride_tricks.sliding_window_view(light, 60)[:-1] @ course
    rate = np.exp(drive / drive.std())
    train = 60 + np.sort(rng.choice(rate.size, n_spikes, p=rate / rate.sum()))
    found = rf_geometry(spike_triggered_averages(movie, [train], (-60, 0)).data[0], (-60, 0), 1 / 60)
    if found.center is None:
        return (np.nan, np.nan, np.nan, False)
    sigma = np.sqrt(found.center.sigma_major * found.center.sigma_minor)
    return sigma, found.center.x, found.latency_ms, found.model == "gaussian"


def main() -> None:
    """Write the tables."""
    print("| peak | trials | dsi (0.5) | sine amplitude / truth | on_off_index (0.5) | quality_index |")
    print("|---|---|---|---|---|---|")
    for peak in PEAKS:
        for trials in TRIALS:
            rng = np.random.default_rng([int(peak), trials])
            cells = (tuning(rng, peak, trials), amplitude(rng, peak, trials), *steps(rng, peak, trials))
            print(f"| {peak:g} | {trials} | {' | '.join(cells)} |")
    print("\n| spikes | cv_isi (1) | lv (1) | isi_violation_ratio (0.5) | cv_isi (0.5) | lv (0.333) |")
    print("|---|---|---|---|---|---|")
    for spikes in SPIKES:
        print(f"| {spikes} | {' | '.join(spike_train(np.random.default_rng(spikes), spikes))} |")
    print("\n| spikes | σ (1.06 px) | rf_x (7.3 px) | latency (100 ms) | model gaussian |")
    print("|---|---|---|---|---|")
    for spikes in FIELD_SPIKES:
        rng = np.random.default_rng(spikes)
        sigma, x, latency, gaussian = np.array([field(rng, spikes) for _ in range(FIELDS)]).T
        cells = spread(sigma, SIGMA), spread(x, PLACE[1]), spread(latency, LATENCY_MS)
        print(f"| {spikes} | {' | '.join(cells)} | {gaussian.mean():.0%} |")


if __name__ == "__main__":
    main()
