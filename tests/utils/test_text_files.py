"""Text and JSON files of unknown origin are read or refused in our words, and never waited for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hdmea.utils import text_files
from hdmea.utils.exceptions import ConfigurationError, MissingFileError
from hdmea.utils.text_files import (
    parse_json,
    read_json,
    read_text,
    regular_size,
    setting,
    stored_dict,
    stored_list,
)

HOSTILE = {
    "empty": b"",
    "not utf-8": b"\xff\xfe{}",
    "cut off": b'{"a": [1, 2',
    "a million digits": b"1" * 1_000_000,
    "a million brackets": b"[" * 1_000_000,
    "NUL": b"\0" * 100,
    "half a pair": b'{"a": "\\ud800"}',
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_json_is_refused_in_our_words(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"x\.json") as caught:
        read_json(path)
    assert caught.value.fix is not None


def test_files_that_are_none_are_refused_without_being_opened(tmp_path: Path) -> None:
    kinds = [tmp_path, Path("a\0b")]
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        kinds += [tmp_path / "pipe", Path("/dev/zero")]
    for path in kinds:
        for read in (regular_size, read_text, read_json):
            with pytest.raises(ConfigurationError) as caught:
                read(path)
            assert caught.value.fix is not None
    with pytest.raises(MissingFileError):
        read_text(tmp_path / "nowhere")


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(ConfigurationError, match="too large"):
        read_text(path)


def test_text_is_read_without_its_mark(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('\ufeff{"µ": [1, 2.5, null]}', encoding="utf-8")
    assert read_json(path) == {"µ": [1, 2.5, None]}
    assert parse_json("3") == 3


def test_stored_json_of_another_kind_is_as_good_as_none() -> None:
    assert stored_dict('{"a": 1}') == {"a": 1}
    assert stored_list("[1]") == [1]
    assert stored_dict("[1]") is None
    assert stored_list('{"a": 1}') is None
    assert stored_dict("[" * 100_000) is None
    assert stored_list(float("nan")) is None


def test_settings_that_cannot_be_read_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "settings.json"
    monkeypatch.setattr(text_files, "settings_path", lambda: path)
    assert setting("layout") is None
    for content in (*HOSTILE.values(), b"[]", b"null"):
        path.write_bytes(content)
        assert setting("layout") is None
    path.write_text('{"layout": "lab"}')
    assert setting("layout") == "lab"

    def refused(*arguments: object, **options: object) -> None:
        raise PermissionError("the folder may not be entered")

    monkeypatch.setattr(Path, "stat", refused)
    monkeypatch.setattr(os, "stat", refused)
    assert setting("layout") is None
