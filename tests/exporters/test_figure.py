"""Figures: what is drawn is what the session holds, and the files are what journals ask for."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ElementTree
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import hdmea
from hdmea.cli import app
from hdmea.exporters.figure import FigureOptions, preview
from hdmea.exporters.figure_panels import PANELS, Cell, draw_panel
from hdmea.exporters.figure_style import read_style
from hdmea.exporters.raw_voltages import voltages_around
from hdmea.pipeline.session import PipelineSession
from hdmea.utils.exceptions import ConfigurationError, StepCancelled, ValidationError
from tests.exporters.recordings import RATE, STARTS_S, recording
from tests.recordings.vendor_files import SensorBlock, write_cmcr

matplotlib_figure = pytest.importorskip("matplotlib.figure", reason="matplotlib is optional")

POINTS_PER_MM = 72 / 25.4


@pytest.fixture
def session(tmp_path: Path) -> PipelineSession:
    return recording(tmp_path)


def drawn(session: PipelineSession, panel: str, unit: str = "unit_001", **given: Any) -> Any:
    """Return the axes of a panel."""
    figure = matplotlib_figure.Figure()
    draw_panel(figure, figure.add_gridspec(1, 1)[0], panel, Cell(session, unit, **given))
    return figure.axes


def test_a_raster_has_every_spike_of_every_trial_and_the_light(session: PipelineSession) -> None:
    light, spikes, rate = drawn(session, "raster")
    train = session.units["unit_001"]["spike_times"].astype(np.int64)

    assert light.get_title() == "steps"
    for start, events in zip(STARTS_S, spikes.collections, strict=True):
        first = int(start * RATE)
        inside = train[(train >= first) & (train < first + 2 * RATE)]
        np.testing.assert_allclose(events.get_positions(), (inside - first) / RATE)
    (steps,) = rate.patches
    total = steps.get_data().values.sum() * np.diff(steps.get_data().edges)[0] * len(STARTS_S)
    assert total == pytest.approx(sum(len(events.get_positions()) for events in spikes.collections))
    (course,) = light.lines
    x, y = course.get_data()
    assert set(y[(x > 0.01) & (x < 0.98)]) == {100.0}
    assert set(y[x > 1.02]) == {0.0}


def test_images_are_those_of_the_session(session: PipelineSession) -> None:
    (field,) = drawn(session, "receptive_field")
    shown = field.images[0].get_array()
    np.testing.assert_array_equal(shown, session.units["unit_001"]["features"]["sta_noise"]["data"][9])
    assert field.get_title().startswith("STA, −")

    image, bar = drawn(session, "electrical_image")
    amplitude = image.images[0].get_array()
    assert amplitude[1, 1] == 80
    assert np.count_nonzero(amplitude) == 1
    assert list(image.images[0].get_extent()) == [29.5, 34.5, 23.5, 19.5]
    assert bar.get_ylabel() == "Peak to peak (µV)"
    assert [text.get_text() for text in image.texts] == ["50 µm"]


def test_tuning_and_waveform_are_those_of_the_session(session: PipelineSession) -> None:
    (polar,) = drawn(session, "tuning", "unit_002")
    radii = [np.hypot(*line.get_data()) for line in polar.lines if len(line.get_xdata()) == 9]
    np.testing.assert_allclose(radii[0], [2, 4, 10, 4, 2, 0, 0, 0, 2])
    assert polar.get_title() == "DSI 0.50, p 0.01"
    (wave,) = drawn(session, "waveform")
    np.testing.assert_array_equal(wave.lines[0].get_ydata(), session.units["unit_001"]["waveform"])
    assert wave.get_ylabel() == "Amplitude (µV)"


@pytest.mark.parametrize("panel", sorted(PANELS))
def test_a_unit_without_results_says_so(session: PipelineSession, panel: str) -> None:
    del session.units["unit_003"]["waveform"]
    if panel == "chip":
        (axes,) = drawn(session, panel, "unit_003")
        assert sum(len(points.get_offsets()) for points in axes.collections) == 3
    else:
        nothing = session if PANELS[panel].of_unit else PipelineSession("empty")
        (axes,) = drawn(nothing, panel, "unit_003")
        assert "not computed" in axes.texts[0].get_text()


def test_panels_of_the_recording_are_those_of_the_session(session: PipelineSession) -> None:
    raster, bar = drawn(session, "population", "")
    assert raster.images[0].get_array().shape == (3, 900)
    assert list(raster.images[0].get_extent()) == pytest.approx([0, 10, 3.5, 0.5], abs=0.001)
    assert bar.get_ylabel() == "Rate (Hz)"
    assert [text.get_text() for text in raster.texts] == ["steps"]
    (rate,) = drawn(session, "population_rate", "")
    values, edges, _ = rate.patches[0].get_data()
    assert (values * np.diff(edges)).sum() * 3 == pytest.approx(800)
    (light,) = drawn(session, "light", "")
    x, y = light.lines[0].get_data()
    assert set(y[(x > 1.05) & (x < 1.95)]) == {100.0}
    assert light.get_ylabel() == "Light 1"
    assert "counts" in [text.get_text() for text in light.texts]
    chip, bar = drawn(session, "units_on_chip", "")
    np.testing.assert_array_equal(chip.collections[0].get_offsets(), [[31, 21], [34, 22], [30, 20]])
    np.testing.assert_allclose(chip.collections[0].get_array(), [40, 40, 0])
    del session.stimulus["section_time"]
    assert not drawn(session, "population", "")[0].texts
    noise, bar = drawn(session, "noise", "")
    assert (noise.images[0].get_array() == 6.5).all()
    np.testing.assert_array_equal(noise.collections[0].get_offsets(), [[33, 21]])
    assert bar.get_ylabel() == "Noise SD (µV)"


def test_voltages_are_those_around_the_unit_with_its_spikes(session: PipelineSession, tmp_path: Path) -> None:
    counts = np.random.default_rng(3).normal(0, 5, (2000, 6, 6))
    # Rows and columns of a file's array are transposed: 100 counts at row 3, column 4, in sample 800.
    counts[800, 3, 2] += 100
    block = SensorBlock(counts.round().astype(np.int16), left=1, top=1, factors=np.full((6, 6), 1000.0))
    path = write_cmcr(tmp_path / "raw.cmcr", sensor=[block], duration_us=100_000)
    unit = session.units["unit_001"]
    unit |= {"row": 3, "col": 4, "spike_times": np.array([800, 150_000], np.uint64)}
    assert voltages_around(session, "unit_001") is None, "no raw recording is known"
    session.source_files["cmcr_path"] = str(path)

    found = voltages_around(session, "unit_001", (0.03, 0.05))

    assert found is not None
    assert sorted(map(tuple, found.places.tolist())) == [(r, c) for r in (2, 3, 4) for c in (3, 4, 5)]
    at = np.unravel_index(int(np.nanargmax(np.abs(found.values))), found.values.shape)
    assert tuple(found.places[at[0]]) == (3, 4)
    assert found.time_s[at[1]] == pytest.approx(800 / RATE)
    assert found.spikes_s.tolist() == [800 / RATE]
    (axes,) = drawn(session, "voltages")
    assert [label.get_text() for label in axes.get_yticklabels()] == [f"{r}, {c}" for r, c in found.places]
    assert axes.get_xlim() == pytest.approx((800 / RATE - 0.05, 800 / RATE + 0.15))


def test_moment_place_and_stretch_of_time_are_those_that_are_asked_for(session: PipelineSession) -> None:
    image = session.units["unit_001"]["features"]["eimage_sta"]["data"]
    sta = session.units["unit_001"]["features"]["sta_noise"]["data"]
    shown, _ = drawn(session, "electrical_moment", moment_ms=0.1)
    np.testing.assert_array_equal(shown.images[0].get_array(), image[12])
    assert shown.get_title() == "0.10 ms"
    (field,) = drawn(session, "receptive_field", moment_ms=-160.0)
    np.testing.assert_array_equal(field.images[0].get_array(), sta[2])
    (traces,) = drawn(session, "traces", place=(22, 31))
    assert traces.get_title() == "row 22, column 31"
    assert len(traces.lines) == 9 + 1
    np.testing.assert_array_equal(traces.lines[-1].get_ydata(), image[:, 2, 1])
    assert drawn(session, "traces")[0].get_title() == "row 21, column 31"
    (course,) = drawn(session, "time_course", place=(0, 1))
    np.testing.assert_array_equal(course.lines[-1].get_ydata(), sta[:, 0, 1])
    (light,) = drawn(session, "light", "", time_s=(3.0, 5.0))
    assert light.get_xlim() == (3.0, 5.0)
    (intervals,) = drawn(session, "intervals")
    train = session.units["unit_001"]["spike_times"].astype(np.int64)
    n_inside = np.count_nonzero(np.diff(train) / RATE * 1000 < intervals.get_xlim()[1])
    assert intervals.patches[-1].get_data().values.sum() == n_inside


def test_a_recipe_with_a_style_is_applied_to_another_recording(
    session: PipelineSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    style, recipe = tmp_path / "style.yaml", tmp_path / "recipe.yaml"
    style.write_text("width_mm: 60\nline_colour: '#123456'\nfont_size: 8\nmagnitude_map: magma\n")
    recipe.write_text(
        f"kind: figure\npanels: ['raster:steps', electrical_image, fields]\nrank_by: moving_bar.dsi\n"
        f"n_units: 1\nstyle: {style}\neditable_text: true\n"
    )
    result = session.save(tmp_path / "r.h5")
    run = CliRunner().invoke(app, ["export", str(result), str(tmp_path / "f.svg"), "--recipe", str(recipe)])
    assert run.exit_code == 0, run.output
    text = (tmp_path / "f.svg").read_text(encoding="utf-8")
    assert "unit_002  DS" in text, "the unit with the highest number"
    assert "unit_001" not in text
    assert "stroke: #123456" in text
    root = ElementTree.parse(tmp_path / "f.svg").getroot()
    assert float(root.attrib["width"].removesuffix("pt")) == pytest.approx(60 * POINTS_PER_MM, abs=0.1)
    # What is given to the figure counts more than its style, and that of the settings where none is named.
    monkeypatch.setattr("hdmea.exporters.figure_style.setting", {"figure_style": str(style)}.get)
    options = FigureOptions(font_size=5)
    assert (options.look.font_size, options.look.width_mm, options.look.magnitude_map) == (5, 60, "magma")
    style.write_text("line_colour: no colour\ntype_colours: [red, bleu]\nmagnitude_map: greens\n")
    with pytest.raises(ConfigurationError, match="line_colour, type_colours, magnitude_map"):
        read_style(style)
    style.write_text("colour: red\n")
    with pytest.raises(ValidationError, match="colour"):
        read_style(style)


def test_the_preview_is_the_figure(session: PipelineSession, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow is optional")
    given: dict[str, Any] = {"unit_ids": (1,), "panels": ("waveform", "tuning"), "width_mm": 89}
    (png,) = hdmea.export(session, "figure", tmp_path / "f.png", dpi=120, **given)
    with image.open(png) as one, image.open(io.BytesIO(preview(session, FigureOptions(**given), 120))) as two:
        assert one.size == two.size
        np.testing.assert_array_equal(np.asarray(one), np.asarray(two))


def test_pdf_has_the_size_in_mm_and_embedded_truetype_fonts(session: PipelineSession, tmp_path: Path) -> None:
    (path,) = hdmea.export(session, "figure", tmp_path / "f.pdf", width_mm=89, height_mm=120, unit_ids=(1, 2))

    content = path.read_bytes()
    box = re.search(rb"/MediaBox \[ *([\d.]+) ([\d.]+) ([\d.]+) ([\d.]+) *\]", content)
    assert box is not None
    assert [float(value) for value in box.groups()] == pytest.approx(
        [0, 0, 89 * POINTS_PER_MM, 120 * POINTS_PER_MM], abs=0.1
    )
    assert b"/FontFile2" in content
    assert b"/Type3" not in content
    streams = re.findall(rb"stream\r?\n(.*?)endstream", content, re.DOTALL)
    assert any(b" Tf" in zlib.decompressobj().decompress(part) for part in streams if part[:1] == b"x")


def test_svg_and_png_show_the_same(session: PipelineSession, tmp_path: Path, qapp: object) -> None:
    from PySide6.QtGui import QImage, QPainter
    from PySide6.QtSvg import QSvgRenderer

    given = {
        "unit_ids": (1, 2, 3),
        "panels": ("raster", "tuning", "receptive_field"),
        "width_mm": 89,
        "dpi": 150,
    }
    (svg,) = hdmea.export(session, "figure", tmp_path / "f.svg", **given)
    (png,) = hdmea.export(session, "figure", tmp_path / "f.png", **given)

    picture = QImage(str(png))
    assert picture.width() == pytest.approx(89 / 25.4 * 150, abs=1)
    root = ElementTree.parse(svg).getroot()
    assert float(root.attrib["width"].removesuffix("pt")) == pytest.approx(89 * POINTS_PER_MM, abs=0.1)
    text = svg.read_text(encoding="utf-8")
    assert "vector-effect" not in text
    assert "<text" not in text, "letters are outlines"
    assert "clip-path" in text
    again = QImage(picture.size(), QImage.Format.Format_RGB32)
    again.fill(0xFFFFFFFF)
    painter = QPainter(again)
    QSvgRenderer(str(svg)).render(painter)
    painter.end()
    one, two = (_grey(image) for image in (picture, again))
    assert (one < 128).mean() > 0.005
    assert np.abs(_blurred(one) - _blurred(two)).mean() < 4


def _grey(image: Any) -> Any:
    from PySide6.QtGui import QImage

    plain = image.convertToFormat(QImage.Format.Format_Grayscale8)
    rows = np.frombuffer(plain.constBits(), np.uint8).reshape(plain.height(), plain.bytesPerLine())
    return rows[:, : plain.width()].astype(np.float64)


def _blurred(image: Any, size: int = 8) -> Any:
    height, width = (length // size * size for length in image.shape)
    return image[:height, :width].reshape(height // size, size, width // size, size).mean(axis=(1, 3))


def test_stale_results_are_marked_and_text_can_stay_text(session: PipelineSession, tmp_path: Path) -> None:
    session.units["unit_001"]["features"]["moving_bar"]["metadata"]["stale"] = True
    (path,) = hdmea.export(
        session, "figure", tmp_path / "f.svg", unit_ids=("unit_001",), panels=("tuning",), editable_text=True
    )
    text = path.read_text(encoding="utf-8")
    assert "unit_001  DS  2026.11.29-Rec  (stale (moving_bar))" in text


def test_what_cannot_be_drawn_is_told_and_an_export_can_be_stopped(
    session: PipelineSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out" / "f.png"
    target.parent.mkdir()
    with pytest.raises(ConfigurationError, match="unit_009"):
        hdmea.export(session, "figure", target, unit_ids=(9,))
    with pytest.raises(ValidationError, match="panels"):
        hdmea.export(session, "figure", target, panels=("portrait",))
    with pytest.raises(ValidationError, match="1 to 12 units"):
        hdmea.export(PipelineSession("empty"), "figure", target)

    def stop(fraction: float, text: str) -> None:
        if text.startswith("Drawing"):
            raise StepCancelled("stopped")

    with pytest.raises(StepCancelled):
        hdmea.export(session, "figure", target, progress=stop)
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(ConfigurationError, match=r"hdmea-studio\[figures\]"):
        hdmea.export(session, "figure", target)
    assert list(target.parent.iterdir()) == []
