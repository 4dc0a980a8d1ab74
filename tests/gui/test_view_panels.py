"""Views in panels of their own, pinned units, layouts, keys for views, and what the palette finds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from hdmea_gui.flows.palette_dialog import CommandPalette
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.store.settings import Layout
from hdmea_gui.views.unit.view import UnitPreview


@pytest.fixture
def analysed(window: MainWindow, analysed_file: Path, idle: Callable[[], None]) -> MainWindow:
    window.open_paths([analysed_file])
    idle()
    return window


def tabs_of(window: MainWindow) -> list[str]:
    tabs = window.tabs
    return [tabs.tabText(index) for index in range(tabs.count()) if tabs.isTabVisible(index)]


def test_a_view_moves_into_a_panel_and_back(qtbot: Any, analysed: MainWindow) -> None:
    window, panels = analysed, analysed.view_panels
    before = tabs_of(window)
    view = window.views.get(UnitPreview)
    window.tabs.setCurrentWidget(view)

    panels.move_out()

    assert tabs_of(window) == [title for title in before if title != "Unit"]
    assert panels.panel("unit").isVisible()
    assert view.isVisible()
    ids = window.controller.state.unit_ids
    window.controller.selection.select_units(ids[1:2])
    qtbot.waitUntil(lambda: view.overview.view is not None and view.overview.view.unit_id == ids[1])
    panels.panel("unit").setFloating(True)
    assert panels.panel("unit").isWindow(), "it can be dragged to another screen"
    window.show_view("unit")

    panels.panel("unit").close()

    assert panels.names == ()
    assert tabs_of(window) == before
    assert window.tabs.currentWidget() is view


def test_a_layout_is_remembered_and_chosen_by_its_name(analysed: MainWindow) -> None:
    window, panels = analysed, analysed.view_panels
    for name in ("unit", "gallery"):
        panels.open(name)
    window.layouts.save("wide")
    assert panels.layout().panels == ["unit", "gallery"]

    panels.arrange(Layout())
    assert panels.names == ()
    panels.arrange(window.settings.values.layouts["wide"])
    assert panels.names == ("unit", "gallery")
    panels.arrange(Layout(panels=["no such view"], state="nonsense"))
    assert panels.names == ()
    window._remember()
    assert window.settings.values.panels.panels == []


def test_a_pinned_unit_stays_while_others_are_selected(qtbot: Any, analysed: MainWindow) -> None:
    window, panels = analysed, analysed.view_panels
    ids = window.controller.state.unit_ids
    window.controller.selection.select_units(ids[:1])
    window.tabs.setCurrentWidget(window.views["unit"])

    panels.pin()

    (pinned,) = panels.pinned
    assert isinstance(pinned, UnitPreview)
    qtbot.waitUntil(lambda: pinned.overview.view is not None)
    window.controller.selection.select_units(ids[2:3])
    other = window.views.get(UnitPreview).overview
    qtbot.waitUntil(lambda: other.view is not None and other.view.unit_id == ids[2])
    assert pinned.overview.view is not None
    assert pinned.overview.view.unit_id == ids[0]
    window.use_theme("dark", at_once=True)
    assert pinned.overview._theme.name == "dark"


def test_views_have_keys_and_the_palette_finds_steps_units_and_columns(
    qtbot: Any, analysed: MainWindow
) -> None:
    window = analysed
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    QTest.keyClick(window, Qt.Key.Key_3, Qt.KeyboardModifier.ControlModifier)
    assert window.tabs.currentWidget() is window.views[window.views.specs[2].name]
    ids = window.controller.state.unit_ids

    def choose(typed: str) -> None:
        window.actions_["palette"].trigger()
        palette = window.dialog
        assert isinstance(palette, CommandPalette)
        assert not any(command.typed for command in palette.shown()), "nothing was typed yet"
        palette.line.setText(typed)
        QTest.keyClick(palette.line, Qt.Key.Key_Return)

    choose(f"unit {ids[3]}")
    assert window.controller.selection.unit == ids[3]
    choose("step section times")
    assert window.panel.list.chosen_item is not None
    assert window.panel.list.chosen_item.spec.name == "add_section_time"
    choose("colour by rate (hz")
    assert window.controller.unit_colours.key == "rate"
    choose("sort by rate (hz")
    values = window.controller.units.columns[0].values[window.controller.units.rows]
    assert (values[:-1] >= values[1:]).all(), "the best on top"
    choose("view gallery")
    assert window.tabs.currentWidget() is window.views["gallery"]
