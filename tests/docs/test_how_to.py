"""What the pages "How to write a …" show is right: each example is one file that works everywhere."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hdmea.pipeline import PipelineSession
from tests.docs.own_files import Shown

FLOW = {"name": "load", "steps": [{"step": "load_recording"}]}


# -- a reader ------------------------------------------------------------------------------------------


def test_the_reader_works_as_an_installed_package(tmp_path: Path) -> None:
    shown = Shown(tmp_path / "my lab", "docs/how_to_write_a_reader.md", "hdmea.readers")
    table = tmp_path / "X-Rec.spikes"
    table.write_text("7,0.5\n3,0.0125\n7,0.25\n3,1.75\n")
    (tmp_path / "load.json").write_text(json.dumps(FLOW))

    told = shown.hdmea("info", table)
    shown.hdmea("run", table, "--flow", tmp_path / "load.json", "-o", tmp_path / "result.h5")
    script = (
        "from hdmea.pipeline import load_recording\n"
        f"session = load_recording(cmtr_path={str(table)!r}, defer_save=True)\n"
        "print({name: unit['spike_times'].tolist() for name, unit in session.units.items()})\n"
    )

    assert "spike table" in told
    assert "sorted units" in told
    saved = PipelineSession.load(tmp_path / "result.h5")
    assert saved.dataset_id == "X-Rec"
    expected = {"unit_003": [250, 35_000], "unit_007": [5_000, 10_000]}
    assert {name: np.asarray(unit["spike_times"]).tolist() for name, unit in saved.units.items()} == expected
    assert shown.script(script).strip() == repr(expected)


def test_the_reader_works_from_its_file_and_says_what_is_wrong(tmp_path: Path) -> None:
    shown = Shown(tmp_path / "my lab", "docs/how_to_write_a_reader.md")
    (tmp_path / "bad.spikes").write_text("3,now\n")
    script = (
        "from hdmea.recordings import READERS, open_units\n"
        "from hdmea.utils.exceptions import DataLoadError\n"
        f"(reader,) = READERS.register_file({str(shown.path)!r})\n"
        "assert reader.offers == ('units',)\n"
        "try:\n"
        f"    open_units({str(tmp_path / 'bad.spikes')!r})\n"
        "except DataLoadError as error:\n"
        "    print(error)\n"
    )
    assert "bad.spikes" in shown.script(script)


# -- an exporter ---------------------------------------------------------------------------------------


@pytest.fixture
def result(tmp_path: Path) -> Path:
    """A result file with two units."""
    session = PipelineSession("X-Rec")
    session.add_metadata({"acquisition_rate": np.array([20_000.0]), "recording_duration_s": np.array([2.0])})
    session.add_units(
        {
            "unit_003": {"unit_num": 3, "spike_times": np.array([250, 35_000], np.uint64)},
            "unit_007": {"unit_num": 7, "spike_times": np.array([5_000], np.uint64)},
        }
    )
    return session.save(tmp_path / "result.h5")


def test_the_exporter_works_as_an_installed_package(result: Path, tmp_path: Path) -> None:
    shown = Shown(tmp_path / "my lab", "docs/how_to_write_an_exporter.md", "hdmea.exporters")
    script = (
        "from hdmea.exporters import export\n"
        "from hdmea.pipeline import PipelineSession\n"
        f"export(PipelineSession.load({str(result)!r}), {str(tmp_path / 'b.spikes')!r})\n"
    )

    assert "spikes (.spikes): Write the spike times of all units" in shown.hdmea("export", "--list")
    shown.hdmea("export", result, tmp_path / "a.spikes", "--set", "decimals=3")
    shown.script(script)

    assert (tmp_path / "a.spikes").read_text() == "3,0.013\n3,1.750\n7,0.250\n"
    assert (tmp_path / "b.spikes").read_text() == "3,0.012500\n3,1.750000\n7,0.250000\n"


def test_the_exporter_works_from_its_file(result: Path, tmp_path: Path) -> None:
    shown = Shown(tmp_path / "my lab", "docs/how_to_write_an_exporter.md")
    shown.script(
        "from hdmea.exporters import EXPORTERS, export\n"
        "from hdmea.pipeline import PipelineSession\n"
        f"EXPORTERS.register_file({str(shown.path)!r})\n"
        f"export(PipelineSession.load({str(result)!r}), {str(tmp_path / 'b.spikes')!r}, to='spikes')\n"
    )
    assert (tmp_path / "b.spikes").read_text().startswith("3,0.012500\n")
