"""From one part of the window to the next by a key."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QAbstractItemView, QApplication, QTabWidget, QWidget

from hdmea_gui.shell.tab_order import takes_tab

__all__ = ["PaneSwitcher"]


class PaneSwitcher(QObject):
    """Moves the focus around the parts of the window, those that are hidden left out.

    Parameters
    ----------
    parent
        Qt parent.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._panes: tuple[QWidget, ...] = ()

    def attach(self, panes: Sequence[QWidget], tabs: QTabWidget) -> None:
        """Move among these parts, in their order; none contains another one, and `tabs` is one of them."""
        self._panes = tuple(panes)
        self._tabs = tabs

    def next_pane(self) -> None:
        """Put the focus into the next part."""
        self._move(1)

    def previous_pane(self) -> None:
        """Move the focus to the previous part."""
        self._move(-1)

    def next_view(self) -> None:
        """Show the view of the next tab."""
        self._turn(1)

    def previous_view(self) -> None:
        """Show the view of the previous tab."""
        self._turn(-1)

    def _turn(self, step: int) -> None:
        self._tabs.setCurrentIndex((self._tabs.currentIndex() + step) % self._tabs.count())

    def _move(self, step: int) -> None:
        focused = QApplication.focusWidget()
        holders = [pane for pane in self._panes if focused is not None and _holds(pane, focused)]
        at = self._panes.index(holders[0]) if holders else (-1 if step > 0 else 0)
        count = len(self._panes)
        for distance in range(1, count + 1):
            target = _entry(self._panes[(at + step * distance) % count])
            if target is not None:
                target.setFocus(Qt.FocusReason.TabFocusReason)
                return


def _holds(pane: QWidget, widget: QWidget) -> bool:
    return pane is widget or pane.isAncestorOf(widget)


def _entry(pane: QWidget) -> QWidget | None:
    """Return the first widget of a part that takes the focus, None if there is none now."""
    if not pane.isVisible():
        return None
    if isinstance(pane, QTabWidget):
        return pane.tabBar()
    if isinstance(pane, QAbstractItemView):
        return pane
    current = pane.nextInFocusChain()
    while current is not None and current is not pane:
        if pane.isAncestorOf(current) and takes_tab(current):
            return current
        current = current.nextInFocusChain()
    return None
