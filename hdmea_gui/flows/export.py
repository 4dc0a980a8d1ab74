"""What is shown, out of the window: the picture and the data of the view, the table of units."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QTabWidget

from hdmea_gui.shell.unit_table import UnitTable
from hdmea_gui.views.parts.base import Preview

__all__ = ["ExportFlow"]


class ExportFlow(QObject):
    """Hands the commands of the menu "Export" on to the view that is seen, and to the table.

    Signals
    -------
    told(str)
        Why there is nothing to export.
    """

    told = Signal(str)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._tabs: QTabWidget | None = None
        self._table: UnitTable | None = None

    def attach(self, tabs: QTabWidget, table: UnitTable) -> None:
        """Take the views and the table."""
        self._tabs, self._table = tabs, table

    def copy_picture(self) -> None:
        """Put the picture of the view into the clipboard."""
        self._view.copy_picture()

    def export_picture(self) -> None:
        """Ask for a file, and write the picture of the view."""
        self._view.export_picture()

    def export_data(self) -> None:
        """Ask for a file, and write the data of the view."""
        view = self._view
        if view.has_data():
            view.export_data()
        else:
            self.told.emit(f"There are no data to export in “{view.title}” yet.")

    def export_table(self) -> None:
        """Ask for a file, and write the table of units with all columns."""
        assert self._table is not None
        self._table.ask_export(all_columns=True)

    @property
    def _view(self) -> Preview:
        assert self._tabs is not None
        view = self._tabs.currentWidget()
        assert isinstance(view, Preview)
        return view
