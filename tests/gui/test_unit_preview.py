"""What the unit's panels show for units that lack something."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hdmea.analysis.correlograms import autocorrelogram
from hdmea.analysis.intervals import interval_histogram
from hdmea.analysis.rates import rate_over_time
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.views.parts.shared_query import Span
from hdmea_gui.views.unit.query import Averaged, Footprint, UnitView

SPIKES = np.array([0, 100, 300], np.uint64)
NONE = np.zeros(0, np.uint64)
FULL = UnitView(
    unit_id="unit_001",
    title="unit_001",
    n_spikes=3,
    mean_rate=0.3,
    waveform=np.array([0.0, -5.0, 2.0], np.float32),
    waveform_unit="µV",
    waveform_ms=np.array([0.0, 0.05, 0.1]),
    intervals=interval_histogram(SPIKES, 20_000.0),
    correlogram=autocorrelogram(SPIKES, 20_000.0),
    rate=rate_over_time(SPIKES, 20_000.0, 10.0, 1.0),
    spans=(Span("noise", 2.0, 8.0),),
    averages=(Averaged("noise", np.full((3, 4, 5), 127.5), 1, -3, 127.5),),
    footprint=Footprint(np.ones((6, 7)), "µV", (11, 21), (13, 22)),
)


@pytest.fixture
def shown(window: MainWindow) -> MainWindow:
    window.tabs.setCurrentWidget(window.views["unit"])
    return window


def test_a_full_unit_fills_all_panels(shown: MainWindow) -> None:
    shown.views["unit"].overview.show_answer(FULL)

    assert not any(panel.is_empty for panel in shown.views["unit"].overview.panels)
    image = shown.views["unit"].overview.footprint.image
    rect = image.mapRectToParent(image.boundingRect())
    assert (rect.left(), rect.top()) == (20.5, 10.5), "electrodes stand at their place on the chip"
    assert (rect.width(), rect.height()) == (7, 6)


def test_a_unit_without_a_spike_says_so_in_each_panel(shown: MainWindow) -> None:
    nothing = np.full((3, 4, 5), np.nan)
    silent = replace(
        FULL,
        waveform=np.zeros(0, np.float32),
        waveform_ms=np.zeros(0),
        n_spikes=0,
        intervals=interval_histogram(NONE, 20_000.0),
        correlogram=autocorrelogram(NONE, 20_000.0),
        rate=rate_over_time(NONE, 20_000.0, 10.0, 1.0),
        averages=(Averaged("noise", nothing, 0, -3, float("nan")),),
        footprint=Footprint(np.full((6, 7), np.nan), "µV", (1, 1), None),
    )

    shown.views["unit"].overview.show_answer(silent)

    view = shown.views["unit"].overview
    assert [panel for panel in view.panels if not panel.is_empty] == [view.rate], "its rate is 0, not missing"
    assert all(panel.empty_text for panel in view.panels if panel is not view.rate)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_panel_is_drawn_and_not_blank(shown: MainWindow, theme: str) -> None:
    shown.use_theme(theme, at_once=True)  # type: ignore[arg-type]
    shown.views["unit"].overview.show_answer(FULL)

    for panel in shown.views["unit"].overview.panels:
        picture = panel.graphics.grab().toImage()
        colours = {
            picture.pixel(x, y) for x in range(0, picture.width(), 3) for y in range(0, picture.height(), 3)
        }
        assert len(colours) > 3
