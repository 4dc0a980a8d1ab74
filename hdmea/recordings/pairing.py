"""Which raw recording and which spike-sorted file belong together.

The normal pair is `X-Rec.cmcr` and `X-Rec-.cmtr`; a file sorted or exported again gets another mark
(`X-Rec- (2).cmtr`, `_sorted`, `_spikes`, `_raw`). The link inside a `.cmtr` names the raw file at the
time of sorting; after renaming it is broken, so it is a hint and is never followed by HDF5.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from hdmea.recordings.mcs import vocabulary as mcs
from hdmea.utils.exceptions import MismatchError, ValidationError

__all__ = ["Partner", "base_stem", "compare_durations", "find_partner", "kind_of", "names_match", "sort_pair"]

_MARKS = re.compile(r"(?:\s*\(\d+\)|_sorted|_spikes|_raw|-|\s)$", re.IGNORECASE)
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
    """Return ``"cmcr"`` or ``"cmtr"`` by the suffix (case does not matter), None for anything else."""
    return {mcs.RAW_SUFFIX: "cmcr", mcs.SORTED_SUFFIX: "cmtr"}.get(path.suffix.lower())


def base_stem(path: Path) -> str:
    """Return the file's stem without the marks that the two files of a pair may differ in."""
    stem = path.stem
    while (shorter := _MARKS.sub("", stem)) != stem:
        stem = shorter
    return stem


def names_match(cmcr: Path, cmtr: Path) -> bool:
    """Whether two file names are those of a pair."""
    return base_stem(cmcr).lower() == base_stem(cmtr).lower()


def find_partner(path: Path, linked_recording: str | None = None) -> Partner:
    """Look for the other file of a pair in the same folder.

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
        raise ValidationError(f"{path}: neither a .cmcr nor a .cmtr file, so it has no partner.")
    suffix = mcs.SORTED_SUFFIX if kind == "cmcr" else mcs.RAW_SUFFIX
    if linked_recording and kind == "cmtr":
        linked = path.parent / PureWindowsPath(linked_recording).name
        if linked.is_file():
            return Partner(linked, f"named by the link in {path.name}")
    wanted = base_stem(path).lower()
    fitting = sorted(
        (
            other
            for other in _files(path.parent)
            if other.suffix.lower() == suffix and base_stem(other).lower() == wanted
        ),
        key=lambda other: _rank(path, other),
    )
    if not fitting:
        return Partner(None, f"no {suffix} file of this name lies beside it")
    return Partner(fitting[0], "found beside it by its name", tuple(fitting[1:]))


def _files(folder: Path) -> list[Path]:
    return [entry for entry in folder.iterdir() if entry.is_file()] if folder.is_dir() else []


def _rank(path: Path, other: Path) -> tuple[int, str]:
    same, plain = path.stem.lower(), base_stem(path).lower()
    order = [f"{same}-", same, same.rstrip("-"), plain, f"{plain}-"]
    stem = other.stem.lower()
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
    linked = (
        linked_recording is not None and PureWindowsPath(linked_recording).name.lower() == cmcr.name.lower()
    )
    alike = names_match(cmcr, cmtr)
    if not alike:
        said = "its link names this recording" if linked else "check that they belong together"
        warnings.append(f"The names of {cmcr.name} and {cmtr.name} differ: {said}.")
    end = max(raw_durations_s, default=0.0)
    if end <= 0:
        return warnings
    advice = "Give the two files of one recording, or load one of them alone."
    if last_spike_s is not None and last_spike_s > end + TOLERANCE_S:
        raise MismatchError(
            f"{cmtr.name} has spikes up to {last_spike_s:.3f} s, but {cmcr.name} ends at {end:.3f} "
            "s: they are "
            f"not of one recording. {advice}"
        )
    if sorted_duration_s is None or any(_same(sorted_duration_s, raw) for raw in raw_durations_s):
        return warnings
    text = f"{cmcr.name} lasts {end:.3f} s, but {cmtr.name} states {sorted_duration_s:.3f} s"
    if not alike and not linked:
        raise MismatchError(f"{text}, and their names differ: they are not of one recording. {advice}")
    warnings.append(f"{text}: check that they belong together. Times of the raw recording are used.")
    return warnings


def _same(first: float, second: float) -> bool:
    return abs(first - second) <= max(TOLERANCE_S, TOLERANCE_PART * max(first, second))
