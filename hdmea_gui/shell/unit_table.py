"""The unit table: sort, filter, choose columns, choose the units that all views follow."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from PySide6.QtCore import (
    QPoint,
    QSignalBlocker,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QKeySequence, QPixmap, QResizeEvent, QShortcut
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QMenu,
    QStackedLayout,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from hdmea.utils.spreadsheet import tabbed
from hdmea_gui.engine.controller import Controller
from hdmea_gui.engine.exports import Table, WriteTable, outcome
from hdmea_gui.engine.jobs import Failure
from hdmea_gui.shell.columns_dialog import ColumnsDialog
from hdmea_gui.shell.theme import Theme
from hdmea_gui.store.settings import SettingsStore
from hdmea_gui.text.formats import no_units_text
from hdmea_gui.text.help_topics import HelpTopic
from hdmea_gui.views.parts.export import ask_export_path
from hdmea_gui.views.parts.unit_paint import colours_of_units
from hdmea_gui.widgets.elided_label import ElidedLabel
from hdmea_gui.widgets.focused_wheel import ComboBox
from hdmea_gui.widgets.label import Label
from hdmea_gui.widgets.unit_selection import UnitSelection

__all__ = ["UnitTable"]

_TYPING_MS = 200
_NO_COLOURS = "Colour by…"
# The first leaves the whole window room on a screen of 800 pixels.
_FILTER_WIDTHS = (190, 240)
_COLOUR_WIDTH, _SWATCH = 170, 10
_WIDEST_TEXT = 220
_FILTER_HELP = (
    'A part of a unit\'s id or of its cell type, or conditions:\nDSI > 0.3 and rate > 1\n"Cell type" = ON '
    'or "p of DSI" < 0.05\nSigns: < <= > >= = !=   Words: and, or, not, parentheses\nNames: titles of the '
    "columns, in quotes where they have spaces,\nor the names that their tooltips give, such as "
    "moving_bar.dsi_p.\nA missing value does not match any condition."
)


class UnitTable(QWidget):
    """Table of the units; several rows can be chosen, the row touched last is the current unit.

    Parameters
    ----------
    controller
        Has the units and the selection, and writes files.
    settings
        Remembers the selected columns.
    parent
        Qt parent.

    Signals
    -------
    told(str)
        Something for the status line: what was exported.
    asks(QDialog)
        A dialog that is to be shown.
    """

    told = Signal(str)
    asks = Signal(object)

    def __init__(
        self, controller: Controller, settings: SettingsStore, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._controller = controller
        self._settings = settings
        self._model = controller.units
        self._selection = controller.selection
        self._colours = controller.unit_colours
        self.view = _make_view(self)
        self.view.setModel(self._model)
        self._link = UnitSelection(self.view, self._model, self._selection)
        self.filter = QLineEdit(self)
        self.problem = ElidedLabel(self)
        self.colour_by = ComboBox(self)
        self._theme: Theme | None = None
        self._count = Label(self)
        self._empty = Label(no_units_text(controller.state), self)
        self.menu = QMenu(self)
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(_TYPING_MS)
        self._typing.timeout.connect(self.apply_filter)
        self._lay_out()
        self._fill_menu()
        self._connect()
        self._model.show_columns(settings.values.unit_columns)

    # -- what can be asked for -----------------------------------------------------------------------

    def help_topic(self, focus: QWidget) -> HelpTopic | None:
        """Return the definition of the current column."""
        index = self.view.currentIndex()
        if focus is not self.view or not index.isValid():
            return None
        horizontal, shown = Qt.Orientation.Horizontal, index.data()
        title = self._model.headerData(index.column(), horizontal)
        about = self._model.headerData(index.column(), horizontal, Qt.ItemDataRole.ToolTipRole)
        unit = self._model.index(index.row(), 0).data()
        return HelpTopic(str(title), (str(about),), ((f"Of {unit}", str(shown)),))

    def step(self, rows: int) -> None:
        """Choose the unit `rows` below (or above) the current one, in the order shown."""
        current = self._selection.unit
        at = self._model.row_of(current) if current is not None else None
        row = 0 if at is None else at + rows
        if 0 <= row < self._model.rowCount():
            self._selection.select_units((self._model.unit_id(row),))

    def go_to(self, row: int) -> None:
        """Choose the unit in a row of those shown; -1: the last."""
        number = self._model.rowCount()
        if number:
            self._selection.select_units((self._model.unit_id(row % number),))

    def focus_filter(self) -> None:
        """Begin to type another filter."""
        self.filter.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.filter.selectAll()

    def sort_by(self, key: str) -> None:
        """Sort by the column with this key, the best on top; show it if it is not shown."""
        if key not in self._shown_keys():
            self.show_columns([*self._shown_keys(), key])
        section = self._shown_keys().index(key) + 1
        order = self._model.headerData(
            section, Qt.Orientation.Horizontal, Qt.ItemDataRole.InitialSortOrderRole
        )
        self.view.sortByColumn(section, Qt.SortOrder(order))

    def apply_filter(self) -> None:
        """Show the units that the filter lets through; say in place what it does not understand."""
        self._typing.stop()
        self._model.set_filter(self.filter.text())
        self._show_count()

    def show_columns(self, keys: list[str]) -> None:
        """Show the columns with these keys and remember them; none: the standard ones."""
        self._settings.values.unit_columns = keys
        self._model.show_columns(keys)

    def choose_columns(self) -> None:
        """Open the list of all columns."""
        dialog = ColumnsDialog(self._model.columns, self._shown_keys(), self)
        dialog.chosen.connect(self.show_columns)
        self.asks.emit(dialog)

    def selected_text(self) -> str:
        """Return the selected rows with all digits as text with tabs between the cells, titles first."""
        rows = sorted(index.row() for index in self.view.selectionModel().selectedRows())
        columns = self._model.shown_columns
        titles = ["Unit", *(column.title for column in columns)]
        values = [column.exact_values[self._model.rows[rows]].tolist() for column in columns]
        return tabbed(titles, zip(map(self._model.unit_id, rows), *values, strict=True))

    def copy(self) -> None:
        """Put the selected rows into the clipboard."""
        QGuiApplication.clipboard().setText(self.selected_text())
        number = len(self.view.selectionModel().selectedRows())
        self.told.emit(f"{number} {'row was' if number == 1 else 'rows were'} copied.")

    def table(self, *, all_columns: bool) -> Table:
        """Return the rows that are shown, with full precision, in the columns shown or in all columns."""
        rows = self._model.rows
        ids = np.array(self._model.unit_ids, object)[rows]
        columns = self._model.columns if all_columns else self._model.shown_columns
        numbers = ((column.file_name, column.exact_values[rows]) for column in columns)
        return Table((("unit_id", ids), *numbers))

    def export_to(self, path: Path, *, all_columns: bool) -> None:
        """Write the rows that are shown as CSV; `told` says what came of it."""
        query = WriteTable(path, self.table(all_columns=all_columns), self._controller.state.dataset_id)
        self._controller.ask(query, self._on_written, about=path)

    def ask_export(self, *, all_columns: bool) -> None:
        """Ask for a file, and write the rows that are shown."""
        path = ask_export_path(self, self._controller, ("csv",), f"{self._controller.state.dataset_id}_units")
        if path is not None:
            self.export_to(path, all_columns=all_columns)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fill the width."""
        super().resizeEvent(event)
        self._fit_columns()

    # -- parts ---------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        heading = Label("Units", self)
        heading.setProperty("role", "heading")
        self._count.setProperty("role", "muted")
        self.problem.setProperty("role", "bad")
        self.problem.setVisible(False)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setProperty("role", "muted")
        self.filter.setPlaceholderText("Filter: DSI > 0.3 and rate > 1")
        self.filter.setToolTip(_FILTER_HELP)
        self.filter.setAccessibleName("Filter units")
        self.filter.setClearButtonEnabled(True)
        self.filter.setMinimumWidth(_FILTER_WIDTHS[0])
        self.filter.setMaximumWidth(_FILTER_WIDTHS[1])
        button = QToolButton(self)
        button.setObjectName("table_menu")
        button.setText("Table ▾")
        button.setToolTip("Choose columns, copy rows, export the table")
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        button.setMenu(self.menu)
        button.setAutoRaise(True)
        bar = QHBoxLayout()
        bar.setContentsMargins(8, 4, 8, 0)
        for widget, stretch in ((heading, 0), (self._count, 0), (self.problem, 1)):
            bar.addWidget(widget, stretch)
        bar.addStretch(1)
        self.colour_by.setAccessibleName("Colour by")
        self.colour_by.setToolTip(
            "Colour the units in the table, on the maps and beside the raster by a column"
        )
        # Titles of columns may be long.
        self.colour_by.setSizeAdjustPolicy(ComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.colour_by.setMinimumContentsLength(10)
        self.colour_by.setFixedWidth(_COLOUR_WIDTH)
        self.colour_by.setMaxVisibleItems(24)
        self.colour_by.addItem(_NO_COLOURS, "")
        bar.addWidget(self.colour_by)
        bar.addWidget(self.filter, 2)
        bar.addWidget(button)
        pages = QWidget(self)
        self._stack = QStackedLayout(pages)
        self._stack.addWidget(self._empty)
        self._stack.addWidget(self.view)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(bar)
        layout.addWidget(pages, 1)

    def _fill_menu(self) -> None:
        copy = self.menu.addAction("Copy selected rows")
        copy.setShortcut(QKeySequence.StandardKey.Copy)
        copy.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        copy.triggered.connect(self.copy)
        self.menu.addSeparator()
        self.menu.addAction("Choose columns…").triggered.connect(self.choose_columns)
        self.menu.addAction("Show the standard columns").triggered.connect(lambda: self.show_columns([]))
        self.menu.addSeparator()
        for title, everything in (("Export as CSV…", False), ("Export with all columns as CSV…", True)):
            self.menu.addAction(title).triggered.connect(partial(self._export, everything))
        for keys, does in (
            (QKeySequence(QKeySequence.StandardKey.Copy), self.copy),
            ("Home", partial(self.go_to, 0)),
            ("End", partial(self.go_to, -1)),
            ("Ctrl+Home", partial(self.go_to, 0)),
            ("Ctrl+End", partial(self.go_to, -1)),
        ):
            shortcut = QShortcut(QKeySequence(keys), self.view)
            shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)
            shortcut.activated.connect(does)

    def _connect(self) -> None:
        self._model.modelReset.connect(self._on_reset)
        self._model.content_changed.connect(self._fit_columns)
        self._model.content_changed.connect(self._offer_colours)
        self.colour_by.activated.connect(lambda _row: self._colours.choose(self.colour_by.currentData()))
        self._colours.changed.connect(self._show_colours)
        self._controller.state_changed.connect(lambda state: self._empty.setText(no_units_text(state)))
        self.view.customContextMenuRequested.connect(
            lambda place: self.menu.popup(self.view.viewport().mapToGlobal(place))
        )
        header = self.view.horizontalHeader()
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header.customContextMenuRequested.connect(self._show_header_menu)
        # After the view has sorted: the best is on top, and on top is where one looks.
        header.sortIndicatorChanged.connect(lambda *_: self.view.scrollToTop())
        self.filter.textChanged.connect(lambda _text: self._typing.start())
        self.filter.returnPressed.connect(self.apply_filter)

    def _show_header_menu(self, place: QPoint) -> None:
        header = self.view.horizontalHeader()
        menu = QMenu(self)
        menu.aboutToHide.connect(menu.deleteLater)
        section = header.logicalIndexAt(place)
        if section > 0:
            column = self._model.shown_columns[section - 1]
            by = partial(self._colours.choose, column.key)
            menu.addAction(f"Colour by “{column.title}”").triggered.connect(lambda: by())
            keys = [key for key in self._shown_keys() if key != column.key]
            hide = menu.addAction(f"Hide “{column.title}”")
            hide.setEnabled(bool(keys))
            hide.triggered.connect(lambda: self.show_columns(keys))
            menu.addSeparator()
        menu.addAction("Choose columns…").triggered.connect(self.choose_columns)
        menu.addAction("Show the standard columns").triggered.connect(lambda: self.show_columns([]))
        menu.popup(header.viewport().mapToGlobal(place))

    # -- colours -------------------------------------------------------------------------------------

    def apply_theme(self, theme: Theme) -> None:
        """Show the colours of the units in those of a theme."""
        self._theme = theme
        self._show_colours()

    def _offer_colours(self) -> None:
        """Offer the columns, those first that are shown by default."""
        columns = sorted(self._model.columns, key=lambda column: not column.standard)
        offered = [(_NO_COLOURS, ""), *((f"Colour by {column.title}", column.key) for column in columns)]
        if offered != [
            (self.colour_by.itemText(n), self.colour_by.itemData(n)) for n in range(self.colour_by.count())
        ]:
            self.colour_by.clear()
            for text, key in offered:
                self.colour_by.addItem(text, key)
        self._show_colours()

    def _show_colours(self) -> None:
        self.colour_by.setCurrentIndex(max(0, self.colour_by.findData(self._colours.key)))
        painted = None if self._theme is None else colours_of_units(self._colours, self._theme)
        icons: dict[tuple[int, ...], QIcon] = {}
        colours = [] if painted is None else [tuple(rgb) for rgb in painted.tolist()]
        self._model.show_swatches([icons.setdefault(colour, _swatch(colour)) for colour in colours])
        self._fit_columns()

    # -- what happened -------------------------------------------------------------------------------

    def _on_reset(self) -> None:
        known = bool(self._model.unit_ids)
        self._stack.setCurrentIndex(1 if known else 0)
        self.filter.setEnabled(known)
        self.colour_by.setEnabled(known)
        self.menu.setEnabled(known)
        header = self.view.horizontalHeader()
        with QSignalBlocker(header):
            header.setSortIndicator(*self._model.sorted_section)
        self._show_count()
        self._link.show()

    def _fit_columns(self) -> None:
        """Give every column room for its title, and for its texts; share out what is left."""
        header = self.view.horizontalHeader()
        metrics = header.fontMetrics()
        titles = ["Unit 000", *(column.title for column in self._model.shown_columns)]
        widths = [max(52, metrics.horizontalAdvance(title) + 24) for title in titles]
        widths[0] += (_SWATCH + 6) if self._colours.key else 0
        cells = self.view.fontMetrics()
        for section, column in enumerate(self._model.shown_columns, 1):
            if column.is_text:
                texts = {self._model.text(row, section) for row in range(self._model.rowCount())}
                longest = max(map(cells.horizontalAdvance, texts), default=0)
                widths[section] = max(widths[section], min(longest + 16, _WIDEST_TEXT))
        room = self.view.viewport().width()
        spare = max(0, room - sum(widths)) // len(widths)
        for section, width in enumerate(widths):
            header.resizeSection(section, width + spare)

    def _show_count(self) -> None:
        problem = self._model.filter_problem
        self.problem.setText(f"Filter: {problem}." if problem else "")
        self.problem.setVisible(bool(problem))
        total, shown = len(self._model.unit_ids), self._model.rowCount()
        self._count.setText("" if not total else f"{total}" if shown == total else f"{shown} of {total}")

    def _shown_keys(self) -> list[str]:
        return [column.key for column in self._model.shown_columns]

    def _export(self, all_columns: bool, _checked: bool = False) -> None:
        self.ask_export(all_columns=all_columns)

    def _on_written(self, answer: Path | Failure) -> None:
        self.told.emit(outcome(answer))


def _swatch(colour: tuple[int, ...]) -> QIcon:
    """Return a square that keeps its colour in selected rows."""
    picture = QPixmap(_SWATCH, _SWATCH)
    picture.fill(QColor(*colour))
    icon = QIcon()
    for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected):
        icon.addPixmap(picture, mode)
    return icon


def _make_view(parent: QWidget) -> QTableView:
    view = QTableView(parent)
    # Tab leaves the table; the arrows move in it.
    view.setTabKeyNavigation(False)
    view.setObjectName("units")
    view.setAccessibleName("Units")
    view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
    view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
    view.setSortingEnabled(True)
    view.setAlternatingRowColors(True)
    view.setShowGrid(False)
    view.setIconSize(QSize(_SWATCH, _SWATCH))
    view.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    view.verticalHeader().hide()
    view.verticalHeader().setDefaultSectionSize(view.fontMetrics().height() + 6)
    view.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
    view.horizontalHeader().setHighlightSections(False)
    return view
