"""What raw data tell of electrodes, against signals that were made with known faults."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from hdmea.features.science.electrode_survey import crossing_times, survey_electrodes

RATE = 20_000.0
EDGE = 6
N = EDGE * EDGE
SECONDS = 14
NOISE = 10.0


@dataclass
class Counts:
    """Raw counts in memory, in two data groups."""

    data: NDArray[np.int16]
    segments: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        half = len(self.data) // 2
        # The second group begins a second late: samples of the clock are not rows of the data.
        self.segments = np.array([[0, half], [half + 20_000, len(self.data) + 20_000]])

    @property
    def n_electrodes(self) -> int:
        return self.data.shape[1]

    def read_counts(self, segment: int, start: int, stop: int) -> NDArray[np.int16]:
        offset = segment * (len(self.data) // 2)
        return self.data[offset + start : offset + stop]


@pytest.fixture(scope="module")
def quiet() -> NDArray[np.float64]:
    """White noise on all electrodes."""
    return np.random.default_rng(5).normal(0, NOISE, (int(SECONDS * RATE), N))


def positions() -> NDArray[np.int64]:
    return np.stack(np.indices((EDGE, EDGE)).reshape(2, -1), axis=1) + 1


def as_counts(signal: NDArray[np.float64]) -> Counts:
    return Counts(np.clip(np.rint(signal), -32768, 32767).astype(np.int16))


def spikes(times: NDArray[np.int64], n_samples: int) -> NDArray[np.float64]:
    """Troughs of 1 ms and ten times the noise."""
    train = np.zeros(n_samples)
    train[times] = 1.0
    return np.convolve(train, -10 * NOISE * np.hanning(21), "same")


def test_good_electrodes_have_no_fault_and_no_crossing(quiet: NDArray[np.float64]) -> None:
    found = survey_electrodes(as_counts(quiet), positions(), sampling_rate=RATE, workers=2)
    assert not any(found.noise.reasons)
    assert not found.saturated.any()
    assert not found.hums.any()
    assert len(found.windows_s) == 7
    assert found.rates_hz.mean() < 0.05
    np.testing.assert_allclose(found.noise.sd, NOISE, rtol=0.1)


def test_each_fault_is_found_on_its_electrode_alone(quiet: NDArray[np.float64]) -> None:
    signal = quiet.copy()
    n = len(signal)
    signal[:, 3] = 17.0  # dead
    signal[:, 8] *= 30  # loose
    signal[n // 3 :, 14] = 32767.0  # saturated for two thirds of the time
    signal[:, 20] = np.clip(signal[:, 20] * 3, -20, 20)  # clipped, but never for as long as 1 ms
    signal[:, 25] = -32768.0  # saturated all the time
    signal[(np.arange(n) // 400) % 5 == 0, 29] = 500.0  # again and again for 20 ms
    found = survey_electrodes(as_counts(signal), positions(), sampling_rate=RATE)
    assert found.noise.reasons[3] == "constant"
    assert found.noise.reasons[8] == "noisy"
    assert np.flatnonzero(found.saturated).tolist() == [14, 25, 29]


def test_a_nearly_silent_electrode_is_silent_and_not_saturated(quiet: NDArray[np.float64]) -> None:
    signal = quiet.copy()
    signal[:, 6] = np.random.default_rng(1).integers(0, 2, len(signal))
    found = survey_electrodes(as_counts(signal), positions(), sampling_rate=RATE)
    assert found.noise.reasons[6] in ("silent", "constant")
    assert not found.saturated.any()


@pytest.mark.parametrize("mains", [50.0, 60.0])
def test_hum_is_measured_in_microvolts_where_it_is(quiet: NDArray[np.float64], mains: float) -> None:
    time = np.arange(len(quiet)) / RATE
    hum = np.sin(2 * np.pi * mains * time) + 0.5 * np.sin(2 * np.pi * 3 * mains * time + 1)
    signal = quiet + 20.0 * hum[:, None] * (np.arange(N) < 30)
    factors = np.full(N, 0.5)
    found = survey_electrodes(as_counts(signal), positions(), sampling_rate=RATE, factors=factors)
    assert found.hum_hz == mains
    assert np.flatnonzero(found.hums).tolist() == list(range(30))
    expected = 0.5 * 20.0 * np.sqrt((1 + 0.25) / 2)
    np.testing.assert_allclose(found.hum_rms[:30], expected, rtol=0.03)
    assert found.hum_rms[30:].max() < 0.05 * expected


def test_activity_at_other_frequencies_is_no_hum(quiet: NDArray[np.float64]) -> None:
    time = np.arange(len(quiet)) / RATE
    signal = quiet + 20.0 * np.sin(2 * np.pi * 41.3 * time)[:, None]
    found = survey_electrodes(as_counts(signal), positions(), sampling_rate=RATE)
    assert not found.hums.any()


def test_data_too_short_for_hum_say_so(quiet: NDArray[np.float64]) -> None:
    found = survey_electrodes(as_counts(quiet[: int(0.4 * RATE)]), positions(), sampling_rate=RATE)
    assert np.isnan(found.hum_hz)
    assert np.isnan(found.hum_rms).all()


def test_crossings_are_the_spikes_that_were_put_in(quiet: NDArray[np.float64]) -> None:
    rng = np.random.default_rng(3)
    n = len(quiet)
    times = np.sort(rng.choice(np.arange(200, n - 200, 200), 300, replace=False))
    signal = quiet.copy()
    signal[:, 10] += spikes(times, n)
    source = as_counts(signal)
    half = n // 2
    begin, end = 30_000, n
    found = crossing_times(source, [10, 11], [NOISE, NOISE], [(begin, end)], sampling_rate=RATE)
    clock = np.where(times < half, times, times + 20_000)
    expected = clock[(clock >= begin) & (clock < end)]
    assert found[1].size <= 2
    # The threshold is crossed up to half a millisecond before the trough.
    late = expected[np.searchsorted(expected, found[0], side="left").clip(0, len(expected) - 1)] - found[0]
    assert np.mean((late >= 0) & (late <= 10)) > 0.99
    assert abs(found[0].size - expected.size) <= 3


def test_rates_fall_with_the_spikes(quiet: NDArray[np.float64]) -> None:
    n = len(quiet)
    early = np.arange(200, n // 2, 400)
    signal = quiet.copy()
    signal[:, 12] += spikes(early, n)
    found = survey_electrodes(as_counts(signal), positions(), sampling_rate=RATE)
    rates = found.rates_hz[:, 12]
    np.testing.assert_allclose(rates[:3], 50, rtol=0.05)
    assert rates[-3:].max() == 0


def test_the_number_of_threads_changes_nothing(quiet: NDArray[np.float64]) -> None:
    one, two = (
        survey_electrodes(as_counts(quiet), positions(), sampling_rate=RATE, workers=workers)
        for workers in (1, 2)
    )
    np.testing.assert_array_equal(one.crossings, two.crossings)
    np.testing.assert_array_equal(one.hum_rms, two.hum_rms)


def test_stopping_stops_within_a_window(quiet: NDArray[np.float64]) -> None:
    def stop(fraction: float) -> None:
        if fraction > 0.2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        survey_electrodes(as_counts(quiet), positions(), sampling_rate=RATE, progress=stop)
