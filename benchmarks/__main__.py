"""One table of speed: each piece beside a plain version of it and the machine's limits, and how it grows.

``python -m benchmarks [--units 100] [--json FILE] [--markdown FILE] [--count]``

The plain versions compute the same in the manner of scripts: loops over units and spikes, one group of HDF5
per unit. They run in the same process, on a part of the work where the whole takes long, and are scaled up.
Times are those of the best of three runs after one that compiles. Ratios and growth are of the time of the
processor, because on a computer with other work the elapsed time says little: compare them, not seconds.

With ``--count`` nothing is timed: what is counted is the same on every machine, and CI compares it with
`benchmarks/counts.json`.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.counts import counted, stored_counts

RATE = 20_000.0
WORKERS = min(2, os.cpu_count() or 1)


@dataclass(frozen=True)
class Limit:
    """What the machine can do: `rate` bytes or operations per second."""

    name: str
    rate: float


@dataclass(frozen=True)
class Piece:
    """Something that is timed.

    Attributes
    ----------
    name
        With its size.
    ours, plain
        The work; `plain` does 1 / `share` of it.
    limit, amount
        The limit that it is compared with, and how many of its bytes or operations the work needs at least.
    growth
        For each quantity, the work on 1, 2 and 4 times as much of it.
    """

    name: str
    ours: Callable[[], object]
    plain: Callable[[], object]
    share: float = 1.0
    limit: str = "memory"
    amount: float = 0.0
    growth: Mapping[str, Callable[[int], Callable[[], object]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """A line of the table: our elapsed time, and our and the plain version's time of the processor, in s."""

    name: str
    elapsed: float
    ours: float
    plain: float
    ratio: float
    of_limit: str
    exponents: dict[str, float]


def best_of(work: Callable[[], object], times: int = 3) -> tuple[float, float]:
    """Return the shortest elapsed time of several runs, and the least time of the processor."""
    elapsed, processor = [], []
    for _ in range(times):
        begin, used = time.perf_counter(), time.process_time()
        work()
        elapsed.append(time.perf_counter() - begin)
        processor.append(time.process_time() - used)
    return min(elapsed), min(processor)


def limits(folder: Path) -> dict[str, Limit]:
    """Measure what the machine can do."""
    source = np.ones(1 << 25)
    target = np.empty_like(source)
    copied, _ = best_of(lambda: np.copyto(target, source))
    path, block = folder / "limit.bin", source[: 1 << 24].tobytes()

    def write() -> None:
        with path.open("wb") as file:
            file.write(block)
            file.flush()
            os.fsync(file.fileno())

    written, _ = best_of(write)
    read, _ = best_of(path.read_bytes)
    matrix = np.random.default_rng(0).random((1000, 1000))
    product, _ = best_of(lambda: matrix @ matrix)
    path.unlink()
    return {
        "memory": Limit("memory, read and written", 2 * source.nbytes / copied),
        "disk": Limit("disk, written and synced", len(block) / written),
        "cache": Limit("file in the page cache", len(block) / read),
        "product": Limit("products of float64", 2e9 / product),
    }


def exponent(work: Callable[[int], Callable[[], object]]) -> float:
    """Slope of the logarithm of the processor time against that of the size."""
    sizes = (1, 2, 4)
    times = []
    for size in sizes:
        run = work(size)
        run()
        times.append(best_of(run)[1])
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def measured(piece: Piece, known: Mapping[str, Limit]) -> Row:
    """Time a piece."""
    piece.ours()
    elapsed, ours = best_of(piece.ours)
    plain = best_of(piece.plain, 1)[1] * piece.share
    limit = known[piece.limit]
    part = f"{piece.amount / limit.rate / elapsed:.0%} of {piece.limit}" if piece.amount else ""
    growth = {name: exponent(work) for name, work in piece.growth.items()}
    return Row(piece.name, elapsed, ours, plain, plain / ours, part, growth)


# -- pieces ------------------------------------------------------------------------------------------


def sections(units: int) -> Piece:
    """Spikes of 10 movies and 30 trials."""
    from hdmea.results.sectioned import SectionedSpikes

    windows = np.arange(30)[:, None] * 40_000 + np.array([0, 30_000])

    def trains_of(n: int, spikes: int = 10_000) -> list[NDArray[np.int64]]:
        rng = np.random.default_rng(0)
        return [np.sort(rng.integers(0, 1_200_000, spikes)) for _ in range(n)]

    def ours(trains: Sequence[NDArray[np.int64]]) -> Callable[[], object]:
        return lambda: [SectionedSpikes(np.searchsorted(train, windows), train, windows) for train in trains]

    def plain() -> object:
        return [[train[(train >= a) & (train < b)] - a for a, b in windows] for train in trains]

    trains = trains_of(units)
    return Piece(
        f"spikes of 30 trials, {units} units, {units / 100:g} M spikes",
        ours(trains),
        plain,
        growth={
            "units": lambda k: ours(trains_of(k * units)),
            "spikes": lambda k: ours(trains_of(units, k * 10_000)),
        },
    )


