"""Folders as Kilosort and Phy write them, with known content."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

PITCH_UM = 16.0
RATE_HZ = 20_000.0


@dataclass(frozen=True)
class Sorting:
    """What a folder holds.

    Attributes
    ----------
    times, clusters, templates_of
        (n,): sample, cluster and template of each spike.
    templates
        (templates, samples, channels), dense.
    positions
        (channels, 2) micrometres.
    """

    times: npt.NDArray[np.int64]
    clusters: npt.NDArray[np.int64]
    templates_of: npt.NDArray[np.int64]
    amplitudes: npt.NDArray[np.float64]
    templates: npt.NDArray[np.float32]
    positions: npt.NDArray[np.float64]


def make_sorting(n_spikes: int = 4000, seconds: float = 10.0, seed: int = 5) -> Sorting:
    """Return five templates on a patch of 6 x 6 electrodes; cluster 9 was merged from templates 3 and 4."""
    rng = np.random.default_rng(seed)
    columns, rows = np.meshgrid(np.arange(20, 26), np.arange(30, 36))
    places = np.column_stack([columns.ravel(), rows.ravel()])
    centres = places[[0, 7, 14, 28, 35]]
    distance = np.linalg.norm(places[None] - centres[:, None], axis=2)
    shape = -np.exp(-0.5 * ((np.arange(41) - 15) / 3) ** 2) + 0.4 * np.exp(
        -0.5 * ((np.arange(41) - 25) / 5) ** 2
    )
    templates = shape[None, :, None] * np.where(distance < 3, np.exp(-distance), 0)[:, None, :]
    templates_of = rng.choice(5, n_spikes, p=[0.3, 0.25, 0.2, 0.15, 0.1])
    return Sorting(
        times=np.sort(rng.integers(0, int(seconds * RATE_HZ), n_spikes)),
        clusters=np.where(templates_of >= 3, 9, templates_of),
        templates_of=templates_of,
        amplitudes=rng.uniform(5, 20, n_spikes),
        templates=templates.astype(np.float32),
        positions=(places - 1) * PITCH_UM,
    )


def write_phy(
    folder: Path,
    sorting: Sorting | None = None,
    *,
    sparse: bool = False,
    params: str = "dat_path = 'X-Rec.dat'\nn_channels_dat = 36\ndtype = 'int16'\noffset = 0\n"
    "sample_rate = 20000.\nhp_filtered = False\n",
) -> Sorting:
    """Write a folder; returns what it holds."""
    sorting = sorting or make_sorting()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "params.py").write_text(params, encoding="utf-8")
    np.save(folder / "spike_times.npy", sorting.times.astype(np.uint64)[:, None])
    np.save(folder / "spike_clusters.npy", sorting.clusters.astype(np.int32))
    np.save(folder / "spike_templates.npy", sorting.templates_of.astype(np.uint32)[:, None])
    np.save(folder / "amplitudes.npy", sorting.amplitudes[:, None])
    np.save(folder / "channel_positions.npy", sorting.positions)
    np.save(folder / "channel_map.npy", np.arange(100, 100 + len(sorting.positions), dtype=np.int32)[:, None])
    if not sparse:
        np.save(folder / "templates.npy", sorting.templates)
        return sorting
    used = [np.flatnonzero(template.any(axis=0)) for template in sorting.templates]
    width = max(map(len, used))
    values = np.zeros((len(used), sorting.templates.shape[1], width), np.float32)
    channels = np.full((len(used), width), -1, np.int64)
    for number, found in enumerate(used):
        values[number, :, : len(found)] = sorting.templates[number][:, found]
        channels[number, : len(found)] = found
    np.save(folder / "templates.npy", values)
    np.save(folder / "template_ind.npy", channels)
    return sorting


def write_labels(folder: Path, name: str, column: str, labels: dict[int, str]) -> None:
    """Write a table such as `cluster_group.tsv`."""
    lines = [f"cluster_id\t{column}", *(f"{number}\t{label}" for number, label in labels.items())]
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
