"""What every preview does: ask when it is visible and out of date, and drop what it no longer needs."""

from __future__ import annotations

from abc import abstractmethod

from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QWidget

from hdmea_gui.controller import Controller
from hdmea_gui.jobs import Failure, Query
from hdmea_gui.theme import Theme

__all__ = ["Preview"]


class Preview(QWidget):
    """A view that draws the answer to one query.

    Subclasses say what they ask (`query`) and draw the answer (`show_answer`). `invalidate` is called
    when what is shown may have changed; while the view is hidden it only remembers that.

    Parameters
    ----------
    key
        Name of the view; a newer query drops an older one of the same name.
    controller
        Answers the query.
    theme
        Colours.
    parent
        Qt parent.
    """

    def __init__(self, key: str, controller: Controller, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(key)
        self._key = key
        self._controller = controller
        self._theme = theme
        self._out_of_date = True
        controller.answered.connect(self._on_answered)

    @abstractmethod
    def query(self) -> Query | None:
        """Return what to ask; None if there is nothing to show."""

    @abstractmethod
    def show_answer(self, answer: object) -> None:
        """Draw an answer; None: there is nothing to show."""

    @abstractmethod
    def show_problem(self, reason: str) -> None:
        """Say why nothing can be shown."""

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        self._theme = theme

    def invalidate(self) -> None:
        """Ask anew: now if the view is visible, else when it is shown."""
        self._out_of_date = True
        if self.isVisible():
            self._refresh()

    def showEvent(self, event: QShowEvent) -> None:
        """Bring the view up to date."""
        super().showEvent(event)
        if self._out_of_date:
            self._refresh()

    def _refresh(self) -> None:
        self._out_of_date = False
        query = self.query()
        if query is None:
            self.show_answer(None)
        else:
            self._controller.ask(self._key, query)

    def _on_answered(self, key: str, answer: object) -> None:
        if key != self._key:
            return
        if isinstance(answer, Failure):
            self.show_problem(answer.reason)
        else:
            self.show_answer(answer)
