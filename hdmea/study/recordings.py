"""Which recordings a batch works on: those below a folder, in a table, or named one by one."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hdmea.pipeline.session import dataset_id_from_paths
from hdmea.recordings import find_reader, open_units
from hdmea.recordings.pairing import find_partner, kind_of, sort_pair
from hdmea.study.sheet import sheet_name, sheet_value
from hdmea.utils.exceptions import HDMEAError, MissingFileError, ValidationError
from hdmea.utils.fixes import Advice
from hdmea.utils.spreadsheet import TABLE_SUFFIXES, read_rows
from hdmea.utils.text_files import parse_json, read_text
from hdmea.utils.validation import check_dataset_id

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession

__all__ = [
    "Found",
    "Recording",
    "check_names",
    "collect",
    "find_recordings",
    "join_sheet",
    "linked_recording",
    "pair_files",
    "read_sheet",
    "read_table",
]

_FILES: Final = ("cmcr", "cmtr")
_OWN: Final = (*_FILES, "name", "playlist", "flow")
_NAMING: Final = ("recording", "name", "dataset_id", "file", "path", "cmcr", "cmtr")


@dataclass(frozen=True)
class Recording:
    """One recording of a batch.

    Attributes
    ----------
    name
        Name of the recording; its result is ``<name>.h5``.
    cmcr, cmtr
        Raw and spike-sorted file (or a folder of sorted units); None where there is none.
    place
        Folder of the result below that of the batch.
    flow
        Flow for this recording; None for that of the batch.
    parameters
        Step to parameter to value; they count more than those of the batch.
    sheet
        What is known of the recording (`hdmea.study.sheet`).
    """

    name: str
    cmcr: Path | None
    cmtr: Path | None
    place: Path = Path()
    flow: str | None = None
    parameters: dict[str, dict[str, Any]] = field(default_factory=dict)
    sheet: dict[str, str | float | int] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What tells the recording in a batch: its place and name, with slashes."""
        return (self.place / self.name).as_posix()


@dataclass(frozen=True)
class Found:
    """Recordings, and what was left out.

    Attributes
    ----------
    recordings
        What a batch will work on.
    left_out
        File to the reason why it belongs to no recording of the batch.
    """

    recordings: tuple[Recording, ...]
    left_out: dict[Path, str] = field(default_factory=dict)


def collect(sources: Sequence[Path], output_dir: Path) -> Found:
    """Return the recordings of folders, tables and files, which may be mixed.

    Files that are neither recordings nor tables of recordings are left out, unless there is nothing else.

    Parameters
    ----------
    sources
        Each a folder that is searched, a table, or a file of a recording.
    output_dir
        Left out of the folders.

    Raises
    ------
    FileNotFoundError, ValidationError, ConfigurationError
        As `find_recordings`, `read_table` and `pair_files`.
    """
    recordings: list[Recording] = []
    left_out: dict[Path, str] = {}
    files: list[Path] = []
    for path in sources:
        if not path.exists():
            raise MissingFileError(f"{path} does not exist.", path=path, fix=Advice("Correct the name."))
    folders = [path for path in sources if kind_of(path) is None and path.is_dir()]
    for path in dict.fromkeys(sources):
        if path in folders:
            found = find_recordings(path, [output_dir])
            # Recordings of two days may have the same names.
            below = Path(path.absolute().name) if len(folders) > 1 else Path()
            recordings += [replace(each, place=below / each.place) for each in found.recordings]
            left_out.update(found.left_out)
        elif path.suffix.lower() in TABLE_SUFFIXES and (len(sources) == 1 or _names_recordings(path)):
            recordings += read_table(path)
        elif kind_of(path) is None and len(sources) > 1:
            left_out[path] = "is not a recording"
        else:
            files.append(path)
    known = {path.absolute() for each in recordings for path in (each.cmcr, each.cmtr) if path is not None}
    recordings += pair_files([path for path in files if path.absolute() not in known])
    check_names(recordings)
    return Found(tuple(recordings), left_out)


