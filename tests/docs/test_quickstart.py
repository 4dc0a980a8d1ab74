"""The quickstart runs as it is written, on a demo pair."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from hdmea.pipeline import PipelineSession
from hdmea.simulate import write_demo
from tests.docs.blocks import python_blocks, run, run_by_statement

BLOCKS = python_blocks("docs/quickstart.md")
IMMEDIATE, DEFERRED, CHECKPOINT, RESUME, LOOP = list(BLOCKS)[:5]


@pytest.fixture(scope="module")
def demos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the page's shell commands write, in one place for all tests."""
    folder = tmp_path_factory.mktemp("demos")
    write_demo(folder / "demo")
    for seed in (2, 3):
        write_demo(folder / f"demo{seed}", seed=seed, size="tiny")
    return folder


@pytest.fixture
def folder(demos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own with the demo in it, as current folder."""
    work = tmp_path / "work"
    shutil.copytree(demos, work, copy_function=os.link)
    monkeypatch.chdir(work)
    return work


def files_in(*folders: Path) -> dict[Path, tuple[int, int]]:
    """Every file below some folders with its size and time of change."""
    found = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in found}


def test_immediate_calls_write_one_file_that_is_up_to_date_after_each(folder: Path) -> None:
    before = files_in(folder)
    steps = []
    for text, names in run_by_statement(BLOCKS[IMMEDIATE]):
        if "(" in text:
            steps.append(list(PipelineSession.load(names["result"].hdf5_path, lazy=True).completed_steps))

    assert steps == [
        ["load_recording"],
        ["load_recording", "extract_features"],
        ["load_recording", "extract_features", "add_section_time"],
    ]
    assert set(files_in(folder)) - set(before) == {folder / "artifacts" / "demo-Rec.h5"}


def test_deferred_mode_touches_no_file_before_save_and_leaves_one_after(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    before = files_in(folder, scratch)
    saved = False
    for text, _ in run_by_statement(BLOCKS[DEFERRED]):
        saved = saved or "session.save(" in text
        if not saved:
            assert files_in(folder, scratch) == before, text

    assert saved
    after = files_in(folder, scratch)
    assert set(after) - set(before) == {folder / "artifacts" / "demo-Rec.h5"}
    assert {path: after[path] for path in before} == before


def test_deferred_mode_saves_everything_that_was_computed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = run(BLOCKS[DEFERRED])

    assert "Saved to:" in capsys.readouterr().out
    loaded = PipelineSession.load(names["hdf5_path"])
    assert list(loaded.completed_steps) == [
        "load_recording",
        "extract_features",
        "add_section_time",
        "compute_sta",
    ]
    assert loaded.stimulus["section_time"].keys() == names["session"].stimulus["section_time"].keys()
    assert "frif" in loaded.units["unit_001"]["features"]
    assert any(name.startswith("sta_") for name in loaded.units["unit_001"]["features"])


def test_checkpoints_are_written_and_the_run_resumes_from_one(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(BLOCKS[CHECKPOINT])

    checkpoint = folder / "checkpoints" / "after_load.h5"
    state = (checkpoint.stat().st_size, checkpoint.stat().st_mtime_ns)
    assert (folder / "checkpoints" / "after_features.h5").exists()
    (folder / "final_output.h5").unlink()

    names = run(BLOCKS[RESUME])

    assert "Completed steps: {'load_recording'}" in capsys.readouterr().out
    assert list(names["session"].completed_steps) == ["load_recording", "extract_features"]
    assert PipelineSession.load("final_output.h5", lazy=True).unit_count == 24
    assert (checkpoint.stat().st_size, checkpoint.stat().st_mtime_ns) == state


def test_the_loop_writes_one_file_for_each_recording(folder: Path) -> None:
    run(BLOCKS[LOOP])

    results = sorted((folder / "artifacts").iterdir())
    assert [path.name for path in results] == [f"recording_{number}.h5" for number in (1, 2, 3)]
    spikes = [PipelineSession.load(path).units["unit_001"]["spike_times"].tobytes() for path in results]
    assert len(set(spikes)) == 3


@pytest.mark.parametrize("heading", list(BLOCKS)[5:])
def test_every_other_block_runs(folder: Path, heading: str) -> None:
    run(BLOCKS[heading])
