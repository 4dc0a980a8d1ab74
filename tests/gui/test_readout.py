"""What is said of the place under the pointer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph as pg
import pytest
from PySide6.QtCore import QEvent, QPointF
from PySide6.QtWidgets import QApplication

from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.shell.theme import LIGHT
from hdmea_gui.views.parts.plot import number_text, quantity
from hdmea_gui.views.parts.plot_panel import ImagePanel, PlotPanel
from hdmea_gui.views.recording.view import RecordingPreview


@pytest.mark.parametrize(
    ("value", "step", "text"),
    [
        (1.23456, 0.01, "1.23"),
        (-2.0, 1.0, "−2"),
        (1e-7, 1e-9, "0.000000"),
        (float("nan"), 1.0, "–"),
        (12.3, 0.0, "12"),
    ],
)
def test_a_number_is_as_exact_as_a_pixel(value: float, step: float, text: str) -> None:
    assert number_text(value, step) == text


def test_a_quantity_has_name_and_unit() -> None:
    assert quantity("Time (s)", 3.25, 0.01) == "Time 3.25 s"
    assert quantity("Trial", 3.0, 1.0) == "Trial 3"
    assert quantity("y on the chip\n(µm)", -1.0, 1.0) == "y on the chip −1 µm"


def scene_place(plot: Any, x: float, y: float) -> QPointF:
    return plot.vb.mapViewToScene(pg.Point(x, y))


def test_a_pixel_is_named_with_its_value(qtbot: Any) -> None:
    panel = ImagePanel("Image", LIGHT, "Column", "Row")
    qtbot.addWidget(panel)
    panel.resize(500, 400)
    panel.show()
    values = np.arange(12.0).reshape(3, 4)
    panel.show_image(values, (0.0, 11.0), LIGHT.magnitude, "Voltage (µV)", origin=(30.0, 10.0))
    qtbot.wait(10)

    assert (
        panel.graphics.text_at(scene_place(panel.plot, 32.2, 11.9)) == "Voltage 10.00 µV   Column 32, Row 12"
    )
    assert panel.graphics.text_at(scene_place(panel.plot, 29.6, 9.6)) == "Voltage 0.00 µV   Column 30, Row 10"
    assert panel.pixel_text(34.0, 10.0) == ""
    assert panel.graphics.text_at(QPointF(-50, -50)) == ""
    panel.graphics.show_at(scene_place(panel.plot, 32.2, 11.9))
    assert panel.graphics.readout.isVisible()
    QApplication.sendEvent(panel.graphics.viewport(), QEvent(QEvent.Type.Leave))
    assert not panel.graphics.readout.isVisible()


def test_a_plot_says_the_place_with_units_and_never_covers_it(qtbot: Any) -> None:
    panel = PlotPanel("Plot", LIGHT, "Time (s)", "Rate (Hz)")
    qtbot.addWidget(panel)
    panel.resize(500, 300)
    panel.show()
    panel.show_plot()
    panel.plot.setRange(xRange=(0, 10), yRange=(0, 100), padding=0)
    qtbot.wait(10)
    for place in (scene_place(panel.plot, 9.9, 99.5), scene_place(panel.plot, 9.9, 0.5)):
        assert panel.graphics.text_at(place).startswith("Time 9.9")
        assert panel.graphics.text_at(place).endswith(" Hz")
        panel.graphics.show_at(place)
        assert not panel.graphics.readout.geometry().contains(panel.graphics.mapFromScene(place))


def test_units_are_named_in_raster_and_chip_map(qtbot: Any, loaded: tuple[MainWindow, object]) -> None:
    window, _ = loaded
    view = window.views.get(RecordingPreview)
    qtbot.waitUntil(lambda: view._view is not None)
    shown = view._view
    assert shown is not None
    assert view.raster.cell_text(1.0, 1.2).startswith(f"{shown.unit_ids[1]}   Time 1.0")
    assert view.raster.cell_text(1.0, -3.0) == ""
    column, row = shown.places[0]
    text = view.chip.unit_text(column, row)
    assert any(text.startswith(f"{name} at {column:.0f}, {row:.0f}: ") for name in shown.unit_ids)
    edges, rate = shown.rate.edges_s, shown.rate.rate[0]
    assert f"{rate[3]:.2f} Hz/unit" in view._rate_text((edges[3] + edges[4]) / 2, 0.0)
