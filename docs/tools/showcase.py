"""The dialogs of the shell with something in them, for pictures and for looking at them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from PySide6.QtWidgets import QDialog

from hdmea_gui.dialogs.message import MessageDialog
from hdmea_gui.flows.calibration.dialog import CalibrationDialog
from hdmea_gui.flows.palette_dialog import CommandPalette
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.text.help_topics import field_topic

__all__ = ["shell_dialogs"]

_DETAILS = """Traceback (most recent call last):
  File "hdmea/recordings/mcs/cmcr.py", line 212, in read_light
    block = dataset[start:stop]
OSError: Can't synchronously read data (file read failed)
"""


def shell_dialogs(window: MainWindow) -> Iterator[tuple[str, QDialog]]:
    """Open one dialog after the other; each is closed before the next.

    Yields
    ------
    (str, QDialog)
        Name of the picture, and the dialog that is open.
    """
    helping = window.helping
    step = window.panel.list.chosen_item
    openers: dict[str, Callable[[], None]] = {
        "palette": helping.show_palette,
        "help": helping.show_page,
        "about": helping.show_about,
        "settings": window.preferences.show,
        "presets": window.editing.show_presets,
        "calibration": window.edit_calibration,
        "unsaved": lambda: _ask_to_close(window),
        "error": lambda: window.dialogs.open(_error(window)),
    }
    if step is not None:
        window.panel.list.setFocus()
        openers["topic_step"] = helping.explain_focus
        if step.spec.fields:
            field = step.spec.fields[0]
            openers["topic_field"] = lambda: helping.show_topic(field_topic(field, field.default))
    for name, opens in openers.items():
        opens()
        dialog = window.dialog
        assert dialog is not None
        if isinstance(dialog, CommandPalette):
            dialog.line.setText("sa")
        if isinstance(dialog, CalibrationDialog):
            dialog.model.set_value("um_per_pixel", 60.0)
            dialog.model.set_value("rotation_deg", 4.0)
            dialog.model.set_value("offset_um", (100.0, 60.0))
            dialog.chip.show_pitch(16.0)
        yield name, dialog
        dialog.done(0)


def _ask_to_close(window: MainWindow) -> None:
    window.close()


def _error(window: MainWindow) -> MessageDialog:
    return MessageDialog(
        "Load recording failed",
        (
            "The light signal could not be read: the file ends early.",
            "Copy the recording again from where it was made, and open it anew.",
        ),
        details=_DETAILS,
        kept="What was computed before is kept; the session is as it was before this step.",
        parent=window,
    )
