"""Plain reading of what was written: h5py and the definitions of the file format, nothing of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray


def every_dataset(path: Path) -> dict[str, bytes]:
    """Return the bytes of every dataset and attribute of a file."""
    found: dict[str, bytes] = {}

    def visit(name: str, thing: h5py.HLObject) -> None:
        for key, value in thing.attrs.items():
            found[f"{name}@{key}"] = np.asarray(value).tobytes()
        if isinstance(thing, h5py.Dataset) and not name.endswith("/Source"):
            rows = thing[...]
            found[name] = repr(rows.tolist()).encode() if rows.dtype.hasobject else rows.tobytes()

    with h5py.File(path) as file:
        file.visititems(visit)
        visit("/", file)
    return found


def analog(path: Path, group: int = 1) -> NDArray[Any]:
    """Return the analog data of a data group, (channels, samples)."""
    with h5py.File(path) as file:
        return np.asarray(file[f"Acquisition/Analog Data/ChannelData {group}"])


def sensor_counts(path: Path, group: int = 1) -> NDArray[Any]:
    """Return the raw counts of a data group as they lie in the file."""
    with h5py.File(path) as file:
        return np.asarray(file[f"Acquisition/Sensor Data/SensorData 1 {group}"])


def table(path: Path, name: str) -> NDArray[Any]:
    """Return a compound dataset."""
    with h5py.File(path) as file:
        return np.asarray(file[name])


def accepted_samples(path: Path, unit: int, tick_us: int = 50) -> NDArray[np.int64]:
    """Return the samples of a unit's accepted peaks."""
    peaks = table(path, f"Spike Sorter/Unit {unit}/Peaks")
    return np.asarray(peaks["Timestamp"][peaks["IncludePeak"] == 1] // tick_us)
