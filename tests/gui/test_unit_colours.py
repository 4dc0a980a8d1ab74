"""Units have the same colours in every view, by any column; the raster has the rows of the table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QRectF, Qt

from hdmea.analysis.raster import SpikeRaster
from hdmea_gui.engine.snapshot import Column
from hdmea_gui.models.selection import SelectionModel
from hdmea_gui.models.unit_colours import UnitColours
from hdmea_gui.models.units import UnitTableModel
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.shell.theme import LIGHT
from hdmea_gui.views.parts.graphics import Graphics
from hdmea_gui.views.parts.unit_paint import colours_of_units, legend, own_colours
from hdmea_gui.views.recording.chip_map import ChipMap
from hdmea_gui.views.recording.query import RecordingView
from hdmea_gui.views.recording.raster_plot import RasterPlot

N = 40
IDS = tuple(f"unit_{number:03d}" for number in range(1, N + 1))
NAN = float("nan")


def make_units() -> UnitTableModel:
    kinds = np.array(["ON" if n % 2 else "OFF" for n in range(N - 1)] + [""], object)
    angles = np.append(np.arange(N - 1) * 10.0, NAN)
    units = UnitTableModel()
    units.set_content(
        IDS,
        (
            Column("rate", "Rate (Hz)", "", np.arange(N, dtype=float)),
            Column("type", "Cell type", "", kinds),
            Column("moving_bar.preferred_direction", "Preferred", "", angles, unit="°"),
            Column("group", "Group", "", np.arange(N) % 3.0, 0),
        ),
    )
    return units


@pytest.fixture
def units() -> UnitTableModel:
    return make_units()


def rgb(colour: str) -> list[int]:
    return [int(colour[start : start + 2], 16) for start in (1, 3, 5)]


def test_groups_angles_and_numbers_have_their_colours_and_a_legend(qapp: Any, units: UnitTableModel) -> None:
    colours = UnitColours(units)
    assert colours_of_units(colours, LIGHT) is None

    colours.choose("type")
    painted = colours_of_units(colours, LIGHT)
    assert painted is not None
    assert colours.groups == ("OFF", "ON")
    assert painted[0].tolist() == rgb(LIGHT.series[0])
    assert painted[1].tolist() == rgb(LIGHT.series[1])
    assert painted[-1].tolist() == rgb(LIGHT.border), "one without a type"
    assert all(word in legend(colours, LIGHT) for word in ("Cell type", "OFF", "ON", "none"))

    colours.choose("moving_bar.preferred_direction")
    painted = colours_of_units(colours, LIGHT)
    assert painted is not None
    assert painted[0].tolist() == painted[36].tolist(), "0° and 360° are the same"
    assert painted[0].tolist() != painted[18].tolist()
    assert "270°" in legend(colours, LIGHT)

    colours.choose("group")
    assert (colours.kind, colours.groups) == ("group", ("0", "1", "2"))
    colours.choose("rate")
    assert colours.kind == "number"
    low, high = colours.levels
    assert 0 < low < 2 < 37 < high < 39, "the rarest do not decide the range"


def test_a_unit_keeps_its_colour_whatever_is_selected(qapp: Any, units: UnitTableModel) -> None:
    colours = UnitColours(units)
    first = own_colours(colours, ("unit_001",), LIGHT)
    three = own_colours(colours, ("unit_003", "unit_001", "unit_002"), LIGHT)
    assert three[1] == first[0]
    assert own_colours(colours, ("unit_002", "unit_003"), LIGHT) == (three[2], three[0])
    for start in range(0, N, 8):
        assert len(set(own_colours(colours, IDS[start : start + 8], LIGHT))) == 8

    # Two that were never compared have the same colour by now: both are told apart, and neither is changed.
    alone = {name: own_colours(colours, (name,), LIGHT)[0] for name in IDS}
    same = next(name for name in IDS[1:] if alone[name] == alone["unit_001"])
    assert len(set(own_colours(colours, ("unit_001", same), LIGHT))) == 2
    assert {name: own_colours(colours, (name,), LIGHT)[0] for name in IDS} == alone


@pytest.fixture
def view() -> RecordingView:
    trains = [np.array([100 * (n + 1)], np.uint64) for n in range(N)]
    trains[5] = np.arange(0, 20_000, dtype=np.uint64)
    raster = SpikeRaster(trains, 1000.0, 20.0)
    places = np.column_stack((np.arange(N) % 8 + 1.0, np.arange(N) // 8 + 1.0))
    return RecordingView(
        IDS, raster, raster.population_rate(), (), 20.0, places, np.arange(N, dtype=float), 65
    )


def test_rows_are_those_of_the_table_and_a_zoom_into_them_shows_single_spikes(
    qtbot: Any, view: RecordingView, units: UnitTableModel
) -> None:
    graphics = Graphics()
    qtbot.addWidget(graphics)
    graphics.resize(400, 300)
    plot = RasterPlot(LIGHT)
    graphics.addItem(plot)
    graphics.show()
    units.set_filter("rate > 3")
    units.sort(1, Qt.SortOrder.DescendingOrder)

    plot.show_recording(view, units.rows)
    plot.setXRange(0.0, 20.0, padding=0)
    plot.redraw()

    assert plot.unit_ids == tuple(reversed(IDS[4:]))
    assert not plot.shows_ticks, "one unit has more spikes than there are pixels"
    assert plot.cell_text(1.0, 0.0).startswith("unit_040")
    assert plot.cell_text(1.0, 34.2).startswith("unit_006")
    assert plot.cell_text(1.0, 34.2).endswith("1000.0 Hz")
    assert plot.cell_text(1.0, 36.0) == "", "below the last row"

    plot.zoom(y=(-0.5, 9.5))
    plot.redraw()

    assert plot.shows_ticks
    x, y = plot.ticks.getData()
    assert sorted(set(x)) == pytest.approx([3.1 + 0.1 * n for n in range(10)])
    assert set(np.round((y[::2] + y[1::2]) / 2)) == set(range(10)), "each in its row"
    table = plot.table()
    assert table is not None
    assert dict(table.columns)["unit_id"].tolist() == list(reversed(IDS[30:]))


def test_a_row_that_is_lower_than_a_pixel_does_not_vanish(qtbot: Any, view: RecordingView) -> None:
    graphics = Graphics()
    qtbot.addWidget(graphics)
    graphics.resize(400, 60)
    plot = RasterPlot(LIGHT)
    graphics.addItem(plot)
    graphics.show()
    plot.show_recording(view)
    plot.setXRange(0.0, 20.0, padding=0)
    plot.redraw()

    assert len(plot.image.image) < N
    assert plot.image.image.max() == pytest.approx(1000, rel=0.1)


def test_the_chip_shows_what_the_filter_lets_through(
    qtbot: Any, view: RecordingView, units: UnitTableModel
) -> None:
    colours, selection = UnitColours(units), SelectionModel()
    chip = ChipMap(LIGHT, selection, colours)
    qtbot.addWidget(chip)
    chip.resize(400, 400)
    chip.show()
    chip.show_recording(view)
    assert len(chip._dots.data) == N

    units.set_filter("rate < 10")
    assert len(chip._dots.data) == 10
    chip.choose_within(QRectF(0, 0, 70, 70), add=False)
    assert selection.units == IDS[:10], "what is not seen is not selected"
    colours.choose("type")
    assert chip.legend.isVisible()
    assert not chip.bar.isVisible()
    drawn = [brush.color().name() for brush in chip._dots.data["brush"]]
    assert set(drawn) == set(LIGHT.series[:2])
    colours.choose("rate")
    chip.bar.set_range(0.0, 100.0)
    painted = colours_of_units(colours, LIGHT)
    assert painted is not None
    assert painted[-1].tolist() == chip.bar.colours_of([39.0])[0, :3].tolist(), "all views follow its range"


def test_colours_are_chosen_above_the_table(qtbot: Any, loaded: tuple[MainWindow, object]) -> None:
    window, _ = loaded
    table, recording = window.table, window.recording
    qtbot.waitUntil(lambda: recording._view is not None)
    keys = [table.colour_by.itemData(row) for row in range(table.colour_by.count())]

    table.colour_by.setCurrentIndex(keys.index("rate"))
    table.colour_by.activated.emit(keys.index("rate"))

    ids = window.controller.state.unit_ids
    assert recording.raster.units.colours.shape == (len(ids), 3)
    assert not table._model.index(0, 0).data(Qt.ItemDataRole.DecorationRole).isNull()
    window.controller.selection.select_units(ids[:2])
    assert sorted(recording.raster.units.marks) == [0, 1]
    table.view.horizontalHeader().setSortIndicator(1, Qt.SortOrder.DescendingOrder)
    assert recording.raster.unit_ids == tuple(table._model.unit_id(row) for row in range(len(ids)))
    table.filter.setText(f'unit = "{ids[0]}"')
    table.apply_filter()
    assert recording.raster.unit_ids == ids[:1]
