"""A small session in memory for tests of the steps that compute results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from hdmea.pipeline.session import PipelineSession
from hdmea.utils.arrays import AttrArray

RATE = 20_000.0
FRAME = 333
N_FRAMES = 1000


def session_of(
    *trains: Any,
    movies: dict[str, list[int]] | None = None,
    source: Path | None = None,
    with_frames: bool = True,
    duration_s: float = 40.0,
) -> PipelineSession:
    """One unit per train; `movies` maps names to content frames."""
    session = PipelineSession("small")
    session.add_units(
        {
            f"unit_{number:03d}": {"spike_times": np.asarray(train, np.uint64), "row": 1, "col": number}
            for number, train in enumerate(trains, start=1)
        }
    )
    frames = np.arange(N_FRAMES, dtype=np.uint64) * FRAME + 5000
    session.add_metadata(
        {
            "acquisition_rate": np.array([RATE]),
            "recording_duration_s": np.array([duration_s]),
            **({"frame_timestamps": frames} if with_frames else {}),
        }
    )
    session.mark_step_complete("load_recording")
    if movies is not None:
        sections = {
            name: AttrArray(
                np.array([[frames[c], frames[c] + 1000] for c in content], np.int64),
                {"content_frame": np.array(content)},
            )
            for name, content in movies.items()
        }
        session.add_stimulus({"section_time": sections})
        session.mark_step_complete("add_section_time")
    if source is not None:
        session.set_source_files(cmcr_path=source)
    return session


def frame_sample(frame: int, offset: int = 5) -> int:
    """A sample in a display frame."""
    return 5000 + frame * FRAME + offset


def write_movie(folder: Path, name: str, n_frames: int = 200, *, dtype: str = "u1") -> np.ndarray:
    """Noise beside the recording."""
    movie = np.random.default_rng(n_frames).integers(0, 256, (n_frames, 4, 5)).astype(dtype)
    (folder / "stimuli").mkdir(exist_ok=True)
    np.save(folder / "stimuli" / f"{name}.npy", movie)
    return movie


def copy_without_sensor(source: Path, target: Path) -> Path:
    """A raw recording without its electrode data."""
    with h5py.File(source) as old, h5py.File(target, "w") as new:
        new.attrs.update(old.attrs)
        group = new.create_group("Acquisition")
        group.attrs.update(old["Acquisition"].attrs)
        for name in old["Acquisition"]:
            if "Sensor" not in name:
                old.copy(f"Acquisition/{name}", group)
    return target
