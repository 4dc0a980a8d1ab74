"""The main window: parts, and what each action does."""

from __future__ import annotations

import logging
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QDialog, QMainWindow, QWidget

from hdmea_gui.diagnostics.logfile import LogFiles
from hdmea_gui.dialogs.host import DialogHost
from hdmea_gui.dialogs.message import MessageDialog
from hdmea_gui.engine.controller import Activity, Controller
from hdmea_gui.engine.jobs import Failure, JobProgress
from hdmea_gui.engine.snapshot import OpenResult, StateView
from hdmea_gui.flows.batch.page import BatchPage
from hdmea_gui.flows.calibration.dialog import CalibrationDialog
from hdmea_gui.flows.close_guard import CloseGuard
from hdmea_gui.flows.copy_script import ScriptCopier
from hdmea_gui.flows.duration_estimates import EstimateFlow
from hdmea_gui.flows.edit_parameters import EditFlow
from hdmea_gui.flows.export import ExportFlow
from hdmea_gui.flows.flow import Flow
from hdmea_gui.flows.help import HelpFlow
from hdmea_gui.flows.memory_forecast import ForecastFlow
from hdmea_gui.flows.open import OpenFlow, dropped_paths
from hdmea_gui.flows.palette_dialog import Command
from hdmea_gui.flows.preferences import PreferencesFlow
from hdmea_gui.flows.recover import RecoveryFlow
from hdmea_gui.flows.rig import RigPage
from hdmea_gui.flows.run import RunFlow
from hdmea_gui.flows.save import SaveFlow
from hdmea_gui.flows.setup.flow import SetupFlow
from hdmea_gui.flows.sheet import SheetFlow
from hdmea_gui.models.steps import StepState
from hdmea_gui.shell.actions import ActionSet, Situation
from hdmea_gui.shell.colour_scheme import ColourFlow
from hdmea_gui.shell.drop_overlay import DropSign
from hdmea_gui.shell.icons import application_icon
from hdmea_gui.shell.lazy_views import LazyViews
from hdmea_gui.shell.log_panel import LogPanel, LogRelay
from hdmea_gui.shell.pane_navigation import PaneSwitcher
from hdmea_gui.shell.recent_menu import RecentMenu
from hdmea_gui.shell.stale_strip import StaleStrip
from hdmea_gui.shell.status_line import StatusLine
from hdmea_gui.shell.step_list import StepListView
from hdmea_gui.shell.step_panel import StepPanel
from hdmea_gui.shell.tab_order import turn
from hdmea_gui.shell.theme import ThemeName
from hdmea_gui.shell.unit_table import UnitTable
from hdmea_gui.shell.view_panels import LayoutMenu, ViewPanels
from hdmea_gui.shell.window_layout import WindowFrame, pass_drops_on
from hdmea_gui.store.settings import SettingsStore
from hdmea_gui.text.window_title import window_title
from hdmea_gui.views.parts.base import Preview
from hdmea_gui.views.recording.view import RecordingPreview
from hdmea_gui.widgets.label import plain_tip

__all__ = ["MainWindow"]

