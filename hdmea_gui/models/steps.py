"""The step list: what can be run, and the state of each step."""

from __future__ import annotations

import datetime
import enum
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from hdmea.utils.fixes import Fix
from hdmea_gui.engine.snapshot import StateView, StepRecord, StepSpec
from hdmea_gui.store.durations import time_left
from hdmea_gui.widgets.label import plain_tip

__all__ = [
    "StepItem",
    "StepListModel",
    "StepState",
    "about_text",
    "clock_text",
    "duration_text",
    "time_left_text",
]

_Index = QModelIndex | QPersistentModelIndex


class StepState(enum.Enum):
    """State of a step, by the word that the user reads."""

    NOT_RUN = "not run"
    READY = "ready"
    NEEDS = "needs"
    WAITING = "waiting"
    RUNNING = "running"
    STOPPING = "stopping…"
    DONE = "done"
    CHANGED = "parameters changed"
    STALE = "stale"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class StepItem:
    """A step with its state; `detail` is the second line that the user reads.

    `has_results` says that the session contains results of it, also when a later run failed; `rerun` how that
    later run ended (``"failed"``, ``"cancelled"``); `expected_s` how long it will take by earlier runs, None
    where that is not known; `needs_stimulus` that it did not run because nothing says what was shown; `fix`
    what would mend it.
    """

    spec: StepSpec
    state: StepState = StepState.NOT_RUN
    detail: str = ""
    fraction: float = 0.0
    reason: str = ""
    details: str = ""
    has_results: bool = False
    rerun: str = ""
    expected_s: float | None = None
    needs_stimulus: bool = False
    fix: Fix | None = None


# What a run left behind stays visible until the step is run again or another file is opened.
_OUTCOMES = {StepState.FAILED, StepState.CANCELLED, StepState.SKIPPED}
_BUSY = {StepState.RUNNING, StepState.STOPPING, StepState.WAITING}


def duration_text(seconds: float) -> str:
    """Return a duration as the user reads it: ``0.1 s``, ``12 s``, ``3:05``."""
    if seconds != seconds:
        return ""
    if seconds < 0.1:
        return "< 0.1 s"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    return _clock_text(round(seconds))


def time_left_text(seconds: float) -> str:
    """Return what is left as the user reads it: ``0:18 left``, ``1:02:03 left``."""
    return f"{_clock_text(max(1, round(seconds)))} left"


def about_text(seconds: float) -> str:
    """Return how long something will take, as roughly as it is known: ``about 12 s``."""
    return "under 1 s" if seconds < 0.95 else f"about {duration_text(max(1.0, round(seconds)))}"


