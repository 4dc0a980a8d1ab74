"""Whatever breaks while a file is written: the complete old file or the complete new one, and it is told.

Each operation of `tests.faults.operations` is tried a few times here; ``python -m tests.faults.long`` tries
every call of every operation.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.trials import compiled, in_child

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills and limits processes as POSIX systems do")


def assert_fine(found: dict[str, Any], ended: str, at_least: int) -> None:
    assert not found["problems"], "\n".join(found["problems"])
    assert found["counts"].get(ended, 0) >= at_least, found["counts"]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the library that lets calls of the system fail."""
    made = compiled(tmp_path_factory.mktemp("library"))
    if made is None:
        pytest.skip("there is no C compiler, or this system has no preloaded libraries")
    return made


def test_whichever_call_fails_it_is_told_and_nothing_is_lost(tmp_path: Path) -> None:
    assert_fine(in_child("faults", tmp_path, "--most", "2"), "told", 20)


def test_whichever_call_of_the_c_library_fails_nothing_is_lost(tmp_path: Path, library: Path) -> None:
    assert_fine(in_child("faults", tmp_path, "--most", "2", "--reads", library=library), "told", 10)


def test_a_program_that_is_killed_at_a_write_or_a_rename_leaves_a_complete_file(tmp_path: Path) -> None:
    assert_fine(in_child("kills", tmp_path, "--most", "3"), "killed", 40)


def test_a_quota_is_told_and_the_program_lives(tmp_path: Path) -> None:
    assert_fine(in_child("quotas", tmp_path, "--most", "1", "--small", "100"), "told", 10)


@pytest.fixture
def small_drive(tmp_path: Path) -> Iterator[Path]:
    """Return the folder of a drive of 24 MB in memory."""
    folder = tmp_path / "drive"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(folder)]
    if (
        not sys.platform.startswith("linux")
        or subprocess.run(command, check=False, capture_output=True).returncode
    ):
        pytest.skip("only root may mount a drive in memory")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_drive_is_told_and_the_program_lives(tmp_path: Path, small_drive: Path) -> None:
    arguments = ["--most", "1", "--small", "1000", "--folder", str(small_drive)]
    names = ["save columns", "save gzip", "lazy save onto itself columns"]
    found = in_child("full", tmp_path, *arguments, "--operations", *names)
    assert_fine(found, "told", 1)
