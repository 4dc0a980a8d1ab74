"""All units as small pictures: only those that are seen are made; order, filter and selection are shared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt

from hdmea.pipeline.session import PipelineSession
from hdmea_gui.engine.jobs import Query
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.views.gallery.query import KINDS, GalleryQuery
from hdmea_gui.views.gallery.view import GalleryPreview


@pytest.fixture
def gallery(qtbot: Any, window: MainWindow, analysed_file: Path, idle: Callable[[], None]) -> GalleryPreview:
    window.open_paths([analysed_file])
    idle()
    view = window.views.get(GalleryPreview)
    window.tabs.setCurrentWidget(view)
    qtbot.waitUntil(lambda: view.table() is not None)
    return view


def test_tiles_show_what_the_session_has(qtbot: Any, gallery: GalleryPreview) -> None:
    sizes = {}
    for row in range(gallery.kinds.count()):
        gallery.kinds.setCurrentIndex(row)
        gallery.kinds.activated.emit(row)
        gallery.list.viewport().update()
        qtbot.waitUntil(lambda: bool(gallery._tiles) and not gallery._wanted)
        shown = gallery.table()
        sizes[gallery.kind] = 0 if shown is None else int(np.isfinite(dict(shown.columns)["value"]).sum())
    assert set(sizes) == set(KINDS)
    assert {kind for kind, size in sizes.items() if size > 10} >= set(KINDS) - {"directions"}, sizes


def test_order_filter_and_selection_are_those_of_the_table(
    qtbot: Any, window: MainWindow, gallery: GalleryPreview
) -> None:
    ids = window.controller.state.unit_ids
    table = window.table
    table.view.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    assert gallery.list.model().index(0, 0).data() == table._model.unit_id(0)
    table.filter.setText(f'unit = "{ids[1]}" or unit = "{ids[2]}"')
    table.apply_filter()
    assert gallery.list.model().rowCount() == 2

    window.controller.selection.select_units((ids[2],))
    assert [index.data() for index in gallery.list.selectionModel().selectedIndexes()[:1]] == [ids[2]]
    row = table._model.row_of(ids[1])
    assert row is not None
    gallery.list.selectionModel().setCurrentIndex(
        table._model.index(row, 0), gallery.list.selectionModel().SelectionFlag.ClearAndSelect
    )
    assert window.controller.selection.unit == ids[1]
    assert [index.row() for index in table.view.selectionModel().selectedRows()] == [row]


def test_only_what_is_seen_of_five_hundred_units_is_made(
    qtbot: Any, window: MainWindow, gallery: GalleryPreview, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[GalleryQuery] = []
    ask = window.controller.ask

    def note(query: Query[Any], on_answer: Any, about: object = None) -> None:
        if isinstance(query, GalleryQuery):
            asked.append(query)
        ask(query, on_answer, about)

    monkeypatch.setattr(window.controller, "ask", note)
    ids = tuple(f"unit_{number:03d}" for number in range(500))
    window.controller.units.set_content(ids, ())
    gallery._begin()
    gallery.list.viewport().update()
    seen = (
        gallery.list.viewport().width()
        * gallery.list.viewport().height()
        / gallery._delegate.size.width() ** 2
    )

    qtbot.waitUntil(lambda: bool(asked) and not gallery._wanted)

    made = {name for query in asked for name in query.unit_ids}
    assert ids[0] in made
    assert len(made) < 4 * seen + 20 < 200
    window.controller.units.set_content(window.controller.state.unit_ids, window.controller.state.columns)


def test_a_direction_that_is_not_significant_is_not_marked() -> None:
    session = PipelineSession("bars")
    session.stimulus["moving_bar_directions"] = np.arange(8) * 45.0
    for name, p in (("unit_001", 0.001), ("unit_002", 0.3)):
        data = {"tuning_curve": np.arange(8.0), "preferred_direction": 90.0, "dsi": 0.5, "dsi_p": p}
        session.add_units({name: {"features": {"moving_bar": {"data": data, "metadata": {}}}}})
    workspace: Any = type("W", (), {"session": session})()

    found = GalleryQuery("directions", ("unit_001", "unit_002", "unit_009")).answer(workspace)

    assert found is not None
    assert found.tiles["unit_001"].preferred_deg == 90.0
    assert np.isnan(found.tiles["unit_002"].preferred_deg)
    assert set(found.tiles) == {"unit_001", "unit_002"}
    assert np.hypot(found.tiles["unit_001"].x, found.tiles["unit_001"].y).max() == pytest.approx(1.0)
