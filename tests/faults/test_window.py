"""A window that is killed leaves the old file or the new one, and a checkpoint that the next one offers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults.window import STATES, killed_in, prepared

pytestmark = pytest.mark.skipif(os.name != "posix", reason="processes are killed as on POSIX systems")


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepared(tmp_path_factory.mktemp("prepared"))


@pytest.mark.parametrize("state", STATES)
def test_what_a_killed_window_leaves(state: str, result: Path, tmp_path: Path) -> None:
    assert killed_in(state, result, tmp_path, 0.02) == []
