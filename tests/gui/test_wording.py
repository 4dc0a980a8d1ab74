"""Messages of the engine name steps and parameters as scripts do; the window says titles and labels."""

from __future__ import annotations

import ast
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import hdmea
from hdmea.declare import all_steps
from hdmea_gui.dialogs.message import MessageDialog
from hdmea_gui.engine.forms import describe_step
from hdmea_gui.engine.jobs import Failure
from hdmea_gui.engine.snapshot import Card, FieldSpec, OpenResult, Refused, StepSpec
from hdmea_gui.engine.wording import Wording
from hdmea_gui.models.parameters import ParameterModel
from hdmea_gui.models.steps import StepState
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.views.unit.feature_values import FeatureValuesModel
from tests.gui.conftest import visible_texts

SPECS = tuple(describe_step(public) for public in all_steps().values())
FIELDS = tuple((spec, field) for spec in SPECS for field in spec.fields)
WORDING = Wording(SPECS)
EACH_STEP = pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
EACH_FIELD = pytest.mark.parametrize(
    ("spec", "field"), FIELDS, ids=[f"{spec.name}.{field.name}" for spec, field in FIELDS]
)
ENGINE = Path(hdmea.__file__).parent


@EACH_STEP
def test_a_step_is_named_by_its_title(spec: StepSpec) -> None:
    name, title = spec.name, spec.title
    for said, read in (
        (f"There are no averages: run {name} first.", f"There are no averages: run “{title}” first."),
        (f"Run '{name}', or ``{name}``.", f"Run “{title}”, or “{title}”."),
        (f"{title} ({name}) needs {title} ({name}).", f"{title} needs {title}."),
        (f"{name}: 3 units have none.", f"{title}: 3 units have none."),
        (f"run {name} again with force=True.", f"run “{title}” again."),
        (f"run {name} with force=True.", f"run “{title}” again."),
    ):
        assert WORDING.readable(said) == read


@EACH_FIELD
def test_a_parameter_is_named_by_its_label(spec: StepSpec, field: FieldSpec) -> None:
    name, label = field.name, field.title
    for said, read in (
        (f"say which with {name}=.", f"say which with “{label}”."),
        (f"say so with {name}=True, please.", f"say so with “{label}” ticked, please."),
        (f"({name}=False)", f"(“{label}” not ticked)"),
        (f"it was made with {name}=7", f"it was made with “{label}” = 7"),
    ):
        assert WORDING.readable(said, spec.name) == read
        assert WORDING.readable(f"{spec.name}: {said}") == f"{spec.title}: {read}"
    alone = WORDING.readable(f"Choose a lower {name}.", spec.name)
    assert alone == (f"Choose a lower “{label}”." if "_" in name else f"Choose a lower {name}.")


@pytest.mark.parametrize(
    "text",
    [
        "/data/add_section_time/result.h5 is not there.",
        r"C:\data\add_section_time\movie_name.h5 is not there.",
        "add_section_time.h5 and movie_name-2.npy are not there.",
        "my_add_section_time and movie_names_2 are others.",
        "stimulus/movie_name has no data.",
        "The features of 3 units, their trials and repeats.",
        "add_section_time(hdf5_path) is a function.",
        "x: y",
        "",
    ],
)
def test_names_of_files_and_usual_words_stay(text: str) -> None:
    assert WORDING.readable(text) == text


def test_a_feature_is_named_by_its_title() -> None:
    wording = Wording(SPECS, {"baseline": "Baseline and quality", "moving_bar": "Direction tuning"})
    for said, read in (
        ("Feature moving_bar failed: odd.", "Feature “Direction tuning” failed: odd."),
        ("There is no feature 'baseline'.", "There is no feature “Baseline and quality”."),
        (
            "Run load_recording first (metadata/frame_timestamps is not in this session).",
            "Run “Load recording” first.",
        ),
        (
            "feature 'moving_bar' is missing or empty: run extract_features with moving_bar.",
            "it needs feature “Direction tuning”.",
        ),
        ("The feature baseline.", "The feature “Baseline and quality”."),
        (
            "feature baseline.cv_isi and feature moving_bar_2",
            "feature baseline.cv_isi and feature moving_bar_2",
        ),
        ("The baseline of moving_h_bar_s5_d8_3x.", "The baseline of moving_h_bar_s5_d8_3x."),
        (
            "extract_features: Feature moving_bar was skipped: stimulus 'section_time' is missing or empty: "
            "run add_section_time; unit 'spike_times_sectioned' is missing or empty: run "
            "section_spike_times.",
            "Features: Feature “Direction tuning” was skipped: it needs “Section times”; it needs "
            "“Spikes of trials”.",
        ),
    ):
        assert wording.readable(said) == read


def test_nothing_is_changed_as_long_as_no_step_is_known() -> None:
    assert Wording().readable("run compute_sta with movie_name=.") == "run compute_sta with movie_name=."


