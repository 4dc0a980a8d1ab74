"""Parameter forms from a step's declaration."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import Field, model_validator
from PySide6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QLineEdit, QSpinBox

from hdmea.declare import STEPS, StepParams, step
from hdmea_gui.engine.forms import describe_step
from hdmea_gui.engine.snapshot import Choice, StepSpec
from hdmea_gui.models.parameters import LARGEST_INTEGER, ParameterModel, allowed_values
from hdmea_gui.shell.theme import LIGHT
from hdmea_gui.widgets.parameter_form import ParameterForm


class _Params(StepParams):
    window: tuple[int, int] = Field((-60, 0), title="Window", json_schema_extra={"unit": "frames"})
    cutoff_hz: float = Field(100.0, gt=0, le=5000, title="Cut-off", description="High-pass.")
    order: int = Field(2, ge=1, le=8, title="Order")
    skip: bool = Field(False, title="Skip")
    trials: Literal["first", "all"] = Field("first", title="Trials")
    movie: str | None = Field(None, title="Movie")
    stimuli_dir: Path | None = Field(None, title="Folder")
    limit: int | None = Field(None, title="Limit", json_schema_extra={"advanced": True})

    @model_validator(mode="after")
    def _window_is_a_stretch(self) -> _Params:
        if self.window[0] >= self.window[1]:
            raise ValueError("the window must begin before it ends")
        return self


@pytest.fixture
def spec() -> Any:
    @step("form_test", title="Form", params=_Params, result=lambda run: None)
    def form_test(session: Any, params: Any, ctx: Any) -> None:
        """Do nothing.

        Further text.
        """

    STEPS.register(form_test)
    yield describe_step(form_test)
    STEPS.remove("form_test")


@pytest.fixture
def form(qtbot: Any, spec: StepSpec) -> tuple[ParameterForm, ParameterModel]:
    form = ParameterForm(LIGHT)
    qtbot.addWidget(form)
    model = ParameterModel(spec, parent=form)
    form.show_model(model)
    return form, model


def test_the_declaration_becomes_fields(spec: StepSpec) -> None:
    kinds = {field.name: field.kind for field in spec.fields}

    assert kinds == {
        "window": "pair",
        "cutoff_hz": "float",
        "order": "int",
        "skip": "bool",
        "trials": "choice",
        "movie": "text",
        "stimuli_dir": "folder",
        "limit": "int",
    }
    assert spec.help == "Do nothing."
    order = next(field for field in spec.fields if field.name == "order")
    assert (order.minimum, order.maximum, order.default) == (1, 8, 2)
    assert next(field for field in spec.fields if field.name == "window").unit == "frames"


def test_each_kind_has_its_editor(form: tuple[ParameterForm, ParameterModel]) -> None:
    shown = form[0]
    expected = {
        "cutoff_hz": QDoubleSpinBox,
        "order": QSpinBox,
        "skip": QCheckBox,
        "trials": QComboBox,
        "movie": QLineEdit,
        "limit": QLineEdit,
    }
    for name, kind in expected.items():
        assert isinstance(shown.editor(name).widget, kind), name


def test_edits_reach_the_model_and_are_marked_until_reset(form: tuple[ParameterForm, ParameterModel]) -> None:
    shown, model = form

    shown.editor("order").widget.setValue(5)  # type: ignore[attr-defined]
    for box, number in zip(shown.editor("window").boxes, (-30, 10), strict=True):  # type: ignore[attr-defined]
        box.setValue(number)

    assert model.values_to_run() == {"order": 5, "window": (-30, 10)}
    assert model.is_changed("order")
    model.set_value("order", model.default("order"))
    assert shown.editor("order").value() == 2
    shown.history.change({model: model.defaults}, "reset")
    assert not model.any_changed
    assert model.values_to_run() == {}


def test_empty_means_automatic(form: tuple[ParameterForm, ParameterModel]) -> None:
    shown, model = form
    line = shown.editor("movie").widget
    assert isinstance(line, QLineEdit)
    assert line.placeholderText() == "automatic"

    line.setText("noise")
    shown.editor("movie").edited.emit()
    assert model.value("movie") == "noise"
    line.setText("  ")
    shown.editor("movie").edited.emit()
    assert model.value("movie") is None


def test_a_value_that_is_not_allowed_is_explained(
    form: tuple[ParameterForm, ParameterModel],
) -> None:
    shown, model = form

    model.set_value("limit", "many")

    assert shown.has_problems
    assert "whole number" in shown.problem("limit")
    model.set_value("limit", None)
    assert not shown.has_problems
    model.set_value("window", (5, 1))
    assert shown.has_problems, "a contradiction between values counts as well"


def test_a_preset_gives_defaults_and_keeps_edits(spec: StepSpec) -> None:
    model = ParameterModel(spec, {"window": [-30, 0]})
    assert model.value("window") == (-30, 0), "a list of a JSON file is the tuple of the declaration"
    model.set_value("order", 4)

    model.set_preset({"cutoff_hz": 200.0})

    assert model.value("window") == (-60, 0)
    assert model.value("cutoff_hz") == 200.0
    assert model.value("order") == 4
    assert model.values_to_run() == {"cutoff_hz": 200.0, "order": 4}


def test_a_name_that_is_not_among_the_known_ones_is_noted_but_no_error(qtbot: Any, spec: StepSpec) -> None:
    fields = tuple(replace(field, names="movie") if field.name == "movie" else field for field in spec.fields)
    form = ParameterForm(LIGHT)
    qtbot.addWidget(form)
    model = ParameterModel(replace(spec, fields=fields), parent=form)
    form.show_model(model)

    model.set_value("movie", "nois_15x15")
    assert form.problem("movie") == "", "nothing is known yet"
    form.show_choices({"movie": (Choice("noise_15x15"),)})
    assert form.problem("movie") == "Unknown: nois_15x15"
    assert not form.has_problems
    model.set_value("movie", "noise_15x15")
    assert form.problem("movie") == ""
    model.set_value("movie", None)
    assert form.problem("movie") == ""


@pytest.mark.parametrize("stored", [{"limit": 10**30}, {"window": [-(10**30), 0]}, {"limit": "99999999999"}])
def test_stored_numbers_that_no_field_can_show_are_not_taken_over(
    spec: StepSpec, stored: dict[str, Any]
) -> None:
    taken, problems = allowed_values(spec, {**stored, "order": 3})

    assert taken == {"order": 3}
    assert len(problems) == 1
    assert "larger than the form can show" in problems[0]
    assert allowed_values(spec, {"limit": LARGEST_INTEGER}) == ({"limit": LARGEST_INTEGER}, [])
