"""A display is recognised, not assumed: the right flips or none, whatever the sync channel shows."""

from __future__ import annotations

import numpy as np
import pytest

from hdmea.simulate.sync_faults import HEIGHT, SYNC_FAULTS, sync_channel
from hdmea.stimuli.display import recognise_display
from hdmea.stimuli.frames import FrameDetection, detect_frames, step_maxima

FS = 20_000.0
NO_DISPLAY = {"noise only", "50 Hz hum only", "saturated", "chopped at 240 Hz", "random pulses"}
# At 120 frames per second these are 60 as well: the movies decide. A jitter of a quarter of a frame is none.
OPEN_AT_120 = {"toggling", "alternating heights of 0.4", "jitter of 2 ms", "smoothed by 1 ms"}
EXACT = {"clean pulses", "toggling", "inverted", "half a second of flips", "drift of 12 pulse heights"}


def distance(found: FrameDetection, flips: np.ndarray) -> int:
    return int(np.abs(found.frames.astype(np.int64) - flips).max())


@pytest.mark.parametrize(
    ("kind", "rate"),
    [
        (kind, rate)
        for kind in SYNC_FAULTS
        for rate in (59.0, 60.0, 75.0, 120.0)
        if kind not in NO_DISPLAY and not (rate == 120.0 and kind in OPEN_AT_120)
    ],
)
def test_the_flips_of_a_display_are_found_one_for_one(kind: str, rate: float) -> None:
    channel = sync_channel(kind, rate_hz=rate, seed=11)
    assert channel.flips is not None

    found = detect_frames(channel.signal, None, FS, drop_first=0)

    assert found.reason is None
    assert found.frames.size == channel.flips.size
    assert distance(found, channel.flips) <= (0 if kind in EXACT else 12)
    assert found.train is not None
    assert found.train.rate_hz == pytest.approx(rate, rel=2e-3)
    said = [text for text in found.information if "not at 60" in text]
    assert len(said) == (rate > 61.0) or rate == 59.0


@pytest.mark.parametrize("kind", sorted(OPEN_AT_120))
def test_what_could_be_60_or_120_frames_per_second_is_told(kind: str) -> None:
    found = detect_frames(sync_channel(kind, rate_hz=120.0).signal, None, FS)

    told = found.reason or " ".join(found.information)
    assert found.frames.size == 0 or [round(other.rate_hz) for other in found.others] == [120]
    assert "There are no display frames" in told or "a display of 120.0 frames per second" in told


@pytest.mark.parametrize("fs", [10_000.0, 25_000.0])
@pytest.mark.parametrize("end", [0.2, 5.0])
def test_pulses_that_fade_or_grow_are_all_found(end: float, fs: float) -> None:
    channel = sync_channel("clean pulses", fs=fs)
    assert channel.flips is not None
    course = np.linspace(1.0, end, channel.signal.size)
    noise = np.random.default_rng(4).normal(0, 0.02 * HEIGHT, course.size)

    found = detect_frames(channel.signal * course + noise, None, fs, drop_first=0)

    assert found.frames.size == channel.flips.size
    assert distance(found, channel.flips) <= 2
    assert not found.warnings


@pytest.mark.parametrize("kind", sorted(NO_DISPLAY))
@pytest.mark.parametrize("seed", [1, 2])
def test_what_is_no_display_has_no_frames_and_a_reason(kind: str, seed: int) -> None:
    channel = sync_channel(kind, seed=seed)

    found = detect_frames(channel.signal, None, FS)

    assert found.frames.size == 0
    assert found.reason is not None
    assert found.reason in found.warnings
    said = {
        "noise only": "noise only",
        "saturated": "constant",
        "chopped at 240 Hz": "240.0 pulses per second",
    }
    assert said.get(kind, "no display frames") in found.reason


def test_a_display_of_240_frames_per_second_is_one_if_it_is_stated() -> None:
    channel = sync_channel("chopped at 240 Hz")

    found = detect_frames(channel.signal, None, FS, display_rate_hz=240.0)

    assert found.train is not None
    assert found.train.rate_hz == pytest.approx(240.0, rel=1e-3)


def test_toggling_can_be_read_by_its_rising_edges() -> None:
    channel = sync_channel("toggling")
    assert channel.flips is not None

    assert any("both edges" in text for text in detect_frames(channel.signal, None, FS).information)
    found = detect_frames(channel.signal, None, FS, drop_first=0, display_rate_hz=30.0)

    assert found.frames.tolist() == channel.flips[::2].tolist()


def test_a_long_recording_with_one_second_of_flips() -> None:
    rng = np.random.default_rng(2)
    flips = np.arange(8_000_000, 8_020_000, 333)
    signal = rng.normal(0, 0.02 * HEIGHT, 12_000_000).astype(np.float32)
    for flip in flips:
        signal[flip + 1 : flip + 81] += HEIGHT
    by_percentile = step_maxima(signal, 0.1, float(np.percentile(signal[::7], 99.9)))
    assert by_percentile.samples.size > 1e6

    found = detect_frames(signal, None, FS, drop_first=0)

    assert found.frames.tolist() == flips.tolist()


def test_artefacts_of_twenty_times_the_pulses_do_not_hide_them() -> None:
    channel = sync_channel("clean pulses", seed=5)
    assert channel.flips is not None
    signal = channel.signal.copy()
    for place in np.random.default_rng(3).integers(0, signal.size - 40, 12):
        signal[place : place + 40] += 20 * HEIGHT

    found = detect_frames(signal, None, FS, drop_first=0)

    assert abs(found.frames.size - channel.flips.size) <= 4
    assert np.isin(found.frames, channel.flips).mean() > 0.995


def test_levels_that_change_irregularly_are_no_display() -> None:
    levels = np.random.default_rng(1).integers(0, 256, 600).repeat(1_333) * 1e4

    recognised = recognise_display(levels.astype(np.float32), np.array([[0, levels.size]]), FS)

    assert recognised.train is None
    assert "even grid" in str(recognised.reason)


def test_a_channel_that_idles_low_is_read_by_rising_edges_whatever_its_duty() -> None:
    signal = np.zeros(400_000, np.float32)
    flips = np.arange(30_000, 370_000, 333)
    for flip in flips:
        signal[flip + 1 : flip + 234] = HEIGHT

    found = detect_frames(signal, None, FS, drop_first=0)

    assert found.frames.tolist() == flips.tolist()


@pytest.mark.parametrize("high", [False, True])
def test_half_of_a_frame_high_counts_from_the_level_before_the_first_flip(high: bool) -> None:
    flips = np.arange(30_000, 370_000, 333)
    signal = np.zeros(600_000, np.float32)
    for flip in flips:
        signal[flip + 1 : flip + 167] = HEIGHT
    signal[flips[-1] + 1 :] = HEIGHT  # The last frame stays for 11 s.

    found = detect_frames(HEIGHT - signal if high else signal, None, FS, drop_first=0)

    assert found.frames.tolist() == flips.tolist()


@pytest.mark.parametrize("fs", [1_000.0, 10_000.0, 25_000.0, 50_000.0])
def test_the_rate_of_the_recording_does_not_matter(fs: float) -> None:
    channel = sync_channel("clean pulses", fs=fs, seconds=20.0)
    assert channel.flips is not None

    found = detect_frames(channel.signal, None, fs, drop_first=0)

    assert found.frames.tolist() == channel.flips.tolist()