def _messages() -> Iterator[tuple[str, str]]:
    """Yield where and what the engine warns of or raises, with … for what is put in."""
    for path in sorted(ENGINE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            call = node.exc if isinstance(node, ast.Raise) else node
            if not isinstance(call, ast.Call):
                continue
            warns = isinstance(call.func, ast.Attribute) and call.func.attr in {"warn", "warning"}
            if warns or isinstance(node, ast.Raise):
                for argument in call.args:
                    text = _text(argument)
                    if text:
                        yield f"{path.relative_to(ENGINE)}:{call.lineno}", text


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) or "…" for part in node.values)
    if isinstance(node, ast.BinOp):
        return _text(node.left) + _text(node.right)
    return ""


def test_no_message_of_the_engine_keeps_a_name() -> None:
    """The steps' own messages are meant: what a script alone can meet is not looked at."""
    names = {spec.name for spec in SPECS} | {field.name for _, field in FIELDS if "_" in field.name}
    pattern = re.compile(rf"(?<![\w./])({'|'.join(names)})(?![\w(/])|\w+=(?!\d)")
    said = [(where, text) for where, text in _messages() if where.startswith(("pipeline/steps", "features"))]
    assert len(said) > 100
    assert sum(bool(pattern.search(text)) for _, text in said) > 10, "the pattern finds names"

    left = [(where, text) for where, text in said if pattern.search(WORDING.readable(text))]

    assert left == []


# -- in the window -----------------------------------------------------------------------------------


def test_the_log_says_titles_and_the_log_file_what_was_said(
    window: MainWindow, caplog: pytest.LogCaptureFixture, qtbot: Any
) -> None:
    logging.getLogger("hdmea.pipeline.run").warning("compute_sta: say which with movie_name=.")

    wanted = "Spike-triggered averages: say which with “Movie”."
    qtbot.waitUntil(lambda: any(wanted in line for line in window.log.texts()), timeout=20_000)
    assert "compute_sta: say which with movie_name=." in caplog.text


def test_why_a_step_failed_is_said_with_titles(
    window: MainWindow, recording: tuple[Path, Path], idle: Callable[[], None]
) -> None:
    window.open_paths(list(recording))
    idle()

    window.controller.run_step("compute_sta")
    idle()

    item = window.controller.steps.item("compute_sta")
    assert item.state is StepState.FAILED
    assert isinstance(window.dialog, MessageDialog)
    for said in (item.reason, item.detail, visible_texts(window.dialog), "\n".join(window.log.texts())):
        assert "Load recording" in said
        assert "load_recording" not in said
        assert "compute_sta" not in said
    assert item.detail.startswith("needs ")


def test_failures_and_what_is_refused_are_readable() -> None:
    failure = WORDING.failure(Failure("E", "run compute_sta first", "compute_sta"))
    assert failure == Failure("E", "run “Spike-triggered averages” first", "compute_sta")
    result = WORDING.opened(
        OpenResult(
            None,
            Card("Rec", (), ("set light_channel",)),
            (Refused(Path("a"), "pass cmcr_path="),),
            ("run load_recording",),
        )
    )
    assert result.card is not None
    assert result.card.warnings == ("set “Light channel”",)
    assert result.refused[0].reason == "pass “Raw recording”"
    assert result.notes == ("run “Load recording”",)


def test_what_the_form_says_of_a_value_is_readable() -> None:
    spec = next(spec for spec in SPECS if spec.name == "section_spike_times")
    model = ParameterModel(spec)
    model.set_value("pad_margin", (-1.0, 0.0))

    assert model.problems() == {"pad_margin": "Must be two times of 0 s or more."}


def test_a_query_that_fails_is_said_with_titles(window: MainWindow, qtbot: Any) -> None:
    class _Fails:
        def answer(self, workspace: object) -> object:
            raise ValueError("run compute_sta first")

    answers: list[Any] = []
    window.controller.ask(_Fails(), answers.append)
    qtbot.waitUntil(lambda: bool(answers), timeout=20_000)

    assert answers[0].reason == "run “Spike-triggered averages” first"


def test_why_a_number_is_missing_is_said_with_titles(qapp: Any) -> None:
    from PySide6.QtCore import Qt

    from hdmea_gui.views.unit.feature_query import FeatureGroup, FeaturesView, FeatureValue

    value = FeatureValue("rf.area", "Area", "", "Its area", ("–",), (None,), ("run compute_sta first",))
    model = FeatureValuesModel(readable=WORDING.readable)
    model.set_view(FeaturesView(("unit_001",), (FeatureGroup("RF", "", (value,)),), 0))

    tip = model.data(model.index(0, 1, model.index(0, 0)), Qt.ItemDataRole.ToolTipRole)

    assert "run “Spike-triggered averages” first" in tip
