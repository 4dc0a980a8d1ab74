"""The tree of the file that will be saved; what is below an entry is asked for when it is opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QBrush, QColor, QIcon

from hdmea_gui.text.formats import size_text

if TYPE_CHECKING:
    from hdmea_gui.views.file.query import FileEntry, TreePath

from hdmea_gui.widgets.label import plain_tip

__all__ = ["FileTreeModel", "shape_text"]

_Index = QModelIndex | QPersistentModelIndex
_TITLES = ("Name", "Value", "Shape", "Type", "In file", "In memory")
_HELPS = (
    "Name in the file; ● marks what was added or replaced since the last save",
    "Value of an attribute, first values of a dataset; select one to see more",
    "Number of elements along each dimension",
    "Type of the elements, by its numpy name",
    "Size in the file, estimated: HDF5 needs some space beside the data",
    "Bytes that the data use in memory now; 0 for data that have not been read from the file yet",
)
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
_KIND_TEXTS = {"group": "Group", "dataset": "Dataset", "attribute": "Attribute"}


@dataclass(slots=True)
class _Node:
    entry: FileEntry | None
    parent: int
    row: int
    below: list[int] = field(default_factory=list)
    asked: bool = False


class FileTreeModel(QAbstractItemModel):
    """Groups, datasets and attributes; rows come late, from the worker.

    Parameters
    ----------
    parent
        Qt parent.

    Signals
    -------
    wanted(tuple)
        Path whose entries are needed.
    """

    wanted = Signal(tuple)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._nodes: list[_Node] = [_Node(None, -1, 0)]
        self._places: dict[tuple[TreePath, bool], int] = {}
        self._flat = False
        self._icons: dict[str, QIcon] = {}
        self._changed_brush = QBrush()

    # -- content -------------------------------------------------------------------------------------

    def clear(self) -> None:
        """Show nothing."""
        self.set_root(())

    def set_root(self, entries: Sequence[FileEntry], *, flat: bool = False) -> None:
        """Begin again with these entries; `flat`: a list of paths with nothing below."""
        self.beginResetModel()
        self._flat = flat
        self._nodes = [_Node(None, -1, 0, asked=True)]
        self._places = {}
        self._append(0, entries)
        self.endResetModel()

    def set_below(self, path: TreePath, entries: Sequence[FileEntry]) -> QModelIndex:
        """Add what is below an entry.

        Returns
        -------
        QModelIndex
            The entry; invalid if it does not exist, or what is below it is already.
        """
        place = self._places.get((path, False))
        if place is None or self._nodes[place].below:
            return QModelIndex()
        index = self._index_of(place)
        if entries:
            self.beginInsertRows(index, 0, len(entries) - 1)
            self._append(place, entries)
            self.endInsertRows()
        return index

    def find(self, path: TreePath, *, attribute: bool = False) -> QModelIndex:
        """Return an entry by its path; invalid if it does not exist, or not yet."""
        place = self._places.get((path, attribute))
        return QModelIndex() if place is None else self._index_of(place)

    def entry(self, index: _Index) -> FileEntry | None:
        """Return what a row stands for."""
        return self._nodes[index.internalId()].entry if index.isValid() else None

    def set_look(self, icons: Mapping[str, QIcon], changed: str) -> None:
        """Set the icon of each kind, and the colour of what changed."""
        self._icons = dict(icons)
        self._changed_brush = QBrush(QColor(changed))

    # -- Qt's side -----------------------------------------------------------------------------------

    def index(self, row: int, column: int, parent: _Index = QModelIndex()) -> QModelIndex:  # noqa: B008
        """Return a cell."""
        below = self._nodes[self._place(parent)].below
        if 0 <= row < len(below) and 0 <= column < len(_TITLES):
            return self.createIndex(row, column, below[row])
        return QModelIndex()

    def parent(self, index: _Index = QModelIndex()) -> QModelIndex:  # type: ignore[override] # noqa: B008
        """Return the entry that a cell is below."""
        above = self._nodes[index.internalId()].parent if index.isValid() else 0
        return self._index_of(above)

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """Return how many entries exist already."""
        return 0 if parent.isValid() and parent.column() else len(self._nodes[self._place(parent)].below)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """Return the number of columns."""
        return len(_TITLES)

    def hasChildren(self, parent: _Index = QModelIndex()) -> bool:  # noqa: B008
        """Return whether there is anything below, known already or not."""
        entry = self.entry(parent)
        return bool(self._nodes[0].below) if entry is None else self._opens(entry)

    def canFetchMore(self, parent: _Index) -> bool:
        """Return whether what is below was not asked for yet."""
        entry = self.entry(parent)
        return entry is not None and self._opens(entry) and not self._nodes[self._place(parent)].asked

    def fetchMore(self, parent: _Index) -> None:
        """Ask for what is below."""
        if self.canFetchMore(parent):
            node = self._nodes[self._place(parent)]
            node.asked = True
            assert node.entry is not None
            self.wanted.emit(node.entry.path)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return title and help of a column."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return _TITLES[section]
        if role == Qt.ItemDataRole.ToolTipRole:
            return _HELPS[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _RIGHT if section >= 4 else _LEFT
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return text, icon, colour or tooltip of a cell."""
        entry = self.entry(index)
        if entry is None:
            return None
        column = index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(entry, column)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _RIGHT if column >= 4 else _LEFT
        if role == Qt.ItemDataRole.DecorationRole and column == 0:
            return self._icons.get(entry.kind)
        if role == Qt.ItemDataRole.ForegroundRole and column == 0 and entry.changed:
            return self._changed_brush
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tip(entry.value if column == 1 else self._tip(entry))
        return None

    # -- helpers -------------------------------------------------------------------------------------

    def _append(self, place: int, entries: Sequence[FileEntry]) -> None:
        for row, entry in enumerate(entries):
            number = len(self._nodes)
            self._nodes.append(_Node(entry, place, row))
            self._nodes[place].below.append(number)
            self._places[entry.path, entry.kind == "attribute"] = number

    def _place(self, index: _Index) -> int:
        return int(index.internalId()) if index.isValid() else 0

    def _index_of(self, place: int) -> QModelIndex:
        return self.createIndex(self._nodes[place].row, 0, place) if place > 0 else QModelIndex()

    def _opens(self, entry: FileEntry) -> bool:
        return not self._flat and entry.kind != "attribute" and entry.n_below > 0

    def _text(self, entry: FileEntry, column: int) -> str:
        if column == 0:
            name = "/" + "/".join(entry.path) if self._flat else entry.name
            return f"{name} ●" if entry.changed else name
        if column == 1:
            return entry.value
        if column == 2:
            return shape_text(entry)
        if column == 3:
            return entry.dtype
        return size_text(entry.file_nbytes if column == 4 else entry.memory_nbytes)

    def _tip(self, entry: FileEntry) -> str:
        lines = [f"{_KIND_TEXTS[entry.kind]} /{'/'.join(entry.path)}"]
        if entry.changed:
            lines.append("Added or replaced since the last save, or contains such entries")
        return "\n".join(lines)


def shape_text(entry: FileEntry) -> str:
    """Return the shape of a dataset or attribute, or how much is in a group."""
    if entry.kind == "group":
        return f"{entry.n_below:,} inside"
    if entry.shape is None:
        return ""
    return " × ".join(f"{size:,}" for size in entry.shape) or "scalar"
