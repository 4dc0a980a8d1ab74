"""Compiled functions work where nothing can be kept: no folder, a full drive, damaged files."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hdmea.features.science import compiled as module
from hdmea.features.science.compiled import compiled

PROGRAM = """
import logging, sys
logging.basicConfig(stream=sys.stdout, format="%(message)s")
import numpy as np
import numba.core.caching as caching
for place in caching.CacheImpl._locator_classes:
    # As where neither the program's folder nor any other of this user can be written.
    place.from_function = classmethod(lambda cls, function, path: None)
from hdmea.features.science import direction_kernels, eimage_kernels, sta_kernels
total = np.zeros(8, np.int64)
sta_kernels.sum_blocks_uint8(np.arange(64, dtype=np.uint8), np.array([0, 8]), total)
print(total.tolist())
"""


def test_without_a_folder_they_are_compiled_in_memory_and_the_log_says_so_once() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    *said, total = done.stdout.splitlines()
    assert total == str([8, 10, 12, 14, 16, 18, 20, 22])
    assert len(said) == 1
    assert "compiled again" in said[0]


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the source of a module with a compiled function, in a folder that keeps what is compiled."""
    source = f"from {module.__name__} import compiled\n@compiled\ndef twice(x):\n    return 2 * x\n"
    (tmp_path / "kernel_of_test.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    return (
        "import kernel_of_test; print(kernel_of_test.twice(21), len(kernel_of_test.twice.stats.cache_hits))"
    )


def run(program: str, folder: Path) -> str:
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(folder)!r}); {program}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_damaged_files_are_compiled_again(kernel: str, tmp_path: Path) -> None:
    assert run(kernel, tmp_path) == "42 0"
    assert run(kernel, tmp_path) == "42 1"
    kept = list(tmp_path.rglob("*.nb[ic]"))
    assert kept
    for content in (b"", b"\x80\x05K\x01.", b"text"):
        for path in kept:
            path.write_bytes(content)
        assert run(kernel, tmp_path) == "42 0"


def test_a_full_drive_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    module._say_once.cache_clear()

    @compiled
    def three_times(x: float) -> float:
        return 3 * x

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(three_times._cache, "_save_overload", full)  # type: ignore[attr-defined]
    with caplog.at_level(logging.WARNING):
        assert three_times(2.0) == 6.0
        assert three_times(np.float32(2.0)) == 6.0
    assert [record.message for record in caplog.records if "No space left" in record.message] != []
    assert len(caplog.records) == 1
    module._say_once.cache_clear()
