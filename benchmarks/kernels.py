"""Speed of the computing kernels beside plain numpy and scipy, and beside the reference figures.

Run ``python -m benchmarks.kernels``. The plain version runs in the same process on a part of the work and is
scaled up, so that the ratio does not depend on the machine. Reference figures were taken on two cores: the
lab's public scripts, and quick prototypes that gave equal results.
"""

from __future__ import annotations

import gc
import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hdmea.declare import Recording
from hdmea.features.extractors.frif import firing_rate_in_frames, frif
from hdmea.features.science.electrical_image import electrical_images
from hdmea.features.science.spike_triggered_average import spike_triggered_averages

RATE = 20_000.0
WORKERS = min(2, os.cpu_count() or 1)


@dataclass(frozen=True)
class Figure:
    """One line of the table, times in seconds."""

    name: str
    ours: float
    plain: float
    prototype: str
    scripts: str


def best_of(work: Callable[[], object], times: int = 3) -> float:
    """Shortest of several runs, after one that compiles."""
    work()
    durations = []
    for _ in range(times):
        gc.collect()
        start = time.perf_counter()
        work()
        durations.append(time.perf_counter() - start)
    return min(durations)


def spike_triggered_average() -> Figure:
    """500 units, 15 × 15 pixels, 10 800 frames, 886 000 spikes."""
    rng = np.random.default_rng(0)
    movie = rng.integers(0, 256, (10_800, 15, 15), dtype=np.uint8)
    trains = [np.sort(rng.integers(60, 10_800, 1772)) for _ in range(500)]
    windows = np.lib.stride_tricks.sliding_window_view(movie, 60, axis=0)

    def plain() -> object:
        return [windows[k - 60].mean(axis=0) for k in trains[:10]]

    ours = best_of(lambda: spike_triggered_averages(movie, trains, (-60, 0), workers=WORKERS))
    return Figure("STA, 500 units, 886 000 spikes", ours, 50 * best_of(plain, 1), "0.08 s", "4.0 s")


class Counts:
    """10 s of 4225 electrodes in memory."""

    segments = np.array([[0, 200_000]])
    n_electrodes = 4225

    def __init__(self) -> None:
        self.counts = np.random.default_rng(1).integers(-50, 50, (200_000, 4225), dtype=np.int16)

    def read_counts(self, segment: int, start: int, stop: int) -> NDArray[np.int16]:
        """Rows of the only segment."""
        return self.counts[start:stop]


def electrical_image() -> tuple[Figure, float]:
    """100 units, 10 s × 4225 electrodes; also the memory in GB that it needed beyond the raw data."""
    from scipy import signal

    source = Counts()
    rng = np.random.default_rng(2)
    trains = [np.sort(rng.choice(np.arange(50, 199_900), 100, replace=False)) for _ in range(100)]
    sos = signal.butter(2, 100, "highpass", fs=RATE, output="sos")

    def plain() -> object:
        filtered = signal.sosfiltfilt(sos, source.counts[:, :65].astype(np.float64), axis=0)
        return [np.mean([filtered[s - 10 : s + 40] for s in train], axis=0) for train in trains]

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ours = best_of(lambda: electrical_images(source, trains, sampling_rate=RATE, workers=WORKERS))
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / 1e9
    figure = Figure(
        "electrical image, 100 units, 10 s × 4225", ours, 65 * best_of(plain, 1), "1.4 s", "40–60 s"
    )
    return figure, memory


def frame_rates() -> Figure:
    """FRIF per unit for 30 min: 108 000 frames, 18 000 spikes."""
    rng = np.random.default_rng(3)
    frames = np.arange(108_000) * 333 + 60_000
    trains = [np.sort(rng.integers(0, 36_000_000, 18_000)) for _ in range(50)]
    units = {f"unit_{n:03d}": {"spike_times": train} for n, train in enumerate(trains)}
    recording = Recording(units, {"acquisition_rate": [RATE], "frame_timestamps": frames}, {})
    assert np.array_equal(
        frif.compute(recording).units["FRIF"][0], firing_rate_in_frames(trains[0], frames, RATE)
    )

    def plain() -> object:
        return [np.histogram(train, bins=frames)[0] / np.diff(frames) * RATE for train in trains]

    ours = best_of(lambda: frif.compute(recording)) / len(trains)
    return Figure("FRIF, one unit, 30 min", ours, best_of(plain) / len(trains), "0.3 ms", "2.6 s")


def main() -> None:
    """Print the table."""
    image, memory = electrical_image()
    figures = [spike_triggered_average(), image, frame_rates()]
    print(f"{WORKERS} threads, numpy {np.__version__}, Python {sys.version.split()[0]}")
    print(f"{'':42}{'ours':>12}{'plain':>12}{'ratio':>9}{'prototype':>12}{'scripts':>10}")
    for figure in figures:
        print(
            f"{figure.name:42}{figure.ours * 1e3:9.2f} ms{figure.plain * 1e3:9.0f} ms"
            f"{figure.plain / figure.ours:8.1f}×{figure.prototype:>12}{figure.scripts:>10}"
        )
    print(f"electrical image: {memory:.2f} GB beyond the raw data (prototype 0.7 GB, scripts 5–22 GB)")


if __name__ == "__main__":
    main()
