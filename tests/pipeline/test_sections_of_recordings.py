"""Sections and trials of whole recordings, through the public functions, as their description states them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hdmea.pipeline import (
    PipelineSession,
    add_section_time,
    add_section_time_analog,
    load_recording,
    section_spike_times,
)
from hdmea.utils.exceptions import MissingInputError
from tests.stimuli.test_trials import COUNTS, expected


def load(folder: Path) -> PipelineSession:
    (cmcr,) = folder.glob("*.cmcr")
    (cmtr,) = folder.glob("*.cmtr")
    return load_recording(cmcr, cmtr, defer_save=True)


def test_sample_has_the_sections_and_trial_spikes_of_its_description(shared_data: Path) -> None:
    session = load(shared_data / "sample")

    add_section_time(playlist_name="synthetic_set", session=session)
    add_section_time_analog(
        session=session,
        threshold_value=5e5,
        plot_duration=4.0,
        after_frames=True,
        min_distance_s=3.2,
    )
    section_spike_times(session=session)

    assert session.stimulus["section_time"]["moving_h_bar_s5_d8_3x"].tolist() == [[3642666, 8242999]]
    assert session.stimulus["section_time"]["iprgc_test"].tolist() == [
        [start, start + 80_000] for start in (9_623_333, 9_703_333, 9_783_333)
    ]
    for movie in COUNTS:
        counts = [
            np.diff(unit["spike_times_sectioned"][movie].ranges).ravel().tolist()
            for unit in session.units.values()
        ]
        assert counts == expected(movie)
    definition = json.loads(session.stimulus["trial_time"]["freq_step_5st_3x"].attrs["definition"])
    assert definition["kind"] == "freq_step"
    assert len(definition["events"]) == 5


def test_movies_after_the_gap_are_refused_until_they_are_anchored(shared_data: Path) -> None:
    session = load(shared_data / "variants" / "two_groups_gap")
    step, noise = "step_up_1s_1i_b0_3x", "dense_noise_15x15_15hz_r42_652f"
    assert any("15.000 s to 17.000 s" in warning for warning in session.warnings)

    add_section_time(session=session)
    assert list(session.stimulus["section_time"]) == [step]
    assert any(f"{noise} has no section" in warning for warning in session.warnings)

    events = session.stimulus["digital_events"]["time_us"]
    (onset,) = (int(time) // 50 for time in events.tolist() if 17_000_000 < time < 17_200_000)
    add_section_time(session=session, reanchor={noise: onset}, force=True)

    frames = session.metadata["frame_timestamps"]
    content = session.stimulus["section_time"][noise].attrs["content_frame"]
    assert frames[content].tolist() == [341_666]
    section_spike_times(session=session)
    truth = np.load(shared_data / "variants" / "two_groups_gap" / "two-groups-Rec_truth.npz")
    true_frames = truth["frame_samples"][4:].astype(np.int64) - 1
    assert session.stimulus["trial_time"][noise].tolist() == [[true_frames[961], true_frames[961 + 652]]]
    assert session.stimulus["trial_time"][step][:, 0].tolist() == true_frames[[210, 330, 450]].tolist()


def test_a_recording_without_light_says_what_is_missing(shared_data: Path) -> None:
    session = load(shared_data / "variants" / "no_aux")

    with pytest.raises(MissingInputError, match="frame sync"):
        add_section_time(strict=True, session=session)
    with pytest.raises(MissingInputError, match="analog channels"):
        add_section_time_analog(strict=True, session=session, threshold_value=5e5)
