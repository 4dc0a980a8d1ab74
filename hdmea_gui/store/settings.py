"""What the window remembers: a versioned model in a JSON file. Broken settings never stop the start."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic

from hdmea.utils.exceptions import HDMEAError
from hdmea.utils.text_files import read_json, settings_path
from hdmea.utils.validation import problems_of
from hdmea.utils.whole_file import write_whole
from hdmea_gui.shell.theme import ThemeName

__all__ = ["Layout", "Settings", "SettingsStore", "default_settings_path"]

logger = logging.getLogger(__name__)

VERSION = 1
MAX_RECENT = 40
MAX_JOBS = 64


Pixels = Annotated[int, pydantic.Field(ge=0, le=32_767)]
"""No widget of Qt has more pixels."""
FrameEdge = Annotated[int, pydantic.Field(gt=0, le=100_000)]


class Layout(pydantic.BaseModel):
    """Which views are in panels of their own, and where; `state` as Qt writes it, in base 64."""

    model_config = pydantic.ConfigDict(extra="ignore")

    panels: list[str] = []
    state: str = ""


class Settings(pydantic.BaseModel):
    """Everything that is remembered; a value that is not allowed is replaced by its default."""

    model_config = pydantic.ConfigDict(extra="ignore")

    version: int = pydantic.Field(VERSION, ge=1)
    theme: ThemeName = "system"
    flow: str = ""
    open_folder: str = ""
    save_folder: str = ""
    export_folder: str = ""
    recent: list[str] = []
    recent_limit: int = pydantic.Field(12, ge=1, le=MAX_RECENT)
    calibration_path: str = ""
    sensor_pitch_um: float | None = None
    movie_frame: tuple[FrameEdge, FrameEdge] = (100, 100)
    geometry: str = ""
    main_splitter: list[Pixels] = []
    view_splitter: list[Pixels] = []
    panels: Layout = Layout()
    layouts: dict[str, Layout] = {}
    unit_columns: list[str] = []
    colour_choices: dict[str, dict[str, Any]] = {}
    log_visible: bool = False
    auto_checkpoint: bool = True
    parameters: dict[str, dict[str, Any]] = {}
    layout: Literal["", "columns", "lab"] = ""
    stimulus_library: str = ""
    batch_output: str = ""
    batch_jobs: int = pydantic.Field(0, ge=0, le=MAX_JOBS)
    batch_scheduler: str = ""
    batch_health: bool = True
    recovery_folder: str = ""
    recovery_share: float = pydantic.Field(0.2, gt=0, lt=1)
    health: dict[str, Any] = {}
    show_health: bool = True
    watch_folder: str = ""
    figure_style: str = ""
    recording_sheet: dict[str, str] = {}


class SettingsStore:
    """Reads and writes the settings.

    Parameters
    ----------
    path
        The JSON file.

    Attributes
    ----------
    values : Settings
        The settings; change them and call `write`.
    problems : list of str
        What was wrong with the file, for the log.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: list[str] = []
        self._unknown: dict[str, Any] = {}
        self.values = self._read()

    def _read(self) -> Settings:
        try:
            found = read_json(self.path)
        except FileNotFoundError:
            return Settings()
        except HDMEAError as error:
            return self._start_anew(f"The settings could not be read ({error.message.rstrip('.')})")
        if not isinstance(found, dict):
            return self._start_anew("The settings file does not contain settings")
        version = found.get("version")
        if isinstance(version, int) and version > VERSION:
            self._unknown = {name: found[name] for name in found if name not in Settings.model_fields}
            self.problems.append(
                "The settings were written by a newer version of the program; entries that this version "
                "does not know are kept."
            )
        return self._keep_what_is_allowed(found)

    def _keep_what_is_allowed(self, found: dict[str, Any]) -> Settings:
        try:
            return Settings.model_validate(found)
        except pydantic.ValidationError as error:
            bad = {problem.field for problem in problems_of(error, Settings)}
            self.problems.append(f"Invalid settings were ignored: {', '.join(sorted(bad))}.")
            kept = {name: value for name, value in found.items() if name not in bad}
            return Settings.model_validate(kept)

    def _start_anew(self, reason: str) -> Settings:
        kept = self.path.with_suffix(".broken.json")
        try:
            os.replace(self.path, kept)
            where = f" The old file is kept as {kept.name}."
        except OSError as error:
            logger.warning("The unreadable settings file could not be renamed: %s", error)
            where = ""
        self.problems.append(f"{reason}; the program starts with its defaults.{where}")
        return Settings()

    def note_recent(self, path: Path) -> None:
        """Put a file at the top of the recent files."""
        name = str(path)
        others = [other for other in self.values.recent if other != name]
        self.values.recent = [name, *others][: self.values.recent_limit]

    def write(self) -> None:
        """Write the settings; a failure is logged, never raised: no work depends on them."""
        values = {**self._unknown, **self.values.model_dump(mode="json")}
        try:
            write_whole(self.path, json.dumps(values, indent=1))
        except OSError as error:
            logger.warning("The settings could not be written: %s", error)


def default_settings_path() -> Path:
    """Return where the settings of this user are."""
    return settings_path()
