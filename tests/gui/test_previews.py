"""What all previews share: they ask only while they are seen, say what is missing, and can be exported."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdmea.utils.spreadsheet import column_name
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.shell.theme import LIGHT
from hdmea_gui.views.parts.base import Preview
from hdmea_gui.views.parts.plot_panel import PlotPanel
from hdmea_gui.views.parts.responses.view import ResponsesPreview
from hdmea_gui.views.receptive_field.view import ReceptiveFieldPreview
from tests.gui.conftest import visible_texts

VIEWS = ("units", "receptive_field", "electrical_image", "raw", "stimulus")


@pytest.fixture
def analysed(window: MainWindow, analysed_file: Path, idle: Callable[[], None]) -> MainWindow:
    """Return a window with the result of all steps of the standard flow."""
    window.open_paths([analysed_file])
    idle()
    return window


def shown(qtbot: Any, window: MainWindow, name: str) -> Preview:
    """Show a tab and wait until it has drawn something."""
    view: Preview = window.views[name]
    window.tabs.setCurrentWidget(view)
    qtbot.waitUntil(lambda: view.table() is not None, timeout=20_000)
    return view


@pytest.mark.parametrize("name", VIEWS)
def test_without_a_session_each_view_says_what_to_do(window: MainWindow, name: str) -> None:
    view: Preview = window.views[name]
    window.tabs.setCurrentWidget(view)

    assert "Load recording" in visible_texts(view)
    assert all(
        "Load recording" in panel.empty_text for panel in view.findChildren(PlotPanel) if panel.isVisible()
    )
    assert view.table() is None


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("units", "Spikes of trials"),
        ("receptive_field", "Spike-triggered averages"),
        ("electrical_image", "Electrical images"),
    ],
)
def test_before_its_step_ran_a_view_names_the_step(
    qtbot: Any, loaded: tuple[MainWindow, Any], name: str, step: str
) -> None:
    window = loaded[0]
    view: Preview = window.views[name]
    window.tabs.setCurrentWidget(view)

    qtbot.waitUntil(lambda: step in visible_texts(view))
    assert all(step in panel.empty_text for panel in view.findChildren(PlotPanel) if panel.isVisible())


@pytest.mark.parametrize("name", VIEWS)
def test_a_hidden_view_asks_nothing_and_is_up_to_date_when_it_is_shown(
    qtbot: Any, analysed: MainWindow, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    asked: list[object] = []
    ask = analysed.controller.ask

    def note(query: Any, on_answer: Any, about: object = None) -> None:
        asked.append(getattr(on_answer, "__self__", None))
        ask(query, on_answer, about)

    monkeypatch.setattr(analysed.controller, "ask", note)
    view: Preview = analysed.views[name]

    analysed.controller.selection.select_units((analysed.controller.state.unit_ids[2],))
    assert view not in asked

    shown(qtbot, analysed, name)
    assert view in asked


class _Last:
    def answer(self, workspace: object) -> None:
        """Be answered after all others."""


def test_an_answer_that_comes_after_the_session_is_gone_is_dropped(qtbot: Any, analysed: MainWindow) -> None:
    view = shown(qtbot, analysed, "receptive_field")
    analysed.controller.selection.select_units((analysed.controller.state.unit_ids[1],))

    analysed.controller.selection.select_units(())
    answers: list[object] = []
    analysed.controller.ask(_Last(), answers.append)
    qtbot.waitUntil(lambda: bool(answers))

    assert view.table() is None


def test_data_that_cannot_be_written_are_said(qtbot: Any, analysed: MainWindow, tmp_path: Path) -> None:
    view = shown(qtbot, analysed, "receptive_field")

    with qtbot.waitSignal(view.told, timeout=20_000) as told:
        view.export_to(tmp_path / "not there" / "table.csv")
    assert told.args[0].startswith("Not exported")
    assert "cannot be written" in told.args[0]


@pytest.mark.parametrize("name", VIEWS)
def test_data_as_csv_are_the_numbers_of_the_session(
    qtbot: Any, analysed: MainWindow, tmp_path: Path, name: str
) -> None:
    view = shown(qtbot, analysed, name)
    path = tmp_path / "data.csv"

    # What is drawn may be renewed while it is written.
    table = view.table()
    with qtbot.waitSignal(view.told, timeout=20_000):
        view.export_to(path)

    assert table is not None
    kinds = {f"data_{kind}.csv": columns for kind, columns in table.kinds} or {"data.csv": table.columns}
    assert {file.name for file in tmp_path.glob("*.csv")} == set(kinds)
    for file, columns in kinds.items():
        with (tmp_path / file).open(encoding="utf-8-sig", newline="") as opened:
            header, *rows = csv.reader(opened)
        same = ["recording", *(["unit_id"] if view.of_unit else [])]
        assert header == [*same, *(column_name(title) for title, _ in columns)]
        assert {row[0] for row in rows} == {analysed.controller.state.dataset_id}
        if file == "data_frames.csv":
            continue  # all frames, of which only those that can be told apart are drawn
        assert len(rows) == max(len(values) for _, values in columns)
        numbers = [float(row[-1]) for row in rows if row[-1]] if columns[-1][1].dtype.kind == "f" else []
        known = columns[-1][1][np.isfinite(columns[-1][1])] if numbers else []
        assert numbers == pytest.approx(known)


def test_a_table_of_several_kinds_never_replaces_a_file(
    qtbot: Any, analysed: MainWindow, tmp_path: Path
) -> None:
    view = shown(qtbot, analysed, "units")
    (tmp_path / "data_rates.csv").write_text("precious")

    with qtbot.waitSignal(view.told, timeout=20_000) as told:
        view.export_to(tmp_path / "data.csv")

    assert "data_rates.csv already exists" in told.args[0]
    assert [file.name for file in tmp_path.glob("*.csv")] == ["data_rates.csv"]
    assert (tmp_path / "data_rates.csv").read_text() == "precious"


def test_each_view_says_what_it_shows(window: MainWindow) -> None:
    texts = [preview.help_text for preview in window.views.all]

    assert all(len(text) > 80 and text.endswith(".") for text in texts)
    assert len(set(texts)) == len(texts)


def test_the_name_of_a_movie_that_comes_later_is_seen_whole(qtbot: Any, analysed: MainWindow) -> None:
    view = shown(qtbot, analysed, "units")
    assert isinstance(view, ResponsesPreview)
    needed = view.movies.fontMetrics().horizontalAdvance(view.movies.currentText())

    qtbot.waitUntil(lambda: needed + 20 < view.movies.width(), timeout=20_000)


def test_a_view_that_waits_for_its_answer_does_not_say_that_nothing_was_computed(
    window: MainWindow, analysed_file: Path, idle: Callable[[], None]
) -> None:
    before = ReceptiveFieldPreview(window.controller, LIGHT, window)
    assert "open a recording" in before.average.empty_text
    window.open_paths([analysed_file])
    idle()

    fresh = ReceptiveFieldPreview(window.controller, LIGHT, window)

    assert fresh.average.empty_text == "Reading the results…"
    assert fresh.not_yet("compute_sta") == "Reading the results…"
    assert fresh.not_yet("no_such_step").startswith("Not computed yet")
    for view in (before, fresh):
        view.deleteLater()
