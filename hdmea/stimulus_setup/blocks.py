"""Blocks: which movie was shown when, on the clock of the recording; what a set-up is made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from hdmea.stimuli.definition import SectionKwargs
from hdmea.stimuli.sections import PAD_FRAME, plan_sections
from hdmea.stimuli.shown import ShownMovie

__all__ = ["EVENT_REACH", "Block", "By", "numbered", "obeyed_padding", "trial_frames"]

EVENT_REACH = 3
"""Display frames by which a digital event may be off a block that it marks."""

By = Literal["light", "playlist", "events", "length", "log", "hand"]

_SOURCES: Final[Mapping[By, Literal["playlist", "light", "log", "hand"]]] = {
    "light": "light",
    "playlist": "playlist",
    "events": "log",
    "length": "light",
    "log": "log",
    "hand": "hand",
}


@dataclass(frozen=True)
class Block:
    """One showing of a movie.

    Attributes
    ----------
    movie
        Name of the movie.
    content_frame, length
        Display frame of its first image, and its number of frames; in recordings without a display,
        milliseconds.
    by
        What says so: the light; or only the length, with a playlist that fits all other blocks, digital
        events, or what the blocks around it leave; a log; or the user. Only the light is a check.
    r
        Correlation of light and movie; NaN unless by the light.
    others
        Movies that would fit as well.
    occurrence
        Number of the showing from 1.
    marked
        Whether a digital event marks its begin.
    """

    movie: str
    content_frame: int
    length: int
    by: By
    r: float = float("nan")
    others: tuple[str, ...] = ()
    occurrence: int = 1
    marked: bool = False

    @property
    def end_frame(self) -> int:
        """Display frame after its last image."""
        return self.content_frame + self.length

    @property
    def is_checked(self) -> bool:
        """Whether the light says that it was this movie."""
        return self.by == "light"

    @property
    def label(self) -> str:
        """How the showing is named in messages: ``movie`` or ``movie#2``."""
        return self.movie if self.occurrence == 1 else f"{self.movie}#{self.occurrence}"

    def overlaps(self, other: Block) -> bool:
        """Whether both were shown at the same time."""
        return self.content_frame < other.end_frame and other.content_frame < self.end_frame

    def as_shown(self) -> ShownMovie:
        """Return it as the list of stimuli has it."""
        return ShownMovie(
            movie=self.movie,
            content_frame=self.content_frame,
            length=self.length,
            occurrence=self.occurrence,
            source=_SOURCES[self.by],
            checked=self.is_checked,
        )

    @classmethod
    def of_shown(cls, shown: ShownMovie, content_frame: int, length: int) -> Block:
        """Return what an entry of a list of stimuli says, with its place and length on the clock."""
        by: By = "length" if shown.source == "light" and not shown.checked else shown.source
        return cls(shown.movie, content_frame, length, by, occurrence=shown.occurrence or 1)


def numbered(blocks: Iterable[Block], events: npt.ArrayLike = ()) -> tuple[Block, ...]:
    """Return the blocks in the order of time, with the number of each showing.

    Parameters
    ----------
    blocks
        In any order.
    events
        (k,) display frames of digital events: which blocks begin with one is noted.
    """
    marks = np.asarray(events, np.int64)
    seen: Counter[str] = Counter()
    found = []
    for block in sorted(blocks, key=lambda block: block.content_frame):
        seen[block.movie] += 1
        marked = bool(marks.size) and int(np.abs(marks - block.content_frame).min()) <= EVENT_REACH
        found.append(replace(block, occurrence=seen[block.movie], marked=marked))
    return tuple(found)


def obeyed_padding(blocks: Sequence[Block]) -> int | None:
    """Return the padding with which the formula of playlists gives these blocks; None if none does.

    Any place of a single block follows from some padding, which says nothing: it must be the usual one.
    """
    if not blocks:
        return None
    pad = blocks[0].content_frame
    lengths: dict[str, int] = {}
    for block in blocks:
        if lengths.setdefault(block.movie, block.length) != block.length:
            return None
    plan = plan_sections([block.movie for block in blocks], lengths, pad_frame=pad)
    fits = all(part.content == block.content_frame for part, block in zip(plan, blocks, strict=True))
    return pad if fits and (len(blocks) > 1 or pad == PAD_FRAME) else None


def trial_frames(block: Block, layout: SectionKwargs) -> npt.NDArray[np.int64]:
    """Return first and last + 1 display frame of each trial of a block, int64 (n_trials, 2)."""
    number = np.arange(layout.n_trials, dtype=np.int64)
    first = block.content_frame + layout.start_frame + number * layout.trial_length_frame
    first += (number // layout.repeat) * layout.group_gap
    return np.column_stack((first, first + layout.trial_length_frame))
