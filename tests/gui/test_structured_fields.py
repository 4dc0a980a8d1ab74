"""Windows, electrodes, tables and words that may be numbers: none is typed as Python writes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import pytest
from pydantic import Field, field_validator
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication, QWidget

from hdmea.declare import STEPS, StepParams, get_step, step
from hdmea_gui.engine.forms import describe_step
from hdmea_gui.models.parameters import ParameterModel
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.shell.theme import LIGHT
from hdmea_gui.widgets.focused_wheel import ComboBox
from hdmea_gui.widgets.number_boxes import NumberBox, WholeNumberBox
from hdmea_gui.widgets.parameter_form import ParameterForm


class _Params(StepParams):
    window: tuple[int, int] = Field((-10, 40), title="Window", json_schema_extra={"unit": "samples"})
    margin: tuple[float, float] = Field((0.0, 0.5), title="Margin", json_schema_extra={"unit": "s"})
    bad: tuple[tuple[int, int], ...] | None = Field(None, title="Bad electrodes")
    anchors: dict[str, int] | None = Field(None, title="Re-anchor")
    settings: dict[str, Any] | None = Field(None, title="Settings")
    delay: Literal["none", "measured"] | float = Field(
        "none", title="Delay", json_schema_extra={"unit": "ms"}
    )

    @field_validator("window")
    @classmethod
    def _ascends(cls, value: tuple[int, int]) -> tuple[int, int]:
        if value[0] >= value[1]:
            raise ValueError("must be two samples in ascending order")
        return value


@pytest.fixture
def form(qtbot: Any) -> Iterator[tuple[ParameterForm, ParameterModel]]:
    @step("structured_test", title="Structured", params=_Params, result=lambda run: None)
    def structured_test(session: Any, params: Any, ctx: Any) -> None:
        """Do nothing."""

    STEPS.register(structured_test)
    form = ParameterForm(LIGHT)
    qtbot.addWidget(form)
    model = ParameterModel(describe_step(structured_test), parent=form)
    form.show_model(model)
    form.show()
    yield form, model
    STEPS.remove("structured_test")


def test_a_window_is_two_fields_in_milliseconds_with_its_samples(
    form: tuple[ParameterForm, ParameterModel],
) -> None:
    shown, model = form
    editor: Any = shown.editor("window")
    assert [box.value() for box in editor.boxes] == [-10, 40]

    shown.show_rates({"samples": 20_000.0})
    assert [box.value() for box in editor.boxes] == [-0.5, 2.0]
    assert editor.note.text() == "−10 to 40 samples"
    assert shown._rows["window"].label.text() == "Window (ms)"
    assert not model.any_changed, "showing it in another unit changes nothing"

    editor.boxes[1].setValue(1.012)
    assert model.value("window") == (-10, 20)
    assert editor.boxes[1].value() == 1.0, "what is shown is what is used"
    editor.boxes[1].setValue(-1)
    assert model.value("window") == (-10, -20)
    assert shown.problem("window") == "Must be two samples in ascending order."
    assert shown.has_problems
    shown.editor("margin").boxes[0].setValue(0.25)  # type: ignore[attr-defined]
    assert model.value("margin") == (0.25, 0.5)


def test_the_window_of_electrical_images_must_ascend() -> None:
    model = ParameterModel(describe_step(get_step("compute_eimage_sta")))
    model.set_value("window_range", (40, 10))

    assert "ascending" in model.problems()["window_range"]


def test_electrodes_are_picked_on_the_chip_or_typed(
    qtbot: Any, form: tuple[ParameterForm, ParameterModel]
) -> None:
    shown, model = form
    editor: Any = shown.editor("bad")

    editor.line.setText("33, 32; 40, 12")
    editor.edited.emit()
    assert model.value("bad") == ((33, 32), (40, 12))
    editor.button.click()
    for place in ((1, 1), (33, 32)):
        row, column = place
        point = QPoint(4 + 6 * column - 3, 4 + 6 * row - 3)
        assert editor.grid.place_at(point) == place
        qtbot.mouseClick(editor.grid, Qt.MouseButton.LeftButton, pos=point)
    editor.grid.close()
    assert model.value("bad") == ((1, 1), (40, 12))
    assert editor.line.text() == "1, 1; 40, 12"
    editor.line.setText("here")
    editor.edited.emit()
    assert shown.has_problems
    editor.line.clear()
    editor.edited.emit()
    assert model.value("bad") is None


def test_names_with_numbers_are_a_table(form: tuple[ParameterForm, ParameterModel]) -> None:
    shown, model = form
    anchors: Any = shown.editor("anchors")
    anchors.show_value({"noise": 341_666})
    assert anchors.value() == {"noise": 341_666}
    anchors._add()
    assert anchors.value() == {"noise": 341_666}, "an empty row does not count"
    anchors.grid.item(0, 1).setText("soon")
    assert "whole number" in shown.problem("anchors")
    anchors.grid.setCurrentCell(0, 0)
    anchors._remove()
    assert model.value("anchors") is None

    settings: Any = shown.editor("settings")
    given = {"baseline": {"refractory_ms": 2, "edges": [1.5, 2.0]}, "alpha": 0.5, "strict": True}
    settings.show_value(given)
    assert settings._text(0, 2) == "2"
    assert settings.value() == given


@pytest.mark.parametrize(("text", "value"), [("measured", "measured"), ("12,5", 12.5), ("40", 40.0)])
def test_a_word_may_be_a_number(form: tuple[ParameterForm, ParameterModel], text: str, value: object) -> None:
    shown, model = form
    box: Any = shown.editor("delay").widget

    box.setCurrentText(text)
    box.lineEdit().editingFinished.emit()

    assert model.value("delay") == value
    assert not shown.has_problems
    box.setCurrentText("40, 10")
    box.lineEdit().editingFinished.emit()
    assert shown.has_problems


def turn(widget: QWidget) -> bool:
    place = QPointF(widget.rect().center())
    none, phase = Qt.MouseButton.NoButton, Qt.ScrollPhase.NoScrollPhase
    event = QWheelEvent(
        place,
        widget.mapToGlobal(place),
        QPoint(),
        QPoint(0, -120),
        none,
        Qt.KeyboardModifier.NoModifier,
        phase,
        False,
    )
    event.ignore()
    QApplication.sendEvent(widget, event)
    return event.isAccepted()


@pytest.mark.parametrize("make", [ComboBox, NumberBox, WholeNumberBox], ids=lambda make: make.__name__)
def test_the_wheel_changes_nothing_without_focus(qtbot: Any, make: Callable[[], Any]) -> None:
    page = QWidget()
    qtbot.addWidget(page)
    box = make()
    box.setParent(page)
    if isinstance(box, ComboBox):
        box.addItems(["a", "b"])
    before = box.currentText() if isinstance(box, ComboBox) else box.value()
    page.show()

    turn(box)

    assert (box.currentText() if isinstance(box, ComboBox) else box.value()) == before


def test_nothing_runs_while_a_parameter_of_any_step_is_not_allowed(
    qtbot: Any, loaded: tuple[MainWindow, object]
) -> None:
    window, _ = loaded
    assert window.actions_["run_all"].isEnabled()
    assert isinstance(window.panel.flows, ComboBox)
    assert set(window.controller.state.rates) == {"samples", "frames"}

    window.controller.parameters("compute_sta").set_value("cover_range", (0, -60))

    qtbot.waitUntil(lambda: not window.actions_["run_all"].isEnabled())
    assert "Spike-triggered averages" in window.actions_.refusal("run_all")
    window.controller.parameters("compute_sta").set_value("cover_range", (-60, 0))
    qtbot.waitUntil(window.actions_["run_all"].isEnabled)
