"""Small loaded sessions with a playlist beside the recording, for the tests of the section steps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hdmea.pipeline import PipelineSession, create_session

RATE = 20_000.0
INTERVAL = 333
FIRST_FRAME = 2_000
N_FRAMES = 1_500
N_SAMPLES = 800_000
MOVIES = {"step": 300, "noise_1min": 200}
PLAYLIST = ("step.mov", "noise_1min.mov", "step.mov")
LAYOUTS = {
    "step": {"start_frame": 20, "trial_length_frame": 60, "repeat": 4},
    "noise_1min": {"start_frame": 0, "trial_length_frame": 200, "repeat": 1},
}


def grid(n_frames: int = N_FRAMES) -> npt.NDArray[np.uint64]:
    return (FIRST_FRAME + np.arange(n_frames) * INTERVAL).astype(np.uint64)


def write_stimuli(
    folder: Path,
    *,
    playlists: Mapping[str, tuple[str, ...]] | None = None,
    lengths: Mapping[str, int] = MOVIES,
    layouts: Mapping[str, Any] = LAYOUTS,
) -> Path:
    """Write playlist, movie lengths and definitions as they lie beside a recording."""
    (folder / "config" / "stimuli").mkdir(parents=True, exist_ok=True)
    rows = [f'{name},"{list(movies)!r}"' for name, movies in (playlists or {"demo": PLAYLIST}).items()]
    (folder / "playlist.csv").write_text("\n".join(["playlist_name,movie_names", *rows]), encoding="utf-8")
    rows = [f"{movie},{frames}" for movie, frames in lengths.items()]
    (folder / "movie_length.csv").write_text("\n".join(["movie_name,movie_length", *rows]), encoding="utf-8")
    for movie, layout in layouts.items():
        path = folder / "config" / "stimuli" / f"{movie}.json"
        path.write_text(json.dumps({"section_kwargs": layout}), encoding="utf-8")
    return folder


def light_signal() -> npt.NDArray[np.float32]:
    """Return noisy light with three flashes, the first the brightest, after the 1500th frame."""
    light = np.random.default_rng(5).normal(1e6, 10.0, N_SAMPLES).astype(np.float32)
    for start, height in ((600_001, 3e6), (650_001, 2e6), (700_001, 1e6)):
        light[start : start + 10_000] += height
    return light


def loaded_session(
    folder: Path,
    *,
    frames: npt.NDArray[np.uint64] | None = None,
    segments: list[list[int]] | None = None,
    n_units: int = 3,
) -> PipelineSession:
    """Return a session as `load_recording` leaves it, with Poisson spikes, a silent and a one-spike unit."""
    session = create_session("demo", output_dir=folder)
    session.set_source_files(cmcr_path=folder / "rec.cmcr")
    rng = np.random.default_rng(7)
    trains = [np.sort(rng.choice(N_SAMPLES, 3_000, replace=False)) for _ in range(n_units)]
    trains += [np.empty(0), np.array([300_000])]
    session.add_units(
        {
            f"unit_{number:03d}": {"spike_times": train.astype(np.uint64), "spike_count": len(train)}
            for number, train in enumerate(trains, start=1)
        }
    )
    times = grid() if frames is None else frames
    session.add_metadata(
        {
            "acquisition_rate": np.array([RATE]),
            "recording_duration_s": np.array([N_SAMPLES / RATE]),
            "frame_timestamps": times,
            "segments": np.array(segments or [[0, N_SAMPLES]], dtype=np.int64),
        }
    )
    session.add_stimulus({"light_reference": {"raw_ch1": light_signal()}})
    session.mark_step_complete("load_recording")
    return session
