"""Something went wrong or was left out: what, why, and details to copy."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from hdmea_gui.widgets.label import Label

__all__ = ["MessageDialog"]


class MessageDialog(QDialog):
    """A title, sentences, and details that can be copied.

    Parameters
    ----------
    title
        What happened.
    sentences
        Why, and what to do.
    details
        For a report of the problem; empty for none.
    kept
        What is still there after the failure, empty if nothing needs to be said.
    mend
        Text of a button for what would mend it; empty for none.
    parent
        Qt parent.

    Signals
    -------
    report_asked(str)
        The user wants a report of the problem; with what failed and its details.
    mend_asked()
        The button `mend` was pressed; the dialog is closed.
    """

    report_asked = Signal(str)
    mend_asked = Signal()

    def __init__(
        self,
        title: str,
        sentences: tuple[str, ...],
        *,
        details: str = "",
        kept: str = "",
        mend: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("HD-MEA Studio")
        self.setMinimumWidth(480)
        self.title = title
        self.details = details
        self._failure = "\n".join([title, *sentences, details])
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        heading = Label(title, self)
        heading.setProperty("role", "heading")
        heading.setWordWrap(True)
        layout.addWidget(heading)
        for sentence in sentences:
            line = Label(sentence, self)
            line.setWordWrap(True)
            layout.addWidget(line)
        if kept:
            line = Label(kept, self)
            line.setProperty("role", "muted")
            line.setWordWrap(True)
            layout.addWidget(line)
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        if mend:
            self.mend_button = box.addButton(mend, QDialogButtonBox.ButtonRole.ActionRole)
            self.mend_button.setDefault(True)
            self.mend_button.clicked.connect(lambda _checked=False: self._on_mend())
        if details:
            self._add_details(layout, box)
        layout.addStretch(1)
        box.rejected.connect(self.reject)
        layout.addWidget(box)

    def _on_mend(self) -> None:
        self.accept()
        self.mend_asked.emit()

    def _add_details(self, layout: QVBoxLayout, box: QDialogButtonBox) -> None:
        text = QPlainTextEdit(self.details, self)
        text.setReadOnly(True)
        text.setMinimumHeight(160)
        text.hide()
        toggle = QPushButton("Details", self)
        toggle.setCheckable(True)
        toggle.setAutoDefault(False)
        toggle.toggled.connect(text.setVisible)
        toggle.toggled.connect(lambda _shown: self.adjustSize())
        toggle.setToolTip("Show where in the program the error occurred")
        copy = QPushButton("Copy details", self)
        copy.setAutoDefault(False)
        copy.setToolTip("Copy where in the program the error occurred")
        copy.clicked.connect(lambda _checked=False: QGuiApplication.clipboard().setText(self.details))
        report = QPushButton("Copy error report", self)
        report.setAutoDefault(False)
        report.setToolTip("Copy the details with versions, steps and log, without data of the recording")
        report.clicked.connect(lambda _checked=False: self.report_asked.emit(self._failure))
        box.addButton(report, QDialogButtonBox.ButtonRole.ActionRole)
        box.addButton(toggle, QDialogButtonBox.ButtonRole.ActionRole)
        box.addButton(copy, QDialogButtonBox.ButtonRole.ActionRole)
        layout.addWidget(text)
