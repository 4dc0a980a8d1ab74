"""All text stands out from what it is written on, in both themes: at least 4.5:1, computed as WCAG 2 says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyqtgraph as pg
import pytest
from PySide6.QtCore import QAbstractListModel, Qt
from PySide6.QtGui import QBrush, QColor, QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QLabel,
    QLineEdit,
    QListWidget,
    QRadioButton,
    QSpinBox,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from hdmea_gui.engine.snapshot import Choice, Column
from hdmea_gui.models.steps import StepState
from hdmea_gui.shell.columns_dialog import ColumnsDialog
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.shell.step_list import state_colour
from hdmea_gui.shell.theme import DARK, LIGHT, Theme, apply_palette, contrast, dress, stylesheet
from hdmea_gui.widgets.named_fields import CheckPopup
from tests.gui.all_dialogs import dialog_openers

LEAST = 4.5
LEAST_OF_OUTLINES = 3.0
THEMES = pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)

_ROLE = QPalette.ColorRole
_PAIRS = (
    (_ROLE.WindowText, _ROLE.Window),
    (_ROLE.Text, _ROLE.Base),
    (_ROLE.Text, _ROLE.AlternateBase),
    (_ROLE.PlaceholderText, _ROLE.Base),
    (_ROLE.ButtonText, _ROLE.Button),
    (_ROLE.BrightText, _ROLE.Window),
    (_ROLE.ToolTipText, _ROLE.ToolTipBase),
    (_ROLE.HighlightedText, _ROLE.Highlight),
    (_ROLE.Link, _ROLE.Base),
    (_ROLE.Link, _ROLE.Window),
    (_ROLE.LinkVisited, _ROLE.Base),
    (_ROLE.LinkVisited, _ROLE.Window),
)


@pytest.fixture
def application(qapp: QApplication) -> Iterator[QApplication]:
    yield qapp
    apply_palette(LIGHT)


def over(colour: str, background: str, alpha: int) -> str:
    """Return what a half-transparent colour looks like on a background."""
    share = alpha / 255
    front, back = QColor(colour), QColor(background)
    mixed = [
        round(share * a + (1 - share) * b)
        for a, b in zip(front.getRgb()[:3], back.getRgb()[:3], strict=True)  # type: ignore[call-overload]
    ]
    return QColor(*mixed).name()


@THEMES
@pytest.mark.parametrize("group", list(QPalette.ColorGroup)[:3], ids=lambda group: group.name)
def test_text_of_the_palette(application: QApplication, theme: Theme, group: QPalette.ColorGroup) -> None:
    apply_palette(theme)
    palette = application.palette()

    found = {
        f"{text.name} on {ground.name}": contrast(
            palette.color(group, text).name(), palette.color(group, ground).name()
        )
        for text, ground in _PAIRS
    }

    assert {pair: ratio for pair, ratio in found.items() if ratio < LEAST} == {}


def outline_contrast(widget: QWidget, theme: Theme) -> float:
    """Return the contrast of the left edge of a control, as it is painted, to the window around it."""
    picture = widget.grab().toImage()
    middle = picture.height() // 2
    return max(contrast(picture.pixelColor(column, middle).name(), theme.window) for column in range(3))


@THEMES
@pytest.mark.parametrize("state", ["focused", "plain"])
def test_outlines_of_what_can_be_filled_in_or_ticked(
    qtbot: Any, application: QApplication, theme: Theme, state: str
) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    editable = QComboBox()
    editable.setEditable(True)
    controls = (QLineEdit(), QSpinBox(), QDoubleSpinBox(), QComboBox(), editable, QCheckBox(), QRadioButton())
    column = QVBoxLayout(window)
    for control in controls:
        column.addWidget(control)
    apply_palette(theme)
    dress(window, theme)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=20_000)
    low = {}

    for place, control in enumerate(controls):
        (control if state == "focused" else controls[place - 1]).setFocus()
        ratio = outline_contrast(control, theme)
        if ratio < LEAST_OF_OUTLINES:
            low[f"{type(control).__name__} {place}"] = ratio

    assert low == {}


@THEMES
def test_selected_text_in_fields(application: QApplication, theme: Theme) -> None:
    apply_palette(theme)
    for kind in ("QLineEdit", "QAbstractSpinBox", "QComboBox"):
        palette = QApplication.palette(kind)
        ratio = contrast(palette.highlightedText().color().name(), palette.highlight().color().name())
        assert ratio >= LEAST


@THEMES
def test_text_of_the_stylesheet(application: QApplication, theme: Theme) -> None:
    apply_palette(theme)
    low, n_rules = {}, 0

    for selector, body in re.findall(r"([^{}]+)\{([^}]*)\}", stylesheet(theme)):
        text = re.search(r"(?<![-\w])color:\s*(#\w{6})", body)
        ground = re.search(r"background:\s*(#\w{6})", body)
        if text is None:
            continue
        n_rules += 1
        for background in [ground.group(1)] if ground else [theme.window, theme.base, theme.raised]:
            ratio = contrast(text.group(1), background)
            if ratio < LEAST:
                low[f"{selector.strip()} on {background}"] = ratio

    assert n_rules >= 5
    assert low == {}


@THEMES
@pytest.mark.parametrize("state", list(StepState), ids=lambda state: state.name)
def test_states_of_steps_in_the_list(theme: Theme, state: StepState) -> None:
    assert contrast(state_colour(state, theme), theme.base) >= LEAST
    assert contrast(theme.on_accent, theme.accent) >= LEAST


@THEMES
@pytest.mark.parametrize("level", ["text", "warning", "bad"])
def test_levels_of_the_log(theme: Theme, level: str) -> None:
    assert contrast(getattr(theme, level), theme.base) >= LEAST


@THEMES
def test_names_of_movies_on_their_spans(theme: Theme) -> None:
    # `StimulusStrip` fills a section with its colour at an opacity of 70 of 255.
    ratios = [contrast(theme.text, over(colour, theme.base, 70)) for colour in theme.spans]

    assert min(ratios) >= LEAST


def writes(axis: pg.AxisItem) -> bool:
    """Return whether there is any text at an axis."""
    return bool(axis.style["showValues"] or axis.labelText)


def ground_of(label: QWidget) -> str:
    """Return the colour behind a label: its own, or that of what is seen through it."""
    widget: QWidget | None = label
    while widget is not None and widget.palette().window().color().alpha() == 0:
        widget = widget.parentWidget()
    assert widget is not None
    return widget.palette().window().color().name()


@pytest.mark.parametrize("name", ["light", "dark"])
def test_text_in_plots_and_labels_of_the_window(qtbot: Any, window: MainWindow, name: str) -> None:
    low, n_axes = [], 0
    for preview in window.views.all:
        preview.complete()
    window.actions_[f"theme_{name}"].trigger()
    qtbot.waitUntil(window.updatesEnabled, timeout=20_000)
    # What is hidden takes its colours when it is shown.
    for preview in window.views.all:
        window.tabs.setCurrentWidget(preview)
    window.tabs.setCurrentWidget(window.views["unit"])
    for page in window.views["unit"].pages:
        window.views["unit"].show_page(page)

    for graphics in window.findChildren(pg.GraphicsLayoutWidget):
        ground = graphics.backgroundBrush().color().name()
        for item in graphics.scene().items():
            if isinstance(item, pg.AxisItem) and item.isVisible() and writes(item):
                n_axes += 1
                colours = {item.textPen().color().name(), QColor(item.labelStyle.get("color", "")).name()}
                colours.discard(QColor("").name())
                low += [(item, c, ground) for c in colours if contrast(c, ground) < LEAST]
    for label in window.findChildren(QLabel):
        if contrast(label.palette().windowText().color().name(), ground_of(label)) < LEAST:
            low.append((label, label.text(), label.property("role")))

    assert n_axes >= 12
    assert low == []


@THEMES
@pytest.mark.parametrize("kind", ["tree", "list"])
def test_boxes_to_tick_in_lists(qtbot: Any, application: QApplication, theme: Theme, kind: str) -> None:
    apply_palette(theme)
    if kind == "tree":
        column = Column("rate", "Rate", "", np.zeros(1))
        dialog = ColumnsDialog((column,), ())
        qtbot.addWidget(dialog)
        dialog.show()
        view: QTreeWidget | QListWidget = dialog.tree
        place = dialog.tree.visualItemRect(dialog._items[0][1])
    else:
        parent = QWidget()
        qtbot.addWidget(parent)
        popup = CheckPopup("Features", parent)
        popup.set_choices((Choice("baseline"),))
        popup.open_below(parent, ())
        view = popup.list
        place = popup.list.visualItemRect(popup.list.item(0))
    qtbot.waitUntil(view.isVisible)

    picture = view.viewport().grab().toImage()
    middle, left = place.center().y(), place.left()
    across = [picture.pixelColor(x, middle).name() for x in range(left, left + 10)]
    ground = view.palette().base().color().name()

    assert max(contrast(colour, ground) for colour in across) >= LEAST_OF_OUTLINES
    view.window().close()


_MARKS = re.compile(r'<span style="color:(#\w{6})">([^<]*)</span>')
_SYMBOLS = set("■━▲△┆┈▼◆●")


def brush_colours(view: QAbstractItemView) -> Iterator[str]:
    """Return the colours of text that the model of a list, table or tree gives to single entries."""
    model = view.model()
    columns = (lambda _parent: 1) if isinstance(model, QAbstractListModel) else model.columnCount
    left = [view.rootIndex()]
    while left:
        parent = left.pop()
        for row in range(min(model.rowCount(parent), 200)):
            left.append(model.index(row, 0, parent))
            for column in range(columns(parent)):
                brush = model.index(row, column, parent).data(Qt.ItemDataRole.ForegroundRole)
                if brush is not None:
                    yield QBrush(brush).color().name()


def too_faint(root: QWidget) -> Iterator[str]:
    """Return what can hardly be read: labels, coloured words in them, texts in plots and in lists."""
    for label in root.findChildren(QLabel):
        if not label.isVisible() or label.window() is not root.window():
            continue
        ground = ground_of(label)
        if contrast(label.palette().windowText().color().name(), ground) < LEAST:
            yield f"{label.text()!r} on {ground}"
        for colour, words in _MARKS.findall(label.text()):
            # Keys of lines are no text; the colours of lines are measured in test_series_colours.
            if not set(words.strip()) <= _SYMBOLS and contrast(colour, ground) < LEAST:
                yield f"{words!r} of {label.text()[:40]!r} in {colour} on {ground}"
    for graphics in root.findChildren(pg.GraphicsLayoutWidget):
        ground = graphics.backgroundBrush().color().name()
        for item in graphics.scene().items() if graphics.isVisible() else ():
            if isinstance(item, pg.TextItem) and item.isVisible() and item.toPlainText():
                colour = item.color.name()
                if contrast(colour, ground) < LEAST:
                    yield f"{item.toPlainText()!r} in {colour} on {ground}"
    for view in root.findChildren(QAbstractItemView):
        ground = view.palette().base().color().name()
        for colour in set(brush_colours(view)) if view.isVisible() and view.model() else ():
            if contrast(colour, ground) < LEAST:
                yield f"an entry of {view.accessibleName() or type(view).__name__} in {colour} on {ground}"


@pytest.mark.parametrize("name", ["light", "dark"])
def test_what_the_window_says_when_everything_was_run(
    qtbot: Any, window: MainWindow, analysed_file: Path, idle: Callable[[], None], name: str
) -> None:
    window.open_paths([analysed_file])
    idle()
    window.use_theme(name, at_once=True)  # type: ignore[arg-type]
    window.actions_["log"].trigger()
    found: dict[str, list[str]] = {}
    for view in window.views.all:
        window.tabs.setCurrentWidget(view)
        for page in view.pages:
            view.show_page(page)
            for units in (window.controller.state.unit_ids[:1], window.controller.state.unit_ids):
                window.controller.selection.select_units(units)
                qtbot.waitUntil(page.has_data, timeout=20_000)
                qtbot.wait(50)
                found[f"{page.title}, {len(units)} units"] = list(too_faint(window))
    for item in window.controller.steps.items:
        window.panel.list.choose(item.spec.name)
        found[item.spec.title] = list(too_faint(window))

    assert {where: faint for where, faint in found.items() if faint} == {}


@pytest.mark.parametrize("name", ["light", "dark"])
def test_what_every_dialog_says(
    qtbot: Any, window: MainWindow, analysed_file: Path, idle: Callable[[], None], name: str
) -> None:
    window.open_paths([analysed_file])
    idle()
    window.use_theme(name, at_once=True)  # type: ignore[arg-type]
    window.panel.list.choose("compute_sta")
    found = {}
    for dialog_name, opens in dialog_openers(window).items():
        opens()
        dialog = window.dialog
        assert dialog is not None
        qtbot.wait(30)
        found[dialog_name] = list(too_faint(dialog))
        dialog.close()

    assert {where: faint for where, faint in found.items() if faint} == {}


@THEMES
def test_what_can_hardly_be_read_is_noticed(qtbot: Any, application: QApplication, theme: Theme) -> None:
    apply_palette(theme)
    window = QWidget()
    qtbot.addWidget(window)
    column = QVBoxLayout(window)
    faint = f'<span style="color:{theme.window}">words</span>'
    label, tree, plot = QLabel(faint), QTreeWidget(), pg.GraphicsLayoutWidget()
    entry = QTreeWidgetItem(tree, ["entry"])
    entry.setForeground(0, QBrush(QColor(theme.base)))
    plot.setBackground(theme.base)
    view_box = plot.addViewBox()
    view_box.addItem(pg.TextItem("text", color=theme.base))
    for part in (label, tree, plot):
        column.addWidget(part)
    dress(window, theme)
    window.show()

    found = " ".join(too_faint(window))

    assert [word in found for word in ("words", "an entry of", "text")] == [True] * 3
