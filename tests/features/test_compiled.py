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


USUAL = """
import threading
import numpy as np
from hdmea.features.science.compiled import AHEAD, compiling_ahead
with compiling_ahead():
    for thread in threading.enumerate():
        if thread.name == "compiles ahead":
            thread.join()
from hdmea.features.science.direction_tuning import direction_tuning
from hdmea.features.science.electrical_image import electrical_images
from hdmea.features.science.linear_nonlinear import linear_nonlinear
from hdmea.features.science.receptive_field_models import fit_map
from hdmea.features.science.spike_triggered_average import spike_triggered_averages
from hdmea.features.science.theil_sen import theil_sen
from tests.features.test_electrical_image import MemorySource, counts
rng = np.random.default_rng(0)
movie = rng.integers(0, 256, (600, 8, 8), dtype=np.uint8)
train = np.sort(rng.integers(20, 600, 300))
spike_triggered_averages(movie, [train], (-20, 0))
linear_nonlinear(movie, [train], np.ones(600), (-20, 0), 1 / 60)
electrical_images(MemorySource([counts(9000)]), [np.arange(100, 8000, 50)], sampling_rate=20000.0)
fit_map(rng.normal(size=(15, 15)), (7, 7), "dog")
theil_sen(np.arange(9.0), rng.normal(size=9))
order = np.arange(24).reshape(3, 8)
blank = np.zeros(2)
direction_tuning(rng.poisson(9, (2, 3, 8)), np.arange(8) * 45.0, blank=blank, blank_se=blank,
                 lengths=np.ones((2, 3)), order=order, n_permutations=99, seed=0)
print(len(AHEAD), [kernel.__name__ for kernel, _ in AHEAD if len(kernel.signatures) != 1])
"""


def test_what_is_compiled_ahead_is_what_the_steps_call() -> None:
    command = [sys.executable, "-c", USUAL]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["10", "[]"]


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


def test_the_compiler_leaves_the_streams_of_the_program_alone() -> None:
    import numba.core.errors

    # What colours its messages exchanges sys.stdout while it does so, on whichever thread compiles.
    assert not hasattr(numba.core.errors, "ColorShell")
