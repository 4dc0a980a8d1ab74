"""The file that will be saved: its tree, what changed in it since the last save, its values."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPoint, Qt, QTimer
from PySide6.QtGui import QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QLineEdit,
    QSplitter,
    QStackedLayout,
    QToolButton,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from hdmea_gui.engine.controller import Controller
from hdmea_gui.engine.jobs import Failure, Query
from hdmea_gui.engine.snapshot import StateView
from hdmea_gui.shell.icons import icon
from hdmea_gui.shell.theme import Theme
from hdmea_gui.views.file.model import FileTreeModel
from hdmea_gui.views.file.query import (
    BelowQuery,
    BelowView,
    FileEntry,
    FindQuery,
    FindView,
    TreePath,
    ValuesQuery,
    ValuesView,
    WriteOutline,
)
from hdmea_gui.views.file.values_panel import ValuesPanel
from hdmea_gui.views.parts.base import Preview
from hdmea_gui.widgets.label import Label

__all__ = ["FilePreview", "file_sentence"]

_TYPING_MS = 300
_WIDTHS = (268, 140, 84, 62, 70, 74)
_ICONS = {"group": "folder", "dataset": "dataset", "attribute": "attribute"}


class FilePreview(Preview):
    """Tree on the left, values of the selected entry on the right."""

    name = "file"
    title = "File"
    help_text = (
        "The tree of the file that Save will write, derived from the same plan that is then written: "
        "groups, datasets and attributes with their shapes, types and sizes, and their values. Sizes in the "
        "file are estimates. A dot marks what was added or replaced since the last save. Search for a name; "
        "select an entry to see its values; copy its path, for instance for a script."
    )

    def __init__(self, controller: Controller, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(controller, theme, parent)
        self.tree = QTreeView(self)
        self.model = FileTreeModel(self)
        self.found = FileTreeModel(self)
        self.values = ValuesPanel(self)
        self.search = QLineEdit(self)
        self.sentence = Label(self)
        self.hits = Label(self)
        self._export_button = QToolButton(self)
        self._message = Label(self)
        self._open_paths: set[TreePath] = set()
        self._n_changed = 0
        self._shown: tuple[object, ...] = ()
        self._goal: tuple[TreePath, bool] | None = None
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(_TYPING_MS)
        self._lay_out()
        self._connect()
        self.apply_theme(theme)
        self.show_answer(None)

    # -- what every preview does ---------------------------------------------------------------------

    def query(self) -> Query[object] | None:
        """Ask for the root once there is anything to save."""
        self._show_sentence()
        return BelowQuery(()) if self._controller.state.has_data else None

    def show_answer(self, answer: object) -> None:
        """Show the tree; what was open is opened again."""
        if not isinstance(answer, BelowView):
            self.show_problem("Nothing to save yet: open a recording and run “Load recording”.")
            return
        self._n_changed = answer.n_changed
        self._show_sentence()
        state = self._controller.state
        now = (state.dataset_id, state.revision, state.unsaved, state.saved_path)
        if self.model.rowCount() and now == self._shown:
            return
        self._shown = now
        goal = self._goal or self._chosen_place(self.model)
        self._pages.setCurrentIndex(1)
        self._controller.withdraw(self._on_below)
        self.model.set_root(answer.entries)
        self._goal = goal
        self._open_again(QModelIndex())
        for widget in (self.search, self._export_button):
            widget.setEnabled(True)
        if self.search.text():
            self.show_found()

    def show_problem(self, reason: str) -> None:
        """Say why nothing can be shown."""
        for asker in (self._on_below, self._on_found, self._on_values):
            self._controller.withdraw(asker)
        self.model.clear()
        self.found.clear()
        self.values.show_nothing()
        self._message.setText(reason)
        self._pages.setCurrentIndex(0)
        for widget in (self.search, self._export_button):
            widget.setEnabled(False)

    def has_data(self) -> bool:
        """Return whether there is a tree to export."""
        return self.model.rowCount() > 0

    def export_to(self, path: Path) -> None:
        """Write the whole tree."""
        self._write(WriteOutline(path), path)

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        super().apply_theme(theme)
        icons = {kind: icon(name, theme) for kind, name in _ICONS.items()}
        for model in (self.model, self.found):
            model.set_look(icons, theme.warning)
        self.tree.viewport().update()

    # -- what can be asked for -----------------------------------------------------------------------

    def show_found(self) -> None:
        """Show the entries with the text of the search field in their name; without a text the tree."""
        self._typing.stop()
        text = self.search.text().strip()
        if text:
            self._controller.ask(FindQuery(text), self._on_found)
            return
        self._controller.withdraw(self._on_found)
        self.hits.clear()
        self._use_model(self.model)

    def reveal(self, path: TreePath, *, attribute: bool = False) -> None:
        """Show an entry in the tree, and open all that it is in."""
        self.search.clear()
        self.show_found()
        self._open_paths.update(path[:size] for size in range(1, len(path)))
        self._goal = (path, attribute)
        self._open_again(QModelIndex())

    def copy_path(self) -> None:
        """Put the path of the selected entry into the clipboard."""
        entry = self._chosen()
        if entry is not None:
            QGuiApplication.clipboard().setText("/" + "/".join(entry.path))
            self.told.emit(f"Copied: /{'/'.join(entry.path)}")

    def copy_value(self) -> None:
        """Put the values that are shown of the selected entry into the clipboard."""
        if self.values.copy_button.isEnabled():
            self.values.copy()
            self.told.emit("The values that are shown were copied.")

    # -- parts ---------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        self.sentence.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.sentence.setWordWrap(True)
        self.hits.setProperty("role", "muted")
        self.search.setPlaceholderText("Search names")
        self.search.setToolTip("A part of a name of a group, dataset or attribute")
        self.search.setClearButtonEnabled(True)
        self.search.setMaximumWidth(200)
        self._export_button.setText("Export…")
        self._export_button.setToolTip("Write the whole tree as CSV, or copy a picture of what is shown")
        self._export_button.setAutoRaise(True)
        self._message.setProperty("role", "muted")
        self._message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._message.setWordWrap(True)
        self.tree.setAccessibleName("Content of the file")
        self.tree.setUniformRowHeights(True)
        self.tree.setAlternatingRowColors(True)
        self.tree.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.tree.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.tree.setExpandsOnDoubleClick(True)
        self.tree.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        bar = QHBoxLayout()
        bar.setContentsMargins(8, 4, 8, 0)
        bar.addWidget(self.sentence, 1)
        for widget in (self.hits, self.search, self._export_button):
            bar.addWidget(widget)
        splitter = QSplitter(Qt.Orientation.Horizontal, self)
        splitter.addWidget(self.tree)
        splitter.addWidget(self.values)
        splitter.setStretchFactor(0, 3)
        splitter.setStretchFactor(1, 1)
        splitter.setChildrenCollapsible(False)
        splitter.setSizes([720, 240])
        pages = QWidget(self)
        self._pages = QStackedLayout(pages)
        self._pages.addWidget(self._message)
        self._pages.addWidget(splitter)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(bar)
        layout.addWidget(pages, 1)

    def _connect(self) -> None:
        self._use_model(self.model)
        for section, width in enumerate(_WIDTHS):
            self.tree.setColumnWidth(section, width)
        self.model.wanted.connect(self._ask_below)
        self.tree.expanded.connect(lambda index: self._note_open(index, True))
        self.tree.collapsed.connect(lambda index: self._note_open(index, False))
        self.tree.customContextMenuRequested.connect(self._show_menu)
        self.tree.doubleClicked.connect(self._on_double_click)
        self._typing.timeout.connect(self.show_found)
        self.search.textChanged.connect(lambda _text: self._typing.start())
        self.search.returnPressed.connect(self.show_found)
        self._export_button.clicked.connect(self._show_export_menu)
        self._controller.left.connect(self._on_left)
        shortcut = QShortcut(QKeySequence(QKeySequence.StandardKey.Copy), self.tree)
        shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)
        shortcut.activated.connect(self.copy_path)

    def _on_left(self, _title: str) -> None:
        """Show the tree again: what a branch asked the worker that was left behind gets no answer."""
        self._shown = ()

    def _use_model(self, model: FileTreeModel) -> None:
        if self.tree.model() is model:
            return
        self.tree.setModel(model)
        for left in self.tree.findChildren(QItemSelectionModel):
            # Qt leaves them to us: with each search more of them would continue listening to the models.
            if left is not self.tree.selectionModel():
                left.deleteLater()
        self.tree.setRootIsDecorated(model is self.model)
        self.tree.selectionModel().currentChanged.connect(lambda now, _before: self._on_chosen(now))
        self._open_again(QModelIndex())

    def _show_menu(self, place: QPoint) -> None:
        menu = self.export_menu()
        first = menu.actions()[0]
        if self._chosen() is not None:
            for title, slot in (("Copy path", self.copy_path), ("Copy value", self.copy_value)):
                action = menu.addAction(title)
                action.triggered.connect(slot)
                menu.removeAction(action)
                menu.insertAction(first, action)
            menu.insertSeparator(first)
        menu.popup(self.tree.viewport().mapToGlobal(place))

    def _show_export_menu(self) -> None:
        self.export_menu().popup(self._export_button.mapToGlobal(self._export_button.rect().bottomLeft()))

    # -- what happened -------------------------------------------------------------------------------

    def _on_chosen(self, index: QModelIndex) -> None:
        entry = self._model().entry(index)
        if entry is None or entry.kind == "group":
            self._controller.withdraw(self._on_values)
            self.values.show_nothing()
        else:
            self._goal = None
            self._controller.ask(ValuesQuery(entry.path, entry.kind), self._on_values)

    def _on_double_click(self, index: QModelIndex) -> None:
        entry = self.found.entry(index) if self.tree.model() is self.found else None
        if entry is not None:
            self.reveal(entry.path, attribute=entry.kind == "attribute")

    def _on_below(self, answer: BelowView | Failure | None) -> None:
        if isinstance(answer, Failure):
            self.told.emit(answer.reason)
        elif answer is not None:
            index = self.model.set_below(answer.path, answer.entries)
            if index.isValid():
                self._open_again(index)

    def _on_values(self, answer: ValuesView | Failure | None) -> None:
        if isinstance(answer, Failure):
            self.values.show_nothing(answer.reason)
        elif answer is not None:
            self.values.show_values(answer)

    def _on_found(self, view: FindView | Failure | None) -> None:
        if isinstance(view, Failure):
            self.told.emit(view.reason)
            return
        if view is None:
            return
        self.found.set_root(view.entries, flat=True)
        self._use_model(self.found)
        shown = len(view.entries)
        if not view.total:
            self.hits.setText("nothing found")
        else:
            self.hits.setText(
                f"{view.total:,} found" if shown == view.total else f"first {shown} of {view.total:,}"
            )
        self.values.show_nothing("Double-click an entry to see it in the tree.")

    def _ask_below(self, path: TreePath) -> None:
        self._controller.ask(BelowQuery(path), self._on_below, about=path)

    def _note_open(self, index: QModelIndex, is_open: bool) -> None:
        entry = self._model().entry(index)
        if entry is not None and self._model() is self.model:
            (self._open_paths.add if is_open else self._open_paths.discard)(entry.path)

    def _open_again(self, above: QModelIndex) -> None:
        """Open what was open below an entry, and go to the entry that was asked for."""
        if self.tree.model() is not self.model:
            return
        for row in range(self.model.rowCount(above)):
            index = self.model.index(row, 0, above)
            entry = self.model.entry(index)
            if entry is not None and entry.kind != "attribute" and entry.path in self._open_paths:
                self.tree.expand(index)
                if self.model.rowCount(index):
                    self._open_again(index)
        if self._goal is not None:
            path, attribute = self._goal
            goal = self.model.find(path, attribute=attribute)
            if goal.isValid():
                self._goal = None
                self.tree.setCurrentIndex(goal)
                self.tree.scrollTo(goal)

    def _model(self) -> FileTreeModel:
        return self.found if self.tree.model() is self.found else self.model

    def _chosen(self) -> FileEntry | None:
        return self._model().entry(self.tree.currentIndex())

    def _chosen_place(self, model: FileTreeModel) -> tuple[TreePath, bool] | None:
        entry = model.entry(self.tree.currentIndex()) if self.tree.model() is model else None
        return None if entry is None else (entry.path, entry.kind == "attribute")

    def _show_sentence(self) -> None:
        self.sentence.setText(file_sentence(self._controller.state, self._n_changed))


def file_sentence(state: StateView, n_changed: int) -> str:
    """Return whether the session is saved, and where."""
    if not state.has_data:
        return ""
    if not state.unsaved:
        if state.saved_path is not None:
            return f"Saved: this is the content of {state.saved_path}."
        return f"As in the checkpoint “{state.checkpoint_name}”; not saved as a result yet."
    if state.saved_path is not None:
        places = f" ({n_changed:,} entries marked ●)" if n_changed else ""
        return f"Changed since it was saved{places}. Save brings {state.saved_path} up to date."
    return "In memory only, not saved yet. Save asks for a name and writes this content."
