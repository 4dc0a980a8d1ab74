"""The page of the window for many recordings: fill, run, watch, and open what is done."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QPoint, Qt, QUrl, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QHBoxLayout,
    QMenu,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QStackedLayout,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from hdmea_gui.dialogs import files
from hdmea_gui.engine.batch import BatchEnd
from hdmea_gui.engine.controller import Controller
from hdmea_gui.flows.batch.setup import SetupForm
from hdmea_gui.flows.batch.table import BatchModel, BatchTable
from hdmea_gui.flows.desktop_services import open_outside
from hdmea_gui.models.steps import time_left_text
from hdmea_gui.shell.icons import icon
from hdmea_gui.shell.theme import Theme
from hdmea_gui.store.settings import SettingsStore
from hdmea_gui.text.help_topics import HelpTopic
from hdmea_gui.widgets.elided_label import ElidedLabel
from hdmea_gui.widgets.label import Label, plain_tip

__all__ = ["BatchPage"]

_HELP = (
    "A batch runs a flow on many recordings, each in a process of its own: if one fails or crashes, the "
    "others continue, and the window can be used for other recordings. Drop recordings, folders or a table "
    "here, choose flow and folder, and run. Complete results are kept when the batch is run again.",
    "A table names one recording per row, in the columns cmcr and cmtr; name, playlist, flow and "
    "step.parameter set what is done, and all other columns are stored in the result.",
)
_KEYS = (
    ("Delete", "remove the selected recordings from the list"),
    ("Return, double click", "open the result of a recording"),
    ("Right click", "open result or log of a recording, or copy what happened"),
)


class BatchPage(QWidget):
    """Shows the batch of a controller.

    Parameters
    ----------
    controller
        Runs the batch, and knows flows and parameters.
    settings
        Remembers folders.
    theme
        Colours.
    parent
        Qt parent.

    Signals
    -------
    told(str)
        What happened, for the status line.
    open_asked(list)
        A result is to be opened.
    """

    told = Signal(str)
    open_asked = Signal(list)

    def __init__(
        self,
        controller: Controller,
        settings: SettingsStore,
        theme: Theme,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("batch")
        self._runner = controller.batch
        self._settings = settings
        self._summary: Path | None = None
        self.setup = SetupForm(controller, settings, self)
        self.model = BatchModel(theme, self)
        self.table = BatchTable(self.model, theme, self)
        self.add_button = QToolButton(self)
        self.remove_button = QToolButton(self)
        self.run_button = QPushButton("Run batch", self)
        self.pause_button = QPushButton("Pause", self)
        self.stop_button = QPushButton("Stop batch", self)
        self.retry_button = QPushButton("Retry failed", self)
        self.summary_button = QPushButton("Open summary", self)
        self.details = QPlainTextEdit(self)
        self._bar = QProgressBar(self)
        self._text = ElidedLabel(self, Qt.AlignmentFlag.AlignLeft)
        self._lay_out()
        self._connect()
        self.apply_theme(theme)
        self._show_items()

    # -- what can be asked for -----------------------------------------------------------------------

    def add(self, paths: list[Path]) -> None:
        """Add recordings, folders and tables."""
        if self._runner.is_busy:
            self.told.emit("Not added: wait for the batch, or stop it.")
            return
        self.setup.propose_output(paths)
        self._runner.add(paths, self.setup.output_folder)

    def run(self) -> None:
        """Run the batch."""
        self._start(retry_failed=False)

    def retry(self) -> None:
        """Run what failed before."""
        self._start(retry_failed=True)

    def remove_selected(self) -> None:
        """Remove the selected recordings from the list; their files and results stay."""
        self._runner.remove(self.table.selected_keys)

    def open_result(self, key: str) -> None:
        """Open the result of a recording in the window; without one, say why."""
        outcome = self._runner.outcomes.get(key)
        if outcome is None or not (outcome.good or outcome.state == "other parameters"):
            self.told.emit(f"{key} has no result yet.")
            return
        self.open_asked.emit([Path(outcome.target)])

    def help_topic(self, focus: QWidget) -> HelpTopic | None:
        """Return what the page does; a field with a tooltip says what it is itself."""
        return HelpTopic("Batch", _HELP, _KEYS)

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        self.model.set_theme(theme)
        self.table.apply_theme(theme)
        self.add_button.setIcon(icon("open", theme))

    # -- parts ---------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        heading = Label("Batch", self)
        heading.setProperty("role", "title")
        about = Label("One flow for many recordings, each in a process of its own.", self)
        about.setProperty("role", "muted")
        menu = QMenu(self.add_button)
        menu.addAction("&Files…").triggered.connect(lambda _checked=False: self._ask_files())
        menu.addAction("F&older…").triggered.connect(lambda _checked=False: self._ask_folder())
        menu.addAction("&Table…").triggered.connect(lambda _checked=False: self._ask_table())
        self.add_button.setText("Add")
        self.add_button.setToolTip("Add files, a folder with all below it, or a table (CSV or Excel)")
        self.add_button.setMenu(menu)
        self.add_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.add_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.remove_button.setText("Remove")
        self.remove_button.setToolTip("Remove the selected recordings from the list; files and results stay")
        top = QHBoxLayout()
        top.setSpacing(10)
        top.addWidget(heading)
        top.addWidget(about, 1, Qt.AlignmentFlag.AlignBottom)
        top.addWidget(self.add_button)
        top.addWidget(self.remove_button)
        self.details.setReadOnly(True)
        self.details.setAccessibleName("What happened")
        self.details.setPlaceholderText("Select a recording to see what happened to it.")
        self.details.setFixedHeight(4 * self.fontMetrics().lineSpacing() + 10)
        self._bar.setFixedSize(160, 14)
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 1000)
        bottom = QHBoxLayout()
        bottom.addWidget(self._bar)
        bottom.addWidget(self._text, 1)
        for button, tip in (
            (self.summary_button, "Show the table of all recordings in the browser"),
            (self.retry_button, "Work only on the recordings that failed"),
            (self.pause_button, "Start no further recording for now; those that run are finished"),
            (self.stop_button, "Stop all work at the next safe place; complete results stay"),
            (self.run_button, "Run the flow on all recordings; complete results are kept"),
        ):
            button.setAutoDefault(False)
            button.setToolTip(tip)
            bottom.addWidget(button)
        self.pause_button.setCheckable(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 8)
        layout.setSpacing(8)
        layout.addLayout(top)
        layout.addWidget(self.setup)
        layout.addWidget(self._middle(), 1)
        layout.addWidget(self.details)
        layout.addLayout(bottom)

    def _middle(self) -> QWidget:
        """Return the table, in place of which an empty batch says how to fill it."""
        middle = QWidget(self)
        title = Label("Drop recordings, a folder or a table here", middle)
        title.setProperty("role", "title")
        text = Label(
            "A folder is searched below itself. The other file of a pair is found beside it.\n"
            "A table (CSV, Excel) has one row per recording: cmcr, name, playlist, animal, eye, condition, …",
            middle,
        )
        text.setProperty("role", "muted")
        empty = QWidget(middle)
        column = QVBoxLayout(empty)
        column.addStretch(1)
        for label in (title, text):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            column.addWidget(label)
        column.addStretch(1)
        self._pages = QStackedLayout(middle)
        self._pages.addWidget(empty)
        self._pages.addWidget(self.table)
        return middle

    def _connect(self) -> None:
        runner = self._runner
        runner.items_changed.connect(self._show_items)
        runner.outcome_changed.connect(lambda outcome: self._on_outcome(outcome.key))
        runner.activity_changed.connect(self._refresh)
        runner.ended.connect(self._on_end)
        self.setup.changed.connect(self._refresh)
        self.remove_button.clicked.connect(self.remove_selected)
        self.run_button.clicked.connect(self.run)
        self.retry_button.clicked.connect(self.retry)
        self.pause_button.clicked.connect(runner.pause)
        self.stop_button.clicked.connect(runner.stop)
        self.summary_button.clicked.connect(self._open_summary)
        self.table.remove_asked.connect(self.remove_selected)
        self.table.open_asked.connect(self.open_result)
        self.table.selectionModel().currentRowChanged.connect(lambda _now, _before: self._show_details())
        self.table.selectionModel().selectionChanged.connect(lambda _now, _before: self._refresh())
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.table.customContextMenuRequested.connect(self._show_menu)

    def _show_menu(self, place: QPoint) -> None:
        key = self.table.current_key
        if key:
            self.row_menu(key).popup(self.table.viewport().mapToGlobal(place))

    def row_menu(self, key: str) -> QMenu:
        """Return what can be done with a recording; the menu is deleted when it is closed."""
        outcome = self._runner.outcomes.get(key)
        menu = QMenu(self)
        menu.aboutToHide.connect(menu.deleteLater)
        there = outcome is not None and (outcome.good or outcome.state == "other parameters")
        for text, possible, act in (
            ("Open result", there, lambda: self.open_result(key)),
            ("Show log", bool(outcome and outcome.log), lambda: self._open_outside(outcome.log)),  # type: ignore[union-attr]
            ("Copy what happened", bool(self.details.toPlainText()), self._copy_details),
            ("Remove from list", not self._runner.is_busy, self.remove_selected),
        ):
            action = menu.addAction(text)
            action.setEnabled(possible)
            action.triggered.connect(lambda _checked=False, act=act: act())
        return menu

    def _ask_files(self) -> None:
        self._add_asked(files.ask_open_files(self, self._settings.values.open_folder))

    def _ask_folder(self) -> None:
        path = files.ask_folder(self, self._settings.values.open_folder, "Folder with recordings")
        self._add_asked([] if path is None else [path])

    def _ask_table(self) -> None:
        self._add_asked(files.ask_tables(self, self._settings.values.open_folder, "Table of recordings"))

    def _add_asked(self, paths: list[Path]) -> None:
        if paths:
            self._settings.values.open_folder = str(paths[0].parent)
            self.add(paths)

    def _open_summary(self) -> None:
        if self._summary is not None:
            self._open_outside(str(self._summary))

    def _open_outside(self, path: str) -> None:
        if not open_outside(QUrl.fromLocalFile(path)):
            self.told.emit(f"No program for it was found: {path}")

    def _copy_details(self) -> None:
        QGuiApplication.clipboard().setText(self.details.toPlainText())
        self.told.emit("Copied what happened.")

    # -- what happened -------------------------------------------------------------------------------

    def _start(self, *, retry_failed: bool) -> None:
        self.setup.remember()
        self._summary = None
        self._runner.start(self.setup.setup(), retry_failed=retry_failed)

    def _show_items(self) -> None:
        self.model.set_content(self._runner.items, self._runner.outcomes)
        self._pages.setCurrentIndex(1 if self._runner.items else 0)
        self.details.setVisible(bool(self._runner.items))
        self._show_details()
        self._refresh()

    def _on_outcome(self, key: str) -> None:
        self.model.show_outcome(key)
        if key == self.table.current_key:
            self._show_details()
        self._show_total()

    def _on_end(self, end: BatchEnd) -> None:
        self._summary = end.summary
        stopped = "The batch was stopped: " if end.stopped else "The batch has ended: "
        self.told.emit(f"{stopped}{end.good} of {end.total} results are complete.")
        self._refresh()

    def _show_details(self) -> None:
        """Show what became of the current recording."""
        outcome = self._runner.outcomes.get(self.table.current_key)
        lines: list[str] = []
        if outcome is not None:
            lines = [outcome.message, *outcome.notes]
        text = "\n".join(filter(None, lines))
        if text != self.details.toPlainText():
            self.details.setPlainText(text)

    def _refresh(self) -> None:
        """Enable what is possible, and say how far the batch is."""
        runner = self._runner
        why = "wait for the batch, or stop it" if runner.is_busy else self.setup.refusal()
        if not why and not runner.items:
            why = "add recordings first"
        states = {outcome.state for outcome in runner.outcomes.values()}
        failed = bool(states & {"failed", "crashed"})
        self.run_button.setEnabled(not why)
        self.run_button.setToolTip(
            plain_tip(
                "Run the flow on all recordings; complete results are kept" if not why else f"Not now: {why}"
            )
        )
        self.retry_button.setEnabled(not why and failed)
        self.pause_button.setEnabled(runner.is_running and not runner.is_stopping)
        self.pause_button.setChecked(runner.is_paused)
        self.pause_button.setText("Continue" if runner.is_paused else "Pause")
        self.stop_button.setEnabled(runner.is_running and not runner.is_stopping)
        self.stop_button.setText("Stopping…" if runner.is_stopping else "Stop batch")
        self.summary_button.setEnabled(self._summary is not None and not runner.is_running)
        self.add_button.setEnabled(not runner.is_busy)
        self.remove_button.setEnabled(not runner.is_busy and bool(self.table.selected_keys))
        self.setup.setEnabled(not runner.is_running)
        self._show_total()

    def _show_total(self) -> None:
        runner = self._runner
        outcomes = list(runner.outcomes.values())
        total = len(runner.items)
        good = sum(outcome.good for outcome in outcomes)
        bad = sum(outcome.ended and not outcome.good for outcome in outcomes)
        part = sum(1.0 if outcome.ended else outcome.overall for outcome in outcomes) / max(1, total)
        self._bar.setVisible(runner.is_running)
        self._bar.setValue(round(1000 * part))
        if runner.is_collecting:
            self._text.setText("Looking for recordings…")
            return
        said = [f"{total} recording{'' if total == 1 else 's'}"] if total else []
        if outcomes:
            said = [f"{good} of {total} complete"]
        if runner.is_running:
            said.append(f"{sum(outcome.state == 'running' for outcome in outcomes)} running")
        if bad:
            said.append(f"{bad} not complete")
        left = self.model.total_seconds_left() if runner.is_running else None
        if left is not None:
            said.append(f"about {time_left_text(left)}")
        if runner.is_paused:
            said.append("paused")
        self._text.setText("  ·  ".join(said))
