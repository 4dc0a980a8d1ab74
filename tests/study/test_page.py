"""The page about batches, run as it stands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hdmea.cli import app
from hdmea.study import Outcome
from tests.study.days import make_day

PAGE = (Path(__file__).parents[2] / "docs" / "batch.md").read_text(encoding="utf-8")


def test_its_script_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_day(tmp_path / "day", 2)
    monkeypatch.chdir(tmp_path)
    (script,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    exec(compile(script, "docs/batch.md", "exec"), {})
    assert [line.split()[:3] for line in capsys.readouterr().out.splitlines()] == [
        ["ret00-Rec", "done", "5"],
        ["ret01-Rec", "done", "5"],
    ]


def test_its_table_and_commands_are_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    day = make_day(tmp_path / "rig", 2)
    for number, name in enumerate(("2026.11.29-10.04-Rec", "2026.11.29-10.31-Rec")):
        for path in list(day.glob(f"ret{number:02d}*.cm*")):
            path.rename(path.with_name(path.name.replace(f"ret{number:02d}-Rec", name)))
    (table,) = re.findall(r"```csv\n(.*?)```", PAGE, flags=re.DOTALL)
    (tmp_path / "table.csv").write_text(table, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    (command,) = re.findall(r"^(hdmea batch table.csv .*)$", PAGE, flags=re.MULTILINE)
    outcome = CliRunner().invoke(app, [*shlex.split(command)[1:], "--flow", "quick"], catch_exceptions=False)
    assert outcome.exit_code == 0, outcome.output
    assert sorted(path.name for path in (tmp_path / "results").glob("*.h5")) == ["control.h5", "drug.h5"]
    (command,) = re.findall(r"^(hdmea study .*)$", PAGE, flags=re.MULTILINE)
    (tmp_path / "animals.csv").write_text("recording,animal\ncontrol,m7\n", encoding="utf-8")
    command = command.replace(".xlsx", ".csv")
    outcome = CliRunner().invoke(app, shlex.split(command)[1:], catch_exceptions=False)
    assert outcome.exit_code == 0, outcome.output
    assert "10 units of 2 recordings" in outcome.output


@pytest.mark.parametrize("option", sorted(set(re.findall(r"(--[a-z][a-z-]+)", PAGE))))
def test_its_options_exist(option: str) -> None:
    of_others = {"--nthreads", "--resources", "--array", "--drug"}
    shown = (
        CliRunner().invoke(app, ["batch", "--help"], catch_exceptions=False, env={"COLUMNS": "200"}).output
    )
    assert option in of_others or option in shown


def test_states_of_outcomes_are_those_of_the_table() -> None:
    assert Outcome(key="a", name="a", state="kept").good
    assert not Outcome(key="a", name="a", state="other parameters").good
