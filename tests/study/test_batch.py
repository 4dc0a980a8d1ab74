"""A day of recordings: what is done, kept, told and gone on with."""

from __future__ import annotations

import csv
import errno
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hdmea.cli import app
from hdmea.declare import FEATURES, STEPS
from hdmea.pipeline import PipelineSession
from hdmea.study import Outcome
from hdmea.study import batch as batch_module
from hdmea.study.batch import BatchOptions, BatchResult, run_batch
from hdmea.study.job import Job
from hdmea.utils.exceptions import ExistingFileError, SessionError, ValidationError
from tests.integration.test_modes import assert_same
from tests.study.days import CRASHING_STEP, OWN_FEATURE, make_day

MB = 1_000_000
PROGRAM = (sys.executable, "-c", "from hdmea.cli import main; main()")


def hdmea(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


def states(result: BatchResult) -> dict[str, str]:
    return {outcome.name: outcome.state for outcome in result.outcomes}


def stamps(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.rglob("*.h5")}


def waited(condition: object, path: Path) -> None:
    end = time.monotonic() + 60
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, list(path.rglob("*"))
        time.sleep(0.02)


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_day(tmp_path_factory.mktemp("day") / "Tag ä", 3)


@pytest.fixture(scope="module")
def finished(day: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, BatchResult]:
    output = tmp_path_factory.mktemp("results") / "out"
    return output, run_batch(day, "quick", output_dir=output)


def test_a_folder_gives_a_result_a_log_and_a_line_per_recording(finished: tuple[Path, BatchResult]) -> None:
    output, result = finished
    assert result.success
    assert set(states(result).values()) == {"done"}
    for number in range(3):
        name = f"ret{number:02d}-Rec"
        assert PipelineSession.load(output / f"{name}.h5").unit_count == 5
        assert "Saved" in (output / "logs" / f"{name}.log").read_text(encoding="utf-8")
    with result.summary.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["recording"], row["state"], row["units"]) for row in rows] == [
        (f"ret{number:02d}-Rec", "done", "5") for number in range(3)
    ]
    assert "ret02-Rec" in (output / "summary.html").read_text(encoding="utf-8")
    assert json.loads((output / "batch.json").read_bytes())["recordings"].keys() == states(result).keys()


def test_a_batch_equals_single_runs(day: Path, finished: tuple[Path, BatchResult], tmp_path: Path) -> None:
    single = tmp_path / "single.h5"
    assert hdmea("run", day / "ret01-Rec.cmcr", "--flow", "quick", "-o", single).exit_code == 0
    assert_same(single, finished[0] / "ret01-Rec.h5")


def test_the_same_call_leaves_complete_results_as_they_are(
    day: Path, finished: tuple[Path, BatchResult]
) -> None:
    output, _ = finished
    before = stamps(output)
    assert set(states(run_batch(day, "quick", output_dir=output)).values()) == {"kept"}
    (output / "batch.json").unlink()  # as after a kill before it was written
    assert set(states(run_batch(day, "quick", output_dir=output)).values()) == {"kept"}
    assert stamps(output) == before


def test_a_result_of_a_single_run_counts(day: Path, tmp_path: Path) -> None:
    assert (
        hdmea("run", day / "ret00-Rec.cmcr", "--flow", "quick", "-o", tmp_path / "ret00-Rec.h5").exit_code
        == 0
    )
    result = run_batch([day / "ret00-Rec.cmcr"], "quick", output_dir=tmp_path)
    assert states(result) == {"ret00-Rec": "kept"}


def test_other_parameters_are_told_and_redone_on_request(day: Path, tmp_path: Path) -> None:
    source = [day / "ret00-Rec.cmcr", day / "ret01-Rec.cmcr"]
    run_batch(source, "quick", output_dir=tmp_path)
    before = stamps(tmp_path)
    other = BatchOptions(parameters={"compute_sta": {"cover_range": [-10, 2]}})
    result = run_batch(source, "quick", output_dir=tmp_path, options=other)
    assert set(states(result).values()) == {"other parameters"}
    assert "exists, other parameters" in result.outcomes[0].message
    assert not result.success
    assert stamps(tmp_path) == before
    redo = BatchOptions(parameters=other.parameters, exists="redo")
    assert set(states(run_batch(source, "quick", output_dir=tmp_path, options=redo)).values()) == {"done"}
    assert set(states(run_batch(source, "quick", output_dir=tmp_path, options=redo)).values()) == {"kept"}
    record = PipelineSession.load(tmp_path / "ret00-Rec.h5").steps["compute_sta"]
    assert "-10" in str(record)


