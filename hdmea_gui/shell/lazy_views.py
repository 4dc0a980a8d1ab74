"""The views of the window: each is made when it is first wanted, the rest while nothing else happens.

A view with its plots takes up to a tenth of a second, which is neither spent before the window comes up nor
on all views in one go.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QTabWidget, QWidget

from hdmea_gui.engine.controller import Activity, Controller
from hdmea_gui.shell.theme import Theme
from hdmea_gui.views.parts.base import Preview
from hdmea_gui.views.registry import views_in_order

__all__ = ["LazyViews"]

P = TypeVar("P", bound=Preview)

_PAUSE_MS = 60


class LazyViews(QObject):
    """Makes views, and puts each in its tab.

    Parameters
    ----------
    controller
        Answers what the views ask.
    theme
        Colours of the views that are still to be made.
    window
        Parent of the views.

    Attributes
    ----------
    specs
        All views in the order of their tabs, made or not.
    theme
        Colours of what is made from now on.

    Signals
    -------
    made(Preview)
        A view was made.
    """

    made = Signal(object)

    def __init__(self, controller: Controller, theme: Theme, window: QWidget) -> None:
        super().__init__(window)
        self.specs = views_in_order()
        self.theme = theme
        self._controller = controller
        self._window = window
        self._tabs: QTabWidget | None = None
        self._views: dict[str, Preview] = {}
        self._left: list[Callable[[], object]] = []
        self._pause = QTimer(self)
        self._pause.setInterval(_PAUSE_MS)
        # Begun again after each view, however long that took.
        self._pause.setSingleShot(True)
        self._pause.timeout.connect(self._make_next)

    def attach(self, tabs: QTabWidget) -> None:
        """Put views into these tabs, one for each of `specs`, which hold nothing so far."""
        self._tabs = tabs
        for name in tuple(self._views):
            self._put(name)
        tabs.currentChanged.connect(lambda index: self[self.specs[index].name])

    @property
    def so_far(self) -> tuple[Preview, ...]:
        """The views that have been made."""
        return tuple(self._views.values())

    @property
    def all(self) -> tuple[Preview, ...]:
        """All views in the order of their tabs; those that were not wanted so far are made now."""
        return tuple(self[spec.name] for spec in self.specs)

    def __getitem__(self, name: str) -> Preview:
        """Return the view of that name, made now if it is wanted for the first time; KeyError without any."""
        if name not in self._views:
            spec = next((spec for spec in self.specs if spec.name == name), None)
            if spec is None:
                raise KeyError(f"There is no view {name!r}; there are {[spec.name for spec in self.specs]}")
            self._views[name] = spec.widget(self._controller, self.theme, self._window)
            if self._tabs is not None:
                self._put(name)
            self.made.emit(self._views[name])
        return self._views[name]

    def get(self, kind: type[P]) -> P:
        """Return the view of a class; made now if it is wanted for the first time."""
        view = self[kind.name]
        assert isinstance(view, kind)
        return view

    def invalidate(self) -> None:
        """Have the views that have been made ask again."""
        for view in self.so_far:
            view.invalidate()

    def use_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        self.theme = theme
        for view in self.so_far:
            view.use_theme(theme)

    def make_the_rest(self) -> None:
        """Make all views that were not wanted yet, one after the other, while the worker is idle."""
        names = [spec.name for spec in self.specs]
        self._left = [partial(self.__getitem__, name) for name in names]
        self._left += [lambda name=name: self[name].complete() for name in names]  # type: ignore[misc]
        self._pause.start()

    def stop(self) -> None:
        """Make no more."""
        self._pause.stop()

    def _make_next(self) -> None:
        if self._left and self._controller.activity is Activity.IDLE:
            self._left.pop(0)()
        if self._left:
            self._pause.start()

    def _put(self, name: str) -> None:
        assert self._tabs is not None
        index = [spec.name for spec in self.specs].index(name)
        empty, is_current = self._tabs.widget(index), self._tabs.currentIndex() == index
        # The new tab comes first, so that no other view is shown for a moment.
        blocked = self._tabs.blockSignals(True)
        self._tabs.insertTab(index, self._views[name], self._tabs.tabText(index))
        if is_current:
            self._tabs.setCurrentIndex(index)
        self._tabs.removeTab(index + 1)
        self._tabs.blockSignals(blocked)
        if empty is not None:
            empty.deleteLater()
