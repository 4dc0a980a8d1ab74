"""A session as a Python script: it runs as it is, and gives the same file."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from hdmea.pipeline import PipelineSession, create_session, run_step
from hdmea.pipeline.provenance import past_runs
from hdmea.pipeline.script import session_script
from hdmea.results.content import StepProvenance
from hdmea.simulate import Experiment, SimulatedRecording, simulate_recording
from hdmea.utils.exceptions import SessionError
from tests.integration.test_modes import assert_same


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> SimulatedRecording:
    folder = tmp_path_factory.mktemp("source") / 'it\'s a "µ" \\ folder'
    return simulate_recording(folder, Experiment.tiny())


def loaded(recording: SimulatedRecording, folder: Path) -> PipelineSession:
    session = create_session(None, recording.cmcr_path, recording.cmtr_path, folder)
    run_step(session, "load_recording")
    return session


def run_script(script: str, folder: Path) -> None:
    path = folder / "script.py"
    path.write_text(script, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", str(path)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr + script


def calls(script: str) -> list[str]:
    names = re.findall(r"^(\w+)\([^()]*(?:\([^()]*\)[^()]*)*session=session", script, re.MULTILINE)
    return [str(name) for name in names]


def test_script_of_a_session_gives_the_same_file(recording: SimulatedRecording, tmp_path: Path) -> None:
    session = loaded(recording, tmp_path / "out put")
    run_step(session, "add_section_time", {"pre_margin_frame_num": 30})
    run_step(session, "extract_features", {"features": ("frif",)})
    run_step(session, "section_spike_times", {"pad_margin": (0.1, 0.05)})
    run_step(session, "compute_sta", {"cover_range": (-20, 1)})
    run_step(
        session,
        "extract_features",
        {"features": ("baseline",), "config_overrides": {"baseline": {"refractory_ms": 2.0}}},
    )
    original = session.save()

    script = session_script(session, output_path=tmp_path / "again.h5")
    run_script(script, tmp_path)

    assert_same(original, tmp_path / "again.h5")
    for default in ("trial_repeats", "pad_frame", "spike_limit", "force"):
        assert f"{default}=" not in script


def test_rerun_and_stale_results_are_repeated(recording: SimulatedRecording, tmp_path: Path) -> None:
    session = loaded(recording, tmp_path)
    run_step(session, "add_section_time")
    run_step(session, "section_spike_times")
    run_step(session, "add_section_time", {"pre_margin_frame_num": 30}, force=True)
    assert session.steps["section_spike_times"].stale
    original = session.save()

    script = session_script(session, output_path=tmp_path / "again.h5")
    run_script(script, tmp_path)

    assert calls(script) == ["load_recording", "add_section_time", "section_spike_times", "add_section_time"]
    assert_same(original, tmp_path / "again.h5")


def test_runs_of_which_nothing_is_left_are_left_out(recording: SimulatedRecording, tmp_path: Path) -> None:
    session = loaded(recording, tmp_path)
    run_step(session, "add_section_time")
    for first in (-5, -7, -9):
        run_step(session, "compute_sta", {"cover_range": (first, 1)}, force=True)
    original = session.save()

    script = session_script(session, output_path=tmp_path / "again.h5")
    run_script(script, tmp_path)

    assert script.count("compute_sta(") == 1
    assert "cover_range=(-9, 1)" in script
    assert_same(original, tmp_path / "again.h5")


def test_script_after_saving_writes_to_the_same_place(recording: SimulatedRecording, tmp_path: Path) -> None:
    session = loaded(recording, tmp_path)
    assert "session.save()" in session_script(session), "create_session says where"
    session.save(tmp_path / "elsewhere" / "x.h5")
    assert f"session.save({str(tmp_path / 'elsewhere' / 'x.h5')!r})" in session_script(session)
    reopened = PipelineSession.load(tmp_path / "elsewhere" / "x.h5", lazy=True)
    assert session_script(reopened) == session_script(session)


def test_records_without_runs_are_repeated_by_their_last_parameters(
    recording: SimulatedRecording, tmp_path: Path
) -> None:
    session = loaded(recording, tmp_path)
    run_step(session, "add_section_time", {"pad_frame": 170})
    for name, step in session.steps.items():
        session.steps[name] = replace(step, runs=())
    session.completed_steps.add("a_step_of_the_past")

    script = session_script(session)

    assert calls(script) == ["load_recording", "add_section_time"]
    assert "pad_frame=170" in script
    assert "# 'a_step_of_the_past' ran in an earlier program" in script
    run_step(session, "section_spike_times")
    assert [run.step for run in past_runs(session)] == [
        "load_recording", "add_section_time", "section_spike_times",
    ]  # fmt: skip


def test_nothing_done_is_no_script(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="Run a step first"):
        session_script(create_session("cell", output_dir=tmp_path))


def test_step_that_this_version_lacks_is_named(recording: SimulatedRecording, tmp_path: Path) -> None:
    session = loaded(recording, tmp_path)
    session.steps["sort_spikes"] = StepProvenance(params={"x": 1})
    with pytest.raises(SessionError, match="sort_spikes"):
        session_script(session)


def test_nothing_that_a_file_says_is_code(recording: SimulatedRecording, tmp_path: Path) -> None:
    hostile = 'x\nraise SystemExit("run")\r#\u2028"""\'\'\'\\'
    session = loaded(recording, tmp_path)
    run_step(session, "add_section_time")
    session.dataset_id = hostile
    session.completed_steps.add(hostile)
    session.source_files["cmcr_path"] = f"/{hostile}"
    session.output_dir = Path(f"/tmp/{hostile}")
    for name, record in session.steps.items():
        hostile_params = {hostile: hostile, "playlist_name": hostile}
        runs = [replace(run, params={**run.params, **hostile_params}) for run in record.runs]
        session.steps[name] = replace(record, runs=tuple(runs))

    script = session_script(session, output_path=f"/{hostile}")

    tree = ast.parse(script)
    assert [type(node) for node in tree.body] == [ast.Expr, ast.ImportFrom, ast.Assign, *[ast.Expr] * 3]
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert {ast.unparse(function) for function in called} == {
        "create_session",
        "load_recording",
        "add_section_time",
        "session.save",
    }
    assert "SystemExit" in script, "it is there, as a literal"
