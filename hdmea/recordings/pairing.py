"""Which raw recording and which spike-sorted file belong together.

The normal pair is `X-Rec.cmcr` and `X-Rec-.cmtr`; a file sorted or exported again gets another mark
(`X-Rec- (2).cmtr`, `X-Rec(AnalysisSet1).cmtr`, `_sorted`, `_spikes`, `_raw`, `_appended_…`), and may lie in a
folder of its own beside that of the recording. The link inside a `.cmtr` names the raw file at the time of
sorting; after renaming it is broken, so it is a hint and is never followed by HDF5.
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
from hdmea.utils.exceptions import DataLoadError, MismatchError, ValidationError
from hdmea.utils.fixes import Advice

__all__ = [
    "Partner",
    "base_stem",
    "compare_durations",
    "find_partner",
    "kind_of",
    "linked_name",
    "names_match",
    "same_name",
    "sort_pair",
]

_MARKS = re.compile(
    r"(?:\s*\(\d+\)|\s*\(\s*analysis\s*set\s*\d*\s*\)|_appended(?:_.*)?|_sorted|_spikes|_raw|-|\s)$",
    re.IGNORECASE,
)
_IN_BRACKETS = re.compile(r"\s*\([^()]*\)$")
_SISTERS = {
    "cmtr": {"sorted", "sorting", "sorteddata", "spikes", "spikesorted", "spikesorting", "cmtr"},
    "cmcr": {"raw", "rawdata", "data", "recording", "recordings", "filtered", "mod", "cmcr"},
}
"""Folders beside that of one file in which the other one may lie."""
_NEUTRAL_SUFFIXES = {".h5", ".hdf5"}
_MOST_LINKS = 50
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
        How it was found, or what was looked for.
    others
        Further files that would fit; the person should know of them.
    """

    path: Path | None
    reason: str
    others: tuple[Path, ...] = ()


def kind_of(path: Path) -> str | None:
    """Return ``"cmcr"`` or ``"cmtr"`` by the suffix (case does not matter), None for anything else.

    Recordings are called `.h5` as well: such a file, if it is there, is told by what is in it.
    """
    suffix = path.suffix.lower()
    if suffix in _NEUTRAL_SUFFIXES:
        return _kind_inside(path)
    return {mcs.RAW_SUFFIX: "cmcr", mcs.SORTED_SUFFIX: "cmtr"}.get(suffix)


def _kind_inside(path: Path) -> str | None:
    if not path.is_file():
        return None
    try:
        with open_source(path) as handle:
            names = {name_key(name) for name in handle}
            if names & {name_key(tool) for tool in mcs.TOOL_NAMES}:
                return "cmtr"
            return "cmcr" if name_key("Acquisition") in names else None
    except (DataLoadError, OSError, RuntimeError):
        return None


def base_stem(path: Path) -> str:
    """Return the file's stem without the marks that the two files of a pair may differ in."""
    stem = _composed(path.stem)
    while (shorter := _MARKS.sub("", stem)) != stem:
        stem = shorter
    return stem


def _composed(name: str) -> str:
    """Name with letters and accents in one character each: some systems store them apart."""
    return unicodedata.normalize("NFC", name)


def linked_name(link: str | None) -> str | None:
    """File name that the link of a spike-sorted file holds, without its folder; None without a link."""
    return None if not link else PureWindowsPath(link).name


def same_name(one: str, other: str) -> bool:
    """Whether two file names are one, whatever their case and however accents are stored."""
    return _composed(one).casefold() == _composed(other).casefold()


def names_match(cmcr: Path, cmtr: Path) -> bool:
    """Whether two file names are those of a pair."""
    wanted = base_stem(cmcr).casefold()
    # Whatever stands in brackets behind the name of the recording names the sorting.
    named = {base_stem(cmtr), base_stem(Path(_IN_BRACKETS.sub("", _composed(cmtr.stem)) + mcs.SORTED_SUFFIX))}
    return wanted in {stem.casefold() for stem in named}


def find_partner(path: Path, linked_recording: str | None = None) -> Partner:
    """Look for the other file of a pair: in the same folder, then in folders beside and below it.

    Parameters
    ----------
    path
        One file of the pair.
    linked_recording
        For a `.cmtr`: the file name that its link holds; tried first.

    Returns
    -------
    Partner
        Of several files that fit, the one whose name is nearest: `X-.cmtr`, then `X.cmtr`, then others.
    """
    kind = kind_of(path)
    if kind is None:
        raise ValidationError(f"{path} is neither a .cmcr nor a .cmtr file, so it has no partner.", path=path)
    other = "cmtr" if kind == "cmcr" else "cmcr"
    folders = [path.parent, *_sister_folders(path.parent, other)]
    for folder in folders:
        where = "beside it" if folder == path.parent else f"in the folder {folder.name}"
        partner = _partner_in(folder, path, kind, where, linked_recording)
        if partner is not None:
            return partner
    suffix = mcs.SORTED_SUFFIX if kind == "cmcr" else mcs.RAW_SUFFIX
    return Partner(None, f"no {suffix} file of this name lies beside it")


def _partner_in(folder: Path, path: Path, kind: str, where: str, linked: str | None) -> Partner | None:
    suffix = mcs.SORTED_SUFFIX if kind == "cmcr" else mcs.RAW_SUFFIX
    files = _files(folder)
    if linked and kind == "cmtr":
        name = PureWindowsPath(linked).name
        for file in files:
            if same_name(file.name, name) and file != path:
                return Partner(file, f"named by the link in {path.name}")
    of_kind = [file for file in files if file.suffix.lower() == suffix]
    fitting = [
        file for file in of_kind if (names_match(path, file) if kind == "cmcr" else names_match(file, path))
    ]
    if not fitting:
        wanted = base_stem(path).casefold()
        fitting = [
            file
            for file in files
            if file.suffix.lower() in _NEUTRAL_SUFFIXES
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


def _links_to(cmtr: Path, cmcr: Path) -> bool:
    try:
        with open_source(cmtr) as handle:
            link = linked_recording_of(handle)
    except (DataLoadError, OSError, RuntimeError):
        return False
    name = linked_name(link)
    return name is not None and same_name(name, cmcr.name)


def _sister_folders(folder: Path, kind: str) -> list[Path]:
    """Folders below and beside one folder, and the one above it, in which a file of this kind may lie."""
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
        File name that the link of the `.cmtr` holds.

    Returns
    -------
    list of str
        Warnings for the person.

    Raises
    ------
    MismatchError
        If there are spikes after the end of the raw recording; or if the durations differ and neither
        the names nor the link say that the files belong together.
    """
    warnings = []
    name = linked_name(linked_recording)
    linked = name is not None and same_name(name, cmcr.name)
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


def _same(first: float, second: float) -> bool:
    return abs(first - second) <= max(TOLERANCE_S, TOLERANCE_PART * max(first, second))
