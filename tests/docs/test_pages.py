"""The Python examples of all other pages run, on a result of the demo."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from hdmea.pipeline import PipelineSession
from hdmea.pipeline.flows import run_flow
from hdmea.simulate import write_demo
from hdmea_gui.engine.unit_columns import unit_columns
from hdmea_gui.models.unit_filter import matching_units
from tests.docs.blocks import ROOT, python_blocks, run

PAGES = [
    *("README.md", "CONTRIBUTING.md"),
    *(path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "docs").rglob("*.md"))),
]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the demo and its result."""
    folder = tmp_path_factory.mktemp("results")
    demo = write_demo(folder / "demo")
    flow = run_flow("quick", demo.cmcr_path, demo.cmtr_path, output_dir=folder, layout="columns")
    assert flow.hdf5_path is not None
    flow.hdf5_path.rename(folder / "result.h5")
    return folder


@pytest.fixture
def folder(results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    work = tmp_path / "work"
    shutil.copytree(results, work, copy_function=os.link)
    monkeypatch.chdir(work)
    return work


def test_the_readme_example_runs(folder: Path) -> None:
    (block,) = python_blocks("README.md").values()
    (folder / "result.h5").unlink()
    run(block)
    assert (folder / "result.h5").exists()


def test_the_demo_is_as_the_tutorial_says(results: Path) -> None:
    text = (ROOT / "docs/first_steps.md").read_text(encoding="utf-8")
    session = PipelineSession.load(results / "result.h5", lazy=True)
    columns = unit_columns(session)
    units = tuple(session.units)

    found = {
        query: [
            unit for unit, shown in zip(units, matching_units(query, units, columns), strict=True) if shown
        ]
        for query in ("DSI > 0.3 and rate > 1", '"cell type" = DS', '"cell type" = ON')
    }

    assert found["DSI > 0.3 and rate > 1"] == ["unit_006", "unit_020"]
    assert {"unit_006", "unit_020"} <= set(found['"cell type" = DS'])
    assert "unit_002" in found['"cell type" = ON']
    assert all(name in text for name in ("unit_002", "unit_006", "unit_020", "DSI > 0.3 and rate > 1"))
    assert f"{len(units)} units" in text
    assert "step_up_5s_5i_b0_3x" in session.stimulus["section_time"]
    assert len(session.stimulus["section_time"]) == 6


def test_the_file_is_read_as_its_page_says(folder: Path) -> None:
    blocks = map(run, python_blocks("docs/file_format.md").values())
    with_h5py, with_pandas, with_session, of_the_lab = blocks

    first, stop, start = with_h5py["first"], with_h5py["stop"], int(with_h5py["start"])
    trial = with_session["first_trial"].astype("int64")
    assert len(trial) == stop - first > 0
    assert (with_h5py["seconds"] == (trial - start) / 20000.0).all()
    assert with_session["baseline_rate"] == with_h5py["rates"][with_h5py["row"]] > 0
    table = with_pandas["table"]
    assert table.index[0] == "unit_001"
    assert {"on_off_index", "quality_index"} <= set(table.columns)
    assert of_the_lab["rate"] == with_h5py["rate"]
    assert of_the_lab["trial"].tolist() == trial.tolist()
    rows = of_the_lab["table"].set_index("unit")
    assert rows["baseline_rate"].tolist() == with_h5py["rates"].tolist()


def test_the_log_is_where_its_page_says(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records, progress, _ = python_blocks("docs/pipeline_log.md").values()
    run(records)
    run(progress)
    out = capsys.readouterr().out
    assert "compute_sta" in out
    assert "Features: 100%" in out


@pytest.mark.parametrize("page", PAGES)
def test_links_between_pages_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = [part.split(")")[0] for part in text.split("](")[1:]]
    local = [target.split("#")[0] for target in targets if "://" not in target]
    assert [target for target in local if not (ROOT / page).parent.joinpath(target).exists()] == []
