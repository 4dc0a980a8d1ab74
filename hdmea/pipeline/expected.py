"""What a recording will hold, before it is loaded: for forecasts of the memory that steps take."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from hdmea.pipeline.loading import memory_estimate_gb
from hdmea.recordings.reader import open_signals, open_units, source_stamp
from hdmea.utils.exceptions import MissingInputError

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession

__all__ = ["DISPLAY_HZ", "Expected", "expected", "load_nbytes", "sensor_shape"]

DISPLAY_HZ = 60.0
"""Refresh rate of the display that is assumed before the frames are known."""


_Stamp = tuple[int, float]


@dataclass(frozen=True)
class Expected:
    """Sizes that decide how much memory results take.

    Attributes
    ----------
    n_units
        Number of sorted units.
    n_frames
        Number of display frames.
    sampling_rate
        Samples per second.
    """

    n_units: int
    n_frames: int
    sampling_rate: float


@dataclass(frozen=True)
class _Files:
    """What both source files say, read once per state of the files."""

    n_units: int
    n_frames: int
    sampling_rate: float
    load_nbytes: int
    sensor: tuple[int, int] | None


def expected(session: PipelineSession) -> Expected:
    """Return what the session contains; before the recording is loaded, what its files say.

    Raises
    ------
    MissingInputError
        If nothing is loaded and no source file is known.
    """
    if "load_recording" in session.completed_steps:
        frames = session.metadata.get("frame_timestamps", ())
        return Expected(session.unit_count, len(frames), session.acquisition_rate)
    files = _files(session.source_files.get("cmcr_path"), session.source_files.get("cmtr_path"))
    return Expected(files.n_units, files.n_frames, files.sampling_rate)


def load_nbytes(cmcr: Path | None, cmtr: Path | None) -> int:
    """Return how many bytes a recording takes in memory when it is loaded."""
    return _files(cmcr, cmtr).load_nbytes


def sensor_shape(cmcr: Path) -> tuple[int, int] | None:
    """Return rows and columns of the recorded region, None without sensor data."""
    return _files(cmcr, None).sensor


def _files(cmcr: str | Path | None, cmtr: str | Path | None) -> _Files:
    if cmcr is None and cmtr is None:
        raise MissingInputError("No source file of this session is known: open a recording first.")
    return _read(*_state(cmcr), *_state(cmtr))


def _state(path: str | Path | None) -> tuple[str | None, _Stamp]:
    return (None, (0, 0.0)) if path is None else (str(path), source_stamp(path))


@lru_cache(maxsize=8)
def _read(cmcr: str | None, _raw_stamp: _Stamp, cmtr: str | None, _sorted_stamp: _Stamp) -> _Files:
    rate, duration_s, n_units, n_bytes = 0.0, 0.0, 0, 0.0
    sensor: tuple[int, int] | None = None
    info = None
    if cmcr is not None:
        with open_signals(cmcr) as raw:
            info = raw.info
            rate, duration_s = info.sampling_rate, info.duration_s
            sensor = (raw.sensor.rows, raw.sensor.cols) if raw.sensor is not None else None
            if cmtr is None:
                n_bytes = memory_estimate_gb(info, None) * 1e9
    if cmtr is not None:
        with open_units(cmtr) as sorting:
            n_units = sorting.info.n_units
            rate = rate or sorting.info.sampling_rate or 0.0
            duration_s = duration_s or sorting.info.duration_s or 0.0
            n_bytes = memory_estimate_gb(info, sorting) * 1e9
    has_frames = info is not None and info.n_light_channels > 0
    n_frames = round(duration_s * DISPLAY_HZ) if has_frames else 0
    return _Files(n_units, n_frames, rate, round(n_bytes), sensor)
