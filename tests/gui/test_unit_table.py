"""The unit table: order, filter, columns, selection both ways, what leaves it."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication

from hdmea.pipeline.feature_table import FeatureColumn, physical_units
from hdmea.pipeline.session import PipelineSession
from hdmea_gui.engine.snapshot import Column, StateView
from hdmea_gui.engine.unit_columns import unit_columns
from hdmea_gui.models.unit_filter import FilterError, matching_units
from hdmea_gui.models.units import MISSING, UnitTableModel
from hdmea_gui.shell.columns_dialog import ColumnsDialog
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.text.units import readable_units
from tests.gui.conftest import visible_texts

IDS = ("unit_001", "unit_002", "unit_003", "unit_004")
NAN = float("nan")
COLUMNS = (
    Column("rate", "Rate (Hz)", "Mean rate", np.array([2.0, 10.0, NAN, 1.5]), 2, unit="Hz"),
    Column("moving_bar.dsi", "DSI", "Direction index", np.array([0.5, 0.1, 0.9, NAN]), 3, "moving_bar"),
    Column(
        "cell_type.cell_type", "Cell type", "Class", np.array(["ON", "OFF", "", "DS"], object), 0, "cell_type"
    ),
    Column(
        "chirp.r2",
        "Frequency steps: R²",
        "Fit",
        np.array([3.0, 2.0, 1.0, 0.0]),
        0,
        "chirp",
        standard=False,
        feature="Frequency steps",
        label="R²",
    ),
)


@pytest.fixture
def model() -> UnitTableModel:
    model = UnitTableModel()
    model.set_content(IDS, COLUMNS)
    return model


@pytest.fixture
def window(window: MainWindow) -> MainWindow:
    window.controller.units.set_content(IDS, COLUMNS)
    return window


def shown(model: UnitTableModel) -> list[str]:
    return [model.unit_id(row) for row in range(model.rowCount())]


def selected(window: MainWindow) -> list[str]:
    rows = sorted(index.row() for index in window.table.view.selectionModel().selectedRows())
    return [window.controller.units.unit_id(row) for row in rows]


def click(qtbot: Any, window: MainWindow, row: int, modifier: Qt.KeyboardModifier) -> None:
    view = window.table.view
    place = view.visualRect(view.model().index(row, 0)).center()
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, modifier, place)


# -- order -------------------------------------------------------------------------------------------


def test_numbers_are_sorted_as_numbers_and_what_is_missing_comes_last_both_ways(
    model: UnitTableModel,
) -> None:
    model.sort(1, Qt.SortOrder.AscendingOrder)
    assert shown(model) == ["unit_004", "unit_001", "unit_002", "unit_003"]

    model.sort(1, Qt.SortOrder.DescendingOrder)
    assert shown(model) == ["unit_002", "unit_001", "unit_004", "unit_003"]


def test_texts_are_sorted_too(model: UnitTableModel) -> None:
    model.sort(3, Qt.SortOrder.AscendingOrder)
    assert shown(model) == ["unit_004", "unit_002", "unit_001", "unit_003"]


def test_the_order_stays_when_the_content_changes(model: UnitTableModel) -> None:
    model.sort(2, Qt.SortOrder.DescendingOrder)

    model.set_content(IDS, COLUMNS)

    assert shown(model) == ["unit_003", "unit_001", "unit_002", "unit_004"]
    assert model.sorted_section == (2, Qt.SortOrder.DescendingOrder)


def test_cells_show_numbers_with_their_decimals_and_a_dash_where_there_is_none(model: UnitTableModel) -> None:
    assert [model.text(0, section) for section in range(4)] == ["unit_001", "2.00", "0.500", "ON"]
    assert [model.text(2, section) for section in range(4)] == ["unit_003", MISSING, "0.900", MISSING]


def test_headers_carry_the_definition(model: UnitTableModel) -> None:
    assert model.headerData(2, Qt.Orientation.Horizontal) == "DSI"
    assert model.headerData(2, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole) == "Direction index"


# -- filter ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1234"),
        ("004", "4"),
        ("off", "2"),
        ("DSI > 0.3", "13"),
        ("dsi>0.3 and rate>1", "1"),
        ("moving_bar.dsi <= 0.1 or rate < 2", "24"),
        ("rate ≥ 2", "12"),
        ("not DSI > 0.3", "2"),
        ("not rate > 2", "14"),
        ("not (rate > 2 and DSI > 0.3)", "124"),
        ("not (rate > 2 and DSI < 0.3)", "134"),
        ('"Cell type" = on', "1"),
        ("cell_type != ON", "24"),
        ("r2 = 1", "3"),
        ("unit = unit_002", "2"),
        ("rate > 5 or DSI > 0.3 and rate < 5", "12"),
        ("(rate > 5 or DSI > 0.3) and rate < 5", "1"),
        ("rate > −1", "124"),
        ("rate != 2", "24"),
    ],
)
def test_filter(text: str, expected: str) -> None:
    found = matching_units(text, IDS, COLUMNS)
    assert "".join(name[-1] for name, keep in zip(IDS, found, strict=True) if keep) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("DSI >", "a value after “DSI >”"),
        ("> 3", "before “>”"),
        ("speed > 3", "no column “speed”"),
        ("DSI > high", "“high” is not"),
        ("cell_type > 3", "compare it with = or !="),
        ("DSI > 3 rate", "“and” or “or” is missing before “rate”"),
        ("(DSI > 3", "closing parenthesis"),
        ("DSI and rate > 1", "after “DSI”"),
        ('DSI > "0.3', "not understood"),
    ],
)
def test_a_filter_that_makes_no_sense_says_what_to_write(text: str, said: str) -> None:
    with pytest.raises(FilterError, match=r".") as error:
        matching_units(text, IDS, COLUMNS)
    assert said in str(error.value)


@given(st.text(alphabet='dsi rate<>=!()"andornot0.5≤−', max_size=30))
def test_whatever_is_typed_gives_rows_or_a_sentence(text: str) -> None:
    said = ""
    try:
        rows = matching_units(text, IDS, COLUMNS)
    except FilterError as error:
        said = str(error)
    assert said or rows.shape == (4,)


def test_a_filter_that_is_not_understood_says_so_in_place_and_keeps_the_rows(window: MainWindow) -> None:
    table = window.table
    table.filter.setText("DSI > 0.3")
    table.apply_filter()
    assert shown(window.controller.units) == ["unit_001", "unit_003"]
    assert table._count.text() == "2 of 4"

    table.filter.setText("DSI > 0.3 and")
    table.apply_filter()

    assert shown(window.controller.units) == ["unit_001", "unit_003"]
    assert table.problem.isVisible()
    assert "write a condition" in table.problem.text()

    table.filter.clear()
    table.apply_filter()
    assert not table.problem.isVisible()
    assert len(shown(window.controller.units)) == 4


# -- selection ---------------------------------------------------------------------------------------


def test_several_units_chosen_elsewhere_are_marked_and_the_current_one_is_in_view(window: MainWindow) -> None:
    window.controller.selection.select_units(("unit_003", "unit_001", "unit_004"))

    assert selected(window) == ["unit_001", "unit_003", "unit_004"]
    assert window.table.view.currentIndex().row() == 2


def test_clicks_with_control_and_shift_choose_several(qtbot: Any, window: MainWindow) -> None:
    none, control, shift = (
        Qt.KeyboardModifier.NoModifier,
        Qt.KeyboardModifier.ControlModifier,
        Qt.KeyboardModifier.ShiftModifier,
    )
    click(qtbot, window, 1, none)
    assert window.controller.selection.units == ("unit_002",)

    click(qtbot, window, 3, control)
    assert window.controller.selection.units == ("unit_004", "unit_002"), "the one touched last is current"

    click(qtbot, window, 0, none)
    click(qtbot, window, 2, shift)
    assert set(window.controller.selection.units) == {"unit_001", "unit_002", "unit_003"}


def test_what_is_said_of_a_filter_follows_the_columns(window: MainWindow) -> None:
    table, units = window.table, window.controller.units
    units.set_content(IDS, COLUMNS[:1])
    table.filter.setText("DSI > 0.3")
    table.apply_filter()
    assert "there is no column “DSI”" in table.problem.text()

    units.set_content(IDS, COLUMNS)  # the feature was extracted
    assert not table.problem.isVisible()
    assert shown(units) == ["unit_001", "unit_003"]

    units.set_content(IDS[:2], COLUMNS[:1])  # another recording was opened
    assert "there is no column “DSI”" in table.problem.text()
    assert table.problem.isVisible()
    assert shown(units) == list(IDS[:2])


def test_two_exports_while_the_worker_is_busy_are_both_written(
    qtbot: Any, window: MainWindow, tmp_path: Path
) -> None:
    said: list[str] = []
    window.table.told.connect(said.append)
    paths = [tmp_path / "one.csv", tmp_path / "two.csv"]

    for path in paths:
        window.table.export_to(path, all_columns=False)

    qtbot.waitUntil(lambda: len(said) == 2, timeout=20_000)
    assert all(path.is_file() for path in paths)


def test_the_selection_survives_sorting_and_filtering(window: MainWindow) -> None:
    window.controller.selection.select_units(("unit_003", "unit_001"))

    window.table.view.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    assert sorted(selected(window)) == ["unit_001", "unit_003"]
    window.table.filter.setText("002")
    window.table.apply_filter()
    assert window.controller.selection.units == ("unit_003", "unit_001")
    window.table.filter.clear()
    window.table.apply_filter()

    assert sorted(selected(window)) == ["unit_001", "unit_003"]


def test_stepping_follows_the_order_shown(window: MainWindow) -> None:
    window.table.view.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    window.controller.selection.select_units(("unit_002",))

    window.table.step(1)
    assert window.controller.selection.unit == "unit_001"
    window.table.step(-1)
    assert window.controller.selection.unit == "unit_002"


def test_texts_have_the_room_they_need(window: MainWindow) -> None:
    word = "unresponsive to any light"
    texts = Column("cell_type.cell_type", "Cell type", "Class", np.array([word, "ON", "", "DS"], object), 0)

    window.controller.units.set_content(IDS, (*COLUMNS[:2], texts))

    view = window.table.view
    assert view.columnWidth(3) >= view.fontMetrics().horizontalAdvance(word) + 8


def test_home_and_end_choose_the_first_and_the_last_unit_shown(qtbot: Any, window: MainWindow) -> None:
    view = window.table.view
    view.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    view.setFocus()
    order = shown(window.controller.units)

    for modifier in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier):
        qtbot.keyClick(view, Qt.Key.Key_End, modifier)
        assert window.controller.selection.units == (order[-1],)
        qtbot.keyClick(view, Qt.Key.Key_Home, modifier)
        assert window.controller.selection.units == (order[0],)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (StateView(), "open a recording and run “Load recording”"),
        (StateView(dataset_id="a-Rec"), "yet: run “Load recording”"),
        (StateView(dataset_id="a-Rec", completed=frozenset({"load_recording"})), "no spike-sorted file"),
    ],
)
def test_an_empty_table_says_what_to_do_next(window: MainWindow, state: StateView, said: str) -> None:
    window.controller.state_changed.emit(state)

    assert said in visible_texts(window.table)


# -- columns -----------------------------------------------------------------------------------------


def test_chosen_columns_are_shown_and_remembered(window: MainWindow) -> None:
    dialog = ColumnsDialog(COLUMNS, ["rate"], window)
    dialog.chosen.connect(window.table.show_columns)
    ticked = {column.key: item for column, item, _ in dialog._items}
    ticked["chirp.r2"].setCheckState(0, Qt.CheckState.Checked)
    dialog._accept()
    dialog.deleteLater()

    assert [column.key for column in window.controller.units.shown_columns] == ["rate", "chirp.r2"]
    assert window.settings.values.unit_columns == ["rate", "chirp.r2"]


def test_the_standard_columns_are_remembered_as_such(window: MainWindow) -> None:
    dialog = ColumnsDialog(COLUMNS, ["chirp.r2"], window)
    dialog.chosen.connect(window.table.show_columns)
    dialog._check_standard()
    dialog._accept()
    dialog.deleteLater()

    assert window.settings.values.unit_columns == []
    assert len(window.controller.units.shown_columns) == 3


def test_the_search_looks_in_names_and_definitions(window: MainWindow) -> None:
    dialog = ColumnsDialog(COLUMNS, [], window)
    dialog.search.setText("direction")

    visible = [column.key for column, item, _ in dialog._items if not item.isHidden()]
    assert visible == ["moving_bar.dsi"]
    dialog.deleteLater()


def test_columns_of_features_have_short_titles_units_and_definitions() -> None:
    session = PipelineSession("x")
    session.metadata["recording_duration_s"] = np.array([10.0])
    for number, dsi in ((1, 0.25), (2, None)):
        unit: dict[str, Any] = {
            "spike_count": 20 * number,
            "row": 3,
            "col": number,
            "unit_meta": {"SNR": 7.0},
        }
        if dsi is not None:
            unit["features"] = {
                "moving_bar": {"data": {"dsi": dsi, "preferred_direction": 90.0}, "metadata": {}},
                "on_off": {"data": {"on_response": True}, "metadata": {}},
            }
        session.add_units({f"unit_{number:03d}": unit})

    columns = {column.key: column for column in unit_columns(session)}

    assert columns["rate"].values == pytest.approx([2.0, 4.0])
    assert columns["snr"].values == pytest.approx([7.0, 7.0])
    assert (columns["moving_bar.dsi"].title, columns["moving_bar.dsi"].standard) == ("DSI", True)
    assert columns["moving_bar.dsi"].values[0] == 0.25
    assert np.isnan(columns["moving_bar.dsi"].values[1])
    assert "Σ r" in columns["moving_bar.dsi"].help
    direction = columns["moving_bar.preferred_direction"]
    assert direction.title == "Direction tuning: Preferred direction (°)"
    assert (direction.feature, direction.label) == ("Direction tuning", "Preferred direction (°)")
    assert "Name in filters: moving_bar.preferred_direction" in direction.help
    assert not columns["moving_bar.preferred_direction"].standard
    assert columns["on_off.on_response"].values.tolist() == ["yes", ""]


@pytest.fixture(scope="session")
def all_columns(analysed_file: Path) -> tuple[Column, ...]:
    return unit_columns(PipelineSession.load(analysed_file))


def test_every_column_has_a_name_of_its_own_that_is_read_as_in_the_field(
    all_columns: tuple[Column, ...],
) -> None:
    titles = [column.title for column in all_columns]

    assert len(titles) > 100
    assert len(set(titles)) == len(titles)
    assert [title for title in titles if "_" in title or "^" in title or "uV" in title] == []
    assert {column.key: column.title for column in all_columns}.items() >= {
        "baseline.cv_isi": "Baseline and quality: CV of ISI",
        "soma.area_um2": "Soma: Area on the chip (µm²)",
        "lnl.n_spikes": "Linear–nonlinear model: Number of spikes",
        "waveform.repolarization_slope": "Waveform: Repolarization slope (µV/ms)",
        "on_off.suppression_p": "ON and OFF response: p of the suppression",
        "sensor_id": "Sensor number",
    }.items()


def test_a_filter_takes_every_name_of_every_column(all_columns: tuple[Column, ...]) -> None:
    ids = tuple(f"unit_{row:03d}" for row in range(len(all_columns[0].values)))
    checked = 0
    for column in all_columns:
        value = next((value for value in column.values if value == value and value != ""), None)
        if value is None:
            continue
        checked += 1
        for name in (column.key, column.title, column.title.partition(" (")[0]):
            found = matching_units(f'"{name}" = "{value}"', ids, all_columns)
            assert found.tolist() == (column.values == value).tolist(), name
        if column.label:
            assert matching_units(f'"{column.label}" = "{value}"', ids, [column]).any(), column.label
    assert checked > 50


def test_files_have_the_names_of_the_engine(all_columns: tuple[Column, ...]) -> None:
    names = {column.key: column.file_name for column in all_columns}

    assert all(re.fullmatch(r"[A-Za-z0-9_.]+", name) for name in names.values())
    assert (
        names.items()
        >= {
            "rate": "rate_hz",
            "row": "row",
            "baseline.cv_isi": "baseline.cv_isi",
            "baseline.median_isi_ms": "baseline.median_isi_ms",
            "rf.area": "rf.area_px2",
            "soma.area_um2": "soma.area_um2",
            "soma.peak_to_peak": "soma.peak_to_peak_uv",
            "lnl.n_spikes": "lnl.n_spikes",
            "waveform.peak_to_peak": "waveform.peak_to_peak_uv",
        }.items()
    )


def test_the_columns_are_chosen_below_the_titles_of_their_features(
    qtbot: Any, all_columns: tuple[Column, ...]
) -> None:
    dialog = ColumnsDialog(all_columns, [])
    qtbot.addWidget(dialog)
    said = {column.key: (group.text(0), item.text(0)) for column, item, group in dialog._items}

    assert said["baseline.cv_isi"] == ("Baseline and quality", "CV of ISI")
    assert said["rf.polarity"][0] != said["dense_noise.polarity"][0]
    assert [group for group, _ in said.values() if "_" in group] == []
    for words in ("CV of ISI", "baseline.cv_isi", "Baseline and quality"):
        dialog.search.setText(words)
        hidden = {column.key: item.isHidden() for column, item, _ in dialog._items}
        assert not hidden["baseline.cv_isi"], words
        assert hidden["rf.polarity"], words


def test_a_unit_that_differs_between_the_units_is_named_in_words() -> None:
    columns = [
        FeatureColumn("waveform.peak_to_peak", (1.0, 2.0), "Peak to peak", "waveform_unit"),
        FeatureColumn("waveform.slope", (1.0, 2.0), "Slope", "waveform_unit/ms"),
        FeatureColumn("waveform.waveform_unit", ("uV", "a.u."), "Unit of the waveform"),
    ]

    assert readable_units(physical_units(columns)) == {
        "waveform.peak_to_peak": "unit of the waveform",
        "waveform.slope": "unit of the waveform/ms",
        "waveform.waveform_unit": "",
    }


def test_a_session_without_units_has_the_columns_of_the_units_only() -> None:
    assert [column.key for column in unit_columns(PipelineSession("x"))] == [
        "rate",
        "spikes",
        "snr",
        "row",
        "col",
    ]


# -- what leaves the table ---------------------------------------------------------------------------


def test_chosen_rows_are_copied_with_their_titles(window: MainWindow) -> None:
    window.controller.selection.select_units(("unit_003", "unit_001"))

    window.table.copy()

    assert QGuiApplication.clipboard().text().splitlines() == [
        "Unit\tRate (Hz)\tDSI\tCell type",
        "unit_001\t2.0\t0.5\tON",
        "unit_003\t\t0.9\t",
    ]


@pytest.mark.parametrize(("everything", "last"), [(False, "cell_type.cell_type"), (True, "chirp.r2")])
def test_the_table_is_exported_as_shown_or_with_all_columns(
    qtbot: Any, window: MainWindow, tmp_path: Path, everything: bool, last: str
) -> None:
    path = tmp_path / "Tabelle µ.csv"
    window.table.view.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    window.table.filter.setText("DSI > 0.3")
    window.table.apply_filter()

    with qtbot.waitSignal(window.table.told, timeout=20_000) as told:
        window.table.export_to(path, all_columns=everything)

    rows = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    assert str(path) in told.args[0]
    assert rows[0][:4] == ["recording", "unit_id", "rate_hz", "moving_bar.dsi"]
    assert rows[0][-1] == last
    assert [row[1:5] for row in rows[1:]] == [["unit_001", "2.0", "0.5", "ON"], ["unit_003", "", "0.9", ""]]


def test_the_menus_open(qtbot: Any, window: MainWindow) -> None:
    window.table._show_header_menu(QPoint(80, 5))
    window.table.choose_columns()
    dialog = window.dialog
    assert dialog is not None
    assert dialog.checked == ["rate", "moving_bar.dsi", "cell_type.cell_type"]
    dialog.reject()


def test_new_content_is_one_reset(model: UnitTableModel) -> None:
    resets: list[int] = []
    model.modelReset.connect(lambda: resets.append(model.rowCount()))

    model.set_content(IDS[:2], tuple(replace(column, values=column.values[:2]) for column in COLUMNS))

    assert resets == [2]


def test_features_become_columns_as_soon_as_they_are_there(
    loaded: tuple[MainWindow, Any], idle: Callable[[], None]
) -> None:
    window, _ = loaded
    before = {column.key for column in window.controller.units.columns}
    for step in ("add_section_time", "section_spike_times", "extract_features"):
        window.controller.run_step(step)
        idle()

    after = {column.key: column for column in window.controller.units.columns}
    assert not any(key.startswith("on_off.") for key in before)
    assert "baseline.cv_isi" in after
    assert after["baseline.cv_isi"].help.startswith("standard deviation")
