"""Which raw recording and which spike-sorted file belong together.

The normal pair is `X-Rec.cmcr` and `X-Rec-.cmtr`; a file sorted or exported again gets another mark
(`X-Rec- (2).cmtr`, `X-Rec(AnalysisSet1).cmtr`, `_sorted`, `_spikes`, `_raw`, `_appended_…`), and may be in a
folder of its own beside that of the recording. The link inside a `.cmtr` names the raw file at the time of
sorting; after renaming it is broken, so it is a hint and is never followed by HDF5.

A folder of sorted units (`X-Rec_phy`, `X-Rec/kilosort4`, or `kilosort4` beside the only recording) is the
partner of a raw recording in the same way.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from hdmea.recordings.mcs import vocabulary as mcs
from hdmea.recordings.mcs.hdf5 import linked_recording as linked_recording_of
from hdmea.recordings.mcs.hdf5 import name_key, open_source
from hdmea.recordings.mcs.kind import NEUTRAL_SUFFIXES
from hdmea.recordings.reader import find_reader, open_units, suffixes
from hdmea.utils.exceptions import DataLoadError, HDMEAError, MismatchError, ValidationError
from hdmea.utils.fixes import Advice

__all__ = [
    "Partner",
    "base_stem",
    "compare_durations",
    "find_partner",
    "kind_of",
    "linked_name",
    "names_match",
    "recording_name",
    "same_name",
    "sort_pair",
]

_MARKS = re.compile(
    r"(?:\s*\(\d+\)|\s*\(\s*analysis\s*set\s*\d*\s*\)|_appended(?:_.*)?|_sorted|_spikes|_raw|-|\s)$",
    re.IGNORECASE,
)
_SORTER = re.compile(
    r"(?:[\s_.\-]*(?:kilosort|ks|phy|sorter|output|sorting|sorted|export|spikes?|units?|to|results?)[\d._]*)+$",
    re.IGNORECASE,
)
"""What names of folders end with that a sorter or an export wrote."""
_IN_BRACKETS = re.compile(r"\s*\([^()]*\)$")
_SISTERS = {
    "cmtr": {"sorted", "sorting", "sorteddata", "spikes", "spikesorted", "spikesorting", "cmtr"},
    "cmcr": {"raw", "rawdata", "data", "recording", "recordings", "filtered", "mod", "cmcr"},
}
"""Folders beside that of one file in which the other one may be."""
_MOST_LINKS = 20
TOLERANCE_S = 1.0
TOLERANCE_PART = 1e-3


@dataclass(frozen=True)
class Partner:
    """Result of looking for the other file of a pair.

    Parameters
    ----------
    path
        The partner, None if there is none.
    reason
        How it was found, or what was searched for.
    others
        Further files that would fit; the user should know of them.
    """

    path: Path | None
    reason: str
    others: tuple[Path, ...] = ()


def kind_of(path: Path) -> str | None:
    """Return ``"cmtr"`` for what offers units, ``"cmcr"`` for a raw recording, None for anything else.

    Files are told by the ending of their name (case does not matter), folders and `.h5` by what is in them.
    """
    reader = find_reader(path)
    if reader is None:
        return None
    return "cmtr" if "units" in reader.offers else "cmcr"


def base_stem(path: Path) -> str:
    """Return the file's stem without the marks that the two files of a pair may differ in.

    A folder of sorted units is often named after its sorter; then the folder around it has the name of the
    recording. Empty if neither has it.
    """
    if not _is_folder(path):
        return _without_marks(path.stem)
    own = path.absolute()
    for name in (own.name, own.parent.name):
        stem = _without_marks(_SORTER.sub("", name))
        if stem:
            return stem
    return ""


def recording_name(cmcr: Path | None, cmtr: Path | None) -> str:
    """Return the name of a recording by its files: that of the spike-sorted one, unless it is a folder."""
    source = cmcr if cmtr is None or (cmcr is not None and _is_folder(cmtr)) else cmtr
    if source is None:
        return ""
    return base_stem(source) if _is_folder(source) else source.stem.rstrip("-")


def _is_folder(path: Path) -> bool:
    """Return whether a path is a folder; of names of files the drive is not asked."""
    return not path.name.lower().endswith((*suffixes(), *NEUTRAL_SUFFIXES)) and os.path.isdir(path)


def _without_marks(name: str) -> str:
    stem = _composed(name)
    while (shorter := _MARKS.sub("", stem)) != stem:
        stem = shorter
    return stem


def _composed(name: str) -> str:
    """Name with letters and accents in one character each: some systems store them apart."""
    return unicodedata.normalize("NFC", name)


def linked_name(link: str | None) -> str | None:
    """File name that the link of a spike-sorted file contains, without its folder; None without a link."""
    return None if not link else PureWindowsPath(link).name


def same_name(one: str, other: str) -> bool:
    """Whether two file names are one, whatever their case and however accents are stored."""
    return _composed(one).casefold() == _composed(other).casefold()


def names_match(cmcr: Path, cmtr: Path) -> bool:
    """Whether two file names are those of a pair."""
    wanted = base_stem(cmcr).casefold()
    if _is_folder(cmtr):
        return wanted == base_stem(cmtr).casefold()
    # Whatever is in brackets behind the name of the recording names the sorting.
    named = {base_stem(cmtr), base_stem(Path(_IN_BRACKETS.sub("", _composed(cmtr.stem)) + mcs.SORTED_SUFFIX))}
    return wanted in {stem.casefold() for stem in named}


def find_partner(path: Path, linked_recording: str | None = None) -> Partner:
    """Look for the other file of a pair: in the same folder, then in folders beside and below it.

    Parameters
    ----------
    path
        One file of the pair.
    linked_recording
        For a `.cmtr`: the file name that its link contains; tried first.

    Returns
    -------
    Partner
        Of several files that fit, the one whose name is nearest: `X-.cmtr`, then `X.cmtr`, then others.
    """
    kind = kind_of(path)
    if kind is None:
        raise ValidationError(
            f"{path} is neither a .cmcr nor a .cmtr file, so it has no partner.",
            path=path,
            fix=Advice("Choose a .cmcr or .cmtr file, or a Phy folder."),
        )
    if find_reader(path, "units" if kind == "cmcr" else "light") is not None:
        return Partner(path, "it holds both")
    if _is_folder(path):
        return _recording_of(path, linked_recording)
    other = "cmtr" if kind == "cmcr" else "cmcr"
    folders = [path.parent, *_linked_folder(path.parent, linked_recording)]
    folders += _sister_folders(path.parent, other)
    for folder in folders:
        where = "beside it" if folder == path.parent else f"in the folder {folder.name}"
        partner = _partner_in(folder, path, kind, where, linked_recording)
        if partner is not None:
            return partner
    if kind == "cmcr":
        beside = _folder_of(path)
        if beside is not None:
            return beside
    endings = suffixes("units" if kind == "cmcr" else "light")
    return Partner(None, f"there is no {' or '.join(endings)} file of this name beside it")


def _partner_in(folder: Path, path: Path, kind: str, where: str, linked: str | None) -> Partner | None:
    endings = suffixes("units" if kind == "cmcr" else "light")
    files = _files(folder)
    if linked and kind == "cmtr":
        name = PureWindowsPath(linked).name
        for file in files:
            if same_name(file.name, name) and file != path:
                return Partner(file, f"named by the link in {path.name}")
    of_kind = [file for file in files if file.name.lower().endswith(endings)]
    fitting = [
        file for file in of_kind if (names_match(path, file) if kind == "cmcr" else names_match(file, path))
    ]
    if not fitting:
        wanted = base_stem(path).casefold()
        fitting = [
            file
            for file in files
            if file.suffix.lower() in NEUTRAL_SUFFIXES
            and base_stem(file).casefold() == wanted
            and file != path
            and kind_of(file) not in (None, kind)
        ]
    if fitting:
        fitting.sort(key=lambda file: _rank(path, file))
        return Partner(fitting[0], f"found {where} by its name", tuple(fitting[1:]))
    if kind == "cmcr":
        naming = [file for file in of_kind[:_MOST_LINKS] if _links_to(file, path)]
        if naming:
            return Partner(naming[0], f"its link names {path.name}", tuple(naming[1:]))
    return None


def _recording_of(folder: Path, linked: str | None) -> Partner:
    """Look for the raw recording of a folder of units: beside it, in it, and beside the folder around it."""
    own = folder.absolute()
    endings = suffixes("light")
    stated = "" if linked is None else _without_marks(PureWindowsPath(linked).stem).casefold()
    wanted = base_stem(folder).casefold()
    for place in (own.parent, own, own.parent.parent, *_sister_folders(own.parent, "cmcr")):
        raw = [file for file in _files(place) if file.name.lower().endswith(endings)]
        for file in raw:
            if linked is not None and base_stem(file).casefold() == stated:
                return Partner(file, f"named by the settings in {folder.name}")
        fitting = [file for file in raw if base_stem(file).casefold() == wanted]
        if fitting:
            return Partner(fitting[0], "found by its name", tuple(fitting[1:]))
        if place == own.parent and len(raw) == 1 and not _SORTER.sub("", own.name):
            return Partner(raw[0], f"the only raw recording beside {folder.name}")
    return Partner(None, f"there is no raw recording ({', '.join(endings)}) beside it")


def _folder_of(cmcr: Path) -> Partner | None:
    """Look for a folder of sorted units whose raw recording this is."""
    place = cmcr.absolute().parent
    near = _folders(place)
    wanted = base_stem(cmcr).casefold()
    inside = [
        folder for folder in near if base_stem(folder).casefold() in {wanted, base_stem(place).casefold()}
    ]
    near += [each for folder in inside for each in _folders(folder)]
    found = [
        folder
        for folder in near
        if kind_of(folder) == "cmtr" and _recording_of(folder, _link_in(folder)).path == cmcr.absolute()
    ]
    return Partner(found[0], "found beside it", tuple(found[1:])) if found else None


def _link_in(folder: Path) -> str | None:
    try:
        with open_units(folder) as source:
            return source.linked_recording
    except (HDMEAError, OSError):
        return None


def _folders(place: Path) -> list[Path]:
    try:
        return sorted(entry for entry in place.iterdir() if entry.is_dir())
    except OSError:
        return []


def _links_to(cmtr: Path, cmcr: Path) -> bool:
    try:
        with open_source(cmtr) as handle:
            link = linked_recording_of(handle)
    except (DataLoadError, OSError, RuntimeError):
        return False
    name = linked_name(link)
    return name is not None and same_name(name, cmcr.name)


def _linked_folder(folder: Path, linked: str | None) -> list[Path]:
    """Folder that a link names relative to that of the spike-sorted file, if it exists."""
    where = PureWindowsPath(linked or "").parent
    if where.anchor or not where.parts:
        return []
    named = folder.joinpath(*where.parts)
    return [named] if os.path.isdir(named) else []


def _sister_folders(folder: Path, kind: str) -> list[Path]:
    """Folders below and beside one folder, and the one above it, in which a file of this kind may be."""
    found = []
    own = folder.absolute()
    for place in (own, own.parent):
        try:
            entries = sorted(entry.name for entry in os.scandir(place) if entry.is_dir())
        except OSError:
            continue
        found += [
            place / name for name in entries if name_key(name) in _SISTERS[kind] and place / name != own
        ]
    other = "cmcr" if kind == "cmtr" else "cmtr"
    if name_key(own.name) in _SISTERS[other]:
        found.append(own.parent)
    return found


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(entry for entry in folder.iterdir() if entry.is_file())
    except OSError:
        return []


def _rank(path: Path, other: Path) -> tuple[int, str]:
    same, plain = _composed(path.stem).casefold(), base_stem(path).casefold()
    order = [f"{same}-", same, same.rstrip("-"), plain, f"{plain}-"]
    stem = _composed(other.stem).casefold()
    return (order.index(stem) if stem in order else len(order), other.name)


def sort_pair(paths: Sequence[Path]) -> list[tuple[Path | None, Path | None]]:
    """Sort files by recording: (cmcr, cmtr) in the order of first appearance, None where one is missing.

    Files that are neither are left out; a second file of the same kind starts a pair of its own.
    """
    pairs: list[tuple[Path | None, Path | None]] = []
    for path in paths:
        kind = kind_of(path)
        if kind is None:
            continue
        for index, (cmcr, cmtr) in enumerate(pairs):
            if kind == "cmcr" and cmcr is None and cmtr is not None and names_match(path, cmtr):
                pairs[index] = (path, cmtr)
                break
            if kind == "cmtr" and cmtr is None and cmcr is not None and names_match(cmcr, path):
                pairs[index] = (cmcr, path)
                break
        else:
            pairs.append((path, None) if kind == "cmcr" else (None, path))
    return pairs


def compare_durations(
    cmcr: Path,
    cmtr: Path,
    raw_durations_s: Sequence[float],
    sorted_duration_s: float | None,
    last_spike_s: float | None,
    linked_recording: str | None = None,
) -> list[str]:
    """Check that two files can be of one recording.

    Parameters
    ----------
    cmcr, cmtr
        The files.
    raw_durations_s
        Durations of the raw recording that count as the same: with and without its gaps. Empty if unknown.
    sorted_duration_s
        Duration that the spike-sorted file states, None if it does not.
    last_spike_s
        Time of the last spike, None without spikes.
    linked_recording
        File name that the link of the `.cmtr` contains.

    Returns
    -------
    list of str
        Warnings for the user.

    Raises
    ------
    MismatchError
        If there are spikes after the end of the raw recording; or if the durations differ and neither
        the names nor the link say that the files belong together.
    """
    warnings = []
    linked = linked_recording is not None and _names(linked_recording, cmcr)
    alike = names_match(cmcr, cmtr)
    if not alike:
        said = "its link names this recording" if linked else "check that they belong together"
        warnings.append(f"The names of {cmcr.name} and {cmtr.name} differ: {said}.")
    end = max(raw_durations_s, default=0.0)
    if end <= 0:
        return warnings
    fix = Advice("Choose the two files of one recording, or load one of them alone.")
    if last_spike_s is not None and last_spike_s > end + TOLERANCE_S:
        raise MismatchError(
            f"{cmtr.name} has spikes up to {last_spike_s:.3f} s, but {cmcr.name} ends at {end:.3f} s: the "
            "two files are not of one recording.",
            path=cmtr,
            fix=fix,
        )
    if sorted_duration_s is None or any(_same(sorted_duration_s, raw) for raw in raw_durations_s):
        return warnings
    text = f"{cmcr.name} lasts {end:.3f} s, but {cmtr.name} states {sorted_duration_s:.3f} s"
    if not alike and not linked:
        raise MismatchError(
            f"{text}, and their names differ: the two files are not of one recording.", path=cmtr, fix=fix
        )
    warnings.append(
        f"{text}: check that the two files belong together. The times of the raw recording are used."
    )
    return warnings


def _names(link: str, cmcr: Path) -> bool:
    """Return whether a link names a raw recording, or the same data in another format."""
    named = PureWindowsPath(link)
    return same_name(named.name, cmcr.name) or (
        not named.name.lower().endswith(suffixes("light"))
        and _without_marks(named.stem).casefold() == base_stem(cmcr).casefold()
    )


def _same(first: float, second: float) -> bool:
    return abs(first - second) <= max(TOLERANCE_S, TOLERANCE_PART * max(first, second))