def test_what_was_corrected_beside_a_recording_is_told(tmp_path: Path) -> None:
    mine = make_day(tmp_path / "day", 1)
    run_batch(mine, "quick", output_dir=tmp_path / "out")
    playlist = mine / "playlist.csv"
    playlist.touch()
    assert states(run_batch(mine, "quick", output_dir=tmp_path / "out")) == {"ret00-Rec": "kept"}
    text = playlist.read_text(encoding="utf-8")
    first, second = re.findall(r"'([^']+)'", text)[:2]
    playlist.write_text(
        text.replace(first, "?").replace(second, first).replace("?", second), encoding="utf-8"
    )
    result = run_batch(mine, "quick", output_dir=tmp_path / "out")
    assert states(result) == {"ret00-Rec": "other parameters"}
    assert "playlist.csv" in result.outcomes[0].message


def test_a_table_that_a_parameter_names_belongs_to_what_decides_a_result(tmp_path: Path) -> None:
    table = tmp_path / "mine.csv"
    table.write_text("a", encoding="utf-8")
    job = Job(
        key="x",
        name="x",
        cmcr=tmp_path / "day" / "x.cmcr",
        cmtr=None,
        outcome=tmp_path / "x.json",
        target=tmp_path / "x.h5",
        log=tmp_path / "x.log",
        stop=tmp_path / "stop",
        flow="quick",
        parameters={"add_section_time": {"playlist_file_path": str(table)}},
    )
    before = job.digest(job.recipe())
    assert job.digest(job.recipe()) == before
    table.write_text("ab", encoding="utf-8")
    assert job.digest(job.recipe()) != before


def test_error_starts_nothing(day: Path, finished: tuple[Path, BatchResult]) -> None:
    with pytest.raises(ExistingFileError, match="Nothing was run"):
        run_batch(day, "quick", output_dir=finished[0], options=BatchOptions(exists="error"))


def test_a_result_without_sections_is_completed_once_a_stimulus_is_there(day: Path, tmp_path: Path) -> None:
    mine = make_day(tmp_path / "day", 1)
    playlist = mine / "playlist.csv"
    content = playlist.read_bytes()
    playlist.unlink()
    run_batch(mine, "standard", output_dir=tmp_path / "out")
    assert "add_section_time" not in PipelineSession.load(tmp_path / "out" / "ret00-Rec.h5").completed_steps
    playlist.write_bytes(content)
    assert states(run_batch(mine, "standard", output_dir=tmp_path / "out")) == {"ret00-Rec": "done"}
    assert "add_section_time" in PipelineSession.load(tmp_path / "out" / "ret00-Rec.h5").completed_steps


def test_one_corrupt_one_too_big_one_crashing_of_twelve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    mine = make_day(tmp_path / "day", 12)
    good = (mine / "ret01-Rec-.cmtr").read_bytes()
    (mine / "ret01-Rec-.cmtr").write_bytes(good[:5000])
    request.addfinalizer(lambda: STEPS.remove("look_closely"))
    step = tmp_path / "look_closely.py"
    step.write_text(CRASHING_STEP, encoding="utf-8")
    monkeypatch.setenv("CRASHES", "ret02-Rec")
    need = batch_module._Batch._need
    too_big = {"ret03-Rec"}
    monkeypatch.setattr(
        batch_module._Batch, "_need", lambda self, key: 10**15 if key in too_big else need(self, key)
    )
    options = BatchOptions(plugins=[step], jobs=2, health=False)
    result = run_batch(mine, "standard", output_dir=tmp_path / "out", options=options)
    assert states(result) == {
        **{f"ret{number:02d}-Rec": "done" for number in range(12)},
        "ret01-Rec": "failed", "ret02-Rec": "crashed", "ret03-Rec": "failed",
    }  # fmt: skip
    messages = {outcome.name: outcome.message for outcome in result.outcomes}
    assert "ret01-Rec-.cmtr" in messages["ret01-Rec"]
    assert "SIGSEGV" in messages["ret02-Rec"]
    assert "Look closely" in messages["ret02-Rec"]
    assert "memory" in messages["ret03-Rec"]
    before = stamps(tmp_path / "out")
    assert len(before) == 9

    (mine / "ret01-Rec-.cmtr").write_bytes(good)
    monkeypatch.delenv("CRASHES")
    too_big.clear()
    again = BatchOptions(plugins=[step], jobs=2, retry_failed=True, health=False)
    result = run_batch(mine, "standard", output_dir=tmp_path / "out", options=again)
    assert result.success
    assert [name for name, state in states(result).items() if state == "done"] == [
        "ret01-Rec", "ret02-Rec", "ret03-Rec",
    ]  # fmt: skip
    assert stamps(tmp_path / "out").items() >= before.items()


