"""Texts from files are shown as they are, never as HTML: a name cannot have a file or a share opened."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QAbstractItemModel, QAbstractListModel, QAbstractTableModel, QModelIndex, Qt
from PySide6.QtGui import QAction
from PySide6.QtGui import Qt as GuiQt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QGraphicsTextItem,
    QGraphicsView,
    QLabel,
    QTextBrowser,
    QWidget,
)

import hdmea_gui
from hdmea.pipeline import PipelineSession
from hdmea_gui.dialogs.message import MessageDialog
from hdmea_gui.engine.controller import Activity
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.widgets.elided_label import ElidedLabel
from hdmea_gui.widgets.label import Label, RichLabel, plain_tip

HOSTILE = '<img src="file:///nowhere/probe.png"><b>bold</b>'
_MOST_CELLS = 60
_ROOT = QModelIndex()


def is_rendered(text: str) -> bool:
    """Return whether a text shown as Qt guesses would have the hostile part of it as HTML."""
    return GuiQt.mightBeRichText(text) and "<img" in text


def shown_as_html(root: QWidget) -> Iterator[str]:
    """Yield what below a widget shows a hostile text as HTML, or would when the mouse rests on it."""
    for widget in [root, *root.findChildren(QWidget)]:
        name = f"{type(widget).__name__} {widget.objectName()}"
        if is_rendered(widget.toolTip()):
            yield f"tooltip of {name}: {widget.toolTip()[:90]}"
        if isinstance(widget, QLabel):
            guessed = widget.textFormat() is Qt.TextFormat.AutoText and is_rendered(widget.text())
            rich = widget.textFormat() is Qt.TextFormat.RichText and "<img" in widget.text()
            if guessed or rich:
                yield f"text of {name}: {widget.text()[:90]}"
        if isinstance(widget, QTextBrowser) and "<img" in widget.toHtml():
            yield f"page of {name}"
        if isinstance(widget, QAbstractItemView) and widget.model() is not None:
            yield from (f"{tip} of {name}" for tip in hostile_tips(widget.model()))
        if isinstance(widget, QComboBox):
            yield from (f"{tip} of {name}" for tip in hostile_tips(widget.model()))
        if isinstance(widget, QGraphicsView) and widget.scene() is not None:
            for item in widget.scene().items():
                if is_rendered(item.toolTip()):
                    yield f"tooltip of an item of {name}: {item.toolTip()[:90]}"
                if isinstance(item, QGraphicsTextItem) and "<img" in item.toHtml():
                    yield f"item of {name}: {item.toHtml()[-300:]}"
    for action in root.findChildren(QAction):
        if is_rendered(action.toolTip()):
            yield f"tooltip of {action.text()}"


def hostile_tips(model: QAbstractItemModel, parent: QModelIndex = _ROOT) -> Iterator[str]:
    role = Qt.ItemDataRole.ToolTipRole
    columns = 1 if isinstance(model, QAbstractListModel) else model.columnCount(parent)
    for column in range(columns):
        tip = model.headerData(column, Qt.Orientation.Horizontal, role)
        if isinstance(tip, str) and is_rendered(tip):
            yield f"header {column}: {tip[:90]}"
    for row in range(min(_MOST_CELLS, model.rowCount(parent))):
        for column in range(columns):
            index = model.index(row, column, parent)
            tip = index.data(role)
            if isinstance(tip, str) and is_rendered(tip):
                yield f"cell {row}, {column}: {tip[:90]}"
            if column == 0 and not isinstance(model, QAbstractListModel | QAbstractTableModel):
                yield from hostile_tips(model, index)


@pytest.fixture
def hostile_result(analysed_file: Path, tmp_path: Path) -> Path:
    """Return a result in which every name and text that a file can decide is HTML."""
    session = PipelineSession.load(analysed_file)
    names = {movie: f"{movie} {HOSTILE}" for movie in session.stimulus.get("section_time", {})}
    session.units = {name: hostile_unit(unit, names) for name, unit in session.units.items()}
    session.stimulus = renamed(session.stimulus, names)
    session.metadata = {**hostile_texts(session.metadata), HOSTILE: HOSTILE}
    session.warnings = [HOSTILE, *session.warnings]
    session.source_files = {**session.source_files, "note": HOSTILE}
    for name, record in session.steps.items():
        session.steps[name] = replace(record, warnings=(HOSTILE,), information=(HOSTILE,))
    path = tmp_path / "hostile <b>.h5"
    session.save(path)
    return path


def hostile_unit(unit: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    unit = dict(unit)
    unit["features"] = {
        name: {**entry, "metadata": hostile_texts(entry["metadata"])}
        for name, entry in unit["features"].items()
    }
    unit["features"][HOSTILE] = {"data": {HOSTILE: 1.0, "text": HOSTILE}, "metadata": {"title": HOSTILE}}
    unit["original_name"] = HOSTILE
    return {**unit, HOSTILE: HOSTILE}


def hostile_texts(tree: Any) -> Any:
    """Return a tree with HTML behind each text that no program has to read again."""
    keep = {"params", "version", "extracted_at", "feature", "digest"}
    if isinstance(tree, dict):
        return {key: value if key in keep else hostile_texts(value) for key, value in tree.items()}
    if isinstance(tree, str):
        return f"{tree} {HOSTILE}"
    if isinstance(tree, np.ndarray) and tree.dtype.kind in "OTU" and tree.size:
        return np.array([hostile_texts(str(text)) for text in tree.ravel()], dtype=object)
    return tree


def renamed(tree: Any, names: dict[str, str]) -> Any:
    if isinstance(tree, dict):
        return {names.get(key, key): renamed(value, names) for key, value in tree.items()}
    return names.get(tree, tree) if isinstance(tree, str) else tree


def test_nothing_of_a_hostile_result_is_shown_as_html(
    qtbot: Any, window: MainWindow, hostile_result: Path, tmp_path: Path
) -> None:
    window.open_paths([hostile_result])
    qtbot.waitUntil(lambda: window.controller.activity is Activity.IDLE, timeout=60_000)
    assert window.controller.state.unit_ids, window.log.texts()
    assert any(HOSTILE in text for text in window.log.texts()), "the file's warnings are shown"
    for number in (1, 5):
        window.controller.selection.select_units(window.controller.state.unit_ids[:number])
        for place in range(window.tabs.count()):
            window.tabs.setCurrentIndex(place)
            qtbot.waitUntil(lambda: not window.controller.owes_answers, timeout=30_000)
            qtbot.wait(50)
            assert list(shown_as_html(window)) == []
    window.controller.save(hostile_result, overwrite=False)
    qtbot.waitUntil(lambda: window.controller.activity is Activity.IDLE, timeout=60_000)
    other = tmp_path / "other.h5"
    there = PipelineSession("other")
    there.mark_step_complete(HOSTILE)
    there.save(other)
    window.controller.save(other, overwrite=False)
    qtbot.waitUntil(lambda: window.dialog is not None, timeout=30_000)
    assert window.dialog is not None
    assert list(shown_as_html(window.dialog)) == []


def test_a_message_about_a_hostile_name_shows_it_as_it_is(qtbot: Any) -> None:
    dialog = MessageDialog(HOSTILE, (HOSTILE,), details=HOSTILE, kept=HOSTILE)
    qtbot.addWidget(dialog)
    assert list(shown_as_html(dialog)) == []


def test_labels_show_what_they_are_given(qtbot: Any) -> None:
    for label in (Label(HOSTILE), ElidedLabel()):
        qtbot.addWidget(label)
        label.setText(HOSTILE)
        label.setToolTip(HOSTILE)
        assert label.textFormat() is Qt.TextFormat.PlainText
        assert label.text() == HOSTILE
        assert list(shown_as_html(label)) == []
    rich = RichLabel("<b>ours</b>")
    qtbot.addWidget(rich)
    assert rich.textFormat() is Qt.TextFormat.RichText


@pytest.mark.parametrize("text", ["", "plain", "p < 0.05", "a & b", "two\n<b>lines</b>"])
def test_tooltips_that_are_no_html_are_left_as_they_are(text: str) -> None:
    assert plain_tip(text) == text


@pytest.mark.parametrize("text", [HOSTILE, "&lt;b", "<?xml ", "  <IMG src=x>", "a <b\n>"])
def test_tooltips_that_look_like_html_are_escaped(text: str) -> None:
    tip = plain_tip(text)
    assert "<img" not in tip.lower()
    assert tip.count("<") in {0, 2} or not GuiQt.mightBeRichText(text)


def test_no_label_of_the_window_is_left_to_the_guess_of_qt() -> None:
    makes = []
    for path in sorted(Path(hdmea_gui.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(called, ast.Name) and called.id == "QLabel":
                makes.append(f"{path.name}:{node.lineno}")
    assert makes == []
