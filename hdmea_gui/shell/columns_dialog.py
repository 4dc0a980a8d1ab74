"""Which columns the unit table shows."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QLineEdit,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from hdmea_gui.engine.snapshot import Column
from hdmea_gui.widgets.label import plain_tip
from hdmea_gui.widgets.tick_boxes import outline_boxes

__all__ = ["ColumnsDialog"]

_FACTS = "The unit"


class ColumnsDialog(QDialog):
    """All columns by feature, with their definitions; `chosen` gives the keys of those to show."""

    chosen = Signal(list)

    def __init__(
        self, columns: Sequence[Column], shown: Sequence[str], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Columns of the unit table")
        self.resize(QSize(640, 480))
        self._columns = columns
        self._items: list[tuple[Column, QTreeWidgetItem, QTreeWidgetItem]] = []
        self.search = QLineEdit(self)
        self.search.setPlaceholderText("Search names and definitions")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._on_search)
        self.tree = QTreeWidget(self)
        self.tree.setHeaderLabels(["Column", "Definition"])
        self.tree.setUniformRowHeights(True)
        self.tree.setAccessibleName("Columns")
        outline_boxes(self.tree)
        self._fill(set(shown))
        self.tree.setColumnWidth(0, 280)
        self._buttons = QDialogButtonBox(self)
        standard = self._buttons.addButton("Standard columns", QDialogButtonBox.ButtonRole.ResetRole)
        standard.clicked.connect(self._check_standard)
        for button in (QDialogButtonBox.StandardButton.Ok, QDialogButtonBox.StandardButton.Cancel):
            self._buttons.addButton(button)
        self._buttons.accepted.connect(self._accept)
        self._buttons.rejected.connect(self.reject)
        self.tree.itemChanged.connect(lambda _item, _column: self._allow())
        layout = QVBoxLayout(self)
        layout.addWidget(self.search)
        layout.addWidget(self.tree, 1)
        layout.addWidget(self._buttons)

    @property
    def checked(self) -> list[str]:
        """Keys of the columns that are ticked."""
        ticked = Qt.CheckState.Checked
        return [column.key for column, item, _ in self._items if item.checkState(0) is ticked]

    def _fill(self, shown: set[str]) -> None:
        groups: dict[str, QTreeWidgetItem] = {}
        for column in self._columns:
            name = column.group or _FACTS
            if name not in groups:
                groups[name] = QTreeWidgetItem(self.tree, [column.feature or name])
                groups[name].setFlags(Qt.ItemFlag.ItemIsEnabled)
            definition = column.help.splitlines()[0] if column.help else ""
            item = QTreeWidgetItem(groups[name], [column.label or column.title, definition])
            item.setFlags(
                Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsSelectable
            )
            _check(item, column.key in shown)
            for section in (0, 1):
                item.setToolTip(section, plain_tip(column.help))
            self._items.append((column, item, groups[name]))
        self.tree.expandAll()

    def _on_search(self, text: str) -> None:
        wanted = text.strip().casefold()
        visible: dict[int, bool] = {}
        for column, item, group in self._items:
            said = f"{group.text(0)} {item.text(0)} {item.text(1)} {column.key}"
            hidden = wanted not in said.casefold()
            item.setHidden(hidden)
            visible[id(group)] = visible.get(id(group), False) or not hidden
            group.setHidden(not visible[id(group)])

    def _check_standard(self) -> None:
        for column, item, _ in self._items:
            _check(item, column.standard)

    def _allow(self) -> None:
        self._buttons.button(QDialogButtonBox.StandardButton.Ok).setEnabled(bool(self.checked))

    def _accept(self) -> None:
        keys = self.checked
        standard = [column.key for column in self._columns if column.standard]
        self.chosen.emit([] if keys == standard else keys)
        self.accept()


def _check(item: QTreeWidgetItem, ticked: bool) -> None:
    item.setCheckState(0, Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked)
