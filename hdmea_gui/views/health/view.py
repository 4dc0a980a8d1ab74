"""Is this recording good? Lights with a number and a sentence, noise of the electrodes, rate over time."""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSplitter, QStackedLayout, QVBoxLayout, QWidget

from hdmea_gui.engine.controller import Controller
from hdmea_gui.engine.exports import Table
from hdmea_gui.engine.jobs import Query
from hdmea_gui.shell.theme import Theme
from hdmea_gui.views.health.query import HealthQuery, HealthView
from hdmea_gui.views.parts.base import Preview
from hdmea_gui.views.parts.lights_panel import LightsPanel
from hdmea_gui.views.parts.panels import Panel
from hdmea_gui.views.parts.plot_panel import ImagePanel, PlotPanel
from hdmea_gui.widgets.label import Label

__all__ = ["HealthPreview"]

_MEASURE, _STOP = "Measure", "Stop"
_MEASURE_TIP = "Measure the raw data and receptive fields again"


class HealthPreview(Preview):
    """The lights at the left, what they were taken from at the right."""

    name = "health"
    title = "Health"
    help_text = (
        "Whether this recording is good. Each line is green, amber or red with a number and a sentence; grey "
        "means that it cannot be judged, and why. The raw data are measured in a process of its own: a few "
        "seconds spread over the recording, and before sorting up to a minute of the noise movie. At the "
        "right, the noise of each electrode on the chip, with bad ones crossed out, and the mean rate over "
        "the recording. The limits are listed in the documentation and are changed in the settings file."
    )

    def __init__(self, controller: Controller, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(controller, theme, parent)
        self._view: HealthView | None = None
        self._next = HealthQuery()
        self._message = Label(self)
        self._message.setProperty("role", "muted")
        self._message.setWordWrap(True)
        self._message.setMargin(40)
        self._message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._panel = LightsPanel(theme, self)
        self.lights, self.sentence = self._panel.table, self._panel.sentence
        self.state = Label(self)
        self.button = QPushButton(_MEASURE, self)
        self.button.setToolTip(_MEASURE_TIP)
        self.noise = ImagePanel("Noise of the electrodes", theme, "Column", "Row", self)
        self.bad = pg.ScatterPlotItem(symbol="x", size=7)
        self.rates = PlotPanel("Rate over the recording", theme, "Time (s)", "Rate (Hz)", self)
        self._curve = pg.PlotCurveItem()
        self._pages = QSplitter(Qt.Orientation.Horizontal, self)
        self._lay_out()
        process = controller.health
        process.progressed.connect(self._on_progress)
        process.ended.connect(self._on_ended)
        self.button.clicked.connect(self._on_button)
        self.apply_theme(theme)
        self.show_answer(None)

    def query(self) -> Query[object] | None:
        """Ask once a recording is loaded."""
        return self._next if self._controller.state.has_data else None

    def show_answer(self, answer: object) -> None:
        """Draw the lights, and have measured what is not known."""
        if not isinstance(answer, HealthView):
            self._view = None
            self._controller.health.stop()
            self.show_problem(self.not_yet("load_recording"))
            return
        # What was measured meanwhile may be worse than what was known before.
        complete = answer.request is None and (self._view is None or self._view.request is not None)
        self._next = HealthQuery()
        self._view = answer
        self._fill(complete)
        self._draw()
        self._stack.setCurrentWidget(self._pages)
        if answer.request is not None:
            if self._controller.health.key == answer.key:
                shutil.rmtree(answer.request, ignore_errors=True)
            else:
                self._controller.health.start(answer.request, answer.key)
                self._on_progress(0.0)
        self._show_state()

    def show_problem(self, reason: str) -> None:
        """Say why nothing can be shown."""
        self._message.setText(reason)
        self._stack.setCurrentWidget(self._message)

    def table(self) -> Table | None:
        """Return the lights."""
        if self._view is None:
            return None
        lights = self._view.health.lights
        values = [np.nan if light.value is None else light.value for light in lights]
        return Table(
            (
                ("name", np.array([light.name for light in lights], object)),
                ("light", np.array([light.light for light in lights], object)),
                ("value", np.array(values, np.float64)),
                ("unit", np.array([light.unit for light in lights], object)),
                ("sentence", np.array([light.sentence for light in lights], object)),
            )
        )

    def noise_table(self) -> Table | None:
        """Return the noise of each electrode."""
        found = None if self._view is None else self._view.health.electrodes
        if found is None:
            return None
        row, column = np.nonzero(np.isfinite(found.noise))
        return Table(
            (
                ("column", column + found.first_column),
                ("row", row + found.first_row),
                (f"noise_{found.unit}", found.noise[row, column]),
                ("bad", found.bad[row, column]),
            )
        )

    def rates_table(self) -> Table | None:
        """Return the rate over time."""
        found = None if self._view is None else self._view.health.rates
        if found is None:
            return None
        return Table((("time_s", found.time_s), (f"rate_Hz_per_{found.per}", found.rate_hz)))

    def export_panels(self) -> tuple[Panel, ...]:
        """Return the lights, the noise and the rate."""
        return (
            Panel("Lights", self.lights, (("", self.table),)),
            Panel("Noise of the electrodes", self.noise, (("", self.noise_table),), ("noise",)),
            Panel("Rate over the recording", self.rates, (("", self.rates_table),), ("population_rate",)),
        )

    def figure_state(self) -> dict[str, Any]:
        """Return nothing: the panels are of the whole recording."""
        return {}

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        super().apply_theme(theme)
        self.noise.apply_theme(theme)
        self.rates.apply_theme(theme)
        self.bad.setPen(pg.mkPen(theme.bad, width=1))
        self._curve.setPen(pg.mkPen(theme.accent, width=2))
        if self._view is not None:
            self._fill()
            self._draw()

    # -- parts ---------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        self.noise.plot.addItem(self.bad, ignoreBounds=True)
        self.rates.plot.addItem(self._curve)
        row = QHBoxLayout()
        row.setContentsMargins(8, 4, 8, 4)
        row.addWidget(self.state, 1)
        row.addWidget(self.button)
        left = QWidget(self)
        column_of_lights = QVBoxLayout(left)
        column_of_lights.setContentsMargins(0, 0, 0, 0)
        column_of_lights.setSpacing(0)
        column_of_lights.addWidget(self._panel, 1)
        column_of_lights.addLayout(row)
        right = QSplitter(Qt.Orientation.Vertical, self)
        right.addWidget(self.noise)
        right.addWidget(self.rates)
        right.setSizes([300, 200])
        for part, stretch in ((left, 3), (right, 2)):
            self._pages.addWidget(part)
            self._pages.setStretchFactor(self._pages.indexOf(part), stretch)
        self._pages.setSizes([650, 310])
        self._stack = QStackedLayout(self)
        for page in (self._message, self._pages):
            self._stack.addWidget(page)

    def _fill(self, complete: bool = False) -> None:
        """Fill in the lights; `complete`: turn to the worst one."""
        assert self._view is not None
        self._panel.show_lights(self._view.health.lights, self._theme, turn_to_worst=complete)

    def _draw(self) -> None:
        assert self._view is not None
        electrodes, rates = self._view.health.electrodes, self._view.health.rates
        reasons = {light.name: light.sentence for light in self._view.health.lights}
        if electrodes is None:
            self.noise.show_empty(reasons["electrodes.noise"])
        else:
            self._draw_noise()
        if rates is None:
            self.rates.show_empty(reasons["spikes.run_down"])
            return
        self._curve.setData(rates.time_s, rates.rate_hz)
        top = max(float(rates.rate_hz.max(initial=0.0)) * 1.05, 1e-6)
        self.rates.plot.setRange(
            xRange=(0, float(rates.time_s.max(initial=1.0))), yRange=(0, top), padding=0.02
        )
        self.rates.show_plot(f"mean of each {rates.per}")

    def _draw_noise(self) -> None:
        assert self._view is not None
        found = self._view.health.electrodes
        assert found is not None
        good = found.noise[np.isfinite(found.noise) & ~found.bad]
        low, high = np.quantile(good, (0.01, 0.99)) if good.size else (0.0, 1.0)
        unit = "µV" if found.unit == "uV" else found.unit
        row, column = np.nonzero(found.bad)
        places = np.column_stack((column + found.first_column, row + found.first_row))
        self.bad.setData(pos=places.astype(np.float64))
        self.noise.show_image(
            found.noise,
            (float(low), float(max(high, low + 1e-9))),
            self._theme.magnitude,
            f"SD ({unit})",
            origin=(found.first_column, found.first_row),
            note=f"×: {len(places)} bad" if len(places) else "no bad electrode",
        )

    # -- what is measured ----------------------------------------------------------------------------

    def _on_progress(self, fraction: float) -> None:
        if self._controller.health.key:
            self.state.setText(f"Measuring the raw data: {100 * fraction:.0f} %")

    def _on_ended(self, key: str, found: object, reason: str) -> None:
        self._next = HealthQuery(key, found, reason)  # type: ignore[arg-type]
        self.invalidate()

    def _on_button(self) -> None:
        process = self._controller.health
        if process.key:
            key = process.key
            process.stop()
            self._on_ended(key, None, "Measuring the raw data was stopped.")
        elif self._view is not None:
            # No key fits: everything is measured again.
            self._on_ended("again", None, "")

    def _show_state(self) -> None:
        running = bool(self._controller.health.key)
        self.button.setText(_STOP if running else _MEASURE)
        self.button.setToolTip("Stop measuring the raw data" if running else _MEASURE_TIP)
        if not running and self._view is not None:
            counted = [light.light for light in self._view.health.lights]
            parts = [
                f"{counted.count(colour)} {colour}"
                for colour in ("red", "amber", "green", "grey")
                if colour in counted
            ]
            self.state.setText(", ".join(parts))