def _names_recordings(table: Path) -> bool:
    """Return whether a table has a column with recordings: other tables are beside them, too."""
    try:
        _, first = next(read_rows(table))
    except (StopIteration, HDMEAError, OSError):
        return False
    return any(title.casefold() in _FILES for title in first)


def find_recordings(folder: Path, without: Sequence[Path] = ()) -> Found:
    """Find the recordings in a folder and below it.

    Hidden folders, links to folders and the folders `without` are left out. A raw recording without sorted
    units is left out too, with the reason: it is taken as soon as they exist.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValidationError
        If two results would have the same name.
    """
    if not folder.is_dir():
        raise MissingFileError(
            f"There is no folder {folder}.",
            path=folder,
            fix=Advice("Check the path, and that the drive is connected."),
        )
    raw, units = _files_below(folder, {path.absolute() for path in without})
    left_out: dict[Path, str] = {}
    recordings: list[Recording] = []
    taken: dict[Path, Path] = {}
    for cmcr in raw:
        partner = find_partner(cmcr)
        if partner.path is None:
            left_out[cmcr] = f"has no sorted units: {partner.reason}"
            continue
        cmtr = None if partner.path == cmcr else partner.path
        others = [path for path in partner.others if path not in taken]
        taken.update(dict.fromkeys([*others, *([cmtr] if cmtr else [])], cmcr))
        left_out.update(dict.fromkeys(others, f"fits {cmcr.name} as well as {partner.path.name} does"))
        recordings.append(_recording(cmcr, cmtr, folder))
    for cmtr in units:
        if cmtr.absolute() in {path.absolute() for path in taken}:
            continue
        try:
            found = find_partner(cmtr, linked_recording(cmtr)).path
        except (HDMEAError, OSError):
            # What is wrong with it is told by the run.
            found = None
        if found is not None and any(recording.cmcr == found for recording in recordings):
            left_out[cmtr] = f"belongs to {found.name}, which other sorted units fit better"
        else:
            recordings.append(_recording(found, cmtr, folder))
    check_names(recordings)
    return Found(tuple(recordings), left_out)


def pair_files(paths: Sequence[Path]) -> list[Recording]:
    """Return the recordings of files that are named one by one; a partner that is not named is searched for.

    Raises
    ------
    ValidationError
        If a file is not a recording, or two results would have the same name.
    """
    for path in paths:
        if kind_of(path) is None:
            raise ValidationError(
                f"{path} is not a recording: neither a .cmcr or .cmtr file nor a folder of sorted units.",
                path=path,
                fix=Advice("Remove it from the list."),
            )
    recordings: list[Recording] = []
    for cmcr, cmtr in sort_pair(list(dict.fromkeys(paths))):
        one = cmcr or cmtr
        if (cmcr is None or cmtr is None) and one is not None and one.exists():
            partner = find_partner(one, linked_recording(one))
            other = None if partner.path == one else partner.path
            cmcr, cmtr = cmcr or other, cmtr or other
        recordings.append(Recording(dataset_id_from_paths(cmcr, cmtr), cmcr, cmtr))
    check_names(recordings)
    return recordings


def read_table(path: Path) -> list[Recording]:
    """Read the recordings of a CSV or Excel table: one row each.

    Columns ``cmcr``, ``cmtr`` (one of them is enough; relative to the table's folder), ``name``,
    ``playlist``, ``flow`` and ``step.parameter`` are understood, all others are the recording's sheet.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValidationError
        If it is not a table, a row names no recording, or two results would have the same name.
    """
    recordings = [_of_row(row, path, number) for number, row in read_rows(path)]
    if not recordings:
        raise ValidationError(
            f"{path.name} has no rows below its titles.",
            path=path,
            fix=Advice("Add a row for each recording."),
        )
    check_names(recordings)
    return recordings


def linked_recording(path: Path) -> str | None:
    """Return the raw file that spike-sorted data name, None for other files."""
    if find_reader(path, "units") is None:
        return None
    with open_units(path) as units:
        return units.linked_recording


