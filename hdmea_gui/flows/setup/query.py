"""What the stimulus set-up asks of the engine: look at the recording, propose, check, write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from hdmea.stimulus_setup import (
    Block,
    BlockCheck,
    Proposal,
    RecordedStimulus,
    WrittenSetup,
    blocks_of_playlist,
    check_blocks,
    look_at,
    propose,
    read_setup,
    setup_path,
    write_setup,
)
from hdmea.stimulus_setup.log import PlacedLog, place_log, read_log
from hdmea.utils.notices import said
from hdmea_gui.engine.words import WINDOW

if TYPE_CHECKING:
    from hdmea.stimulus_setup import UnknownBlock
    from hdmea_gui.engine.jobs import JobContext
    from hdmea_gui.engine.workspace import Workspace

__all__ = ["CheckQuery", "LookJob", "Occupied", "ProposeJob", "ReadQuery", "SetupFound", "WriteQuery"]


class _Progress(Protocol):
    def progress_or_stop(self, fraction: float, text: str) -> None: ...


@dataclass(frozen=True, eq=False)
class SetupFound:
    """What is known of a recording's stimulus, and what was shown as far as that is known.

    Attributes
    ----------
    known
        Light, digital events, movies.
    blocks
        What was shown.
    unknown
        Stretches in which the light changes and that no movie explains.
    source
        Where the blocks come from, as the user reads it.
    path
        The list of stimuli that they were read from; None if they are proposed.
    playlist
        Name of the playlist that fits; empty without one.
    """

    known: RecordedStimulus
    blocks: tuple[Block, ...] = ()
    unknown: tuple[UnknownBlock, ...] = ()
    source: str = ""
    path: Path | None = None
    playlist: str = ""


@dataclass(frozen=True)
class LookJob:
    """Look at the open recording and the library; take its list of stimuli, otherwise propose one.

    Attributes
    ----------
    chosen
        Folders that the user chose: ``stimuli_dir``, ``config_dir``.
    stimuli_path
        List of stimuli that the user chose.
    load
        Parameters of “Load recording” that say how light and display are recorded.
    """

    chosen: Mapping[str, str] = field(default_factory=dict)
    stimuli_path: str = ""
    load: Mapping[str, Any] = field(default_factory=dict)
    title: str = "Looking at the stimulus"

    def run(self, workspace: Workspace, ctx: JobContext) -> SetupFound:
        """Return what was found; raises what `look_at` raises."""
        from hdmea.stimuli.library import StimulusLibrary
        from hdmea.utils.exceptions import HDMEAError

        session = workspace.require()
        known = look_at(
            session, load=self.load, progress=ctx.progress_or_stop, cancel=ctx.cancel, **self.chosen
        )
        library = StimulusLibrary.for_recording(session.source_files, **self.chosen)
        path = Path(self.stimuli_path) if self.stimuli_path else library.shown_path(known.dataset_id)
        if path is not None:
            try:
                return SetupFound(known, read_setup(path, known), source=f"from {path.name}", path=path)
            except HDMEAError as error:
                return SetupFound(known, source=said(error, WINDOW))
        return proposed(known, ctx)


@dataclass(frozen=True, eq=False)
class ProposeJob:
    """Propose what was shown."""

    known: RecordedStimulus
    title: str = "Comparing the light with the movies"

    def run(self, workspace: Workspace, ctx: JobContext) -> SetupFound:
        """Return what is proposed."""
        return proposed(self.known, ctx)


def proposed(known: RecordedStimulus, ctx: _Progress) -> SetupFound:
    """Return what the light tells; where it cannot, what the only playlist says."""
    if not known.problem:
        found: Proposal = propose(known, ctx.progress_or_stop)
        source = "proposed from the recorded light" if found.blocks else "no movie was found in the light"
        return SetupFound(known, found.blocks, found.unknown, source, playlist=found.playlist)
    if known.clock == "display" and len(known.playlists) == 1:
        (only,) = known.playlists
        blocks = blocks_of_playlist(known, only)
        return SetupFound(known, blocks, source=f"{known.problem} Taken from the playlist {only.name}.")
    return SetupFound(known, source=known.problem)


@dataclass(frozen=True, eq=False)
class CheckQuery:
    """What the light says of each block."""

    known: RecordedStimulus
    blocks: tuple[Block, ...]

    def answer(self, workspace: Workspace) -> tuple[BlockCheck, ...]:
        """Return it."""
        return check_blocks(self.known, self.blocks)


@dataclass(frozen=True, eq=False)
class ReadQuery:
    """The blocks that a list of stimuli, or the log of a stimulus program, says."""

    path: Path
    known: RecordedStimulus
    title: str = "Reading what was shown"

    def answer(self, workspace: Workspace) -> PlacedLog:
        """Return them, and how they were placed; raises what `read_setup` and `read_log` raise."""
        if self.path.name.lower().endswith(".json"):
            return PlacedLog(read_setup(self.path, self.known), "from a list of stimuli")
        return place_log(read_log(self.path), self.known)


@dataclass(frozen=True)
class Occupied:
    """Nothing was written: the list exists already and was not to be replaced."""

    path: Path


@dataclass(frozen=True, eq=False)
class WriteQuery:
    """Write a set-up, and definitions of trials that have none yet.

    Attributes
    ----------
    known
        The recording.
    blocks
        What was shown.
    in_library
        Into the library, in place of beside the recording.
    playlist
        Name of the playlist; empty: that of the recording.
    definitions
        Movie name to a definition that is written with it.
    overwrite
        Replace a list that exists.
    replace_tables
        Replace tables that say something else.
    """

    known: RecordedStimulus
    blocks: tuple[Block, ...]
    in_library: bool = False
    playlist: str = ""
    definitions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    overwrite: bool = False
    replace_tables: bool = False
    title: str = "Writing the set-up"

    def answer(self, workspace: Workspace) -> WrittenSetup | Occupied:
        """Return what was written, or that the list exists and was not replaced."""
        from hdmea.stimuli.definition import StimulusDefinition, write_definition
        from hdmea.stimuli.library import library_to_write
        from hdmea.utils.exceptions import ExistingFileError

        known = self.known
        path = setup_path(known.recording, library=self.in_library, dataset_id=known.dataset_id)
        try:
            done = write_setup(
                self.blocks,
                path,
                clock=known.clock,
                playlist=self.playlist,
                overwrite=self.overwrite,
                replace_tables=self.replace_tables,
            )
        except ExistingFileError:
            return Occupied(path)
        root = library_to_write() if self.in_library else path.parent
        for movie, values in self.definitions.items():
            target = root / "config" / "stimuli" / f"{movie}.json"
            if not target.exists():
                write_definition(StimulusDefinition.model_validate(values), target)
        return done
