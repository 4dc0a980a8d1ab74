"""Films: as many frames as the average has, each with its picture, read by another program."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import hdmea
from hdmea.pipeline.session import PipelineSession
from hdmea.utils.exceptions import ConfigurationError, MissingInputError, StepCancelled
from tests.exporters.recordings import recording

pytest.importorskip("matplotlib", reason="matplotlib is optional")
pillow = pytest.importorskip("PIL.Image", reason="Pillow is optional")


@pytest.fixture
def session(tmp_path: Path) -> PipelineSession:
    return recording(tmp_path)


@pytest.mark.parametrize(
    ("content", "n_frames", "shown"), [("receptive_field", 12, 9), ("electrical_image", 20, 10)]
)
def test_each_frame_is_a_picture(
    session: PipelineSession, tmp_path: Path, content: str, n_frames: int, shown: int
) -> None:
    (path,) = hdmea.export(session, "movie", tmp_path / "f.gif", content=content, speed=20, dpi=80)

    strong = []
    with pillow.open(path) as film:
        assert film.n_frames == n_frames
        assert film.info["duration"] == 50
        for at in range(n_frames):
            film.seek(at)
            pixels = np.asarray(film.convert("RGB"), np.int64)
            coloured = np.abs(pixels[..., 0] - pixels[..., 2]) > 50
            strong.append(coloured.mean())
    assert [at for at, share in enumerate(strong) if share > 0.005] == [shown]


def test_what_there_is_not_is_told(
    session: PipelineSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out" / "f.gif"
    target.parent.mkdir()
    with pytest.raises(MissingInputError, match="unit_003 has nothing to show"):
        hdmea.export(session, "movie", target, unit_ids=(3,))
    monkeypatch.setattr("shutil.which", lambda _name: None)
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(ConfigurationError, match="ffmpeg"):
        hdmea.export(session, "movie", target.with_suffix(".mp4"))

    def stop(fraction: float, text: str) -> None:
        if text.startswith("Frame 3"):
            raise StepCancelled("stopped")

    with pytest.raises(StepCancelled):
        hdmea.export(session, "movie", target, progress=stop)
    assert list(target.parent.iterdir()) == []


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffmpeg is not installed")
def test_an_mp4_has_the_same_frames_also_with_the_encoder_of_a_package(
    session: PipelineSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = shutil.which("ffmpeg")
    package = type(sys)("imageio_ffmpeg")
    package.__dict__["get_ffmpeg_exe"] = lambda: program
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", package)
    find = shutil.which
    monkeypatch.setattr("shutil.which", lambda name: None if name == "ffmpeg" else find(name))

    (path,) = hdmea.export(session, "movie", tmp_path / "f.mp4", speed=20, dpi=80)

    ask = ["ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=codec_name,nb_read_frames"]
    told = subprocess.run([*ask, "-of", "csv=p=0", path], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "h264,12"
