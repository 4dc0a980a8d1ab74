"""All units as small pictures, in the order of the table and without those that its filter leaves out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import (
    QModelIndex,
    QPersistentModelIndex,
    QPointF,
    QRect,
    QRectF,
    QSignalBlocker,
    QSize,
    Qt,
    QTimer,
)
from PySide6.QtGui import QColor, QImage, QPainter, QPen, QPolygonF, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QListView,
    QSizePolicy,
    QSlider,
    QStackedLayout,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from hdmea_gui.engine.controller import Controller
from hdmea_gui.engine.exports import Columns, LateTable, Table
from hdmea_gui.engine.jobs import Query
from hdmea_gui.models.units import UnitTableModel
from hdmea_gui.shell.theme import Theme
from hdmea_gui.views.gallery.query import KINDS, STEPS, Gallery, GalleryQuery, Tile
from hdmea_gui.views.parts.base import Preview
from hdmea_gui.views.parts.colour_bar import colour_map
from hdmea_gui.views.parts.panels import Panel
from hdmea_gui.views.parts.unit_paint import colours_of_units, legend
from hdmea_gui.widgets.focused_wheel import ComboBox
from hdmea_gui.widgets.label import Label, RichLabel
from hdmea_gui.widgets.unit_selection import UnitSelection

__all__ = ["GalleryPreview"]

_AT_ONCE = 16
_SIZES, _USUAL = (90, 320), 150
_MARGIN, _CAPTION, _SPACING = 6, 18, 4
_COLOURS = 256
_MOST = 12
_FIGURES = {
    "response": ("raster",),
    "average": ("receptive_field",),
    "directions": ("tuning",),
    "waveform": ("waveform",),
    "correlogram": ("autocorrelogram",),
    "footprint": ("electrical_image",),
}
_Index = QModelIndex | QPersistentModelIndex


class GalleryPreview(Preview):
    """A tile for each unit; only those that are seen are made."""

    name = "gallery"
    title = "Gallery"
    help_text = (
        "All units side by side as small pictures: responses to a movie, spike-triggered averages, direction "
        "tuning, waveforms, autocorrelograms or electrical images. They are in the order of the unit table, "
        "without those that its filter leaves out; below each picture are the unit and the number by which "
        "the table is sorted, in the colour of the chosen column. Each picture has its own scale; the number "
        "in its corner is its largest value. Click a picture to select the unit, with Ctrl or Shift several; "
        "double-click it to see everything about it."
    )

    def __init__(self, controller: Controller, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(controller, theme, parent)
        self.kinds = ComboBox(self)
        self.movies = ComboBox(self)
        self.size_slider = QSlider(Qt.Orientation.Horizontal, self)
        self.legend = RichLabel(self)
        self.list = QListView(self)
        self._message = Label(self)
        self._tiles: dict[str, Tile | None] = {}
        self._wanted: dict[str, None] = {}
        self._asked: tuple[str, ...] = ()
        self.pictures: dict[str, QImage] = {}
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._ask_next)
        self._lay_out()
        units = controller.units
        self._link = UnitSelection(self.list, units, controller.selection)
        units.modelReset.connect(self._on_reset)
        units.dataChanged.connect(lambda *_: self.list.viewport().update())
        controller.unit_colours.changed.connect(self._show_legend)
        controller.selection.movie_changed.connect(self._on_movie_elsewhere)
        self.kinds.activated.connect(lambda _row: self._begin())
        self.movies.activated.connect(self._on_movie)
        self.size_slider.valueChanged.connect(self._on_size)
        self.apply_theme(theme)
        self._begin()

    def showEvent(self, event: QShowEvent) -> None:
        """Show which units are selected."""
        super().showEvent(event)
        self._link.show()

    # -- asking --------------------------------------------------------------------------------------

    @property
    def kind(self) -> str:
        """What the tiles show, a name of `KINDS`."""
        return str(self.kinds.currentData())

    def query(self) -> Query[object] | None:
        """Ask for nothing: tiles are asked for when they are painted."""
        return None

    def show_answer(self, answer: object) -> None:
        """Forget the tiles: what they show may have changed."""
        self._begin()

    def show_problem(self, reason: str) -> None:
        """Say why nothing can be shown."""
        self._message.setText(reason)
        self._pages.setCurrentIndex(0)

    def tile(self, unit_id: str) -> Tile | None:
        """Return the tile of a unit; None without data, or until it is made, which this asks for."""
        if unit_id not in self._tiles and unit_id not in self._wanted:
            self._wanted[unit_id] = None
            self._soon.start(0)
        return self._tiles.get(unit_id)

    def is_made(self, unit_id: str) -> bool:
        """Whether it is known what the tile of a unit shows, or that there is nothing."""
        return unit_id in self._tiles

    def _begin(self) -> None:
        self._tiles, self._wanted, self._asked, self.pictures = {}, {}, (), {}
        state = self._controller.state
        self.movies.setEnabled(self.kind == "response")
        if not state.unit_ids:
            self.show_problem(self.no_unit())
            return
        step = STEPS.get(self.kind, "")
        if step and step not in state.completed:
            self._answered = True
            self.show_problem(self.not_yet(step))
            return
        self._pages.setCurrentIndex(1)
        self._show_legend()

    def _ask_next(self) -> None:
        if self._asked or not self._wanted or not self.isVisible():
            return
        # Those that were painted last are seen now; others may have been scrolled away.
        self._asked = tuple(list(self._wanted)[-_AT_ONCE:])
        movie = self._controller.selection.movie or self.movies.currentText()
        self._controller.ask(GalleryQuery(self.kind, self._asked, movie), self._on_tiles)

    def _on_tiles(self, answer: object) -> None:
        asked, self._asked = self._asked, ()
        found = answer if isinstance(answer, Gallery) else Gallery({}, ())
        for unit_id in asked:
            self._wanted.pop(unit_id, None)
            self._tiles[unit_id] = found.tiles.get(unit_id)
        if found.movies and found.movies != tuple(
            self.movies.itemText(n) for n in range(self.movies.count())
        ):
            with QSignalBlocker(self.movies):
                self.movies.clear()
                self.movies.addItems(list(found.movies))
        if found.movie:
            self.movies.setCurrentText(found.movie)
        self.list.viewport().update()
        if self._wanted:
            self._soon.start(0)

    # -- what is handed out --------------------------------------------------------------------------

    def table(self) -> Table | None:
        """Return the tiles that were made, one row per value."""
        known = {name: tile for name, tile in self._tiles.items() if tile is not None}
        return Table(_columns(known)) if known else None

    def table_to_write(self) -> LateTable | None:
        """Return the tiles of all units that the table shows."""
        units = self._controller.units
        ids = tuple(units.unit_id(row) for row in range(units.rowCount()))
        if not ids or self._pages.currentIndex() == 0:
            return None
        return LateTable(GalleryQuery(self.kind, ids, self.movies.currentText()), _columns_of)

    def export_panels(self) -> tuple[Panel, ...]:
        """Return the pictures that are seen."""
        figure = _FIGURES.get(self.kind, ())
        return (Panel(self.title, self.list, (("", self.table_to_write),), figure),)

    def figure_state(self) -> dict[str, Any]:
        """Return the selected units, and the movie of responses."""
        return {"unit_ids": self._controller.selection.units[:_MOST], "movie": self.movies.currentText()}

    # -- parts ---------------------------------------------------------------------------------------

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        super().apply_theme(theme)
        self.pictures = {}
        self._delegate.apply_theme(theme)
        self._show_legend()

    def _lay_out(self) -> None:
        for name, title in KINDS.items():
            self.kinds.addItem(title, name)
        self.kinds.setAccessibleName("Pictures")
        self.kinds.setToolTip("What the pictures show")
        self.movies.setAccessibleName("Movie")
        self.movies.setToolTip("Movie whose trials are shown")
        self.movies.setSizeAdjustPolicy(ComboBox.SizeAdjustPolicy.AdjustToContents)
        self.movies.setMinimumContentsLength(16)
        self.size_slider.setRange(*_SIZES)
        self.size_slider.setValue(_USUAL)
        self.size_slider.setFixedWidth(110)
        self.size_slider.setAccessibleName("Size of the pictures")
        self.size_slider.setToolTip("Size of the pictures")
        # It must not make the window wider.
        self.legend.setWordWrap(True)
        self.legend.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._message.setProperty("role", "muted")
        self._message.setWordWrap(True)
        self._message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        grid = self.list
        grid.setModel(self._controller.units)
        grid.setAccessibleName("Gallery of units")
        grid.setViewMode(QListView.ViewMode.IconMode)
        grid.setMovement(QListView.Movement.Static)
        grid.setResizeMode(QListView.ResizeMode.Adjust)
        grid.setUniformItemSizes(True)
        grid.setSpacing(_SPACING)
        grid.setWordWrap(False)
        grid.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        grid.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        grid.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self._delegate = _TileDelegate(self, self._controller, self._theme)
        grid.setItemDelegate(self._delegate)
        pages = QWidget(self)
        self._pages = QStackedLayout(pages)
        self._pages.addWidget(self._message)
        self._pages.addWidget(grid)
        top = QHBoxLayout()
        top.setContentsMargins(8, 2, 8, 0)
        for widget in (self.kinds, self.movies, self.size_slider):
            top.addWidget(widget)
        top.addSpacing(12)
        top.addWidget(self.legend, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 4)
        layout.addLayout(top)
        layout.addWidget(pages, 1)
        self._on_size(_USUAL)

    def _on_size(self, size: int) -> None:
        self._delegate.size = QSize(size, round(size * 0.75) + _CAPTION)
        self.list.setGridSize(self._delegate.size + QSize(_SPACING, _SPACING))
        self.list.scheduleDelayedItemsLayout()

    def _show_legend(self) -> None:
        self._delegate.painted = colours_of_units(self._controller.unit_colours, self._theme)
        self.legend.setText(legend(self._controller.unit_colours, self._theme))
        self.list.viewport().update()

    def _on_reset(self) -> None:
        self._show_legend()
        if self.isVisible():
            self._link.show()

    def _on_movie(self, _row: int) -> None:
        self._controller.selection.select_movie(self.movies.currentText())

    def _on_movie_elsewhere(self, _movie: str) -> None:
        if self.kind in ("response", "average"):
            self._begin()
            self.list.viewport().update()


class _TileDelegate(QStyledItemDelegate):
    """Draws the picture of a unit, and below it what it is."""

    def __init__(self, view: GalleryPreview, controller: Controller, theme: Theme) -> None:
        super().__init__(view)
        self._gallery, self._controller, self._theme = view, controller, theme
        self.size = QSize(_USUAL, _USUAL)
        self.painted: NDArray[np.uint8] | None = None

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        """Return the size of a tile."""
        return self.size

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Draw one tile."""
        theme, row = self._theme, index.row()
        units = self._controller.units
        unit_id = units.unit_id(row)
        tile = self._gallery.tile(unit_id)
        rect = option.rect
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.setClipRect(rect)
        painter.fillRect(rect, QColor(theme.base))
        painter.setPen(QPen(QColor(theme.accent if selected else theme.border), 3 if selected else 1))
        painter.drawRect(rect.adjusted(1, 1, -2, -2))
        area = rect.adjusted(_MARGIN, _MARGIN, -_MARGIN, -_CAPTION - 2)
        if tile is None:
            words = "–" if self._gallery.is_made(unit_id) else "…"
            painter.setPen(QColor(theme.muted))
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter, words)
        elif tile.image is not None:
            self._draw_image(painter, area, unit_id, tile)
        elif tile.polar:
            self._draw_polar(painter, area, tile)
        else:
            self._draw_curve(painter, area, tile)
        self._draw_caption(painter, rect, row, units, tile)
        painter.restore()

    def _draw_caption(
        self, painter: QPainter, rect: QRect, row: int, units: UnitTableModel, tile: Tile | None
    ) -> None:
        theme, unit_id = self._theme, units.unit_id(row)
        left = rect.left() + _MARGIN
        bottom = QRect(left, rect.bottom() - _CAPTION, rect.width() - 2 * _MARGIN, _CAPTION - 2)
        if self.painted is not None and len(self.painted) == len(units.unit_ids):
            square = QRect(bottom.left(), bottom.center().y() - 4, 9, 9)
            painter.fillRect(square, QColor(*self.painted[int(units.rows[row])].tolist()))
            bottom.setLeft(bottom.left() + 13)
        number = unit_id.removeprefix("unit_").lstrip("0") or "0"
        section, _ = units.sorted_section
        by = units.shown_columns[section - 1] if section else None
        words = (
            number if by is None else f"{number}   {by.title.partition(' (')[0]} {units.value_text(row, by)}"
        )
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setPen(QColor(theme.text))
        painter.drawText(bottom, Qt.AlignmentFlag.AlignLeft | middle, words)
        if tile is not None and tile.note:
            painter.setPen(QColor(theme.muted))
            right = bottom.width() - painter.fontMetrics().horizontalAdvance(words + "  ")
            note = painter.fontMetrics().elidedText(tile.note, Qt.TextElideMode.ElideRight, max(0, right))
            painter.drawText(bottom, Qt.AlignmentFlag.AlignRight | middle, note)

    def _draw_curve(self, painter: QPainter, area: QRect, tile: Tile) -> None:
        theme = self._theme
        low, high = tile.levels
        steps = tile.x.size == tile.y.size + 1
        x = np.repeat(tile.x, 2)[1:-1] if steps else tile.x
        y = np.repeat(tile.y, 2) if steps else tile.y
        across = area.left() + (x - x[0]) / (float(x[-1] - x[0]) or 1.0) * area.width()
        along = area.bottom() - (y - low) / ((high - low) or 1.0) * area.height()
        if low < 0 < high:
            zero = area.bottom() + low / (high - low) * area.height()
            painter.setPen(QColor(theme.border))
            painter.drawLine(QPointF(area.left(), zero), QPointF(area.right(), zero))
        if steps and x[0] < 0 < x[-1]:
            begin = area.left() - x[0] / float(x[-1] - x[0]) * area.width()
            painter.setPen(QPen(QColor(theme.border), 1, Qt.PenStyle.DashLine))
            painter.drawLine(QPointF(begin, area.top()), QPointF(begin, area.bottom()))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(theme.link), 1.3))
        painter.drawPolyline(_polygon(across, along))

    def _draw_polar(self, painter: QPainter, area: QRect, tile: Tile) -> None:
        theme, centre = self._theme, QRectF(area).center()
        radius = min(area.width(), area.height()) / 2
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QColor(theme.border))
        for share in (0.5, 1.0):
            painter.drawEllipse(centre, radius * share, radius * share)
        painter.setPen(QPen(QColor(theme.link), 1.6))
        painter.drawPolyline(_polygon(centre.x() + radius * tile.x, centre.y() - radius * tile.y))
        if math.isfinite(tile.preferred_deg):
            angle = math.radians(tile.preferred_deg)
            painter.setPen(QPen(QColor(theme.bad), 2))
            tip = QPointF(centre.x() + radius * math.cos(angle), centre.y() - radius * math.sin(angle))
            painter.drawLine(centre, tip)

    def _draw_image(self, painter: QPainter, area: QRect, unit_id: str, tile: Tile) -> None:
        assert tile.image is not None
        picture = self._gallery.pictures.get(unit_id)
        if picture is None:
            name = self._theme.diverging if tile.diverging else self._theme.magnitude
            picture = self._gallery.pictures[unit_id] = _as_picture(tile.image, tile.levels, name)
        size = picture.size().scaled(area.size(), Qt.AspectRatioMode.KeepAspectRatio)
        place = QRect(area.topLeft(), size)
        place.moveCenter(area.center())
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        painter.drawImage(place, picture)


