"""Reports: every unit, every number with its interval, methods and citation, in both formats."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import hdmea
from hdmea.pipeline.session import PipelineSession
from hdmea.results.content import ResultItem, StepProvenance
from hdmea.utils.citation import citation
from hdmea.utils.exceptions import ConfigurationError, StepCancelled
from tests.exporters.recordings import recording

pytest.importorskip("matplotlib", reason="matplotlib is optional")


@pytest.fixture
def session(tmp_path: Path) -> PipelineSession:
    made = recording(tmp_path)
    made.add_metadata({"sheet": {"subject_id": "<m7>"}})
    for number, unit in enumerate(made.units.values()):
        if "features" in unit:
            numbers = {"dsi_low": 0.125, "dsi_high": 0.875, "dsi_p": 0.01 * (number + 1)}
            unit["features"]["moving_bar"]["data"] |= numbers
    made.mark_step_complete("add_section_time")
    params = {"pad_frame": 170, "playlist_name": "mine", "playlist_file_path": "/home/me/secret.csv"}
    made.steps["add_section_time"] = StepProvenance(params=params, items={"": ResultItem("x", stale=True)})
    return made


class Page(HTMLParser):
    """Texts, tables and pictures of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text: list[str] = []
        self.rows: list[list[str]] = []
        self.sections: list[str] = []
        self.pictures = 0
        self._silent = self._in_cell = False
        self.feed(text)
        self.rows = [row for row in self.rows if row]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent = tag in ("style", "script")
        self._in_cell = tag == "td" or (self._in_cell and tag == "span")
        if tag == "tr":
            self.rows.append([])
        if tag == "td":
            self.rows[-1].append("")
        if tag == "section":
            self.sections.append(dict(attrs).get("id") or "")
        self.pictures += tag == "img"

    def handle_endtag(self, tag: str) -> None:
        self._silent = False
        self._in_cell = self._in_cell and tag != "td"

    def handle_data(self, data: str) -> None:
        if self._silent or not data.strip():
            return
        self.text.append(data)
        if self._in_cell:
            self.rows[-1][-1] += data


def test_the_page_has_every_unit_its_numbers_and_methods(session: PipelineSession, tmp_path: Path) -> None:
    (path,) = hdmea.export(session, "report", tmp_path / "r.html")

    page = Page(path.read_text(encoding="utf-8"))
    assert [name for name in page.sections if name] == list(session.units)
    assert page.pictures == 1 + len(session.units)
    assert ["Animal", "<m7>"] in page.rows
    assert ["steps", "1", "0.5", "9.5", "the light fits", "1.00", ""] in page.rows
    assert ["DS", "2", "67 %"] in page.rows
    dsi = [row for row in page.rows if row[0].startswith("Direction tuning: DSI")]
    assert [row[1:5] for row in dsi] == [
        ["0.25", "0.125 to 0.875", "0.01", "0.02"],
        ["0.5", "0.125 to 0.875", "0.02", "0.02"],
    ]
    text = " ".join(page.text)
    assert "Padding: 170 frames" in text
    assert "stale: something that it was computed from has changed since" in text
    assert "secret" not in text
    assert citation() in text
    assert any(row[0] in ("green", "amber", "red", "grey") for row in page.rows), "health"


@pytest.mark.parametrize(("paper", "size"), [("A4", (595.3, 841.9)), ("Letter", (612.0, 792.0))])
def test_the_document_has_a_page_per_unit(
    session: PipelineSession, tmp_path: Path, paper: str, size: tuple[float, float]
) -> None:
    (path,) = hdmea.export(session, "report", tmp_path / "r.pdf", paper=paper, health=False)

    content = path.read_bytes()
    boxes = [
        tuple(map(float, found)) for found in re.findall(rb"/MediaBox \[ *0 0 ([\d.]+) ([\d.]+) *\]", content)
    ]
    assert len(boxes) == 3 + len(session.units)
    np.testing.assert_allclose(boxes[0], size, atol=0.1)
    ghostscript = shutil.which("gs")
    if ghostscript is None:
        pytest.skip("Ghostscript is not installed")
    shown = [
        ghostscript,
        "-q",
        "-dNOPAUSE",
        "-dBATCH",
        "-dSAFER",
        "-sDEVICE=txtwrite",
        "-sOutputFile=-",
        path,
    ]
    text = subprocess.run(shown, capture_output=True, check=True, timeout=120).stdout.decode("utf-8")
    assert all(text.count(name) == 1 for name in session.units)
    assert "0.125 to 0.875" in text
    assert citation() in re.sub(r"\s+", " ", text)


def test_chosen_units_only_and_an_ending_of_two_exporters(session: PipelineSession, tmp_path: Path) -> None:
    (path,) = hdmea.export(session, "report", tmp_path / "r.html", unit_ids=(2,), health=False)
    assert [name for name in Page(path.read_text(encoding="utf-8")).sections if name] == ["unit_002"]
    with pytest.raises(ConfigurationError, match="figure, report"):
        hdmea.export(session, None, tmp_path / "r.pdf")


def test_a_report_can_be_stopped(session: PipelineSession, tmp_path: Path) -> None:
    def stop(fraction: float, text: str) -> None:
        if text == "Unit unit_002":
            raise StepCancelled("stopped")

    target = tmp_path / "out" / "r.pdf"
    target.parent.mkdir()
    with pytest.raises(StepCancelled):
        hdmea.export(session, "report", target, health=False, progress=stop)
    assert list(target.parent.iterdir()) == []


def test_a_recording_without_results_has_a_report(tmp_path: Path) -> None:
    (path,) = hdmea.export(PipelineSession("empty"), "report", tmp_path / "r.html")
    assert "empty" in Page(path.read_text(encoding="utf-8")).text[0]
