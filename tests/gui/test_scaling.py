"""Nothing is cut off at 1280×720 logical pixels, whatever the scale of the screen."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("scale", ["1", "1.5", "2"])
def test_no_control_is_cut_off(scale: str) -> None:
    environment = {**os.environ, "QT_SCALE_FACTOR": scale, "QT_QPA_PLATFORM": "offscreen"}

    done = subprocess.run(
        [sys.executable, "-m", "tests.gui.scaling_probe"],
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )

    lines = done.stdout.splitlines()
    assert lines, done.stderr
    assert lines[0] == f"scale {float(scale):g}"
    assert lines[1:] == [], "\n".join(lines)
    assert done.returncode == 0, done.stderr
