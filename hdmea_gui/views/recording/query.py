"""The population as the view of the recording draws it; made on the worker thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hdmea.utils.giving_way import giving_way
from hdmea_gui.views.parts.shared_query import Span, spans_of

if TYPE_CHECKING:
    from hdmea.analysis.raster import RasterImage, SpikeRaster
    from hdmea.pipeline.session import PipelineSession
    from hdmea_gui.engine.workspace import Workspace

__all__ = ["RecordingQuery", "RecordingView", "bad_electrodes"]


@dataclass(frozen=True)
class RecordingView:
    """What the recording's preview draws.

    Attributes
    ----------
    unit_ids
        Units, in the order of the raster's rows.
    raster, rate
        Spikes of the population, and their rate over time.
    spans
        Sections of the stimulus.
    duration_s
        Of the recording.
    places
        float64 (n_units, 2) column and row of each unit's electrode, from 1; NaN where not known.
    unit_rates
        float64 (n_units,) mean rate in Hz.
    chip_edge
        Electrodes along an edge of the chip.
    bad
        float64 (n, 2) column and row of bad electrodes, from 1.
    """

    unit_ids: tuple[str, ...]
    raster: SpikeRaster
    rate: RasterImage
    spans: tuple[Span, ...]
    duration_s: float
    places: NDArray[np.float64]
    unit_rates: NDArray[np.float64]
    chip_edge: int
    bad: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 2)))


@dataclass(frozen=True)
class RecordingQuery:
    """Raster, rate and stimulus sections of the whole recording."""

    def answer(self, workspace: Workspace) -> RecordingView | None:
        """Return them; None before units were loaded."""
        return workspace.remember("recording", lambda: _make(workspace))


@dataclass(frozen=True)
class _Population:
    """What the recording's preview draws, and the spike trains that it was made from."""

    view: RecordingView
    trains: list[Any]
    rate: float

    def shows(self, session: PipelineSession, trains: list[Any], places: NDArray[np.float64]) -> bool:
        """Return whether a session that has changed since still looks the same."""
        view = self.view
        return (
            view.unit_ids == tuple(session.units)
            and all(mine is other for mine, other in zip(self.trains, trains, strict=True))
            and (self.rate, view.duration_s) == (session.acquisition_rate, session.duration_s)
            and view.spans == spans_of(session)
            and np.array_equal(view.places, places, equal_nan=True)
            and np.array_equal(view.bad, bad_electrodes(session))
        )


def _make(workspace: Workspace) -> RecordingView | None:
    session = workspace.session
    if session is None or not session.units or "acquisition_rate" not in session.metadata:
        return None
    from hdmea.analysis.raster import SpikeRaster
    from hdmea.recordings.mcs.vocabulary import CHIP_EDGE

    trains = [unit["spike_times"] for unit in giving_way(session.units.values())]
    places = np.array([_place(unit) for unit in session.units.values()])
    before = workspace.of_session.get("population")
    if before is not None and before.shows(session, trains, places):
        view: RecordingView = before.view
        return view
    raster = SpikeRaster(trains, session.acquisition_rate, session.duration_s)
    view = RecordingView(
        unit_ids=tuple(session.units),
        raster=raster,
        rate=raster.population_rate(),
        spans=spans_of(session),
        duration_s=session.duration_s,
        places=places,
        unit_rates=np.array([len(train) for train in trains]) / max(session.duration_s, 1e-9),
        chip_edge=CHIP_EDGE,
        bad=bad_electrodes(session),
    )
    workspace.of_session["population"] = _Population(view, trains, session.acquisition_rate)
    return view


def bad_electrodes(session: PipelineSession) -> NDArray[np.float64]:
    """Return column and row of the electrodes that electrical images found to be bad."""
    stored = (session.metadata.get("electrodes") or {}).get("bad", ())
    return np.asarray(stored, np.float64).reshape(-1, 2)[:, ::-1]


def _place(unit: Mapping[str, Any]) -> tuple[float, float]:
    """Return column and row of a unit's electrode, from 1; NaN where the sorter does not say."""
    column, row = (float(unit.get(name) or "nan") for name in ("col", "row"))
    return column, row
