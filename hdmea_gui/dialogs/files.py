"""Dialogs of the desktop that ask for files; they begin where a drive answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

from hdmea_gui.engine.file_lookup import file_start, folder_start, is_there
from hdmea_gui.engine.opening import readable_suffixes

__all__ = [
    "STIMULUS_TITLES",
    "ask_calibration",
    "ask_calibration_target",
    "ask_checkpoint",
    "ask_definition",
    "ask_definition_target",
    "ask_folder",
    "ask_open_files",
    "ask_partner",
    "ask_preset",
    "ask_preset_target",
    "ask_recording_of_stimuli",
    "ask_save_path",
    "ask_shown",
    "ask_stimulus",
    "ask_tables",
    "ask_target",
]

_CALIBRATIONS = "Stimulus calibrations (*.json)"
_CSV = "Tables (*.csv);;All files (*)"
_DEFINITIONS = "Stimulus definitions (*.json)"
_PRESETS = "Presets (*.json)"
_TABLES = "Tables (*.csv *.tsv *.txt *.xlsx *.xlsm);;All files (*)"


STIMULUS_TITLES = {
    "playlist_file_path": "Playlist of this recording",
    "movie_length_file_path": "Lengths of the movies",
    "stimuli_dir": "Folder of the movies (<movie>.npy)",
    "config_dir": "Folder of the definitions (<movie>.json)",
}
"""Parameters that say where the files of the stimulus are, and the titles of their dialogs."""


def ask_open_files(parent: QWidget, folder: str) -> list[Path]:
    """Return the files to open, none if the user cancelled."""
    start = folder_start(folder)
    known = " ".join(f"*{suffix} *{suffix.upper()}" for suffix in readable_suffixes())
    readable = f"Recordings and results ({known});;All files (*)"
    names, _ = QFileDialog.getOpenFileNames(parent, "Open recording or result", start, readable)
    return [Path(name) for name in names]


def ask_checkpoint(parent: QWidget, folder: str) -> Path | None:
    """Return the checkpoint to resume from, None if the user cancelled."""
    name, _ = QFileDialog.getOpenFileName(
        parent, "Resume from checkpoint", folder_start(folder), "Checkpoints and results (*.h5 *.hdf5)"
    )
    return Path(name) if name else None


def ask_partner(parent: QWidget, folder: str, suffix: str) -> Path | None:
    """Return the other file of a pair, None if the user cancelled."""
    kind = f"The {suffix} file of this recording"
    wanted = f"{kind} (*{suffix} *{suffix.upper()})"
    name, _ = QFileDialog.getOpenFileName(parent, kind, folder_start(folder), wanted)
    return Path(name) if name else None


def ask_definition(parent: QWidget, folder: str) -> Path | None:
    """Return the stimulus definition to show, None if the user cancelled."""
    start = folder_start(folder)
    name, _ = QFileDialog.getOpenFileName(parent, "Import stimulus definition", start, _DEFINITIONS)
    return Path(name) if name else None


def ask_definition_target(parent: QWidget, proposed: str) -> Path | None:
    """Return where to write a stimulus definition, with the suffix ``.json``; None if the user cancelled."""
    return ask_target(
        parent,
        "Export stimulus definition",
        proposed,
        _DEFINITIONS,
        lambda path, _: _with_suffix(path, ".json"),
    )


def ask_shown(parent: QWidget, folder: str) -> Path | None:
    """Return the list of stimuli or the log to take, None if the user cancelled."""
    kinds = "Lists of stimuli and logs (*.json *.csv *.tsv *.txt *.log);;All files (*)"
    name, _ = QFileDialog.getOpenFileName(parent, "Import what was shown", folder_start(folder), kinds)
    return Path(name) if name else None


def ask_stimulus(parent: QWidget, folder: str, parameter: str) -> Path | None:
    """Return a table or a folder of the stimulus, by the parameter that it is for; None if cancelled."""
    if parameter.endswith("_dir"):
        return ask_folder(parent, folder, STIMULUS_TITLES[parameter])
    name, _ = QFileDialog.getOpenFileName(parent, STIMULUS_TITLES[parameter], folder_start(folder), _CSV)
    return Path(name) if name else None


def ask_recording_of_stimuli(parent: QWidget, folder: str) -> Path | None:
    """Return the recording whose stimuli are used, or its list of them; None if cancelled."""
    known = "Recordings and lists of stimuli (*.cmcr *.cmtr *.stimuli.json)"
    name, _ = QFileDialog.getOpenFileName(parent, "Recording with these stimuli", folder_start(folder), known)
    return Path(name) if name else None


def ask_folder(parent: QWidget, folder: str, title: str = "Open the recording in a folder") -> Path | None:
    """Return the folder that was chosen, None if the user cancelled."""
    name = QFileDialog.getExistingDirectory(parent, title, folder_start(folder))
    return Path(name) if name else None


def ask_tables(parent: QWidget, folder: str, title: str) -> list[Path]:
    """Return the tables that were chosen, none if the user cancelled."""
    names, _ = QFileDialog.getOpenFileNames(parent, title, folder_start(folder), _TABLES)
    return [Path(name) for name in names]


def ask_save_path(parent: QWidget, title: str, proposed: Path) -> Path | None:
    """Return where to write, with the suffix ``.h5``; None if the user cancelled.

    Whether an existing file is replaced is asked later, with both files side by side.
    """
    start = str(file_start(proposed))
    name, _ = QFileDialog.getSaveFileName(
        parent, title, start, "Result files (*.h5)", "", QFileDialog.Option.DontConfirmOverwrite
    )
    if not name:
        return None
    path = Path(name)
    return path if path.suffix.lower() in {".h5", ".hdf5"} else path.with_name(f"{path.name}.h5")


def ask_calibration(parent: QWidget, folder: str) -> Path | None:
    """Return the stimulus calibration to open, None if the user cancelled."""
    start = folder_start(folder)
    name, _ = QFileDialog.getOpenFileName(parent, "Open stimulus calibration", start, _CALIBRATIONS)
    return Path(name) if name else None


def ask_calibration_target(parent: QWidget, proposed: Path) -> Path | None:
    """Return where to write a stimulus calibration, with the suffix ``.json``; None if the user cancelled.

    Whether an existing file is replaced is asked later, in the dialog.
    """
    name, _ = QFileDialog.getSaveFileName(
        parent,
        "Save stimulus calibration",
        str(file_start(proposed)),
        _CALIBRATIONS,
        "",
        QFileDialog.Option.DontConfirmOverwrite,
    )
    if not name:
        return None
    path = Path(name)
    return path if path.suffix.lower() == ".json" else path.with_name(f"{path.name}.json")


def ask_preset(parent: QWidget, folder: str) -> Path | None:
    """Return the preset file to import, None if the user cancelled."""
    name, _ = QFileDialog.getOpenFileName(parent, "Import preset", folder_start(folder), _PRESETS)
    return Path(name) if name else None


def ask_preset_target(parent: QWidget, folder: str, proposed: str) -> Path | None:
    """Return where to export a preset, with the suffix ``.json``; None if the user cancelled."""
    start = str(file_start(Path(folder) / proposed)) if folder else proposed
    return ask_target(parent, "Export preset", start, _PRESETS, lambda path, _: _with_suffix(path, ".json"))


def ask_target(
    parent: QWidget, title: str, start: str, filters: str, complete: Callable[[Path, str], Path]
) -> Path | None:
    """Return where to write; None if the user cancelled.

    The dialog of the desktop asks before an existing file is chosen. It knows only the name that was typed:
    if that becomes the name of another file when it is completed, the dialog comes again with the whole name.

    Parameters
    ----------
    parent, title, start, filters
        Of the dialog; `start` is the proposed file.
    complete
        Returns the path with its suffix; called with what was typed and the filter that was chosen.
    """
    while True:
        name, picked = QFileDialog.getSaveFileName(parent, title, start, filters)
        if not name:
            return None
        path = complete(Path(name), picked)
        if path == Path(name) or not is_there(path):
            return path
        start = str(path)


def _with_suffix(path: Path, suffix: str) -> Path:
    return path if path.suffix.lower() == suffix else path.with_name(f"{path.name}{suffix}")
