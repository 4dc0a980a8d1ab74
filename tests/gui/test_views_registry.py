"""Which views there are: the folders of the package, and what installed packages announce."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import hdmea_gui.views
from hdmea.declare.registry import Registry
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.views import registry
from hdmea_gui.views.parts.base import ViewSpec
from hdmea_gui.views.registry import VIEWS, views_in_order
from hdmea_gui.views.units.view import UnitsPreview


def test_each_folder_with_a_view_is_one_and_the_tabs_have_their_order() -> None:
    folders = {path.parent.name for path in Path(hdmea_gui.views.__path__[0]).glob("*/view.py")}

    assert set(VIEWS.names()) == folders
    assert [spec.title for spec in views_in_order()][:4] == ["Health", "Recording", "Units", "Unit"]
    assert all(spec.widget.help_text for spec in views_in_order())


def test_an_installed_package_adds_a_view(monkeypatch: pytest.MonkeyPatch) -> None:
    class Other(UnitsPreview):
        name = "other"
        title = "Other"

    def broken() -> object:
        raise ImportError("a library is missing")

    points = [
        SimpleNamespace(name="other", value="package.other", load=lambda: ViewSpec(Other)),
        SimpleNamespace(name="broken", value="package.broken", load=broken),
    ]
    monkeypatch.setattr("hdmea.declare.registry.entry_points", lambda group: points)
    fresh = Registry("hdmea_gui.views", ViewSpec, "hdmea_gui.views", "view")
    monkeypatch.setattr(registry, "VIEWS", fresh)

    assert [spec.name for spec in views_in_order()][-1] == "other", "without an order it comes last"
    assert "broken" not in fresh


def test_a_view_is_made_when_it_is_first_wanted(window: MainWindow, qtbot: Any) -> None:
    made: list[str] = []
    window.views.made.connect(lambda view: made.append(view.name))

    units = window.views.get(UnitsPreview)

    assert window.views["units"] is units
    assert made == ["units"]
    with pytest.raises(KeyError, match="no view 'unts'"):
        window.views["unts"]
