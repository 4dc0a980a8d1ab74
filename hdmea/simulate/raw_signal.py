"""The sampled signals of a simulated recording, block by block: sensors, light, frame sync."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hdmea.simulate.experiment import FileOptions, Region
from hdmea.simulate.footprints import PRE_SAMPLES, Footprint
from hdmea.simulate.timeline import Timeline

__all__ = [
    "COUNTS_PER_LEVEL",
    "FLASH_LEVEL",
    "SYNC_COUNTS",
    "SensorSource",
    "draw_conversion",
    "light_counts",
    "port_word",
    "sync_counts",
]

COUNTS_PER_LEVEL: Final = 10_000
"""Counts of the light channel per level (0 to 255) of the display."""

FLASH_LEVEL: Final = 170
SYNC_COUNTS: Final = 500_000
_SYNC_HIGH_FRACTION: Final = 0.3

Counts = NDArray[np.int32]
Samples = NDArray[np.int64]


def _pulses(starts: Samples, stops: Samples, block: tuple[int, int]) -> NDArray[np.int8]:
    first, stop = block
    inside = slice(np.searchsorted(starts, first), np.searchsorted(starts, stop))
    ended = slice(np.searchsorted(stops, first), np.searchsorted(stops, stop))
    change = np.zeros(stop - first, np.int8)
    np.add.at(change, starts[inside] - first, 1)
    np.add.at(change, stops[ended] - first, -1)
    change[0] += inside.start - ended.start
    return np.cumsum(change, dtype=np.int8)


def sync_counts(timeline: Timeline, block: tuple[int, int]) -> Counts:
    """Return the frame-sync channel: a pulse from the sample after each flip on.

    Parameters
    ----------
    timeline
        Where the flips are.
    block
        First and last + 1 sample.
    """
    interval = float(np.median(np.diff(timeline.frame_samples)))
    starts = timeline.flip_samples + 1
    high = _pulses(starts, starts + round(_SYNC_HIGH_FRACTION * interval), block)
    return high.astype(np.int32) * np.int32(SYNC_COUNTS)


def light_counts(timeline: Timeline, block: tuple[int, int]) -> Counts:
    """Return the light channel: the level of the frame on the display, then the flashes.

    Parameters
    ----------
    timeline
        Frames, their levels, and the flashes.
    block
        First and last + 1 sample.
    """
    interval = float(np.median(np.diff(timeline.frame_samples)))
    after_last = timeline.frame_samples[-1] + round(interval)
    edges = np.concatenate([timeline.frame_samples, [after_last], timeline.flashes.ravel()]) + 1
    flash_levels = np.tile([FLASH_LEVEL, 0], len(timeline.flashes))
    levels = np.concatenate([[0.0], timeline.luminance, [0.0], flash_levels])
    counts = np.rint(levels * COUNTS_PER_LEVEL).astype(np.int32)
    bounds = np.concatenate([[block[0]], np.clip(edges, *block), [block[1]]])
    return np.repeat(counts, np.diff(bounds))


def port_word(timeline: Timeline, block: tuple[int, int]) -> Counts:
    """Return the digital port: 1 while a movie is shown, otherwise 0."""
    content = np.array([timeline.content(run) for run in timeline.runs], np.int64).reshape(-1, 2)
    return _pulses(content[:, 0], content[:, 1], block).astype(np.int32)


def draw_conversion(rng: np.random.Generator, region: Region) -> NDArray[np.float64]:
    """Return the conversion factors in nV per count, (columns, rows), with six digits."""
    factors = rng.normal(1000.0, 30.0, (region.columns, region.rows))
    return np.array([[float(f"{factor:.6g}") for factor in column] for column in factors])


@dataclass(frozen=True)
class SensorSource:
    """Raw counts of all sensors: white noise and the electrical image of every spike.

    Parameters
    ----------
    region
        Recorded sensors.
    conversion_nv
        nV per count, (columns, rows).
    noise_uv
        SD of the noise.
    trains, footprints
        Spike samples (ascending) and electrical image of each unit.
    files
        Axis order, integer type and offsets of the counts.
    """

    region: Region
    conversion_nv: NDArray[np.float64]
    noise_uv: float
    trains: Sequence[Samples]
    footprints: Sequence[Footprint]
    files: FileOptions

    @property
    def frame_shape(self) -> tuple[int, int]:
        """Shape of one sample in the file."""
        shape = (self.region.columns, self.region.rows)
        return shape if self.files.axis_order == "xy" else shape[::-1]

    def blocks(
        self, rng: np.random.Generator, first: int, stop: int, block_samples: int
    ) -> Iterator[tuple[int, NDArray[np.integer]]]:
        """Yield the first sample and the counts of one block after the other.

        Parameters
        ----------
        rng
            Source of the noise; the counts do not depend on `block_samples`.
        first, stop
            Samples `[first, stop)` of the recording.
        block_samples
            Samples per block.
        """
        per_microvolt = (1e3 / self.conversion_nv).astype(np.float32).ravel()
        offset = self.files.offset_counts + (self.files.ad_zero or 0)
        limits = np.iinfo(self.files.integer_type)
        for start in range(first, stop, block_samples):
            end = min(start + block_samples, stop)
            voltage = rng.standard_normal((end - start, per_microvolt.size), np.float32)
            voltage *= np.float32(self.noise_uv)
            self._add_spikes(voltage, start, end)
            voltage *= per_microvolt
            np.rint(voltage, out=voltage)
            voltage += np.float32(offset)
            np.clip(voltage, limits.min, limits.max, out=voltage)
            counts = voltage.astype(self.files.integer_type)
            image = counts.reshape(-1, self.region.columns, self.region.rows)
            yield start, image if self.files.axis_order == "xy" else image.transpose(0, 2, 1)

    def _add_spikes(self, voltage: NDArray[np.float32], start: int, end: int) -> None:
        for train, footprint in zip(self.trains, self.footprints, strict=True):
            length = len(footprint.microvolts)
            near = slice(*np.searchsorted(train, (start - length + PRE_SAMPLES + 1, end + PRE_SAMPLES)))
            for spike in train[near]:
                onset = int(spike) - PRE_SAMPLES - start
                low, high = max(onset, 0), min(onset + length, end - start)
                voltage[low:high, footprint.sensors] += footprint.microvolts[low - onset : high - onset]
