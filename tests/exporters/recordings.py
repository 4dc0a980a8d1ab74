"""A small recording that has everything an exporter can write, with known numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hdmea.pipeline.session import PipelineSession
from hdmea.results.sectioned import SectionedSpikes
from hdmea.utils.arrays import AttrArray

RATE = 20_000.0
STARTS_S = (1.0, 4.0, 7.0)
"""Trials of the movie, 2 s each, light on during the first."""

FRAMES = np.arange(0, 199_000, 333, dtype=np.uint64) + np.arange(598, dtype=np.uint64) % 2
"""Samples of the display frames."""

SHEET = {
    "session_start_time": "2026-11-29T10:31:00+01:00",
    "subject_id": "m7",
    "species": "mouse",
    "sex": "female",
    "age": "P60",
    "eye": "left",
    "institution": "University",
    "rig": "B",
}


def recording(tmp_path: Path) -> PipelineSession:
    """Return 10 s with three units; unit_003 has neither spikes nor images."""
    rng = np.random.default_rng(7)
    session = PipelineSession("2026.11.29-Rec", output_dir=tmp_path)
    session.add_metadata(
        {
            "acquisition_rate": RATE,
            "recording_duration_s": 10.0,
            "segments": np.array([[0, 200_000]]),
            "sys_meta": {
                "sensor_first_row": 20,
                "sensor_first_column": 30,
                "sensor_rows": 4,
                "sensor_columns": 5,
                "light_channel": 1,
            },
            "electrodes": {
                "noise_sd": AttrArray(np.full((4, 5), 6.5, np.float32), {"unit": "uV"}),
                "first_row": 20,
                "first_column": 30,
                "bad": np.array([[21, 33]]),
            },
            "frame_timestamps": FRAMES,
            "sensor_pitch_um": 32.0,
        }
    )
    trials = np.array([[int(start * RATE), int((start + 2) * RATE)] for start in STARTS_S])
    light = np.zeros(10_000, np.float32)
    for start in STARTS_S:
        light[int(start * 1000) : int((start + 1) * 1000)] = 100
    attrs = {"unit": "counts", "sampling_rate": 1000.0, "channel": 1}
    facts = {"content_frame": [30], "alignment": ["checked"], "alignment_lag": [0], "alignment_r": [1.0]}
    sections = AttrArray(
        np.array([[10_000, 190_000]]), {name: np.array(value) for name, value in facts.items()}
    )
    session.add_stimulus(
        {
            "light_reference": {"1khz_ch1": AttrArray(light, attrs)},
            "section_time": {"steps": sections},
            "trial_time": {"steps": AttrArray(trials, {"number": np.arange(3)})},
            "direction_time": {
                "bar": AttrArray(
                    np.array([[[20_000, 30_000]], [[30_000, 40_000]]]), {"directions_deg": [0.0, 90.0]}
                )
            },
            "digital_events": {
                "event_id": np.array([1]),
                "label": ["start"],
                "time_us": np.array([500_000]),
            },
        }
    )
    units = {}
    for number, place in ((1, (21, 31)), (2, (22, 34)), (3, (20, 30))):
        spikes = np.sort(rng.choice(200_000, 400 if number < 3 else 0, replace=False)).astype(np.uint64)
        waveform = -np.exp(-((np.arange(21) - 8) ** 2) / 6).astype(np.float32) * 100 * number
        units[f"unit_{number:03d}"] = {
            "row": place[0],
            "col": place[1],
            "unit_num": number,
            "spike_count": len(spikes),
            "spike_times": spikes,
            "waveform": AttrArray(waveform, {"unit": "uV"}),
            "unit_meta": {"snr": 5.0 * number},
        }
    session.add_units(units)
    image = np.zeros((20, 4, 5), np.float32)
    image[10, 1, 1] = -80
    sta = np.zeros((12, 5, 6), np.float32)
    sta[9, 2, 3] = 1.5
    for at, (name, unit) in enumerate(list(session.units.items())[:2]):
        spikes = unit["spike_times"].astype(np.int64)
        ranges = np.searchsorted(spikes, trials)
        unit["spike_times_sectioned"] = {"steps": SectionedSpikes(ranges, unit["spike_times"], trials)}
        facts = {"n_spikes_used": 100 + at, "unit": "uV", "first_row": 20, "first_column": 30}
        facts |= {"window_range": [-10, 10], "sampling_rate": RATE}
        session.add_feature(name, "eimage_sta", image * (at + 1), facts)
        unit["features"]["eimage_sta"]["geometry"] = {
            "size_x_um": 48.0 + at,
            "center_row": 1.0,
            "center_col": 1.0,
        }
        facts = {"n_spikes_used": 90 + at, "cover_range": [-12, 0], "movie_name": "noise"}
        session.add_feature(name, "sta_noise", sta * (at + 1), facts)
        numbers = {
            "dsi": 0.25 * (at + 1),
            "dsi_p": 0.01,
            "preferred_direction": 90.0,
            "tuning_curve": np.array([1.0, 2.0, 5.0, 2.0, 1.0, 0.0, 0.0, 0.0]) * (at + 1),
            "tuning_sem": np.full(8, 0.2),
        }
        session.add_feature(name, "moving_bar", numbers, {"movie": "bar"})
        session.add_feature(name, "cell_type", {"cell_type": "DS"})
    session.add_stimulus({"moving_bar_directions": np.arange(8) * 45.0})
    return session
