"""Mouse and keys do the same in every plot: move, zoom, show all, zoom to a frame, type limits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication, QDialogButtonBox, QMenu

from hdmea_gui.shell.theme import LIGHT
from hdmea_gui.views.parts.colour_bar import ColourBar, ColourChoice, colour_map
from hdmea_gui.views.parts.limits_dialog import LimitsDialog
from hdmea_gui.views.parts.plot_panel import ImagePanel, PlotPanel

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
NONE, SHIFT, CTRL = (
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
)


@pytest.fixture
def panel(qtbot: Any) -> PlotPanel:
    panel = PlotPanel("Plot", LIGHT, "Time (s)", "Rate (Hz)")
    qtbot.addWidget(panel)
    panel.resize(500, 400)
    panel.show()
    panel.show_plot()
    panel.plot.setRange(xRange=(0, 10), yRange=(0, 100), padding=0)
    qtbot.waitUntil(lambda: panel.plot.vb.width() > 200, timeout=20_000)
    return panel


def seen(panel: PlotPanel) -> list[float]:
    (left, right), (low, high) = panel.plot.vb.viewRange()
    return [left, right, low, high]


def drag(panel: PlotPanel, start: QPoint, stop: QPoint, button: Any = LEFT, keys: Any = NONE) -> None:
    """Drag in the scene from one place to another, as the mouse would."""
    port = panel.graphics.viewport()
    kinds = (
        (QEvent.Type.MouseButtonPress, start, button),
        (QEvent.Type.MouseMove, (start + stop) / 2, Qt.MouseButton.NoButton),
        (QEvent.Type.MouseMove, stop, Qt.MouseButton.NoButton),
        (QEvent.Type.MouseButtonRelease, stop, button),
    )
    panel.graphics.scene().setMoveDistance(1)
    panel.graphics.scene().minDragTime = 0.0
    for kind, place, changed in kinds:
        panel.graphics.scene()._lastMoveEventTime = 0
        held = Qt.MouseButton.NoButton if kind is QEvent.Type.MouseButtonRelease else button
        at = QPointF(place)
        event = QMouseEvent(kind, at, port.mapToGlobal(at), changed, held, keys)
        QApplication.sendEvent(port, event)


def turn(panel: PlotPanel, place: QPoint, keys: Any = NONE) -> None:
    """Turn the wheel by one notch towards larger."""
    port, at = panel.graphics.viewport(), QPointF(place)
    event = QWheelEvent(
        at,
        port.mapToGlobal(at),
        QPoint(),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        keys,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(port, event)


def place(panel: PlotPanel, x: float, y: float) -> QPoint:
    return panel.graphics.mapFromScene(panel.plot.vb.mapViewToScene(QPointF(x, y)))


def test_a_drag_moves_and_a_double_click_shows_all(qtbot: Any, panel: PlotPanel) -> None:
    drag(panel, place(panel, 5, 50), place(panel, 3, 50))
    left, right, *height = seen(panel)
    assert (left, right) == pytest.approx((2, 12), abs=0.1)
    assert height == pytest.approx([0, 100], abs=1)

    qtbot.mouseDClick(panel.graphics.viewport(), LEFT, pos=place(panel, 5, 50))
    # That call ends with the second press.
    qtbot.mouseRelease(panel.graphics.viewport(), LEFT, pos=place(panel, 5, 50))

    assert seen(panel) == pytest.approx([0, 10, 0, 100])


@pytest.mark.parametrize(("keys", "wide", "tall"), [(NONE, 1, 1), (SHIFT, 1, 0), (CTRL, 0, 1)])
def test_the_wheel_zooms_at_the_pointer(panel: PlotPanel, keys: Any, wide: int, tall: int) -> None:
    turn(panel, place(panel, 2, 80), keys)

    left, right, low, high = seen(panel)
    assert (right - left < 9.9) is bool(wide)
    assert (high - low < 99) is bool(tall)
    assert (2 - left) / (right - left) == pytest.approx(0.2, abs=0.02), "the pointer stays at its place"
    assert (80 - low) / (high - low) == pytest.approx(0.8, abs=0.02)


def test_a_right_drag_zooms_to_a_frame_and_brings_no_menu(panel: PlotPanel) -> None:
    drag(panel, place(panel, 2, 20), place(panel, 6, 70), RIGHT)

    assert seen(panel) == pytest.approx([2, 6, 20, 70], abs=1)
    assert not isinstance(QApplication.activePopupWidget(), QMenu)
    panel.graphics.draw_frames(True)
    panel.plot.show_all()
    drag(panel, place(panel, 2, 20), place(panel, 6, 70))
    assert seen(panel) == pytest.approx([2, 6, 20, 70], abs=1), "the tool does it with the left button"


def test_what_is_shown_cannot_be_lost_and_a_zoom_stays_for_the_same_axis(panel: PlotPanel) -> None:
    for _ in range(30):
        turn(panel, place(panel, 5, 50))
    for _ in range(40):
        drag(panel, QPoint(100, 100), QPoint(400, 350))
    left, right, low, high = seen(panel)
    assert -5 <= left < right <= 15
    assert -50 <= low < high <= 150

    panel.plot.setXRange(0, 10, padding=0)
    panel.plot.setYRange(0, 200, padding=0)

    assert seen(panel)[:2] == pytest.approx([left, right]), "the next unit is seen at the same times"
    assert seen(panel)[2:] == pytest.approx([0, 200])


def test_keys_move_zoom_and_show_all(qtbot: Any, panel: PlotPanel) -> None:
    panel.graphics.setFocus()
    for key, expected in (
        (Qt.Key.Key_Plus, [1, 9, 10, 90]),
        (Qt.Key.Key_Right, [1.8, 9.8, 10, 90]),
        (Qt.Key.Key_Up, [1.8, 9.8, 18, 98]),
        (Qt.Key.Key_Home, [0, 10, 0, 100]),
    ):
        qtbot.keyClick(panel.graphics, key)
        assert seen(panel) == pytest.approx(expected)


def test_limits_are_typed_with_point_or_comma(qtbot: Any, panel: PlotPanel) -> None:
    panel.graphics.setAccessibleName("Plot")
    panel.graphics.ask_limits(panel.plot)
    (dialog,) = [one for one in QApplication.topLevelWidgets() if isinstance(one, LimitsDialog)]
    ok = dialog.buttons.button(QDialogButtonBox.StandardButton.Ok)
    (first, second), _ = dialog.fields
    assert (first.text(), second.text()) == ("0", "10")

    first.setText("")
    qtbot.keyClicks(first, "11")
    assert "smaller" in dialog.problem
    assert not ok.isEnabled()
    first.setText("")
    qtbot.keyClicks(first, "2,5")
    ok.click()

    assert seen(panel) == pytest.approx([2.5, 10, 0, 100])


# -- colours -----------------------------------------------------------------------------------------


def bar_of(values: np.ndarray, **known: Any) -> ColourBar:
    bar = ColourBar()
    bar.show_values((-100.0, 100.0), "CET-D1A", "Voltage (µV)", values=values, **known)
    return bar


def test_an_end_is_dragged_and_a_diverging_range_stays_symmetric(qtbot: Any) -> None:
    bar = bar_of(np.zeros(3))
    bar.drag(0.9, -0.25, begins=True)
    assert bar.levels() == pytest.approx((-100, 50))
    bar.drag(0.5, 0.1, begins=True)
    assert bar.levels() == pytest.approx((-85, 65)), "the middle moves both"
    bar.show_all()
    assert bar.levels() == (-100, 100)

    bar.show_values((-100.0, 100.0), "CET-D1A", "Voltage (µV)", centre=0.0)
    bar.drag(0.1, 0.25, begins=True)
    assert bar.levels() == pytest.approx((-50, 50))
    bar.narrow(0.5)
    assert bar.levels() == pytest.approx((-25, 25))
    assert "set" in bar.labels["right"], "a range that does not follow the values says so"


def test_percentiles_leave_out_what_is_rare(qtbot: Any) -> None:
    bar = bar_of(np.append(np.linspace(0.0, 10.0, 1000), [500.0, np.nan]))
    bar.choose(ColourChoice(range="robust"))
    assert bar.levels() == pytest.approx((0.1, 9.91), abs=0.02)

    bar = bar_of(np.append(np.linspace(-10.0, 5.0, 1000), 500.0), centre=0.0)
    bar.choose(ColourChoice(range="narrow"))
    low, high = bar.levels()
    assert (low, high) == pytest.approx((-9.26, 9.26), abs=0.1)


def test_a_logarithm_shows_what_is_hundred_times_smaller(qtbot: Any) -> None:
    """Given a soma of 200 µV and an axon of 4 µV, then both differ from the background on one scale."""
    panel = ImagePanel("Image", LIGHT, "Column", "Row")
    qtbot.addWidget(panel)
    values = np.array([[0.0, 4.0, -200.0]])
    panel.show_image(values, (-200.0, 200.0), "CET-D1A", "Voltage (µV)", centre=0.0)
    panel.resize(400, 300)

    def greens() -> list[int]:
        panel.image.render()
        return [panel.image.qimage.pixelColor(column, 0).green() for column in range(3)]

    linear = greens()
    assert abs(linear[1] - linear[0]) < 8

    panel.bar.choose(ColourChoice(symlog=True))

    logarithmic = greens()
    assert logarithmic[0] - logarithmic[1] > 30
    assert logarithmic[2] == pytest.approx(linear[2], abs=3), "the ends stay"
    drawn = panel.bar.colours_of(values.ravel())[:, 1]
    assert drawn.tolist() == pytest.approx(logarithmic, abs=4), "bar and picture agree"
    axis = panel.bar.getAxis("right")
    (_, ticks), *_ = axis.tickValues(*panel.bar.vb.viewRange()[1], 300)
    assert {"0", "100", "−100", "10"} <= set(axis.tickStrings(ticks, 1.0, 1.0))


def test_a_choice_is_remembered_and_nonsense_is_not(qtbot: Any) -> None:
    stored: dict[str, Any] = {"b": {"range": "set", "low": 5.0, "high": 1.0}, "c": {"colours": 3}}
    bar = ColourBar()
    bar.remember_in(stored, "a")
    bar.choose(ColourChoice(range="set", low=1.0, high=2.0, symlog=True, colours="viridis"))

    other = ColourBar()
    other.remember_in(stored, "a")
    assert other.choice == bar.choice
    assert other.levels() == (1.0, 2.0)
    for key in ("b", "c", "d"):
        other.remember_in(stored, key)
        assert other.choice == ColourChoice()
    bar.choose(ColourChoice())
    assert "a" not in stored


def test_every_map_that_is_offered_exists(qtbot: Any) -> None:
    from hdmea_gui.views.parts.colour_bar import MAPS

    assert all(len(colour_map(name or "viridis").color) for name in MAPS)
