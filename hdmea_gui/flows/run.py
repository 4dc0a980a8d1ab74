"""Running and stopping as the person meets them: which steps run, what failed, what does not come back."""

from __future__ import annotations

import logging

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from hdmea_gui.dialogs.host import DialogHost
from hdmea_gui.dialogs.message import MessageDialog
from hdmea_gui.engine.controller import Activity, Controller
from hdmea_gui.flows.requested_steps import made_stale, steps_to_here
from hdmea_gui.flows.stalled_dialog import StalledDialog
from hdmea_gui.models.steps import StepItem, StepState
from hdmea_gui.shell.step_list import StepListView

__all__ = ["RunFlow"]


class RunFlow(QObject):
    """Leads from "run" to results, a reason why there are none, or a job that is left behind.

    Parameters
    ----------
    controller
        Runs and stops.
    steps
        Where a step is chosen.
    dialogs
        Shows failures and questions.
    window
        Parent of the dialogs.

    Signals
    -------
    told(str)
        Something for the status line and the log.
    noted(int, str)
        Level and text of a line for the log alone.
    """

    told = Signal(str)
    noted = Signal(int, str)

    def __init__(
        self, controller: Controller, steps: StepListView, dialogs: DialogHost, window: QWidget
    ) -> None:
        super().__init__(window)
        self._controller = controller
        self._steps = steps
        self._dialogs = dialogs
        self._window = window
        self._stalled: StalledDialog | None = None
        self._failed = ""
        controller.ran.connect(self._on_ran)
        controller.step_failed.connect(self._on_step_failed)
        controller.stalled.connect(self._on_stalled)
        controller.left.connect(self._on_left)
        controller.activity_changed.connect(self._on_activity)

    # -- what can be asked for -----------------------------------------------------------------------

    def load(self) -> None:
        """Run the step that starts a recording."""
        creating = next((item for item in self._controller.steps.items if item.spec.creates), None)
        if creating is not None:
            self._controller.run_step(creating.spec.name)

    def run_step(self) -> None:
        """Run the chosen step."""
        if (chosen := self._steps.chosen_item) is not None:
            self._controller.run_step(chosen.spec.name)

    def run_again(self) -> None:
        """Compute the chosen step again, and say which results are stale from now on."""
        if (chosen := self._steps.chosen_item) is None:
            return
        stale = made_stale(self._controller.steps.items, chosen.spec.name)
        if stale:
            self.noted.emit(logging.INFO, f"{chosen.spec.title} runs again; then stale: {', '.join(stale)}.")
        self._controller.run_step(chosen.spec.name)

    def run_to_here(self) -> None:
        """Run everything that is missing or stale up to the chosen step."""
        if (chosen := self._steps.chosen_item) is None:
            return
        names = self.steps_to(chosen)
        if names:
            self._controller.run_steps(names, f"Up to {chosen.spec.title}")

    def show_failure(self) -> None:
        """Show why the chosen step failed, was skipped or was stopped."""
        if (chosen := self._steps.chosen_item) is not None and chosen.reason:
            self._show_failure(chosen)

    def steps_to(self, chosen: StepItem) -> tuple[str, ...]:
        """Return the names of the steps that "run to here" would run."""
        controller = self._controller
        flow = (request.name for request in controller.flow_requests())
        return steps_to_here(controller.steps.items, chosen.spec.name, flow)

    # -- what happened -------------------------------------------------------------------------------

    def _on_ran(self, title: str) -> None:
        failed, self._failed = self._failed, ""
        if failed:
            self.told.emit(f"{failed} failed. What was computed before is kept.")
        elif skipped := self._skipped():
            saved = "Not saved yet." if self._controller.state.unsaved else "Everything is saved."
            self.told.emit(f"{title}: done, {skipped}. {saved}")
        elif self._controller.state.unsaved:
            self.told.emit(f"{title}: done. Not saved yet: Save writes the result file.")
        else:
            self.told.emit(f"{title}: done. Everything is saved.")

    def _skipped(self) -> str:
        """Return how many steps the session still lacks, and where to read why."""
        states = [item.state for item in self._controller.steps.items]
        number = states.count(StepState.SKIPPED)
        return f"{number} skipped (point at them to read why)" if number else ""

    def _on_step_failed(self, title: str, reason: str, details: str) -> None:
        self.noted.emit(logging.ERROR, f"{title} failed: {reason}")
        self._failed = title
        failed = next(item for item in self._controller.steps.items if item.spec.title == title)
        # Its parameters are what is looked at next.
        self._steps.choose(failed.spec.name)
        self._show_failure(failed)

    def _show_failure(self, item: StepItem) -> None:
        word = "failed" if item.state is StepState.FAILED else f"was {item.state.value}"
        dialog = MessageDialog(
            f"{item.spec.title} {word}",
            (item.reason,),
            details=item.details,
            kept=self._kept(),
            parent=self._window,
        )
        self._dialogs.open(dialog)

    def _kept(self) -> str:
        """Return a sentence about what is still there."""
        titles = [item.spec.title for item in self._controller.steps.items if item.has_results]
        if not titles:
            return "Nothing was computed before; the session is as it was before this step."
        return f"Kept: {', '.join(titles)}. The session is as it was before this step."

    def _on_stalled(self, title: str) -> None:
        if self._stalled is not None:
            return
        dialog = self._stalled = StalledDialog(title, self._window)
        dialog.leave_asked.connect(self._leave)
        dialog.wait_asked.connect(self._controller.wait_on)
        dialog.finished.connect(self._forget_stalled)
        self._dialogs.open(dialog)

    def _leave(self) -> None:
        if not self._controller.leave_behind():
            self.told.emit("The job is just coming back.")

    def _on_left(self, title: str) -> None:
        self.told.emit(f"Left behind: {title}. The session is as it was before.")
        self.noted.emit(
            logging.WARNING,
            f"{title} was left behind: it did not answer. If the drive answers again, it ends by itself; "
            f"else it ends with the program.",
        )

    def _on_activity(self) -> None:
        if self._stalled is not None and self._controller.activity is not Activity.STOPPING:
            self._stalled.done(0)

    def _forget_stalled(self, _result: int) -> None:
        self._stalled = None
