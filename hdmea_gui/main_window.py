"""The main window: parts, and what each action does."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import platformdirs
from PySide6.QtCore import QByteArray, QSize, Qt
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QGraphicsView,
    QMainWindow,
    QSplitter,
    QTabWidget,
    QToolBar,
)

from hdmea_gui.actions import ActionSet
from hdmea_gui.availability import refusals
from hdmea_gui.controller import Controller
from hdmea_gui.controller.main import Activity
from hdmea_gui.controller.snapshot import OpenResult, StateView
from hdmea_gui.dialogs import files
from hdmea_gui.dialogs.calibration import CalibrationDialog
from hdmea_gui.dialogs.help import AboutDialog, ShortcutsDialog
from hdmea_gui.dialogs.message import MessageDialog
from hdmea_gui.dialogs.unsaved import UnsavedDialog
from hdmea_gui.forecasting import ForecastFlow
from hdmea_gui.icons import application_icon
from hdmea_gui.jobs import Failure, JobProgress
from hdmea_gui.losses import losses
from hdmea_gui.previews.base import Preview
from hdmea_gui.previews.electrical_image import ElectricalImagePreview
from hdmea_gui.previews.receptive_field import ReceptiveFieldPreview
from hdmea_gui.previews.recording import RecordingPreview
from hdmea_gui.previews.stimulus import StimulusPreview
from hdmea_gui.previews.unit import UnitPreview
from hdmea_gui.previews.units import UnitsPreview
from hdmea_gui.recovery import RecoveryFlow
from hdmea_gui.saving import SaveFlow
from hdmea_gui.scripting import ScriptCopier
from hdmea_gui.settings import SettingsStore
from hdmea_gui.theme import ThemeName, apply_theme, theme_of
from hdmea_gui.titles import window_title
from hdmea_gui.widgets.log_panel import LogPanel, LogRelay
from hdmea_gui.widgets.status_line import StatusLine
from hdmea_gui.widgets.step_panel import StepPanel
from hdmea_gui.widgets.unit_table import UnitTable

__all__ = ["MainWindow"]

_SIZE = QSize(1280, 720)


class MainWindow(QMainWindow):
    """The window; closing it joins the worker.

    Parameters
    ----------
    controller
        Meeting point with the engine; the window shuts it down.
    settings
        What is remembered.
    demo_folder
        Where the demo recording is made; default: the user's cache folder.
    demo_size
        Its size, as `hdmea.simulate.write_demo` knows it.

    Attributes
    ----------
    dialog
        The question or message that is open, None without one.
    joined
        Whether the worker ended when the window was closed; None before that.
    """

    def __init__(
        self,
        controller: Controller,
        settings: SettingsStore,
        demo_folder: Path | None = None,
        demo_size: str = "small",
    ) -> None:
        super().__init__()
        self.controller = controller
        self.settings = settings
        self.dialog: QDialog | None = None
        self.joined: bool | None = None
        self._demo_folder = demo_folder
        self._demo_size = demo_size
        self._may_close = False
        self._theme = theme_of(settings.values.theme)
        self.setWindowIcon(application_icon())
        self.setAcceptDrops(True)
        self.actions_ = ActionSet(self)
        self.saving = SaveFlow(controller, settings, self)
        self.scripts = ScriptCopier(controller, self)
        self.recovery = RecoveryFlow(controller, self._open_dialog, self)
        self.panel = StepPanel(controller, self.actions_, self._theme, self)
        self.recording = RecordingPreview(controller, self._theme, self)
        self.unit = UnitPreview(controller, self._theme, self)
        self.field = ReceptiveFieldPreview(controller, self._theme, self)
        self.image = ElectricalImagePreview(controller, self._theme, self)
        self.units = UnitsPreview(controller, self._theme, self)
        self.stimulus = StimulusPreview(controller, self._theme, self)
        self.previews: tuple[Preview, ...] = (
            self.recording,
            self.units,
            self.unit,
            self.field,
            self.image,
            self.stimulus,
        )
        self.table = UnitTable(controller.units, controller.selection, self)
        self.log = LogPanel(self._theme, self)
        self._relay = LogRelay(self)
        self._lay_out()
        self._connect()
        self._restore()
        self.use_theme(settings.values.theme)
        for problem in settings.problems:
            self.log.add(logging.WARNING, problem)
        self._refresh()

    # -- parts ---------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        self.tabs = QTabWidget(self)
        self.tabs.setDocumentMode(True)
        self.tabs.addTab(self.recording, "Recording")
        self.tabs.addTab(self.units, "Units")
        self.tabs.addTab(self.unit, "Unit")
        self.tabs.addTab(self.field, "Receptive field")
        self.tabs.addTab(self.image, "Electrical image")
        self.tabs.addTab(self.stimulus, "Stimulus")
        self.views = QSplitter(Qt.Orientation.Vertical, self)
        for widget, stretch in ((self.tabs, 3), (self.table, 1), (self.log, 0)):
            self.views.addWidget(widget)
            self.views.setStretchFactor(self.views.indexOf(widget), stretch)
        self.views.setCollapsible(0, False)
        self.views.setSizes([430, 160, 120])
        self.splitter = QSplitter(Qt.Orientation.Horizontal, self)
        self.splitter.addWidget(self.panel)
        self.splitter.addWidget(self.views)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setSizes([310, 970])
        self.setCentralWidget(self.splitter)
        menus = self.actions_.fill_menu_bar(self.menuBar())
        self._recent = menus["&File"].addMenu("Open &recent")
        menus["&File"].insertMenu(self.actions_["save"], self._recent)
        self._recent.aboutToShow.connect(self._fill_recent)
        self._add_toolbar()
        self.status = StatusLine(self.actions_["log"], self)
        self.setStatusBar(self.status)
        self.forecasting = ForecastFlow(self.controller, self.panel, self.status.memory, self)
        # A drop is for the window, wherever it lands.
        for view in self.findChildren(QGraphicsView):
            view.setAcceptDrops(False)
            view.viewport().setAcceptDrops(False)

    def _add_toolbar(self) -> None:
        bar = QToolBar("Tools", self)
        bar.setObjectName("toolbar")
        bar.setMovable(False)
        bar.setIconSize(QSize(18, 18))
        bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.actions_.fill_toolbar(bar)
        self.addToolBar(bar)

    def _connect(self) -> None:
        controller = self.controller
        controller.state_changed.connect(self._on_state)
        controller.activity_changed.connect(self._refresh)
        controller.progressed.connect(self._on_progress)
        controller.opened.connect(self._on_opened)
        controller.saved.connect(self._on_saved)
        controller.step_failed.connect(self._on_step_failed)
        controller.failed.connect(self._on_failed)
        controller.stopped.connect(lambda title: self._say(f"Stopped: {title}."))
        controller.warned.connect(lambda text: self.log.add(logging.WARNING, text))
        self.saving.checkpointed.connect(self._refresh)
        self.scripts.told.connect(self._say)
        self.recovery.changed.connect(self._refresh)
        self.recovery.told.connect(lambda text: self.log.add(logging.WARNING, text))
        self.panel.changed.connect(self._refresh)
        self.recording.welcome.open_asked.connect(self.open_files)
        self.recording.welcome.demo_asked.connect(self.open_demo)
        self.recording.card.load_asked.connect(self.load)
        self.recording.card.run_all_asked.connect(self.run_all)
        self._relay.line.connect(self.log.add_line)
        for preview in self.previews:
            preview.told.connect(self._say)
        self.log.warnings_changed.connect(self.status.show_warnings)
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._on_system_scheme)

    # -- opening -------------------------------------------------------------------------------------

    def open_files(self) -> None:
        """Ask for files and open them."""
        paths = files.ask_open_files(self, self.settings.values.open_folder)
        if paths:
            self.open_paths(paths)

    def open_folder(self) -> None:
        """Ask for a folder and open the recording in it."""
        path = files.ask_folder(self, self.settings.values.open_folder)
        if path is not None:
            self.open_paths([path])

    def open_demo(self) -> None:
        """Make the demo recording if it is not there, and open it."""
        cache = Path(platformdirs.user_cache_dir("hdmea-studio", appauthor=False))
        folder = self._demo_folder or cache / "demo"
        self._unless_lost("Open the demo?", lambda: self.controller.open_demo(folder, self._demo_size))

    def open_paths(self, paths: list[Path]) -> None:
        """Open files or folders; asks first if something would be lost."""
        refusal = self.actions_.refusal("open")
        if refusal and self.controller.activity is not Activity.STARTING:
            self._say(f"Not opened: {refusal}.")
            return
        self.settings.values.open_folder = str(paths[0].parent)
        self._unless_lost("Open another recording?", lambda: self.controller.open(paths))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Accept files."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open what was dropped."""
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.open_paths(paths)

    def _on_opened(self, result: OpenResult) -> None:
        if result.state is not None:
            self.saving.forget_checkpoint()
            if result.card is not None:
                self.recording.card.show_card(result.card)
            for path in result.state.sources[:1]:
                self.settings.note_recent(path)
            for note in result.notes:
                self.log.add(logging.INFO, note)
            for warning in result.state.warnings:
                self.log.add(logging.WARNING, warning)
            self._say(f"Opened {result.state.dataset_id}.")
        for preview in self.previews:
            preview.invalidate()
        self._refresh()
        if result.refused:
            self._show_refused(result)

    def _show_refused(self, result: OpenResult) -> None:
        sentences = tuple(f"{refused.path.name}: {refused.reason}" for refused in result.refused)
        for sentence in sentences:
            self.log.add(logging.WARNING, f"Not opened: {sentence}")
        title = "Nothing was opened" if result.state is None else "Some files were not opened"
        self._open_dialog(MessageDialog(title, sentences, parent=self))

    def _fill_recent(self) -> None:
        self._recent.clear()
        for name in self.settings.values.recent:
            action = self._recent.addAction(name)
            action.triggered.connect(lambda _checked=False, path=Path(name): self.open_paths([path]))
        if self._recent.isEmpty():
            self._recent.addAction("No recent files").setEnabled(False)

    # -- running -------------------------------------------------------------------------------------

    def load(self) -> None:
        """Run the step that starts a recording."""
        creating = next((item for item in self.controller.steps.items if item.spec.creates), None)
        if creating is not None:
            self.controller.run_step(creating.spec.name)

    def run_step(self) -> None:
        """Run the chosen step."""
        chosen = self.panel.list.chosen_item
        if chosen is not None:
            self.controller.run_step(chosen.spec.name)

    def run_all(self) -> None:
        """Run all steps of the chosen flow."""
        self.controller.run_all()

    def stop(self) -> None:
        """Stop what is running."""
        self.controller.stop()

    def reset_parameters(self) -> None:
        """Set the parameters of the chosen step to their defaults."""
        chosen = self.panel.list.chosen_item
        if chosen is not None:
            self.controller.parameters(chosen.spec.name).reset_all()

    def edit_calibration(self) -> None:
        """Show where the stimulus lies on the chip, and the pitch of the electrodes."""
        dialog = CalibrationDialog(self.controller, self.settings, self)
        dialog.told.connect(self._say)
        self._open_dialog(dialog)

    def _on_step_failed(self, title: str, reason: str, details: str) -> None:
        self.log.add(logging.ERROR, f"{title} failed: {reason}")
        kept = "What was computed before is kept; the session is as it was before this step."
        self._open_dialog(
            MessageDialog(f"{title} failed", (reason,), details=details, kept=kept, parent=self)
        )

    # -- saving --------------------------------------------------------------------------------------

    def save(self) -> None:
        """Save the result."""
        self.saving.save()

    def save_as(self) -> None:
        """Save the result under a new name."""
        self.saving.save_as()

    def checkpoint(self) -> None:
        """Write a checkpoint."""
        self.saving.checkpoint()

    def toggle_auto_checkpoint(self) -> None:
        """Write a checkpoint after each step, or not."""
        self.settings.values.auto_checkpoint = self.actions_["auto_checkpoint"].isChecked()
        self.recovery.set_enabled(self.settings.values.auto_checkpoint)

    def copy_script(self) -> None:
        """Copy what was done as a Python script."""
        self.scripts.copy()

    def _on_saved(self, path: Path, kind: str) -> None:
        word = "Saved" if kind == "result" else "Checkpoint written"
        self._say(f"{word}: {path}")
        self.settings.note_recent(path)

    # -- views ---------------------------------------------------------------------------------------

    def previous_unit(self) -> None:
        """Choose the unit above."""
        self.table.step(-1)

    def next_unit(self) -> None:
        """Choose the unit below."""
        self.table.step(1)

    def whole_recording(self) -> None:
        """Zoom out."""
        self.tabs.setCurrentWidget(self.recording)
        self.recording.show_all()

    def toggle_log(self) -> None:
        """Show or hide the log."""
        self.log.setVisible(self.actions_["log"].isChecked())

    def use_light(self) -> None:
        """Dark on light."""
        self.use_theme("light")

    def use_dark(self) -> None:
        """Light on dark."""
        self.use_theme("dark")

    def use_system(self) -> None:
        """As the desktop."""
        self.use_theme("system")

    def use_theme(self, name: ThemeName) -> None:
        """Draw everything in the colours of a theme."""
        self.settings.values.theme = name
        self._theme = theme_of(name)
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        apply_theme(app, self._theme)
        self.actions_.apply_theme(self._theme)
        self.panel.apply_theme(self._theme)
        self.log.apply_theme(self._theme)
        for preview in self.previews:
            preview.apply_theme(self._theme)
        for other in ("light", "dark", "system"):
            self.actions_[f"theme_{other}"].setChecked(other == name)

    def show_shortcuts(self) -> None:
        """Show all shortcuts."""
        self._open_dialog(ShortcutsDialog(self.actions_, self))

    def show_about(self) -> None:
        """Show version and licence."""
        self._open_dialog(AboutDialog(self))

    def _on_system_scheme(self) -> None:
        if self.settings.values.theme == "system":
            self.use_theme("system")

    # -- state ---------------------------------------------------------------------------------------

    def _on_state(self, state: StateView) -> None:
        self.status.memory.show_session(state.memory_gb)
        for preview in self.previews:
            preview.invalidate()
        self._refresh()

    def _on_progress(self, progress: JobProgress) -> None:
        self.status.show_progress(self.controller.job_title, progress)

    def _on_failed(self, title: str, failure: Failure) -> None:
        self.log.add(logging.ERROR, f"{title} failed: {failure.reason}")
        dialog = MessageDialog(f"{title} failed", (failure.reason,), details=failure.details, parent=self)
        self._open_dialog(dialog)

    def _refresh(self) -> None:
        controller = self.controller
        activity = controller.activity
        found = refusals(
            controller.state,
            activity,
            self.panel.list.chosen_item,
            self.panel.form.has_problems,
            bool(controller.flow),
        )
        for action_id, refusal in found.items():
            self.actions_.allow(action_id, refusal)
        for action_id in self.actions_:
            if action_id not in found:
                self.actions_.allow(action_id, None)
        self.recording.card.set_enabled(found["run_all"] is None)
        stopping = activity is Activity.STOPPING
        self.actions_["stop"].setText("Stopping…" if stopping else "S&top")
        note, too_large = self.recovery.latest(self.saving.checkpoint_note), self.recovery.too_large
        self.setWindowTitle(window_title(controller.state, note, too_large))
        self.status.show_job("" if activity is Activity.IDLE else controller.job_title)

    def _say(self, text: str) -> None:
        self.status.say(text)
        self.log.add(logging.INFO, text)

    def _open_dialog(self, dialog: QDialog) -> None:
        self.dialog = dialog
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.finished.connect(lambda _result: self._forget_dialog(dialog))
        dialog.open()

    def _forget_dialog(self, dialog: QDialog) -> None:
        if self.dialog is dialog:
            self.dialog = None

    # -- nothing is lost silently --------------------------------------------------------------------

    def _unless_lost(self, question: str, go_on: Callable[[], None]) -> None:
        if not self.controller.state.unsaved:
            go_on()
            return
        dialog = UnsavedDialog(
            question, self._losses(), can_save=True, discard_text="Go on without saving", parent=self
        )
        dialog.save_asked.connect(lambda: self.saving.save(go_on))
        dialog.discard_asked.connect(go_on)
        self._open_dialog(dialog)

    def _losses(self) -> tuple[str, ...]:
        controller = self.controller
        busy = controller.activity in {Activity.RUNNING, Activity.STOPPING}
        running = controller.job_title if busy else None
        return losses(controller.state, controller.steps.items, running, self.saving.checkpoint_note)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask if something would be lost; else end the worker and close."""
        lost = () if self._may_close else self._losses()
        if lost:
            event.ignore()
            if isinstance(self.dialog, UnsavedDialog):
                return
            busy = self.controller.activity in {Activity.RUNNING, Activity.STOPPING}
            dialog = UnsavedDialog(
                "Close HD-MEA Studio?", lost, can_save=not busy, discard_text="Close anyway", parent=self
            )
            dialog.save_asked.connect(lambda: self.saving.save(self.close_without_question))
            dialog.discard_asked.connect(self.close_without_question)
            self._open_dialog(dialog)
            return
        self._remember()
        self._relay.close()
        QGuiApplication.styleHints().colorSchemeChanged.disconnect(self._on_system_scheme)
        self.joined = self.controller.shutdown()
        event.accept()

    def close_without_question(self) -> None:
        """Close although something may be lost."""
        self._may_close = True
        self.close()

    def _remember(self) -> None:
        values = self.settings.values
        values.geometry = bytes(self.saveGeometry().toBase64().data()).decode()
        values.main_splitter = self.splitter.sizes()
        values.view_splitter = self.views.sizes()
        values.log_visible = self.log.isVisible()
        values.flow = self.controller.flow
        self.settings.write()

    def _restore(self) -> None:
        values = self.settings.values
        self.resize(_SIZE)
        if values.geometry:
            self.restoreGeometry(QByteArray.fromBase64(values.geometry.encode()))
        for splitter, sizes in ((self.splitter, values.main_splitter), (self.views, values.view_splitter)):
            if len(sizes) == splitter.count() and all(size >= 0 for size in sizes):
                splitter.setSizes(sizes)
        self.log.setVisible(values.log_visible)
        self.actions_["log"].setChecked(values.log_visible)
        self.actions_["auto_checkpoint"].setChecked(values.auto_checkpoint)
        self.controller.flow = values.flow
