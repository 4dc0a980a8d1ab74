"""Numbers as people type them: point and comma mean the same, anything else is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import QLocale, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QWidget

from hdmea_gui.engine.snapshot import FieldSpec
from hdmea_gui.widgets.fields import Editor, make_editor


@pytest.fixture(params=["de_DE", "en_US", "fr_FR"])
def language(request: pytest.FixtureRequest) -> Iterator[None]:
    before = QLocale()
    QLocale.setDefault(QLocale(request.param))
    yield
    QLocale.setDefault(before)


@pytest.fixture
def parent(qtbot: Any, language: None) -> QWidget:
    widget = QWidget()
    qtbot.addWidget(widget)
    widget.show()
    return widget


def editor_of(parent: QWidget, kind: str, **more: Any) -> Editor:
    field = {"name": "x", "title": "X", "help": "", "kind": kind, "default": 2, "unit": "Hz", **more}
    made = make_editor(FieldSpec(**field), parent)
    made.widget.show()
    made.show_value(2)
    return made


def type_into(editor: Editor, text: str) -> Any:
    line = editor.widget if isinstance(editor.widget, QLineEdit) else editor.widget.findChild(QLineEdit)
    assert line is not None
    line.setFocus()
    line.selectAll()
    QTest.keyClicks(line, text)
    QTest.keyClick(line, Qt.Key.Key_Return)
    line.clearFocus()
    return editor.value()


@pytest.mark.parametrize(
    ("text", "meant"),
    [("150.5", 150.5), ("150,5", 150.5), (".05", 0.05), ("0,125", 0.125), ("1.500", 1.5), ("-3,25", -3.25)],
)
def test_point_and_comma_are_the_decimal_sign(parent: QWidget, text: str, meant: float) -> None:
    assert type_into(editor_of(parent, "float"), text) == meant
    assert type_into(editor_of(parent, "float", default=None, optional=True), text) == meant


@pytest.mark.parametrize("text", ["1,500.5", "1.500,5", "1 500", "1'500", "1_500", "12a", "1.2.3"])
def test_anything_else_is_refused_and_the_value_stays(parent: QWidget, text: str) -> None:
    assert type_into(editor_of(parent, "float"), text) == 2
    # In a line that may be empty the text stays, for the message that says why it is refused.
    assert type_into(editor_of(parent, "float", default=None, optional=True), text) == text


@pytest.mark.parametrize("text", ["1.500", "1,500", "1 500", "2.5"])
def test_a_whole_number_has_no_marks(parent: QWidget, text: str) -> None:
    assert type_into(editor_of(parent, "int"), text) == 2


def test_numbers_are_shown_alike_in_all_fields(parent: QWidget) -> None:
    number, line, whole = (
        editor_of(parent, "float"),
        editor_of(parent, "float", default=None, optional=True),
        editor_of(parent, "int"),
    )
    number.show_value(1234.5)
    line.show_value(1234.5)
    whole.show_value(1234)

    shown = [editor.widget.findChild(QLineEdit).text() for editor in (number, whole)]
    assert shown == ["1234.5 Hz", "1234 Hz"]
    assert line.widget.text() == "1234.5"


def test_a_number_beyond_the_limits_or_the_decimals_is_refused(parent: QWidget) -> None:
    assert type_into(editor_of(parent, "float", maximum=10), "11") == 2
    assert type_into(editor_of(parent, "float"), "0.0000001") == 2