def test_work_never_takes_more_memory_than_there_is(day: Path, tmp_path: Path) -> None:
    # Two do not fit at a time, one does: they run one after the other.
    running: set[str] = set()
    most = []

    def note(outcome: object) -> None:
        name, state = outcome.name, outcome.state  # type: ignore[attr-defined]
        running.add(name) if state == "running" else running.discard(name)
        most.append(len(running))

    options = BatchOptions(jobs=3, memory_nbytes=700 * MB, progress=note)
    assert run_batch(day, "quick", output_dir=tmp_path, options=options).success
    assert max(most) == 1


def test_a_paused_batch_starts_nothing_until_it_goes_on(day: Path, tmp_path: Path) -> None:
    pause = threading.Event()
    seen = []

    def note(outcome: Outcome) -> None:
        seen.append((outcome.name, outcome.state))
        if outcome.state == "done" and not pause.is_set() and len(seen) < 100:
            pause.set()
            seen.extend([("", "")] * 100)
            threading.Timer(1.0, lambda: (seen.append(("", "resumed")), pause.clear())).start()

    options = BatchOptions(jobs=1, progress=note, pause=pause)
    assert run_batch(day, "quick", output_dir=tmp_path, options=options).success
    resumed = seen.index(("", "resumed"))
    assert ("ret00-Rec", "done") in seen[:resumed]
    assert ("ret01-Rec", "running") not in seen[:resumed]


def test_how_far_a_recording_is_only_grows(day: Path, tmp_path: Path) -> None:
    seen: list[float] = []
    options = BatchOptions(progress=lambda outcome: seen.append(outcome.overall))
    run_batch([day / "ret00-Rec.cmcr"], "quick", output_dir=tmp_path, options=options)
    assert seen == sorted(seen)
    assert len(set(seen)) > 3
    assert seen[-1] == 1


def test_any_executor_schedules(day: Path, tmp_path: Path) -> None:
    with ProcessPoolExecutor(1) as pool:
        assert run_batch([day / "ret00-Rec.cmcr"], "quick", pool, output_dir=tmp_path).success


