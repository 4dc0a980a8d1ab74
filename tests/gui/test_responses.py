"""What features found, on and beside the responses: marks of light steps, frequency response."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PySide6.QtGui import QColor

from hdmea.analysis.marked_response import MarkedResponse, PhaseMark
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.text.formats import p_text
from hdmea_gui.views.parts.responses.feature_query import (
    MISSING,
    FrequencyTuning,
    PhaseFacts,
    StepMarks,
    number_text,
)
from hdmea_gui.views.parts.responses.query import TrialsView, _events
from hdmea_gui.views.parts.responses.view import ResponsesPreview
from hdmea_gui.views.parts.shared_query import Fact
from tests.gui.test_previews_trials import VIEW, responses

NAN = float("nan")
MARKS = StepMarks(
    "unit_001",
    MarkedResponse(
        time_s=np.arange(4) * 0.5 + 0.25,
        rate=np.array([1.0, 30.0, 10.0, 2.0]),
        baseline_s=(0.0, 0.5),
        baseline_hz=1.5,
        marks=(
            PhaseMark("on", 0.5, 1.25, 0.75, 30.0, 0.6, 1.0, 8.0, True),
            PhaseMark("off", 1.25, 2.0, 1.5, 0.5, NAN, 1.75, 1.0, False),
        ),
    ),
    (
        PhaseFacts("Light on", True, (Fact("Transient", "+28.5 Hz", "largest extremum"),) * 3),
        PhaseFacts("Light off", False, (Fact("Transient", "–", ""),) * 3),
    ),
    (Fact("ON–OFF index", "1", "(on − off) / (on + off)"),),
)
SINES = FrequencyTuning(
    unit_id="unit_001",
    frequencies=np.array([1.0, 10.0]),
    amplitude=np.array([8.0, 3.0]),
    low=np.array([7.0, 2.0]),
    high=np.array([9.0, 4.0]),
    p=np.array([1e-6, 0.02]),
    f2=np.array([1.0, 0.5]),
    preferred_hz=1.0,
    cutoff_hz=NAN,
    alpha=0.01,
    facts=(Fact("Preferred", "1 Hz", "frequency of the largest amplitude"), Fact("p", "1e-06", "F test")),
)
STEPS = replace(VIEW, kind="step", feature="on_off", tunings=(), marks=MARKS)
FREQUENCIES = replace(VIEW, kind="freq_step", feature="chirp", tunings=(), frequencies=(SINES,))


@pytest.fixture
def view(window: MainWindow) -> ResponsesPreview:
    """Return the responses of the unit's view, seen."""
    window.tabs.setCurrentWidget(window.views["unit"])
    window.views["unit"].show_page(window.views["unit"].responses)
    return window.views["unit"].responses


def columns(view: ResponsesPreview, kind: str) -> dict[str, Any]:
    """Return what would be written as CSV."""
    table = view.table()
    assert table is not None
    return dict(dict(table.kinds)[kind])


def test_extrema_latencies_and_sustained_parts_are_marked_where_they_are(view: ResponsesPreview) -> None:
    view.show_answer(STEPS)

    marks = view.plot.marks
    assert [item.isVisible() for item in (marks.smooth, marks.peaks, marks.latencies)] == [True] * 3
    assert np.column_stack(marks.peaks.getData()).tolist() == [[0.75, 30.0], [1.5, 0.5]]
    assert [spot.symbol() for spot in marks.peaks.points()] == ["t1", "t"], "up and down"
    assert marks.latencies.getData()[0].tolist() == [0.6, 0.6], "only the phase that has one"
    x, y = marks.sustained.getData()
    assert (x.tolist(), y.tolist()) == ([1.0, 1.25, 1.75, 2.0], [8.0, 8.0, 1.0, 1.0])
    assert marks.baseline.getData()[1].tolist() == [1.5, 1.5]
    assert view.plot.rate.getViewBox().viewRange()[1][1] > 30, "the peak lies inside the plot"


def test_a_significant_transient_is_filled(view: ResponsesPreview) -> None:
    view.show_answer(STEPS)

    filled = [spot.brush().color() != QColor("black") for spot in view.plot.marks.peaks.points()]
    styles = [spot.brush().style().value > 0 for spot in view.plot.marks.peaks.points()]
    assert styles == [True, False], filled


def test_numbers_of_the_phases_stand_beside_them(view: ResponsesPreview) -> None:
    view.show_answer(STEPS)

    assert view.side.currentWidget() is view.side.steps
    assert view.side.steps.texts == [["<b>Light on</b>", *["+28.5 Hz"] * 3], ["Light off", *["–"] * 3]]


@pytest.mark.parametrize(
    ("value", "style", "text"),
    [
        (-0.04, "+.1f", "0.0"),
        (11.26, "+.1f", "+11.3"),
        (-3.0, "+.1f", "−3.0"),
        (-0.004, ".2f", "0.00"),
        (-0.736, ".2f", "−0.74"),
        (1.0, ".2f", "1.00"),
        (0.00123, ".2g", "0.0012"),
        (np.nan, ".2f", MISSING),
    ],
)
def test_numbers_beside_responses_line_up_and_zero_has_no_sign(value: float, style: str, text: str) -> None:
    assert number_text(value, style) == text


