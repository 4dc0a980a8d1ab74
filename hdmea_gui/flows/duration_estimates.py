"""How long steps will take, learned from the runs on this computer and shown in the step list."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject

from hdmea_gui.engine.controller import Controller
from hdmea_gui.engine.jobs import Failure
from hdmea_gui.engine.snapshot import StateView, StepSpec
from hdmea_gui.store.durations import Durations, MeasuredRun, read_durations, write_durations

__all__ = ["EstimateFlow", "work_size"]

logger = logging.getLogger(__name__)


def work_size(spec: StepSpec, state: StateView) -> float:
    """Return the size of a step's work on a recording, 0 where it is not known."""
    return float(state.source_bytes) if spec.creates else state.n_units * state.duration_s


@dataclass(frozen=True)
class _Write:
    """Write the durations on the worker: the folder may be on a slow drive."""

    path: Path
    text: str

    def answer(self, workspace: Any) -> None:
        """Write them."""
        write_durations(self.path, self.text)


class EstimateFlow(QObject):
    """Notes how long each step took, and tells the step list what to expect.

    Parameters
    ----------
    controller
        Runs the steps.
    path
        File of the durations; None: they are forgotten when the program ends.
    parent
        Qt parent.
    """

    def __init__(self, controller: Controller, path: Path | None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._controller = controller
        self._path = path
        self.durations = Durations() if path is None else read_durations(path)
        controller.step_ended.connect(self._on_ended)
        controller.state_changed.connect(lambda _state: self.refresh())
        controller.activity_changed.connect(self.refresh)
        controller.steps.modelReset.connect(self.refresh)
        controller.step_parameters.changed.connect(self.refresh)

    def refresh(self) -> None:
        """Tell the step list again: recording or parameters changed."""
        state = self._controller.state
        found = {}
        for item in self._controller.steps.items:
            spec = item.spec
            expected = self.durations.estimate(spec.name, work_size(spec, state), self._key(spec.name))
            if expected is not None:
                found[spec.name] = expected
        self._controller.steps.set_expected(found)

    def _on_ended(self, step: str, seconds: float) -> None:
        spec = self._controller.steps.item(step).spec
        run = MeasuredRun(seconds, work_size(spec, self._controller.state), self._key(step))
        self.durations.note(step, run)
        if self._path is not None:
            self._controller.ask(_Write(self._path, self.durations.to_json()), self._on_written)
        self.refresh()

    def _on_written(self, answer: Failure | None) -> None:
        if answer is not None:
            logger.warning("The durations of steps could not be saved: %s", answer.reason)

    def _key(self, step: str) -> str:
        """Return the parameters that differ from the defaults, without the files that they name.

        Of a step that runs or waits they are those of the run: the form may have been edited since.
        """
        values = self._controller.requested(step).params
        return repr(sorted((name, value) for name, value in values.items() if not _is_path(value)))


def _is_path(value: object) -> bool:
    return isinstance(value, Path) or (isinstance(value, str) and ("/" in value or "\\" in value))
