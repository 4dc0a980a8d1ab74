"""What every preview does: ask when it is visible and out of date, and hand out what it shows as a file."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from PySide6.QtCore import QPoint, Signal
from PySide6.QtGui import QAction, QContextMenuEvent, QGuiApplication, QImage, QShowEvent
from PySide6.QtWidgets import QMenu, QWidget

from hdmea_gui.engine.controller import Controller
from hdmea_gui.engine.exports import DrawFigure, LateTable, Table, WriteTable, outcome
from hdmea_gui.engine.jobs import Failure, Query
from hdmea_gui.shell.theme import Theme, dress
from hdmea_gui.text.formats import no_units_text
from hdmea_gui.text.help_topics import HelpTopic
from hdmea_gui.views.parts.export import ask_export_path, picture_of
from hdmea_gui.views.parts.graphics import Graphics
from hdmea_gui.views.parts.panels import Panel, TableOf, panel_at
from hdmea_gui.views.parts.plot import HAND_HELP

__all__ = ["Preview", "ViewSpec"]


_HAND = (
    *HAND_HELP,
    ("Right click", "copy a panel or the view, or save its figure (PDF, SVG, PNG) or data (CSV) as a file"),
    ("Ctrl+Up, Ctrl+Down", "the unit above or below in the table"),
)


_READING = "Reading the results…"
_COPY_DPI = 300
_PANEL_MM = 89.0
_NOTHING: tuple[Any, ...] = (None, "", (), (0.0, 0.0))


class Preview(QWidget):
    """A view that draws the answer to one query.

    Subclasses say what they ask (`query`), draw the answer (`show_answer`) and give what they show as
    columns (`table`). `invalidate` is called when what is shown may have changed; while the view is hidden
    it only remembers that.

    Parameters
    ----------
    controller
        Answers the query.
    theme
        Colours.
    parent
        Qt parent.

    Attributes
    ----------
    name, title
        What programs and files call the view, and what the user reads.
    help_text
        One paragraph for the help page: what is shown, how it is computed, how to use it.

    Signals
    -------
    told(str)
        Something for the status line: what was exported.
    setup_asked()
        The user wants to say what was shown.
    figure_asked(dict)
        A figure of what is shown is wanted, with these options of the exporter `figure`.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    help_text: ClassVar[str] = ""
    of_unit: ClassVar[bool] = False
    """Whether all that it shows is of the current unit, which its tables then name."""

    told = Signal(str)
    setup_asked = Signal()
    figure_asked = Signal(object)

    def __init__(self, controller: Controller, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(self.name)
        self._controller = controller
        self._theme = theme
        self._out_of_date = True
        self._recolour = False
        self._answered = False

    @abstractmethod
    def query(self) -> Query[object] | None:
        """Return what to ask; None if there is nothing to show."""

    @abstractmethod
    def show_answer(self, answer: object) -> None:
        """Draw an answer; None: there is nothing to show."""

    @abstractmethod
    def show_problem(self, reason: str) -> None:
        """Say why nothing can be shown."""

    def complete(self) -> None:
        """Make what is not seen at first, and was not wanted yet."""

    def table(self) -> Table | None:
        """Return what is shown as columns; None while there is nothing to show."""
        return None

    def table_to_write(self) -> Table | LateTable | None:
        """Return what is written as CSV: what is shown, or more than the view contains."""
        return self.table()

    def has_data(self) -> bool:
        """Return whether there is anything to write as CSV."""
        return self.table() is not None

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        self._theme = theme
        dress(self, theme)

    def use_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme: now if the view is visible, otherwise when it is shown."""
        self._recolour = not self.isVisible()
        if self._recolour:
            self._theme = theme
        else:
            self.apply_theme(theme)

    def catch_up(self) -> None:
        """Take the colours that came while the view was hidden, if it has not yet."""
        if self._recolour:
            self._recolour = False
            self.apply_theme(self._theme)

    @property
    def parts(self) -> tuple[Preview, ...]:
        """What takes colours by itself."""
        return (self,)

    @property
    def pages(self) -> tuple[Preview, ...]:
        """What the view shows in turn, each a view of its own; without such pages the view itself."""
        return (self,)

    def show_page(self, page: Preview) -> None:
        """Turn to one of `pages`."""

    def invalidate(self) -> None:
        """Ask again: now if the view is visible, otherwise when it is shown."""
        self._out_of_date = True
        if self.isVisible():
            self._refresh()

    def showEvent(self, event: QShowEvent) -> None:
        """Bring the view up to date."""
        super().showEvent(event)
        self._remember_colours()
        self.catch_up()
        if self._out_of_date:
            self._refresh()

    @property
    def graphics_parts(self) -> tuple[Graphics, ...]:
        """The plots of the view that are seen."""
        return tuple(part for part in self.findChildren(Graphics) if part.isVisible())

    def show_all(self) -> None:
        """Show all of every plot that is seen."""
        for graphics in self.graphics_parts:
            graphics.show_all()

    def export_panels(self) -> tuple[Panel, ...]:
        """Return the parts that can be copied and exported by themselves."""
        return ()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Offer picture and data of what is under the mouse, and of all, as files."""
        place = event.globalPos()
        menu = self.export_menu(panel_at(self.export_panels(), place), place)
        menu.popup(place)
        event.accept()

    def export_menu(self, panel: Panel | None = None, at: QPoint | None = None) -> QMenu:
        """Return a menu that zooms and colours the plot at a place of the screen, and copies or exports.

        What is copied or exported is the panel, and the whole view. The menu is deleted when it is closed.
        """
        menu = QMenu(self)
        menu.aboutToHide.connect(menu.deleteLater)
        if panel is not None:
            menu.addSection(panel.title)
            for graphics in self.graphics_parts if at is not None else ():
                place = graphics.mapFromGlobal(at)
                if graphics.rect().contains(place):
                    graphics.add_to_menu(menu, graphics.mapToScene(place))
                    menu.addSeparator()
            self._offer_figure(menu, "this panel", panel.widget, self.figure_of(panel.figure))
            for name, table in panel.tables:
                file_name = panel.file_name(self._file_name(), name)
                act = partial(self._export_table, table, file_name)
                _offer(menu, f"Export {name or 'data'} of this panel as CSV…", act)
            menu.addSection(self.title)
        self._offer_figure(menu, "the whole view", self, self.figure())
        action = _offer(menu, "Export data of the whole view as CSV…", self.export_data)
        action.setEnabled(self.has_data())
        return menu

    def figure_state(self) -> dict[str, Any]:
        """Return options of the exporter `figure` that say of what, and of which part, the panels are."""
        selection = self._controller.selection
        return {"unit_ids": selection.units[:1], "movie": selection.movie}

    def figure_of(self, panels: Sequence[str]) -> dict[str, Any] | None:
        """Return options of the exporter `figure` for some of its panels; None without any."""
        if not panels:
            return None
        width = {"width_mm": _PANEL_MM} if len(panels) == 1 else {}
        state = {name: value for name, value in self.figure_state().items() if value not in _NOTHING}
        return {"panels": tuple(panels), **width, **state}

    def figure(self) -> dict[str, Any] | None:
        """Return options of the exporter `figure` that draw what is shown; None without a figure."""
        shown = (panel.figure for panel in self.export_panels() if panel.shows_something)
        return self.figure_of(tuple(dict.fromkeys(name for names in shown for name in names)))

    def copy_figure(self) -> None:
        """Put a picture of what is shown into the clipboard: its figure, otherwise the view as it is seen."""
        self._copy(self, self.figure())

    def save_figure(self) -> None:
        """Have a figure of what is shown made and written."""
        options = self.figure()
        if options is None:
            self.told.emit(f"There is no figure of “{self.title}” now. Save its data instead.")
        else:
            self.figure_asked.emit(options)

    def export_data(self) -> None:
        """Ask for a file, and write the data."""
        path = self._ask(("csv",), self._file_name())
        if path is not None:
            self.export_to(path)

    def export_to(self, path: Path) -> None:
        """Write the data; `told` says what came of it."""
        table = self.table_to_write()
        if table is not None:
            self._write_table(table, path)

    def not_yet(self, step: str) -> str:
        """Say which step computes what is missing."""
        if not self._answered and step in self._controller.state.completed:
            return _READING
        titles = [item.spec.title for item in self._controller.steps.items if item.spec.name == step]
        return f"Not computed yet: run “{titles[0] if titles else step}”."

    def help_topic(self, focus: QWidget) -> HelpTopic | None:
        """Return what the view shows; a control with a tooltip says what it is itself."""
        return HelpTopic(self.title, (self.help_text,), _HAND)

    def no_unit(self) -> str:
        """Say what to do so that there is a unit to show."""
        if not self._answered and self._controller.selection.unit is not None:
            return _READING
        if self._controller.state.unit_ids:
            return "Select a unit in the table below."
        return no_units_text(self._controller.state)

    def _ask(self, kinds: Sequence[str], name: str) -> Path | None:
        return ask_export_path(self, self._controller, kinds, name)

    def _offer_figure(self, menu: QMenu, what: str, widget: QWidget, options: dict[str, Any] | None) -> None:
        _offer(menu, f"Copy {what}", partial(self._copy, widget, options))
        if options is not None:
            _offer(menu, f"Save figure of {what}…", partial(self.figure_asked.emit, options))

    def _copy(self, widget: QWidget, options: dict[str, Any] | None) -> None:
        if options is None:
            QGuiApplication.clipboard().setImage(picture_of(widget))
            self.told.emit("The picture was copied.")
        else:
            self._controller.ask(DrawFigure(options, _COPY_DPI), self._on_drawn)

    def _on_drawn(self, answer: bytes | Failure) -> None:
        if isinstance(answer, Failure):
            self.told.emit(f"Not copied: {answer.reason}")
        else:
            QGuiApplication.clipboard().setImage(QImage.fromData(answer))
            self.told.emit("The figure was copied.")

    def _export_table(self, table_of: TableOf, name: str) -> None:
        table = table_of()
        path = None if table is None else self._ask(("csv",), name)
        if table is not None and path is not None:
            self._write_table(table, path)

    def _write_table(self, table: Table | LateTable, path: Path) -> None:
        unit = self._controller.selection.unit if self.of_unit else None
        query = WriteTable(path, table, self._controller.state.dataset_id, unit or "")
        self._write(query, path)

    def _write(self, query: Query[Path], path: Path) -> None:
        self._controller.ask(query, self._on_written, about=path)

    def _on_written(self, answer: Path | Failure) -> None:
        self.told.emit(outcome(answer))

    def _file_name(self) -> str:
        parts = (self._controller.state.dataset_id, self._controller.selection.unit or "", self.name)
        return "_".join(part for part in parts if part)

    def _remember_colours(self) -> None:
        stored = self._controller.colour_choices
        for graphics in self.findChildren(Graphics):
            for bar in graphics.bars:
                bar.remember_in(stored, f"{self.name}: {graphics.accessibleName()}")

    def _refresh(self) -> None:
        self._out_of_date = False
        query = self.query()
        if query is None:
            self._controller.withdraw(self._on_answered)
            self.show_answer(None)
        else:
            self._controller.ask(query, self._on_answered)

    def _on_answered(self, answer: object) -> None:
        self._answered = True
        if isinstance(answer, Failure):
            self.show_problem(answer.reason)
        else:
            self.show_answer(answer)


@dataclass(frozen=True)
class ViewSpec:
    """Declares a view: it gets a tab, a paragraph of the help page and a place in the self-test.

    Attributes
    ----------
    widget
        Its class.
    order
        Tabs with a smaller number come first.
    """

    widget: type[Preview]
    order: int = 1000

    @property
    def name(self) -> str:
        """What programs and files call the view."""
        return self.widget.name

    @property
    def title(self) -> str:
        """What is on its tab."""
        return self.widget.title


def _offer(menu: QMenu, text: str, act: Callable[[], None]) -> QAction:
    action = menu.addAction(text)
    action.triggered.connect(lambda _checked=False: act())
    return action
