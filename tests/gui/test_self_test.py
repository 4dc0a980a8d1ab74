"""The self-test: passes on a program that works, and says what is wrong with one that does not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pyqtgraph as pg
import pytest
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication, QLabel, QVBoxLayout, QWidget

from hdmea.utils.resources import resource_path
from hdmea_gui.diagnostics import self_test
from hdmea_gui.diagnostics.probe import compiled, loaded
from hdmea_gui.diagnostics.self_test import Report, SelfTest, blank_plots, change_of, differences
from hdmea_gui.shell.theme import LIGHT
from hdmea_gui.views.parts.plot_panel import PlotPanel
from hdmea_gui.views.registry import views_in_order

ROOT = Path(__file__).resolve().parents[2]


def start(tmp_path: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name not in {"DISPLAY", "WAYLAND_DISPLAY"}}
    kept.pop("QT_QPA_PLATFORM", None)
    return subprocess.run(
        [sys.executable, "-m", "hdmea_gui", "--self-test", *arguments],
        cwd=tmp_path,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere there is always a display")
def test_a_program_that_works_passes_without_a_display(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()

    done = start(tmp_path, "--report", str(tmp_path / "report.json"), HOME=str(home))

    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["ok"] is True
    assert report["problems"] == []
    assert report["kernels"] == dict.fromkeys(report["kernels"], True)
    titles = {spec.title for spec in views_in_order()} - {"Unit"}
    pages = {"Overview of the unit", "Responses of the unit", "Numbers of the unit"}
    assert set(report["views"]) == titles | pages
    assert min(report["views"].values()) > 0.1
    assert report["platform"] == "offscreen"
    assert report["libraries"]["numpy"] == np.__version__
    assert 0 < report["start"]["shown"] <= report["start"]["usable"] < 280
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8")) == report
    written = {path.name for path in home.rglob("*") if path.is_file()}
    assert not {name for name in written if name.endswith((".h5", ".cmcr")) or name == "settings.json"}


def test_a_program_without_its_steps_fails(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import hdmea.features.science.spike_triggered_average as module\n"
        "def broken(*arguments, **named): raise RuntimeError('a library is missing')\n"
        "module.spike_triggered_averages = broken\n"
    )

    done = start(tmp_path, PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")

    report = json.loads(done.stdout)
    assert done.returncode == 1
    assert any("a library is missing" in problem for problem in report["problems"])
    assert any("sta_energy" in problem for problem in report["problems"])


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (("units.view", "UnitsPreview.show_answer"), "the view Units shows nothing of the demo"),
        (("unit.features", "UnitFeatures.show_answer"), "the view Numbers of the unit shows nothing"),
        (
            ("parts.responses.trials_plot", "TrialsPlot._draw_trials"),
            "in the view Responses of the unit: “Trial raster and PSTH” has",
        ),
        (
            ("unit.overview", "UnitOverview._show_footprint"),
            "in the view Overview of the unit: “Electrical image” says",
        ),
        (
            ("parts.stimulus_strip", "StimulusStrip._draw"),
            "in the view Recording: “Population raster and rate over time” has an empty plot",
        ),
    ],
)
def test_a_program_that_paints_a_view_or_a_plot_blank_fails(
    qapp: QApplication,
    no_leaks: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    broken: tuple[str, str],
    said: str,
) -> None:
    module, method = broken
    monkeypatch.setattr(f"hdmea_gui.views.{module}.{method}", lambda *_args, **_named: None)
    monkeypatch.setattr(self_test, "_PAINT_TIMEOUT_S", 1.5)

    problems = SelfTest(tmp_path).run().problems

    assert [problem for problem in problems if said in problem], problems


def test_a_window_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nsys.modules['hdmea_gui.views.unit.view'] = None  # as if it were not in the package\n"
    )

    done = start(
        tmp_path, "--report", str(tmp_path / "report.json"), PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}"
    )

    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert done.returncode == 1
    assert [problem for problem in report["problems"] if "hdmea_gui.views.unit.view" in problem]
    assert "Traceback" in done.stderr


def test_numbers_that_are_not_as_stored_are_named() -> None:
    expected = json.loads(resource_path("self_test.json").read_text(encoding="utf-8"))["values"]
    assert differences(expected, expected) == []
    found = {**expected, "spikes": expected["spikes"] + 1}
    del found["units"]
    assert [text.split()[0] for text in differences(found, expected)] == ["units", "spikes"]
    assert not Report(problems=["x"]).ok


def test_a_view_that_stays_blank_is_noticed(qtbot: Any) -> None:
    view = QLabel()
    qtbot.addWidget(view)
    view.setAutoFillBackground(True)
    view.resize(90, 60)
    empty = view.grab().toImage()
    assert change_of(view, empty)() == 0
    view.resize(120, 60)
    assert change_of(view, empty)() == 0, "another size alone is no content"
    palette = view.palette()
    palette.setColor(view.backgroundRole(), QColor("#123456"))
    view.setPalette(palette)
    assert change_of(view, empty)() == 1


def test_a_plot_of_one_colour_or_of_words_is_noticed(qtbot: Any) -> None:
    panel = PlotPanel("Rate", LIGHT, "Time (s)", "Rate (Hz)")
    view = QWidget()
    qtbot.addWidget(view)
    QVBoxLayout(view).addWidget(panel)
    curve = pg.PlotCurveItem(pen=pg.mkPen("#123456"))
    panel.plot.addItem(curve)
    panel.show_empty("Choose a unit.")
    view.resize(400, 300)
    view.show()
    assert blank_plots(view) == ["“Rate” says: Choose a unit."]
    panel.show_plot()
    assert blank_plots(view) == ["“Rate” has an empty plot"]
    curve.setData([0.0, 1.0, 2.0], [0.0, 2.0, 1.0])
    assert blank_plots(view) == []
    panel.hide()
    curve.setData([], [])
    assert blank_plots(view) == [], "what nobody sees is not looked at"


def test_functions_that_were_not_compiled_are_noticed() -> None:
    module: Any = types.ModuleType("kernels")
    module.__all__ = ["add"]
    module.add = lambda: None
    assert not compiled(module)
    assert not compiled(None)
    module.add = types.SimpleNamespace(nopython_signatures=[])
    assert not compiled(module), "compiled functions that were never called prove nothing"
    module.add = types.SimpleNamespace(nopython_signatures=["(int64,)"])
    assert compiled(module)


def test_functions_from_an_earlier_start_are_told_from_new_ones() -> None:
    module: Any = types.ModuleType("kernels")
    module.__all__ = ["add"]
    module.add = lambda: None
    assert not loaded(module)
    module.add = types.SimpleNamespace(stats=types.SimpleNamespace(cache_hits={}))
    assert not loaded(module)
    module.add.stats.cache_hits["(int64,)"] = 1
    assert loaded(module)
