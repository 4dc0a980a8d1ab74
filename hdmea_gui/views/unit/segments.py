"""A row of buttons of which one is pressed: which of a few pages is shown."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QWidget

__all__ = ["Segments"]


class Segments(QWidget):
    """Buttons side by side; arrow keys choose as well.

    Parameters
    ----------
    pages
        Title and tooltip of each page.
    parent
        Qt parent.

    Signals
    -------
    chosen(int)
        Another page was chosen.
    """

    chosen = Signal(int)

    def __init__(self, pages: Sequence[tuple[str, str]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._group = QButtonGroup(self)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(1, 0, 0, 0)
        layout.setSpacing(0)
        for place, (title, tooltip) in enumerate(pages):
            button = QPushButton(title, self)
            button.setProperty("role", "segment")
            button.setCheckable(True)
            button.setToolTip(tooltip)
            self._group.addButton(button, place)
            layout.addWidget(button)
        self._group.button(0).setChecked(True)
        self._group.idToggled.connect(self._on_toggled)

    @property
    def current(self) -> int:
        """Number of the chosen page."""
        return self._group.checkedId()

    def choose(self, place: int) -> None:
        """Choose a page."""
        self._group.button(place).setChecked(True)

    def _on_toggled(self, place: int, checked: bool) -> None:
        if checked:
            self.chosen.emit(place)
