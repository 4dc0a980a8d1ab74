"""Every dialog of the window with something long in it, for tests that look at all of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PySide6.QtWidgets import QDialog

from hdmea.exporters import EXPORTERS
from hdmea.stimuli.alignment import FrameLight
from hdmea.stimulus_setup import Block, RecordedStimulus, UnknownBlock
from hdmea_gui.dialogs.message import MessageDialog
from hdmea_gui.engine.exports import ExportKind
from hdmea_gui.engine.forms import describe_options
from hdmea_gui.engine.snapshot import Candidate, FileFacts, OpenResult, Refused
from hdmea_gui.flows.close_guard import UnsavedDialog
from hdmea_gui.flows.export import ExportOptionsDialog
from hdmea_gui.flows.figure_dialog import FigureDialog
from hdmea_gui.flows.open import ChooseRecordingDialog
from hdmea_gui.flows.provenance_dialog import ProvenanceDialog
from hdmea_gui.flows.recover import KeptWork, RecoveryDialog
from hdmea_gui.flows.run import RunAllDialog, StalledDialog
from hdmea_gui.flows.save import OverwriteDialog
from hdmea_gui.flows.setup.dialog import SetupDialog
from hdmea_gui.flows.setup.query import SetupFound
from hdmea_gui.flows.sheet import SheetDialog, SheetView
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.views.parts.limits_dialog import LimitsDialog

__all__ = ["DIALOG_ACTIONS", "dialog_openers", "dialogs_of_the_program"]

DIALOG_ACTIONS = (
    "settings",
    "save_preset",
    "presets",
    "calibration",
    "define_stimulus",
    "palette",
    "help_focus",
    "help_page",
    "about",
)
"""Actions that open a dialog whatever is in memory."""

_FOLDER = Path("/data/Messungen März µ 中/2025-04-10 retina 3, left eye, a long name of a folder")


def dialogs_of_the_program() -> set[str]:
    """Return the names of all classes of dialogs that the program defines, as far as it is imported."""
    found, left = set(), [QDialog]
    while left:
        kinds = left.pop().__subclasses__()
        left += kinds
        found |= {kind.__name__ for kind in kinds if kind.__module__.startswith("hdmea_gui.")}
    return found


def dialog_openers(window: MainWindow) -> dict[str, Callable[[], None]]:
    """Return what opens each dialog; each is then `window.dialog`."""
    openers: dict[str, Callable[[], None]] = {name: window.actions_[name].trigger for name in DIALOG_ACTIONS}
    openers["columns"] = window.table.choose_columns
    for made in (
        _overwrite,
        _unsaved,
        _unsaved_while_running,
        _message,
        _stalled,
        _run_all,
        _provenance,
        _recovery,
        _choose,
        _setup,
        _limits,
    ):
        openers[made.__name__] = lambda made=made: window.dialogs.open(made(window))  # type: ignore[misc]
    openers["figure"] = lambda: window.dialogs.open(_figure(window))
    openers["sheet"] = lambda: window.dialogs.open(_sheet(window))
    openers["export options"] = lambda: window.dialogs.open(_export_options(window))
    return openers


def _figure(window: MainWindow) -> QDialog:
    found = EXPORTERS.get("figure")
    kind = ExportKind(found.name, found.title, found.suffixes, describe_options(found))
    return FigureDialog(kind, {}, window.controller, window.dialogs.theme, window)


def _sheet(window: MainWindow) -> QDialog:
    form = describe_options(EXPORTERS.get("nwb"))
    known = {"species": "mouse", "subject_id": "a long name of an animal, which nobody would write"}
    return SheetDialog(SheetView(form, known, ("species",)), window.controller, window.dialogs.theme, window)


def _export_options(window: MainWindow) -> QDialog:
    found = EXPORTERS.get("csv")
    kind = ExportKind(found.name, found.title, found.suffixes, describe_options(found))
    return ExportOptionsDialog(kind, (), window.dialogs.theme, window)


def _overwrite(window: MainWindow) -> QDialog:
    own = window.controller.own_facts()
    titles = {item.spec.name: item.spec.title for item in window.controller.steps.items}
    steps = tuple(titles)
    path = _FOLDER / "2025.04.10-11.12.57-Rec, second try.h5"
    there = FileFacts(path, "2025.04.10-11.12.57-Rec", 135, steps, 31_400_000, "2025-04-10T11:42:00+00:00")
    return OverwriteDialog(there, own, titles, window)


def _unsaved(window: MainWindow) -> QDialog:
    losses = ("406 units", "the results of 11 steps: " + ", ".join(["Spike-triggered averages"] * 11))
    return UnsavedDialog("Close?", losses, can_save=True, discard_text="Close anyway", parent=window)


def _unsaved_while_running(window: MainWindow) -> QDialog:
    losses = ("“Spike-triggered averages” is still running", "406 units")
    return UnsavedDialog(
        "Open another recording?",
        losses,
        can_save=True,
        discard_text="Open anyway",
        wait_text="Wait, then open",
        parent=window,
    )


def _message(window: MainWindow) -> QDialog:
    reasons = ("The light signal could not be read: the file ends early. " * 4, "Copy it again.")
    details = 'File "hdmea/recordings/mcs/cmcr.py", line 212, in read_light\n' * 30
    kept = "What was computed before is kept; the session is as it was before this step."
    return MessageDialog("Load recording failed", reasons, details=details, kept=kept, parent=window)


def _stalled(window: MainWindow) -> QDialog:
    return StalledDialog("Spike-triggered averages", window)


def _run_all(window: MainWindow) -> QDialog:
    again = (
        ("Section times", "parameters changed since 2026-10-07 11:42"),
        ("Spike-triggered averages", "stale: Section times ran again on 2026-10-07 11:42"),
    )
    return RunAllDialog(again * 4, window)


def _provenance(window: MainWindow) -> QDialog:
    return ProvenanceDialog(window.controller.state, window.controller.steps.items, "", window)


def _recovery(window: MainWindow) -> QDialog:
    lines = ("Of 2025.04.10-11.12.57-Rec with 406 units, written at 11:42. " * 2, "Eleven steps are in it.")
    kept = KeptWork("2025.04.10-11.12.57-Rec, today 11:42", "The program ended before it was saved", lines)
    return RecoveryDialog((kept, kept), window)


def _setup(window: MainWindow) -> QDialog:
    n_frames = 4000
    light = FrameLight(np.zeros(n_frames), np.ones(n_frames, bool), 1 / 60)
    events = np.array([180, 2000])
    known = RecordedStimulus(
        _FOLDER / "2025.04.10-11.12.57-Rec.cmcr",
        "2025.04.10-11.12.57-Rec",
        "display",
        light,
        np.arange(n_frames) / 60,
        events,
        ("Digital On", "Digital Off"),
        lengths={"a movie with a long name_15x15_15hz_r42_3min": 600},
    )
    block = Block("a movie with a long name_15x15_15hz_r42_3min", 200, 600, "length", others=("other",))
    unknown = (UnknownBlock(3000, 3600, 0.5, 0.2, 60.0),)
    found = SetupFound(known, (block,), unknown, "proposed from the recorded light")
    dialog = SetupDialog(window.controller, window.dialogs.theme, found=found, parent=window)
    dialog.events_button.setChecked(True)
    return dialog


def _choose(window: MainWindow) -> QDialog:
    names = [f"2025.04.{day:02}-11.12.57-Rec" for day in range(1, 25)]
    candidates = tuple(
        Candidate((_FOLDER / f"{name}.cmcr", _FOLDER / f"{name}-.cmtr"), True) for name in names
    )
    refused = (Refused(_FOLDER / "notes.txt", "It is neither a recording nor a result. " * 3),)
    return ChooseRecordingDialog(OpenResult(None, candidates=candidates, refused=refused), window)


def _limits(window: MainWindow) -> QDialog:
    rows = {"Time relative to the spike (ms)": (-1000.0, 0.0), "Mean light level": (88.5, 168.25)}
    return LimitsDialog("Time course", rows, window)
