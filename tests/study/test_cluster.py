"""A batch on a Dask cluster: a scheduler and two worker processes on this machine."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hdmea.cli import app
from tests.study.clusters import cluster_of_two, free_port
from tests.study.days import make_day

# Only looked for: the library changes how errors are pickled in the process that imports it.
if importlib.util.find_spec("distributed") is None:
    pytest.skip("needs the extra “cluster”", allow_module_level=True)


@pytest.fixture
def address(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    with cluster_of_two(tmp_path) as found:
        yield found


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX systems")
def test_what_a_dead_worker_did_is_done_again(
    tmp_path: Path, address: tuple[str, list[subprocess.Popen[bytes]]]
) -> None:
    where, workers = address
    day = make_day(tmp_path / "day", 4)
    output = tmp_path / "out"
    code = "from hdmea.cli import main; main()"
    command = [sys.executable, "-c", code, "batch", str(day), "-o", str(output), "--scheduler", where]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    end = time.monotonic() + 60
    while not list(output.rglob("logs/*.json")) and time.monotonic() < end:
        time.sleep(0.02)
    workers[0].send_signal(signal.SIGKILL)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert sorted(path.name for path in output.glob("*.h5")) == [f"ret{n:02d}-Rec.h5" for n in range(4)]
    assert not list(output.rglob("*.hdmea-part"))
    recorded = json.loads((output / "batch.json").read_bytes())["recordings"]
    assert {entry["state"] for entry in recorded.values()} <= {"done", "kept"}


def test_a_wrong_address_is_told(tmp_path: Path) -> None:
    day = make_day(tmp_path / "day", 1)
    arguments = [
        "batch",
        str(day),
        "-o",
        str(tmp_path / "out"),
        "--scheduler",
        f"tcp://127.0.0.1:{free_port()}",
    ]
    outcome = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert outcome.exit_code == 1
    assert "no Dask scheduler" in outcome.output
