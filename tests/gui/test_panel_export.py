"""Each panel of each view, and each view, is copied and exported by itself from its context menu."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyqtgraph as pg
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QContextMenuEvent, QGuiApplication, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QMenu, QWidget

from hdmea.exporters.figure_panels import PANELS
from hdmea_gui.flows.figure_dialog import FigureDialog
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.store.settings import SettingsStore
from hdmea_gui.views.parts.base import Preview

Show = Callable[[str], Preview]
VIEWS = (
    "recording",
    "units",
    "overview",
    "responses",
    "features",
    "receptive_field",
    "electrical_image",
    "raw",
    "gallery",
    "stimulus",
    "file",
)
WITHOUT_FIGURES = ("file",)


@pytest.fixture
def analysed(window: MainWindow, analysed_file: Path, idle: Callable[[], None]) -> MainWindow:
    """Return a window with the result of all steps of the standard flow, and one unit chosen."""
    window.resize(1280, 720)
    window.open_paths([analysed_file])
    idle()
    window.controller.selection.select_units(window.controller.state.unit_ids[1:2])
    return window


@pytest.fixture
def show(analysed: MainWindow, qtbot: Any) -> Show:
    """Return a function that shows a view, or a page of the unit's view, and waits until it is filled."""

    def show(name: str) -> Preview:
        window = analysed
        if name in {"overview", "responses", "features"}:
            view: Preview = getattr(window.views["unit"], name)
            window.tabs.setCurrentWidget(window.views["unit"])
            window.views["unit"].show_page(view)
        else:
            view = window.views[name]
            window.tabs.setCurrentWidget(view)
        qtbot.waitUntil(lambda: view.isVisible() and view.has_data(), timeout=30_000)
        return view

    return show


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Answer each question for a file with the proposed name in a folder of the test; list the answers."""
    found: list[Path] = []
    folder = tmp_path / "Ausgabe µ 中"
    folder.mkdir()

    def answer(_parent: QWidget, _title: str, proposed: str, filters: str) -> tuple[str, str]:
        found.append(folder / Path(proposed).name)
        return str(found[-1]), filters.split(";;")[0]

    monkeypatch.setattr(QFileDialog, "getSaveFileName", answer)
    return found


def right_click(qtbot: Any, window: MainWindow, widget: QWidget) -> QMenu:
    """Click into the middle of a widget with the right button; return the menu that comes."""
    place, none = widget.mapTo(window, widget.rect().center()), Qt.KeyboardModifier.NoModifier
    QTest.mouseClick(window.windowHandle(), Qt.MouseButton.RightButton, none, place)
    qtbot.waitUntil(lambda: isinstance(QApplication.activePopupWidget(), QMenu), timeout=20_000)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    return menu


def entries(menu: QMenu) -> list[str]:
    return [action.text() for action in menu.actions() if not action.isSeparator()]


def sections(menu: QMenu) -> list[str]:
    return [action.text() for action in menu.actions() if action.isSeparator() and action.text()]


def trigger(menu: QMenu, text: str) -> None:
    """Choose an entry by its text."""
    (action,) = [action for action in menu.actions() if action.text() == text]
    assert action.isEnabled(), text
    action.trigger()
    menu.close()


def plots(view: Preview) -> list[pg.GraphicsLayoutWidget]:
    return [plot for plot in view.findChildren(pg.GraphicsLayoutWidget) if plot.isVisible()]


def n_colours(picture: QImage) -> int:
    places = [(x, y) for x in range(0, picture.width(), 3) for y in range(0, picture.height(), 3)]
    return len({picture.pixel(x, y) for x, y in places})


@pytest.mark.parametrize("name", VIEWS)
def test_every_plot_has_a_menu_of_its_own(
    qtbot: Any, analysed: MainWindow, show: Show, asked: list[Path], name: str
) -> None:
    view = show(name)
    told: list[str] = []
    view.told.connect(told.append)
    titles = []

    for plot in plots(view):
        menu = right_click(qtbot, analysed, plot)
        (title, whole) = sections(menu)
        assert whole == view.title
        titles.append(title)
        tables = [text for text in entries(menu) if "of this panel as CSV" in text]
        assert tables, f"{title} has data"
        menu.close()
        for text in tables:
            trigger(right_click(qtbot, analysed, plot), text)
        qtbot.waitUntil(lambda: len(told) == len(asked), timeout=20_000)
        assert all(text.startswith("Exported: ") for text in told)

    assert len(set(titles)) == len(titles), "each plot is a panel of its own"
    assert len({path.name for path in asked}) == len(asked), "no file is proposed twice"
    assert all(path.stat().st_size > 0 for path in asked)
    for path in asked:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header, *rows = csv.reader(file)
        assert all(header)
        assert any(any(row) for row in rows), path.name


@pytest.mark.parametrize("name", VIEWS)
def test_a_figure_has_what_the_view_shows(
    qtbot: Any, analysed: MainWindow, show: Show, asked: list[Path], name: str
) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is optional")
    view = show(name)
    told: list[str] = []
    view.told.connect(told.append)
    offered = entries(view.export_menu())
    trigger(view.export_menu(), "Export data of the whole view as CSV…")
    qtbot.waitUntil(lambda: len(told) == 1, timeout=20_000)
    assert told[0].startswith(f"Exported: {asked[0].with_suffix('')}"), "one file for each kind of data"
    QGuiApplication.clipboard().clear()

    trigger(view.export_menu(), "Copy the whole view")
    qtbot.waitUntil(lambda: len(told) == 2, timeout=60_000)

    picture = QGuiApplication.clipboard().image()
    assert n_colours(picture) > 5
    if name in WITHOUT_FIGURES:
        assert told[1] == "The picture was copied."
        assert picture.size() == 2 * view.size()
        assert "Save figure of the whole view…" not in offered
        view.save_figure()
        assert told[2] == f"There is no figure of “{view.title}” now. Save its data instead."
        return
    assert told[1] == "The figure was copied."
    assert "Save figure of the whole view…" in offered
    assert picture.pixelColor(1, 1).name() == "#ffffff"
    drawn = view.figure()
    assert drawn is not None
    assert set(drawn["panels"]) <= set(PANELS)
    panels = [panel for panel in view.export_panels() if panel.shows_something]
    assert all(panel.figure for panel in panels), "every panel has a figure"


def test_the_builder_shows_the_figure_before_it_is_written(
    qtbot: Any, analysed: MainWindow, show: Show, asked: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is optional")
    view: Any = show("receptive_field")
    view.player.slider.setValue(3)
    plot = view.average.graphics
    trigger(right_click(qtbot, analysed, plot), "Save figure of this panel…")
    qtbot.waitUntil(lambda: isinstance(analysed.dialogs.current, FigureDialog), timeout=20_000)
    dialog = analysed.dialogs.current
    assert isinstance(dialog, FigureDialog)
    given = dialog.values()
    assert given["panels"] == ("receptive_field",)
    assert given["moment_ms"] == view._view.time_ms[3]
    assert given["unit_ids"] == analysed.controller.selection.units[:1]
    qtbot.waitUntil(lambda: not dialog.picture.isNull(), timeout=60_000)
    assert dialog.said.text().startswith("89 × ")

    dialog.model.set_value("panels", ("receptive_field", "fields"))
    dialog.model.set_value("width_mm", 120.0)
    qtbot.waitUntil(lambda: dialog.said.text().startswith("120 × "), timeout=60_000)
    told: list[str] = []
    dialog.told.connect(told.append)
    dialog.save_recipe()
    qtbot.waitUntil(lambda: bool(told), timeout=20_000)
    recipe = asked[0]
    assert told == [f"Recipe saved: {recipe}"]
    text = recipe.read_text(encoding="utf-8")
    assert text.startswith("kind: figure")
    assert "unit" not in text, "units are of one recording"

    dialog.model.set_value("width_mm", 60.0)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(recipe), ""))
    dialog.open_recipe()
    qtbot.waitUntil(lambda: dialog.model.value("width_mm") == 120, timeout=20_000)
    assert dialog.values()["unit_ids"] == given["unit_ids"]
    dialog.model.set_value("height_mm", 20.0)
    qtbot.waitUntil(lambda: "do not fit" in dialog.said.text(), timeout=60_000)
    dialog.model.set_value("height_mm", None)
    written: list[Path] = []
    analysed.controller.exported.connect(written.append)
    dialog.export_button.click()
    qtbot.waitUntil(lambda: bool(written), timeout=60_000)
    assert written[0].suffix == ".pdf"
    assert written[0].read_bytes().startswith(b"%PDF")


def test_a_panel_is_copied_alone(qtbot: Any, analysed: MainWindow, show: Show) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is optional")
    show("overview")
    panel = analysed.views["unit"].overview.waveform
    QGuiApplication.clipboard().clear()

    trigger(right_click(qtbot, analysed, panel.graphics), "Copy this panel")

    qtbot.waitUntil(lambda: not QGuiApplication.clipboard().image().isNull(), timeout=60_000)
    assert QGuiApplication.clipboard().image().width() == round(89 / 25.4 * 300)


def test_the_menu_key_offers_the_panel_that_has_the_focus(
    qtbot: Any, analysed: MainWindow, show: Show
) -> None:
    show("overview")
    plot = analysed.views["unit"].overview.correlogram.graphics
    plot.setFocus()
    place = plot.rect().center()

    QApplication.sendEvent(
        plot.viewport(),
        QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, place, plot.mapToGlobal(place)),
    )

    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    assert sections(menu)[0] == "Autocorrelogram"
    menu.close()


def test_a_panel_that_only_says_what_is_missing_is_not_offered(
    qtbot: Any, loaded: tuple[MainWindow, Any]
) -> None:
    window = loaded[0]
    view = window.views["unit"].overview
    window.tabs.setCurrentWidget(window.views["unit"])
    qtbot.waitUntil(lambda: view.view is not None, timeout=20_000)
    assert view.average.is_empty

    menu = right_click(qtbot, window, view.average)

    assert sections(menu) == []
    assert all("whole view" in text for text in entries(menu))
    menu.close()


def columns_of(view: Preview, title: str, table: str = "") -> dict[str, Any]:
    """Return what would be written of a panel."""
    (panel,) = [panel for panel in view.export_panels() if panel.title == title]
    made = dict(panel.tables)[table]()
    assert made is not None
    return dict(made.columns)


def test_the_data_of_a_panel_are_those_that_it_draws(show: Show) -> None:
    overview: Any = show("overview")
    x, y = overview._curve.getData()
    columns = columns_of(overview, "Mean waveform")
    assert columns["waveform_ms"] == pytest.approx(x)
    assert list(columns.values())[1] == pytest.approx(y)
    image = overview.footprint.image.image
    found = columns_of(overview, "Electrical image")
    low_row, low_column = found["row"].min(), found["column"].min()
    values = list(found.values())[2]
    for place in (0, values.size // 2, values.size - 1):
        row, column = found["row"][place] - low_row, found["column"][place] - low_column
        assert values[place] == pytest.approx(image[row, column], nan_ok=True)


def test_a_movie_gives_the_frame_that_is_seen_and_all_of_them(show: Show) -> None:
    for name, title in (
        ("receptive_field", "Spike-triggered average"),
        ("electrical_image", "Electrical image"),
    ):
        view: Any = show(name)
        view.player.slider.setValue(3)

        one, every = columns_of(view, title, "frame"), columns_of(view, title, "all frames")

        values = list(every)[-1]
        assert set(one["time_ms"]) == {view._view.time_ms[3]}
        assert one[values] == pytest.approx(
            every[values][every["time_ms"] == view._view.time_ms[3]], nan_ok=True
        )
        assert len(set(every["time_ms"])) == len(view._view.time_ms)


def test_traces_and_time_course_are_those_of_the_clicked_place(show: Show) -> None:
    image: Any = show("electrical_image")
    x, y = image._chosen.getData()
    traces = columns_of(image, "Traces")
    titles = list(traces)
    row, column = image._place[0] + image._view.first[0], image._place[1] + image._view.first[1]
    assert titles[1].startswith(f"row{row}_column{column}_")
    assert traces[titles[1]] == pytest.approx(y)
    assert len(titles) - 2 == len(image._neighbours(image._view))
    field: Any = show("receptive_field")
    x, y = field._curve.getData()
    course = columns_of(field, "Time course")
    assert course["time_ms"] == pytest.approx(x)
    assert list(course.values())[1] == pytest.approx(y)


def test_the_raster_gives_rates_from_afar_and_spikes_from_near(
    qtbot: Any, analysed: MainWindow, show: Show
) -> None:
    view = show("recording")
    assert view is analysed.recording
    raster = analysed.recording.raster
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hdmea_gui.views.recording.raster_plot.TICK_LIMIT", 3)
        raster.redraw()
        rates = columns_of(view, "Raster and rate", "raster")
    assert list(rates) == ["unit_id", "bin_start_s", "bin_stop_s", "rate_Hz"]
    widths = rates["bin_stop_s"] - rates["bin_start_s"]
    n_units = len(analysed.controller.state.unit_ids)
    spikes = analysed.recording._view
    assert spikes is not None
    assert (rates["rate_Hz"] * widths).sum() == pytest.approx(
        spikes.raster.count(0, spikes.duration_s), rel=1e-3
    )
    assert set(rates["unit_id"]) == set(analysed.controller.state.unit_ids)
    assert rates["unit_id"].size % n_units == 0

    raster.setXRange(10.0, 12.0, padding=0)
    raster.redraw()
    near = columns_of(view, "Raster and rate", "raster")

    start, stop = raster.getViewBox().viewRange()[0]
    assert list(near) == ["unit_id", "spike_s"]
    assert near["spike_s"].size == spikes.raster.count(start, stop)
    assert np.all((near["spike_s"] >= start) & (near["spike_s"] <= stop))


def test_the_folder_of_the_last_export_is_proposed_and_remembered(
    qtbot: Any, analysed: MainWindow, show: Show, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proposed: list[Path] = []
    folder = tmp_path / "Daten 中"
    folder.mkdir()

    def answer(_parent: QWidget, _title: str, name: str, filters: str) -> tuple[str, str]:
        proposed.append(Path(name))
        # The second time there is such a file already: the whole name is proposed, for the desktop to ask.
        return (name if len(proposed) > 2 else str(folder / "data")), filters.split(";;")[0]

    monkeypatch.setattr(QFileDialog, "getSaveFileName", answer)
    view = show("receptive_field")
    view.export_data()
    qtbot.waitUntil((folder / "data.csv").is_file, timeout=20_000)
    view.export_data()

    assert [path.parent for path in proposed] == [Path.home(), folder, folder]
    assert proposed[-1] == folder / "data.csv"
    analysed.close_without_question()
    assert SettingsStore(analysed.settings.path).values.export_folder == str(folder)


def test_the_frames_of_the_stimulus_are_all_written_also_where_they_are_too_many_to_draw(
    qtbot: Any, analysed: MainWindow, show: Show, asked: list[Path]
) -> None:
    view = show("stimulus")
    shown = analysed.views["stimulus"]._view
    assert shown is not None
    assert shown.frames_s.size == 0, "zoomed out they are not drawn"
    assert shown.n_inside > 1000

    trigger(
        right_click(qtbot, analysed, analysed.views["stimulus"].graphics),
        "Export frames of this panel as CSV…",
    )
    trigger(view.export_menu(), "Export data of the whole view as CSV…")

    def written() -> list[Path]:
        return sorted(asked[0].parent.glob("*_frames.csv"))

    qtbot.waitUntil(lambda: len(written()) == 2, timeout=20_000)
    for path in written():
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        assert sum(row["event"] == "frame" for row in rows) == shown.n_inside
