"""Responses of the selected units to a movie, side by side."""

from __future__ import annotations

from hdmea_gui.views.parts.responses.view import ResponsesPreview

__all__ = ["UnitsPreview"]


class UnitsPreview(ResponsesPreview):
    """Up to eight units, each in its colour."""

    name = "units"
    title = "Units"
    help_text = (
        "Responses of the units selected in the table to one movie, side by side. On top, the light of a "
        "trial; in the middle, a tick for each spike, one row per trial; below, the mean firing rate over "
        "the trials (PSTH), for a single unit with its standard error. Beside them, the results of the "
        "features: direction tuning for moving bars (spikes per sweep ± SEM), amplitude by frequency for "
        "sines, transients and latencies for light steps. Select several units in the table with Ctrl or "
        "Shift to compare them; at most eight are drawn."
    )

    def chosen_units(self) -> tuple[str, ...]:
        """Return all units that are chosen."""
        return self._controller.selection.units
