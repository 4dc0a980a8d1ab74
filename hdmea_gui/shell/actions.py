"""The table of actions as menus, toolbar and shortcuts of a window."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QToolBar

from hdmea_gui.shell.action_table import ACTIONS, ActionSpec, plain_text
from hdmea_gui.shell.icons import icon
from hdmea_gui.shell.theme import Theme

__all__ = ["ActionSet"]


class ActionSet:
    """The table as Qt actions of a window.

    Parameters
    ----------
    window
        Has, itself or in its parts, a method for each handler of the table.
    specs
        The table.

    Raises
    ------
    AttributeError
        If the window lacks a handler; the message names the nearest method.
    """

    def __init__(self, window: QObject, specs: tuple[ActionSpec, ...] = ACTIONS) -> None:
        self.specs = {spec.id: spec for spec in specs}
        self._actions = {spec.id: _make(window, spec) for spec in specs}
        for name in dict.fromkeys(spec.choice for spec in specs if spec.choice):
            choice = QActionGroup(window)
            for spec in specs:
                if spec.choice == name:
                    choice.addAction(self._actions[spec.id])

    def __getitem__(self, action_id: str) -> QAction:
        if action_id not in self._actions:
            raise KeyError(f"There is no action {action_id!r}{_did_you_mean(action_id, self._actions)}")
        return self._actions[action_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._actions)

    def fill_menu_bar(self, bar: QMenuBar) -> dict[str, QMenu]:
        """Add the menus; return them by title."""
        menus: dict[str, QMenu] = {}
        for spec in self.specs.values():
            if spec.menu not in menus:
                menus[spec.menu] = bar.addMenu(spec.menu)
                menus[spec.menu].setToolTipsVisible(True)
            if spec.new_group:
                menus[spec.menu].addSeparator()
            menus[spec.menu].addAction(self._actions[spec.id])
        return menus

    def fill_toolbar(self, bar: QToolBar) -> None:
        """Add the actions of the toolbar, one group per menu."""
        menu = None
        for spec in self.specs.values():
            if not spec.toolbar:
                continue
            if menu not in (None, spec.menu):
                bar.addSeparator()
            menu = spec.menu
            bar.addAction(self._actions[spec.id])

    def allow(self, action_id: str, refusal: str | None) -> None:
        """Enable an action, or disable it with the reason in its tooltip."""
        action = self[action_id]
        spec = self.specs[action_id]
        action.setEnabled(refusal is None)
        keys = self.keys(action_id)
        sentence = f"{spec.tooltip} ({keys})" if keys else spec.tooltip
        action.setToolTip(sentence if refusal is None else f"{sentence}. Not now: {refusal}")

    def refusal(self, action_id: str) -> str:
        """Return why an action is disabled, empty if it is enabled."""
        action = self[action_id]
        return "" if action.isEnabled() else action.toolTip().partition("Not now: ")[2]

    def keys(self, action_id: str) -> str:
        """Return the shortcut of an action as this computer writes it, empty for none."""
        return self[action_id].shortcut().toString(QKeySequence.SequenceFormat.NativeText)

    def apply_theme(self, theme: Theme) -> None:
        """Draw the icons in the colours of a theme."""
        for spec in self.specs.values():
            if spec.icon:
                self._actions[spec.id].setIcon(icon(spec.icon, theme))


def _make(window: QObject, spec: ActionSpec) -> QAction:
    action = QAction(spec.text, window)
    action.setObjectName(spec.id)
    action.setCheckable(spec.checkable)
    if spec.shortcut:
        action.setShortcut(QKeySequence(spec.shortcut))
    action.setIconText(plain_text(spec.text).rstrip("…"))
    handler = _handler(window, spec.handler)
    action.triggered.connect(lambda _checked=False: handler())
    return action


def _handler(window: QObject, path: str) -> Callable[[], Any]:
    found: Any = window
    for name in path.split("."):
        owner, found = found, getattr(found, name, None)
        if found is None:
            advice = _did_you_mean(name, dir(owner))
            raise AttributeError(f"There is no {name!r} for the action handler {path!r}{advice}")
    return found  # type: ignore[no-any-return]


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {close[0]!r}?" if close else ""
