"""The command line as a person uses it, on a small simulated recording."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from hdmea.cli import app
from hdmea.pipeline import PipelineSession, all_steps
from hdmea.simulate import Experiment, SimulatedRecording, simulate_recording
from hdmea.utils import drive
from tests.integration.test_modes import assert_same
from tests.recordings.phy_folders import make_sorting, write_labels, write_phy

FLOW_STEPS = ["load_recording", "add_section_time", "section_spike_times", "compute_sta", "extract_features"]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> SimulatedRecording:
    return simulate_recording(tmp_path_factory.mktemp("Aufnahme mit Umlaut ä"), Experiment.tiny())


def hdmea(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


def test_one_command_gives_a_complete_result(recording: SimulatedRecording, tmp_path: Path) -> None:
    target = tmp_path / "new folder" / "result.h5"
    outcome = hdmea("run", recording.cmcr_path, "--flow", "standard", "--output", target)
    assert outcome.exit_code == 0, outcome.output
    session = PipelineSession.load(target)
    # The tiny recording shows no moving bars: that step says so and is left out.
    assert set(all_steps()) - session.completed_steps == {"add_section_time_analog", "section_by_direction"}
    assert str(target) in outcome.output
    assert [item.name for item in target.parent.iterdir() if not item.name.startswith(".")] == ["result.h5"]


def test_existing_output_is_refused_before_any_work(recording: SimulatedRecording, tmp_path: Path) -> None:
    target = tmp_path / "result.h5"
    target.write_bytes(b"precious")
    outcome = hdmea("run", recording.cmcr_path, "--flow", "quick", "--output", target)
    assert outcome.exit_code == 1
    assert "--overwrite" in outcome.output
    assert target.read_bytes() == b"precious"
    assert hdmea("run", recording.cmcr_path, "--flow", "quick", "-o", target, "--overwrite").exit_code == 0


def test_parameters_are_set_by_name(recording: SimulatedRecording, tmp_path: Path) -> None:
    target = tmp_path / "result.h5"
    outcome = hdmea("run", recording.cmcr_path, "--flow", "quick", "-o", target,
                    "--set", "compute_sta.cover_range=[-10, 2]", "--name", "my cell")  # fmt: skip
    assert outcome.exit_code == 0, outcome.output
    session = PipelineSession.load(target)
    assert session.dataset_id == "my cell"
    assert session.steps["compute_sta"].params["cover_range"] == [-10, 2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "compute_sta=3"], "step.param=value"),
        (["--set", "nothing.x=3"], "has no step nothing"),
        (["--set", "compute_sta.cover=3"], "compute_sta.cover is not known"),
        (["--flow", "unheard"], "Choose one of "),
    ],
)
def test_mistakes_are_explained_without_traceback(
    recording: SimulatedRecording, tmp_path: Path, arguments: list[str], message: str
) -> None:
    outcome = hdmea("run", recording.cmcr_path, "-o", tmp_path / "x.h5", *arguments)
    assert outcome.exit_code == 1
    assert not list(tmp_path.iterdir()), "nothing was run"
    assert message in outcome.output
    assert "Traceback" not in outcome.output


def test_failed_step_keeps_what_was_computed_and_resume_goes_on(
    recording: SimulatedRecording, tmp_path: Path
) -> None:
    target = tmp_path / "result.h5"
    failed = hdmea("run", recording.cmcr_path, "--flow", "quick", "-o", target,
                   "--set", "add_section_time.playlist_name=unheard")  # fmt: skip
    assert failed.exit_code == 1
    assert not target.exists()
    partial = tmp_path / "result.partial.h5"
    assert f"--resume {partial}" in failed.output
    done = hdmea("run", "--resume", partial, "--flow", "quick", "-o", target)
    assert done.exit_code == 0, done.output
    assert list(PipelineSession.load(target).completed_steps) == FLOW_STEPS


def test_checkpoint_after_each_step(recording: SimulatedRecording, tmp_path: Path) -> None:
    target = tmp_path / "result.h5"
    assert (
        hdmea("run", recording.cmcr_path, "--flow", "quick", "-o", target, "--checkpoint-each").exit_code == 0
    )
    checkpoint = PipelineSession.load(tmp_path / "result.checkpoint.h5")
    assert checkpoint.is_deferred
    assert checkpoint.checkpoint_name == "after_extract_features"


def test_missing_and_foreign_files(tmp_path: Path) -> None:
    assert hdmea("run", tmp_path / "none.cmcr", "-o", tmp_path / "x.h5").exit_code == 1
    (tmp_path / "notes.txt").write_text("x")
    foreign = hdmea("run", tmp_path / "notes.txt", "-o", tmp_path / "x.h5")
    assert foreign.exit_code == 1
    assert "a recording is one .cmcr and/or one .cmtr" in foreign.output
    assert hdmea("run", "-o", tmp_path / "x.h5").exit_code == 1


def test_info_as_text_and_json(recording: SimulatedRecording, tmp_path: Path) -> None:
    text = hdmea("info", recording.cmcr_path, recording.cmtr_path)
    assert text.exit_code == 0, text.output
    assert recording.cmcr_path.name in text.output
    one = json.loads(hdmea("info", "--json", recording.cmcr_path).output)
    assert isinstance(one, dict)
    both = hdmea("info", "--json", recording.cmcr_path, tmp_path / "none.cmcr")
    assert both.exit_code == 1


OWN_FEATURE = """
from hdmea.features import FeatureParams, FeatureTable, Output
from hdmea.declare import extractor


