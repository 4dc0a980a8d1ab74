"""Running and stopping as the user meets them: which steps run, what failed, what does not come back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QPushButton, QVBoxLayout, QWidget

from hdmea.utils.fixes import ChooseFile, Each, Either, Fix, RunStep, SetParameter
from hdmea_gui.dialogs.host import DialogHost
from hdmea_gui.dialogs.message import MessageDialog
from hdmea_gui.engine.controller import Activity, Controller
from hdmea_gui.flows.flow import Flow
from hdmea_gui.flows.provenance_dialog import ProvenanceDialog
from hdmea_gui.models.steps import StepItem, StepState
from hdmea_gui.shell.step_list import StepListView
from hdmea_gui.widgets.label import Label

__all__ = ["RunAllDialog", "RunFlow", "StalledDialog", "computed_again", "made_stale", "steps_to_here"]


class RunFlow(Flow):
    """Leads from "run" to results, a reason why there are none, or a job that is left behind.

    Parameters
    ----------
    controller, dialogs, window
        As `Flow`.
    steps
        Where a step is chosen.

    Signals
    -------
    setup_asked()
        Say what was shown.
    choose_asked(str, str)
        Choose the file or folder that this parameter of this step names.
    reveal_asked(str, str)
        Show this parameter of this step.
    """

    setup_asked = Signal()
    choose_asked = Signal(str, str)
    reveal_asked = Signal(str, str)

    def __init__(
        self, controller: Controller, steps: StepListView, dialogs: DialogHost, window: QWidget
    ) -> None:
        super().__init__(controller, dialogs, window)
        self._steps = steps
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
        """Run the selected step."""
        if (chosen := self._steps.chosen_item) is not None:
            self._controller.run_step(chosen.spec.name)

    def run_all(self) -> None:
        """Run the steps of the flow; first say which results are recomputed, and why."""
        flow = tuple(request.name for request in self._controller.flow_requests())
        again = computed_again(self._controller.steps.items, flow)
        if not again:
            self._controller.run_all()
            return
        dialog = RunAllDialog(again, self._window)
        dialog.accepted.connect(self._controller.run_all)
        self._dialogs.open(dialog)

    def run_again(self) -> None:
        """Compute the selected step again, and say which results may be stale from now on."""
        if (chosen := self._steps.chosen_item) is None:
            return
        stale = made_stale(self._controller.steps.items, chosen.spec.name)
        if stale:
            self.noted.emit(
                logging.INFO,
                f"{chosen.spec.title} runs again. Stale if its results differ: {', '.join(stale)}.",
            )
        self._controller.run_step(chosen.spec.name)

    def run_to_here(self) -> None:
        """Run everything that is missing or stale up to the selected step."""
        if (chosen := self._steps.chosen_item) is None:
            return
        names = self.steps_to(chosen)
        if names:
            self._controller.run_steps(names, f"Up to {chosen.spec.title}")

    def run_these(self, steps: Sequence[str], title: str) -> None:
        """Run these steps unless a job is running."""
        if steps and self._controller.activity is Activity.IDLE:
            self._controller.run_steps(steps, title)

    def show_provenance(self) -> None:
        """Show how the results were made."""
        chosen = self._steps.chosen_item
        dialog = ProvenanceDialog(
            self._controller.state,
            self._controller.steps.items,
            "" if chosen is None else chosen.spec.name,
            self._window,
        )
        dialog.use_asked.connect(self._use_parameters)
        self._dialogs.open(dialog)

    def _use_parameters(self, step: str) -> None:
        record = self._controller.state.steps.get(step)
        if record is not None:
            self._controller.step_parameters.use_of_result(step, record.params)
            self._steps.choose(step)
            self.told.emit("The form shows what the result was made with. Press Ctrl+Z to undo.")

    def show_failure(self) -> None:
        """Show why the selected step failed, was skipped or was stopped."""
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
            self.told.emit(f"{failed} failed. Earlier results are kept.")
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
        return f"{number} skipped (hover over them for the reason)" if number else ""

    def _on_step_failed(self, title: str, reason: str, details: str) -> None:
        self.noted.emit(logging.ERROR, f"{title} failed: {reason}")
        self._failed = title
        failed = next(item for item in self._controller.steps.items if item.spec.title == title)
        # Its parameters are what is looked at next.
        self._steps.choose(failed.spec.name)
        self._show_failure(failed)

    def _show_failure(self, item: StepItem) -> None:
        ended = item.rerun or item.state.value
        word = ended if ended == StepState.FAILED.value else f"was {ended}"
        text, mend = self._mend(item)
        dialog = MessageDialog(
            f"{item.spec.title} {word}",
            (item.reason,),
            details=item.details,
            kept=self._kept(),
            mend=text,
            parent=self._window,
        )
        dialog.mend_asked.connect(mend)
        self._dialogs.open(dialog)

    def _mend(self, item: StepItem) -> tuple[str, Callable[[], None]]:
        """Return the text of a button for what would mend a step, and what it does; empty for nothing."""
        if item.needs_stimulus:
            return "Set up stimuli…", self.setup_asked.emit
        known = {other.spec.name: other.spec for other in self._controller.steps.items}
        for fix in _single(item.fix):
            match fix:
                case RunStep(name, feature="") if name in known and name != item.spec.name:
                    title = known[name].title
                    return f"Run “{title}”", partial(self.run_these, (name,), title)
                case SetParameter(parameter, feature="") | ChooseFile(parameter):
                    spec = known.get(fix.step or item.spec.name, item.spec)
                    field = next((field for field in spec.fields if field.name == parameter), None)
                    if field is None:
                        continue
                    if isinstance(fix, ChooseFile):
                        text = f"Choose “{field.title}”…"
                        return text, partial(self.choose_asked.emit, spec.name, parameter)
                    return f"Set “{field.title}”", partial(self.reveal_asked.emit, spec.name, parameter)
        return "", lambda: None

    def _kept(self) -> str:
        """Return a sentence about what is still there."""
        titles = [item.spec.title for item in self._controller.steps.items if item.has_results]
        if not titles:
            return "There are no earlier results. The session is unchanged."
        return f"Kept: {', '.join(titles)}. The session is unchanged."

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
            self.told.emit("The job has just responded.")

    def _on_left(self, title: str) -> None:
        self.told.emit(f"Abandoned: {title}. The session is unchanged.")
        self.noted.emit(
            logging.WARNING,
            f"{title} was abandoned because it did not respond. It ends when the drive responds again, "
            "otherwise with the program.",
        )

    def _on_activity(self) -> None:
        if self._stalled is not None and self._controller.activity is not Activity.STOPPING:
            self._stalled.done(0)

    def _forget_stalled(self, _result: int) -> None:
        self._stalled = None


def _single(fix: Fix | None) -> Iterator[Fix]:
    """Yield the single things that a fix consists of, in their order."""
    if isinstance(fix, Either | Each):
        for part in fix.fixes:
            yield from _single(part)
    elif fix is not None:
        yield fix


def steps_to_here(items: Sequence[StepItem], chosen: str, flow: Iterable[str]) -> tuple[str, ...]:
    """Return the steps that are missing or stale, up to and with the selected one, in the order to run them.

    Those are the steps of the flow that precede it, and what it needs directly or through others,
    whether or not that is in the flow; and those among them that would become stale on the way.

    Parameters
    ----------
    items
        The step list.
    chosen
        Name of the selected step.
    flow
        Names of the steps of the selected flow.
    """
    by_name = {item.spec.name: item for item in items}
    row = next(row for row, item in enumerate(items) if item.spec.name == chosen)
    in_flow = set(flow)
    wanted = {item.spec.name for item in items[:row] if item.spec.name in in_flow}
    wanted |= {chosen} | _needed(by_name, chosen)
    ordered = _in_order(by_name, [item.spec.name for item in items if item.spec.name in wanted])
    to_run: list[str] = []
    for name in ordered:
        spec = by_name[name].spec
        if by_name[name].state is not StepState.DONE or {*spec.requires, *spec.uses} & set(to_run):
            to_run.append(name)
    return tuple(to_run)


def computed_again(items: Iterable[StepItem], flow: Collection[str]) -> tuple[tuple[str, str], ...]:
    """Return the titles of the steps of a flow whose results it replaces, and why; in their order.

    Parameters
    ----------
    items
        The step list.
    flow
        Names of the steps of the flow.
    """
    found: dict[str, tuple[str, str]] = {}
    for item in items:
        spec = item.spec
        if spec.name not in flow or not item.has_results:
            continue
        sources = [found[name][0] for name in (*spec.requires, *spec.uses) if name in found]
        if item.state in {StepState.CHANGED, StepState.STALE}:
            found[spec.name] = (spec.title, item.detail.removesuffix(": run again"))
        elif sources:
            found[spec.name] = (spec.title, f"if new results of {', '.join(dict.fromkeys(sources))} differ")
    return tuple(found.values())


def made_stale(items: Iterable[StepItem], step: str) -> tuple[str, ...]:
    """Return the titles of the steps whose results running `step` again makes stale."""
    items = tuple(items)
    reached = {step}
    while True:
        more = {
            item.spec.name
            for item in items
            if item.spec.name not in reached and reached & {*item.spec.requires, *item.spec.uses}
        }
        if not more:
            break
        reached |= more
    return tuple(
        item.spec.title
        for item in items
        if item.spec.name in reached and item.spec.name != step and item.has_results
    )


def _needed(by_name: dict[str, StepItem], step: str) -> set[str]:
    found: set[str] = set()
    pending = [step]
    while pending:
        for name in by_name[pending.pop()].spec.requires:
            if name in by_name and name not in found:
                found.add(name)
                pending.append(name)
    return found


def _in_order(by_name: dict[str, StepItem], names: list[str]) -> list[str]:
    """Return the names such that each comes after what it needs, otherwise in the order given."""
    ordered: list[str] = []

    def place(name: str) -> None:
        if name in ordered:
            return
        for before in by_name[name].spec.requires:
            if before in names:
                place(before)
        ordered.append(name)

    for name in names:
        place(name)
    return ordered


class RunAllDialog(QDialog):
    """Says which results are recomputed; accepted: go on.

    Parameters
    ----------
    again
        Titles of the steps, and why.
    parent
        Qt parent.
    """

    def __init__(self, again: Iterable[tuple[str, str]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Run all steps")
        self.setMinimumWidth(460)
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        heading = Label("These results are recomputed", self)
        heading.setProperty("role", "heading")
        layout.addWidget(heading)
        for title, why in again:
            line = Label(f"•  {title}: {why}", self)
            line.setWordWrap(True)
            layout.addWidget(line)
        rest = Label("All other results are kept. The file on disk changes only when you save.", self)
        rest.setProperty("role", "muted")
        rest.setWordWrap(True)
        layout.addWidget(rest)
        layout.addStretch(1)
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, self)
        run = QPushButton("Run all", self)
        box.addButton(run, QDialogButtonBox.ButtonRole.AcceptRole)
        run.setDefault(True)
        box.accepted.connect(self.accept)
        box.rejected.connect(self.reject)
        layout.addWidget(box)


class StalledDialog(QDialog):
    """Asks whether to leave a job behind; `leave_asked` and `wait_asked` tell the answer.

    Parameters
    ----------
    title
        Title of the job.
    parent
        Qt parent.
    """

    leave_asked = Signal()
    wait_asked = Signal()

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("HD-MEA Studio")
        self.setMinimumWidth(480)
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        heading = Label(f"“{title}” is not responding", self)
        heading.setProperty("role", "heading")
        heading.setWordWrap(True)
        layout.addWidget(heading)
        for sentence in (
            "It was asked to stop but has not responded for several seconds. Usually a drive or a network "
            "connection has stopped responding. Check the cable and the server.",
            "You can abandon the job and continue. The session is unchanged, and the job can no longer "
            "modify it. Files on that drive cannot be used until it responds. If the job hangs while "
            "reading a recording, results cannot be saved until then either.",
        ):
            line = Label(sentence, self)
            line.setWordWrap(True)
            layout.addWidget(line)
        layout.addStretch(1)
        box = QDialogButtonBox(self)
        self.leave_button = QPushButton("Abandon job", self)
        self.wait_button = QPushButton("Keep waiting", self)
        box.addButton(self.leave_button, QDialogButtonBox.ButtonRole.DestructiveRole)
        box.addButton(self.wait_button, QDialogButtonBox.ButtonRole.RejectRole)
        self.leave_button.setAutoDefault(False)
        self.wait_button.setDefault(True)
        self.leave_button.clicked.connect(self._on_leave)
        self.wait_button.clicked.connect(self.reject)
        self.rejected.connect(self.wait_asked)
        layout.addWidget(box)

    def _on_leave(self) -> None:
        self.accept()
        self.leave_asked.emit()
