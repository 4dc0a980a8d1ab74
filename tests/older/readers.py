"""How the laboratory's table builders read a file of saved sessions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

BAR = "moving_h_bar_s5_d8_3x"
_POLAR = (
    "angle_correction_applied transformed_x transformed_y radius theta_deg theta_deg_raw cartesian_x "
    "cartesian_y"
)
_GEOMETRY = {
    "gaussian_fit": "sigma_x sigma_y amplitude r_squared",
    "DoG": "sigma_exc sigma_inh amp_exc amp_inh r_squared",
    "lnl": (
        "a b a_norm bits_per_spike r_squared rectification_index nonlinearity_index threshold_g "
        "log_likelihood null_log_likelihood n_frames n_spikes"
    ),
}


def feature_paths(noise: str) -> list[str]:
    """Return the places below a unit that become columns: nine that are not ours, then those of the noise."""
    geometry = f"features/sta_{noise}/sta_geometry"
    return [
        "auto_label/axon_type",
        *(f"features/ap_tracking/soma_polar_coordinates/{name}" for name in _POLAR.split()),
        *(f"{geometry}/{model}/{name}" for model, names in _GEOMETRY.items() for name in names.split()),
        f"{geometry}/sta_time_course",
    ]


def build_table(path: Path, noise: str) -> dict[str, list[Any]]:
    """Return columns of all units, None where a place does not exist."""
    columns: dict[str, list[Any]] = {}
    with h5py.File(path, "r") as file:
        frames = file["metadata/frame_timestamps"][:]
        for unit in file["units"].values():
            row: dict[str, Any] = {p: unit[p][()] if p in unit else None for p in feature_paths(noise)}
            for movie, group in unit["spike_times_sectioned"].items():
                row[f"{movie} trials"] = _in_order(group["trials_spike_times"])
                row[f"{movie} bounds"] = group["trials_start_end"][:]
            bar = unit[f"spike_times_sectioned/{BAR}/direction_section"]
            for angle in range(0, 360, 45):
                section = bar[str(angle)]
                row[f"bar {angle}"] = _in_order(section["trials"])
                assert section["section_bounds"].shape == (len(row[f"bar {angle}"]), 2)
                assert section["section_bounds"][:].max() < len(frames)
            for name, value in row.items():
                columns.setdefault(name, []).append(value)
    return columns


def _in_order(trials: h5py.Group) -> list[Any]:
    return [trials[name][:] for name in sorted(trials, key=int)]


def same(first: Any, second: Any) -> bool:
    """Return whether two columns have the same values."""
    if isinstance(first, list):
        return len(first) == len(second) and all(map(same, first, second))
    if isinstance(first, bytes) or first is None:
        return bool(first == second)
    return bool(np.array_equal(first, second, equal_nan=np.asarray(first).dtype.kind == "f"))
