"""The order in which Tab goes through a window."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtWidgets import QScrollArea, QWidget

__all__ = ["takes_tab", "turn"]


def takes_tab(widget: QWidget) -> bool:
    """Whether Tab stops at a widget now."""
    tab = Qt.FocusPolicy.TabFocus.value
    # What has a proxy only stands around the widget that takes its keys.
    takes = bool(widget.focusPolicy().value & tab) and widget.focusProxy() is None
    return takes and widget.isEnabled() and widget.isVisible()


def turn(window: QWidget, parts: Sequence[QWidget], *, forward: bool) -> bool:
    """Move the focus to where Tab leads: through the parts in their order, in each as it is read.

    Qt's own order is that in which all widgets were made, so that a form which is made again comes last.

    Parameters
    ----------
    window
        The focus moves within it.
    parts
        They may be in each other: a widget counts for the first part that contains it. Tab stops nowhere
        else.
    forward
        False: the other way around.

    Returns
    -------
    moved
        False if Tab stops nowhere.
    """
    stops: list[QWidget] = []
    for part in parts:
        found = (each for each in (part, *part.findChildren(QWidget)) if each.window() is window)
        stops += _as_read(window, (each for each in found if takes_tab(each) and each not in stops))
    if not stops:
        return False
    focused = window.focusWidget()
    if focused in stops:
        target = stops[(stops.index(focused) + (1 if forward else -1)) % len(stops)]
    else:
        target = stops[0 if forward else -1]
    target.setFocus(Qt.FocusReason.TabFocusReason if forward else Qt.FocusReason.BacktabFocusReason)
    _bring_into_sight(target)
    return True


def _bring_into_sight(widget: QWidget) -> None:
    parent = widget.parentWidget()
    while parent is not None:
        if isinstance(parent, QScrollArea):
            parent.ensureWidgetVisible(widget)
        parent = parent.parentWidget()


def _as_read(window: QWidget, widgets: Iterable[QWidget]) -> list[QWidget]:
    """Return widgets row by row; what begins above the middle of a row's first widget is in its row."""

    def place(widget: QWidget) -> QRect:
        return QRect(widget.mapTo(window, QPoint(0, 0)), widget.size())

    rows: list[list[tuple[int, QWidget]]] = []
    middle = 0
    for rect, widget in sorted(((place(each), each) for each in widgets), key=lambda pair: pair[0].top()):
        if not rows or rect.top() >= middle:
            rows.append([])
            middle = rect.center().y()
        rows[-1].append((rect.left(), widget))
    return [widget for row in rows for _, widget in sorted(row, key=lambda pair: pair[0])]
