from __future__ import annotations

import os
from pathlib import Path

import pytest

from hdmea.utils.whole_file import write_whole


@pytest.mark.parametrize("synced", [False, True])
def test_the_folder_is_made_and_the_text_replaced(tmp_path: Path, synced: bool) -> None:
    path = tmp_path / "new" / "settings.json"
    for text in ("one", "µ two"):
        write_whole(path, text, synced=synced)
        assert path.read_text(encoding="utf-8") == text
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "settings.json"
    write_whole(path, "before")

    def fail(*_: object) -> None:
        raise PermissionError("held by another program")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(PermissionError):
        write_whole(path, "after")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
