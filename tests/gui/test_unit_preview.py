"""What the unit's panels show for units that lack something."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hdmea.analysis.intervals import interval_histogram
from hdmea_gui.controller.snapshot import Averaged, Footprint, UnitView
from hdmea_gui.main_window import MainWindow

FULL = UnitView(
    unit_id="unit_001",
    title="unit_001",
    waveform=np.array([0.0, -5.0, 2.0], np.float32),
    waveform_unit="µV",
    waveform_ms=np.array([0.0, 0.05, 0.1]),
    intervals=interval_histogram(np.array([0, 100, 300], np.uint64), 20_000.0),
    averages=(Averaged("noise", np.full((3, 4, 5), 127.5), 1, -3, 127.5),),
    footprint=Footprint(np.ones((6, 7)), "µV", (11, 21), (13, 22)),
)


@pytest.fixture
def shown(window: MainWindow) -> MainWindow:
    window.tabs.setCurrentWidget(window.unit)
    return window


def test_a_full_unit_fills_all_panels(shown: MainWindow) -> None:
    shown.unit.show_answer(FULL)

    assert not any(panel.is_empty for panel in shown.unit.panels)
    image = shown.unit.footprint.image
    rect = image.mapRectToParent(image.boundingRect())
    assert (rect.left(), rect.top()) == (20.5, 10.5), "electrodes stand at their place on the chip"
    assert (rect.width(), rect.height()) == (7, 6)


def test_a_unit_without_a_spike_says_so_in_each_panel(shown: MainWindow) -> None:
    nothing = np.full((3, 4, 5), np.nan)
    silent = replace(
        FULL,
        waveform=np.zeros(0, np.float32),
        waveform_ms=np.zeros(0),
        intervals=interval_histogram(np.zeros(0, np.uint64), 20_000.0),
        averages=(Averaged("noise", nothing, 0, -3, float("nan")),),
        footprint=Footprint(np.full((6, 7), np.nan), "µV", (1, 1), None),
    )

    shown.unit.show_answer(silent)

    assert all(panel.is_empty and panel.empty_text for panel in shown.unit.panels)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_panel_is_drawn_and_not_blank(shown: MainWindow, theme: str) -> None:
    shown.actions_[f"theme_{theme}"].trigger()
    shown.unit.show_answer(FULL)

    for panel in shown.unit.panels:
        picture = panel.graphics.grab().toImage()
        colours = {
            picture.pixel(x, y) for x in range(0, picture.width(), 3) for y in range(0, picture.height(), 3)
        }
        assert len(colours) > 3
