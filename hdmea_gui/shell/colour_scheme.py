"""The colours of the window: chosen by the user or the desktop, and given to one part after the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Protocol

from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from hdmea_gui.shell.actions import ActionSet
from hdmea_gui.shell.lazy_views import LazyViews
from hdmea_gui.shell.theme import Theme, ThemeName, apply_palette, dress, theme_of
from hdmea_gui.store.settings import SettingsStore

__all__ = ["ColourFlow", "Coloured", "SlicedCalls"]


class Coloured(Protocol):
    """What takes more of a theme than its rules."""

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        ...


class ColourFlow(QObject):
    """Draws the window in the colours of a theme, and remembers which.

    Parameters
    ----------
    settings
        What is remembered.
    window
        What is drawn.

    Attributes
    ----------
    theme
        The colours of the window, of which some parts may still be waiting for them.
    """

    def __init__(self, settings: SettingsStore, window: QWidget) -> None:
        super().__init__(window)
        self.theme = theme_of(settings.values.theme)
        self._settings = settings
        self._window = window
        self._slices = SlicedCalls(self)
        self._actions: ActionSet | None = None
        self._views: LazyViews | None = None
        self._dressed: Sequence[QWidget] = ()
        self._coloured: Sequence[Coloured] = ()

    def attach(
        self,
        actions: ActionSet,
        views: LazyViews,
        dressed: Sequence[QWidget],
        coloured: Sequence[Coloured],
    ) -> None:
        """Take the parts of the window, and draw them at once.

        Parameters
        ----------
        actions
            Among them one for each theme.
        views
            The views; those that are hidden take their colours last.
        dressed, coloured
            What else takes the rules of a theme, and what takes its colours.
        """
        self._actions, self._views = actions, views
        self._dressed, self._coloured = dressed, (actions, *coloured)
        self._begin()
        self._finish(self._settings.values.theme, at_once=True)
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._on_system_scheme)

    def use_light(self) -> None:
        """Dark on light."""
        self.use("light")

    def use_dark(self) -> None:
        """Light on dark."""
        self.use("dark")

    def use_system(self) -> None:
        """Follow the desktop."""
        self.use("system")

    def use(self, name: ThemeName, *, at_once: bool = False) -> None:
        """Draw everything in the colours of a theme; `at_once` before this returns, otherwise soon."""
        self._settings.values.theme = name
        theme = theme_of(name)
        if theme != self.theme:
            self.theme = theme
            self._begin()
        self._finish(name, at_once=at_once)

    def close(self) -> None:
        """Follow the desktop no more."""
        QGuiApplication.styleHints().colorSchemeChanged.disconnect(self._on_system_scheme)

    def _begin(self) -> None:
        views, theme = self._views, self.theme
        assert views is not None
        views.theme = theme
        # In slices, as the event loop must not be blocked for all of it; what is seen is painted once.
        self._window.setUpdatesEnabled(False)
        self._slices.begin(
            (
                partial(apply_palette, theme),
                *(partial(dress, part, theme) for part in self._dressed),
                partial(views.use_theme, theme),
                *(partial(part.apply_theme, theme) for part in self._coloured),
                partial(self._window.setUpdatesEnabled, True),
                *(part.catch_up for view in views.so_far for part in view.parts),
            )
        )

    def _finish(self, name: ThemeName, *, at_once: bool) -> None:
        assert self._actions is not None
        if at_once:
            self._slices.finish()
        for other in ("light", "dark", "system"):
            self._actions[f"theme_{other}"].setChecked(other == name)

    def _on_system_scheme(self) -> None:
        if self._settings.values.theme == "system":
            self.use("system")


class SlicedCalls(QObject):
    """Calls one thing after the other, one for each turn of the event loop.

    Several timers that are due are served in one turn; hence there is only one.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._left: deque[Callable[[], object]] = deque()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._next)

    def begin(self, calls: Iterable[Callable[[], object]]) -> None:
        """Call these, in place of what is left of those before."""
        self._left = deque(calls)
        self._timer.start(0)

    def finish(self) -> None:
        """Call at once what is left."""
        while self._left:
            self._left.popleft()()
        self._timer.stop()

    def _next(self) -> None:
        if self._left:
            self._left.popleft()()
        if not self._left:
            self._timer.stop()
