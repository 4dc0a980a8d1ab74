"""A folder that is gone while a session is saved, and is there again afterwards."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdmea.pipeline import PipelineSession
from hdmea.utils import drive
from hdmea.utils.exceptions import HDMEAError

N_SPIKES = 300_000
"""So many that a session that is loaded lazily does not read them."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    session = PipelineSession("x")
    session.add_units({"unit_001": {"spike_times": np.arange(N_SPIKES, dtype=np.uint64)}})
    (tmp_path / "drive").mkdir()
    return session.save(tmp_path / "drive" / "x.h5")


def going(name: str, file: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Have the folder of a file go when a function of the drive is called; return what brings it back."""
    folder, away = file.parent, file.parent.with_name("away")
    real = getattr(drive, name)

    def call(*arguments: Any) -> Any:
        if not away.exists():
            os.rename(folder, away)
        return real(*arguments)

    monkeypatch.setattr(drive, name, call)

    def back() -> None:
        monkeypatch.setattr(drive, name, real)
        if folder.exists():
            folder.rmdir()
        os.rename(away, folder)

    return back


@pytest.mark.skipif(os.name != "posix", reason="open files hold their folder")
@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("name", ["create", "write", "sync", "rename"])
def test_the_session_stays_and_is_saved_when_the_drive_is_back(
    name: str, lazy: bool, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = PipelineSession.load(file, lazy=lazy)
    session.add_metadata({"note": "new"})
    back = going(name, file, monkeypatch)
    with pytest.raises((HDMEAError, FileNotFoundError)) as caught:
        session.save(file)
    assert isinstance(caught.value, HDMEAError)
    assert session.has_unsaved_changes
    back()
    assert "note" not in PipelineSession.load(file).metadata
    assert session.save(file) == file
    found = PipelineSession.load(file)
    assert found.metadata["note"] == "new"
    assert found.units["unit_001"]["spike_times"].tolist() == list(range(N_SPIKES))
    assert [path.name for path in file.parent.iterdir()] == ["x.h5"]


def test_what_is_not_in_memory_is_said_and_read_when_the_drive_is_back(file: Path) -> None:
    session = PipelineSession.load(file, lazy=True)
    session.add_metadata({"note": "new"})
    away = file.parent.with_name("away")
    os.rename(file.parent, away)
    with pytest.raises(HDMEAError, match="it does not exist"):
        session.save(file)
    if file.parent.exists():
        shutil.rmtree(file.parent)
    os.rename(away, file.parent)
    assert session.save(file) == file
    assert PipelineSession.load(file).metadata["note"] == "new"
