"""What a run needs that is the same on every machine: objects and bytes of the file, memory, calls.

``python -m benchmarks --count`` prints it beside `counts.json`; a test of CI compares both.
"""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

__all__ = ["Counts", "counted", "stored_counts"]

STORED = Path(__file__).with_name("counts.json")
_UNITS = 12


@dataclass(frozen=True)
class Counts:
    """Counts of a fixed piece of work.

    Attributes
    ----------
    groups, datasets, attributes
        Of the file of a session of 12 units.
    file_kb
        Its size.
    more_objects_per_unit
        How many objects and attributes each further unit adds.
    image_calls, image_samples
        Accesses to the raw data for electrical images, and samples that they read.
    image_peak_mb
        Memory for the electrical images of 4225 electrodes, of which 1 MB is the images themselves.
    image_growth_mb
        By how much it grows when the recording is twice as long.
    """

    groups: int
    datasets: int
    attributes: int
    file_kb: int
    more_objects_per_unit: int
    image_calls: int
    image_samples: int
    image_peak_mb: int
    image_growth_mb: int

    def differences(self, stored: Counts) -> list[str]:
        """Name the counts that are larger than what is stored, or far smaller; 2 % of sizes is nothing."""
        found = []
        for one in fields(self):
            new, old = getattr(self, one.name), getattr(stored, one.name)
            slack = max(2, 0.02 * old) if one.name.endswith(("_kb", "_mb")) else 0
            if abs(new - old) > slack:
                found.append(f"{one.name}: {new}, stored {old}")
        return found


def stored_counts() -> Counts:
    """Return the counts that are stored."""
    return Counts(**json.loads(STORED.read_text()))


def counted(folder: Path) -> Counts:
    """Do the work in a folder, and count."""
    file = folder / "counts.h5"
    _save(file, _UNITS)
    objects = _objects(file)
    size = file.stat().st_size
    _save(file, _UNITS + 1)
    more = sum(_objects(file)) - sum(objects)
    _images(_Source(2000))  # what is imported and compiled the first time is not counted
    short, long = _Source(20_000), _Source(40_000)
    peaks = [_peak(lambda source=source: _images(source)) for source in (short, long)]
    return Counts(
        *objects,
        file_kb=round(size / 1e3),
        more_objects_per_unit=more,
        image_calls=long.calls,
        image_samples=long.samples,
        image_peak_mb=round(peaks[1] / 1e6),
        image_growth_mb=round((peaks[1] - peaks[0]) / 1e6),
    )


def _save(path: Path, units: int) -> None:
    from hdmea.pipeline import create_session

    rng = np.random.default_rng(0)
    session = create_session("counts", output_dir=path.parent)
    for number in range(1, units + 1):
        unit = {
            "row": 1, "col": number, "spike_count": 1000,
            "spike_times": np.arange(1000, dtype=np.uint64) * 30,
            "waveform": np.zeros(21, np.float32),
        }  # fmt: skip
        session.add_units({f"unit_{number:03d}": unit})
        image = rng.random((50, 65, 65), dtype=np.float32)
        session.add_feature(f"unit_{number:03d}", "eimage_sta", image)
    session.mark_step_complete("load_recording")
    session.save(path, overwrite=True)


def _objects(path: Path) -> tuple[int, int, int]:
    groups = datasets = attributes = 0

    def count(name: str, node: h5py.Group | h5py.Dataset) -> None:
        nonlocal groups, datasets, attributes
        groups += isinstance(node, h5py.Group)
        datasets += isinstance(node, h5py.Dataset)
        attributes += len(node.attrs)

    with h5py.File(path) as file:
        file.visititems(count)
        attributes += len(file.attrs)
    return groups, datasets, attributes


class _Source:
    """Silent electrodes, whose reads are counted."""

    n_electrodes = 4225

    def __init__(self, n_samples: int) -> None:
        self.segments = np.array([[0, n_samples]])
        self.calls = self.samples = 0

    def read_counts(self, segment: int, start: int, stop: int) -> NDArray[np.int16]:
        self.calls += 1
        self.samples += stop - start
        return np.zeros((stop - start, self.n_electrodes), np.int16)


def _images(source: _Source) -> None:
    from hdmea.features.science.electrical_image import electrical_images

    trains = [np.arange(100, int(source.segments[0, 1]) - 100, 500)]
    electrical_images(source, trains, sampling_rate=20_000.0, workers=1)


def _peak(work: Callable[[], object]) -> int:
    """Return the most bytes that the work has allocated at a time."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