_VIEW_KEYS = 9
JOIN_S = 10.0
"""How long a closed window waits for its worker."""


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
    logs
        The log files of this program; None if it writes none.
    durations
        File in which the durations of runs are remembered; None: they are not.

    Attributes
    ----------
    joined
        Whether the worker ended when the window was closed; None before that.
    """

    def __init__(
        self,
        controller: Controller,
        settings: SettingsStore,
        demo_folder: Path | None = None,
        demo_size: str = "small",
        logs: LogFiles | None = None,
        durations: Path | None = None,
    ) -> None:
        super().__init__()
        self.controller = controller
        controller.setParent(self)
        self.settings = settings
        self.joined: bool | None = None
        self._may_close = self._closing = False
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._refresh)
        self._durations_path = durations
        self.setWindowIcon(application_icon())
        self._make_flows(logs, demo_folder, demo_size)
        self._make_parts()
        self._lay_out()
        self._connect()
        self._restore()
        pages = (self.batch, self.rig)
        self.colours.attach(
            self.actions_,
            self.views,
            (self.status, self.drop_sign, self.panel, self.table, self.log, self.toolbar, *pages),
            (self.panel, self.table, self.log, self.helping, self.dialogs, self.view_panels, *pages),
        )
        for problem in settings.problems:
            self.log.add(logging.WARNING, problem)
        self.helping.mention_crashes()
        self._refresh()

    @property
    def dialog(self) -> QDialog | None:
        """The question or message that is open, None without one."""
        return self.dialogs.current

    # -- parts ---------------------------------------------------------------------------------------

    def _make_flows(self, logs: LogFiles | None, demo_folder: Path | None, demo_size: str) -> None:
        controller, settings = self.controller, self.settings
        self.colours = ColourFlow(settings, self)
        self.dialogs = DialogHost(self.colours.theme, self)
        self.saving = SaveFlow(controller, settings, self.dialogs, self)
        self.close_guard = CloseGuard(controller, self.saving, self.dialogs, self)
        self.opening = OpenFlow(
            controller,
            settings,
            self.close_guard,
            self.dialogs,
            self,
            demo_folder=demo_folder,
            demo_size=demo_size,
        )
        self.scripts = ScriptCopier(controller, self.dialogs, self)
        self.exporting = ExportFlow(controller, self.dialogs, self)
        self.setup = SetupFlow(controller, self.dialogs, self)
        self.sheet = SheetFlow(controller, settings, self.dialogs, self)
        self.recovery = RecoveryFlow(controller, self.close_guard, self.dialogs, self)
        self.editing = EditFlow(controller, settings, self.dialogs, self)
        self.panes = PaneSwitcher(self)
        self.view_panels = ViewPanels(self, controller)
        self.recovery.crashes = {} if logs is None else logs.crashes
        self.helping = HelpFlow(controller, self.dialogs, logs, self)
        self.preferences = PreferencesFlow(settings, self.recovery, self.helping, self.dialogs, self)

    def _make_parts(self) -> None:
        controller, theme = self.controller, self.colours.theme
        self.steps = StepListView(controller.steps, theme, self)
        self.running = RunFlow(controller, self.steps, self.dialogs, self)
        self.actions_ = ActionSet(self)
        self.panel = StepPanel(controller, self.steps, self.actions_, theme, self)
        self.editing.attach(self.panel)
        self.views = LazyViews(controller, theme, self)
        self.recording = self.views.get(RecordingPreview)
        self.table = UnitTable(controller, self.settings, self)
        self.log = LogPanel(theme, self.actions_["copy_report"], self)
        self._relay = LogRelay(self)
        self.batch = BatchPage(controller, self.settings, theme, self)
        self.rig = RigPage(controller.watch, self.settings, theme, self)

    def _lay_out(self) -> None:
        titles = tuple(spec.title for spec in self.views.specs)
        self.stale = StaleStrip(self.controller.steps, self)
        self.frame = WindowFrame(self, self.panel, titles, (self.table, self.log), self.stale)
        for page in (self.batch, self.rig):
            self.frame.add_page(page)
        self.tabs = self.frame.tabs
        self.views.attach(self.tabs)
        self.view_panels.attach(self.views, self.tabs)
        self.tabs.setCurrentWidget(self.recording)
        self.exporting.attach(self.tabs, self.table)
        parts = (self.panel.list, self.panel.form, self.tabs, self.table, self.log, self.batch, self.rig)
        self.panes.attach(parts, self.tabs)
        menus = self.actions_.fill_menu_bar(self.menuBar())
        self.recent = RecentMenu(self.settings, self)
        self.recent.chosen.connect(lambda path: self.open_paths([path]))
        menus["&File"].insertMenu(self.actions_["save"], self.recent)
        self.layouts = LayoutMenu(self.view_panels, self.settings.values, self)
        self.layouts.asks.connect(self.dialogs.open)
        menus["&View"].insertMenu(self.actions_["log"], self.layouts)
        for number, spec in enumerate(self.views.specs[:_VIEW_KEYS], 1):
            key = QShortcut(QKeySequence(f"Ctrl+{number}"), self)
            key.activated.connect(lambda name=spec.name: self.show_view(name))
            self.tabs.setTabToolTip(number - 1, plain_tip(f"{spec.title} (Ctrl+{number})"))
        about = tuple((spec.title, spec.widget.help_text) for spec in self.views.specs)
        self.helping.attach(self.actions_, about, self._relay.recent, self._finds)
        self.helping.found.connect(self._on_found)
        self.toolbar = self.frame.add_toolbar()
        self.actions_.fill_toolbar(self.toolbar)
        self.status = StatusLine(self.actions_["log"], self)
        self.setStatusBar(self.status)
        self.estimates = EstimateFlow(self.controller, self._durations_path, self)
        self.forecasting = ForecastFlow(self.controller, self.panel, self.status.memory, self)
        self.frame.take_drops()
        self.drop_sign = DropSign(self, self._drop_refusal)

    def _connect(self) -> None:
        controller = self.controller
        controller.state_changed.connect(self._on_state)
        controller.activity_changed.connect(self._refresh)
        controller.steps.states_changed.connect(self._refresh_soon)
        controller.progressed.connect(self._on_progress)
        controller.opened.connect(self._on_opened)
        controller.saved.connect(self._on_saved)
        controller.step_ended.connect(self._on_step_ended)
        controller.failed.connect(self._on_failed)
        controller.stopped.connect(self._say)
        controller.warned.connect(lambda text: self.log.add(logging.WARNING, text))
        for flow in self.findChildren(Flow):
            flow.told.connect(self._say)
            flow.noted.connect(self.log.add)
        self.opening.batch_asked.connect(self.add_to_batch)
        for page in (self.batch, self.rig):
            page.told.connect(self._say)
            page.open_asked.connect(self._open_from_page)
        batch = controller.batch
        batch.left_out.connect(lambda text: self.log.add(logging.WARNING, f"Batch: {text}"))
        batch.failed.connect(self._on_failed)
        batch.activity_changed.connect(self._show_batch)
        batch.outcome_changed.connect(self._show_batch)
        self.saving.checkpointed.connect(self._show_title)
        self.editing.changed.connect(self._refresh)
        self.preferences.changed.connect(self._on_preferences)
        self.recovery.changed.connect(self._show_title)
        self.panel.changed.connect(self._refresh)
        self.stale.run_asked.connect(lambda: self.running.run_these(self.stale.stale_steps, "Stale steps"))
        self.recording.welcome.open_asked.connect(self.opening.open_files)
        self.recording.welcome.demo_asked.connect(self.open_demo)
        self.recording.welcome.recent_asked.connect(lambda path: self.open_paths([path]))
        self.recording.welcome.drug_demo_asked.connect(self.opening.open_drug_demo)
        self.recording.card.partner_asked.connect(self.opening.open_partner)
        self.recording.card.choice_asked.connect(self.opening.choose_for_recording)
        for asking in (self.recording.card, self.stale, self.running):
            asking.setup_asked.connect(self.setup.show)
        self.setup.changed.connect(self.recording.ask_stimulus)
        self.running.choose_asked.connect(self.opening.choose_for_step)
        for flow in (self.running, self.opening):
            flow.reveal_asked.connect(self.panel.reveal)
        self.recording.card.load_asked.connect(self.load)
        self.recording.card.run_all_asked.connect(self.running.run_all)
        self._relay.line.connect(self.log.add_line)
        self.table.told.connect(self._say)
        self.table.asks.connect(self.dialogs.open)
        self.recording.told.connect(self._say)
        self.recording.figure_asked.connect(self.exporting.build_figure)
        self.views.made.connect(self._on_view)
        self.view_panels.made.connect(self._on_view)
        self.log.warnings_changed.connect(self.status.show_warnings)

    # -- opening -------------------------------------------------------------------------------------

    def open_demo(self) -> None:
        """Make the demo recording if it does not exist, and open it."""
        self.opening.open_demo()

    def open_paths(self, paths: list[Path]) -> None:
        """Open files or folders; asks first if something would be lost."""
        self.opening.open_paths(paths)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Accept files."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open what was dropped, or add it to the batch."""
        paths = dropped_paths(event.mimeData())
        if paths:
            event.acceptProposedAction()
            if self.batch.isVisible():
                self.batch.add(paths)
            elif self.rig.isVisible():
                self.rig.watch(paths[0] if paths[0].is_dir() else paths[0].parent)
            else:
                self.open_paths(paths)

    def _drop_refusal(self) -> str | None:
        if self.batch.isVisible():
            return "wait for the batch, or stop it" if self.controller.batch.is_busy else None
        if self.rig.isVisible():
            return None
        return self.actions_.refusal("open") or None

    def _on_opened(self, result: OpenResult) -> None:
        if result.state is not None:
            self.saving.forget_checkpoint()
            if result.card is not None:
                self.view_panels.show(self.recording)
        self.views.invalidate()
        self._refresh()

    # -- running -------------------------------------------------------------------------------------

    def load(self) -> None:
        """Run the step that starts a recording."""
        self.running.load()

    def edit_calibration(self) -> None:
        """Show where the stimulus is on the chip, and the pitch of the electrodes."""
        dialog = CalibrationDialog(self.controller, self.settings, self)
        dialog.told.connect(self._say)
        self.dialogs.open(dialog)

    # -- many recordings -----------------------------------------------------------------------------

    def toggle_batch(self) -> None:
        """Show the page for many recordings, or the one for the open recording."""
        self.show_batch(self.actions_["batch"].isChecked())

    def show_batch(self, shown: bool = True) -> None:
        """Show the page for many recordings, or with False the one for the open recording."""
        self._show_page(self.batch if shown else None)

    def toggle_rig(self) -> None:
        """Show the page that watches a folder, or the one for the open recording."""
        self._show_page(self.rig if self.actions_["rig"].isChecked() else None)

    def _show_page(self, page: BatchPage | RigPage | None) -> None:
        for name, each in (("batch", self.batch), ("rig", self.rig)):
            self.actions_[name].setChecked(each is page)
        self.frame.show_page(page)

    def add_to_batch(self, paths: list[Path]) -> None:
        """Show the page for many recordings, and add some."""
        self.show_batch()
        self.batch.add(paths)

    def _open_from_page(self, paths: list[Path]) -> None:
        self._show_page(None)
        self.open_paths(paths)

    def _show_batch(self, *_: object) -> None:
        batch = self.controller.batch
        count = f"Batch: {batch.ended_count} of {len(batch.items)} ended"
        self.status.show_batch(count if batch.is_running else "")

    def _on_step_ended(self, name: str, _seconds: float) -> None:
        """Show first whether a recording that has just been loaded is good."""
        wanted = self.settings.values.show_health and self.tabs.currentWidget() is self.recording
        if wanted and name == "load_recording":
            self.view_panels.show(self.views["health"])

    # -- saving --------------------------------------------------------------------------------------

    def toggle_auto_checkpoint(self) -> None:
        """Write a checkpoint after each step, or not."""
        self.settings.values.auto_checkpoint = self.actions_["auto_checkpoint"].isChecked()
        self.recovery.set_enabled(self.settings.values.auto_checkpoint)

    def _on_preferences(self) -> None:
        values = self.settings.values
        self.actions_["auto_checkpoint"].setChecked(values.auto_checkpoint)
        self.use_theme(values.theme)

    def _on_saved(self, path: Path, kind: str) -> None:
        word = "Saved" if kind == "result" else "Checkpoint written"
        self._say(f"{word}: {path}")
        self.settings.note_recent(path)

    # -- views ---------------------------------------------------------------------------------------

    def _on_view(self, view: Preview) -> None:
        view.told.connect(self._say)
        view.setup_asked.connect(self.setup.show)
        view.figure_asked.connect(self.exporting.build_figure)
        pass_drops_on(view)

    def previous_unit(self) -> None:
        """Choose the unit above."""
        self.table.step(-1)

    def next_unit(self) -> None:
        """Choose the unit below."""
        self.table.step(1)

    def filter_units(self) -> None:
        """Begin to type another filter of the units."""
        self.table.focus_filter()

    def show_view(self, name: str) -> None:
        """Show a view, in its tab or in its panel."""
        self.view_panels.show(self.views[name])

    def reset_view(self) -> None:
        """Show all of every plot of the view that has the focus, otherwise of the one in the tab."""
        focused: QWidget | None = self.focusWidget()
        while focused is not None and not isinstance(focused, Preview):
            focused = focused.parentWidget()
        view = focused if focused is not None else self.tabs.currentWidget()
        if isinstance(view, Preview):
            view.show_all()

    def _finds(self) -> list[Command]:
        """Return what the palette finds besides commands: views, steps, units and columns."""
        units, items = self.controller.units, self.controller.steps.items
        keys = {spec.name: f"Ctrl+{number}" for number, spec in enumerate(self.views.specs[:_VIEW_KEYS], 1)}
        found = [
            Command(
                f"view:{spec.name}",
                f"View: {spec.title}",
                "Show the view",
                keys.get(spec.name, ""),
                typed=True,
            )
            for spec in self.views.specs
        ]
        found += [
            Command(
                f"step:{item.spec.name}", f"Step: {item.spec.title}", item.spec.help.rstrip("."), typed=True
            )
            for item in items
        ]
        found += [
            Command(f"unit:{name}", f"Unit: {name}", "Select the unit", typed=True) for name in units.unit_ids
        ]
        for column in units.columns:
            about = column.help.partition("\n")[0].rstrip(".")
            found.append(Command(f"sort:{column.key}", f"Sort by: {column.title}", about, typed=True))
            found.append(Command(f"colour:{column.key}", f"Colour by: {column.title}", about, typed=True))
        return found

    def _on_found(self, what: str) -> None:
        kind, _, name = what.partition(":")
        if kind == "view":
            self.show_view(name)
        elif kind == "step":
            self.panel.list.choose(name)
            self.panel.list.setFocus()
        elif kind == "unit":
            self.controller.selection.select_units((name,))
        elif kind == "sort":
            self.table.sort_by(name)
        elif kind == "colour":
            self.controller.unit_colours.choose(name)

    def toggle_log(self) -> None:
        """Show or hide the log."""
        self.log.setVisible(self.actions_["log"].isChecked())

    def use_theme(self, name: ThemeName, *, at_once: bool = False) -> None:
        """Draw everything in the colours of a theme; `at_once` before this returns, otherwise soon."""
        self.colours.use(name, at_once=at_once)

    def focusNextPrevChild(self, following: bool) -> bool:
        """Go on to the next field, in the order in which the window is read."""
        panel, tabs, table = self.panel, self.tabs, self.table
        focused = self.focusWidget()
        if focused is not None and not (focused.isVisible() and focused.isEnabled()):
            # Nobody pressed Tab: what had the focus no longer exists, and a key must not change what is next.
            panel.list.setFocus()
            return True
        upper = (panel.flows, panel.list, panel.edited, panel.form, panel)
        parts = (
            *upper,
            tabs.tabBar(),
            tabs,
            table.colour_by,
            table.filter,
            table,
            self.log,
            self.batch,
            self.rig,
            self.status,
        )
        return turn(self, parts, forward=following)

    # -- state ---------------------------------------------------------------------------------------

    def _on_state(self, state: StateView) -> None:
        self.status.memory.show_session(state.memory_gb, state.contributors)
        self.views.invalidate()
        self._refresh_soon()

    def _on_progress(self, progress: JobProgress) -> None:
        left = self.controller.steps.seconds_left if progress.part else None
        self.status.show_progress(self.controller.job_title, progress, left)

    def _on_failed(self, title: str, failure: Failure) -> None:
        self.log.add(logging.ERROR, f"{title} failed: {failure.reason}")
        dialog = MessageDialog(f"{title} failed", (failure.reason,), details=failure.details, parent=self)
        self.dialogs.open(dialog)

    def _refresh_soon(self) -> None:
        """Show once, in the next round of the event loop, all that changes in this one."""
        self._soon.start()

    def _refresh(self) -> None:
        """Show which actions are possible, the title, and what runs; not how far that is."""
        self._soon.stop()
        controller, chosen = self.controller, self.steps.chosen_item
        self.actions_.update(self._situation())
        self.panel.offer_again(chosen is not None and chosen.state is StepState.DONE)
        self.recording.card.set_enabled(self.actions_["run_all"].isEnabled())
        self._show_title()
        stopping = controller.activity is Activity.STOPPING
        idle = controller.activity is Activity.IDLE
        self.status.show_job("" if idle else controller.job_title, stopping=stopping)

    def _show_title(self) -> None:
        note, too_large = self.recovery.latest(self.saving.checkpoint_note), self.recovery.too_large
        self.setWindowTitle(window_title(self.controller.state, note, too_large))

    def _situation(self) -> Situation:
        controller, chosen = self.controller, self.steps.chosen_item
        parameters = controller.step_parameters
        return Situation(
            controller.state,
            controller.activity,
            chosen,
            wrong_value=self.panel.form.has_problems,
            wrong_steps=parameters.wrong_steps(),
            has_steps=bool(controller.steps.items),
            has_flow=bool(controller.flow),
            to_here=0 if chosen is None else len(self.running.steps_to(chosen)),
            undo=parameters.history.undo_text,
            redo=parameters.history.redo_text,
            step_edited=chosen is not None and controller.parameters(chosen.spec.name).any_changed,
            any_edited=bool(parameters.changed_steps()),
        )

    def _say(self, text: str) -> None:
        self.status.say(text)
        self.log.add(logging.INFO, text)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask if something would be lost; otherwise end the worker and close."""
        if self._closing:
            event.accept()
            return
        if not self._may_close and not self.close_guard.may_close(self.close_without_question):
            event.ignore()
            return
        self._closing = True
        self._soon.stop()
        self._remember()
        self.views.stop()
        self._relay.close()
        self.helping.close()
        self.colours.close()
        # A step stops within a second; while a drive does not respond, nobody should look at a dead window.
        self.hide()
        self.joined = self.controller.shutdown(JOIN_S)
        event.accept()

    def close_without_question(self) -> None:
        """Close although something may be lost."""
        self._may_close = True
        self.close()

    def _remember(self) -> None:
        values = self.settings.values
        self.frame.remember(values)
        values.panels = self.view_panels.layout()
        values.log_visible = self.log.isVisible()
        values.flow = self.controller.flow
        values.export_folder = self.controller.export_folder
        self.editing.remember()
        self.batch.setup.remember()
        self.settings.write()

    def _restore(self) -> None:
        values = self.settings.values
        self.frame.restore(values)
        self.recording.welcome.show_recent([Path(name) for name in values.recent])
        self.view_panels.arrange(values.panels)
        self.log.setVisible(values.log_visible)
        self.actions_["log"].setChecked(values.log_visible)
        self.actions_["auto_checkpoint"].setChecked(values.auto_checkpoint)
        self.controller.flow = values.flow
        self.controller.export_folder = values.export_folder
        self.controller.colour_choices = values.colour_choices
