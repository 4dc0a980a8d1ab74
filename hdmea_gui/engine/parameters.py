"""Parameters of all steps: models, history, what they can name, what is remembered and stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from hdmea.utils.resources import resource_path
from hdmea_gui.engine.jobs import Failure, Query
from hdmea_gui.engine.snapshot import Choice, StateView, StepRecord
from hdmea_gui.models.parameter_history import ParameterHistory
from hdmea_gui.models.parameters import ParameterModel, allowed_values
from hdmea_gui.models.steps import StepListModel
from hdmea_gui.store.presets import PresetStore

if TYPE_CHECKING:
    from pathlib import Path

    from hdmea_gui.engine.workspace import Workspace

__all__ = ["ChoicesQuery", "StepParameters", "preset_store"]

Stored = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class ChoicesQuery:
    """What parameters that name something of these kinds can name now."""

    kinds: tuple[str, ...]

    def answer(self, workspace: Workspace) -> dict[str, tuple[Choice, ...]]:
        """Return it by kind."""
        from hdmea.pipeline.choices import known_names

        return {
            kind: tuple(Choice(known.name, known.about) for known in known_names(workspace.session, kind))
            for kind in self.kinds
        }


class StepParameters(QObject):
    """Makes and keeps the parameter models of all steps.

    Parameters
    ----------
    steps
        The steps.
    ask
        Has a query answered, as `Controller.ask` does.
    parent
        Qt parent.

    Attributes
    ----------
    history
        Undo and redo.
    choices
        What can be named, by kind, as far as it was asked for.

    Signals
    -------
    changed()
        Some parameter of some step changed.
    choices_changed()
        `choices` has other content.
    warned(str)
        Something for the log.
    """

    changed = Signal()
    choices_changed = Signal()
    warned = Signal(str)

    def __init__(
        self,
        steps: StepListModel,
        ask: Callable[[Query[Any], Callable[[Any], None]], None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.history = ParameterHistory(self)
        self.choices: dict[str, tuple[Choice, ...]] = {}
        self._steps = steps
        self._ask = ask
        self._models: dict[str, ParameterModel] = {}
        self._flow: Stored = {}
        self._remembered: dict[str, Mapping[str, Any]] = {}
        self._kinds: tuple[str, ...] = ()
        # What the user had set before a result was opened, which shows its own.
        self._own: Stored | None = None

    # -- models --------------------------------------------------------------------------------------

    def model(self, step: str) -> ParameterModel:
        """Return the parameters of a step; KeyError if there is no such step."""
        if step not in self._models:
            spec = self._steps.item(step).spec
            model = ParameterModel(spec, self._flow.get(step, {}), self)
            values, problems = allowed_values(spec, self._remembered.get(step, {}))
            for name, value in values.items():
                model.set_value(name, value)
            for problem in problems:
                self.warned.emit(f"Not restored from the last session: {problem}")
            model.changed.connect(lambda _name: self.changed.emit())
            self._models[step] = model
        return self._models[step]

    def use_flow(self, presets: Stored) -> None:
        """Take a flow's values as defaults; parameters that were edited stay."""
        self._flow = presets
        for step, model in self._models.items():
            model.set_preset(presets.get(step, {}))

    def changed_steps(self) -> tuple[str, ...]:
        """Return the titles of the steps that have parameters which differ from their defaults."""
        models = (self.model(item.spec.name) for item in self._steps.items)
        return tuple(model.spec.title for model in models if model.any_changed)

    def wrong_steps(self) -> tuple[str, ...]:
        """Return the titles of the steps that have parameters with values that are not allowed."""
        models = (model for model in self._models.values() if model.any_changed)
        return tuple(model.spec.title for model in models if model.problems())

    def reset(self, steps: Iterable[str]) -> None:
        """Set all parameters of these steps to their defaults; can be undone."""
        models = [self.model(step) for step in steps]
        title = models[0].spec.title if len(models) == 1 else "all steps"
        self.history.change({model: model.defaults for model in models}, f"reset of {title}")

    def begin_recording(self, state: StateView) -> None:
        """Forget what belonged to the recording before; show what the results of this one were made with.

        Where an empty path means the files that were opened, their names are shown.
        """
        self._give_back()
        for model in self._models.values():
            model.forget_recording()
            model.note_made(None)
        self._take_from_results(state.steps)
        self.history.clear()
        # A result or checkpoint that was opened is none of the sources of its own steps.
        opened = [path for path in state.sources if not (state.steps and path.suffix.lower() == ".h5")]
        for item in self._steps.items:
            for field in item.spec.fields if item.spec.creates else ():
                names = [path.name for path in opened if _parameter_of(path) == field.name]
                self.model(item.spec.name).set_hint(field.name, names[0] if names else "")

    # -- what results were made with -----------------------------------------------------------------

    def note_made(self, step: str, given: Mapping[str, Any]) -> None:
        """Remember that the results of a step were made with these values."""
        self.model(step).note_made(given)
        self.changed.emit()

    def unlike_results(self) -> tuple[str, ...]:
        """Return the names of the steps whose results were made with other values than the form shows."""
        return tuple(step for step, model in self._models.items() if model.differs_from_result)

    def use_of_result(self, step: str, params: Mapping[str, Any]) -> None:
        """Show what the result of a step was made with; can be undone."""
        model = self.model(step)
        values, problems = _that_decide(model, params)
        self.history.change({model: {**model.defaults, **values}}, f"parameters of {model.spec.title}")
        for problem in problems:
            self.warned.emit(problem)

    def _take_from_results(self, records: Mapping[str, StepRecord]) -> None:
        known = {item.spec.name for item in self._steps.items}
        made = {step: record.params for step, record in records.items() if record.params and step in known}
        if made:
            self._own = self.remembered()
        for step, params in made.items():
            model = self.model(step)
            values, problems = _that_decide(model, params)
            model.note_made(values)
            for name, value in {**model.defaults, **values}.items():
                model.set_value(name, value)
            for problem in problems:
                self.warned.emit(f"Not shown as the result was made: {problem}")
        self.changed.emit()

    def _give_back(self) -> None:
        """Show what the user had set before a result was opened."""
        own, self._own = self._own, None
        for step, model in self._models.items() if own is not None else ():
            values, _ = allowed_values(model.spec, (own or {}).get(step, {}))
            for name, value in {**model.defaults, **values}.items():
                model.set_value(name, value)

    # -- what can be named ---------------------------------------------------------------------------

    def ask_choices(self, kinds: Iterable[str] | None = None) -> None:
        """Have `choices` brought up to date for these kinds; without any for those asked for last."""
        if kinds is not None:
            self._kinds = tuple(sorted({kind for kind in kinds if kind}))
        if self._kinds:
            self._ask(ChoicesQuery(self._kinds), self._on_choices)

    def _on_choices(self, answer: dict[str, tuple[Choice, ...]] | Failure) -> None:
        if isinstance(answer, Failure):
            self.warned.emit(f"The names to choose from could not be read: {answer.reason}")
            return
        self.choices |= answer
        self.choices_changed.emit()

    # -- stored values -------------------------------------------------------------------------------

    def restore(self, remembered: Stored) -> None:
        """Apply what `remembered` returned in an earlier session; before any model is made."""
        self._remembered = dict(remembered)

    def remembered(self) -> dict[str, dict[str, Any]]:
        """Return what differs from the defaults, by step, for the next start; not what came with a result."""
        if self._own is not None:
            return {step: dict(values) for step, values in self._own.items()}
        kept = {step: dict(values) for step, values in self._remembered.items() if step not in self._models}
        now = {step: model.portable_values(changed_only=True) for step, model in self._models.items()}
        return {step: values for step, values in {**kept, **now}.items() if values}

    def capture(self, steps: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return all parameters of these steps, without those that belong to one recording."""
        found = {step: self.model(step).portable_values() for step in steps}
        return {step: values for step, values in found.items() if values}

    def apply(self, stored: Stored, title: str) -> tuple[str, ...]:
        """Apply stored values in one change that can be undone.

        Returns
        -------
        tuple of str
            A sentence for each thing that could not be applied.
        """
        known = {item.spec.name for item in self._steps.items}
        wanted: dict[ParameterModel, dict[str, Any]] = {}
        problems = [f"There is no step “{step}”." for step in stored if step not in known]
        for step in known & stored.keys():
            model = self.model(step)
            wanted[model], wrong = allowed_values(model.spec, stored[step])
            problems += wrong
        self.history.change(wanted, f"preset “{title}”")
        return tuple(problems)


def _that_decide(model: ParameterModel, params: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the recorded parameters that decide the numbers, and why some cannot be shown.

    Paths stay empty: the files may have been moved with the result, and are searched for beside it.
    """
    paths = ("file", "folder")
    deciding = {field.name for field in model.spec.fields if field.affects_result and field.kind not in paths}
    return allowed_values(model.spec, {name: params[name] for name in deciding & params.keys()})


def preset_store(folder: Path) -> PresetStore:
    """Return the presets in a folder, and those that came with the program."""
    return PresetStore(folder, resource_path("presets"))


def _parameter_of(path: Path) -> str:
    """Return the parameter that a source is given as; by its name alone, as a drive may not answer."""
    from hdmea.recordings.reader import suffixes

    return "cmcr_path" if path.name.lower().endswith(suffixes("light")) else "cmtr_path"
