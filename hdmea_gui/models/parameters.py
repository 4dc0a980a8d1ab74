"""The parameters of one step as the user edits them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pydantic
import pydantic_core
from PySide6.QtCore import QObject, Signal

from hdmea.utils.validation import problems_of
from hdmea_gui.engine.snapshot import FieldSpec, StepSpec

__all__ = ["LARGEST_INTEGER", "LARGEST_NUMBER", "ParameterModel", "allowed_values"]

LARGEST_INTEGER = 2_147_483_647
LARGEST_NUMBER = 1e12
"""What a field of a form can show; larger numbers would be shown as these."""


class ParameterModel(QObject):
    """Values of a step's parameters, checked against its declaration.

    Parameters
    ----------
    spec
        The step.
    preset
        Values that a flow gives instead of the declared defaults.
    parent
        Qt parent.

    Signals
    -------
    changed(str)
        Name of the parameter that changed.
    """

    changed = Signal(str)

    def __init__(
        self, spec: StepSpec, preset: Mapping[str, Any] | None = None, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.spec = spec
        self._declared = {field.name: field.default for field in spec.fields}
        self._defaults = {**self._declared, **_converted(spec, preset or {})}
        self._values = dict(self._defaults)
        self._hints: dict[str, str] = {}
        self._made: dict[str, Any] | None = None
        self._inputs_changed = False

    def field(self, name: str) -> FieldSpec:
        """Return the declaration of a parameter; KeyError if there is none."""
        for field in self.spec.fields:
            if field.name == name:
                return field
        raise KeyError(name)

    def value(self, name: str) -> Any:
        """Return the value of a parameter."""
        return self._values[name]

    def default(self, name: str) -> Any:
        """Return the default of a parameter."""
        return self._defaults[name]

    def is_changed(self, name: str) -> bool:
        """Whether a parameter differs from its default."""
        return bool(self._values[name] != self._defaults[name])

    @property
    def any_changed(self) -> bool:
        """Whether any parameter differs from its default."""
        return any(map(self.is_changed, self._values))

    def set_value(self, name: str, value: Any) -> None:
        """Change a parameter."""
        if self._values[name] != value:
            self._values[name] = value
            self.changed.emit(name)

    @property
    def differs_from_result(self) -> bool:
        """Whether a parameter that decides the result, or a file, differs from what it was made with."""
        return self._made is not None and (
            self._inputs_changed
            or any(
                self._values[field.name] != self._made[field.name]
                for field in self.spec.fields
                if field.affects_result
            )
        )

    def note_made(self, given: Mapping[str, Any] | None) -> None:
        """Remember what the step's result was made with.

        Parameters
        ----------
        given
            The values that were given; what is not in it had its declared default. None: there is no result.
        """
        self._made = None if given is None else {**self._declared, **given}
        self._inputs_changed = False

    def note_inputs_changed(self) -> None:
        """Remember that a file which the step reads was written since."""
        self._inputs_changed = True

    def hint(self, name: str) -> str:
        """Return what leaving a parameter empty means now; empty if nothing is known."""
        return self._hints.get(name, "")

    def set_hint(self, name: str, text: str) -> None:
        """Say what leaving a parameter empty means now."""
        if text != self._hints.get(name, ""):
            self._hints[name] = text
            self.changed.emit(name)

    def set_preset(self, preset: Mapping[str, Any]) -> None:
        """Take other defaults; values that were edited stay."""
        before = self._defaults
        self._defaults = {**self._declared, **_converted(self.spec, preset)}
        for name, value in self._values.items():
            if value == before[name]:
                self._values[name] = self._defaults[name]
        for name in self._values:
            if before[name] != self._defaults[name]:
                self.changed.emit(name)

    @property
    def defaults(self) -> dict[str, Any]:
        """The default of each parameter."""
        return dict(self._defaults)

    def portable_values(self, *, changed_only: bool = False) -> dict[str, Any]:
        """Return the values as JSON can hold them, without those that belong to one recording.

        Parameters
        ----------
        changed_only
            Only those that differ from their defaults.
        """
        return {
            field.name: pydantic_core.to_jsonable_python(self._values[field.name], fallback=str)
            for field in self.spec.fields
            if not field.of_recording and (self.is_changed(field.name) or not changed_only)
        }

    def forget_recording(self) -> None:
        """Set to their defaults what makes no sense for another recording."""
        for field in self.spec.fields:
            if field.of_recording:
                self.set_value(field.name, self._defaults[field.name])

    def problems(self) -> dict[str, str]:
        """Return what is wrong: name of the parameter (empty: several together) to a sentence."""
        try:
            self.spec.model(**self.values_to_run())
        except pydantic.ValidationError as error:
            found: dict[str, str] = {}
            for problem in problems_of(error, self.spec.model):
                said = problem.reason if problem.is_of_field else problem.sentence
                found.setdefault(problem.field, f"{said[:1].upper()}{said[1:].removesuffix('.')}.")
            return found
        return {}

    def values_to_run(self) -> dict[str, Any]:
        """Return the values that differ from the declared defaults."""
        required = {field.name for field in self.spec.fields if field.required}
        return {
            name: value
            for name, value in self._values.items()
            if name in required or value != self._declared[name]
        }


def allowed_values(spec: StepSpec, given: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the stored values that a step takes, in its types, and a sentence for each other one.

    Parameters
    ----------
    spec
        The step.
    given
        Name to value, as JSON contains them.
    """
    known = {field.name: field for field in spec.fields}
    taken: dict[str, Any] = {}
    problems = []
    for name, value in given.items():
        if name not in known:
            problems.append(f"{spec.title}: there is no parameter “{name}”.")
            continue
        reason = _refusal(spec, known[name], value)
        if reason:
            problems.append(f"{spec.title}: {reason}")
        else:
            taken[name] = value
    return _converted(spec, taken), problems


def _refusal(spec: StepSpec, field: FieldSpec, value: Any) -> str:
    beyond = f"“{field.title}” is larger than the form can show: {value!r}."
    name = field.name
    try:
        return beyond if _is_beyond(getattr(spec.model(**{name: value}), name)) else ""
    except pydantic.ValidationError as error:
        for problem in problems_of(error, spec.model):
            # A value that another parameter lacks does not concern this one.
            if problem.field in ("", name):
                return problem.sentence
    return beyond if _is_beyond(value) else ""


def _is_beyond(value: Any) -> bool:
    """Return whether there is a number in a value that the fields of a form cannot show."""
    if isinstance(value, list | tuple):
        return any(map(_is_beyond, value))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return not abs(value) <= (LARGEST_INTEGER if isinstance(value, int) else LARGEST_NUMBER)


def _converted(spec: StepSpec, preset: Mapping[str, Any]) -> dict[str, Any]:
    """Return preset values in the types of the declaration: JSON has lists where it has tuples."""
    try:
        model = spec.model(**preset)
    except pydantic.ValidationError:
        return dict(preset)
    return {name: getattr(model, name) for name in preset}