@extractor(name="last_spike", title="Last spike", version="1", params=FeatureParams,
           outputs=(Output("last_sample", "Last sample", "samples", (0, None), "sample of the last spike"),))
def last_spike(recording, params):
    \"\"\"When the last spike was.\"\"\"
    import numpy as np
    last = [train[-1] if len(train) else np.nan for train in recording.spike_trains]
    return FeatureTable(units={"last_sample": np.array(last, float)})
"""


def test_features_are_listed_and_a_file_adds_its_own(recording: SimulatedRecording, tmp_path: Path) -> None:
    listed = hdmea("features").output
    assert "moving_bar (also moving_h_bar_s5_d8_3x): " in listed
    described = {item["name"]: item for item in json.loads(hdmea("features", "--json").output)}
    assert {"name", "dtype", "shape", "unit", "range", "definition", "per"} <= set(
        described["on_off"]["outputs"][0]
    )
    own = tmp_path / "own.py"
    own.write_text(OWN_FEATURE, encoding="utf-8")
    target = tmp_path / "own.h5"
    command = [sys.executable, "-m", "hdmea", "run", recording.cmcr_path, "--flow", "quick", "-o", target,
               "--feature-file", own, "--set", 'extract_features.features=["last_spike"]']  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)  # a process of its own: the registry is global
    unit = PipelineSession.load(target).units["unit_001"]
    assert unit["features"]["last_spike"]["data"]["last_sample"] == unit["spike_times"][-1]


@pytest.mark.parametrize("name", ["table.csv", "table.parquet"])
def test_table_has_a_row_per_unit(recording: SimulatedRecording, tmp_path: Path, name: str) -> None:
    result, table = tmp_path / "result.h5", tmp_path / name
    assert hdmea("run", recording.cmcr_path, "--flow", "quick", "-o", result).exit_code == 0
    assert hdmea("export", result, table).exit_code == 0
    session = PipelineSession.load(result)
    read = pd.read_csv(table) if name.endswith("csv") else pd.read_parquet(table).reset_index()
    assert list(read["unit_id"]) == list(session.units)
    assert list(read["baseline.spike_count"]) == [unit["spike_count"] for unit in session.units.values()]
    assert list(session.to_dataframe().index) == list(session.units)
    assert hdmea("export", result, tmp_path / "table.txt").exit_code == 1


def test_results_are_converted_to_the_labs_layout_and_back(
    recording: SimulatedRecording, tmp_path: Path
) -> None:
    result, lab, back = (tmp_path / name for name in ("result.h5", "lab.h5", "back.h5"))
    assert hdmea("run", recording.cmcr_path, "--flow", "quick", "-o", result).exit_code == 0
    assert hdmea("convert", result, lab, "--layout", "lab").exit_code == 0
    assert hdmea("convert", result, lab, "--layout", "lab").exit_code == 1, "an existing file is not replaced"
    assert hdmea("convert", lab, back.with_suffix("")).exit_code == 0, "the ending is added"
    before, after = PipelineSession.load(result), PipelineSession.load(back)
    assert list(before.units) == list(after.units)
    for unit_id, unit in before.units.items():
        assert unit["spike_times"].tolist() == after.units[unit_id]["spike_times"].tolist()
    movies = list(before.stimulus["section_time"])
    assert list(after.stimulus["section_time"]) == movies


def test_demo_can_be_run_at_once(tmp_path: Path) -> None:
    outcome = hdmea("demo", tmp_path / "demo")
    assert outcome.exit_code == 0, outcome.output
    cmcr = next((tmp_path / "demo").glob("*.cmcr"))
    steps = [{"step": name} for name in ("load_recording", "add_section_time", "section_spike_times")]
    (tmp_path / "short.json").write_text(json.dumps({"name": "short", "steps": steps}))
    run = hdmea("run", cmcr, "--output", tmp_path / "demo.h5", "--flow", tmp_path / "short.json")
    assert run.exit_code == 0, run.output
    assert len(PipelineSession.load(tmp_path / "demo.h5").stimulus["section_time"]) > 1


def test_version() -> None:
    from hdmea._version import __version__

    assert hdmea("--version").output.strip() == __version__
    assert __version__ in hdmea("--citation").output


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT that can be sent to one process")
def test_interrupt_leaves_nothing_half_written(recording: SimulatedRecording, tmp_path: Path) -> None:
    target = tmp_path / "result.h5"
    source = tmp_path / "source"
    shutil.copytree(recording.cmcr_path.parent, source)
    command = [sys.executable, "-m", "hdmea", "run", source / recording.cmcr_path.name, "-o", target]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as program:
        assert program.stderr is not None
        for line in program.stderr:
            if "Load recording" in line:
                break
        program.send_signal(signal.SIGINT)
        rest = program.stderr.read()
    assert program.returncode == 130, rest
    assert list(tmp_path.glob("*.h5*")) == []
    assert "Traceback" not in rest


def test_script_of_a_result_makes_it_again(recording: SimulatedRecording, tmp_path: Path) -> None:
    target = tmp_path / "result.h5"
    assert hdmea("run", recording.cmcr_path, "--flow", "quick", "-o", target).exit_code == 0
    outcome = hdmea("script", target, "--output", tmp_path / "again.h5")
    assert outcome.exit_code == 0, outcome.output
    path = tmp_path / "script.py"
    path.write_text(outcome.stdout, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    assert_same(target, tmp_path / "again.h5")


def test_script_of_something_else_is_refused(recording: SimulatedRecording) -> None:
    outcome = hdmea("script", recording.cmcr_path)
    assert outcome.exit_code == 1
    assert "error:" in outcome.output
    assert "Traceback" not in outcome.output


# -- units of other sorters ----------------------------------------------------------------------------


def test_a_phy_folder_is_inspected_and_loaded(recording: SimulatedRecording, tmp_path: Path) -> None:
    folder = tmp_path / "X-Rec_phy"
    truth = write_phy(folder, make_sorting(seconds=5.0))

    told = hdmea("info", folder)
    assert told.exit_code == 0, told.output
    for text in ("phy folder", "sorted units", "4000", "20000", "grid of 16 µm"):
        assert text in told.output
    described = json.loads(hdmea("info", folder, "--json").output)
    assert described["facts"]["unit numbers"] == [0, 1, 2, 9]

    flow = tmp_path / "load.json"
    flow.write_text(json.dumps({"name": "load", "steps": [{"step": "load_recording"}]}))
    for number, sources in enumerate(([folder], [recording.cmcr_path, folder])):
        target = tmp_path / f"{number}.h5"
        outcome = hdmea("run", *sources, "--flow", flow, "-o", target)
        assert outcome.exit_code == 0, outcome.output
        session = PipelineSession.load(target)
        assert list(session.units) == ["unit_000", "unit_001", "unit_002", "unit_009"]
        mine = truth.times[truth.clusters == 9]
        np.testing.assert_array_equal(session.units["unit_009"]["spike_times"], np.sort(mine))
        assert ("light_reference" in session.stimulus) == (len(sources) == 2)


def test_noise_is_told_with_the_option_that_keeps_it(tmp_path: Path) -> None:
    write_phy(tmp_path / "X-Rec_phy")
    write_labels(tmp_path / "X-Rec_phy", "cluster_group.tsv", "group", {1: "noise"})
    told = hdmea("info", tmp_path / "X-Rec_phy").output
    assert "--set load_recording.keep_noise=true" in told
    assert "keep_noise=True" not in told


@pytest.mark.parametrize("name", ["spike_clusters.npy", "params.py"])
def test_a_damaged_phy_folder_ends_with_the_name_of_its_file(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "day" / "X-Rec_phy"
    write_phy(folder)
    (folder / name).write_bytes(b"")
    for command in (
        ["info", folder],
        ["run", folder, "-o", tmp_path / "x.h5"],
        ["batch", tmp_path / "day", "-o", tmp_path / "out", "--flow", "quick", "--jobs", "1"],
    ):
        outcome = hdmea(*command)
        assert outcome.exit_code == 1
        assert name in outcome.output


def test_a_batch_takes_phy_folders(tmp_path: Path) -> None:
    for name in ("A-Rec_phy", "B-Rec_phy"):
        write_phy(tmp_path / "day" / name, make_sorting(n_spikes=400, seconds=2.0), sparse=name[0] == "B")
    (tmp_path / "load.json").write_text('{"name": "load", "steps": [{"step": "load_recording"}]}')
    outcome = hdmea("batch", tmp_path / "day", "-o", tmp_path / "out", "--flow", tmp_path / "load.json")
    assert outcome.exit_code == 0, outcome.output
    for name in ("A-Rec", "B-Rec"):
        assert PipelineSession.load(tmp_path / "out" / f"{name}.h5").unit_count == 4


def test_a_plugin_that_declares_nothing_is_told(recording: SimulatedRecording, tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text("x = 1\n")
    for command in (["info", recording.cmtr_path], ["run", recording.cmtr_path], ["features"]):
        outcome = hdmea(*command, "--plugin", tmp_path / "empty.py")
        assert outcome.exit_code == 1
        assert "declares no step, feature, reader or exporter" in outcome.output


# -- where the result goes ---------------------------------------------------------------------------------


def test_a_result_that_cannot_be_written_is_refused_before_the_first_step(
    recording: SimulatedRecording, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    for target in (tmp_path / "file" / "result.h5", tmp_path / f"{'x' * 245}.h5"):
        outcome = hdmea("run", recording.cmcr_path, "--flow", "quick", "-o", target, "--checkpoint-each")
        assert outcome.exit_code == 1
        assert "cannot be written" in outcome.output
        assert "--output" in outcome.output
        assert "Load recording" not in outcome.output


@pytest.mark.parametrize("fails", ["saving", "a step"])
def test_results_that_cannot_be_saved_are_kept_and_the_place_is_printed(
    recording: SimulatedRecording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    monkeypatch.setattr("platformdirs.user_data_path", lambda *_args, **_named: tmp_path / "data")
    output = tmp_path / "out"
    asked: list[Path] = []
    create = drive.create

    def full_after_the_run(path: Path) -> int:
        if path.parent == output:
            asked.append(path)
            if len(asked) > 1:
                raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return create(path)

    monkeypatch.setattr(drive, "create", full_after_the_run)
    broken = ["--set", "compute_sta.movie_name=nowhere"] if fails == "a step" else []
    outcome = hdmea("run", recording.cmcr_path, "--flow", "quick", "-o", output / "result.h5", *broken)
    assert outcome.exit_code == 3
    (kept,) = (tmp_path / "data" / "rescued").glob("*.h5")
    assert str(kept) in outcome.output
    done = FLOW_STEPS if fails == "saving" else FLOW_STEPS[:3]
    assert list(PipelineSession.load(kept).completed_steps) == done


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_or_a_device_in_place_of_a_file_is_refused_and_not_waited_for(
    recording: SimulatedRecording, tmp_path: Path
) -> None:
    for name in ("x.cmcr", "x.cmtr", "x.h5", "flow.json"):
        os.mkfifo(tmp_path / name)
    for name in ("x.cmcr", "x.cmtr", "x.h5"):
        for command in ("info", "run", "script"):
            more = ("-o", tmp_path / "out.h5") if command == "run" else ()
            outcome = hdmea(command, tmp_path / name, *more)
            assert outcome.exit_code == 1
            assert "error: " in outcome.output
            assert "unexpected" not in outcome.output
    outcome = hdmea("run", recording.cmcr_path, "-o", tmp_path / "out.h5", "--flow", tmp_path / "flow.json")
    assert outcome.exit_code == 1
    os.mkfifo(tmp_path / "pipe")
    outcome = hdmea("run", recording.cmcr_path, "-o", tmp_path / "pipe", "--overwrite")
    assert outcome.exit_code == 1
    assert not (tmp_path / "pipe.h5").exists()


def test_an_error_that_nobody_expected_is_a_message(
    recording: SimulatedRecording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hdmea.recordings.inspect.inspect_file", lambda path: {}["no such key"])
    outcome = hdmea("info", recording.cmcr_path)
    assert outcome.exit_code == 1
    assert "An unexpected error occurred (KeyError" in outcome.output


def test_a_sheet_is_stored_by_run_and_used_by_export(
    recording: SimulatedRecording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result, sheet = tmp_path / "r.h5", tmp_path / "sheet.yaml"
    sheet.write_text("animal: m7\nspecies: mouse\n", encoding="utf-8")
    given = ["--flow", "quick", "-o", result, "--sheet", sheet]
    assert hdmea("run", recording.cmcr_path, *given).exit_code == 0
    assert dict(PipelineSession.load(result).metadata["sheet"]) == {"subject_id": "m7", "species": "mouse"}
    before = result.read_bytes()
    seen: list[dict[str, object]] = []
    monkeypatch.setattr(
        "hdmea.exporters.csv_table.unit_table",
        lambda session: seen.append(dict(session.metadata["sheet"])) or [],
    )

    sheet.write_text("sex: F\nspecies: rat\n", encoding="utf-8")
    assert hdmea("export", result, tmp_path / "t.csv", "--sheet", sheet).exit_code == 0

    assert seen == [{"subject_id": "m7", "species": "rat", "sex": "F"}]
    assert result.read_bytes() == before


def test_options_of_an_export_come_from_a_file_and_from_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result, recipe = tmp_path / "r.h5", tmp_path / "recipe.yaml"
    PipelineSession("r").save(result)
    seen: list[dict[str, object]] = []
    monkeypatch.setattr("hdmea.exporters.export", lambda *_, progress, **given: seen.append(given) or [])
    recipe.write_text("panels: [raster, tuning]\nwidth_mm: 89\n", encoding="utf-8")

    given = ["--options", recipe, "--set", "width_mm=100"]
    assert hdmea("export", result, tmp_path / "f.svg", *given).exit_code == 0

    assert seen == [{"overwrite": False, "panels": ["raster", "tuning"], "width_mm": 100}]
    for text in ("- a", "a: [", ""):
        recipe.write_text(text, encoding="utf-8")
        failed = hdmea("export", result, tmp_path / "f.svg", "--options", recipe)
        assert failed.exit_code == 1
        assert "does not hold options" in failed.output
