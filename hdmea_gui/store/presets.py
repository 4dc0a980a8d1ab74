"""Presets: parameters of steps under a name, as small JSON files that can be given to others."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydantic

from hdmea.utils.exceptions import HDMEAError
from hdmea.utils.text_files import read_json, regular_size
from hdmea.utils.validation import problems_in_file
from hdmea.utils.whole_file import write_whole

__all__ = ["Preset", "PresetError", "PresetStore", "StoredPreset", "read_preset", "write_preset"]

FORMAT = "hdmea-studio-parameters"
VERSION = 1
_UNSAFE = re.compile(r'[\\/:*?"<>|\x00-\x1f]+')
_MAX_BYTES = 1_000_000


class PresetError(Exception):
    """A preset cannot be read or written; the message says why and what to do."""


class Preset(pydantic.BaseModel):
    """Parameters of steps under a name: step to parameter to value."""

    model_config = pydantic.ConfigDict(frozen=True, extra="ignore")

    format: str = FORMAT
    version: int = VERSION
    name: str = pydantic.Field(min_length=1, max_length=80)
    about: str = ""
    steps: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class StoredPreset:
    """A preset, its file, and whether it came with the program."""

    preset: Preset
    path: Path
    built_in: bool


def read_preset(path: Path) -> Preset:
    """Read a preset file.

    Raises
    ------
    PresetError
        If it cannot be read, is not a preset, or was written by a newer version of the program.
    """
    try:
        if regular_size(path) > _MAX_BYTES:
            raise PresetError(f"{path.name} is not a preset: it is far too large.")
        found = read_json(path)
    except HDMEAError as error:
        raise PresetError(f"{path.name} is not a preset: {error.message}") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise PresetError(
            f"{path.name} is not a preset of this program. Choose a file that was saved as one."
        )
    version = found.get("version")
    if isinstance(version, int) and version > VERSION:
        raise PresetError(
            f"{path.name} was saved by a newer version of the program (format {version}; this version reads "
            f"formats up to {VERSION}). Update the program, or save the preset with this version."
        )
    try:
        return Preset.model_validate(found)
    except pydantic.ValidationError as error:
        problems = problems_in_file(error, Preset)
        raise PresetError(f"{path.name} is not a valid preset: {problems}.") from error


def write_preset(preset: Preset, path: Path) -> None:
    """Write a preset file; an existing one is replaced, whole or not at all.

    Raises
    ------
    PresetError
        If it cannot be written.
    """
    text = json.dumps(preset.model_dump(mode="json"), indent=1, ensure_ascii=False)
    try:
        write_whole(path, text)
    except OSError as error:
        raise PresetError(f"{path.name} could not be written: {error.strerror or error}.") from error


class PresetStore:
    """The presets of this person, and those that came with the program.

    Parameters
    ----------
    folder
        Where the user's own are; made when the first one is saved.
    built_in
        Folder of those that came with the program.

    Attributes
    ----------
    problems : list of str
        Which files could not be read at the last look, and why.
    """

    def __init__(self, folder: Path, built_in: Path) -> None:
        self.folder = folder
        self.built_in = built_in
        self.problems: list[str] = []

    def all(self) -> tuple[StoredPreset, ...]:
        """Return all presets by name, the user's own first."""
        self.problems = []
        own = sorted(self._read(self.folder, built_in=False), key=_by_name)
        return (*own, *sorted(self._read(self.built_in, built_in=True), key=_by_name))

    def own(self, name: str) -> StoredPreset | None:
        """Return the user's own preset of that name, None without one."""
        wanted = name.strip().casefold()
        found = (stored for stored in self.all() if not stored.built_in)
        return next((stored for stored in found if stored.preset.name.casefold() == wanted), None)

    def save(self, preset: Preset) -> Path:
        """Write a preset; the user's own of the same name is replaced.

        Raises
        ------
        PresetError
            If it cannot be written.
        """
        there = self.own(preset.name)
        path = there.path if there is not None else self._free_path(preset.name)
        write_preset(preset, path)
        return path

    def delete(self, stored: StoredPreset) -> None:
        """Remove one of the user's own presets.

        Raises
        ------
        PresetError
            If it came with the program, or cannot be removed.
        """
        if stored.built_in:
            raise PresetError(f"“{stored.preset.name}” is built in and cannot be deleted.")
        try:
            stored.path.unlink(missing_ok=True)
        except OSError as error:
            reason = error.strerror or error
            raise PresetError(f"“{stored.preset.name}” could not be deleted: {reason}.") from error

    def _read(self, folder: Path, *, built_in: bool) -> Iterator[StoredPreset]:
        for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
            try:
                yield StoredPreset(read_preset(path), path, built_in)
            except PresetError as error:
                self.problems.append(str(error))

    def _free_path(self, name: str) -> Path:
        stem = _UNSAFE.sub("_", name.strip()).strip(". ") or "preset"
        path, number = self.folder / f"{stem}.json", 2
        while path.exists():
            path, number = self.folder / f"{stem} {number}.json", number + 1
        return path


def _by_name(stored: StoredPreset) -> str:
    return stored.preset.name.casefold()
