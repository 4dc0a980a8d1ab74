"""Plots and colour bars: what they show follows what they are told, and nothing hidden comes with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph as pg
import pytest
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication, QMenu
from shiboken6 import getCppPointer

from hdmea_gui.shell.theme import theme_of
from hdmea_gui.views.parts.colour_bar import ColourBar
from hdmea_gui.views.parts.plot import Plot
from hdmea_gui.views.parts.plot_panel import ImagePanel


def shown(qtbot: Any, *parts: Plot) -> pg.GraphicsLayoutWidget:
    """Show parts side by side."""
    graphics = pg.GraphicsLayoutWidget()
    qtbot.addWidget(graphics)
    graphics.resize(400, 300)
    for part in parts:
        graphics.addItem(part)
    graphics.show()
    qtbot.waitExposed(graphics)
    return graphics


def test_ranges_follow_what_is_added_unless_it_is_to_be_ignored(qtbot: Any) -> None:
    plot = Plot()
    graphics = shown(qtbot, plot)

    plot.addItem(pg.PlotCurveItem([0.0, 10.0], [0.0, 5.0]))
    plot.addItem(pg.PlotCurveItem([0.0, 1000.0], [0.0, 500.0]), ignoreBounds=True)
    plot.vb.updateAutoRange()

    (left, right), (low, high) = plot.vb.viewRange()
    assert 10.0 <= right < 20.0
    assert 5.0 <= high < 10.0
    assert left <= 0.0
    assert low <= 0.0
    assert graphics.isVisible()


def test_axes_count_what_is_seen_in_their_own_words(qtbot: Any) -> None:
    plot, other = Plot(), Plot()
    graphics = shown(qtbot, plot, other)
    plot.setLabel("bottom", "Time (s)")
    plot.setXLink(other)

    other.setXRange(2.0, 1e7, padding=0)
    plot.setYRange(-1e-6, 1e-6, padding=0)

    assert plot.getAxis("bottom").range == pytest.approx([2.0, 1e7])
    assert plot.getAxis("left").range == pytest.approx([-1e-6, 1e-6])
    assert plot.getAxis("bottom").label.toPlainText().strip() == "Time (s)", "no factor is added"
    assert plot.getAxis("bottom").isVisible()
    plot.hideAxis("bottom")
    assert not plot.getAxis("bottom").isVisible()
    assert graphics.isVisible()


def test_a_plot_brings_no_menus_along(qtbot: Any) -> None:
    def menus() -> set[object]:
        return {getCppPointer(one) for one in QApplication.allWidgets() if isinstance(one, QMenu)}

    before = menus()
    graphics = shown(qtbot, Plot(), ColourBar())

    assert graphics.isVisible()
    assert menus() == before


@pytest.mark.parametrize("levels", [(0.0, 1.0), (-80.0, 80.0), (88.0, 168.0), (1e-9, 3e-9)])
def test_the_bar_is_painted_in_the_colours_of_its_levels_from_bottom_to_top(
    qtbot: Any, levels: tuple[float, float]
) -> None:
    bar, picture = ColourBar(), pg.ImageItem(np.zeros((2, 2)))
    graphics = shown(qtbot, bar)
    bar.setImageItem(picture)

    bar.show_values(levels, "CET-L1", "Voltage (µV)")

    assert tuple(picture.levels) == bar.levels() == levels
    assert picture.getColorMap() is not None
    assert bar.getAxis("right").range == pytest.approx(levels, rel=1e-12)
    assert bar.getAxis("right").width() > 0
    image = graphics.grab().toImage()
    scale = image.devicePixelRatio()
    place = bar.vb.sceneBoundingRect()
    greys = [
        QColor(image.pixel(round(place.center().x() * scale), round(y * scale))).red()
        for y in np.linspace(place.bottom() - 3, place.top() + 3, 20)
    ]
    assert greys[0] < 10
    assert greys[-1] > 245
    assert greys == sorted(greys)


@pytest.mark.parametrize("size", [(330, 360), (500, 220)])
def test_a_picture_takes_all_the_room_there_is_and_its_colour_bar_is_as_high(
    qtbot: Any, size: tuple[int, int]
) -> None:
    panel = ImagePanel("Map", theme_of("light"), "Column", "Row")
    qtbot.addWidget(panel)
    panel.resize(*size)
    panel.show_image(np.arange(150.0).reshape(10, 15), (-1000.0, 1000.0), "viridis", "Voltage (µV)")
    panel.show()
    qtbot.waitExposed(panel)
    QApplication.processEvents()

    picture = panel.image.sceneBoundingRect()
    area, bar = panel.plot.vb.sceneBoundingRect(), panel.bar.vb.sceneBoundingRect()
    for edge in ("left", "right", "top", "bottom"):
        assert getattr(area, edge)() == pytest.approx(getattr(picture, edge)(), abs=1.0), edge
    assert (bar.top(), bar.bottom()) == pytest.approx((area.top(), area.bottom()), abs=1.0)
    axis = panel.bar.getAxis("right")
    label = axis.label.mapRectToScene(axis.label.boundingRect())
    margin = axis.label.document().documentMargin()
    whole = panel.bar.mapRectToScene(panel.bar.rect())
    assert label.right() - margin <= whole.right() <= panel.graphics.width(), "the label is not cut"
    below = panel.graphics.height() - panel.plot.sceneBoundingRect().bottom()
    beside = panel.graphics.width() - panel.bar.sceneBoundingRect().right()
    assert min(below, beside) < 12, "nothing is left over where the room is scarce"


def test_negative_numbers_have_the_sign_of_the_tables(qtbot: Any) -> None:
    plot = Plot()
    graphics = shown(qtbot, plot)

    assert plot.getAxis("left").tickStrings([-5.0, 0.0, 5.0], 1.0, 5.0) == ["−5", "0", "5"]
    assert graphics.isVisible()


def test_a_label_that_changes_stays_in_the_middle_of_its_axis(qtbot: Any) -> None:
    plot = Plot()
    graphics = shown(qtbot, plot)
    axis = plot.getAxis("left")

    plot.setLabel("left", "A label much longer than before")

    middle = axis.label.mapRectToScene(axis.label.boundingRect()).center().y()
    assert middle == pytest.approx(axis.sceneBoundingRect().center().y(), abs=2.0)
    assert graphics.isVisible()


def test_the_label_of_a_colour_bar_that_is_longer_than_it_ends_beside_its_end(qtbot: Any) -> None:
    bar, below = ColourBar(), Plot()
    bar.show_values((0.0, 1.0), "viridis", "Peak to peak (µV)")
    graphics = shown(qtbot, bar)
    graphics.nextRow()
    graphics.addItem(below)
    below.setFixedHeight(40)
    axis = bar.axes["right"]
    seen = set()
    for height in (300, 130, 300):
        graphics.resize(400, height)
        QApplication.processEvents()

        label, own = axis.label.sceneBoundingRect(), axis.mapRectToScene(axis.rect())

        longer = label.height() > own.height()
        seen.add(longer)
        if longer:
            assert label.top() == pytest.approx(own.top(), abs=2)
            assert label.bottom() <= graphics.viewRect().bottom()
        else:
            assert label.center().y() == pytest.approx(own.center().y(), abs=2)
    assert seen == {True, False}
