"""What the worker thread contains: the session, and how it is described to the window."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hdmea.utils.notices import said
from hdmea_gui.engine.blocked import refuse_to_hang
from hdmea_gui.engine.garbage import sweep_everything
from hdmea_gui.engine.snapshot import (
    StateView,
    StepRecord,
)
from hdmea_gui.engine.unit_columns import unit_columns
from hdmea_gui.engine.words import WINDOW

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession
    from hdmea_gui.engine.auto_checkpoint import Keeper, Kept, NotKept
    from hdmea_gui.engine.jobs import JobContext

__all__ = ["Workspace"]

T = TypeVar("T")

_SHOWN_CONTRIBUTORS = 5


class Workspace:
    """Holds the session; made, used and released on the worker thread only.

    Parameters
    ----------
    keeper
        Writes automatic checkpoints; None for none.

    Attributes
    ----------
    session
        The session, None before anything was opened.
    of_session
        What queries keep until another session is opened, by name; it outlives changes of the data.
    """

    def __init__(self, keeper: Keeper | None = None) -> None:
        self.keeper = keeper
        self.session: PipelineSession | None = None
        self.sources: tuple[Path, ...] = ()
        self._announced = (0, 0.0)
        self._source_bytes = 0
        self._revision = 0
        self._made: dict[str, Any] = {}
        self._kept_elsewhere: tuple[Path, int] | None = None
        self.of_session: dict[str, Any] = {}

    def successor(self) -> Workspace:
        """Return what takes the place of this one, whose worker hangs and may come back at any time.

        The data are the same arrays in dictionaries of their own, so that nothing that the stalled worker
        still does shows in them.
        """
        from hdmea.pipeline.session import twin_of

        other = Workspace(self.keeper)
        if self.session is not None:
            other.session = twin_of(self.session)
            refuse_to_hang(other.session)
        other.sources = self.sources
        other._announced = self._announced
        other._source_bytes = self._source_bytes
        other._revision = self._revision
        return other

    def require(self) -> PipelineSession:
        """Return the session; SessionError if nothing is open."""
        if self.session is None:
            from hdmea.utils.exceptions import SessionError
            from hdmea.utils.fixes import Advice

            raise SessionError("No recording is open.", fix=Advice("Open a recording or the demo first."))
        return self.session

    def adopt(
        self,
        session: PipelineSession,
        sources: tuple[Path, ...] = (),
        announced: tuple[int, float] = (0, 0.0),
        source_bytes: int = 0,
    ) -> StateView:
        """Replace the session; the one before is released here.

        Parameters
        ----------
        session
            The new one.
        sources
            The files that were opened.
        announced
            Number of units and duration in seconds of what is not loaded yet, 0 where not known.
        source_bytes
            Size of the files together, 0 where not known; measured by the caller, as nothing that may wait
            for a drive belongs here.
        """
        before = None if self.session is None else weakref.ref(self.session)
        self._take_apart()
        self.session = session
        self.of_session.clear()
        self.sources = sources
        self._announced = announced
        self._source_bytes = source_bytes
        self.forget_checkpoint()
        self.touch()
        if session.completed_steps:
            self.note_saved()
        if before is not None and before() is not None:
            # Something refers to the session before in a circle: its memory and its files must go.
            sweep_everything()
        return self.state()

    def note_saved(self) -> None:
        """Drop what is only needed as long as session and file differ."""
        if self._kept_elsewhere is not None:
            self._kept_elsewhere[0].unlink(missing_ok=True)
            self._kept_elsewhere = None
        self._made.pop("outline", None)
        self._made.pop("file_marks", None)

    def keep_checkpoint(self, ctx: JobContext) -> Kept | NotKept | None:
        """Write the automatic checkpoint of the session as it is now; None if there is none to write."""
        return None if self.keeper is None else self.keeper.keep(self.require(), self._revision, ctx)

    def check_places(self) -> Iterator[NotKept | str]:
        """Yield what is wrong with the places that steps and a later save will write to."""
        from hdmea.pipeline.destination import check_target
        from hdmea.utils.exceptions import HDMEAError

        problem = None if self.keeper is None else self.keeper.check()
        if problem is not None:
            yield problem
        path = None if self.session is None else self.session.hdf5_path
        if path is not None:
            try:
                check_target(path)
            except HDMEAError as error:
                yield f"The session cannot be saved at present. {said(error, WINDOW)}"

    def keep_elsewhere(self, target: Path, error: BaseException) -> None:
        """Keep the session in another place after saving failed, unless an automatic checkpoint holds it.

        Raises
        ------
        SessionError
            If it was kept: the error with the place.
        """
        from hdmea.pipeline.destination import rescue
        from hdmea.utils.exceptions import HDMEAError, SessionError
        from hdmea.utils.fixes import SaveAs

        kept = None if self._kept_elsewhere is None else self._kept_elsewhere[1]
        if kept == self._revision or (self.keeper is not None and self.keeper.has(self._revision)):
            return
        path = rescue(self.require(), target)
        if path is None:
            return
        self._kept_elsewhere = path, self._revision
        why = error.message if isinstance(error, HDMEAError) else said(error, WINDOW)
        raise SessionError(f"{why} A copy is kept in {path}.", path=target, fix=SaveAs()) from error

    def forget_checkpoint(self) -> None:
        """Remove the automatic checkpoint: what is in it was saved, or is wanted no more."""
        if self.keeper is not None:
            self.keeper.forget()

    def close(self) -> None:
        """Let go of everything; the automatic checkpoint is wanted no more."""
        self.forget_checkpoint()
        self._take_apart()

    def _take_apart(self) -> None:
        """Let the session go unit by unit: freed in one go it would block every thread for 0.2 s."""
        while self.session is not None and self.session.units:
            dict.popitem(self.session.units)

    def touch(self) -> None:
        """Note that the session's data changed."""
        self._revision += 1
        self._made.clear()

    def state(self) -> StateView:
        """Describe the session."""
        session = self.session
        if session is None:
            return StateView(revision=self._revision)
        from hdmea.pipeline.session import contributors

        return StateView(
            dataset_id=session.dataset_id,
            revision=self._revision,
            unsaved=session.has_unsaved_changes,
            saved_path=session.hdf5_path,
            layout=session.held.layout if session.held is not None else "columns",
            default_path=session.default_path,
            checkpoint_name=session.checkpoint_name,
            completed=tuple(session.completed_steps),
            steps={name: _record(session, name) for name in session.steps},
            unit_ids=tuple(session.units),
            columns=self.remember("columns", lambda: unit_columns(session)),
            warnings=tuple(said(warning, WINDOW) for warning in session.warnings),
            memory_gb=session.memory_estimate_gb,
            sources=self.sources,
            n_units=len(session.units) or self._announced[0],
            duration_s=_duration(session) or self._announced[1],
            source_bytes=self._source_bytes,
            contributors=contributors(session)[:_SHOWN_CONTRIBUTORS],
            rates=self.remember("rates", lambda: _rates(session)),
        )

    def remember(self, name: str, make: Callable[[], T]) -> T:
        """Return what `make` returns, made once for the session as it is now."""
        if name not in self._made:
            self._made[name] = make()
        made: T = self._made[name]
        return made


def _record(session: PipelineSession, name: str) -> StepRecord:
    from hdmea.pipeline.alignment_table import section_alignment
    from hdmea.pipeline.provenance import stale_because

    step = session.steps[name]
    sections = section_alignment(session) if name == "add_section_time" else ()
    return StepRecord(
        duration_s=step.duration_s,
        finished_at=step.finished_at,
        stale=step.stale,
        stale_because=stale_because(step),
        params=step.params,
        started_at=step.started_at,
        version=step.version,
        program=step.hdmea_version,
        inputs=tuple(file.path for file in step.inputs),
        notices=(
            *(section.line for section in sections),
            *(said(notice, WINDOW) for notice in (*step.warnings, *step.information)),
        ),
    )


def _rates(session: PipelineSession) -> dict[str, float]:
    """Return how many samples and display frames are a second, as far as it is known."""
    if "acquisition_rate" not in session.metadata:
        return {}
    found = {"samples": session.acquisition_rate}
    measured = (session.metadata.get("frame_detection") or {}).get("rate_hz")
    if measured is not None and float(measured) > 0:
        found["frames"] = float(measured)
    return found


def _duration(session: PipelineSession) -> float:
    return session.duration_s if "recording_duration_s" in session.metadata else 0.0
