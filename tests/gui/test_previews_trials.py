"""Responses to a movie: light, raster, PSTH and tuning."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hdmea.analysis.polar import polar_curve
from hdmea.analysis.psth import psth
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.views.parts.responses.feature_query import Tuning
from hdmea_gui.views.parts.responses.query import MOST_UNITS, TrialsView, UnitTrials
from hdmea_gui.views.parts.shared_query import Fact

STEP = "step_up_1s_2i_b0_2x"


def responses(unit_id: str, *trials: list[float]) -> UnitTrials:
    """Return a unit with these spikes in seconds."""
    times = [np.array(trial, np.float64) for trial in trials]
    rows = np.repeat(np.arange(len(times)), [trial.size for trial in times])
    return UnitTrials(unit_id, np.concatenate(times), rows, psth(times, 0.0, 2.0, 0.5))


TUNING = Tuning(
    unit_id="unit_001",
    curve=polar_curve(np.arange(4) * 90.0, np.array([1.0, 4.0, 1.0, 0.0]), np.array([0.5, 1.0, 0.5, np.nan])),
    preferred_deg=90.0,
    facts=(Fact("DSI", "0.67 (p 0.001)", "index"), Fact("OSI", "0.1 (p 0.5)", "index")),
    directions_deg=np.arange(4) * 90.0,
    response=np.array([1.0, 4.0, 1.0, 0.0]),
    error=np.array([0.5, 1.0, 0.5, np.nan]),
)
VIEW = TrialsView(
    movies=("bar", "step"),
    movie="bar",
    units=(responses("unit_001", [0.25, 0.3], [1.75]),),
    n_trials=2,
    start_s=0.0,
    stop_s=2.0,
    light_s=np.array([0.0, 1.0]),
    light=np.array([0.0, 2e6], np.float32),
    light_unit="counts",
    kind="moving_bar",
    feature="moving_bar",
    tunings=(TUNING,),
    rings=np.array([2.0, 4.0, 6.0]),
)


@pytest.fixture
def shown(window: MainWindow) -> MainWindow:
    window.tabs.setCurrentWidget(window.views["units"])
    window.views["units"].show_answer(VIEW)
    return window


def test_each_spike_is_a_tick_in_the_row_of_its_trial(shown: MainWindow) -> None:
    x, y = shown.views["units"].plot.spikes[0].getData()

    assert x.tolist() == [0.25, 0.25, 0.3, 0.3, 1.75, 1.75]
    assert y == pytest.approx([0.6, 1.4, 0.6, 1.4, 1.6, 2.4]), "trials are counted from 1"


def test_marks_of_the_movie_stand_above_its_trials(shown: MainWindow) -> None:
    view = shown.views["units"]
    assert not view.caution.isVisible()

    view.show_answer(replace(VIEW, caution="not aligned: the light fits 4 frames later"))
    assert view.caution.isVisible()
    assert view.caution.text() == "⚠ not aligned: the light fits 4 frames later"

    view.show_answer(VIEW)
    assert not view.caution.isVisible()


def test_columns_of_the_table_are_the_rates(shown: MainWindow) -> None:
    table = shown.views["units"].table()

    assert table is not None
    columns = dict(dict(table.kinds)["rates"])
    assert columns["unit_id"].tolist() == ["unit_001"] * 4
    assert columns["rate_Hz"] == pytest.approx([2.0, 0.0, 0.0, 1.0])
    assert columns["bin_start_s"] == pytest.approx([0.0, 0.5, 1.0, 1.5])


def test_light_has_its_unit_with_a_round_power_of_ten(shown: MainWindow) -> None:
    axis = shown.views["units"].plot.light.getAxis("left")

    assert "10⁶ counts" in axis.labelText
    assert axis.scale == pytest.approx(1e-6)


def test_tuning_has_its_numbers_below_and_definitions_as_tooltip(shown: MainWindow) -> None:
    polar = shown.views["units"].side.polar

    assert not polar.is_empty
    assert "DSI <b>0.67 (p 0.001)</b>" in polar.numbers
    x, y = polar.outlines[0].getData()
    assert np.column_stack((x, y)) == pytest.approx(
        np.array([[1, 0], [0, 4], [-1, 0], [0, 0], [1, 0]]) / 6
    ), "in units of the outer ring"


def test_without_the_feature_the_polar_plot_says_what_to_run(shown: MainWindow) -> None:
    shown.views["units"].show_answer(replace(VIEW, tunings=()))

    assert shown.views["units"].side.isVisible()
    assert "Features" in shown.views["units"].side.message


def test_without_directions_there_is_no_polar_plot(shown: MainWindow) -> None:
    shown.views["units"].show_answer(replace(VIEW, tunings=(), kind="noise", feature=""))

    assert not shown.views["units"].side.isVisible()


def test_several_units_stand_one_below_the_other_in_their_colours(shown: MainWindow) -> None:
    shown.views["units"].show_answer(
        replace(VIEW, units=(*VIEW.units, responses("unit_007", [1.0], [1.0])), tunings=())
    )

    assert shown.views["units"].plot.spikes[1].getData()[1] == pytest.approx([2.6, 3.4, 3.6, 4.4])
    assert "unit_001" in shown.views["units"].legend.text()
    assert "unit_007" in shown.views["units"].legend.text()


def test_a_unit_that_never_fired_is_drawn_without_ticks(shown: MainWindow) -> None:
    shown.views["units"].show_answer(replace(VIEW, units=(responses("unit_003", [], []),), tunings=()))

    table = shown.views["units"].table()
    assert table is not None
    assert dict(dict(table.kinds)["rates"])["rate_Hz"] == pytest.approx(np.zeros(4))


def test_trials_of_the_session_by_movie_and_bin(
    qtbot: Any, loaded: tuple[MainWindow, Any], idle: Callable[[], None]
) -> None:
    window = loaded[0]
    window.tabs.setCurrentWidget(window.views["units"])
    qtbot.waitUntil(lambda: "Spikes of trials" in window.views["units"].plot.message)

    window.controller.choose_flow("quick")
    window.controller.run_all()
    idle()
    qtbot.waitUntil(lambda: window.views["units"].table() is not None)
    assert window.views["units"].movies.currentText() == STEP, "the movie with most trials comes first"

    view = window.views["units"].view
    assert view is not None
    assert (view.start_s, view.stop_s) == pytest.approx((0.0, 3.0), abs=0.01)
    on = view.light[(view.light_s > 1.1) & (view.light_s < 1.9)]
    off = view.light[view.light_s < 0.9]
    assert on.min() > off.max(), "light goes on at 1 s of the trial"
    window.views["units"].bins.setCurrentIndex(window.views["units"].bins.findData(100))
    window.views["units"].bins.activated.emit(window.views["units"].bins.currentIndex())
    qtbot.waitUntil(lambda: window.views["units"].view.units[0].psth.rate.size in {29, 30})  # type: ignore[union-attr]

    window.views["units"].movies.setCurrentIndex(1 - window.views["units"].movies.currentIndex())
    window.views["units"].movies.activated.emit(window.views["units"].movies.currentIndex())
    qtbot.waitUntil(
        lambda: window.views["units"].view is not None and "noise" in window.views["units"].view.movie
    )
    assert "noise" in window.controller.selection.movie


def test_more_units_than_colours_are_said(
    qtbot: Any, loaded: tuple[MainWindow, Any], idle: Callable[[], None]
) -> None:
    window = loaded[0]
    ids = window.controller.state.unit_ids
    window.tabs.setCurrentWidget(window.views["units"])
    window.controller.selection._units = (*ids, *(f"unit_{900 + n}" for n in range(MOST_UNITS)))

    window.views["units"].show_answer(VIEW)

    assert f"and {len(ids)} more" in window.views["units"].legend.text()
