"""All numbers of the selected units with their definitions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtGui import QGuiApplication, QKeySequence
from PySide6.QtTest import QTest

from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.views.unit.feature_query import FeatureGroup, FeaturesView, FeatureValue, _text
from hdmea_gui.views.unit.feature_values import FeatureValuesModel

RATE = FeatureValue(
    "on_off.on_latency", "on latency", "ms", "from light on", ("83", "–"), (83.0, None), ("", "none")
)
VIEW = FeaturesView(
    ("unit_001", "unit_002"),
    (
        FeatureGroup("Unit", "", (FeatureValue("row", "row", "", "row", ("1", "2"), (1, 2), ("", "")),)),
        FeatureGroup("ON and OFF response", "what it is", (RATE,)),
    ),
    0,
)
TIP = Qt.ItemDataRole.ToolTipRole


@pytest.fixture
def model(qapp: Any) -> FeatureValuesModel:
    model = FeatureValuesModel()
    model.set_view(VIEW)
    return model


def row(model: Any, title: QModelIndex, place: int) -> list[str]:
    """Return the texts of a row."""
    return [model.data(model.index(place, column, title)) for column in range(model.columnCount())]


def test_numbers_stand_below_the_title_of_their_feature(model: FeatureValuesModel) -> None:
    title = model.index(1, 0)

    assert model.data(title) == "ON and OFF response"
    assert model.rowCount(title) == 1
    assert row(model, title, 0) == ["on latency", "83 ms", "–", "from light on"]
    assert model.parent(model.index(0, 2, title)) == title
    assert not model.parent(title).isValid()


def test_the_definition_and_the_reason_are_tooltips(model: FeatureValuesModel) -> None:
    title = model.index(1, 0)

    assert model.data(model.index(0, 1, title), TIP) == "on_off.on_latency: from light on"
    assert model.data(model.index(0, 2, title), TIP).endswith("Missing here: none")


def test_another_unit_with_the_same_numbers_keeps_what_is_folded(
    qtbot: Any, model: FeatureValuesModel
) -> None:
    other = FeaturesView(("unit_003", "unit_004"), VIEW.groups, 0)

    with qtbot.assertNotEmitted(model.modelReset), qtbot.waitSignal(model.dataChanged, timeout=20_000):
        assert model.set_view(other) is False

    assert model.headerData(1, Qt.Orientation.Horizontal) == "unit_003"


def test_numbers_of_the_session_with_filter_and_data(
    qtbot: Any, window: MainWindow, analysed_file: Path, idle: Callable[[], None]
) -> None:
    view = window.views["unit"].features
    window.open_paths([analysed_file])
    idle()
    window.tabs.setCurrentWidget(window.views["unit"])
    window.views["unit"].show_page(view)
    window.controller.selection.select_units(window.controller.state.unit_ids[:2])
    qtbot.waitUntil(
        lambda: view.table() is not None and len(set(dict(view.table().columns)["unit_id"])) == 2,
        timeout=20_000,
    )

    table = dict(view.table().columns)
    rows = table["number"].tolist()
    assert table["unit_id"][rows.index("spike_count")] == "unit_001"
    assert table["value"][rows.index("spike_count")] > 0
    assert table["definition"][rows.index("on_off.on_latency")].startswith("from light on")
    assert table["physical_unit"][rows.index("on_off.on_latency")] == "ms"
    view.tree.setFocus()
    view.tree.selectAll()
    QTest.keySequence(view.tree, QKeySequence(QKeySequence.StandardKey.Copy))
    header, *lines = (line.split("\t") for line in QGuiApplication.clipboard().text().splitlines())
    assert header == ["number", "unit_001", "unit_002", "physical_unit", "definition"]
    copied = {line[0]: line[1] for line in lines}
    for at, number in enumerate(rows[: len(rows) // 2]):
        value = table["value"][at]
        if isinstance(value, float) and np.isfinite(value):
            assert float(copied[number]) == value, "all digits, ASCII minus"
    view.filter.setText("latency")
    shown = view.tree.model()
    titles = [shown.data(shown.index(place, 0)) for place in range(shown.rowCount())]
    assert "ON and OFF response" in titles
    assert "Spike sorter" not in titles


def test_without_a_unit_it_says_what_to_do(window: MainWindow) -> None:
    window.tabs.setCurrentWidget(window.views["unit"])
    window.views["unit"].show_page(window.views["unit"].features)

    assert window.views["unit"].features.table() is None
    assert "open a recording" in window.views["unit"].features._note.text()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (-12345, "−12,345"),
        (-0.25, "−0.25"),
        (7, "7"),
        (True, "yes"),
        (float("nan"), "–"),
        (None, "–"),
        ("ON-OFF", "ON-OFF"),
    ],
)
def test_a_value_is_written_with_the_minus_of_a_text(value: object, said: str) -> None:
    assert _text(value) == said


def test_no_value_is_cut_off_at_the_width_that_columns_have_at_first(qtbot: Any, window: MainWindow) -> None:
    page = window.views["unit"].features
    window.tabs.setCurrentWidget(window.views["unit"])
    window.views["unit"].show_page(page)
    long = FeatureValue(
        "lnl.gain", "Gain", "1/standard deviation", "", ("0.0007242", "–"), (7e-4, None), ("", "")
    )

    page.show_answer(FeaturesView(VIEW.unit_ids, (FeatureGroup("Model", "", (long,)),), 0))

    index = page.tree.model().index(0, 1, page.tree.model().index(0, 0))
    assert page.tree.columnWidth(1) >= page.tree.sizeHintForIndex(index).width()
    assert page.tree.columnWidth(1) > page.tree.columnWidth(2)
