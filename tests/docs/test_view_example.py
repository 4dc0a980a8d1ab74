"""The page on views: its example is a view, in the window by being one more folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
import pytest
from PySide6.QtWidgets import QTabWidget

import hdmea_gui.views
from hdmea.declare.registry import Registry
from hdmea.pipeline import load_recording
from hdmea.simulate import write_demo
from hdmea_gui.diagnostics.self_test import _looks, blank_plots
from hdmea_gui.engine.controller import Activity, Controller
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.store.settings import SettingsStore
from hdmea_gui.views import registry
from hdmea_gui.views.parts.base import ViewSpec
from tests.docs.blocks import python_blocks

FILES = ("query.py", "view.py", "__init__.py")


@pytest.fixture
def window(qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MainWindow]:
    """Yield a window of a program that has the folder of the page, and nothing else that is new."""
    folder = tmp_path / "views" / "mean_rates"
    folder.mkdir(parents=True)
    blocks = python_blocks("docs/how_to_write_a_view.md")
    for name, text in zip(FILES, blocks.values(), strict=True):
        (folder / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(hdmea_gui.views, "__path__", [*hdmea_gui.views.__path__, str(folder.parent)])
    fresh = Registry("hdmea_gui.views", ViewSpec, "hdmea_gui.views", "view")
    monkeypatch.setattr(registry, "VIEWS", fresh)
    window = MainWindow(Controller(), SettingsStore(tmp_path / "settings.json"), tmp_path / "demo", "tiny")
    window.show()
    window.controller.start()
    idle(qtbot, window)
    yield window
    window.close_without_question()
    assert window.joined
    window.deleteLater()
    for name in [name for name in sys.modules if name.startswith("hdmea_gui.views.mean_rates")]:
        del sys.modules[name]


def idle(qtbot: Any, window: MainWindow) -> None:
    qtbot.waitUntil(lambda: window.controller.activity is Activity.IDLE, timeout=60_000)


def titles(tabs: QTabWidget) -> list[str]:
    return [tabs.tabText(index) for index in range(tabs.count())]


def test_a_new_folder_is_a_new_view(qtbot: Any, window: MainWindow, tmp_path: Path) -> None:
    shown = titles(window.tabs)
    place = shown.index("Mean rates")
    assert shown[place - 1 : place + 2] == ["Gallery", "Mean rates", "Receptive field"]
    view: Any = window.views["mean_rates"]
    window.tabs.setCurrentWidget(view)
    assert "open" in view.panel.empty_text
    assert not view.has_data()

    demo = write_demo(tmp_path / "recording", size="tiny")
    window.open_paths([demo.cmcr_path, demo.cmtr_path])
    idle(qtbot, window)
    window.load()
    idle(qtbot, window)
    window.tabs.setCurrentWidget(view)
    qtbot.waitUntil(view.has_data, timeout=20_000)

    session = load_recording(demo.cmcr_path, demo.cmtr_path, defer_save=True)
    rates = dict(view.table().columns)["rate_Hz"]
    spikes = [len(unit["spike_times"]) for unit in session.units.values()]
    np.testing.assert_allclose(rates * session.duration_s, spikes)
    assert not blank_plots(view)


def test_the_rest_of_the_program_knows_it(window: MainWindow) -> None:
    view: Any = window.views["mean_rates"]
    help_texts = dict(window.helping._views)
    assert help_texts["Mean rates"].startswith("The number of spikes of each unit")
    assert view in [seen for _, _, seen in _looks(window)]
    window.use_theme("dark", at_once=True)
    window.tabs.setCurrentWidget(window.views["gallery"])
    window.actions_["next_view"].trigger()
    assert window.tabs.currentWidget() is view
    told: list[str] = []
    view.told.connect(told.append)
    view.save_figure()
    assert told == ["There is no figure of “Mean rates” now. Save its data instead."]
