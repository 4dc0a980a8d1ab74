"""run.py on machines that lack something: it installs it, or says exactly what to do."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


class Machine:
    """Stands in for every program that run.py starts, and remembers how it was started."""

    def __init__(self) -> None:
        self.started: list[list[str]] = []
        self.exit_codes: dict[str, int] = {}
        self.known_packages: set[str] = set()

    def _exit_code(self, command: list[str]) -> int:
        line = " ".join(command)
        return next((code for part, code in self.exit_codes.items() if part in line), 0)

    def call(self, command: list[str], **_: object) -> int:
        self.started.append(command)
        if "venv" in command:
            python = Path(command[-1]) / "bin" / "python"
            python.parent.mkdir(parents=True, exist_ok=True)
            python.touch()
        return self._exit_code(command)

    def run(self, command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        if command[:2] == ["apt-cache", "policy"]:
            known = command[2] in self.known_packages
            return subprocess.CompletedProcess(command, 0, f"Candidate: {'1.0' if known else '(none)'}\n")
        return subprocess.CompletedProcess(command, self._exit_code(command), "")

    def lines(self) -> list[str]:
        return [" ".join(command) for command in self.started]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> types.ModuleType:
    """run.py in a checkout of its own that was never set up, on Linux with every library, without display."""
    spec = importlib.util.spec_from_file_location("run_script", ROOT / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("requirements.lock", "pyproject.toml"):
        (tmp_path / name).write_text("as it was")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(module, "LOCK", tmp_path / "requirements.lock")
    monkeypatch.setattr(module, "PROJECT", tmp_path / "pyproject.toml")
    monkeypatch.setattr(module, "can_load", lambda library: True)
    monkeypatch.setattr(module.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(module, "ON_LINUX", True)
    monkeypatch.setattr(module, "ON_WINDOWS", False)
    monkeypatch.setattr(module.os, "geteuid", lambda: 1000, raising=False)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    return module


@pytest.fixture
def machine(script: types.ModuleType, monkeypatch: pytest.MonkeyPatch) -> Machine:
    fake = Machine()
    monkeypatch.setattr(script.subprocess, "call", fake.call)
    monkeypatch.setattr(script.subprocess, "run", fake.run)
    return fake


def lacks(script: types.ModuleType, monkeypatch: pytest.MonkeyPatch, *libraries: str) -> None:
    monkeypatch.setattr(script, "can_load", lambda library: library not in libraries)


@pytest.mark.parametrize("version", [(3, 9), (3, 15)])
def test_another_python_is_refused_with_the_versions_that_work(
    script: types.ModuleType, version: tuple[int, int]
) -> None:
    with pytest.raises(script.SetupError, match=r"3\.11 to 3\.14; this is Python 3\.\d+") as error:
        script.check_python(version)
    assert "python.org" in str(error.value)


def test_the_python_versions_are_those_of_the_project() -> None:
    script = (ROOT / "run.py").read_text()
    project = (ROOT / "pyproject.toml").read_text()
    assert 'requires-python = ">=3.11,<3.15"' in project
    assert "OLDEST = (3, 11)\nNEWEST = (3, 14)" in script


def test_the_first_start_installs_the_lock_with_hashes_then_the_project_alone(
    script: types.ModuleType, machine: Machine, tmp_path: Path
) -> None:
    assert script.main(["setup"]) == 0

    make, dependencies, project = machine.lines()
    assert "-m venv" in make
    assert "--require-hashes" in dependencies
    assert str(tmp_path / "requirements.lock") in dependencies
    assert "--no-deps --no-build-isolation --editable" in project


def test_the_second_start_installs_nothing(script: types.ModuleType, machine: Machine) -> None:
    script.main(["setup"])
    machine.started.clear()

    assert script.main(["setup"]) == 0

    assert machine.started == []


@pytest.mark.parametrize(
    ("changed", "installed"), [("requirements.lock", 2), ("pyproject.toml", 1), ("README.md", 0)]
)
def test_only_what_changed_is_installed_again(
    script: types.ModuleType, machine: Machine, tmp_path: Path, changed: str, installed: int
) -> None:
    script.main(["setup"])
    machine.started.clear()
    (tmp_path / changed).write_text("changed")

    script.main(["setup"])

    assert len(machine.started) == installed


def test_a_failed_download_is_told_and_tried_again_the_next_time(
    script: types.ModuleType, machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.exit_codes["--require-hashes"] = 1
    assert script.main(["setup"]) == 1
    assert "Check the network" in capsys.readouterr().err

    machine.exit_codes.clear()
    machine.started.clear()
    assert script.main(["setup"]) == 0
    assert any("--require-hashes" in line for line in machine.lines())


def test_an_interrupted_environment_is_made_anew(script: types.ModuleType, machine: Machine) -> None:
    python = script.venv_python()
    python.parent.mkdir(parents=True)
    python.touch()
    machine.exit_codes["pip --version"] = 1

    script.main(["setup"])

    assert "venv --clear" in machine.lines()[0]


def test_without_rights_one_line_names_everything_that_is_missing(
    script: types.ModuleType,
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    machine.exit_codes["sudo -n true"] = 1
    lacks(script, monkeypatch, "libEGL.so.1", "libdbus-1.so.3")
    monkeypatch.setattr(script.importlib.util, "find_spec", lambda name: None)

    assert script.main(["test"]) == 1

    line = f"apt-get install --no-install-recommends python3.{sys.version_info[1]}-venv libegl1 libdbus-1-3"
    assert line in capsys.readouterr().err
    assert machine.started == []


@pytest.mark.parametrize(
    ("release", "name"), [({"libglib2.0-0t64"}, "libglib2.0-0t64"), ({"libglib2.0-0"}, "libglib2.0-0")]
)
def test_the_administrator_gets_the_package_under_the_name_of_this_release(
    script: types.ModuleType,
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    release: set[str],
    name: str,
) -> None:
    monkeypatch.setattr(script.os, "geteuid", lambda: 0, raising=False)
    machine.known_packages = release
    lacks(script, monkeypatch, "libglib-2.0.so.0")

    assert script.main(["setup"]) == 0

    assert machine.lines()[0].endswith("apt-get -q update")
    assert machine.lines()[1].endswith(f"install -y --no-install-recommends {name}")


def test_a_failed_apt_get_ends_with_the_line_to_type(
    script: types.ModuleType,
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    machine.exit_codes["apt-get -q install"] = 100
    lacks(script, monkeypatch, "libGL.so.1")

    assert script.main(["setup"]) == 1

    assert "apt-get failed" in (message := capsys.readouterr().err)
    assert "install --no-install-recommends libgl1" in message


def test_a_system_without_apt_is_told_the_files(
    script: types.ModuleType,
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(script.shutil, "which", lambda name: None)
    lacks(script, monkeypatch, "libGL.so.1")

    assert script.main(["setup"]) == 1
    assert "libGL.so.1" in capsys.readouterr().err


def test_libraries_of_a_window_may_be_missing_where_no_window_can_open(
    script: types.ModuleType,
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lacks(script, monkeypatch, "libxcb-cursor.so.0")

    assert script.main(["setup"]) == 0
    assert script.main(["test"]) == 0

    assert "install --no-install-recommends libxcb-cursor0" in capsys.readouterr().out
    assert not any("apt-get" in line for line in machine.lines())


def test_libraries_of_a_window_are_installed_for_the_demo(
    script: types.ModuleType, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    lacks(script, monkeypatch, "libxcb-cursor.so.0")

    assert script.main(["demo"]) == 0

    assert any(line.endswith("--no-install-recommends libxcb-cursor0") for line in machine.lines())
    assert machine.started[-1][-1] == "--demo"


def test_the_demo_without_a_display_says_what_to_do_before_it_downloads(
    script: types.ModuleType, machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.main(["demo"]) == 1
    assert "no display" in (message := capsys.readouterr().err)
    assert "ssh -X" in message
    assert machine.started == []


@pytest.mark.parametrize(("chosen", "used"), [(None, "offscreen"), ("xcb", "xcb")])
def test_tests_draw_off_screen_unless_told_otherwise(
    script: types.ModuleType,
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    chosen: str | None,
    used: str,
) -> None:
    environment = dict(script.os.environ)
    if chosen:
        environment["QT_QPA_PLATFORM"] = chosen
    monkeypatch.setattr(script.os, "environ", environment)

    assert script.main(["test", "-k", "some name"]) == 0

    assert machine.started[-1][1:] == ["-m", "pytest", "-k", "some name"]
    assert environment["QT_QPA_PLATFORM"] == used


@pytest.mark.parametrize(("failing", "code"), [("", 0), ("mypy", 1), ("ruff", 1)])
def test_check_runs_every_check_and_fails_if_one_does(
    script: types.ModuleType, machine: Machine, failing: str, code: int
) -> None:
    script.main(["setup"])
    machine.started.clear()
    machine.exit_codes = {f"-m {failing}": 1} if failing else {}

    assert script.main(["check"]) == code

    assert len(machine.started) == 4


def test_one_check_can_be_run_alone(script: types.ModuleType, machine: Machine) -> None:
    script.main(["setup"])
    machine.started.clear()

    assert script.main(["check", "types"]) == 0

    assert [line.split(" ", 1)[1] for line in machine.lines()] == ["-m mypy"]


def test_an_unknown_check_is_refused_with_the_names(
    script: types.ModuleType, machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.main(["check", "tpyes"]) == 1
    assert "lint, formatting, types, import-rules" in capsys.readouterr().err
    assert machine.started == []


@pytest.mark.parametrize(
    ("command", "module"), [("hooks", "pre_commit install"), ("coverage", "pytest --cov")]
)
def test_hooks_and_coverage_use_the_environment(
    script: types.ModuleType, machine: Machine, command: str, module: str
) -> None:
    assert script.main([command]) == 0

    assert machine.started[-1][0] == str(script.venv_python())
    assert f"-m {module}" in machine.lines()[-1]


def test_the_hooks_run_every_check_of_this_script(
    script: types.ModuleType, machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    script.main(["check"])
    checks = [line[3:] for line in capsys.readouterr().out.splitlines() if line.startswith("== ")]
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    assert all(f"entry: python run.py check {name}" in hooks for name in checks)
    assert hooks.count("entry: python run.py check") == len(checks)


def test_stopping_is_no_error_of_the_script(
    script: types.ModuleType, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(arguments: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setitem(script.COMMANDS, "test", interrupt)
    assert script.main(["test"]) == 130


@pytest.mark.parametrize(("arguments", "code"), [([], 2), (["nonsense"], 2), (["--help"], 0)])
def test_help_names_the_commands(
    script: types.ModuleType, arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.main(arguments) == code
    out = capsys.readouterr().out
    assert all(f"run.py {name}" in out for name in script.COMMANDS)


def test_the_lock_holds_a_hash_for_every_package_and_no_address() -> None:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    packages = [index for index, line in enumerate(lines) if "==" in line]
    assert len(packages) > 40
    assert all(lines[index + 1].strip().startswith("--hash=sha256:") for index in packages)
    assert not any(mark in line for line in lines for mark in ("://", "file:", "--index", "--find-links"))


def test_the_locked_qt_is_one_that_works_with_python_3_11() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    version = lock.split("pyside6-essentials==")[1].split()[0]
    assert tuple(map(int, version.split("."))) < (6, 12)
