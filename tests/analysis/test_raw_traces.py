"""Voltages for display: filtered as electrical images are, thinned out with all extremes, little memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import signal

from hdmea.analysis.raw_traces import RawTraces, Traces, grid_of, nearest_to

RATE = 20_000.0
CUTOFF = (100.0, 2)


@dataclass
class Counts:
    """A recording in memory that notes how often it is read."""

    parts: list[NDArray[Any]]
    starts: list[int]
    reads: list[tuple[int, int, int]] = field(default_factory=list)

    @property
    def segments(self) -> NDArray[np.int64]:
        ends = [start + len(part) for start, part in zip(self.starts, self.parts, strict=True)]
        return np.column_stack((self.starts, ends)).astype(np.int64)

    @property
    def n_electrodes(self) -> int:
        return int(self.parts[0].shape[1])

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.parts[0].dtype

    def read_counts(self, segment: int, start: int, stop: int) -> NDArray[Any]:
        assert 0 <= start < stop <= len(self.parts[segment])
        self.reads.append((segment, start, stop))
        return self.parts[segment][start:stop]


def recorded(n: int, electrodes: int = 6, seed: int = 3) -> NDArray[np.int16]:
    """Return noise on a large offset that drifts."""
    rng = np.random.default_rng(seed)
    drift = 400 * np.sin(np.arange(n) / RATE * 2 * np.pi * 3)[:, None]
    found: NDArray[np.int16] = np.rint(rng.normal(12_000, 20, (n, electrodes)) + drift).astype(np.int16)
    return found


def read(
    reader: RawTraces, source: Counts, start_s: float, stop_s: float, columns: int = 10**6, **others: Any
) -> Traces:
    options: dict[str, Any] = {"electrodes": np.array([1, 4]), "cutoff": CUTOFF} | others
    factors = np.array([1.0, 2.0, 1.0, 1.0, 0.5, 1.0])
    return reader.read(
        source, options.pop("electrodes"), factors, RATE, (start_s, stop_s), columns, **options
    )


def test_a_stretch_is_filtered_as_the_whole_recording_is() -> None:
    source = Counts([recorded(60_000)], [0])
    sos = signal.butter(2, 100, "highpass", fs=RATE, output="sos")
    whole = signal.sosfiltfilt(sos, source.parts[0].astype(float), axis=0)

    found = read(RawTraces(), source, 1.0, 1.2)

    first = round(found.time_s[0] * RATE)
    expected = whole[first : first + found.time_s.size, [1, 4]].T * [[2.0], [0.5]]
    assert found.time_s[[0, -1]] == pytest.approx([1.0, 1.2])
    # Two parts in a million of the offset are left of the filter's begin.
    assert np.abs(found.values - expected).max() < 0.1
    assert min(start for _, start, _ in source.reads) <= 20_000 - 600
    assert found.fraction == 1


def test_without_the_filter_only_a_mean_is_missing() -> None:
    source = Counts([recorded(60_000)], [0])

    found = read(RawTraces(), source, 1.0, 1.2, cutoff=None)

    counts = source.parts[0][20_000 : 20_000 + found.time_s.size, 1] * 2.0
    assert np.ptp(found.values[0] - counts) < 0.01
    assert abs(found.values[0].mean()) < 0.2 * np.ptp(counts)


def test_a_gap_and_both_ends_of_the_recording_stay_empty() -> None:
    source = Counts([recorded(20_000), recorded(20_000, seed=4)], [0, 30_000])

    found = read(RawTraces(), source, 0.9, 1.6)
    outside = read(RawTraces(), source, 5.0, 5.2)

    assert np.diff(found.time_s).min() >= 0
    assert np.count_nonzero(np.isnan(found.values).all(axis=0)) == 1
    inside = (found.time_s > 1.0) & (found.time_s < 1.5)
    assert np.isnan(found.values[:, inside]).all()
    assert outside.time_s.size == 0
    assert outside.fraction == 1


def test_pieces_without_data_are_empty_and_disturb_nothing_beside_them() -> None:
    counts = recorded(40_000)
    counts[20_000:20_400] = 0
    blank, whole = Counts([counts], [0]), Counts([recorded(40_000)], [0])

    found, expected = (read(RawTraces(), source, 0.95, 1.1) for source in (blank, whole))

    gone = (found.time_s >= 1.0) & (found.time_s < 1.02 - 1e-9)
    assert np.isnan(found.values[:, gone]).all()
    assert np.isfinite(found.values[:, ~gone]).all()
    assert np.abs(found.values - expected.values)[:, found.time_s < 0.98].max() < 20


def test_missing_values_of_one_electrode_stay_its_own() -> None:
    counts = recorded(40_000).astype(np.float32)
    counts[21_000:21_010, 1] = np.nan
    counts[:, 4] = np.nan

    found = read(RawTraces(), Counts([counts], [0]), 1.0, 1.2)

    assert np.count_nonzero(np.isnan(found.values[0])) == 10
    assert np.isnan(found.values[1]).all()


def test_a_long_stretch_keeps_every_extreme_and_the_same_steps_are_not_read_again() -> None:
    source = Counts([recorded(200_000)], [0])
    reader = RawTraces()

    found = read(reader, source, 0.0, 9.0, columns=500)
    n_reads = len(source.reads)
    moved = read(reader, source, 0.5, 9.5, columns=500)
    n_new = len(source.reads) - n_reads

    whole = read(RawTraces(), source, 0.0, 1.9)
    assert found.block == 256
    assert found.values.shape[1] < 2 * 180_000 / 256 + 20
    inside = found.time_s < 1.8
    assert found.values[:, inside].max() == whole.values[:, whole.time_s < 1.8].max()
    assert found.values[:, inside].min() == whole.values[:, whole.time_s < 1.8].min()
    assert moved.time_s[0] == pytest.approx(0.5, abs=0.02)
    assert n_new == 0


def test_other_electrodes_of_the_same_time_need_no_reading() -> None:
    source = Counts([recorded(60_000)], [0])
    reader = RawTraces()
    read(reader, source, 1.0, 1.2)
    n_reads = len(source.reads)

    read(reader, source, 1.0, 1.2, electrodes=np.array([0, 2, 3]))
    read(reader, source, 1.05, 1.15)

    assert len(source.reads) == n_reads


def test_no_more_is_kept_than_allowed_whatever_is_shown() -> None:
    source = Counts([recorded(100_000)], [0])
    # Half a second of these six electrodes.
    reader = RawTraces(max_nbytes=120_000)

    for start in (0.0, 1.0, 0.2, 3.0):
        found = read(reader, source, start, start + 1.5, columns=300)
        assert found.fraction == 1
        assert found.time_s[-1] == pytest.approx(start + 1.5, abs=0.02)
        assert reader.nbytes <= 120_000
    assert max(stop - start for _, start, stop in source.reads) * 12 <= 120_000


def test_reading_that_is_interrupted_goes_on_where_it_was() -> None:
    source = Counts([recorded(200_000)], [0])
    reader = RawTraces(max_nbytes=1_200_000)

    fractions = []
    for _ in range(1000):
        found = read(reader, source, 0.0, 8.0, columns=400, may_go_on=lambda: False)
        fractions.append(found.fraction)
        if found.fraction == 1:
            break

    assert fractions == sorted(fractions)
    assert len(fractions) > 3
    assert fractions[-1] == 1
    assert np.array_equal(found.values, read(RawTraces(max_nbytes=1_200_000), source, 0, 8, 400).values)


def test_blocks_are_whole_chunks_of_the_file() -> None:
    source = Counts([recorded(60_000)], [0])

    read(RawTraces(chunk_rows=700, max_nbytes=500_000), source, 1.0, 1.2)

    assert all(start % 700 == 0 for _, start, _ in source.reads)


def test_electrodes_around_a_place_and_on_a_grid() -> None:
    positions = np.array([(row, column) for row in range(10, 19) for column in range(30, 35)])

    around = positions[nearest_to(positions, (10, 30), 3)]
    grid = positions[grid_of(positions, 9)]
    alone = positions[grid_of(positions[:1], 16)]

    assert around.tolist() == [[10, 30], [10, 31], [11, 30]]
    assert len(grid) == 9
    assert sorted(set(grid[:, 0].tolist())) == [11, 14, 17]
    assert alone.tolist() == [[10, 30]]
