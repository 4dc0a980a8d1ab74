"""Tabs: what one part of a view asks for paints nothing else anew, and still gets its room."""

from __future__ import annotations

from typing import Any

from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QLabel, QWidget

from hdmea_gui.shell.window_layout import ViewTabs


class _Picture(QWidget):
    painted = 0

    def paintEvent(self, _event: QPaintEvent) -> None:
        self.painted += 1


def _tabs(qtbot: Any) -> tuple[ViewTabs, QLabel, _Picture]:
    tabs = ViewTabs()
    qtbot.addWidget(tabs)
    page, label, picture = QWidget(), QLabel("a"), _Picture()
    picture.setFixedSize(100, 100)
    layout = QHBoxLayout(page)
    layout.addWidget(picture)
    layout.addWidget(label)
    layout.addStretch(1)
    tabs.addTab(page, "View")
    tabs.resize(500, 300)
    tabs.show()
    qtbot.waitExposed(tabs)
    _let_it_paint(label)
    return tabs, label, picture


def _let_it_paint(label: QLabel) -> None:
    # The first request comes with the first layout of the tabs.
    for _ in range(5):
        QApplication.processEvents()
    label.updateGeometry()
    for _ in range(5):
        QApplication.processEvents()


def test_a_text_that_changes_does_not_paint_the_rest_of_the_view(qtbot: Any) -> None:
    _tabs_widget, label, picture = _tabs(qtbot)
    before = picture.painted
    assert before

    for text in ("more than before", "less", "very much more than ever before"):
        label.setText(text)
        _let_it_paint(label)
        assert label.width() >= label.sizeHint().width()

    assert picture.painted == before


def test_a_view_that_needs_more_room_makes_the_tabs_ask_for_it(qtbot: Any) -> None:
    tabs, _label, picture = _tabs(qtbot)
    before = tabs.minimumSizeHint().height()

    picture.setFixedSize(100, 240)
    QApplication.processEvents()

    assert tabs.minimumSizeHint().height() >= before + 100


def test_a_name_that_changes_gets_its_room(qtbot: Any) -> None:
    tabs, label, _picture = _tabs(qtbot)

    tabs.setTabText(0, "A much longer name of the view")
    _let_it_paint(label)

    text = tabs.fontMetrics().horizontalAdvance(tabs.tabText(0))
    assert tabs.tabBar().tabRect(0).width() > text
