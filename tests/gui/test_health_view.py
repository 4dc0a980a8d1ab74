"""The page of health: lights at once, raw data from a process of its own, and nothing waits for it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from hdmea.health import health
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.shell.theme import DARK, LIGHT
from hdmea_gui.views.health.view import HealthPreview
from tests.gui.conftest import visible_texts

Loaded = tuple[MainWindow, tuple[Path, Path]]


def shown(window: MainWindow) -> HealthPreview:
    view = window.views.get(HealthPreview)
    window.tabs.setCurrentWidget(view)
    return view


def lights(view: HealthPreview) -> dict[str, str]:
    table = view.table()
    assert table is not None
    columns = dict(table.columns)
    return dict(zip(columns["name"], columns["light"], strict=True))


def measured(qtbot: Any, window: MainWindow, view: HealthPreview) -> None:
    """Wait until the raw data were measured."""
    qtbot.waitUntil(lambda: view.table() is not None, timeout=20_000)
    qtbot.waitUntil(lambda: not window.controller.health.key, timeout=60_000)
    qtbot.waitUntil(lambda: view.button.text() == "Measure", timeout=20_000)


def test_it_is_the_first_tab_and_the_start_is_where_it_was(window: MainWindow) -> None:
    assert window.tabs.tabText(0) == "Health"
    assert window.tabs.currentWidget() is window.recording
    view = shown(window)
    assert "Load recording" in visible_texts(view)
    assert view.table() is None


def test_lights_are_there_at_once_and_the_raw_data_follow(qtbot: Any, loaded: Loaded) -> None:
    window, (cmcr, _) = loaded
    view = shown(window)
    qtbot.waitUntil(lambda: view.table() is not None, timeout=20_000)
    assert lights(view)["spikes.units"] != "grey"
    assert lights(view)["electrodes.noise"] == "grey"
    assert window.controller.health.key
    assert view.button.text() == "Stop"

    measured(qtbot, window, view)

    expected = {light.name: light.light for light in health(cmcr).lights}
    found = lights(view)
    for name in ("disk", "memory"):
        del expected[name], found[name]
    assert found == expected
    assert not view.noise.is_empty
    assert not view.rates.is_empty
    assert view.noise_table() is not None
    assert view.rates_table() is not None


def test_the_same_recording_is_measured_once(
    qtbot: Any, loaded: Loaded, idle: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    window = loaded[0]
    view = shown(window)
    measured(qtbot, window, view)
    started: list[str] = []
    monkeypatch.setattr(window.controller.health, "start", lambda _folder, key: started.append(key))

    window.tabs.setCurrentWidget(window.recording)
    view.invalidate()
    shown(window)
    qtbot.waitUntil(lambda: not window.controller.owes_answers)

    assert started == []
    view.button.click()
    qtbot.waitUntil(lambda: len(started) == 1, timeout=20_000)


def test_steps_run_while_the_raw_data_are_measured(
    qtbot: Any, loaded: Loaded, idle: Callable[[], None]
) -> None:
    window = loaded[0]
    view = shown(window)
    qtbot.waitUntil(lambda: bool(window.controller.health.key), timeout=20_000)
    window.controller.run_step("add_section_time")
    idle()
    assert "add_section_time" in window.controller.state.completed
    measured(qtbot, window, view)
    assert lights(view)["electrodes.noise"] == "green"


def test_stopping_says_so_and_leaves_no_process(qtbot: Any, loaded: Loaded) -> None:
    window = loaded[0]
    view = shown(window)
    qtbot.waitUntil(lambda: bool(window.controller.health.key), timeout=20_000)
    view.button.click()
    qtbot.waitUntil(lambda: view.button.text() == "Measure", timeout=20_000)
    table = view.table()
    assert table is not None
    sentences = dict(zip(dict(table.columns)["name"], dict(table.columns)["sentence"], strict=True))
    assert "stopped" in sentences["electrodes.noise"]
    assert not psutil.Process().children()


def test_closing_ends_the_process(qtbot: Any, loaded: Loaded) -> None:
    window = loaded[0]
    shown(window)
    qtbot.waitUntil(lambda: bool(window.controller.health.key), timeout=20_000)
    window.close_without_question()
    assert not psutil.Process().children()


def test_a_raw_recording_alone(
    qtbot: Any, window: MainWindow, recording: tuple[Path, Path], idle: Callable[[], None]
) -> None:
    recording[1].unlink()
    window.open_paths([recording[0]])
    idle()
    window.load()
    idle()
    view = shown(window)
    measured(qtbot, window, view)
    found = lights(view)
    assert found["spikes.units"] == "grey"
    assert found["electrodes.noise"] == "green"
    assert "light.frames" in found


def test_a_result_without_its_recording(
    qtbot: Any, window: MainWindow, analysed_file: Path, tmp_path: Path, idle: Callable[[], None]
) -> None:
    moved = Path(shutil.copy(analysed_file, tmp_path))
    window.open_paths([moved])
    idle()
    view = shown(window)
    measured(qtbot, window, view)
    assert lights(view)["spikes.units"] != "grey"


def test_a_loaded_recording_shows_its_health_first_if_wanted(
    qtbot: Any, window: MainWindow, recording: tuple[Path, Path], idle: Callable[[], None]
) -> None:
    window.settings.values.show_health = True
    window.open_paths(list(recording))
    idle()
    assert window.tabs.currentWidget() is window.recording
    window.load()
    idle()
    assert window.tabs.currentWidget() is window.views["health"]


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_colours_are_those_of_the_theme_and_words_say_the_same(
    qtbot: Any, loaded: Loaded, theme: Any
) -> None:
    window = loaded[0]
    view = shown(window)
    qtbot.waitUntil(lambda: view.table() is not None, timeout=20_000)
    window.use_theme(theme.name, at_once=True)
    colours = {"green": theme.good, "amber": theme.warning, "red": theme.bad, "grey": theme.muted}
    for row, light in enumerate(lights(view).values()):
        item = view.lights.item(row, 0)
        assert item is not None
        assert light in item.text()
        assert item.foreground().color().name() == colours[light]


def test_its_data_are_exported(qtbot: Any, loaded: Loaded, tmp_path: Path) -> None:
    window = loaded[0]
    view = shown(window)
    measured(qtbot, window, view)
    target = tmp_path / "health.csv"
    view.export_to(target)
    qtbot.waitUntil(target.exists, timeout=20_000)
    assert "electrodes.noise" in target.read_text(encoding="utf-8")
    noise = view.noise_table()
    assert noise is not None
    values = dict(noise.columns)["noise_uV"]
    assert np.isfinite(np.asarray(values)).all()
