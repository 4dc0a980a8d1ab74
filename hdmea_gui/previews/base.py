"""What every preview does: ask when it is visible and out of date, and hand out what it shows as a file."""

from __future__ import annotations

from abc import abstractmethod
from functools import partial
from pathlib import Path
from typing import ClassVar

from PySide6.QtCore import Signal
from PySide6.QtGui import QContextMenuEvent, QGuiApplication, QShowEvent
from PySide6.QtWidgets import QMenu, QWidget

from hdmea_gui.controller.main import Controller
from hdmea_gui.controller.tables import Table, WriteTable, export_key, is_export
from hdmea_gui.help_topics import HelpTopic
from hdmea_gui.jobs import Failure, Query
from hdmea_gui.previews.export import ask_export_path, picture_of, write_picture
from hdmea_gui.theme import Theme, dress

__all__ = ["Preview"]


_EXPORT = (
    ("Right click", "copy the picture, or save picture (PNG, SVG, PDF) or data (CSV) as a file"),
    ("Ctrl+Up, Ctrl+Down", "the unit above or below in the table"),
)


class Preview(QWidget):
    """A view that draws the answer to one query.

    Subclasses say what they ask (`query`), draw the answer (`show_answer`) and give what they show as
    columns (`table`). `invalidate` is called when what is shown may have changed; while the view is hidden
    it only remembers that.

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

    Attributes
    ----------
    help_text
        One paragraph for the help page: what is shown, how it is computed, how to use it.
    help_title
        What stands above it; empty: the name of the view.

    Signals
    -------
    told(str)
        Something for the status line: what was exported.
    """

    help_text: ClassVar[str] = ""
    help_title: ClassVar[str] = ""

    told = Signal(str)

    def __init__(self, key: str, controller: Controller, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(key)
        self._key = key
        self._controller = controller
        self._theme = theme
        self._out_of_date = True
        self._recolour = False
        self._waits = False
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

    def complete(self) -> None:
        """Make what is not seen at first, and was not wanted yet."""

    def table(self) -> Table | None:
        """Return what is shown as columns; None while there is nothing to show."""
        return None

    def has_data(self) -> bool:
        """Return whether there is anything to write as CSV."""
        return self.table() is not None

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        self._theme = theme
        dress(self, theme)

    def use_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme: now if the view is visible, else when it is shown."""
        self._recolour = not self.isVisible()
        if self._recolour:
            self._theme = theme
        else:
            self.apply_theme(theme)

    def invalidate(self) -> None:
        """Ask anew: now if the view is visible, else when it is shown."""
        self._out_of_date = True
        if self.isVisible():
            self._refresh()

    def showEvent(self, event: QShowEvent) -> None:
        """Bring the view up to date."""
        super().showEvent(event)
        if self._recolour:
            self._recolour = False
            self.apply_theme(self._theme)
        if self._out_of_date:
            self._refresh()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Offer picture and data as files."""
        menu = self.export_menu()
        menu.popup(event.globalPos())
        event.accept()

    def export_menu(self) -> QMenu:
        """Return a menu that copies or exports what is shown; it goes when it is closed."""
        menu = QMenu(self)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.addAction("Copy picture").triggered.connect(self.copy_picture)
        menu.addSeparator()
        for kind in ("png", "svg", "pdf"):
            menu.addAction(f"Export picture as {kind.upper()}…").triggered.connect(
                partial(self._export, kind)
            )
        action = menu.addAction("Export data as CSV…")
        action.triggered.connect(partial(self._export, "csv"))
        action.setEnabled(self.has_data())
        return menu

    def with_csv(self, menu: QMenu, title: str, table: Table | None) -> QMenu:
        """Return a menu with one more entry, which writes a further table of the view as CSV."""
        action = menu.addAction(title)
        action.setEnabled(table is not None)
        action.triggered.connect(lambda: None if table is None else self._export_table(table))
        return menu

    def copy_picture(self) -> None:
        """Put the picture into the clipboard."""
        QGuiApplication.clipboard().setImage(picture_of(self))
        self.told.emit("The picture was copied.")

    def export_to(self, path: Path) -> None:
        """Write the picture, or the data if the suffix is ``.csv``; `told` says what came of it."""
        if path.suffix.lower() == ".csv":
            table = self.table()
            if table is not None:
                self._controller.ask(export_key(self._key, path), WriteTable(path, table))
            return
        try:
            write_picture(self, path)
        except OSError as error:
            self.told.emit(f"Not exported: {error}")
        else:
            self.told.emit(f"Exported: {path}")

    def not_yet(self, step: str) -> str:
        """Say which step computes what is missing."""
        titles = [item.spec.title for item in self._controller.steps.items if item.spec.name == step]
        return f"Not computed yet: run “{titles[0] if titles else step}”."

    def help_topic(self, focus: QWidget) -> HelpTopic | None:
        """Return what the view shows; a control with a tooltip says what it is itself."""
        title = self.help_title or self._key.replace("_", " ").capitalize()
        return HelpTopic(title, (self.help_text,), _EXPORT)

    def no_unit(self) -> str:
        """Say what to do so that there is a unit to show."""
        if self._controller.state.unit_ids:
            return "Choose a unit in the table below."
        return "There are no units yet: open a recording and run “Load recording”."

    def _export(self, kind: str) -> None:
        path = ask_export_path(self, kind, self._file_name())
        if path is not None:
            self.export_to(path)

    def _export_table(self, table: Table) -> None:
        path = ask_export_path(self, "csv", f"{self._file_name()}_units")
        if path is not None:
            self._controller.ask(export_key(self._key, path), WriteTable(path, table))

    def _file_name(self) -> str:
        parts = (self._controller.state.dataset_id, self._controller.selection.unit or "", self._key)
        return "_".join(part for part in parts if part)

    def _refresh(self) -> None:
        self._out_of_date = False
        query = self.query()
        self._waits = query is not None
        if query is None:
            self.show_answer(None)
        else:
            self._controller.ask(self._key, query)

    def _on_answered(self, key: str, answer: object) -> None:
        if is_export(key, self._key):
            self.told.emit(
                f"Not exported: {answer.reason}" if isinstance(answer, Failure) else f"Exported: {answer}"
            )
            return
        # An answer that comes when there is nothing to show any more is not wanted.
        if key != self._key or not self._waits:
            return
        if isinstance(answer, Failure):
            self.show_problem(answer.reason)
        else:
            self.show_answer(answer)
