"""The numbers below a plot are read as they are meant, and all of them are in sight."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QTextDocument
from PySide6.QtWidgets import QSplitter

from hdmea_gui.shell.theme import LIGHT
from hdmea_gui.views.parts.responses.numbers_panel import NumbersPanel
from hdmea_gui.views.parts.shared_query import Fact
from hdmea_gui.views.receptive_field.view import _facts_texts

FACTS = [Fact("Preferred", "–", ""), Fact("Cut-off", "7.04 Hz", ""), Fact("p", "< 0.0001", "of the fit")]


def plain(text: str) -> str:
    document = QTextDocument()
    document.setHtml(text)
    return document.toPlainText()


def test_less_than_is_shown_and_no_markup(qtbot: Any) -> None:
    panel = NumbersPanel("Frequency response", LIGHT, "Frequency (Hz)", "Amplitude (Hz)")
    qtbot.addWidget(panel)
    panel.show_numbers([(FACTS, "#ff0000")])

    assert plain(panel.numbers) == "Preferred –, Cut-off 7.04 Hz, p < 0.0001"


def test_less_than_is_shown_for_a_receptive_field() -> None:
    class View:
        facts = FACTS
        n_spikes = 5
        marks = ()

    shown = [plain(text) for text, *_ in _facts_texts(View())]  # type: ignore[arg-type]

    assert "".join(shown[2].split()) == "p<0.0001"


@pytest.mark.parametrize("width", [180, 260, 600])
def test_all_lines_of_the_numbers_are_in_sight(qtbot: Any, width: int) -> None:
    splitter = QSplitter(Qt.Orientation.Vertical)
    qtbot.addWidget(splitter)
    panel = NumbersPanel("Frequency response", LIGHT, "Frequency (Hz)", "Amplitude (Hz)")
    splitter.addWidget(panel)
    splitter.resize(width, 400)
    splitter.show()
    panel.show_numbers([(FACTS, "#ff0000"), (FACTS, "#00ff00")])
    qtbot.waitUntil(lambda: panel._numbers.width() > 50, timeout=20_000)

    assert panel._numbers.height() >= panel._numbers.heightForWidth(panel._numbers.width())
