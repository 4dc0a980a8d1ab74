"""All commands and keys as a page: for the help of the window, and as Markdown for the documentation.

``python -m hdmea_gui.text.keyboard docs/keyboard.md`` writes the page of the documentation.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hdmea_gui.shell.actions import ACTIONS, ActionSpec, plain_text

__all__ = ["KEYS", "Row", "groups", "keyboard_page", "main"]


@dataclass(frozen=True)
class Row:
    """One line of the page: name of the command, its keys, what it does."""

    name: str
    keys: str
    does: str


# What widgets do by themselves: keys and mouse that no action stands for.
KEYS: dict[str, tuple[Row, ...]] = {
    "Moving around": (
        Row("Next field", "Tab", "Move to the next field, list or button; Shift+Tab moves back"),
        Row("Menus", "Alt", "Open a menu by its underlined letter, as Alt+F for File"),
        Row("Views", "Left, Right", "Show another view, while the row of tabs has the focus"),
        Row("Leave", "Esc", "Close the open dialog without changing anything"),
    ),
    "Steps and parameters": (
        Row(
            "Select a step", "Up, Down", "Show another step and its parameters, while the list has the focus"
        ),
        Row("Change a number", "Up, Down", "Change by one step; Page Up and Page Down change by ten"),
        Row("Run a step", "Double-click", "Run the step under the mouse"),
    ),
    "Units": (
        Row("Select units", "Up, Down", "Select another unit; with Shift, select several"),
        Row("First or last unit", "Home, End", "Select the first or last unit of the table"),
        Row("Select individual units", "Ctrl+click", "Add a unit to the selection, or remove it"),
        Row("Sort", "Click on a heading", "Sort by this column; again for the other direction"),
    ),
    "Views": (
        Row("Show a view", "Ctrl+1 … Ctrl+9", "Show the view of the first, second … tab"),
        Row("Zoom", "Wheel", "Zoom at the pointer; with Shift horizontally, with Ctrl vertically"),
        Row("Move", "Drag", "Move; a drag that begins on a handle moves the handle"),
        Row("Zoom to a frame", "Right drag, B", "Zoom to a frame; B has the left button do it"),
        Row("Show all", "Double-click, Home", "Show all of a plot, or the automatic range of colours"),
        Row("Move and zoom by keys", "Arrows, +, −", "Move and zoom the plot, while it has the focus"),
        Row("Type limits", "L", "Set the limits of the plot in numbers"),
        Row("Range of colours", "Drag on the bar", "Move an end of the range, or in the middle both"),
        Row("Select on a map", "Shift+drag, Ctrl+drag", "Select the units in a frame, or add them"),
        Row(
            "Step through frames",
            "Left, Right",
            ("Move one frame back or forward, while the slider has the focus"),
        ),
        Row(
            "Move in raw data",
            "Left, Right, Page Up, Page Down, Home, End",
            "Move by a quarter, by all that is shown, or to either end, while the voltages have the focus",
        ),
        Row("Zoom in raw data", "+, −", "Show a shorter or longer stretch of time"),
        Row("Enlarge traces", "Up, Down", "Enlarge or reduce the voltages"),
        Row("Go from spike to spike", "N, P", "Move to the next or previous spike of the current unit"),
        Row("Copy or export", "Right click, Menu", "Copy a plot or the view, or save its picture or data"),
    ),
}


def groups(
    specs: Sequence[ActionSpec] = ACTIONS, keys_of: Callable[[ActionSpec], str] | None = None
) -> dict[str, tuple[Row, ...]]:
    """Return all rows by group: the menus in their order, then what widgets do by themselves.

    Parameters
    ----------
    specs
        The table of actions.
    keys_of
        Gives the shortcut of an action as this computer writes it; default: as the table writes it.
    """
    found: dict[str, list[Row]] = {}
    for spec in specs:
        keys = keys_of(spec) if keys_of is not None else spec.key
        menu = plain_text(spec.menu)
        found.setdefault(menu, []).append(Row(plain_text(spec.text), keys, spec.tooltip))
    return {**{f"Menu {menu}": tuple(rows) for menu, rows in found.items()}, **KEYS}


def keyboard_page() -> str:
    """Return the page of the documentation, in Markdown."""
    lines = [
        "# Keyboard and commands",
        "",
        "Every command of the window with its keys. In the window, Ctrl+Shift+P finds a command by a few",
        "letters of its name, and F1 explains the focused item. On macOS, Ctrl is the command key ⌘.",
        "",
        "This page is written by `python -m hdmea_gui.text.keyboard docs/keyboard.md`.",
    ]
    for title, rows in groups().items():
        lines += ["", f"## {title}", "", "| Command | Keys | What it does |", "|---|---|---|"]
        lines += [f"| {row.name} | {row.keys} | {row.does} |" for row in rows]
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Write the page; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m hdmea_gui.text.keyboard")
    parser.add_argument("file", type=Path, help="the Markdown file to write")
    parser.parse_args(argv).file.write_text(keyboard_page(), encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
