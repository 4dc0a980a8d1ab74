"""Every action of the window, declared once: what it does, its key, when it is possible.

Menus, toolbar, keyboard table and help come from this table; a new action is one entry in `ACTIONS`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QToolBar

from hdmea_gui.engine.controller import Activity
from hdmea_gui.engine.snapshot import StateView
from hdmea_gui.models.steps import StepItem, StepState
from hdmea_gui.shell.icons import icon
from hdmea_gui.shell.theme import Theme
from hdmea_gui.widgets.label import plain_tip

__all__ = ["ACTIONS", "ActionSet", "ActionSpec", "Situation", "plain_text"]


@dataclass(frozen=True)
class Situation:
    """What decides which actions are possible.

    Attributes
    ----------
    state, activity
        The session, and what the worker does.
    chosen
        The step chosen in the list, None without one.
    wrong_value
        Whether the parameters of the selected step have values that are not allowed.
    wrong_steps
        Titles of all steps that have such values.
    has_steps, has_flow
        Whether the engine has told its steps, and whether there is a flow to run.
    to_here
        Number of steps that are missing or stale up to the selected one.
    undo, redo
        What would be undone or redone, empty for nothing.
    step_edited, any_edited
        Whether parameters of the selected step, or of any, differ from their defaults.
    """

    state: StateView
    activity: Activity
    chosen: StepItem | None = None
    wrong_value: bool = False
    wrong_steps: tuple[str, ...] = ()
    has_steps: bool = True
    has_flow: bool = True
    to_here: int = 0
    undo: str = ""
    redo: str = ""
    step_edited: bool = False
    any_edited: bool = False


Refusal = Callable[[Situation], str]
"""Says why something is not possible now; empty if it is."""


@dataclass(frozen=True)
class ActionSpec:
    """One action.

    Attributes
    ----------
    id
        Name of the action.
    text
        Text in the menu, with mnemonic.
    handler
        Method that is called: of the window, or of a part of it ("saving.save").
    tooltip
        One sentence.
    menu
        Title of the menu; the order of the table is the order of the menu.
    key, icon
        Key sequence and name of the icon, empty for none.
    unless
        What may make it impossible; the first reason is the one that is told.
    text_now
        Gives a text that depends on the situation, in place of `text`.
    toolbar
        Whether it is in the toolbar, too.
    new_group
        Whether a line separates it from the action before it.
    checkable
        Whether it is on or off.
    choice
        Name of the choice it belongs to, of which always one is on.
    """

    id: str
    text: str
    handler: str
    tooltip: str
    menu: str = ""
    key: str = ""
    icon: str = ""
    unless: tuple[Refusal, ...] = ()
    text_now: Callable[[Situation], str] | None = None
    toolbar: bool = False
    new_group: bool = False
    checkable: bool = False
    choice: str = ""

    def refusal(self, now: Situation) -> str:
        """Return why the action is not possible now, empty if it is."""
        return next(filter(None, (reason(now) for reason in self.unless)), "")


def plain_text(text: str) -> str:
    """Return the text of a menu without its mnemonic."""
    return text.replace("&", "")


# -- when an action is not possible --------------------------------------------------------------------


def _starting(now: Situation) -> str:
    return "the engine is still starting" if now.activity is Activity.STARTING else ""


def _busy(now: Situation) -> str:
    if now.activity is Activity.IDLE:
        return ""
    return _starting(now) or "wait for the running job, or stop it"


def _nothing_to_stop(now: Situation) -> str:
    if now.activity is Activity.RUNNING:
        return ""
    return "it is already stopping" if now.activity is Activity.STOPPING else "nothing is running"


def _nothing_open(now: Situation) -> str:
    return "" if now.state.is_open else "open a recording first"


def _no_data(now: Situation) -> str:
    return "" if now.state.has_data else "there is nothing in memory yet"


def _saved(now: Situation) -> str:
    return "" if now.state.unsaved or not now.state.saved_path else "everything is saved"


def _nothing_run(now: Situation) -> str:
    return "" if now.state.completed else "run a step first"


def _no_units(now: Situation) -> str:
    return "" if now.state.unit_ids else "there are no units yet"


def _no_steps(now: Situation) -> str:
    return "" if now.has_steps else "the engine is still starting"


def _no_flow(now: Situation) -> str:
    return "" if now.has_flow else "no flow is installed"


def _no_step(now: Situation) -> str:
    return "" if now.chosen is not None else "select a step first"


def _step_cannot_run(now: Situation) -> str:
    if now.chosen is None or now.chosen.state not in {StepState.NEEDS, StepState.DONE}:
        return ""
    if now.chosen.state is StepState.NEEDS:
        return f"{now.chosen.spec.title} {now.chosen.detail}"
    return "it is done; use “Run again” to recompute it"


def _no_results(now: Situation) -> str:
    if now.chosen is None or now.chosen.has_results:
        return ""
    return f"{now.chosen.spec.title} has no results yet"


def _done_to_here(now: Situation) -> str:
    return "" if now.to_here else "everything up to here is done"


def _wrong_value(now: Situation) -> str:
    return "a parameter has an invalid value" if now.wrong_value else ""


def _wrong_values(now: Situation) -> str:
    return f"a parameter of “{now.wrong_steps[0]}” has an invalid value" if now.wrong_steps else ""


def _did_not_fail(now: Situation) -> str:
    return "" if now.chosen is not None and now.chosen.reason else "the selected step did not fail"


def _nothing_to_undo(now: Situation) -> str:
    return "" if now.undo else "there is nothing to undo"


def _nothing_to_redo(now: Situation) -> str:
    return "" if now.redo else "there is nothing to redo"


def _step_has_defaults(now: Situation) -> str:
    return "" if now.step_edited else "nothing differs from the defaults"


def _all_have_defaults(now: Situation) -> str:
    return "" if now.any_edited else "nothing differs from the defaults"


# -- the table -----------------------------------------------------------------------------------------


def _menu(title: str, *specs: ActionSpec) -> tuple[ActionSpec, ...]:
    return tuple(replace(spec, menu=title) for spec in specs)


ACTIONS: tuple[ActionSpec, ...] = (
    *_menu(
        "&File",
        ActionSpec(
            "open",
            "&Open…",
            "opening.open_files",
            "Open a .cmcr/.cmtr recording, a saved result or a checkpoint",
            key="Ctrl+O",
            icon="open",
            unless=(_busy,),
            toolbar=True,
        ),
        ActionSpec(
            "open_folder",
            "Open &folder…",
            "opening.open_folder",
            "Open the recording in a folder",
            key="Ctrl+Shift+O",
            unless=(_busy,),
        ),
        ActionSpec(
            "open_checkpoint",
            "Resume fro&m checkpoint…",
            "opening.open_checkpoint",
            "Open a snapshot of earlier work and continue from there",
            unless=(_busy,),
        ),
        ActionSpec(
            "recover",
            "Reco&ver unsaved work…",
            "recovery.show",
            "Show automatic checkpoints of programs that crashed, and results that could not be saved",
            unless=(_busy,),
        ),
        ActionSpec(
            "open_demo",
            "Open &demo recording",
            "opening.open_demo",
            "Create and open a small simulated recording",
            key="Ctrl+D",
            icon="demo",
            unless=(_busy,),
            toolbar=True,
        ),
        ActionSpec(
            "open_drug_demo",
            "Open demo of a dru&g",
            "opening.open_drug_demo",
            "Create three recordings of one retina, before, with and after a drug, and add them to the batch",
            unless=(_busy,),
        ),
        ActionSpec(
            "save",
            "&Save",
            "saving.save",
            "Write the result file",
            key="Ctrl+S",
            icon="save",
            unless=(_nothing_open, _no_data, _busy, _saved),
            toolbar=True,
            new_group=True,
        ),
        ActionSpec(
            "save_as",
            "Save &as…",
            "saving.save_as",
            "Write the result under a new name",
            key="Ctrl+Shift+S",
            unless=(_nothing_open, _no_data, _busy),
        ),
        ActionSpec(
            "checkpoint",
            "&Checkpoint…",
            "saving.checkpoint",
            "Write a snapshot to resume from; the session stays in memory",
            key="Ctrl+K",
            icon="checkpoint",
            unless=(_nothing_open, _no_data, _busy),
            toolbar=True,
        ),
        ActionSpec(
            "auto_checkpoint",
            "A&utomatic checkpoints",
            "toggle_auto_checkpoint",
            "Write a checkpoint after each step, to recover after a crash; deleted when you save or close",
            checkable=True,
        ),
        ActionSpec(
            "settings",
            "Se&ttings…",
            "preferences.show",
            "Colours, automatic checkpoints, recent files and log folder",
            key="Ctrl+,",
            icon="settings",
            new_group=True,
        ),
        ActionSpec(
            "quit",
            "&Quit",
            "close",
            "Close the program",
            key="Ctrl+Q",
            new_group=True,
        ),
    ),
    *_menu(
        "&Edit",
        ActionSpec(
            "undo",
            "&Undo",
            "editing.undo",
            "Undo the last parameter change",
            key="Ctrl+Z",
            unless=(_nothing_to_undo,),
            text_now=lambda now: f"&Undo {now.undo}".strip(),
        ),
        ActionSpec(
            "redo",
            "&Redo",
            "editing.redo",
            "Redo the last undone parameter change",
            key="Ctrl+Shift+Z",
            unless=(_nothing_to_redo,),
            text_now=lambda now: f"&Redo {now.redo}".strip(),
        ),
        ActionSpec(
            "reset_parameters",
            "Rese&t step parameters",
            "editing.reset",
            "Reset the parameters of the selected step to their defaults",
            icon="reset",
            unless=(_step_has_defaults,),
            new_group=True,
        ),
        ActionSpec(
            "reset_all_parameters",
            "Reset &all parameters",
            "editing.reset_all",
            "Reset the parameters of all steps to their defaults",
            unless=(_all_have_defaults,),
        ),
        ActionSpec(
            "save_preset",
            "&Save parameters as preset…",
            "editing.save_preset",
            "Save the parameters of this step, or of all steps, under a name",
            unless=(_no_steps,),
            new_group=True,
        ),
        ActionSpec(
            "presets",
            "&Presets…",
            "editing.show_presets",
            "Apply, delete, import or export saved parameters",
            key="Ctrl+Alt+P",
            unless=(_no_steps,),
        ),
        ActionSpec(
            "recording_sheet",
            "Recordin&g sheet…",
            "sheet.show",
            "Enter animal, experiment and laboratory, for NWB files, reports and studies",
            unless=(_nothing_open, _busy),
            new_group=True,
        ),
    ),
    *_menu(
        "&Run",
        ActionSpec(
            "run_all",
            "Run &all steps",
            "running.run_all",
            "Run the steps of the selected flow; results that are up to date are kept",
            key="F5",
            icon="run_all",
            unless=(_nothing_open, _busy, _no_flow, _wrong_values),
        ),
        ActionSpec(
            "run_to_here",
            "Run to &here",
            "running.run_to_here",
            "Run what is missing or stale up to the selected step",
            key="Shift+F5",
            icon="run_to_here",
            unless=(_nothing_open, _busy, _no_step, _done_to_here, _wrong_values),
        ),
        ActionSpec(
            "run_step",
            "Run &step",
            "running.run_step",
            "Run the selected step with the parameters shown",
            key="Ctrl+Return",
            icon="run",
            unless=(_nothing_open, _busy, _no_step, _step_cannot_run, _wrong_value),
        ),
        ActionSpec(
            "run_again",
            "Run a&gain",
            "running.run_again",
            "Recompute the selected step; if its results differ, what depends on them becomes stale",
            key="Ctrl+Shift+Return",
            icon="run_again",
            unless=(_nothing_open, _busy, _no_step, _no_results, _wrong_value),
        ),
        ActionSpec(
            "stop",
            "S&top",
            "controller.stop",
            "Stop the running step; the session remains unchanged",
            key="Esc",
            icon="stop",
            unless=(_nothing_to_stop,),
            text_now=lambda now: "Stopping…" if now.activity is Activity.STOPPING else "S&top",
        ),
        ActionSpec(
            "show_failure",
            "Sho&w failure details…",
            "running.show_failure",
            "Show why the selected step failed, what was kept, and details to copy",
            unless=(_did_not_fail,),
        ),
        ActionSpec(
            "show_provenance",
            "How results were &made…",
            "running.show_provenance",
            "Show for each step when, with which parameters, from which files and by which version it ran",
            key="Ctrl+I",
            unless=(_nothing_run,),
        ),
        ActionSpec(
            "batch",
            "&Batch",
            "toggle_batch",
            "Show the page for many recordings, or the one for the open recording",
            key="Ctrl+B",
            icon="batch",
            toolbar=True,
            new_group=True,
            checkable=True,
        ),
        ActionSpec(
            "rig",
            "At the &rig",
            "toggle_rig",
            "Show the page that watches a folder and judges new recordings, or the open recording",
            key="Ctrl+Shift+W",
            icon="folder",
            toolbar=True,
            checkable=True,
        ),
        ActionSpec(
            "stimuli",
            "Stimulus set-&up…",
            "setup.show",
            "Find out from the recorded light what was shown, edit it, and write it for all steps",
            key="Ctrl+U",
            icon="stimulus",
            unless=(_nothing_open, _busy),
        ),
        ActionSpec(
            "define_stimulus",
            "Stimulus &definition…",
            "setup.define",
            "Make the definition and the movie of a stimulus with a form",
            unless=(_starting,),
        ),
        ActionSpec(
            "calibration",
            "Stimulus &calibration…",
            "edit_calibration",
            "Position of the stimulus on the chip, and the pitch of the electrodes",
            key="Ctrl+Shift+K",
            icon="chip",
            unless=(_starting,),
        ),
    ),
    *_menu(
        "&View",
        ActionSpec(
            "previous_unit",
            "Previous &unit",
            "previous_unit",
            "Show the unit above in the table",
            key="Ctrl+Up",
            unless=(_no_units,),
        ),
        ActionSpec(
            "next_unit",
            "&Next unit",
            "next_unit",
            "Show the unit below in the table",
            key="Ctrl+Down",
            unless=(_no_units,),
        ),
        ActionSpec(
            "reset_view",
            "Reset &zoom",
            "reset_view",
            "Show all in every plot of the view; a double click does it in one plot",
            key="Ctrl+0",
            icon="zoom_out",
            unless=(_no_units,),
        ),
        ActionSpec(
            "filter_units",
            "&Filter units",
            "filter_units",
            "Type a filter: table, raster, maps and gallery show only the units that it lets through",
            key="Ctrl+F",
            unless=(_no_units,),
        ),
        ActionSpec(
            "move_view_out",
            "&Move view to panel",
            "view_panels.move_out",
            "Move the view into a panel beside the others, which can be dragged to another screen",
            key="Ctrl+Shift+M",
            new_group=True,
        ),
        ActionSpec(
            "pin_unit",
            "Pin uni&t",
            "view_panels.pin",
            "Keep this view of the current unit in a panel, to compare other units with it",
            key="Ctrl+Shift+I",
            unless=(_no_units,),
        ),
        ActionSpec(
            "next_view",
            "Next &view",
            "panes.next_view",
            "Show the view of the next tab",
            key="Ctrl+PgDown",
            new_group=True,
        ),
        ActionSpec(
            "previous_view",
            "Previous v&iew",
            "panes.previous_view",
            "Show the view of the previous tab",
            key="Ctrl+PgUp",
        ),
        ActionSpec(
            "next_pane",
            "Next &part",
            "panes.next_pane",
            "Move the focus to the next part: steps, parameters, views, units, log",
            key="F6",
        ),
        ActionSpec(
            "previous_pane",
            "Previous p&art",
            "panes.previous_pane",
            "Move the focus to the previous part",
            key="Shift+F6",
        ),
        ActionSpec(
            "log",
            "&Log and warnings",
            "toggle_log",
            "Show or hide the log",
            key="Ctrl+L",
            icon="log",
            new_group=True,
            checkable=True,
        ),
        ActionSpec(
            "theme_light",
            "Li&ght colours",
            "colours.use_light",
            "Dark on light",
            new_group=True,
            checkable=True,
            choice="theme",
        ),
        ActionSpec(
            "theme_dark",
            "&Dark colours",
            "colours.use_dark",
            "Light on dark",
            checkable=True,
            choice="theme",
        ),
        ActionSpec(
            "theme_system",
            "Colours of the &system",
            "colours.use_system",
            "Follow the desktop",
            checkable=True,
            choice="theme",
        ),
    ),
    *_menu(
        "E&xport",
        ActionSpec(
            "copy_view",
            "&Copy figure",
            "exporting.copy_figure",
            "Copy a figure of the view; right-click a plot to copy only that plot",
        ),
        ActionSpec(
            "export_view",
            "Build fig&ure…",
            "exporting.save_figure",
            "Choose panels, units and sizes of a figure for print, beginning with what the view shows",
        ),
        ActionSpec(
            "export_data",
            "Save &data…",
            "exporting.export_data",
            "Save the data of the view as CSV; right-click a plot to save only its data",
        ),
        ActionSpec(
            "export_table",
            "Save &table…",
            "exporting.export_table",
            "Save the units that the table shows as CSV, with the numbers of all features",
            unless=(_no_units,),
            new_group=True,
        ),
        ActionSpec(
            "export_result",
            "Export &result…",
            "exporting.export_result",
            "Save the numbers of all units as a table, or everything in the format of another program",
            unless=(_nothing_open, _no_data, _busy),
        ),
        ActionSpec(
            "copy_script",
            "Copy as &Python script",
            "scripts.copy",
            "Copy the steps of this session as a Python script that reproduces the file",
            key="Ctrl+Shift+C",
            unless=(_nothing_open, _nothing_run),
            new_group=True,
        ),
        ActionSpec(
            "copy_cell",
            "Copy cell for &notebook",
            "scripts.copy_cell",
            "Copy Python that opens the saved result in a notebook and reads the selected unit",
            unless=(_nothing_open, _no_units),
        ),
    ),
    *_menu(
        "&Help",
        ActionSpec(
            "palette",
            "&Find a command…",
            "helping.show_palette",
            "Find a command by a few letters of its name, and run it",
            key="Ctrl+Shift+P",
            icon="search",
        ),
        ActionSpec(
            "help_focus",
            "&What is this?",
            "helping.explain_focus",
            "Explain the focused item: a step, a parameter, a column or a view",
            key="F1",
            icon="help",
        ),
        ActionSpec(
            "help_page",
            "&Keyboard and commands",
            "helping.show_page",
            "All commands with their keys, and how to read the views",
            key="Ctrl+F1",
        ),
        ActionSpec(
            "copy_report",
            "Copy &error report",
            "helping.copy_report",
            "Copy versions, steps and the end of the log to report a problem, without data of the recording",
            new_group=True,
        ),
        ActionSpec(
            "open_log_folder",
            "Open log fo&lder",
            "helping.open_log_folder",
            "Show the log files of this program in the file manager",
            icon="folder",
        ),
        ActionSpec(
            "check_updates",
            "Check for &updates…",
            "helping.check_updates",
            "Open the page with the releases in the browser; the program itself does not use the network",
            new_group=True,
        ),
        ActionSpec(
            "about",
            "&About HD-MEA Studio",
            "helping.show_about",
            "Version, libraries and licences",
        ),
    ),
)


class ActionSet:
    """The table as Qt actions of a window.

    Parameters
    ----------
    window
        Has, itself or in its parts, a method for each handler of the table.
    specs
        The table.

    Raises
    ------
    AttributeError
        If the window lacks a handler; the message names the nearest method.
    """

    def __init__(self, window: QObject, specs: tuple[ActionSpec, ...] = ACTIONS) -> None:
        self.specs = {spec.id: spec for spec in specs}
        self._refusals: dict[str, str] = {}
        self._actions = {spec.id: _make(window, spec) for spec in specs}
        for name in dict.fromkeys(spec.choice for spec in specs if spec.choice):
            choice = QActionGroup(window)
            for spec in specs:
                if spec.choice == name:
                    choice.addAction(self._actions[spec.id])

    def __getitem__(self, action_id: str) -> QAction:
        if action_id not in self._actions:
            raise KeyError(f"There is no action {action_id!r}{_did_you_mean(action_id, self._actions)}")
        return self._actions[action_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._actions)

    def fill_menu_bar(self, bar: QMenuBar) -> dict[str, QMenu]:
        """Add the menus; return them by title."""
        menus: dict[str, QMenu] = {}
        for spec in self.specs.values():
            if spec.menu not in menus:
                menus[spec.menu] = bar.addMenu(spec.menu)
                menus[spec.menu].setToolTipsVisible(True)
            if spec.new_group:
                menus[spec.menu].addSeparator()
            menus[spec.menu].addAction(self._actions[spec.id])
        return menus

    def fill_toolbar(self, bar: QToolBar) -> None:
        """Add the actions of the toolbar, one group per menu."""
        menu = None
        for spec in self.specs.values():
            if not spec.toolbar:
                continue
            if menu not in (None, spec.menu):
                bar.addSeparator()
            menu = spec.menu
            bar.addAction(self._actions[spec.id])

    def update(self, now: Situation) -> None:
        """Enable the actions that are possible, and say of the others why they are not."""
        for spec in self.specs.values():
            self.allow(spec.id, spec.refusal(now))
            if spec.text_now is not None:
                self._actions[spec.id].setText(spec.text_now(now))

    def allow(self, action_id: str, refusal: str = "") -> None:
        """Enable an action, or disable it with the reason in its tooltip."""
        action, spec = self[action_id], self.specs[action_id]
        if self._refusals.get(action_id) == refusal:
            return
        self._refusals[action_id] = refusal
        action.setEnabled(not refusal)
        keys = self.keys(action_id)
        sentence = f"{spec.tooltip} ({keys})" if keys else spec.tooltip
        action.setToolTip(plain_tip(f"{sentence}. Not available: {refusal}" if refusal else sentence))

    def refusal(self, action_id: str) -> str:
        """Return why an action is disabled, empty if it is enabled."""
        return self._refusals.get(self[action_id].objectName(), "")

    def keys(self, action_id: str) -> str:
        """Return the shortcut of an action as this computer writes it, empty for none."""
        return self[action_id].shortcut().toString(QKeySequence.SequenceFormat.NativeText)

    def apply_theme(self, theme: Theme) -> None:
        """Draw the icons in the colours of a theme."""
        for spec in self.specs.values():
            if spec.icon:
                self._actions[spec.id].setIcon(icon(spec.icon, theme))


def _make(window: QObject, spec: ActionSpec) -> QAction:
    action = QAction(spec.text, window)
    action.setObjectName(spec.id)
    action.setCheckable(spec.checkable)
    if spec.key:
        action.setShortcut(QKeySequence(spec.key))
    action.setIconText(plain_text(spec.text).rstrip("…"))
    handler = _handler(window, spec.handler)
    action.triggered.connect(lambda _checked=False: handler())
    return action


def _handler(window: QObject, path: str) -> Callable[[], Any]:
    found: Any = window
    for name in path.split("."):
        owner, found = found, getattr(found, name, None)
        if found is None:
            advice = _did_you_mean(name, dir(owner))
            raise AttributeError(f"There is no {name!r} for the action handler {path!r}{advice}")
    return found  # type: ignore[no-any-return]


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {close[0]!r}?" if close else ""