def _clock_text(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


class StepListModel(QAbstractListModel):
    """One row per step; `ItemRole` gives the `StepItem`.

    How far the running step is changes many times a second. Then `dataChanged` names `ProgressRole` alone,
    and `states_changed` is not emitted.

    Parameters
    ----------
    parent
        Qt parent.
    clock
        Returns seconds that only grow.

    Signals
    -------
    states_changed()
        More changed of a step than its progress.
    """

    states_changed = Signal()

    ItemRole = int(Qt.ItemDataRole.UserRole)
    ProgressRole = ItemRole + 1

    def __init__(self, parent: QObject | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(parent)
        self._items: list[StepItem] = []
        self._state = StateView()
        self._clock = clock
        self._started = 0.0
        self._left: float | None = None
        self._stopping = False
        self._changed: frozenset[str] = frozenset()
        self._reruns: dict[str, StepItem] = {}

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
            return plain_tip("\n\n".join(filter(None, (item.spec.help, item.reason, _takes(item)))))
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{item.spec.title}: {item.state.value} {item.detail}"
        if role in (self.ItemRole, self.ProgressRole):
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
        if forget:
            self._reruns.clear()
        for row, item in enumerate(self._items):
            if item.state in _BUSY and not forget:
                continue
            if item.state in _OUTCOMES and not forget:
                continue
            self._put(row, self._from_session(row))

    def set_changed(self, names: Iterable[str]) -> None:
        """Say which steps have results that were made with other parameters than those of the form."""
        before, self._changed = self._changed, frozenset(names)
        for name in before ^ self._changed:
            row = self.row_of(name)
            if self._items[row].state not in _BUSY | _OUTCOMES:
                self._put(row, self._from_session(row))

    def set_expected(self, seconds: Mapping[str, float]) -> None:
        """Show how long steps will take by earlier runs; those that are left out are not known."""
        for row, item in enumerate(self._items):
            changed = replace(item, expected_s=seconds.get(item.spec.name))
            if changed.state is StepState.READY:
                changed = replace(changed, detail=_ready_text(changed))
            self._put(row, changed)

    @property
    def seconds_left(self) -> float | None:
        """How long the running and the waiting steps will still take together, None if that is not known."""
        waiting = [item.expected_s for item in self._items if item.state is StepState.WAITING]
        running = any(item.state is StepState.RUNNING for item in self._items)
        parts = [*waiting, self._left] if running else waiting
        known = [part for part in parts if part is not None]
        return sum(known) if known and len(known) == len(parts) else None

    def set_waiting(self, names: tuple[str, ...]) -> None:
        """Show that these steps will run."""
        for name in names:
            row = self.row_of(name)
            self._reruns.pop(name, None)
            self._put(row, self._shown(row, StepState.WAITING, "waiting"))

    def set_running(self, name: str, fraction: float = 0.0, text: str = "") -> None:
        """Show the progress of a step."""
        row = self.row_of(name)
        item = self._items[row]
        if item.state not in {StepState.RUNNING, StepState.STOPPING}:
            self._started = self._clock()
        if self._stopping:
            self._put(row, replace(item, state=StepState.STOPPING, detail="stopping…"))
            return
        doing = "" if text == item.spec.title else text
        self._left = time_left(self._clock() - self._started, fraction, item.expected_s)
        left = "" if self._left is None else time_left_text(self._left)
        detail = "  ·  ".join(filter(None, (f"{100 * fraction:.0f} %", left, doing)))
        self._put(row, replace(self._shown(row, StepState.RUNNING, detail), fraction=fraction))

    def set_stopping(self) -> None:
        """Show that a stop was asked for: at the running step, otherwise at the one that comes first."""
        self._stopping = True
        for state in (StepState.RUNNING, StepState.WAITING):
            for row, item in enumerate(self._items):
                if item.state is state:
                    self._put(row, replace(item, state=StepState.STOPPING, detail="stopping…"))
                    return

    def set_outcome(
        self,
        name: str,
        state: StepState,
        reason: str = "",
        details: str = "",
        needs_stimulus: bool = False,
        fix: Fix | None = None,
    ) -> None:
        """Show how a step ended; DONE takes its text from the session."""
        row = self.row_of(name)
        self._reruns.pop(name, None)
        if state is StepState.DONE:
            self._put(row, self._from_session(row))
            return
        spec = self._items[row].spec
        # The step's own name is above the reason already.
        first = reason.partition("\n")[0]
        for said in (f"“{spec.title}” was stopped; ", f"“{spec.title}” "):
            first = first.removeprefix(said)
        if needs_stimulus:
            first = "needs the stimulus"
        ended = replace(
            self._shown(row, state, first),
            reason=reason,
            details=details,
            needs_stimulus=needs_stimulus,
            fix=fix,
        )
        if state in {StepState.CANCELLED, StepState.FAILED} and name in self._state.completed:
            # What is there is still right; how the attempt to replace it ended is said beside it.
            self._reruns[name] = ended
            ended = self._from_session(row)
        self._put(row, ended)

    @property
    def waiting_for_stimulus(self) -> tuple[StepItem, ...]:
        """The steps that did not run because nothing says what was shown, in their order."""
        lacking = {item.spec.name for item in self._items if item.needs_stimulus}
        found = []
        for item in self._items if lacking else ():
            before = {*item.spec.requires, *item.spec.uses}
            if item.needs_stimulus or (item.state is StepState.SKIPPED and before & lacking):
                lacking.add(item.spec.name)
                found.append(item)
        return tuple(found)

    def end_run(self) -> None:
        """Show that nothing runs any more: steps that still wait go back to what the session says."""
        self._stopping = False
        for row, item in enumerate(self._items):
            if item.state in _BUSY:
                self._put(row, self._from_session(row))

    def _shown(self, row: int, state: StepState, detail: str) -> StepItem:
        item = self._items[row]
        return StepItem(item.spec, state, detail, expected_s=item.expected_s)

    def _put(self, row: int, item: StepItem) -> None:
        item = replace(item, has_results=item.spec.name in self._state.completed)
        before = self._items[row]
        if before == item:
            return
        self._items[row] = item
        index = self.index(row)
        moved_on = before.state is StepState.RUNNING and item == replace(
            before, detail=item.detail, fraction=item.fraction
        )
        self.dataChanged.emit(index, index, [self.ProgressRole] if moved_on else [])
        if not moved_on:
            self.states_changed.emit()

    def _from_session(self, row: int) -> StepItem:
        state, name = self._state, self._items[row].spec.name
        if name in state.completed:
            return self._with_rerun(self._of_results(row, state.steps.get(name)))
        if not state.is_open:
            return self._shown(row, StepState.NOT_RUN, "not run")
        requires = self._items[row].spec.requires
        missing = [self._title(needed) for needed in requires if needed not in state.completed]
        if missing:
            return self._shown(row, StepState.NEEDS, f"needs {', '.join(missing)}")
        ready = self._shown(row, StepState.READY, "")
        return replace(ready, detail=_ready_text(ready))

    def _of_results(self, row: int, record: StepRecord | None) -> StepItem:
        if record is None:
            return self._shown(row, StepState.DONE, "done")
        if record.stale:
            return self._shown(
                row, StepState.STALE, f"stale: {record.stale_because or 'an earlier result changed'}"
            )
        clock = clock_text(record.finished_at)
        if self._items[row].spec.name in self._changed:
            since = f" since {clock}" if clock else ""
            return self._shown(row, StepState.CHANGED, f"parameters changed{since}: run again")
        when = (duration_text(record.duration_s), clock)
        return self._shown(row, StepState.DONE, "  ·  ".join(filter(None, ("done", *when))))

    def _with_rerun(self, item: StepItem) -> StepItem:
        ended = self._reruns.get(item.spec.name)
        if ended is None:
            return item
        return replace(
            item,
            detail=f"{item.detail}  ·  last rerun {ended.state.value}",
            rerun=ended.state.value,
            reason=ended.reason,
            details=ended.details,
            needs_stimulus=ended.needs_stimulus,
            fix=ended.fix,
        )

    def _title(self, name: str) -> str:
        return next((item.spec.title for item in self._items if item.spec.name == name), name)


def _ready_text(item: StepItem) -> str:
    return "ready" if item.expected_s is None else f"ready  ·  {about_text(item.expected_s)}"


def _takes(item: StepItem) -> str:
    if item.expected_s is None:
        return ""
    return f"Takes {about_text(item.expected_s)}, based on earlier runs on this computer."


def clock_text(iso: str) -> str:
    """Return the local time of an ISO 8601 time, with the date unless it is today; empty if there is none."""
    try:
        when = datetime.datetime.fromisoformat(iso).astimezone()
    except ValueError:
        return ""
    today = when.date() == datetime.datetime.now().astimezone().date()
    return when.strftime("%H:%M" if today else "%Y-%m-%d %H:%M")
