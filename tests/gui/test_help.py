"""F1 for what has the focus, the page of commands, and a tooltip for every control."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QCheckBox,
    QComboBox,
    QDialog,
    QLineEdit,
    QScrollBar,
    QTabBar,
    QWidget,
)

import hdmea_gui
from hdmea_gui.diagnostics.licences import Component, read_collected
from hdmea_gui.diagnostics.versions import version_lines
from hdmea_gui.engine.snapshot import FieldSpec
from hdmea_gui.flows.about_dialog import AboutDialog
from hdmea_gui.flows.help_dialog import HelpPage, TopicDialog
from hdmea_gui.shell.actions import ACTIONS
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.text.help_topics import field_topic, topic_of
from hdmea_gui.text.keyboard import KEYS, groups, keyboard_page

DOCS = Path(hdmea_gui.__file__).parents[1] / "docs"


def explained(window: MainWindow, widget: QWidget) -> TopicDialog:
    """Return the dialog that F1 opens while a widget has the focus."""
    window.activateWindow()
    assert QTest.qWaitForWindowActive(window, 5000)
    widget.setFocus()
    QTest.keyClick(window, Qt.Key.Key_F1)
    assert isinstance(window.dialog, TopicDialog)
    return window.dialog


def test_f1_explains_the_chosen_step(window: MainWindow) -> None:
    window.panel.list.choose("compute_sta")
    spec = window.controller.steps.item("compute_sta").spec

    topic = explained(window, window.panel.list).topic

    assert topic.title == spec.title
    assert spec.help in topic.paragraphs
    shown = [label for label, _ in topic.facts]
    for field in spec.fields:
        assert field.advanced or any(field.title in label for label in shown)


def test_f1_explains_the_focused_parameter(window: MainWindow) -> None:
    window.panel.list.choose("add_section_time")
    spec = window.controller.steps.item("add_section_time").spec
    field = next(field for field in spec.fields if field.unit and not field.advanced)
    editor = window.panel.form.editor(field.name).widget

    topic = explained(window, editor).topic

    assert topic.title == field.title
    assert field.help in topic.paragraphs
    assert dict(topic.facts)["Unit"] == field.unit
    assert "Default" in dict(topic.facts)


def test_limits_and_choices_are_named() -> None:
    number = FieldSpec("n", "Bins", "Number of bins.", "int", 10, unit="bins", minimum=1, maximum=50)
    choice = FieldSpec("c", "Kind", "", "choice", "a", choices=("a", "b"), optional=True)

    assert dict(field_topic(number, 10).facts)["Allowed"] == "at least 1 and at most 50"
    facts = dict(field_topic(choice, None).facts)
    assert facts["Choices"] == "a, b"
    assert facts["Default"] == "automatic"
    assert "Left empty" in facts


def test_f1_explains_each_view_and_the_row_of_tabs(window: MainWindow) -> None:
    for preview in window.views.all:
        window.tabs.setCurrentWidget(preview)
        for focus in (preview, window.tabs.tabBar()):
            topic = topic_of(focus)
            assert topic is not None
            page = window.views["unit"].page if preview is window.views["unit"] else preview
            assert topic.paragraphs == (page.help_text,)
            assert topic.title == page.title


def test_f1_explains_the_page_of_the_unit_that_is_seen(window: MainWindow) -> None:
    window.tabs.setCurrentWidget(window.views["unit"])
    said = set()

    for page in window.views["unit"].pages:
        window.views["unit"].show_page(page)
        topics = [topic_of(focus) for focus in (page, window.views["unit"], window.tabs.tabBar())]
        assert [topic.paragraphs for topic in topics if topic is not None] == [(page.help_text,)] * 3
        said.add(topics[0].title if topics[0] is not None else "")

    assert said == {"Overview of the unit", "Responses of the unit", "Numbers of the unit"}


@pytest.mark.parametrize(("action_id", "expected"), [("settings", TopicDialog), ("about", HelpPage)])
def test_f1_works_in_dialogs_and_comes_back_to_them(
    qtbot: Any, window: MainWindow, action_id: str, expected: type[QDialog]
) -> None:
    window.actions_[action_id].trigger()
    dialog = window.dialog
    assert dialog is not None
    dialog.activateWindow()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is dialog, timeout=20_000)
    boxes = dialog.findChildren(QCheckBox)
    (boxes[0] if boxes else dialog).setFocus()

    QTest.keyClick(dialog, Qt.Key.Key_F1)

    assert isinstance(window.dialog, expected)
    window.dialog.close()
    assert window.dialog is dialog
    dialog.close()
    assert window.dialog is None


def test_f1_explains_a_column_of_the_unit_table(loaded: tuple[MainWindow, tuple[Path, Path]]) -> None:
    window = loaded[0]
    view = window.table.view
    view.setCurrentIndex(view.model().index(0, 1))

    topic = explained(window, view).topic

    horizontal = Qt.Orientation.Horizontal
    assert topic.title == view.model().headerData(1, horizontal)
    assert topic.paragraphs == (view.model().headerData(1, horizontal, Qt.ItemDataRole.ToolTipRole),)


def test_f1_falls_back_to_the_tooltip_then_to_the_page(window: MainWindow) -> None:
    topic = topic_of(window.panel.flows)
    assert topic is not None
    assert topic.title == "Flow"

    bare = QWidget(window)
    assert topic_of(bare) is None
    assert topic_of(None) is None
    window.setFocus()
    for widget in window.findChildren(QWidget):
        widget.clearFocus()
    window.actions_["help_focus"].trigger()
    assert isinstance(window.dialog, HelpPage)


def test_the_page_names_every_action_key_and_view(window: MainWindow) -> None:
    window.actions_["help_page"].trigger()
    page = window.dialog
    assert isinstance(page, HelpPage)

    text = " ".join(page.browser.toPlainText().split())

    for spec in (spec for spec in ACTIONS if window.actions_[spec.id].isVisible()):
        assert " ".join(spec.tooltip.split()) in text, spec.id
        assert window.actions_.keys(spec.id) in text
    for row in (row for rows in KEYS.values() for row in rows):
        assert row.does in text
    for preview in window.views.all:
        assert " ".join(preview.help_text.split()) in text
    page.search.setText("write result")
    found = page.browser.toPlainText()
    assert "Write the result file" in found
    assert "Position of the stimulus" not in found
    page.search.setText("zebra")
    assert "zebra" in page.browser.toPlainText()


def test_the_keyboard_page_of_the_documentation_is_up_to_date() -> None:
    written = (DOCS / "keyboard.md").read_text(encoding="utf-8")

    assert written == keyboard_page(), "run: python -m hdmea_gui.text.keyboard docs/keyboard.md"
    assert sum(len(rows) for rows in groups().values()) == len(ACTIONS) + sum(map(len, KEYS.values()))


def test_about_names_versions_and_licences_and_copies_them(
    qtbot: Any, no_leaks: None, tmp_path: Path
) -> None:
    licence = tmp_path / "LICENSE"
    licence.write_text("Redistribution and use…", encoding="utf-8")
    dialog = AboutDialog(
        lambda: (
            Component("numpy", "2.0", "BSD", (licence,)),
            Component("qt", "6", "LGPL-3.0", note="Replace it."),
        )
    )
    assert dialog.list.count() == 0
    qtbot.waitUntil(lambda: not dialog.is_reading, timeout=20_000)

    dialog.list.setCurrentRow(1)
    assert "LGPL-3.0" in dialog.text.toPlainText()
    dialog.list.setCurrentRow(0)
    assert "Redistribution" in dialog.text.toPlainText()
    dialog.copy()

    copied = QGuiApplication.clipboard().text()
    assert version_lines()[0] in copied
    assert "qt 6 (LGPL-3.0)" in copied
    dialog.deleteLater()


CONTROLS = (QAbstractButton, QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit)


def without_tooltip(window: QWidget) -> list[str]:
    """Return the controls of a window that do not say what they are; a part of a control has its tooltip."""
    found = []
    for kind in CONTROLS:
        for widget in window.findChildren(kind):
            parent = widget.parentWidget()
            # Up to Qt 6.10, the corner of a table has no name that says so.
            made_by_qt = widget.objectName().startswith("qt_") or type(widget) is QAbstractButton
            made_by_qt = made_by_qt or isinstance(parent, QTabBar)
            if made_by_qt or isinstance(widget, QScrollBar) or widget.toolTip() or parent.toolTip():
                continue
            text = widget.text() if isinstance(widget, (QAbstractButton, QLineEdit)) else ""
            found.append(f"{type(parent).__name__}: {type(widget).__name__} {widget.objectName()} {text}")
    return found


def test_every_control_of_the_window_has_a_tooltip(window: MainWindow) -> None:
    window.panel.list.choose("compute_sta")
    for preview in window.views.all:
        preview.complete()

    assert not without_tooltip(window)


@pytest.mark.parametrize("step", ["load_recording", "compute_sta", "extract_features"])
def test_parameters_with_a_unit_show_it(window: MainWindow, step: str) -> None:
    window.panel.list.choose(step)

    for field in window.controller.steps.item(step).spec.fields:
        tip = window.panel.form.editor(field.name).widget.toolTip()
        assert field.unit in tip
        assert "Default" in tip


@pytest.mark.parametrize(
    "damaged",
    [
        "",
        "{",
        "3",
        "null",
        '{"name": "numpy"}',
        "[3]",
        "[{}]",
        '[{"name": "numpy", "version": "2", "licence": "BSD", "note": "", "texts": 3}]',
        '[{"name": null, "version": "2", "licence": "BSD", "note": "", "texts": []}]',
        '[{"name": "numpy", "version": "2", "licence": "BSD", "note": "", "texts": [1]}]',
        "\udcff",
    ],
)
def test_about_says_that_the_list_of_licences_is_damaged(
    qtbot: Any, no_leaks: None, tmp_path: Path, damaged: str
) -> None:
    (tmp_path / "licences.json").write_bytes(damaged.encode("utf-8", "surrogateescape"))
    dialog = AboutDialog(lambda: read_collected(tmp_path))
    qtbot.waitUntil(lambda: not dialog.is_reading, timeout=20_000)

    said = dialog.text.toPlainText()
    assert "could not be read" in said
    assert "Install the program again" in said
    assert str(tmp_path / "licences.json") in said
    dialog.deleteLater()


def test_about_ends_in_a_text_whatever_fails(qtbot: Any, no_leaks: None) -> None:
    def read() -> tuple[Component, ...]:
        raise RuntimeError("nobody expected this")

    dialog = AboutDialog(read)
    qtbot.waitUntil(lambda: not dialog.is_reading, timeout=20_000)

    assert "could not be read" in dialog.text.toPlainText()
    assert "nobody expected this" in dialog.text.toPlainText()
    dialog.deleteLater()


def test_about_says_that_the_text_of_a_licence_is_gone(qtbot: Any, no_leaks: None, tmp_path: Path) -> None:
    dialog = AboutDialog(lambda: (Component("numpy", "2.0", "BSD", (tmp_path / "gone.txt",), "A note."),))
    qtbot.waitUntil(lambda: not dialog.is_reading, timeout=20_000)

    said = dialog.text.toPlainText()
    assert "A note." in said
    assert "gone.txt" in said
    assert "could not be read" in said
    dialog.deleteLater()
