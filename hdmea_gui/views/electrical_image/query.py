"""Electrical image of one unit as its view draws it; made on the worker thread."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hdmea_gui.views.parts.shared_query import is_movie

if TYPE_CHECKING:
    from hdmea_gui.engine.workspace import Workspace

__all__ = ["ElectricalImageQuery", "ElectricalImageView"]


@dataclass(frozen=True)
class ElectricalImageView:
    """Electrical image of a unit; places are rows and columns of the chip, from 1.

    Attributes
    ----------
    unit_id, unit
        Whose it is, and the unit of its voltages.
    image
        float32 (window, rows, columns); bad electrodes have the mean of their neighbours.
    time_ms
        float64 (window,): time after the spike.
    amplitude
        float64 (rows, columns): peak to peak.
    first
        Row and column of the first electrode.
    soma
        Row and column of the soma, otherwise of the unit's electrode; None if not known.
    soma_diameter
        Of the soma's extent, in electrodes; NaN if not known.
    axon
        float64 (n, 2) rows and columns of the axon's path; None if not extracted or not found.
    n_spikes
        Spikes that were averaged.
    bad
        float64 (n, 2) rows and columns of bad electrodes.
    """

    unit_id: str
    unit: str
    image: NDArray[np.floating]
    time_ms: NDArray[np.float64]
    amplitude: NDArray[np.float64]
    first: tuple[int, int]
    soma: tuple[float, float] | None
    soma_diameter: float
    axon: NDArray[np.float64] | None
    n_spikes: int
    bad: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 2)))


@dataclass(frozen=True)
class ElectricalImageQuery:
    """Electrical image of a unit."""

    unit_id: str

    def answer(self, workspace: Workspace) -> ElectricalImageView | None:
        """Return it, None if there is no such unit or image."""
        from hdmea.analysis.images import peak_to_peak
        from hdmea.features.science.electrode_noise import interpolated
        from hdmea.features.science.image_quality import bad_mask

        session = workspace.session
        unit = {} if session is None else session.units.get(self.unit_id, {})
        feature = unit.get("features", {}).get("eimage_sta")
        image = feature.get("data") if feature else None
        if session is None or not is_movie(image):
            return None
        facts = feature.get("metadata", {})
        image = np.asarray(image)
        bad = bad_mask(session.metadata, facts, image.shape[1:])
        if bad.any() and not bad.all():
            image = interpolated(image, bad)
        rate = float(facts.get("sampling_rate", session.acquisition_rate))
        before = int(facts.get("pre_samples", 0))
        soma, diameter = _soma(unit, feature.get("geometry", {}))
        first = (int(facts.get("first_row", 1)), int(facts.get("first_column", 1)))
        return ElectricalImageView(
            unit_id=self.unit_id,
            unit=str(facts.get("unit", "")).replace("uV", "µV") or "no unit",
            image=image,
            time_ms=(np.arange(len(image)) - before) * np.float64(1000.0 / rate),
            amplitude=np.asarray(peak_to_peak(image)),
            first=first,
            soma=soma,
            soma_diameter=diameter,
            axon=_axon(feature.get("axon", {}), first),
            n_spikes=int(facts.get("n_spikes_used", 0)),
            bad=np.argwhere(bad).astype(np.float64) + np.asarray(first, np.float64),
        )


def _soma(unit: Mapping[str, Any], geometry: Mapping[str, Any]) -> tuple[tuple[float, float] | None, float]:
    row, col = (float(geometry.get(name, math.nan)) for name in ("chip_row", "chip_col"))
    if np.isfinite(row + col):
        return (row, col), float(geometry.get("equivalent_diameter", math.nan))
    if unit.get("row") and unit.get("col"):
        return (float(unit["row"]), float(unit["col"])), math.nan
    return None, math.nan


def _axon(axon: Mapping[str, Any], first: tuple[int, int]) -> NDArray[np.float64] | None:
    path = np.asarray(axon.get("path", ()), np.float64)
    if path.ndim != 2 or len(path) < 2:
        return None
    return path + np.asarray(first, np.float64)
