"""From the light of a recording to the files that say what was shown: nothing has to be written by hand."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hdmea.pipeline.light_check import library_courses
from hdmea.pipeline.run import run_step
from hdmea.pipeline.session import PipelineSession, create_session
from hdmea.recordings.pairing import kind_of
from hdmea.stimuli.alignment import frame_light
from hdmea.stimuli.library import StimulusLibrary
from hdmea.stimuli.shown import SHOWN_SUFFIX
from hdmea.stimulus_setup.proposal import Proposal, ProposedBlock, propose_stimuli
from hdmea.utils.exceptions import ConfigurationError, ExistingFileError, MissingInputError
from hdmea.utils.fixes import Advice, ChooseFile, Either, Replace
from hdmea.utils.whole_file import write_whole

__all__ = ["ProposedStimuli", "propose_for", "write_stimuli"]

_SOURCES = {"light": "light", "playlist": "playlist", "events": "log", "length": "light"}


@dataclass(frozen=True, eq=False)
class ProposedStimuli:
    """What is proposed for one recording.

    Attributes
    ----------
    recording
        The raw recording.
    proposal
        Blocks in display frames.
    frame_time_s
        float64 (n_frames,): when each display frame was shown.
    n_movies
        Movies of the library that were compared with the light.
    """

    recording: Path
    proposal: Proposal
    frame_time_s: np.ndarray[Any, np.dtype[np.float64]]
    n_movies: int

    def time_s(self, frame: int) -> float:
        """Return when a display frame was shown; the last one for later frames."""
        return float(self.frame_time_s[min(max(frame, 0), len(self.frame_time_s) - 1)])

    def as_dict(self) -> dict[str, Any]:
        """Return plain values that JSON can hold."""
        return {
            "recording": str(self.recording),
            "blocks": [self._block(block) for block in self.proposal.blocks],
            "unknown": [
                {
                    "first_frame": part.first,
                    "stop_frame": part.stop,
                    "start_s": round(self.time_s(part.first), 3),
                    "stop_s": round(self.time_s(part.stop), 3),
                    "level": round(part.level, 4),
                    "sd": round(part.sd, 4),
                    "period_frames": None if np.isnan(part.period_frames) else part.period_frames,
                }
                for part in self.proposal.unknown
            ],
            "pad_frame": self.proposal.pad_frame,
            "playlist": self.proposal.playlist or None,
            "movies_compared": self.n_movies,
        }

    def _block(self, block: ProposedBlock) -> dict[str, Any]:
        return {
            "movie": block.movie,
            "occurrence": block.occurrence,
            "content_frame": block.content_frame,
            "end_frame": block.end_frame,
            "length": block.length,
            "start_s": round(self.time_s(block.content_frame), 3),
            "end_s": round(self.time_s(block.end_frame), 3),
            "by": block.by,
            "checked": block.is_checked,
            "r": round(block.r, 4) if block.is_checked else None,
            "others": list(block.others),
            "digital_event": block.marked,
        }

    def as_text(self) -> str:
        """Return a table for a terminal."""
        rows = [("movie", "frames", "time (s)", "r", "by")]
        for block in self.proposal.blocks:
            name = block.movie if block.occurrence == 1 else f"{block.movie}#{block.occurrence}"
            by = "light" if block.is_checked else "by length" + _with(block.by)
            if block.others:
                by += f"; or {', '.join(block.others)}"
            rows.append(
                (
                    name,
                    f"{block.content_frame} to {block.end_frame}",
                    f"{self.time_s(block.content_frame):.2f} to {self.time_s(block.end_frame):.2f}",
                    f"{block.r:.3f}" if block.is_checked else "",
                    by,
                )
            )
        rows += [
            (
                "(unknown)",
                f"{part.first} to {part.stop}",
                f"{self.time_s(part.first):.2f} to {self.time_s(part.stop):.2f}",
                "",
                "the light changes" + ("" if np.isnan(part.period_frames) else _period(part.period_frames)),
            )
            for part in self.proposal.unknown
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        lines = [
            "  ".join([*(cell.ljust(width) for cell, width in zip(row[:4], widths, strict=True)), row[4]])
            for row in rows
        ]
        return "\n".join(line.rstrip() for line in lines)


def _with(by: str) -> str:
    return {"playlist": ", in a known playlist", "events": ", between digital events"}.get(by, "")


def _period(frames: float) -> str:
    return f" and repeats itself every {frames:.0f} frames"


def propose_for(path: str | Path, *, stimuli_dir: str | Path | None = None) -> ProposedStimuli:
    """Propose what was shown, from light, digital events and the movies of the library.

    Parameters
    ----------
    path
        The raw recording, or a result file of it.
    stimuli_dir
        Folder of further movies.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    DataLoadError
        If it cannot be read.
    MissingInputError
        If it has no light channel or no display frames.
    """
    path = Path(path)
    session = _loaded(path)
    light = session.stimulus.get("light_reference", {}).get("raw_ch1")
    frames = session.metadata.get("frame_timestamps")
    system = session.metadata.get("sys_meta", {})
    if light is None or system.get("light_channel") == system.get("sync_channel", -1):
        raise MissingInputError(
            f"{path.name} has no light channel, so nothing can be proposed.",
            path=path,
            fix=Either((ChooseFile("cmcr_path"), Advice("Write the list of stimuli by hand."))),
        )
    if frames is None or not len(frames):
        reason = session.metadata.get("frame_detection", {}).get("reason", "no display was recognised")
        raise MissingInputError(
            f"{path.name} has no display frames: {reason}.",
            path=path,
            fix=Advice("Give the rate of the display or another sync channel to load_recording."),
        )
    library = StimulusLibrary.for_recording(session.source_files, stimuli_dir=stimuli_dir)
    courses = list(library_courses(library)())
    times = np.asarray(frames).astype(np.int64)
    rate = session.acquisition_rate
    seen = frame_light(np.asarray(light), times, session.metadata.get("segments"), rate)
    events = np.asarray((session.stimulus.get("digital_events") or {}).get("time_us", ()), np.float64)
    # An event belongs to the flip that it is nearest to.
    marks = np.searchsorted(times, np.sort(events) * rate / 1e6 - 0.5 * seen.interval_s * rate)
    try:
        playlists = list(library.playlists().values())
        lengths = library.known_lengths()
    except ConfigurationError:
        playlists, lengths = [], {}
    proposal = propose_stimuli(seen, courses, lengths, playlists, marks)
    raw = Path(str(session.source_files.get("cmcr_path") or path))
    return ProposedStimuli(raw, proposal, times / rate, len(courses))


def write_stimuli(
    found: ProposedStimuli, folder: str | Path | None = None, *, overwrite: bool = False
) -> list[Path]:
    """Write ``<recording>.stimuli.json``; and playlist and lengths where a playlist says the same.

    Parameters
    ----------
    found
        From `propose_for`.
    folder
        Where to; None: beside the recording, where every step finds them.
    overwrite
        Replace the list of stimuli; tables that exist are never changed.

    Returns
    -------
    list of Path
        The files that were written.

    Raises
    ------
    MissingInputError
        If no block was found.
    FileExistsError
        If there is a list already.
    OSError
        If it cannot be written.
    """
    blocks = found.proposal.blocks
    if not blocks:
        raise MissingInputError(
            f"No movie of the library was found in the light of {found.recording.name}.",
            path=found.recording,
            fix=Advice("Put the movies that were shown (stimuli/<movie>.npy) beside it or into the library."),
        )
    place = found.recording.absolute().parent if folder is None else Path(folder)
    stem = found.recording.stem.rstrip("-")
    target = place / f"{stem}{SHOWN_SUFFIX}"
    if target.exists() and not overwrite:
        raise ExistingFileError(
            f"{target} already exists.",
            path=target,
            fix=Either((Advice("Keep it, or write to another folder."), Replace())),
        )
    listed = [
        {
            "movie": block.movie,
            "content_frame": block.content_frame,
            "length": block.length,
            "occurrence": block.occurrence,
            "source": _SOURCES[block.by],
            "checked": block.is_checked,
        }
        for block in blocks
    ]
    write_whole(target, json.dumps(listed, indent=1) + "\n")
    written = [target]
    if found.proposal.pad_frame is not None:
        movies = [f"{block.movie}.mov" for block in blocks]
        name = found.proposal.playlist or stem
        lengths = {block.movie: block.length for block in blocks}
        tables: dict[str, tuple[list[str], list[list[Any]]]] = {
            "playlist.csv": (["playlist_name", "movie_names"], [[name, str(movies)]]),
            "movie_length.csv": (["movie_name", "movie_length"], [list(row) for row in lengths.items()]),
        }
        for file_name, (header, rows) in tables.items():
            table = place / file_name
            if not table.exists():
                write_whole(table, _csv(header, rows))
                written.append(table)
    return written


def _csv(header: list[str], rows: list[list[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def _loaded(path: Path) -> PipelineSession:
    """Return light and display frames of a recording."""
    kind = kind_of(path)
    if kind is None:
        return PipelineSession.load(path, lazy=True)
    session = create_session(None, **{f"{kind}_path": path})
    only_raw = {"find_partner": kind == "cmtr"}
    run_step(session, "load_recording", {f"{kind}_path": path, **only_raw}, logged=False)
    return session
