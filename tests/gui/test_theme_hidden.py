"""A view that was hidden while the colours changed looks as if it had been made in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyqtgraph as pg
import pytest
from PySide6.QtGui import QImage

from hdmea_gui.engine.controller import Activity, Controller
from hdmea_gui.shell.colour_scheme import SlicedCalls
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.shell.theme import DARK, LIGHT
from hdmea_gui.store.settings import SettingsStore
from hdmea_gui.views.parts.base import Preview
from hdmea_gui.views.parts.export import picture_of

TABS = ("recording", "units", "receptive_field", "electrical_image", "raw", "stimulus", "file")
PAGES = ("overview", "responses", "features")
# What blinks may be there or not.
_SAME = 2e-4


@pytest.fixture
def start(
    qtbot: Any, no_leaks: None, analysed_file: Path, tmp_path: Path
) -> Iterator[Callable[[str], MainWindow]]:
    """Return a function that opens a window in a theme, with all results, and all views made."""
    windows: list[MainWindow] = []

    def in_theme(name: Any) -> MainWindow:
        settings = SettingsStore(tmp_path / f"settings {name}.json")
        settings.values.theme = name
        window = MainWindow(Controller(), settings, tmp_path / "demo", "tiny")
        windows.append(window)
        window.resize(1280, 800)
        window.show()
        window.controller.start()
        window.open_paths([analysed_file])
        qtbot.waitUntil(lambda: _is_ready(window), timeout=20_000)
        # A tree shows its first value once it has the focus, which depends on what window is the active one.
        window.panel.list.setFocus()
        return window

    yield in_theme
    for window in windows:
        window.close_without_question()
        window.deleteLater()


def _is_ready(window: MainWindow) -> bool:
    return window.controller.activity is Activity.IDLE and bool(window.controller.state.unit_ids)


def view_of(window: MainWindow, name: str) -> Preview:
    """Return a tab, or a page of the unit's tab."""
    view: Preview = getattr(window.views["unit"], name) if name in PAGES else window.views[name]
    return view


def show(qtbot: Any, window: MainWindow, name: str) -> Preview:
    """Show a tab, or a page of the unit's tab, and wait until everything is drawn."""
    page = view_of(window, name)
    window.tabs.setCurrentWidget(window.views["unit"] if name in PAGES else page)
    if name in PAGES:
        window.views["unit"].show_page(page)
    qtbot.waitUntil(lambda: page.isVisible() and page.has_data(), timeout=20_000)
    settle(qtbot, window)
    return page


def settle(qtbot: Any, window: MainWindow) -> None:
    """Wait until all answers are there and everything that is done in slices is done."""
    for _ in range(2):
        answers: list[object] = []
        window.controller.ask(_Last(), answers.append)
        qtbot.waitUntil(lambda answers=answers: bool(answers), timeout=20_000)
        qtbot.waitUntil(
            lambda: not any(calls._left for calls in window.findChildren(SlicedCalls)), timeout=20_000
        )


class _Last:
    def answer(self, workspace: object) -> None:
        """Be answered after all others."""


def colours(picture: QImage) -> Counter[str]:
    """Return how often each colour occurs on a grid over a picture."""
    columns, rows = range(0, picture.width(), 3), range(0, picture.height(), 3)
    return Counter(picture.pixelColor(x, y).name() for x in columns for y in rows)


def difference(one: Counter[str], other: Counter[str]) -> float:
    """Return in which part of two pictures colours stand that the other one does not have there, 0 … 1."""
    return sum(((one - other) + (other - one)).values()) / (sum(one.values()) + sum(other.values()))


def hide_again(qtbot: Any, window: MainWindow, name: str) -> None:
    """Turn from a view to others; to another page of its tab as well."""
    if name in PAGES:
        window.views["unit"].show_page(getattr(window.views["unit"], PAGES[PAGES.index(name) - 1]))
    show(qtbot, window, "recording" if name != "recording" else "stimulus")


@pytest.mark.parametrize("name", [*TABS, *PAGES])
def test_a_hidden_view_is_shown_in_the_new_colours(
    qtbot: Any, start: Callable[[str], MainWindow], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    # The tree of the file shows when it would be saved.
    monkeypatch.setattr("hdmea.pipeline.session.utc_now", lambda: "2026-01-02T03:04:05+00:00")
    other = start("dark")
    show(qtbot, other, name)
    hide_again(qtbot, other, name)
    wanted = show(qtbot, other, name)
    window = start("light")
    before = colours(picture_of(show(qtbot, window, name)))
    hide_again(qtbot, window, name)

    window.use_theme("dark", at_once=True)

    found = show(qtbot, window, name)
    for theme, seen in ((LIGHT, before), (DARK, colours(picture_of(found)))):
        assert seen[theme.base] + seen[theme.window] > sum(seen.values()) / 3
    assert picture_of(found).size() == picture_of(wanted).size()
    # On a busy computer either may still be laid out.
    qtbot.waitUntil(
        lambda: difference(colours(picture_of(found)), colours(picture_of(wanted))) < _SAME, timeout=20_000
    )


@pytest.mark.parametrize("name", ["units", "responses", "overview", "receptive_field", "electrical_image"])
def test_panels_that_a_view_does_not_show_now_have_the_new_colours_as_well(
    qtbot: Any, start: Callable[[str], MainWindow], name: str
) -> None:
    window = start("light")
    view = show(qtbot, window, name)
    hide_again(qtbot, window, name)

    window.use_theme("dark", at_once=True)
    show(qtbot, window, name)

    panels = view.findChildren(pg.GraphicsView)
    assert panels
    grounds = {panel.backgroundBrush().color().name() for panel in panels}
    assert grounds == {DARK.base}, [panel.isVisible() for panel in panels]
