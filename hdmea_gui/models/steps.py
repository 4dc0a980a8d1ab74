"""The step list: what can be run, and the state of each step."""

from __future__ import annotations

import datetime
import enum
import time
from dataclasses import dataclass, replace
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from hdmea_gui.controller.snapshot import StateView, StepSpec

__all__ = ["StepItem", "StepListModel", "StepState", "duration_text"]

_Index = QModelIndex | QPersistentModelIndex


class StepState(enum.Enum):
    """State of a step, by the word that the person reads."""

    NOT_RUN = "not run"
    READY = "ready"
    NEEDS = "needs"
    WAITING = "waiting"
    RUNNING = "running"
    STOPPING = "stopping…"
    DONE = "done"
    STALE = "stale"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class StepItem:
    """A step with its state; `detail` is the second line that the person reads."""

    spec: StepSpec
    state: StepState = StepState.NOT_RUN
    detail: str = ""
    fraction: float = 0.0
    reason: str = ""
    details: str = ""


# What a run left behind stays visible until the step is run again or another file is opened.
_OUTCOMES = {StepState.FAILED, StepState.CANCELLED, StepState.SKIPPED}
_BUSY = {StepState.RUNNING, StepState.STOPPING, StepState.WAITING}


def duration_text(seconds: float) -> str:
    """Return a duration as the person reads it: ``0.1 s``, ``12 s``, ``3:05``."""
    if seconds != seconds:
        return ""
    if seconds < 0.1:
        return "< 0.1 s"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


class StepListModel(QAbstractListModel):
    """One row per step; `ItemRole` gives the `StepItem`."""

    ItemRole = int(Qt.ItemDataRole.UserRole)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._items: list[StepItem] = []
        self._state = StateView()
        self._started = 0.0

    # -- Qt ------------------------------------------------------------------------------------------

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """Return the number of steps."""
        return 0 if parent.isValid() else len(self._items)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return title, state in words, help, or the `StepItem`."""
        if not index.isValid():
            return None
        item = self._items[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return item.spec.title
        if role == Qt.ItemDataRole.ToolTipRole:
            return "\n\n".join(filter(None, (item.spec.help, item.reason)))
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{item.spec.title}: {item.state.value} {item.detail}"
        if role == self.ItemRole:
            return item
        return None

    # -- content -------------------------------------------------------------------------------------

    @property
    def items(self) -> tuple[StepItem, ...]:
        """All steps with their states."""
        return tuple(self._items)

    def item(self, name: str) -> StepItem:
        """Return the step of that name; KeyError if there is none."""
        return self._items[self.row_of(name)]

    def row_of(self, name: str) -> int:
        """Return the row of a step; KeyError if there is none."""
        for row, item in enumerate(self._items):
            if item.spec.name == name:
                return row
        raise KeyError(name)

    def set_steps(self, specs: tuple[StepSpec, ...]) -> None:
        """Show these steps."""
        self.beginResetModel()
        self._items = [StepItem(spec) for spec in specs]
        self.endResetModel()
        self.set_session(self._state)

    def set_session(self, state: StateView, *, forget: bool = False) -> None:
        """Show the states that follow from a session.

        Parameters
        ----------
        state
            The session.
        forget
            Whether failed, cancelled and skipped are forgotten, too: another session was opened.
        """
        self._state = state
        for row, item in enumerate(self._items):
            if item.state in _BUSY and not forget:
                continue
            if item.state in _OUTCOMES and not forget:
                continue
            self._put(row, self._from_session(item.spec))

    def set_waiting(self, names: tuple[str, ...]) -> None:
        """Show that these steps will run."""
        for name in names:
            row = self.row_of(name)
            self._put(row, StepItem(self._items[row].spec, StepState.WAITING, "waiting"))

    def set_running(self, name: str, fraction: float = 0.0, text: str = "") -> None:
        """Show the progress of a step."""
        row = self.row_of(name)
        item = self._items[row]
        if item.state not in {StepState.RUNNING, StepState.STOPPING}:
            self._started = time.monotonic()
        if item.state is StepState.STOPPING:
            return
        doing = "" if text == item.spec.title else text
        parts = [f"{100 * fraction:.0f} %", self._time_left(fraction), doing]
        detail = "  ·  ".join(filter(None, parts))
        self._put(row, StepItem(item.spec, StepState.RUNNING, detail, fraction))

    def set_stopping(self) -> None:
        """Show that a stop was asked for."""
        for row, item in enumerate(self._items):
            if item.state is StepState.RUNNING:
                stopping = replace(item, state=StepState.STOPPING, detail="stopping…")
                self._put(row, stopping)

    def set_outcome(self, name: str, state: StepState, reason: str = "", details: str = "") -> None:
        """Show how a step ended; DONE takes its text from the session."""
        row = self.row_of(name)
        spec = self._items[row].spec
        if state is StepState.DONE:
            self._put(row, self._from_session(spec))
            return
        first = reason.splitlines()[0] if reason else ""
        self._put(row, StepItem(spec, state, first, reason=reason, details=details))

    def end_run(self) -> None:
        """Show that nothing runs any more: steps that still wait go back to what the session says."""
        for row, item in enumerate(self._items):
            if item.state in _BUSY:
                self._put(row, self._from_session(item.spec))

    def _put(self, row: int, item: StepItem) -> None:
        if self._items[row] != item:
            self._items[row] = item
            index = self.index(row)
            self.dataChanged.emit(index, index)

    def _from_session(self, spec: StepSpec) -> StepItem:
        state = self._state
        if spec.name in state.completed:
            record = state.steps.get(spec.name)
            if record is None:
                return StepItem(spec, StepState.DONE, "done")
            detail = "  ·  ".join(
                filter(None, (duration_text(record.duration_s), _clock(record.finished_at)))
            )
            if record.stale:
                return StepItem(spec, StepState.STALE, "stale: something before it changed", reason="")
            return StepItem(spec, StepState.DONE, detail)
        if not state.is_open:
            return StepItem(spec, StepState.NOT_RUN, "not run")
        missing = [self._title(name) for name in spec.requires if name not in state.completed]
        if missing:
            return StepItem(spec, StepState.NEEDS, f"needs {', '.join(missing)}")
        return StepItem(spec, StepState.READY, "ready")

    def _title(self, name: str) -> str:
        return next((item.spec.title for item in self._items if item.spec.name == name), name)

    def _time_left(self, fraction: float) -> str:
        elapsed = time.monotonic() - self._started
        if fraction < 0.05 or elapsed < 1.0:
            return ""
        return f"{duration_text(elapsed * (1 - fraction) / fraction)} left"


def _clock(iso: str) -> str:
    """Return the local time of day of an ISO 8601 time, empty if there is none."""
    try:
        return datetime.datetime.fromisoformat(iso).astimezone().strftime("%H:%M")
    except ValueError:
        return ""
