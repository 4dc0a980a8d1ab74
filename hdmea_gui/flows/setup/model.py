"""The blocks of a set-up as the user edits them, with undo and redo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoCommand, QUndoStack

from hdmea.stimulus_setup import Block, numbered

if TYPE_CHECKING:
    from hdmea.stimulus_setup import BlockCheck, RecordedStimulus, UnknownBlock
    from hdmea_gui.flows.setup.query import SetupFound

__all__ = ["Row", "SetupModel"]

_NEW_S = 5.0
_MOVED = 1


@dataclass(frozen=True)
class Row:
    """A line of the table: a block, or a stretch that no movie explains."""

    block: Block | None
    unknown: UnknownBlock | None = None

    @property
    def first(self) -> int:
        """First display frame."""
        if self.block is not None:
            return self.block.content_frame
        assert self.unknown is not None
        return self.unknown.first

    @property
    def stop(self) -> int:
        """Display frame after the last one."""
        if self.block is not None:
            return self.block.end_frame
        assert self.unknown is not None
        return self.unknown.stop


class SetupModel(QObject):
    """What was shown, and which block is selected.

    Signals
    -------
    changed()
        The blocks changed.
    checked()
        What the light says of them is known.
    selected()
        Another row is selected.
    """

    changed = Signal()
    checked = Signal()
    selected = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.known: RecordedStimulus | None = None
        self.blocks: tuple[Block, ...] = ()
        self.checks: tuple[BlockCheck, ...] = ()
        self.row = -1
        self.cursor = 0
        self.history = QUndoStack(self)
        self.history.setUndoLimit(200)
        self._unknown: tuple[UnknownBlock, ...] = ()
        self._bursts = 0

    # -- content -------------------------------------------------------------------------------------

    @property
    def rows(self) -> tuple[Row, ...]:
        """Blocks, and stretches that neither a movie nor a block explains, in the order of time."""
        left = [
            Row(None, part)
            for part in self._unknown
            if all(block.end_frame <= part.first or part.stop <= block.content_frame for block in self.blocks)
        ]
        return tuple(sorted([*(Row(block) for block in self.blocks), *left], key=lambda row: row.first))

    @property
    def current(self) -> Row | None:
        """The selected row, None without one."""
        rows = self.rows
        return rows[self.row] if 0 <= self.row < len(rows) else None

    @property
    def block(self) -> Block | None:
        """The selected block, None without one."""
        return None if self.current is None else self.current.block

    def check_of(self, block: Block) -> BlockCheck | None:
        """Return what the light says of a block, None while that is not known."""
        if len(self.checks) != len(self.blocks) or block not in self.blocks:
            return None
        return self.checks[self.blocks.index(block)]

    def show_found(self, found: SetupFound, *, keep: bool = False) -> None:
        """Show what was found; with `keep` as a change that can be undone."""
        self.known = found.known
        self._unknown = found.unknown
        if keep:
            self.set_blocks(found.blocks, "Propose")
            return
        self.history.clear()
        self.history.setClean()
        self.blocks, self.checks = found.blocks, ()
        self.row = 0 if self.rows else -1
        self.changed.emit()
        self.selected.emit()

    def take_known(self, known: RecordedStimulus) -> None:
        """Replace what is known of the recording, after a movie or a definition was written."""
        self.known = known
        self.changed.emit()
        self.selected.emit()

    def take_checks(self, checks: Sequence[BlockCheck]) -> None:
        """Take what the light says of the blocks."""
        if len(checks) == len(self.blocks):
            self.checks = tuple(checks)
            self.checked.emit()

    def select(self, row: int) -> None:
        """Select a row of `rows`."""
        if row != self.row:
            self.row = row
            self._bursts += 1
            self.selected.emit()

    def select_at(self, frame: int) -> None:
        """Select what was shown at a display frame, and put the cursor there."""
        self.cursor = frame
        inside = [k for k, row in enumerate(self.rows) if row.first <= frame < row.stop]
        if inside:
            self.select(inside[0])

    # -- edits ---------------------------------------------------------------------------------------

    def set_blocks(self, blocks: Sequence[Block], text: str, chosen: Block | None = None) -> None:
        """Replace all blocks; `chosen` is selected then."""
        self._push(blocks, text, chosen, -1)

    def place(self, first: int, length: int, *, text: str = "Move") -> None:
        """Move the selected block, and give it another length; dragging it on is the same change."""
        block = self.block
        if block is None:
            return
        new = replace(block, content_frame=max(first, 0), length=max(length, 1), by="hand", others=())
        if (new.content_frame, new.length) != (block.content_frame, block.length):
            self._push((*self._without(block), new), text, new, self._bursts)

    def name(self, movie: str) -> None:
        """Say which movie the selected row is; an unknown stretch becomes a block."""
        row, known = self.current, self.known
        movie = movie.strip()
        if row is None or known is None or not movie:
            return
        usual = known.length_of(movie)
        if row.block is None:
            length = usual or row.stop - row.first
            new = Block(movie, max(row.first, 0), length, "hand")
            self._push((*self.blocks, new), "Name", new, -1)
        elif movie != row.block.movie:
            new = replace(row.block, movie=movie, length=usual or row.block.length, by="hand", others=())
            self._push((*self._without(row.block), new), "Movie", new, -1)

    def add(self) -> None:
        """Add a block at the cursor, of the movie that is selected."""
        known = self.known
        if known is None:
            return
        row = self.current
        if row is not None and row.block is None:
            movie = "stimulus"
            new = Block(movie, max(row.first, 0), row.stop - row.first, "hand")
        else:
            movie = row.block.movie if row is not None and row.block is not None else "stimulus"
            length = known.length_of(movie) or round(_NEW_S / known.light.interval_s)
            new = Block(movie, self._free(self.cursor), length, "hand")
        self._push((*self.blocks, new), "Add", new, -1)

    def remove(self) -> None:
        """Remove the selected block."""
        if self.block is not None:
            self._push(self._without(self.block), "Remove", None, -1)

    def split(self) -> None:
        """Make two blocks of the selected one: at the cursor if that is inside, otherwise in the middle."""
        block = self.block
        if block is None or block.length < 2:
            return
        inside = block.content_frame < self.cursor < block.end_frame
        at = self.cursor if inside else block.content_frame + block.length // 2
        first = replace(block, length=at - block.content_frame, by="hand", others=())
        second = replace(block, content_frame=at, length=block.end_frame - at, by="hand", others=())
        self._push((*self._without(block), first, second), "Split", first, -1)

    def follow_light(self) -> None:
        """Move the selected block to where the light fits best."""
        block = self.block
        check = None if block is None else self.check_of(block)
        if block is not None and check is not None and check.best_lag:
            self.place(block.content_frame + check.best_lag, block.length, text="Follow the light")

    def _free(self, frame: int) -> int:
        """Return the first display frame from here on that is in no block."""
        for block in self.blocks:
            if block.content_frame <= frame < block.end_frame:
                frame = block.end_frame
        return frame

    def _without(self, block: Block) -> tuple[Block, ...]:
        return tuple(other for other in self.blocks if other is not block)

    def _push(self, blocks: Sequence[Block], text: str, chosen: Block | None, burst: int) -> None:
        events = () if self.known is None else self.known.events
        after = numbered(blocks, events)
        place = chosen and next(
            (b for b in after if (b.movie, b.content_frame) == (chosen.movie, chosen.content_frame)), None
        )
        self.history.push(_Change(self._show, text, (self.blocks, self.block), (after, place), burst))

    def _show(self, blocks: tuple[Block, ...], chosen: Block | None) -> None:
        checked = dict(zip(self.blocks, self.checks, strict=False)) if self.checks else {}
        self.blocks = blocks
        # What has not moved keeps what the light said until it is asked again.
        kept = [checked.get(block) for block in blocks]
        self.checks = tuple(check for check in kept if check is not None) if None not in kept else ()
        rows = self.rows
        self.row = next(
            (k for k, row in enumerate(rows) if chosen is not None and row.block == chosen),
            min(max(self.row, 0), len(rows) - 1),
        )
        self.changed.emit()
        self.selected.emit()


_State = tuple[tuple[Block, ...], Block | None]


class _Change(QUndoCommand):
    def __init__(
        self,
        show: Callable[[tuple[Block, ...], Block | None], None],
        text: str,
        before: _State,
        after: _State,
        burst: int,
    ) -> None:
        super().__init__(text)
        self._show_blocks = show
        self._before, self._after, self._burst = before, after, burst

    def id(self) -> int:
        return _MOVED if self._burst >= 0 else -1

    def mergeWith(self, other: QUndoCommand) -> bool:
        if not isinstance(other, _Change) or other._burst != self._burst:
            return False
        self._after = other._after
        return True

    def redo(self) -> None:
        self._show_blocks(*self._after)

    def undo(self) -> None:
        self._show_blocks(*self._before)