def _files_below(folder: Path, without: set[Path]) -> tuple[list[Path], list[Path]]:
    """Return raw and spike-sorted files below a folder, in the order of their paths."""
    found: dict[str, list[Path]] = {"cmcr": [], "cmtr": []}
    for place, folders, names in os.walk(folder):
        here = Path(place)
        kept = []
        for name in sorted(folders):
            below = here / name
            if name.startswith(".") or below.absolute() in without or below.is_symlink():
                continue
            if kind_of(below) == "cmtr":
                found["cmtr"].append(below)
            else:
                kept.append(name)
        folders[:] = kept
        for name in sorted(names):
            kind = None if name.startswith(".") else kind_of(here / name)
            if kind is not None:
                found[kind].append(here / name)
    return found["cmcr"], found["cmtr"]


def _recording(cmcr: Path | None, cmtr: Path | None, root: Path) -> Recording:
    first = cmcr if cmcr is not None else cmtr
    assert first is not None
    place = first.absolute().parent
    below = place.relative_to(root.absolute()) if place.is_relative_to(root.absolute()) else Path()
    return Recording(dataset_id_from_paths(cmcr, cmtr), cmcr, cmtr, below)


def _of_row(row: dict[str, str], table: Path, number: int) -> Recording:
    own = {title: title.casefold() for title in row if title.casefold() in _OWN}
    given = {name: row[title] for title, name in own.items() if row[title]}
    paths: list[Path | None] = [_path(table, given[kind]) if kind in given else None for kind in _FILES]
    if paths == [None, None]:
        raise ValidationError(
            f"Row {number} of {table.name} names no recording.",
            path=table,
            fix=Advice("Fill in the column cmcr or cmtr."),
        )
    if None in paths:
        path = next(each for each in paths if each is not None)
        if kind_of(path) is not None and path.exists():
            partner = find_partner(path, linked_recording(path))
            if partner.path not in (None, path):
                paths[paths.index(None)] = partner.path
    parameters: dict[str, dict[str, Any]] = {}
    sheet: dict[str, str | float | int] = {}
    for title, value in row.items():
        step, dot, parameter = title.partition(".")
        if title in own or not value:
            continue
        if dot and step.strip() and parameter.strip():
            parameters.setdefault(step.strip(), {})[parameter.strip()] = _json(value)
        else:
            sheet[sheet_name(title)] = sheet_value(value)
    if "playlist" in given:
        parameters.setdefault("add_section_time", {}).setdefault("playlist_name", given["playlist"])
    name = given.get("name") or dataset_id_from_paths(*paths)
    return Recording(name, paths[0], paths[1], Path(), given.get("flow"), parameters, sheet)


def _path(table: Path, text: str) -> Path:
    path = Path(text).expanduser()
    path = path if path.is_absolute() else table.parent / path
    if "\\" in text and not path.exists():
        # A table that was made on another system has its separators.
        return _path(table, text.replace("\\", "/"))
    return path


def _json(text: str) -> Any:
    try:
        return parse_json(text)
    except ValueError:
        return sheet_value(text)


def check_names(recordings: Sequence[Recording]) -> None:
    """Raise ValidationError if two results would have the same name, or one that no drive takes."""
    fix = Advice("Give it another name in the column “name” of a table.")
    for recording in recordings:
        try:
            check_dataset_id(recording.name)
            if recording.name.casefold().endswith(".partial"):
                left = f"{recording.name}.h5 would be taken for what is left of an interrupted recording."
                raise ValidationError(left, fix=fix)
        except ValidationError as error:
            raise ValidationError(error.message, path=recording.cmcr or recording.cmtr, fix=fix) from error
    # On some drives A and a are one name.
    counts = Counter(recording.key.casefold() for recording in recordings)
    twice = [recording for recording in recordings if counts[recording.key.casefold()] > 1]
    if twice:
        named = "; ".join(str(each.cmcr or each.cmtr) for each in twice)
        raise ValidationError(
            f"Several recordings would have the result {twice[0].key}.h5: {named}.",
            fix=Advice("Give them different names in a table with the columns cmcr, cmtr and name."),
        )


