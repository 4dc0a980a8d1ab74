"""What was shown in a recording, proposed: for the command line and for scripts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hdmea.stimulus_setup.blocks import Block, obeyed_padding
from hdmea.stimulus_setup.files import WrittenSetup, setup_path, write_setup
from hdmea.stimulus_setup.log import place_log, read_log
from hdmea.stimulus_setup.proposal import Proposal
from hdmea.stimulus_setup.recorded import Progress, RecordedStimulus, look_at, propose
from hdmea.utils.exceptions import MissingInputError
from hdmea.utils.fixes import Advice

__all__ = ["ProposedStimuli", "propose_for", "write_stimuli"]


@dataclass(frozen=True, eq=False)
class ProposedStimuli:
    """What is proposed for one recording.

    Attributes
    ----------
    known
        The recording and the movies of the library.
    proposal
        Blocks in display frames.
    """

    known: RecordedStimulus
    proposal: Proposal

    def as_dict(self) -> dict[str, Any]:
        """Return plain values that JSON can hold."""
        return {
            "recording": str(self.known.recording),
            "blocks": [self._block(block) for block in self.proposal.blocks],
            "unknown": [
                {
                    "first_frame": part.first,
                    "stop_frame": part.stop,
                    "start_s": round(self.known.time_s(part.first), 3),
                    "stop_s": round(self.known.time_s(part.stop), 3),
                    "level": round(part.level, 4),
                    "sd": round(part.sd, 4),
                    "period_frames": None if np.isnan(part.period_frames) else part.period_frames,
                }
                for part in self.proposal.unknown
            ],
            "pad_frame": self.proposal.pad_frame,
            "playlist": self.proposal.playlist or None,
            "movies_compared": len(self.known.courses),
        }

    def _block(self, block: Block) -> dict[str, Any]:
        return {
            "movie": block.movie,
            "occurrence": block.occurrence,
            "content_frame": block.content_frame,
            "end_frame": block.end_frame,
            "length": block.length,
            "start_s": round(self.known.time_s(block.content_frame), 3),
            "end_s": round(self.known.time_s(block.end_frame), 3),
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
            by = "light" if block.is_checked else f"by {_with(block.by)}"
            if block.others:
                by += f"; or {', '.join(block.others)}"
            begin, end = self.known.time_s(block.content_frame), self.known.time_s(block.end_frame)
            rows.append(
                (
                    block.label,
                    f"{block.content_frame} to {block.end_frame}",
                    f"{begin:.2f} to {end:.2f}",
                    f"{block.r:.3f}" if block.is_checked else "",
                    by,
                )
            )
        rows += [
            (
                "(unknown)",
                f"{part.first} to {part.stop}",
                f"{self.known.time_s(part.first):.2f} to {self.known.time_s(part.stop):.2f}",
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
    return {
        "playlist": "length, in a known playlist",
        "events": "length, between digital events",
        "length": "length",
        "log": "the log",
        "hand": "hand",
    }[by]


def _period(frames: float) -> str:
    return f" and repeats itself every {frames:.0f} frames"


def propose_for(
    path: str | Path,
    *,
    stimuli_dir: str | Path | None = None,
    log: str | Path | None = None,
    progress: Progress = lambda _fraction, _text: None,
) -> ProposedStimuli:
    """Propose what was shown, from light, digital events and the movies of the library.

    Parameters
    ----------
    path
        The raw recording, or a result file of it.
    stimuli_dir
        Folder of further movies.
    log
        Log of the stimulus program that says what was shown; None: the light alone does.
    progress
        Called with a fraction and a text; may raise to stop.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    DataLoadError
        If it cannot be read.
    MissingInputError
        If it has no light channel or no display frames, and there is no log.
    ConfigurationError, MismatchError
        If the log cannot be read, or nothing of it was shown in this recording.
    """
    known = look_at(path, stimuli_dir=stimuli_dir, progress=progress)
    if log is None:
        return ProposedStimuli(known, propose(known, progress))
    blocks = place_log(read_log(log), known).blocks
    return ProposedStimuli(known, Proposal(blocks, pad_frame=obeyed_padding(blocks)))


def write_stimuli(
    found: ProposedStimuli, folder: str | Path | None = None, *, overwrite: bool = False
) -> WrittenSetup:
    """Write what is proposed: ``<recording>.stimuli.json``, and playlist and lengths where they say the same.

    Parameters
    ----------
    found
        From `propose_for`.
    folder
        Where to; None: beside the recording, where every step finds them.
    overwrite
        Replace the list of stimuli; tables that say something else are kept.

    Raises
    ------
    MissingInputError
        If no block was found.
    FileExistsError
        If there is a list already.
    OSError
        If it cannot be written.
    """
    recording = found.known.recording
    if not found.proposal.blocks:
        raise MissingInputError(
            f"No movie of the library was found in the light of {recording.name}.",
            path=recording,
            fix=Advice("Put the movies that were shown (stimuli/<movie>.npy) beside it or into the library."),
        )
    target = setup_path(recording)
    if folder is not None:
        target = Path(folder) / target.name
    return write_setup(found.proposal.blocks, target, playlist=found.proposal.playlist, overwrite=overwrite)
