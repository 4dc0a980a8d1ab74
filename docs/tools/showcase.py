"""The dialogs of the shell, and a batch, with something in them: for pictures and for looking at them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QDialog

from hdmea.stimulus_setup.forms import EulerChirp
from hdmea_gui.dialogs.message import MessageDialog
from hdmea_gui.engine.batch import BatchItem
from hdmea_gui.flows.calibration.dialog import CalibrationDialog
from hdmea_gui.flows.palette_dialog import CommandPalette
from hdmea_gui.flows.setup.definition_dialog import DefinitionDialog
from hdmea_gui.flows.setup.dialog import SetupDialog
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.text.help_topics import field_topic

__all__ = ["hide_batch", "shell_dialogs", "show_batch", "show_rig"]

_DETAILS = """Traceback (most recent call last):
  File "hdmea/recordings/mcs/cmcr.py", line 212, in read_light
    block = dataset[start:stop]
OSError: Can't synchronously read data (file read failed)
"""

_DAY = "2025-04-10"
_OUTCOMES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("done", {"units": 135, "seconds": 412, "light": "amber", "warnings": ["A movie has 3 missing frames."]}),
    ("done", {"units": 98, "seconds": 388, "light": "green"}),
    ("kept", {"units": 201, "light": "green"}),
    ("failed", {"seconds": 2.1, "message": "Rec-.cmtr is damaged: it ends in the middle. Copy it again."}),
    ("done", {"units": 64, "seconds": 377, "light": "red"}),
    ("crashed", {"seconds": 122, "message": "Its process ended unexpectedly (signal SIGSEGV)."}),
    ("other parameters", {"units": 120, "message": "It exists, other parameters. It was not changed."}),
    ("running", {"step": "Spike-triggered average", "fraction": 0.42, "overall": 0.61, "seconds": 251}),
    ("running", {"step": "Load recording", "fraction": 0.83, "overall": 0.12, "seconds": 38}),
    *(3 * (("waiting", {}),)),
)


def show_batch(window: MainWindow) -> None:
    """Show a day of recordings as it would be in the middle of its batch; nothing runs."""
    from hdmea.study import Outcome

    batch = window.controller.batch
    names = [
        f"{_DAY.replace('-', '.')}-{10 + number // 2}.{17 * number % 60:02d}.57-Rec" for number in range(12)
    ]
    batch.items = tuple(BatchItem(name, f"/data/{_DAY}/{name}.cmcr", 40_000_000_000) for name in names)
    batch.outcomes = {
        name: Outcome(key=name, name=name, state=state, target=f"/data/results/{name}.h5", **facts)
        for name, (state, facts) in zip(names, _OUTCOMES, strict=True)
    }
    batch.is_running = True
    batch.items_changed.emit()
    batch.activity_changed.emit()
    window.batch.setup.output.setText(f"/data/{_DAY}/results")
    window.batch.table.selectRow(3)
    window.show_batch()


def hide_batch(window: MainWindow) -> None:
    """Show the recording again, with an empty batch."""
    batch = window.controller.batch
    batch.is_running = False
    batch.remove([item.key for item in batch.items])
    batch.activity_changed.emit()
    window.show_batch(False)


_LIGHTS: tuple[tuple[str, str, float | None, str, str], ...] = (
    (
        "electrodes.noise",
        "green",
        7.9,
        "uV",
        "Median SD of 4102 working electrodes (90 % from 6.8 to 9.6); 12 (0.28 %) are much noisier than what "
        "is around.",
    ),
    ("electrodes.hum", "red", 2310, "electrodes", "54.7 % of the electrodes have a clear line at 50 Hz."),
    (
        "spikes.rate",
        "green",
        3.1,
        "Hz",
        "Median threshold crossings of the 874 of 4225 electrodes (21 %) that have more than 0.5 per second.",
    ),
    ("spikes.units", "grey", None, "units", "After sorting: the recording has no sorted units yet."),
    ("light.lost", "green", 0, "flips", "0 flips are missing and 0 are double."),
    ("noise_sta", "green", 143, "electrodes", "143 of 256 electrodes (56 %) have a visible average."),
)
_RECORDINGS: tuple[tuple[str, str, str, str, bool], ...] = (
    ("16.20.44", "written", "grey", "It is being written.", False),
    ("15.47.10", "measured", "grey", "It is being measured.", False),
    ("15.02.31", "judged", "red", "1 red: Electrodes: hum.", False),
    ("13.40.05", "judged", "green", "Nothing is amber or red.", True),
    ("11.12.57", "judged", "amber", "1 amber: Light: lost.", True),
)


def show_rig(window: MainWindow) -> None:
    """Show a folder at the rig as it would be in the middle of a day; nothing is watched."""
    watch = window.controller.watch
    lights = [
        dict(zip(("name", "light", "value", "unit", "sentence"), each, strict=True)) for each in _LIGHTS
    ]
    folder = f"/data/{_DAY}"
    for number, (time, state, light, said, has_units) in enumerate(_RECORDINGS):
        name = f"{_DAY.replace('-', '.')}-{time}-Rec"
        watch.take(
            {
                "event": "recording",
                "name": f"{name}.cmcr",
                "path": f"{folder}/{name}.cmcr",
                "units": f"{folder}/{name}-.cmtr" if has_units else None,
                "state": state,
                "light": light,
                "sentence": said,
                "modified_s": -float(number),
                "lights": lights if state == "judged" else None,
            }
        )
    window.rig.folder.setText(folder)
    window.rig.table.selectRow(2)
    window.actions_["rig"].trigger()


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
        "setup": window.setup.show,
        "definition": window.setup.define,
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
        if isinstance(dialog, SetupDialog):
            _wait_for_checks(dialog)
        if isinstance(dialog, DefinitionDialog):
            _show_chirp(dialog)
        yield name, dialog
        dialog.done(0)


def _wait_for_checks(dialog: SetupDialog) -> None:
    """Let the window work until the light was compared with the blocks, and select one."""
    _wait(lambda: bool(dialog.model.checks))
    dialog.model.select(1)


def _show_chirp(dialog: DefinitionDialog) -> None:
    dialog.show_form(EulerChirp, {"name": "euler_chirp_32s_2x", "repeat": 2})
    _wait(lambda: dialog.preview.levels.size > 2 * 32 * 60)


def _wait(is_ready: Callable[[], bool]) -> None:
    loop, timer = QEventLoop(), QTimer()
    timer.timeout.connect(lambda: loop.quit() if is_ready() else None)
    timer.start(50)
    loop.exec()


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
