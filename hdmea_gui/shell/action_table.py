"""Every action of the window as data: menus, toolbar, shortcuts and help come from this one table."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ACTIONS", "ActionSpec", "plain_text"]


def plain_text(text: str) -> str:
    """Return the text of a menu without its mnemonic."""
    return text.replace("&", "")


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
    menu
        Title of the menu; the order of the table is the order of the menu.
    tooltip
        One sentence.
    shortcut, icon
        Key sequence and name of the icon, empty for none.
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
    menu: str
    tooltip: str
    shortcut: str = ""
    icon: str = ""
    toolbar: bool = False
    new_group: bool = False
    checkable: bool = False
    choice: str = ""


ACTIONS: tuple[ActionSpec, ...] = (
    ActionSpec(
        "open",
        "&Open…",
        "opening.open_files",
        "&File",
        "Open a .cmcr/.cmtr recording, a saved result or a checkpoint",
        "Ctrl+O",
        "open",
        toolbar=True,
    ),
    ActionSpec(
        "open_folder",
        "Open &folder…",
        "opening.open_folder",
        "&File",
        "Open the recording in a folder",
        "Ctrl+Shift+O",
    ),
    ActionSpec(
        "open_checkpoint",
        "Resume fro&m checkpoint…",
        "opening.open_checkpoint",
        "&File",
        "Open a snapshot of earlier work and go on from there",
    ),
    ActionSpec(
        "open_demo",
        "Open &demo recording",
        "opening.open_demo",
        "&File",
        "Make and open a small simulated recording",
        "Ctrl+D",
        "demo",
        toolbar=True,
    ),
    ActionSpec(
        "save",
        "&Save",
        "saving.save",
        "&File",
        "Write the result file",
        "Ctrl+S",
        "save",
        toolbar=True,
        new_group=True,
    ),
    ActionSpec(
        "save_as", "Save &as…", "saving.save_as", "&File", "Write the result under a new name", "Ctrl+Shift+S"
    ),
    ActionSpec(
        "checkpoint",
        "&Checkpoint…",
        "saving.checkpoint",
        "&File",
        "Write a snapshot to resume from; the session stays in memory",
        "Ctrl+K",
        "checkpoint",
        toolbar=True,
    ),
    ActionSpec(
        "auto_checkpoint",
        "A&utomatic checkpoints",
        "toggle_auto_checkpoint",
        "&File",
        "Write a checkpoint after each step, to recover after a crash; it goes when you save or close",
        checkable=True,
    ),
    ActionSpec(
        "settings",
        "Se&ttings…",
        "preferences.show",
        "&File",
        "Colours, automatic checkpoints, recent files and log folder",
        "Ctrl+,",
        "settings",
        new_group=True,
    ),
    ActionSpec("quit", "&Quit", "close", "&File", "Close the program", "Ctrl+Q", new_group=True),
    ActionSpec("undo", "&Undo", "editing.undo", "&Edit", "Take the last change of parameters back", "Ctrl+Z"),
    ActionSpec(
        "redo",
        "&Redo",
        "editing.redo",
        "&Edit",
        "Make the change again that was taken back last",
        "Ctrl+Shift+Z",
    ),
    ActionSpec(
        "reset_parameters",
        "&Defaults of this step",
        "editing.reset",
        "&Edit",
        "Set the parameters of the chosen step to their defaults",
        "",
        "reset",
        new_group=True,
    ),
    ActionSpec(
        "reset_all_parameters",
        "Defaults of &all steps",
        "editing.reset_all",
        "&Edit",
        "Set the parameters of all steps to their defaults",
    ),
    ActionSpec(
        "save_preset",
        "&Save parameters as preset…",
        "editing.save_preset",
        "&Edit",
        "Keep the parameters of this step, or of all steps, under a name",
        new_group=True,
    ),
    ActionSpec(
        "presets",
        "&Presets…",
        "editing.show_presets",
        "&Edit",
        "Take over, remove, import or export parameters that were saved under a name",
        "Ctrl+Alt+P",
    ),
    ActionSpec(
        "run_all",
        "Run &all steps",
        "controller.run_all",
        "&Run",
        "Run the steps of the chosen flow; what is up to date is kept",
        "F5",
        "run_all",
        toolbar=True,
    ),
    ActionSpec(
        "run_to_here",
        "Run to &here",
        "running.run_to_here",
        "&Run",
        "Run what is missing or stale up to the chosen step",
        "Shift+F5",
        "run_to_here",
    ),
    ActionSpec(
        "run_step",
        "Run &step",
        "running.run_step",
        "&Run",
        "Run the chosen step with the parameters shown",
        "Ctrl+Return",
        "run",
    ),
    ActionSpec(
        "run_again",
        "Run a&gain",
        "running.run_again",
        "&Run",
        "Compute the chosen step anew with the parameters shown; what was made from it becomes stale",
        "Ctrl+Shift+Return",
        "run_again",
    ),
    ActionSpec(
        "stop",
        "S&top",
        "controller.stop",
        "&Run",
        "Stop the running step; the session stays as it was before it",
        "Esc",
        "stop",
        toolbar=True,
    ),
    ActionSpec(
        "show_failure",
        "&Why it failed…",
        "running.show_failure",
        "&Run",
        "Show why the chosen step has no results, what was kept, and details to copy",
    ),
    ActionSpec(
        "calibration",
        "Stimulus &calibration…",
        "edit_calibration",
        "&Run",
        "Where the stimulus lies on the chip, and the pitch of the electrodes",
        "Ctrl+Shift+K",
        "chip",
        new_group=True,
    ),
    ActionSpec(
        "previous_unit",
        "Previous &unit",
        "previous_unit",
        "&View",
        "Show the unit above in the table",
        "Ctrl+Up",
    ),
    ActionSpec(
        "next_unit", "&Next unit", "next_unit", "&View", "Show the unit below in the table", "Ctrl+Down"
    ),
    ActionSpec(
        "whole_recording",
        "&Whole recording",
        "whole_recording",
        "&View",
        "Zoom out to the whole recording",
        "Ctrl+0",
        "zoom_out",
    ),
    ActionSpec(
        "next_view",
        "Next &view",
        "panes.next_view",
        "&View",
        "Show the view of the next tab",
        "Ctrl+PgDown",
        new_group=True,
    ),
    ActionSpec(
        "previous_view",
        "Previous v&iew",
        "panes.previous_view",
        "&View",
        "Show the view of the tab before",
        "Ctrl+PgUp",
    ),
    ActionSpec(
        "next_pane",
        "Next &part of the window",
        "panes.next_pane",
        "&View",
        "Steps, parameters, views, units, log: put the focus into the next one",
        "F6",
    ),
    ActionSpec(
        "previous_pane",
        "Previous p&art of the window",
        "panes.previous_pane",
        "&View",
        "Put the focus into the part before",
        "Shift+F6",
    ),
    ActionSpec(
        "log",
        "&Log and warnings",
        "toggle_log",
        "&View",
        "Show or hide the log",
        "Ctrl+L",
        "log",
        new_group=True,
        checkable=True,
    ),
    ActionSpec(
        "theme_light",
        "Li&ght colours",
        "colours.use_light",
        "&View",
        "Dark on light",
        new_group=True,
        checkable=True,
        choice="theme",
    ),
    ActionSpec(
        "theme_dark",
        "&Dark colours",
        "colours.use_dark",
        "&View",
        "Light on dark",
        checkable=True,
        choice="theme",
    ),
    ActionSpec(
        "theme_system",
        "Colours of the &system",
        "colours.use_system",
        "&View",
        "As the desktop",
        checkable=True,
        choice="theme",
    ),
    ActionSpec(
        "copy_view",
        "&Copy picture of the view",
        "exporting.copy_picture",
        "E&xport",
        "Copy what the view shows as a picture; a right click on a plot copies that plot alone",
    ),
    ActionSpec(
        "export_view",
        "Pict&ure of the view…",
        "exporting.export_picture",
        "E&xport",
        "Save what the view shows as PNG, SVG or PDF; a right click on a plot saves that plot alone",
    ),
    ActionSpec(
        "export_data",
        "&Data of the view…",
        "exporting.export_data",
        "E&xport",
        "Save the numbers behind the view as CSV; a right click on a plot saves those of that plot",
    ),
    ActionSpec(
        "export_table",
        "&Table of units…",
        "exporting.export_table",
        "E&xport",
        "Save the units that the table shows as CSV, with the numbers of all features",
        new_group=True,
    ),
    ActionSpec(
        "copy_script",
        "Copy as &Python script",
        "scripts.copy",
        "E&xport",
        "Copy what was done in this session as a Python script that gives the same file",
        "Ctrl+Shift+C",
        new_group=True,
    ),
    ActionSpec(
        "palette",
        "&Find a command…",
        "helping.show_palette",
        "&Help",
        "Find a command by a few letters of its name, and run it",
        "Ctrl+Shift+P",
        "search",
    ),
    ActionSpec(
        "help_focus",
        "&What is this?",
        "helping.explain_focus",
        "&Help",
        "Explain what has the focus: a step, a parameter, a column or a view",
        "F1",
        "help",
    ),
    ActionSpec(
        "help_page",
        "&Keyboard and commands",
        "helping.show_page",
        "&Help",
        "All commands with their keys, and how to read the views",
        "Ctrl+F1",
    ),
    ActionSpec(
        "copy_report",
        "Copy &error report",
        "helping.copy_report",
        "&Help",
        "Copy versions, steps and the last lines of the log, to report a problem; no data of the recording",
        new_group=True,
    ),
    ActionSpec(
        "open_log_folder",
        "Open log fo&lder",
        "helping.open_log_folder",
        "&Help",
        "Show the log files of this program in the file manager",
        icon="folder",
    ),
    ActionSpec(
        "check_updates",
        "Check for &updates…",
        "helping.check_updates",
        "&Help",
        "Open the page with the releases in the browser; the program itself does not use the network",
        new_group=True,
    ),
    ActionSpec(
        "about",
        "&About HD-MEA Studio",
        "helping.show_about",
        "&Help",
        "Version, libraries and licences",
    ),
)
