"""The order in which Tab goes through a window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

__all__ = ["takes_tab", "turn"]


def takes_tab(widget: QWidget) -> bool:
    """Whether Tab stops at a widget now."""
    tab = Qt.FocusPolicy.TabFocus.value
    # What has a proxy only stands around the widget that takes its keys.
    takes = bool(widget.focusPolicy().value & tab) and widget.focusProxy() is None
    return takes and widget.isEnabled() and widget.isVisible()


def turn(window: QWidget, parts: Sequence[QWidget], *, forward: bool) -> bool:
    """Move the focus to where Tab leads: through the parts in their order, in each as its widgets were made.

    Qt's own order is that in which all widgets were made, so that a form which is made anew comes last.

    Parameters
    ----------
    window
        The focus moves within it.
    parts
        They may lie in each other: a widget counts for the first part that contains it. Widgets in none of
        them come last.
    forward
        False: the other way around.

    Returns
    -------
    moved
        False if Tab stops nowhere.
    """

    def place(widget: QWidget) -> int:
        holders = (index for index, part in enumerate(parts) if part is widget or part.isAncestorOf(widget))
        return next(holders, len(parts))

    stops = sorted(filter(takes_tab, _chain(window)), key=place)
    if not stops:
        return False
    focused = window.focusWidget()
    if focused in stops:
        target = stops[(stops.index(focused) + (1 if forward else -1)) % len(stops)]
    else:
        target = stops[0 if forward else -1]
    target.setFocus(Qt.FocusReason.TabFocusReason if forward else Qt.FocusReason.BacktabFocusReason)
    return True


def _chain(window: QWidget) -> Iterator[QWidget]:
    """Return the widgets of a window in the order in which they were made."""
    current = window.nextInFocusChain()
    while current is not None and current is not window:
        yield current
        current = current.nextInFocusChain()