def test_a_full_drive_fails_the_recordings_and_says_so(
    day: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(batch_module, "write_whole", refuse)
    result = run_batch(day, "quick", output_dir=tmp_path)
    assert set(states(result).values()) == {"failed"}
    assert "the drive is full" in result.outcomes[0].message
    monkeypatch.setattr("hdmea.study.summary.write_csv", refuse)
    with pytest.raises(OSError, match=r"summary into .* failed: the drive is full"):
        run_batch(day, "quick", output_dir=tmp_path)


def test_a_second_batch_in_the_same_folder_is_refused(day: Path, tmp_path: Path) -> None:
    refused = []

    def try_another(outcome: object) -> None:
        if outcome.state == "running" and not refused:  # type: ignore[attr-defined]
            code = (
                "import sys; from hdmea.study.batch import run_batch; from pathlib import Path\n"
                "run_batch(Path(sys.argv[1]), 'quick', output_dir=sys.argv[2])"
            )
            other = subprocess.run(
                [sys.executable, "-c", code, str(day), str(tmp_path)],
                capture_output=True,
                text=True,
                check=False,
            )
            refused.append(other.stderr)

    options = BatchOptions(progress=try_another)
    assert run_batch([day / "ret00-Rec.cmcr"], "quick", output_dir=tmp_path, options=options).success
    assert SessionError.__name__ in refused[0]
    assert "Another batch is working" in refused[0]


def test_mistakes_are_told_before_anything_runs(day: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValidationError, match="No recording was found"):
        run_batch(tmp_path / "empty", "quick", output_dir=tmp_path / "out")
    outcome = hdmea(
        "batch", day, "-o", tmp_path / "out", "--flow", "quick", "--set", "compute_sta.cover_range=7"
    )
    assert outcome.exit_code == 1
    assert not list((tmp_path / "out").rglob("*.h5"))
    assert hdmea("batch", tmp_path / "nowhere", "-o", tmp_path / "out").exit_code == 1


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX systems")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_batch_goes_on(day: Path, tmp_path: Path, how: signal.Signals) -> None:
    code = "from hdmea.cli import main; main()"
    command = [
        sys.executable,
        "-c",
        code,
        "batch",
        str(day),
        "-o",
        str(tmp_path),
        "--flow",
        "quick",
        "--jobs",
        "1",
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    waited(lambda: list(tmp_path.rglob("logs/*.json")), tmp_path)
    process.send_signal(how)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == (130 if how == signal.SIGINT else -9), errors
    outcome = hdmea("batch", day, "-o", tmp_path, "--flow", "quick")
    assert outcome.exit_code == 0, outcome.output
    assert sorted(path.name for path in tmp_path.glob("*.h5")) == [
        f"ret{number:02d}-Rec.h5" for number in range(3)
    ]
    assert not [
        path for path in tmp_path.rglob("*") if path.name.endswith((".hdmea-part", ".part", ".job.json"))
    ]


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX systems")
def test_a_worker_ends_with_the_process_that_started_it(day: Path, tmp_path: Path) -> None:
    import psutil

    command = [*PROGRAM, "batch", str(day), "-o", str(tmp_path), "--jobs", "1"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    children: list[psutil.Process] = []
    waited(lambda: children.extend(psutil.Process(process.pid).children()) or children, tmp_path)
    process.kill()
    process.wait(10)
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not alive


def test_the_summary_has_the_lights_of_each_recording(day: Path, tmp_path: Path) -> None:
    mine = make_day(tmp_path / "day", 1)
    result = run_batch(mine, "standard", output_dir=tmp_path / "out")
    (outcome,) = result.outcomes
    names = {light["name"] for light in outcome.health}
    assert {"electrodes.noise", "spikes.units", "light.frames", "pairing"} <= names
    assert not {"disk", "memory"} & names, "they are of the machine"
    worst = next(c for c in ("red", "amber", "green") if c in {light["light"] for light in outcome.health})
    assert outcome.light == worst
    with result.summary.open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["health"] == worst
    assert all(sentence in row["concerns"] for sentence in outcome.concerns)
    page = (tmp_path / "out" / "summary.html").read_text(encoding="utf-8")
    assert f">{worst}</td>" in page
    assert 'href="units.csv"' in page
    assert run_batch(mine, "standard", output_dir=tmp_path / "out").outcomes[0].light == worst, "kept with it"


def test_health_is_left_out_on_request(day: Path, tmp_path: Path) -> None:
    options = BatchOptions(health=False)
    result = run_batch([day / "ret00-Rec.cmcr"], "quick", output_dir=tmp_path, options=options)
    assert (result.outcomes[0].state, result.outcomes[0].light) == ("done", "")


def test_a_result_says_which_files_of_ones_own_it_was_made_with(
    day: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(lambda: (STEPS.remove("look_closely"), FEATURES.remove("my_count")))
    step, feature = tmp_path / "look_closely.py", tmp_path / "my_count.py"
    step.write_text(CRASHING_STEP, encoding="utf-8")
    feature.write_text(OWN_FEATURE, encoding="utf-8")
    source, out = [day / "ret00-Rec.cmcr"], tmp_path / "out"
    options = BatchOptions(plugins=[step, feature], health=False)

    def run(how: BatchOptions = options) -> BatchResult:
        return run_batch(source, "standard", output_dir=out, options=how)

    assert run().success
    steps = PipelineSession.load(out / "ret00-Rec.h5").steps
    for name, file in (("look_closely", step), ("extract_features", feature)):
        (fact,) = [fact for fact in steps[name].inputs if fact.path == str(file)]
        assert fact.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert not [fact for fact in steps["compute_sta"].inputs if fact.path.endswith(".py")]
    assert states(run()) == {"ret00-Rec": "kept"}

    feature.write_text(OWN_FEATURE.replace("2.0", "3.0"), encoding="utf-8")
    (outcome,) = run().outcomes
    assert outcome.state == "other parameters"
    assert "my_count.py" in outcome.message
    assert states(run(replace(options, exists="redo"))) == {"ret00-Rec": "done"}
    unit = next(iter(PipelineSession.load(out / "ret00-Rec.h5").units.values()))
    assert unit["features"]["my_count"]["data"]["scaled"] == 3 * len(unit["spike_times"])
