"""Help: what the focused thing is, and the page with all commands."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QGridLayout,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from hdmea_gui.shell.theme import Theme
from hdmea_gui.text.help_topics import HelpTopic
from hdmea_gui.text.keyboard import Row
from hdmea_gui.widgets.label import Label

__all__ = ["HelpPage", "TopicDialog"]

_PAGE_SIZE = QSize(720, 560)
_TOPIC_WIDTH = 520
_LONGEST_TOPIC = 480


class TopicDialog(QDialog):
    """Explains one thing; `page_asked` when the user wants the page with all commands."""

    page_asked = Signal()

    def __init__(self, topic: HelpTopic, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("What is this?")
        self.topic = topic
        content = QWidget(self)
        inner = QVBoxLayout(content)
        inner.setContentsMargins(0, 0, 8, 0)
        inner.setSpacing(10)
        title = _label(topic.title, content, "heading")
        inner.addWidget(title)
        for paragraph in topic.paragraphs:
            inner.addWidget(_label(paragraph, content))
        inner.addLayout(_facts(topic, content))
        inner.addStretch(1)
        area = QScrollArea(self)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(content)
        area.setAccessibleName(f"Help: {topic.title}")
        layout = QVBoxLayout(self)
        layout.addWidget(area)
        box = _close_box(self)
        page = QPushButton("Keyboard and commands", self)
        page.setToolTip("Show all commands with their keys")
        page.setAutoDefault(False)
        page.clicked.connect(self._on_page)
        box.addButton(page, QDialogButtonBox.ButtonRole.ActionRole)
        layout.addWidget(box)
        wanted = inner.heightForWidth(_TOPIC_WIDTH - 40)
        self.resize(_TOPIC_WIDTH, min(wanted + box.sizeHint().height() + 50, _LONGEST_TOPIC))

    def _on_page(self) -> None:
        self.accept()
        self.page_asked.emit()


class HelpPage(QDialog):
    """All commands by group, then the views; a line to search in it.

    Parameters
    ----------
    groups
        Commands and keys by the title of their group.
    views
        Title and description of each view.
    theme
        Colours.
    parent
        Qt parent.
    """

    def __init__(
        self,
        groups: Mapping[str, Sequence[Row]],
        views: Sequence[tuple[str, str]],
        theme: Theme,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keyboard and commands")
        self.resize(_PAGE_SIZE)
        self._groups, self._views, self._theme = groups, views, theme
        self.search = QLineEdit(self)
        self.search.setPlaceholderText("Search, for example: save")
        self.search.setClearButtonEnabled(True)
        self.search.setAccessibleName("Search in the help")
        self.search.setToolTip("Show only lines with these words")
        self.search.textChanged.connect(self._fill)
        self.browser = QTextBrowser(self)
        self.browser.setAccessibleName("Help")
        self.browser.setFrameShape(QFrame.Shape.NoFrame)
        layout = QVBoxLayout(self)
        layout.addWidget(self.search)
        layout.addWidget(self.browser, 1)
        layout.addWidget(_close_box(self))
        self._fill("")

    def _fill(self, words: str) -> None:
        parts = [_table(title, _rows_with(words, rows), self._theme) for title, rows in self._groups.items()]
        about = [
            f"<p><b>{html.escape(title)}</b><br>{html.escape(text)}</p>"
            for title, text in self._views
            if _has(words, title, text)
        ]
        if about:
            parts.append("<h3>What the views show</h3>" + "".join(about))
        found = "".join(parts)
        self.browser.setHtml(found or f"<p>No results for “{html.escape(words)}”.</p>")


def _table(title: str, rows: Sequence[Row], theme: Theme) -> str:
    if not rows:
        return ""
    lines = "".join(
        f'<tr><td width="30%"><b>{html.escape(row.name)}</b></td>'
        f'<td width="20%" style="color: {theme.muted}">{html.escape(row.keys)}</td>'
        f'<td width="50%">{html.escape(row.does)}</td></tr>'
        for row in rows
    )
    return f'<h3>{html.escape(title)}</h3><table width="100%" cellpadding="4">{lines}</table>'


def _rows_with(words: str, rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if _has(words, row.name, row.keys, row.does)]


def _has(words: str, *texts: str) -> bool:
    text = " ".join(texts).casefold()
    return all(word in text for word in words.casefold().split())


def _facts(topic: HelpTopic, parent: QWidget) -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(16)
    grid.setVerticalSpacing(6)
    grid.setColumnStretch(1, 1)
    for row, (label, text) in enumerate(topic.facts):
        name = _label(label, parent, "muted")
        name.setMinimumWidth(130)
        name.setMaximumWidth(190)
        grid.addWidget(name, row, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(_label(text, parent), row, 1)
    return grid


def _label(text: str, parent: QWidget, role: str = "") -> Label:
    label = Label(text, parent)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    if role:
        label.setProperty("role", role)
    return label


def _close_box(dialog: QDialog) -> QDialogButtonBox:
    box = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, dialog)
    box.button(QDialogButtonBox.StandardButton.Close).setDefault(True)
    box.rejected.connect(dialog.reject)
    return box