def test_marks_go_when_the_movie_has_none(view: ResponsesPreview) -> None:
    view.show_answer(STEPS)
    view.show_answer(replace(STEPS, marks=None, kind="noise", feature=""))

    marks = view.plot.marks
    assert not any(item.isVisible() for item in (marks.smooth, marks.peaks, marks.sustained, marks.baseline))
    assert not view.side.isVisible()


def test_amplitudes_stand_over_the_logarithm_of_their_frequency(view: ResponsesPreview) -> None:
    view.show_answer(FREQUENCIES)

    panel = view.side.frequency
    x, y = panel.lines[0].getData()
    assert (x.tolist(), y.tolist()) == ([0.0, 1.0], [8.0, 3.0])
    assert panel.bars[0].getData()[1].tolist() == [7.0, 9.0, 2.0, 4.0]
    assert panel.plot.getAxis("bottom")._tickLevels == [[(0.0, "1"), (1.0, "10")]]
    assert panel.preferred.getData()[0].tolist() == [0.0, 0.0]
    assert panel.cutoffs.getData()[0] is None or panel.cutoffs.getData()[0].size == 0
    assert "Preferred <b>1 Hz</b>" in panel.numbers


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_points_that_are_not_significant_are_hollow(window: MainWindow, view: Any, theme: str) -> None:
    window.use_theme(theme, at_once=True)  # type: ignore[arg-type]
    view.show_answer(FREQUENCIES)

    brushes = [spot.brush().color().name() for spot in view.side.frequency.points.points()]
    assert brushes[0] == view._theme.series[0]
    assert brushes[1] == view._theme.base, "0.02 is not below 0.01 / 2"


def test_the_side_says_what_to_run_or_which_movie_was_used(view: ResponsesPreview) -> None:
    view.show_answer(replace(FREQUENCIES, frequencies=()))
    assert "Features" in view.side.message

    view.show_answer(replace(FREQUENCIES, frequencies=(), elsewhere="freq_step_other"))
    assert "freq_step_other" in view.side.message


@pytest.mark.parametrize(
    ("shown", "kind", "expected"),
    [
        (STEPS, "phases", {"phase": ["on", "off"], "peak_s": [0.75, 1.5], "peak_Hz": [30.0, 0.5]}),
        (FREQUENCIES, "frequencies", {"frequency_Hz": [1.0, 10.0], "amplitude_Hz": [8.0, 3.0]}),
        (VIEW, "directions", {"direction_deg": [0.0, 90.0, 180.0, 270.0]}),
        (VIEW, "spikes", {"unit_id": ["unit_001"] * 3, "trial": [1, 1, 2], "spike_s": [0.25, 0.3, 1.75]}),
    ],
)
def test_data_as_columns_hold_what_is_marked(
    view: ResponsesPreview, shown: TrialsView, kind: str, expected: dict[str, list[Any]]
) -> None:
    view.show_answer(shown)

    found = columns(view, kind)
    assert {name: found[name].tolist() for name in expected} == expected


def test_each_of_eight_units_has_its_colour_raster_and_rate(window: MainWindow) -> None:
    window.tabs.setCurrentWidget(window.views["units"])
    units = tuple(responses(f"unit_{number:03d}", [number / 10], []) for number in range(1, 9))

    window.views["units"].show_answer(replace(STEPS, units=units, marks=None))

    plot = window.views["units"].plot
    assert all(item.isVisible() for item in (*plot.spikes, *plot.rates))
    assert [item.getData()[0][0] for item in plot.spikes] == pytest.approx([n / 10 for n in range(1, 9)])
    colours = [item.opts["pen"].color().name() for item in plot.rates]
    assert len(set(colours)) == 8
    assert colours == [item.opts["pen"].color().name() for item in plot.spikes]
    assert all(colour in window.views["units"].legend.text() for colour in colours)
    assert not window.views["units"].side.isVisible(), "marks of several units would cover each other"
    window.views["units"].show_answer(replace(STEPS, units=units[:2], marks=None))
    assert [item.isVisible() for item in plot.rates] == [True] * 2 + [False] * 6


@pytest.mark.parametrize(("p", "said"), [(0.17, "0.17"), (0.0005, "0.0005"), (4.7e-12, "< 0.0001")])
def test_a_p_value_is_not_more_exact_than_its_test(p: float, said: str) -> None:
    assert p_text(p) == said


@pytest.mark.parametrize(
    ("event", "label"),
    [
        ({"type": "sweep", "direction_deg": 135}, "↖ 135°"),
        ({"type": "grating", "direction_deg": 350}, "→ 350°"),
        ({"type": "sine", "frequency_hz": 0.5}, "0.5 Hz"),
        ({"type": "light_step", "color": "blue"}, "blue"),
        ({"type": "contrast_step", "contrast": -0.25}, "−25 %"),
        ({"type": "frequency_ramp", "start_frequency_hz": 0, "end_frequency_hz": 8}, "0 – 8 Hz"),
        ({"type": "contrast_ramp", "start_contrast": 0, "end_contrast": 1}, "contrast 0 – 100 %"),
        ({"type": "spot", "diameter": 4}, "⌀ 4"),
        ({"type": "noise"}, ""),
    ],
)
def test_what_is_shown_in_a_trial_stands_above_it(event: dict[str, object], label: str) -> None:
    definition = {"events": [{**event, "start_frame": 60, "end_frame": 180}]}

    found = _events({"definition": json.dumps(definition)}, 1 / 60)

    assert [(span.label, span.start_s, span.stop_s) for span in found] == (
        [(label, 1.0, 3.0)] if label else []
    )
