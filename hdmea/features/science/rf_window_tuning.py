"""Direction tuning from the spikes that a bar evokes while it crosses the receptive field."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdmea.features.extractor import Output, Recording
from hdmea.features.science.direction_tuning import direction_tuning
from hdmea.utils.giving_way import giving_way

__all__ = ["RF_WINDOW_OUTPUTS", "rf_window_columns"]

_SUFFIX = "_rf_window"
_CURVES = (
    ("tuning_curve", "mean over repetitions of the rate in the window"),
    ("tuning_sem", "standard error of that mean"),
)
_NUMBERS = (
    ("dsi", "", (0, 1), "|Σ r exp(iθ)| / Σ r of the rates r in the window"),
    ("dsi_p", "", (0, 1), "p value of that index by permuting directions within each repetition"),
    ("dsi_null_mean", "", (0, 1), "mean index of the permutations"),
    ("osi", "", (0, 1), "|Σ r exp(2iθ)| / Σ r of the rates r in the window"),
    ("osi_p", "", (0, 1), "p value of that index by permuting directions within each repetition"),
    ("osi_null_mean", "", (0, 1), "mean index of the permutations"),
    ("preferred_direction", "°", (0, 360), "angle of Σ r exp(iθ)"),
    ("preferred_motion_axis", "°", (0, 180), "half the angle of Σ r exp(2iθ)"),
    ("dsi_pref_null", "", (-1, 1), "(pref − null) / (pref + null) of the largest rate and the opposite one"),
)
_RATES = f"sweep_rates{_SUFFIX}"

RF_WINDOW_OUTPUTS: tuple[Output, ...] = (
    Output(
        _RATES,
        "float64",
        ("repetitions", "directions"),
        "Hz",
        (0, None),
        "rate of each sweep while the bar's edges cross the receptive field, padding included",
    ),
    *(
        Output(f"{name}{_SUFFIX}", "float64", ("directions",), "Hz", (0, None), definition)
        for name, definition in _CURVES
    ),
    *(
        Output(f"{name}{_SUFFIX}", "float64", (), unit, limits, definition)
        for name, unit, limits, definition in _NUMBERS
    ),
)
"""What `moving_bar` gives beside the numbers of full sweeps, where the windows are known."""

_SILENT = "no spike in any window"
_CANCEL = "no spike in any window, or the responses cancel"
_WHY = {
    "tuning_sem": "fewer than two repetitions",
    "preferred_direction": _CANCEL,
    "preferred_motion_axis": _CANCEL,
    "dsi_pref_null": "no spike in any window, or the opposite direction was not shown",
}


def rf_window_columns(
    recording: Recording,
    movie: str,
    directions_deg: NDArray[np.float64],
    n_repetitions: int,
    *,
    n_permutations: int,
    seed: int,
) -> tuple[dict[str, NDArray[np.float64]], dict[str, dict[str, str]]]:
    """Values of `RF_WINDOW_OUTPUTS` for all units, and the reasons for those that are missing.

    Windows of different directions can differ in length (one may be cut at the begin or end of its sweep), so
    the tuning is that of rates, not of counts.

    Parameters
    ----------
    recording
        With what `section_by_direction` stores, as far as it is there.
    movie
        The moving bar.
    directions_deg
        Order of the directions in the result.
    n_repetitions
        Sweeps of each direction.
    n_permutations, seed
        See `hdmea.features.science.direction_tuning.direction_tuning`.

    Returns
    -------
    columns, reasons
        First axis the units; output name to unit id to text.
    """
    shape = (len(recording.units), n_repetitions, len(directions_deg))
    rates: NDArray[np.float64] = np.full(shape, np.nan)
    why: dict[str, str] = {}
    for index, (unit_id, unit) in enumerate(giving_way(recording.units.items())):
        found = _rates(recording, unit, movie, directions_deg, n_repetitions)
        if isinstance(found, str):
            why[unit_id] = found
        else:
            rates[index] = found
    known = np.array([unit_id not in why for unit_id in recording.units], np.bool_)
    tuning = direction_tuning(rates[known], directions_deg, n_permutations=n_permutations, seed=seed)
    columns = {_RATES: rates}
    reasons = {_RATES: dict(why)}
    for output in RF_WINDOW_OUTPUTS[1:]:
        plain = output.name.removesuffix(_SUFFIX)
        values = np.full((shape[0], *shape[2:][: len(output.shape)]), np.nan)
        values[known] = getattr(tuning, plain)
        columns[output.name] = values
        gone = np.isnan(values).reshape(shape[0], -1).any(axis=1)
        reasons[output.name] = {
            unit_id: why.get(unit_id, _WHY.get(plain, _SILENT))
            for unit_id, missing in zip(recording.units, gone, strict=True)
            if missing
        }
    return columns, {name: units for name, units in reasons.items() if units}


def _rates(
    recording: Recording,
    unit: Mapping[str, Any],
    movie: str,
    directions_deg: NDArray[np.float64],
    n_repetitions: int,
) -> NDArray[np.float64] | str:
    """Rates (repetitions, directions) of one unit, or why they are not known."""
    entry = (unit.get("features") or {}).get(f"direction_sections_{movie}")
    if entry is None:
        return "there are no windows: run section_by_direction, then this feature again with force"
    data = entry["data"]
    if "rf_window_frames" not in data:
        missing = json.loads(str(entry["metadata"].get("missing", "{}")))
        return str(missing.get("rf_window", "section_by_direction found no window"))
    windows = np.asarray(data["rf_window_frames"], np.int64)
    shown = np.asarray(data["directions_deg"], np.float64).tolist()
    frames = np.asarray(recording.metadata["frame_timestamps"]).astype(np.int64)
    wanted = directions_deg.tolist()
    fits = sorted(shown) == sorted(wanted) and windows.shape == (len(wanted), n_repetitions, 2)
    if not fits or windows.max() >= frames.size:
        return "the windows are not those of these sweeps: run section_by_direction again"
    duration = np.diff(frames[windows], axis=-1)[..., 0] / recording.acquisition_rate
    order = [shown.index(direction) for direction in wanted]
    rates: NDArray[np.float64] = (np.asarray(data["rf_window_spike_counts"]) / duration)[order].T
    return rates
