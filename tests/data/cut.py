"""Cut the full sample recordings and laboratory files down to those in this folder.

    python tests/data/cut.py SOURCE [TARGET]

`SOURCE` holds the folders ``sample``, ``variants`` and ``lab_files`` in full. The page beside this file says
what is cut and what stays as it was.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

_CHUNK_BYTES = 1 << 20
_SMALLEST_COMPRESSED = 2048
Change = Callable[[np.ndarray], np.ndarray]


@dataclass
class Cut:
    """What of a file changes: by the end of a dataset's path, the first that fits; None leaves it out."""

    changes: dict[str, Change | None] = field(default_factory=dict)

    def of(self, path: str) -> Change | None:
        return next((change for end, change in self.changes.items() if end in path), unchanged)


def unchanged(values: np.ndarray) -> np.ndarray:
    return values


def first(count: int) -> Change:
    """Keep the first rows; where a dataset says when it ends, it then says so of what is kept."""
    return lambda values: values[:count]


def steps_of(size: int) -> Change:
    """Round to multiples of `size`: the light without its noise, which hardly compresses."""
    return lambda values: (np.round(values / size) * size).astype(values.dtype)


def still_after(count: int, size: int) -> Change:
    """Keep the first values, rounded; all later ones repeat the last of them."""

    def change(values: np.ndarray) -> np.ndarray:
        values = steps_of(size)(values)
        values[count:] = values[min(count, len(values) - 1)]
        return values

    return change


def without_rejected_cutouts(peaks: np.ndarray) -> np.ndarray:
    """Set the cut-outs of rejected peaks to 0; the peaks themselves stay."""
    peaks = peaks.copy()
    for name in (name for name in peaks.dtype.names or () if name.isdigit()):
        peaks[name][peaks["IncludePeak"] == 0] = 0
    return peaks


def copy_file(source: Path, target: Path, cut: Cut) -> None:
    """Copy an HDF5 file object by object, with links and attributes, packed as tightly as HDF5 itself can."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(source, "r") as old, h5py.File(target, "w") as new:
        copy_attributes(old, new)
        copy_group(old, new, cut)


def copy_group(old: h5py.Group, new: h5py.Group, cut: Cut) -> None:
    for name in old:
        link = old.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            new[name] = link
        elif isinstance(old[name], h5py.Group):
            group = new.create_group(name, track_order=False)
            copy_attributes(old[name], group)
            copy_group(old[name], group, cut)
        else:
            copy_dataset(old[name], new, name, cut.of(old[name].name))


def copy_dataset(old: h5py.Dataset, parent: h5py.Group, name: str, change: Change | None) -> None:
    if change is None:
        return
    values = old[()] if change is unchanged else change(old[:])
    options: dict[str, Any] = {}
    if old.shape and values.nbytes > _SMALLEST_COMPRESSED and not has_texts(old.dtype):
        options = {"chunks": chunks_of(values), "compression": "gzip", "compression_opts": 9, "shuffle": True}
    new = parent.create_dataset(name, data=values, dtype=old.dtype, **options)
    copy_attributes(old, new)
    if "From" in old.attrs and old.ndim == 3 and len(values) < len(old):
        start, stop = old.attrs["From"], old.attrs["To"]
        new.attrs.modify("To", start + (stop - start) * len(values) // len(old))


def chunks_of(values: np.ndarray) -> tuple[int, ...]:
    if values.ndim == 2 and len(values) <= 2:  # channels lie in rows of their own
        return (1, min(values.shape[1], _CHUNK_BYTES // values.itemsize))
    rows = max(1, _CHUNK_BYTES // values[:1].nbytes)
    return (min(rows, len(values)), *values.shape[1:])


def has_texts(dtype: np.dtype[Any]) -> bool:
    """Return True for texts of variable length, which compression does not reach."""
    fields = [dtype] if dtype.names is None else [dtype[name] for name in dtype.names]
    return any(one.kind == "O" for one in fields)


def copy_attributes(old: Any, new: Any) -> None:
    for name in old.attrs:
        source = old.attrs.get_id(name)
        new.attrs.create(name, old.attrs[name], shape=source.shape, dtype=source.dtype)


_TRUTH_LEFT_OUT = ("frame_rate_hz", "sta_expected", "trial_rate__")
_VARIANTS = {
    # folder: frames of raw data, size of the steps of the light
    "rowmajor_uint16_v2": (3000, 1),
    "two_groups_gap": (4000, 1),
    "no_aux": (4500, 1),
    "no_sorter": (1500, 5000),
    "odd_units_broken_link": (1500, 5000),
}
_SAMPLE_FRAMES = 5_000
_LAB_IMAGE_STEPS = 12


def recording_cut(frames: int, light: int) -> Cut:
    changes: dict[str, Change | None] = {
        "Sensor Data/SensorData": first(frames),
        "/Source": first(frames),
        "Spike Explorer/SpikeData": first(20),
        "/Peaks": without_rejected_cutouts,
    }
    if light > 1:
        changes["Analog Data/ChannelData"] = steps_of(light)
    return Cut(changes)


def cut_recording(source: Path, target: Path, frames: int, light: int) -> None:
    """Cut the pair and its truth; of the movies only the noise, which a receptive field needs."""
    for path in sorted([*source.glob("*.cmcr"), *source.glob("*.cmtr")]):
        copy_file(path, target / path.name, recording_cut(frames, light))
    for pattern in ("*.csv", "*.json", "config/stimuli/*.json", "stimuli/*dense_noise*.npy"):
        for path in sorted(source.glob(pattern)):
            copy_plain(path, target / path.relative_to(source))
    for path in source.glob("*_truth.npz"):
        with np.load(path) as truth:
            kept = {name: truth[name] for name in truth if not name.startswith(_TRUTH_LEFT_OUT)}
        np.savez_compressed(target / path.name, allow_pickle=False, **kept)


def copy_plain(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def image_steps(values: np.ndarray) -> np.ndarray:
    size = float(np.nanmax(np.abs(values))) / _LAB_IMAGE_STEPS
    return np.asarray(np.round(values / size) * size)


def main(source: Path, target: Path) -> None:
    cut_recording(source / "sample", target / "sample", _SAMPLE_FRAMES, 5000)
    for folder, (frames, light) in _VARIANTS.items():
        cut_recording(source / "variants" / folder, target / "variants" / folder, frames, light)
    lab = Cut(
        {
            "light_reference/raw": still_after(300_000, 10_000),
            "light_reference/1khz": still_after(15_000, 10_000),
            "light_template/": still_after(50_000, 10_000),
            "eimage_sta/data": image_steps,
            "unit_meta/peaks_data/": first(1000),
        }
    )
    for path in sorted((source / "lab_files").glob("*.h5")):
        copy_file(path, target / "lab_files" / path.name, lab)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).parent)