def averages(units: int) -> Piece:
    """Spike-triggered averages of 15 × 15 pixels and 60 frames."""
    from hdmea.features.science.spike_triggered_average import spike_triggered_averages

    rng = np.random.default_rng(0)
    movie = rng.integers(0, 256, (10_800, 15, 15), dtype=np.uint8)
    windows = np.lib.stride_tricks.sliding_window_view(movie, 60, axis=0)

    def trains_of(n: int, spikes: int) -> list[NDArray[np.int64]]:
        return [np.sort(rng.integers(60, 10_800, spikes)) for _ in range(n)]

    def ours(n: int, spikes: int) -> Callable[[], object]:
        trains = trains_of(n, spikes)
        return lambda: spike_triggered_averages(movie, trains, (-60, 0), workers=WORKERS)

    few = trains_of(units // 10, 1800)
    return Piece(
        f"spike-triggered averages, {units} units, {units * 1800} spikes",
        ours(units, 1800),
        lambda: [windows[train - 60].mean(axis=0) for train in few],
        share=units / len(few),
        growth={"units": lambda k: ours(k * units, 1800), "spikes": lambda k: ours(units, k * 1800)},
    )


@dataclass
class Noise:
    """Counts of 4225 electrodes in memory, the same again for each block."""

    n_samples: int
    n_electrodes: int = 4225

    def __post_init__(self) -> None:
        size = (min(self.n_samples, 10_000 if self.n_electrodes > 65 else 40_000), self.n_electrodes)
        self._part = np.random.default_rng(1).integers(-50, 50, size, dtype=np.int16)

    @property
    def segments(self) -> NDArray[np.int64]:
        """One part without a gap."""
        return np.array([[0, self.n_samples]])

    def read_counts(self, segment: int, start: int, stop: int) -> NDArray[np.int16]:
        """Return a copy, as what reads a file does."""
        return self._part[: stop - start].copy()


def images(units: int) -> Piece:
    """Electrical images of 2 s, 10 spikes per second."""
    from scipy import signal

    from hdmea.features.science.electrical_image import electrical_images

    rng = np.random.default_rng(2)

    def ours(n: int, seconds: int) -> Callable[[], object]:
        source = Noise(round(seconds * RATE))
        trains = [np.sort(rng.integers(50, source.n_samples - 50, 10 * seconds)) for _ in range(n)]
        return lambda: electrical_images(source, trains, sampling_rate=RATE, workers=WORKERS)

    sos = signal.butter(2, 100, "highpass", fs=RATE, output="sos")
    few, trains = Noise(40_000, 65), [np.sort(rng.integers(50, 39_950, 20)) for _ in range(units)]

    def plain() -> object:
        filtered = signal.sosfiltfilt(sos, few.read_counts(0, 0, 40_000).astype(np.float64), axis=0)
        return [np.mean([filtered[s - 10 : s + 40] for s in train], axis=0) for train in trains]

    return Piece(
        f"electrical images, {units} units, 2 s of 4225 electrodes",
        ours(units, 2),
        plain,
        share=65,
        amount=40_000 * 4225 * 2,
        growth={"duration": lambda k: ours(units, k)},
    )


def noise_of_electrodes() -> Piece:
    """Robust SD of 4225 electrodes in 8 windows."""
    from scipy import signal

    from hdmea.features.science.electrode_noise import electrode_noise

    source = Noise(60_000)
    places = np.stack(np.indices((65, 65)).reshape(2, -1), axis=1)
    sos = signal.butter(2, 100, "highpass", fs=RATE, output="sos")

    def plain() -> object:
        part = source.read_counts(0, 0, 5000)[:, :256].astype(np.float64)
        filtered = signal.sosfiltfilt(sos, part, axis=0)
        return np.median(np.abs(filtered - np.median(filtered, axis=0)), axis=0)

    return Piece(
        "noise of 4225 electrodes, 8 windows",
        lambda: electrode_noise(source, places, sampling_rate=RATE, workers=WORKERS),
        plain,
        share=8 * 4225 / 256,
        amount=8 * 5000 * 4225 * 2,
    )


def frame_rates(units: int) -> Piece:
    """FRIF of 30 min."""
    from hdmea.declare import Recording
    from hdmea.features.extractors.frif import frif

    rng = np.random.default_rng(3)

    def ours(n: int, minutes: int) -> Callable[[], object]:
        frames = np.arange(3600 * minutes) * 333 + 60_000
        trains = [np.sort(rng.integers(0, 1_200_000 * minutes, 600 * minutes)) for _ in range(n)]
        named = {f"unit_{index:03d}": {"spike_times": train} for index, train in enumerate(trains)}
        recording = Recording(named, {"acquisition_rate": [RATE], "frame_timestamps": frames}, {})
        return lambda: frif.compute(recording)

    frames = np.arange(108_000) * 333 + 60_000
    few = [np.sort(rng.integers(0, 36_000_000, 18_000)) for _ in range(10)]
    return Piece(
        f"firing rate in frames, {units} units, 30 min",
        ours(units, 30),
        lambda: [np.histogram(train, bins=frames)[0] / np.diff(frames) * RATE for train in few],
        share=units / len(few),
        amount=units * 108_000 * 4,
        growth={"units": lambda k: ours(k * units, 30), "duration": lambda k: ours(units, 30 * k)},
    )


def fits(units: int) -> Piece:
    """Difference of Gaussians fitted to maps of 15 × 15 pixels."""
    from scipy.optimize import least_squares

    from hdmea.features.science.receptive_field_models import fit_map

    rng = np.random.default_rng(4)
    row, col = np.indices((15, 15)).astype(np.float64)
    field_ = np.exp(-0.5 * (((col - 7.2) / 1.8) ** 2 + ((row - 6.8) / 1.4) ** 2))

    def ours(n: int) -> Callable[[], object]:
        maps = [field_ + rng.normal(0, 0.1, field_.shape) for _ in range(n)]
        return lambda: [fit_map(one, (7, 7), "dog") for one in maps]

    def residual(p: NDArray[np.float64], one: NDArray[np.float64]) -> NDArray[np.float64]:
        cos, sin = np.cos(p[5]), np.sin(p[5])
        along, across = (col - p[1]) * cos + (row - p[2]) * sin, (row - p[2]) * cos - (col - p[1]) * sin
        centre = p[0] * np.exp(-0.5 * ((along / p[3]) ** 2 + (across / p[4]) ** 2))
        around = p[6] * np.exp(-0.5 * (along**2 + across**2) / p[7] ** 2)
        return np.ravel(centre + around + p[8] - one)

    start = np.array([1.0, 7.0, 7.0, 1.6, 1.4, 0.3, -0.1, 3.0, 0.0])
    low = [0, 2, 2, 0.3, 0.3, -np.inf, -np.inf, 0.3, -np.inf]
    high = [np.inf, 12, 12, 7.5, 7.5, np.inf, 0, 7.5, np.inf]
    few = [field_ + rng.normal(0, 0.1, field_.shape) for _ in range(10)]
    return Piece(
        f"receptive-field fits, {units} maps",
        ours(units),
        lambda: [least_squares(residual, start, bounds=(low, high), args=(one,)) for one in few],
        share=units / len(few),
        growth={"units": lambda k: ours(k * units)},
    )


def velocities(units: int) -> Piece:
    """Theil–Sen slope of 60 points with 1000 resamples."""
    from hdmea.features.science.theil_sen import theil_sen

    rng = np.random.default_rng(5)
    x = np.sort(rng.random(60))

    def ours(n: int) -> Callable[[], object]:
        times = [x + rng.normal(0, 0.1, x.size) for _ in range(n)]
        return lambda: [theil_sen(x, y) for y in times]

    def plain() -> object:
        y, found = x + rng.normal(0, 0.1, x.size), []
        for _ in range(100):
            drawn = rng.integers(x.size, size=x.size)
            a, b = np.triu_indices(x.size, 1)
            rise, run = y[drawn][b] - y[drawn][a], x[drawn][b] - x[drawn][a]
            found.append(np.median(rise[run != 0] / run[run != 0]))
        return np.quantile(found, [0.025, 0.975])

    return Piece(
        f"velocities with intervals, {units} axons of 60 electrodes",
        ours(units),
        plain,
        share=10 * units,
        growth={"units": lambda k: ours(k * units)},
    )


def files(units: int, folder: Path) -> list[Piece]:
    """Save, open all at once, and open lazily."""
    import h5py

    from hdmea.pipeline import PipelineSession, create_session
    from hdmea.results.sectioned import SectionedSpikes

    rng = np.random.default_rng(6)
    session = create_session("store", output_dir=folder)
    windows = np.stack([np.arange(10) * 1000, np.arange(10) * 1000 + 900], axis=1)
    movies = [f"movie_{number}" for number in range(10)]
    session.add_stimulus({"trial_time": dict.fromkeys(movies, windows)})
    for number in range(1, units + 1):
        spikes = np.sort(rng.integers(0, 36_000_000, 10_000)).astype(np.uint64)
        ranges = np.searchsorted(spikes, windows)
        unit = {
            "row": 1, "col": 2, "spike_count": len(spikes), "spike_times": spikes,
            "waveform": rng.random(21, dtype=np.float32),
            "firing_rate_10hz": rng.random(18_000, dtype=np.float32),
            "spike_times_sectioned": {movie: SectionedSpikes(ranges, spikes, windows) for movie in movies},
        }  # fmt: skip
        session.add_units({f"unit_{number:03d}": unit})
        session.add_feature(f"unit_{number:03d}", "eimage_sta", rng.random((50, 65, 65), dtype=np.float32))
    session.mark_step_complete("load_recording")
    path, theirs = folder / "ours.h5", folder / "plain.h5"

    def write() -> None:
        with h5py.File(theirs, "w") as file:
            for unit_id, unit in session.units.items():
                group = file.create_group(f"units/{unit_id}")
                for name in ("spike_times", "waveform", "firing_rate_10hz"):
                    group[name] = unit[name]
                for movie in movies:
                    for trial, (a, b) in enumerate(windows):
                        times = unit["spike_times"]
                        group[f"sections/{movie}/trials/{trial}"] = times[(times >= a) & (times < b)]
                group["features/eimage_sta"] = unit["features"]["eimage_sta"]["data"]
            file.flush()

    def read() -> object:
        found: dict[str, Any] = {}
        with h5py.File(theirs) as file:
            file.visititems(
                lambda name, node: found.update({name: node[()]}) if isinstance(node, h5py.Dataset) else None
            )
        return found

    nbytes = session.memory_estimate_gb * 1e9
    size = f"{units} units × 10 movies, {nbytes / 1e9:.2f} GB"

    def save() -> None:
        session.save(path, overwrite=True)

    save()
    write()
    return [
        Piece(f"save, {size}, synced and verified", save, write, limit="disk", amount=nbytes),
        Piece("open it, all at once", lambda: PipelineSession.load(path), read, limit="cache", amount=nbytes),
        Piece("open it, arrays on first use", lambda: PipelineSession.load(path, lazy=True), read),
    ]


# -- what is printed ---------------------------------------------------------------------------------


def as_markdown(rows: Sequence[Row], known: Mapping[str, Limit]) -> str:
    """Return the table."""
    lines = [
        "| | elapsed | processor | plain | ratio | share of the limit | growth |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        growth = ", ".join(f"{name} {value:.2f}" for name, value in row.exponents.items())
        lines.append(
            f"| {row.name} | {_seconds(row.elapsed)} | {_seconds(row.ours)} | {_seconds(row.plain)} | "
            f"{row.ratio:.1f} | {row.of_limit} | {growth} |"
        )
    lines += ["", "| limit of the machine | per second |", "|---|---|"]
    lines += [f"| {limit.name} | {limit.rate / 1e9:.1f} G |" for limit in known.values()]
    return "\n".join(lines)


def _seconds(value: float) -> str:
    return f"{value:.2f} s" if value >= 1 else f"{value * 1e3:.3g} ms"


def main() -> int:
    """Print the table; with ``--count`` return 1 if a count differs from what is stored."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--units", type=int, default=100)
    parser.add_argument("--json", type=Path, help="write the figures into this file")
    parser.add_argument("--markdown", type=Path, help="write the table into this file")
    parser.add_argument("--count", action="store_true", help="compare counts instead of measuring times")
    options = parser.parse_args()
    logging.getLogger("hdmea").setLevel(logging.ERROR)
    folder = Path(tempfile.mkdtemp(prefix="hdmea-benchmark-"))
    try:
        if options.count:
            found, stored = counted(folder), stored_counts()
            for name, value in asdict(found).items():
                print(f"{name:32} {value:>12} (stored {getattr(stored, name)})")
            return int(bool(found.differences(stored)))
        known = limits(folder)
        n = options.units
        pieces = [sections(n), averages(n), images(n), noise_of_electrodes(), frame_rates(n), fits(n)]
        pieces += [velocities(n), *files(n, folder)]
        rows = []
        for piece in pieces:
            rows.append(measured(piece, known))
            print(f"{rows[-1].name}: {rows[-1].ratio:.1f}", file=sys.stderr, flush=True)
    finally:
        shutil.rmtree(folder)
    table = as_markdown(rows, known)
    print(table)
    if options.markdown is not None:
        options.markdown.write_text(table + "\n")
    if options.json is not None:
        figures = {
            "limits": {name: limit.rate for name, limit in known.items()},
            "rows": [*map(asdict, rows)],
        }
        options.json.write_text(json.dumps(figures, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
