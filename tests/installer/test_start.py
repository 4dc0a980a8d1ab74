"""The start of a packaged program: window or command line by its name, with a place for compiled code."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import platformdirs
import pytest

from hdmea._version import __version__

from .scripts import load

start = load("start")


@pytest.fixture(autouse=True)
def no_cache_yet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # Set first, so that what the program sets is taken back as well.
    monkeypatch.setenv("NUMBA_CACHE_DIR", "")
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *names, **options: str(tmp_path / "cache"))


def test_compiled_functions_are_kept_for_this_user_and_executable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", "/opt/hdmea-studio/hdmea-studio")
    folder = start.keep_compiled_functions()
    assert folder == tmp_path / "cache" / "compiled" / "hdmea-studio"
    assert folder.is_dir()
    assert os.environ["NUMBA_CACHE_DIR"] == str(folder)


def test_a_folder_that_somebody_chose_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "mine"))
    assert start.keep_compiled_functions() == tmp_path / "mine"


def test_without_a_place_to_write_they_last_as_long_as_the_program(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    folder = start.keep_compiled_functions()
    assert folder.is_dir()
    assert not folder.is_relative_to(tmp_path / "cache")
    folder.rmdir()


@pytest.mark.parametrize(
    ("name", "said"), [("hdmea", ""), ("HDMEA.EXE", ""), ("hdmea-studio", "HD-MEA Studio ")]
)
def test_the_name_decides_what_starts(
    name: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [f"/usr/bin/{name}", "--version"])
    with pytest.raises(SystemExit) as ended:
        start.main()
    assert ended.value.code == 0
    assert capsys.readouterr().out.strip() == f"{said}{__version__}"


def test_the_process_that_opens_files_first_is_the_program_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    from hdmea_gui.engine import look_child

    served: list[bool] = []
    monkeypatch.setattr(look_child, "serve", lambda: served.append(True))
    monkeypatch.setattr(sys, "argv", ["/usr/bin/hdmea", look_child.COMMAND])
    assert start.main() == 0
    assert served == [True]
