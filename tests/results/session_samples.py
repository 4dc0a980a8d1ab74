"""A small session with everything that the file format names."""

from __future__ import annotations

from typing import Any

import numpy as np

from hdmea.results.content import InputFile, PastRun, ResultItem, SessionContent, StepProvenance
from hdmea.results.sectioned import SectionedSpikes
from hdmea.utils.arrays import AttrArray

MOVIES = ("step_up_5s_5i_b0_3x", "perfect_dense_noise_15x15_15hz_r42_3min")


def sample_unit(
    rng: np.random.Generator, trial_time: dict[str, Any], number: int, n_spikes: int = 400
) -> dict[str, Any]:
    spikes = np.sort(rng.integers(0, 100_000, n_spikes)).astype(np.uint64)
    sections = {
        movie: SectionedSpikes(np.searchsorted(spikes, trials.astype(np.uint64)), spikes, trials)
        for movie, trials in trial_time.items()
    }
    metadata = {
        "feature": "frif",
        "version": "1",
        "params": {"bins": 10},
        "extracted_at": "now",
        "stale": False,
    }
    return {
        "row": 3,
        "col": 4,
        "sensor_id": 263,
        "unit_num": number,
        "original_name": "Unit µ/1",
        "spike_count": len(spikes),
        "spike_times": AttrArray(spikes, {"unit": "sample_index"}),
        "waveform": AttrArray(rng.normal(size=60).astype(np.float32), {"unit": "source"}),
        "firing_rate_10hz": AttrArray(np.zeros(50, np.float32), {"unit": "Hz"}),
        "unit_meta": {"snr": 5.5, "separability": np.float32(0.5), "missing": None},
        "spike_times_sectioned": sections,
        "features": {
            "frif": {"data": {"FRIF": np.ones(7, np.float32), "mean": 2.5, "n": 3}, "metadata": metadata},
            "eimage_sta": {
                "data": rng.normal(size=(5, 4, 4)).astype(np.float32),
                "metadata": {
                    **metadata,
                    "feature": "eimage_sta",
                    "n_spikes_used": 12,
                    "window_range": [-10, 40],
                },
                "geometry": {"center_row": 2.0, "diff_map": np.ones((4, 4))},
            },
            f"sta_{MOVIES[1]}": {
                "data": np.ones((3, 2, 2), np.float32),
                "metadata": {"cover_range": [-60, 0], "movie_name": MOVIES[1]},
                "sta_geometry": {"area": 4.0},
            },
        },
    }


def sample_content(n_units: int = 3, seed: int = 0, n_spikes: int = 400) -> SessionContent:
    """Return a session of `n_units` units and two movies."""
    rng = np.random.default_rng(seed)
    trial_time = {
        movie: AttrArray(
            np.array([[1000, 20_000], [30_000, 50_000]], np.int64) + 100 * index, {"pad_margin": [0.0, 0.0]}
        )
        for index, movie in enumerate(MOVIES)
    }
    return SessionContent(
        dataset_id="2025.04.10-11.12.57-Rec",
        units={f"unit_{n:03d}": sample_unit(rng, trial_time, n, n_spikes) for n in range(1, n_units + 1)},
        metadata={
            "acquisition_rate": np.array([20_000.0]),
            "recording_duration_s": np.array([5.0]),
            "dataset_id": np.array(["2025.04.10-11.12.57-Rec"], dtype=object),
            "frame_timestamps": np.arange(10, dtype=np.uint64),
            "segments": np.array([[0, 100_000]], np.int64),
            "sys_meta": {"FileVersion": 1, "names": ["a", "b"]},
        },
        stimulus={
            "light_reference": {"raw_ch1": np.arange(100, dtype=np.float32)},
            "frame_times": {"default": np.arange(10, dtype=np.uint64)},
            "section_time": {
                movie: AttrArray(
                    np.zeros((1, 2), np.int64), {"content_frame": np.array([5]), "playlist": "p"}
                )
                for movie in MOVIES
            },
            "trial_time": trial_time,
            "light_template": {movie: np.ones(4, np.float32) for movie in MOVIES},
        },
        source_files={"cmcr_path": "/data/é.cmcr", "cmcr_size": 123, "cmcr_mtime": 1.5},
        steps={
            "load_recording": StepProvenance(
                params={"pad": [1.5, None]},
                version="1",
                finished_at="2025-04-10T12:00:00",
                duration_s=2.5,
                inputs=(InputFile("/data/é.cmcr", 123, 1.5), InputFile("/data/p.csv", 4, 1.5, "abc")),
                items={"": ResultItem("d1g", stale=True)},
                features=("waveform",),
                warnings=("first µ",),
                runs=(PastRun("load_recording", 0, {"pad": 1}, True, ("",)),),
            )
        },
        completed_steps=["load_recording", "add_section_time", "a_step"],
        warnings=["first µ", "", "second"],
        save_state="saved",
        output_dir="artifacts",
        extra={"note": "x", "layout": {"tab": 3}},
    )