def _polygon(x: NDArray[np.floating], y: NDArray[np.floating]) -> QPolygonF:
    return QPolygonF([QPointF(*pair) for pair in zip(x.tolist(), y.tolist(), strict=True)])


def _as_picture(image: NDArray[np.float32], levels: tuple[float, float], name: str) -> QImage:
    low, high = levels
    shares = np.clip((np.nan_to_num(image, nan=low) - low) / ((high - low) or 1.0), 0.0, 1.0)
    colours = colour_map(name).map(np.linspace(0, 1, _COLOURS), mode="byte")[:, :3]
    pixels = np.ascontiguousarray(colours[np.rint(shares * (_COLOURS - 1)).astype(np.intp)])
    rows, columns = image.shape
    # A copy: the picture must not outlive the array that it is made of.
    return QImage(pixels.data, columns, rows, 3 * columns, QImage.Format.Format_RGB888).copy()


def _columns_of(found: Gallery) -> Columns:
    return _columns(dict(found.tiles))


def _columns(tiles: dict[str, Tile]) -> Columns:
    """Return one row per value: of pictures with row and column, else with the horizontal value."""
    ids: list[NDArray[Any]] = []
    first: list[NDArray[Any]] = []
    second: list[NDArray[Any]] = []
    values: list[NDArray[np.float64]] = []
    pictures = any(tile.image is not None for tile in tiles.values())
    for name, tile in tiles.items():
        if tile.image is not None:
            rows, columns = np.indices(tile.image.shape)
            first.append(rows.ravel())
            second.append(columns.ravel())
            values.append(tile.image.ravel().astype(np.float64))
        else:
            first.append(tile.x[: tile.y.size])
            values.append(np.asarray(tile.y, np.float64))
        ids.append(np.full(values[-1].size, name, object))
    if not ids:
        return ()
    named = ("row", "column") if pictures else ("x",)
    places = (first, second) if pictures else (first,)
    columns_made = [(title, np.concatenate(parts)) for title, parts in zip(named, places, strict=True)]
    return (("unit_id", np.concatenate(ids)), *columns_made, ("value", np.concatenate(values)))