def join_sheet(recordings: Sequence[Recording], path: Path) -> list[Recording]:
    """Return recordings with what a sheet says of them: a CSV or Excel table with one row each.

    A column ``recording``, ``name``, ``file``, ``path``, ``cmcr`` or ``cmtr`` says of which: by its name, or
    by the name of one of its files. What a recording has in its sheet already counts more.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValidationError
        If it is not a table, or its rows name none of the recordings.
    """
    known: dict[str, list[Recording]] = {}
    for recording in recordings:
        files = [file for file in (recording.cmcr, recording.cmtr) if file is not None]
        names = {
            recording.name,
            recording.key,
            *(file.name for file in files),
            *(file.stem for file in files),
        }
        for name in names:
            known.setdefault(name.casefold(), []).append(recording)
    sheets: dict[str, dict[str, str | float | int]] = {}
    for number, row in read_rows(path):
        naming = next((title for title in row if title.casefold() in _NAMING and row[title]), None)
        if naming is None:
            raise ValidationError(
                f"Row {number} of {path.name} does not say of which recording it is.",
                path=path,
                fix=Advice("Give the table a column “recording” with the names of the recordings."),
            )
        # A path of another system has other separators.
        named = row[naming].replace("\\", "/")
        found = known.get(named.casefold()) or known.get(named.rpartition("/")[2].casefold())
        if not found:
            continue  # a sheet may tell of more recordings than a batch works on
        values = {
            sheet_name(title): sheet_value(text) for title, text in row.items() if title != naming and text
        }
        for recording in found:
            if sheets.setdefault(recording.key, values) != values:
                raise ValidationError(
                    f"{path.name} has two rows of {recording.name}, the second one ({number}) differs.",
                    path=path,
                    fix=Advice("Remove one of them."),
                )
    if not sheets:
        raise ValidationError(
            f"{path.name} names none of the recordings.",
            path=path,
            fix=Advice(f"Its rows must name them as {recordings[0].name}."),
        )
    return [
        replace(each, sheet={**sheets.get(each.key, {}), **each.sheet}) if each.key in sheets else each
        for each in recordings
    ]


def read_sheet(path: Path, session: PipelineSession) -> dict[str, str | float | int]:
    """Return what a sheet says of one recording.

    Parameters
    ----------
    path
        YAML: entries of this recording, ``name: value``. CSV or Excel: a row per recording (`join_sheet`).
    session
        Its name and source files say which row is meant.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ConfigurationError, ValidationError
        If it cannot be read, or does not say anything of this recording.
    """
    if path.suffix.lower() in (".yaml", ".yml"):
        return _of_yaml(path)
    files = [session.source_files.get(f"{kind}_path") for kind in ("cmcr", "cmtr")]
    cmcr, cmtr = (Path(str(file)) if file else None for file in files)
    (found,) = join_sheet([Recording(session.dataset_id, cmcr, cmtr, Path())], path)
    return found.sheet


def _of_yaml(path: Path) -> dict[str, str | float | int]:
    import yaml

    try:
        # The base loader leaves every value as it is written: 007 is a name, no is not False.
        content = yaml.load(read_text(path), Loader=yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError) as error:
        place = getattr(error, "problem_mark", None)
        where = "" if place is None else f", line {place.line + 1}"
        raise ValidationError(
            f"{path.name} is not YAML text{where}.",
            path=path,
            fix=Advice("Correct the file, or save it as a table."),
        ) from error
    if not isinstance(content, dict) or not content:
        raise ValidationError(
            f"{path.name} is not a recording sheet.",
            path=path,
            fix=Advice("Write one “name: value” per line, such as “subject_id: m7”."),
        )
    entries: dict[str, Any] = {}
    for name, value in content.items():
        # NWB groups what is known of the animal under Subject.
        entries |= value if isinstance(value, dict) else {name: value}
    sheet: dict[str, str | float | int] = {}
    for name, value in entries.items():
        parts = value if isinstance(value, list) else [value]
        if not all(isinstance(part, str) for part in parts):
            raise ValidationError(
                f"“{name}” of {path.name} is neither a value nor a list.",
                path=path,
                fix=Advice("Write a value, or a list of values."),
            )
        text = "; ".join(part.strip() for part in parts if part.strip())
        if text:
            sheet[sheet_name(str(name))] = sheet_value(text)
    return sheet
