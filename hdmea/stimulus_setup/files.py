"""Set-ups as files: the list of stimuli, and playlist and lengths where a playlist says the same."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hdmea.stimuli.library import library_to_write
from hdmea.stimuli.playlist import read_movie_lengths, read_playlists
from hdmea.stimuli.sections import PAD_FRAME
from hdmea.stimuli.shown import SHOWN_SUFFIX, read_shown
from hdmea.stimulus_setup.blocks import Block, numbered, obeyed_padding
from hdmea.stimulus_setup.recorded import CLOCK_HZ, RecordedStimulus
from hdmea.utils.exceptions import ExistingFileError, HDMEAError, MismatchError, MissingInputError
from hdmea.utils.fixes import Advice, Either, Replace
from hdmea.utils.whole_file import write_whole

__all__ = ["WrittenSetup", "playlist_note", "read_setup", "setup_path", "write_setup"]

PLAYLIST, LENGTHS = "playlist.csv", "movie_length.csv"


@dataclass(frozen=True)
class WrittenSetup:
    """What came of writing a set-up.

    Attributes
    ----------
    written
        The files that were written, the list of stimuli first.
    kept
        Tables that say something else and were kept.
    """

    written: tuple[Path, ...]
    kept: tuple[Path, ...] = ()


def setup_path(recording: str | Path, *, library: bool = False, dataset_id: str | None = None) -> Path:
    """Return where the list of stimuli of a recording is written, so that every step finds it.

    Parameters
    ----------
    recording
        The raw recording, or its sorted units.
    library
        In the library of the laboratory, below ``recordings/<dataset_id>``, in place of beside the recording.
    dataset_id
        Name of the recording; None: by its file.
    """
    path = Path(recording).absolute()
    stem = path.stem.rstrip("-")
    folder = library_to_write() / "recordings" / (dataset_id or stem) if library else path.parent
    return folder / f"{stem}{SHOWN_SUFFIX}"


def read_setup(path: str | Path, known: RecordedStimulus) -> tuple[Block, ...]:
    """Read a list of stimuli as blocks of a recording.

    Parameters
    ----------
    path
        The list (``.stimuli.json``), of this recording or of another one that was shown the same.
    known
        The recording: places that are given in seconds, and lengths that are not given, are taken from it.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ConfigurationError
        If it is not a list of stimuli.
    MismatchError
        If the length of a movie is not known.
    """
    blocks = []
    for shown in read_shown(path):
        if shown.content_frame is not None:
            frame = shown.content_frame
        else:
            assert shown.time_s is not None
            frame = known.frame_at(shown.time_s)
        length = shown.length or known.length_of(shown.movie)
        if shown.duration_s is not None:
            length = round(shown.duration_s / known.light.interval_s)
        if length is None:
            raise MismatchError(
                f"The length of {shown.movie} is not known.",
                path=path,
                fix=Advice("Add it to the list of stimuli or to movie_length.csv."),
            )
        blocks.append(Block.of_shown(shown, frame, length))
    return numbered(blocks, known.events)


def write_setup(
    blocks: Sequence[Block],
    path: str | Path,
    *,
    clock: str = "display",
    playlist: str = "",
    overwrite: bool = False,
    replace_tables: bool = False,
) -> WrittenSetup:
    """Write ``<recording>.stimuli.json``; and playlist and lengths where a playlist says the same.

    Parameters
    ----------
    blocks
        What was shown; they are put in order and numbered.
    path
        The list of stimuli, see `setup_path`; the tables go beside it.
    clock
        "display" or "time", see `RecordedStimulus`.
    playlist
        Name of the playlist; empty: that of the recording.
    overwrite
        Replace the list of stimuli.
    replace_tables
        Replace tables that say something else; by default they are kept.

    Raises
    ------
    MissingInputError
        If there is no block.
    FileExistsError
        If there is a list already.
    MismatchError
        If two blocks overlap.
    OSError
        If it cannot be written.
    """
    target = Path(path)
    ordered = numbered(blocks)
    if not ordered:
        raise MissingInputError(
            "There is no block to write.", path=target, fix=Advice("Add what was shown, or propose it.")
        )
    for before, after in itertools.pairwise(ordered):
        if before.overlaps(after):
            raise MismatchError(
                f"{before.label} and {after.label} overlap.",
                path=target,
                fix=Advice("Move one of them, or remove it."),
            )
    if target.exists() and not overwrite:
        raise ExistingFileError(
            f"{target} already exists.",
            path=target,
            fix=Either((Advice("Keep it, or write to another folder."), Replace())),
        )
    listed = [_entry(block, clock) for block in ordered]
    write_whole(target, json.dumps(listed, indent=1, ensure_ascii=False) + "\n")
    written, kept = [target], []
    if clock == "display" and obeyed_padding(ordered) is not None:
        name = playlist or target.name.removesuffix(SHOWN_SUFFIX)
        for table, state, text in _tables(ordered, name, target.parent):
            if state == "other" and not replace_tables:
                kept.append(table)
            elif state != "same":
                write_whole(table, text)
                written.append(table)
    return WrittenSetup(tuple(written), tuple(kept))


def playlist_note(blocks: Sequence[Block], clock: str = "display") -> str:
    """Return what older scripts, which know only playlists, need for these blocks; empty if nothing."""
    if not blocks:
        return ""
    pad = None if clock == "time" else obeyed_padding(numbered(blocks))
    if pad is None:
        return "The movies do not follow the padding of a playlist: older scripts cannot express this."
    return "" if pad == PAD_FRAME else f"Older scripts need pad_frame={pad} with this playlist."


def _entry(block: Block, clock: str) -> dict[str, Any]:
    entry = block.as_shown().model_dump(exclude_none=True)
    if clock == "time":
        entry["time_s"] = entry.pop("content_frame") / CLOCK_HZ
        entry["duration_s"] = entry.pop("length") / CLOCK_HZ
    return entry


def _tables(blocks: Sequence[Block], name: str, folder: Path) -> list[tuple[Path, str, str]]:
    """Return each table, whether it exists and says the same ("same", "other", "absent"), and its text."""
    movies = [block.movie for block in blocks]
    lengths = {block.movie: block.length for block in blocks}
    files = [f"{movie}.mov" for movie in movies]

    def same_movies(path: Path) -> bool:
        return any(list(known.movies) == movies for known in read_playlists(path).values())

    def same_lengths(path: Path) -> bool:
        known = read_movie_lengths(path)
        return all(known.get(movie) == length for movie, length in lengths.items())

    playlists = _csv(["playlist_name", "movie_names"], [[name, str(files)]])
    of_movies = _csv(["movie_name", "movie_length"], [list(row) for row in lengths.items()])
    return [
        (folder / PLAYLIST, _state(folder / PLAYLIST, same_movies), playlists),
        (folder / LENGTHS, _state(folder / LENGTHS, same_lengths), of_movies),
    ]


def _state(path: Path, says_the_same: Callable[[Path], bool]) -> str:
    if not path.exists():
        return "absent"
    try:
        return "same" if says_the_same(path) else "other"
    except HDMEAError:
        return "other"


def _csv(header: list[str], rows: list[list[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
