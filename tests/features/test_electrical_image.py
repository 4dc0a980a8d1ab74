"""Electrical images against scipy on the whole signal, and against footprints that were put in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from hdmea.features.science import eimage_stream as _eimage_stream
from hdmea.features.science.electrical_image import ElectricalImages, electrical_images, select_spikes
from hdmea.utils.exceptions import StepCancelled, ValidationError

FS = 20_000.0
NOISE_SD = 20.0


@dataclass
class MemorySource:
    """Counts held in memory, one array per segment."""

    parts: list[np.ndarray]
    starts: tuple[int, ...] = (0,)
    rows_read: int = 0
    largest_read: int = 0

    @property
    def segments(self) -> np.ndarray:
        return np.array([(s, s + len(p)) for s, p in zip(self.starts, self.parts, strict=True)], np.int64)

    @property
    def n_electrodes(self) -> int:
        return self.parts[0].shape[1]

    def read_counts(self, segment: int, start: int, stop: int) -> np.ndarray:
        assert 0 <= start <= stop <= len(self.parts[segment])
        self.rows_read += stop - start
        self.largest_read = max(self.largest_read, stop - start)
        return self.parts[segment][start:stop]


def counts(
    n_samples: int, n_electrodes: int = 6, *, offset: int = 0, dtype: str = "i2", seed: int = 0
) -> np.ndarray:
    """Noise on a slow drift and on an offset."""
    rng = np.random.default_rng(seed)
    drift = 150 * np.sin(np.arange(n_samples) / 3000)[:, None] * rng.uniform(0.5, 1.5, n_electrodes)
    return np.rint(rng.normal(0, NOISE_SD, (n_samples, n_electrodes)) + drift + offset).astype(dtype)


def reference(
    source: MemorySource,
    train: np.ndarray,
    *,
    cutoff_hz: float = 100.0,
    filter_order: int = 2,
    window_range: tuple[int, int] = (-10, 40),
) -> np.ndarray:
    """Scipy over each whole segment, explicit gather; float64."""
    sos = signal.butter(filter_order, cutoff_hz, "highpass", fs=FS, output="sos")
    w0, w1 = window_range
    windows: list[np.ndarray] = []
    for (first, last), part in zip(source.segments, source.parts, strict=True):
        filtered = signal.sosfiltfilt(sos, part.astype(np.float64), axis=0)
        inside = [spike - first for spike in train if spike + w0 >= first and spike + w1 <= last]
        windows.extend(filtered[spike + w0 : spike + w1] for spike in inside)
    return np.mean(windows, axis=0)


def image(source: MemorySource, *trains: np.ndarray, **options: object) -> ElectricalImages:
    return electrical_images(source, trains, sampling_rate=FS, **options)  # type: ignore[arg-type]


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_eimage_stream, "BLOCK_SAMPLES", 500)


class TestAgainstScipy:
    @pytest.mark.parametrize("cutoff_hz", [30.0, 100.0, 1000.0, 8000.0])
    @pytest.mark.parametrize("filter_order", [1, 2, 3, 4])
    def test_any_filter_equals_sosfiltfilt(self, cutoff_hz: float, filter_order: int) -> None:
        source = MemorySource([counts(30_000)])
        train = np.sort(np.random.default_rng(1).integers(10, 29_960, 50))

        result = image(source, train, cutoff_hz=cutoff_hz, filter_order=filter_order)

        expected = reference(source, train, cutoff_hz=cutoff_hz, filter_order=filter_order)
        np.testing.assert_allclose(result.data[0], expected, rtol=0, atol=3e-7 * np.abs(expected).max())

    @pytest.mark.parametrize(
        "n_samples", [50, 60, 501, 505, 509, 1003, 1006, 1245, 2000, 8192, 8193, 8199, 9437]
    )
    def test_any_segment_length_has_the_right_edges(self, n_samples: int, small_blocks: None) -> None:
        source = MemorySource([counts(n_samples)])
        train = np.unique([10, n_samples // 2, n_samples - 40])
        train = train[(train >= 10) & (train <= n_samples - 40)]

        result = image(source, train)

        np.testing.assert_allclose(
            result.data[0], reference(source, train), rtol=0, atol=1e-9 * NOISE_SD + 2e-5
        )
        assert result.n_spikes_used[0] == train.size

    @pytest.mark.parametrize("cutoff_hz", [1.0, 100.0, 3000.0])
    @pytest.mark.parametrize("order", [1, 2, 5])
    def test_look_ahead_lets_a_wrong_state_fade(self, cutoff_hz: float, order: int) -> None:
        chosen = _eimage_stream.high_pass(cutoff_hz, order, FS)

        silence = np.zeros(chosen.look_ahead + 1)
        echo, _ = signal.sosfilt(chosen.sos, silence, zi=chosen.steady)

        assert abs(echo[-1]) < 1e-10

    @pytest.mark.parametrize(
        ("dtype", "offset"),
        [("i2", 0), ("u2", 32_768), ("u2", 500), (">i2", 0), ("i4", 10**8), ("u4", 2**31), ("i8", -5)],
    )
    def test_integer_type_and_offset_do_not_matter(self, dtype: str, offset: int) -> None:
        plain = counts(20_000, dtype="i8")
        train = np.arange(500, 19_000, 333)

        result = image(MemorySource([(plain + offset).astype(dtype)]), train)

        expected = reference(MemorySource([plain]), train)
        np.testing.assert_allclose(result.data[0], expected, rtol=0, atol=1e-6 * NOISE_SD)

    def test_nothing_is_filtered_across_a_gap(self) -> None:
        parts = [counts(9000, seed=1, offset=500), counts(12_000, seed=2, offset=-900)]
        source = MemorySource(parts, starts=(0, 20_000))
        train = np.array([4000, 8950, 8980, 15_000, 20_005, 20_020, 25_000, 31_950])

        result = image(source, train)

        np.testing.assert_allclose(result.data[0], reference(source, train), rtol=0, atol=1e-6 * NOISE_SD)
        assert result.n_spikes_used[0] == 5
        assert result.n_spikes_excluded[0] == 3

    def test_factors_scale_each_electrode(self) -> None:
        source = MemorySource([counts(10_000)])
        factors = np.array([1.0, 0.5, 2.0, -1.0, 0.0, 10.0])
        train = np.arange(100, 9900, 100)

        scaled = image(source, train, factors=factors).data

        np.testing.assert_allclose(scaled, image(source, train).data * factors, rtol=1e-6)


class TestIndependence:
    def test_chunk_duration_changes_nothing(self) -> None:
        source = MemorySource([counts(30_000, 70)])
        trains = [np.sort(np.random.default_rng(i).integers(0, 30_000, 200)) for i in range(3)]

        whole = image(source, *trains, chunk_duration_s=10).data
        for chunk in (0.001, 0.01, 0.3, 1.0):
            source.largest_read = 0
            assert image(source, *trains, chunk_duration_s=chunk).data.tobytes() == whole.tobytes()
            assert source.largest_read <= chunk * FS

    def test_block_size_changes_nothing_that_counts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        source = MemorySource([counts(30_000)])
        train = np.sort(np.random.default_rng(5).integers(0, 30_000, 300))
        whole = image(source, train).data

        monkeypatch.setattr(_eimage_stream, "BLOCK_SAMPLES", 1)

        np.testing.assert_allclose(image(source, train).data, whole, rtol=0, atol=1e-6 * NOISE_SD)

    @pytest.mark.parametrize("skip_highpass", [False, True])
    def test_one_thread_and_two_give_the_same_bytes(self, skip_highpass: bool) -> None:
        source = MemorySource([counts(25_000, 150)])
        trains = [np.sort(np.random.default_rng(i).integers(0, 25_000, 100)) for i in range(5)]

        one = image(source, *trains, workers=1, skip_highpass=skip_highpass).data
        two = image(source, *trains, workers=2, skip_highpass=skip_highpass).data
        three = image(source, *trains, workers=3, skip_highpass=skip_highpass).data

        assert one.tobytes() == two.tobytes() == three.tobytes()

    def test_other_units_do_not_matter(self) -> None:
        source = MemorySource([counts(20_000)])
        a, b = np.arange(100, 19_000, 250), np.arange(100, 9000, 77)

        together = image(source, a, b).data

        assert together[0].tobytes() == image(source, a).data[0].tobytes()
        assert together[1].tobytes() == image(source, b, a).data[0].tobytes()

    def test_reading_ends_with_the_last_window(self) -> None:
        source = MemorySource([counts(100_000)])

        image(source, np.array([500, 900]))

        assert source.rows_read < 4000


class TestSelection:
    SEGMENTS = np.array([[0, 1000], [2000, 3000]])

    @settings(max_examples=60)
    @given(
        spikes=st.lists(st.integers(0, 3200), max_size=40),
        stop=st.integers(1, 3300),
        limit=st.integers(0, 20),
        w0=st.integers(-50, 20),
        length=st.integers(1, 80),
    )
    def test_used_and_excluded_follow_the_rules(
        self, spikes: list[int], stop: int, limit: int, w0: int, length: int
    ) -> None:
        train = np.array(sorted(spikes), np.uint64)

        chosen = select_spikes([train], self.SEGMENTS, stop, limit, (w0, w0 + length))

        considered = [s for s in sorted(spikes) if s < stop]
        considered = considered[:limit] if limit else considered
        inside = [
            s
            for s in considered
            if any(a <= s + w0 and s + w0 + length <= b for a, b in self.SEGMENTS.tolist())
        ]
        assert chosen.n_used.tolist() == [len(inside)]
        assert chosen.n_excluded.tolist() == [len(considered) - len(inside)]
        assert (self.SEGMENTS[chosen.segment, 0] + chosen.start - w0).tolist() == inside

    def test_average_divides_by_the_number_used(self) -> None:
        source = MemorySource([counts(5000)])

        result = image(source, np.array([3, 2000, 4990]))

        assert (result.n_spikes_used[0], result.n_spikes_excluded[0]) == (1, 2)
        np.testing.assert_allclose(result.data[0], reference(source, np.array([2000])), rtol=0, atol=1e-5)

    def test_unit_without_usable_spike_is_nan_with_count_zero(self) -> None:
        source = MemorySource([counts(5000)])

        result = image(source, np.array([], np.uint64), np.array([2, 4999]), np.array([100]))

        assert np.isnan(result.data[:2]).all()
        assert np.isfinite(result.data[2]).all()
        assert result.n_spikes_used.tolist() == [0, 0, 1]

    def test_duration_ends_the_choice_of_spikes_but_not_the_windows(self) -> None:
        source = MemorySource([counts(5000)])
        train = np.array([1000, 1999, 2000])

        result = image(source, train, duration_s=0.1)

        assert result.n_spikes_used[0] == 2
        np.testing.assert_allclose(result.data[0], reference(source, train[:2]), rtol=0, atol=1e-5)

    @pytest.mark.parametrize(("duration_s", "rate"), [(1.1, 25_000.0), (0.9, 1e6 / 60)])
    def test_duration_is_exact_where_floating_point_is_not(self, duration_s: float, rate: float) -> None:
        end = round(duration_s * rate)
        source = MemorySource([counts(end + 100)])

        result = electrical_images(
            source, [np.array([end - 1, end])], sampling_rate=rate, duration_s=duration_s
        )

        assert result.n_spikes_used[0] == 1


class TestWithoutHighPass:
    def test_mean_of_the_analysed_time_is_subtracted(self) -> None:
        part = counts(6000, offset=32_768, dtype="u2")
        train = np.array([500, 1500, 1990])

        result = image(MemorySource([part]), train, skip_highpass=True, duration_s=0.1)

        gathered = np.mean([part[s - 10 : s + 40].astype(float) for s in train], axis=0)
        np.testing.assert_allclose(
            result.data[0], gathered - part[:2000].mean(axis=0), rtol=0, atol=1e-6 * NOISE_SD
        )

    def test_gap_is_no_part_of_the_mean(self) -> None:
        parts = [counts(3000, seed=1), counts(3000, seed=2, offset=70)]

        result = image(MemorySource(parts, starts=(0, 9000)), np.array([500, 9500]), skip_highpass=True)

        both = np.concatenate(parts).astype(float)
        gathered = (parts[0][490:540].astype(float) + parts[1][490:540]) / 2
        np.testing.assert_allclose(result.data[0], gathered - both.mean(axis=0), rtol=1e-6, atol=1e-5)


def test_known_footprint_comes_back_with_amplitude_place_and_delay() -> None:
    rng = np.random.default_rng(7)
    footprint = np.zeros((30, 8))
    shape = -np.exp(-0.5 * ((np.arange(30) - 8) / 2.0) ** 2) + 0.4 * np.exp(
        -0.5 * ((np.arange(30) - 15) / 3) ** 2
    )
    for electrode, (gain, delay) in enumerate([(0, 0), (300, 0), (80, 4), (40, 8)]):
        footprint[:, electrode] = gain * np.roll(shape, delay)
    voltage = rng.normal(0, 15, (60_000, 8))
    train = np.arange(400, 59_000, 300) + rng.integers(0, 50, 196)
    for spike in train:
        voltage[spike - 8 : spike + 22] += footprint
    raw = np.rint(voltage + 32_768).astype(np.uint16)

    result = image(MemorySource([raw]), train).data[0]

    for electrode, delay in [(1, 0), (2, 4)]:
        assert result[:, electrode].argmin() == pytest.approx(10 + delay, abs=1)
        assert np.ptp(result[:, electrode]) == pytest.approx(np.ptp(footprint[:, electrode]), rel=0.05)
    assert np.ptp(result, axis=0).argmax() == 1


@settings(max_examples=15)
@given(gain=st.integers(1, 50), offset=st.integers(-10_000, 10_000), lag=st.integers(0, 3000))
def test_gain_scales_offset_vanishes_and_time_shift_is_followed(gain: int, offset: int, lag: int) -> None:
    base = counts(8000, 3, dtype="i4")
    train = np.arange(3500, 4500, 100)

    plain = image(MemorySource([base], starts=(0,)), train).data
    changed = image(MemorySource([base * gain + offset], starts=(lag,)), train + lag).data

    np.testing.assert_allclose(changed, plain * gain, rtol=0, atol=1e-6 * gain * np.abs(plain).max())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cutoff_hz": 10_000.0}, "half the sampling rate"),
        ({"cutoff_hz": 0.0}, "half the sampling rate"),
        ({"filter_order": 0}, "filter_order"),
        ({"window_range": (5, 5)}, "window_range"),
        ({"duration_s": 0.0}, "durations must be greater than 0"),
        ({"spike_limit": -1}, "most spikes at least 0"),
    ],
)
def test_senseless_parameters_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        image(MemorySource([counts(500)]), np.array([100]), **options)


def test_stopping_passes_the_exception_on(small_blocks: None) -> None:
    def stop(fraction: float) -> None:
        raise StepCancelled("stopped")

    source = MemorySource([counts(50_000)])
    with pytest.raises(StepCancelled):
        image(source, np.array([100, 49_000]), progress=stop)
    assert source.rows_read < 10_000


@pytest.mark.parametrize("dtype", ["f2", "f4", ">f4", "f8"])
def test_real_numbers_are_averaged_like_integers(dtype: str) -> None:
    plain = np.clip(counts(9000), -2000, 2000)
    train = np.arange(100, 8900, 100)

    result = image(MemorySource([plain.astype(dtype)]), train)

    np.testing.assert_array_equal(result.data, image(MemorySource([plain]), train).data)


def test_complex_numbers_are_no_counts() -> None:
    with pytest.raises(ValidationError, match="real numbers"):
        image(MemorySource([np.zeros((500, 2), complex)]), np.array([100]))
