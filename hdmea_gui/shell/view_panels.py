"""Views in panels of their own: docked beside the others, or floating on another screen; pinned units."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from PySide6.QtCore import QByteArray, QObject, Qt, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QDockWidget, QInputDialog, QMainWindow, QMenu, QTabWidget, QWidget

from hdmea_gui.engine.controller import Controller
from hdmea_gui.models.selection import SelectionModel
from hdmea_gui.shell.lazy_views import LazyViews
from hdmea_gui.shell.theme import Theme
from hdmea_gui.store.settings import Layout, Settings
from hdmea_gui.views.parts.base import Preview

__all__ = ["LayoutMenu", "ViewPanels"]

_AREA = Qt.DockWidgetArea.RightDockWidgetArea


class ViewPanels(QObject):
    """Moves views from their tabs into panels and back, and keeps views of pinned units.

    Parameters
    ----------
    window
        Has the panels at its edges.
    controller
        Has the selection.

    Signals
    -------
    made(Preview)
        A view of a pinned unit was made.
    """

    made = Signal(object)

    def __init__(self, window: QMainWindow, controller: Controller) -> None:
        super().__init__(window)
        self._window, self._controller = window, controller
        self._views: LazyViews | None = None
        self._tabs: QTabWidget | None = None
        self._panels: dict[str, _Panel] = {}
        self._pinned: list[Preview] = []
        window.setDockOptions(
            QMainWindow.DockOption.AllowNestedDocks
            | QMainWindow.DockOption.AllowTabbedDocks
            | QMainWindow.DockOption.AnimatedDocks
        )
        controller.state_changed.connect(lambda _state: self._on_state())

    def attach(self, views: LazyViews, tabs: QTabWidget) -> None:
        """Take the views, and the tabs that they are in."""
        self._views, self._tabs = views, tabs

    # -- panels --------------------------------------------------------------------------------------

    @property
    def names(self) -> tuple[str, ...]:
        """The views that are in panels."""
        return tuple(self._panels)

    def panel(self, name: str) -> QDockWidget:
        """Return the panel of a view; KeyError if it is not in one."""
        return self._panels[name]

    def show(self, view: Preview) -> None:
        """Bring a view to the front, wherever it is."""
        assert self._tabs is not None
        panel = self._panels.get(view.name)
        if panel is None:
            self._tabs.setCurrentWidget(view)
        else:
            panel.show()
            panel.raise_()

    def move_out(self) -> None:
        """Move the view of the current tab into a panel; the last one stays."""
        assert self._tabs is not None
        view = self._tabs.currentWidget()
        visible = sum(self._tabs.isTabVisible(index) for index in range(self._tabs.count()))
        if isinstance(view, Preview) and visible > 1:
            self.open(view.name)

    def open(self, name: str) -> None:
        """Move a view into a panel."""
        assert self._tabs is not None
        assert self._views is not None
        if name in self._panels:
            return
        view, tabs = self._views[name], self._tabs
        index = tabs.indexOf(view)
        tabs.setTabVisible(index, False)
        tabs.insertTab(index, QWidget(tabs), view.title)
        tabs.removeTab(tabs.indexOf(view))
        tabs.setTabVisible(index, False)
        panel = _Panel(view.title, f"panel_{name}", self._window, lambda: self.close(name))
        panel.setWidget(view)
        self._window.addDockWidget(_AREA, panel)
        view.show()
        panel.show()
        self._panels[name] = panel

    def close(self, name: str) -> None:
        """Bring a view back into its tab."""
        panel = self._panels.pop(name, None)
        if panel is None or self._tabs is None or self._views is None:
            return
        view, tabs = self._views[name], self._tabs
        index = [spec.name for spec in self._views.specs].index(name)
        empty = tabs.widget(index)
        tabs.insertTab(index, view, view.title)
        tabs.removeTab(index + 1)
        if empty is not None:
            empty.deleteLater()
        tabs.setCurrentIndex(index)
        self._window.removeDockWidget(panel)
        panel.deleteLater()

    # -- pinned units --------------------------------------------------------------------------------

    def pin(self) -> None:
        """Show the view of the current tab for the current unit in a panel that keeps this unit."""
        assert self._tabs is not None
        assert self._views is not None
        view, unit = self._tabs.currentWidget(), self._controller.selection.unit
        if not isinstance(view, Preview) or unit is None:
            return
        selection = SelectionModel(self)
        selection.select_units((unit,))
        selection.select_movie(self._controller.selection.movie)
        pinned = type(view)(cast(Controller, _Pinned(self._controller, selection)), self._views.theme)
        selection.setParent(pinned)
        panel = _Panel(
            f"{unit} · {view.title}", f"pinned_{unit}", self._window, lambda: self._unpin(pinned, panel)
        )
        panel.setWidget(pinned)
        self._window.addDockWidget(_AREA, panel)
        panel.show()
        self._pinned.append(pinned)
        if len(pinned.pages) > 1:
            pages = zip(view.pages, pinned.pages, strict=True)
            pinned.show_page(next((mine for other, mine in pages if other.isVisible()), pinned.pages[0]))
        self.made.emit(pinned)

    @property
    def pinned(self) -> tuple[Preview, ...]:
        """The views of pinned units."""
        return tuple(self._pinned)

    def apply_theme(self, theme: Theme) -> None:
        """Draw the views of pinned units in the colours of a theme."""
        for view in self._pinned:
            view.use_theme(theme)

    def _unpin(self, view: Preview, panel: QDockWidget) -> None:
        if view in self._pinned:
            self._pinned.remove(view)
            self._window.removeDockWidget(panel)
            panel.deleteLater()

    def _on_state(self) -> None:
        known = set(self._controller.state.unit_ids)
        for view in tuple(self._pinned):
            panel = view.parentWidget()
            if isinstance(panel, _Panel) and panel.objectName().removeprefix("pinned_") not in known:
                panel.close()
            else:
                view.invalidate()

    # -- layouts -------------------------------------------------------------------------------------

    def layout(self) -> Layout:
        """Return which views are in panels, and where."""
        state = bytes(self._window.saveState().toBase64().data()).decode()
        return Layout(panels=list(self._panels), state=state)

    def arrange(self, layout: Layout) -> None:
        """Put views into panels as a layout says; those of pinned units stay."""
        assert self._views is not None
        known = {spec.name for spec in self._views.specs}
        for name in self.names:
            if name not in layout.panels:
                self.close(name)
        for name in layout.panels:
            if name in known:
                self.open(name)
        if layout.state:
            self._window.restoreState(QByteArray.fromBase64(layout.state.encode(errors="replace")))


class LayoutMenu(QMenu):
    """Layouts by name: choose one, save the present one, forget one.

    Parameters
    ----------
    panels
        What is arranged.
    settings
        Remember the layouts.
    parent
        Qt parent.

    Signals
    -------
    asks(QDialog)
        A dialog that is to be shown.
    """

    asks = Signal(object)

    def __init__(self, panels: ViewPanels, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__("Lay&outs", parent)
        self._panels, self._settings = panels, settings
        self._forget = QMenu("&Forget a layout", self)
        self.aboutToShow.connect(self._fill)
        self._fill()

    def save(self, name: str) -> None:
        """Save the present layout under a name."""
        if name.strip():
            self._settings.layouts[name.strip()] = self._panels.layout()

    def _fill(self) -> None:
        self.clear()
        self.addAction("&All views in tabs").triggered.connect(lambda: self._panels.arrange(Layout()))
        self.addSeparator()
        for name, layout in self._settings.layouts.items():
            entry = self.addAction(name.replace("&", "&&"))
            entry.triggered.connect(lambda _checked=False, layout=layout: self._panels.arrange(layout))
        self.addSeparator()
        self.addAction("&Save this layout…").triggered.connect(self._ask_name)
        self._forget.clear()
        self._forget.setEnabled(bool(self._settings.layouts))
        self.addMenu(self._forget)
        for name in self._settings.layouts:
            entry = self._forget.addAction(name.replace("&", "&&"))
            entry.triggered.connect(lambda _checked=False, name=name: self._settings.layouts.pop(name, None))

    def _ask_name(self) -> None:
        dialog = QInputDialog(self.parentWidget())
        dialog.setWindowTitle("Save this layout")
        dialog.setLabelText("Name of the layout; one of the same name is replaced")
        dialog.textValueSelected.connect(self.save)
        self.asks.emit(dialog)


class _Panel(QDockWidget):
    """Calls `closed` when it is closed, also from its title."""

    def __init__(self, title: str, name: str, window: QMainWindow, closed: Callable[[], None]) -> None:
        super().__init__(title, window)
        self.setObjectName(name)
        self._closed = closed

    def closeEvent(self, event: QCloseEvent) -> None:
        """Give the view back."""
        event.accept()
        self._closed()


class _Pinned:
    """The controller, with a selection of its own."""

    def __init__(self, controller: Controller, selection: SelectionModel) -> None:
        self._controller, self.selection = controller, selection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._controller, name)
