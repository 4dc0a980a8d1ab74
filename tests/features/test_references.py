"""Our numbers against independent implementations.

Those of the field (elephant, spikeinterface, pynapple) come with the extra `reference`; without it their
tests are skipped.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy import optimize, stats

from hdmea.features.extractors.baseline import baseline
from hdmea.features.extractors.frif import frif
from hdmea.features.extractors.moving_bar import moving_bar
from hdmea.features.science.direction_tuning import direction_tuning
from hdmea.features.science.electrical_image import electrical_images
from hdmea.features.science.linear_nonlinear import fit_exponential
from hdmea.features.science.spike_train import amplitude_cutoff
from hdmea.features.science.spike_triggered_average import spike_triggered_averages
from hdmea.features.science.trial_rates import trial_rates
from hdmea.features.science.waveform_shape import waveform_shape
from tests.features.movies import movie_recording
from tests.features.recordings import RATE, recording
from tests.features.test_electrical_image import MemorySource, counts

pytestmark = pytest.mark.filterwarnings("ignore")
"""What other packages deprecate is not ours."""

S = int(RATE)
DURATION_S = 290.0
FRAME = 333


def reference(module: str) -> Any:
    return pytest.importorskip(module, reason=f"{module} is not installed (extra 'reference')")


@pytest.fixture
def elephant() -> ModuleType:
    reference("neo")
    return reference("elephant.statistics")  # type: ignore[no-any-return]


@pytest.fixture
def quality() -> ModuleType:
    return reference("spikeinterface.metrics.quality.misc_metrics")  # type: ignore[no-any-return]


@pytest.fixture
def pynapple() -> ModuleType:
    return reference("pynapple")  # type: ignore[no-any-return]


def train(kind: str) -> np.ndarray:
    """Ascending samples of one unit, within the recording."""
    rng = np.random.default_rng(7)
    n = 6000
    intervals = {
        "poisson": rng.exponential(900, n),
        "refractory": 60 + rng.exponential(800, n),
        "regular": rng.gamma(20, 45, n),
        "bursting": np.where(rng.random(n) < 0.7, rng.uniform(20, 100, n), rng.exponential(3000, n)),
        "drifting": rng.exponential(np.linspace(300, 12_000, n)),
        "sparse": rng.exponential(20 * S, n),
    }[kind]
    found = np.unique(np.cumsum(intervals).astype(np.int64))
    return found[found < DURATION_S * S]


KINDS = ("poisson", "refractory", "regular", "bursting", "drifting")


def ours(spikes: np.ndarray, **options: Any) -> dict[str, Any]:
    table = baseline.compute(recording(spikes, duration_s=DURATION_S, **options))
    return {name: values[0] for name, values in table.units.items()}


class TestBaseline:
    @pytest.mark.parametrize("kind", KINDS)
    def test_variation_of_intervals_is_that_of_elephant(self, elephant: Any, kind: str) -> None:
        import neo
        import quantities as pq

        spikes = train(kind)
        isi = elephant.isi(neo.SpikeTrain(spikes / RATE * pq.s, t_stop=DURATION_S * pq.s))

        found = ours(spikes)

        assert found["cv_isi"] == pytest.approx(elephant.cv(isi.magnitude), rel=1e-9)
        assert found["lv"] == pytest.approx(elephant.lv(isi.magnitude), rel=1e-9)
        assert found["median_isi_ms"] == pytest.approx(float(np.median(isi.rescale("ms").magnitude)))

    @pytest.mark.parametrize("kind", KINDS)
    def test_base_rate_and_its_sd_are_those_of_elephant(self, elephant: Any, kind: str) -> None:
        import neo
        import quantities as pq

        spikes, (start, stop) = train(kind), (20, 80)
        # Half a sample into the bin: elephant's bins are floating-point seconds.
        whole = neo.SpikeTrain((spikes + 0.5) / RATE * pq.s, t_stop=(DURATION_S + 1) * pq.s)
        part = whole.time_slice(start * pq.s, stop * pq.s)
        per_second = elephant.time_histogram([part], 1 * pq.s, t_start=start * pq.s, t_stop=stop * pq.s)

        found = ours(spikes, sections={"baseline_127": [[start * S, stop * S]]})

        mean = elephant.mean_firing_rate(part, t_start=start * pq.s, t_stop=stop * pq.s)
        assert found["baseline_rate"] == pytest.approx(float(mean.rescale("Hz")))
        assert found["baseline_rate_sd"] == pytest.approx(np.std(per_second.magnitude, ddof=1))

    @pytest.mark.parametrize("kind", [*KINDS, "sparse"])
    def test_violations_and_presence_are_those_of_spikeinterface(self, quality: Any, kind: str) -> None:
        spikes = train(kind)
        # In samples, where its comparison with the threshold is exact.
        ratio, _, n = quality.isi_violations([spikes], DURATION_S * S, isi_threshold_s=0.0015 * S)
        presence = quality.presence_ratio(spikes, bin_edges=np.arange(5) * 60 * S)

        found = ours(spikes)

        assert found["isi_violation_ratio"] == pytest.approx(ratio, rel=1e-12)
        assert found["isi_violation_fraction"] == pytest.approx(n / (spikes.size - 1), rel=1e-12)
        assert found["presence_ratio"] == pytest.approx(presence)

    @pytest.mark.parametrize("lowest", [-np.inf, -2.0, -1.5, -1.0])
    def test_amplitude_cutoff_is_that_of_spikeinterface(self, quality: Any, lowest: float) -> None:
        deviates = np.random.default_rng(1).normal(size=20_000)
        amplitudes = 100 + 10 * deviates[deviates > lowest]

        # It smooths counts to whole numbers: that is exact enough only of large ones.
        expected = quality.amplitude_cutoff(np.repeat(amplitudes, 200))
        assert amplitude_cutoff(-amplitudes) == pytest.approx(expected, abs=1e-4)


class TestFrames:
    def rates(self) -> tuple[np.ndarray, list[np.ndarray]]:
        rng = np.random.default_rng(3)
        frames = 4000 + np.cumsum(rng.integers(331, 336, 3000))
        # A spike on a refresh belongs to the frame that begins; pynapple gives it to both. It also leaves
        # out trials without a spike, so there is none.
        trains = [np.setdiff1d(rng.integers(0, frames[-1] + 500, n), frames) for n in (200, 800, 9000)]
        return frames, trains

    def test_frame_rates_are_those_of_pynapple(self, pynapple: Any) -> None:
        frames, trains = self.rates()
        group = pynapple.TsGroup({unit: pynapple.Ts(spikes / RATE) for unit, spikes in enumerate(trains)})
        in_frames = pynapple.IntervalSet(frames[:-1] / RATE, frames[1:] / RATE)
        shown = [[len(group[unit].restrict(in_frames[k])) for k in range(100, 160)] for unit in range(3)]

        found = frif.compute(recording(*trains, frames=frames)).units["FRIF"]

        expected = np.array(shown) / (np.diff(frames)[100:160] / RATE)
        np.testing.assert_allclose(np.stack(found)[:, 100:160], expected, rtol=1e-6)

    def test_trials_are_those_of_pynapple(self, pynapple: Any) -> None:
        frames, trains = self.rates()
        starts, length = np.array([150, 900, 2000]), 300
        window = (0, (frames[starts + length] - frames[starts]).min() / RATE)

        found = trial_rates(trains, frames, starts, length, RATE)

        for unit, spikes in enumerate(trains):
            events = pynapple.Ts(frames[starts] / RATE)
            aligned = pynapple.compute_perievent(pynapple.Ts(spikes / RATE), events, window)
            for trial in range(3):
                edges = (frames[starts[trial] : starts[trial] + length] - frames[starts[trial]]) / RATE
                expected, _ = np.histogram(aligned[trial].t, edges)
                np.testing.assert_array_equal(found.counts[unit, trial, : length - 1], expected)

    def test_tuning_curve_is_that_of_pynapple(self, pynapple: Any) -> None:
        fires = np.random.default_rng(2).poisson(np.linspace(0.01, 0.2, 4520), (1, 3, 4520))
        shown = movie_recording("moving_h_bar_s5_d8_3x", fires)
        frames = shown.metadata["frame_timestamps"].astype(np.int64)
        rate = shown.acquisition_rate
        starts = frames[150 + np.arange(3)[:, None] * 4520 + np.arange(8) * 565] / rate
        # Without the last thousandth of a frame: intervals of pynapple are closed.
        length = 564.999 / 60
        sweeps = {str(k): pynapple.IntervalSet(starts[:, k], starts[:, k] + length) for k in range(8)}
        spikes = shown.units["unit_001"]["spike_times"] / rate

        expected = pynapple.compute_response_per_epoch(pynapple.TsGroup({0: pynapple.Ts(spikes)}), sweeps)

        found = moving_bar.compute(shown).units["tuning_curve_full_sweep"][0] / length
        np.testing.assert_allclose(found, expected.values[0], rtol=1e-6)


class TestAverages:
    def test_electrical_image_is_that_of_elephant(self, elephant: Any) -> None:
        import neo
        import quantities as pq
        from elephant.signal_processing import butter
        from elephant.sta import spike_triggered_average

        raw = counts(20_000, 4, offset=2000)
        spikes = np.sort(np.random.default_rng(5).choice(np.arange(50, 19_000), 60, replace=False))
        volts = neo.AnalogSignal(raw.astype(float), units="uV", sampling_rate=RATE * pq.Hz)
        clean = butter(volts, 100 * pq.Hz, order=2, filter_function="sosfiltfilt")
        times = neo.SpikeTrain((spikes + 0.5) / RATE * pq.s, t_stop=volts.t_stop)
        expected = spike_triggered_average(clean, times, (-10 / RATE * pq.s, 40 / RATE * pq.s))

        found = electrical_images(
            MemorySource([raw]), [spikes], sampling_rate=RATE, window_range=(-10, 40), cutoff_hz=100.0
        )

        assert found.n_spikes_used[0] == expected.annotations["used_spikes"][0]
        np.testing.assert_allclose(found.data[0], expected.magnitude[:50], atol=1e-4)

    def test_noise_average_is_that_of_pynapple(self, pynapple: Any) -> None:
        rng = np.random.default_rng(6)
        movie = rng.integers(0, 256, (900, 3, 4), dtype=np.uint8)
        # Windows that leave the movie are left out by us, and made shorter by pynapple.
        k = np.sort(rng.integers(30, 870, 200))
        shown = pynapple.TsdTensor(t=np.arange(900) * 0.016, d=movie.astype(float))
        events = pynapple.Ts(np.unique(k) * 0.016)

        expected = pynapple.compute_spike_triggered_average(shown, events, 0.016, (20 * 0.016, 0))

        found = spike_triggered_averages(movie, [np.unique(k)], (-20, 1)).data[0]
        np.testing.assert_allclose(found, np.asarray(expected).reshape(found.shape), rtol=1e-6)


class TestWaveform:
    def test_duration_and_half_width_are_those_of_spikeinterface(self) -> None:
        metrics = reference("spikeinterface.metrics.template.metrics")
        ms = np.arange(-1, 3, 1 / 20)
        for delay, width in ((0.4, 0.1), (0.6, 0.2), (0.8, 0.15)):
            wave = -100 * np.exp(-0.5 * (ms / width) ** 2)
            wave += 30 * np.exp(-0.5 * ((ms - delay) / 0.3) ** 2)
            extrema = metrics.get_trough_and_peak_idx(wave, RATE)

            found = waveform_shape(wave[None], RATE)

            # Its times are those of samples (0.05 ms), ours lie between them.
            duration = 1e3 * metrics.get_peak_to_trough_duration(extrema, RATE)
            assert found.trough_to_peak_ms[0] == pytest.approx(duration, abs=0.05)
            half, _ = metrics.get_half_widths(wave, RATE, extrema)
            assert found.half_width_ms[0] == pytest.approx(1e3 * half, abs=0.05)


class TestScipy:
    def test_selectivity_is_the_mean_resultant_length_of_the_spikes(self) -> None:
        directions = np.arange(8) * 45.0
        responses = np.random.default_rng(8).poisson(np.linspace(1, 9, 8), (1, 3, 8))
        angles = np.deg2rad(np.repeat(directions, responses[0].sum(axis=0)))

        found = direction_tuning(responses, directions, n_permutations=100)

        for turn, index in ((1, found.dsi[0]), (2, found.osi[0])):
            on_circle = np.stack([np.cos(turn * angles), np.sin(turn * angles)], axis=1)
            length = stats.directional_stats(on_circle).mean_resultant_length
            assert index == pytest.approx(float(length))
        mean = np.rad2deg(stats.circmean(angles))
        axis = np.rad2deg(stats.circmean(angles, high=np.pi))
        assert found.preferred_direction[0] == pytest.approx(mean)
        assert found.preferred_motion_axis[0] == pytest.approx(axis)

    def test_exponential_is_the_maximum_of_the_likelihood(self) -> None:
        rng = np.random.default_rng(9)
        g, duration = rng.normal(0, 1, 4000), rng.uniform(0.01, 0.05, 4000)
        spikes = rng.poisson(duration * np.exp(2.5 + 0.7 * g))

        def loss(p: np.ndarray) -> float:
            return float(-stats.poisson.logpmf(spikes, duration * np.exp(p[0] + p[1] * g)).sum())

        best = optimize.minimize(loss, [1.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-6})

        assert fit_exponential(g, spikes, duration) == pytest.approx(tuple(best.x), abs=1e-4)
