"""Limits of a plot, or of its colours, in numbers."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QGridLayout, QLineEdit, QVBoxLayout, QWidget

from hdmea.utils.validation import parse_number
from hdmea_gui.widgets.label import Label

__all__ = ["LimitsDialog"]

_WIDTH = 110
_Limits = tuple[tuple[float, float], ...]


class LimitsDialog(QDialog):
    """Two numbers for each axis.

    Parameters
    ----------
    what
        What the limits are of.
    rows
        Name of each axis with its unit, and its limits now.
    parent
        Qt parent.

    Attributes
    ----------
    fields
        The lower and upper limit of each row as they are typed.

    Signals
    -------
    chosen(tuple)
        Two numbers for each row.
    all_asked()
        Everything is to be shown.
    """

    chosen = Signal(tuple)
    all_asked = Signal()

    def __init__(
        self, what: str, rows: Mapping[str, tuple[float, float]], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"Limits of {what}")
        self.fields: list[tuple[QLineEdit, QLineEdit]] = []
        grid = QGridLayout()
        for row, (name, (low, high)) in enumerate(rows.items()):
            grid.addWidget(Label(name.replace("\n", " "), self), row, 0)
            first, second = (QLineEdit(_text(value, high - low), self) for value in (low, high))
            for column, (line, end) in enumerate(((first, "from"), (second, "to"))):
                line.setFixedWidth(_WIDTH)
                line.setAlignment(Qt.AlignmentFlag.AlignRight)
                line.setAccessibleName(f"{name}, {end}")
                line.textEdited.connect(self._check)
                grid.addWidget(Label(end, self), row, 1 + 2 * column)
                grid.addWidget(line, row, 2 + 2 * column)
            self.fields.append((first, second))
        self._problem = Label(self)
        self._problem.setProperty("role", "bad")
        self._problem.setWordWrap(True)
        kind = QDialogButtonBox.StandardButton
        self.buttons = QDialogButtonBox(kind.Ok | kind.Cancel, self)
        everything = self.buttons.addButton("Show All", QDialogButtonBox.ButtonRole.ResetRole)
        everything.clicked.connect(self._show_all)
        self.buttons.accepted.connect(self._take)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addLayout(grid)
        layout.addWidget(self._problem)
        layout.addWidget(self.buttons)
        if self.fields:
            self.fields[0][0].selectAll()

    @property
    def problem(self) -> str:
        """What is wrong with what was typed; empty if nothing is."""
        return self._problem.text()

    def _read(self) -> _Limits | str:
        """Return what was typed, or what is wrong with it."""
        found = []
        for pair in self.fields:
            try:
                low, high = (parse_number(line.text()) for line in pair)
            except ValueError as error:
                return f"A limit {error}."
            if not low < high:
                return "The first limit must be smaller than the second."
            found.append((low, high))
        return tuple(found)

    def _check(self) -> None:
        found = self._read()
        self._problem.setText(found if isinstance(found, str) else "")
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setEnabled(not self.problem)

    def _take(self) -> None:
        found = self._read()
        if not isinstance(found, str):
            self.accept()
            self.chosen.emit(found)

    def _show_all(self) -> None:
        self.accept()
        self.all_asked.emit()


def _text(value: float, width: float) -> str:
    """Return a limit with the digits that the stretch needs."""
    return f"{round(value / (width or 1.0), 4) * (width or 1.0):.7g}"
