"""Sines of known frequency; the feature chirp."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from hdmea.features.extractors.chirp import chirp, settling_frames
from hdmea.features.science.sine_fit import fit_sine, frequency_response
from hdmea.stimuli.definition import StimulusEvent, packaged_definitions
from hdmea.utils.exceptions import ValidationError
from tests.features.movies import movie_recording

MOVIE = "freq_step_5st_3x"
DT = 1 / 60


def sine(hz: float, amplitude: float, phase: float, offset: float = 20.0, skip: int = 0, n: int = 240):
    """Exact mean of the sine over each bin."""
    edges = (skip + np.arange(n + 1)) * DT
    integral = offset * edges - amplitude / (2 * np.pi * hz) * np.cos(2 * np.pi * hz * edges + phase)
    return np.diff(integral) / DT


class TestExact:
    @pytest.mark.parametrize("hz", [0.5, 1.0, 2.0, 4.0, 10.0])
    @pytest.mark.parametrize("skip", [0, 60])
    def test_amplitude_phase_and_offset(self, hz: float, skip: int) -> None:
        n = 240 if (240 - skip) * DT * hz % 1 == 0 else 180
        rates = np.repeat(sine(hz, 7.0, 0.8, skip=skip, n=n)[None, None], 3, axis=1)

        fit = fit_sine(rates, hz, DT, skip)

        assert fit.amplitude[0] == pytest.approx(7, rel=1e-9)
        assert fit.phase[0] == pytest.approx(0.8, abs=1e-9)
        assert fit.offset[0] == pytest.approx(20, rel=1e-3 if skip else 1e-9)
        assert fit.r2[0] == pytest.approx(1)
        assert fit.p[0] < 1e-6
        assert fit.amplitude_low[0] == fit.amplitude_high[0] == pytest.approx(7)

    def test_bin_means_of_the_helper_are_integrals(self) -> None:
        value, _ = integrate.quad(lambda t: 20 + 7 * np.sin(2 * np.pi * 4 * t + 0.8), 5 * DT, 6 * DT)

        assert sine(4, 7, 0.8)[5] == pytest.approx(value / DT)

    def test_second_harmonic_of_a_rectifying_cell(self) -> None:
        rates = sine(4.0, 6.0, 0.3)[None, None]

        fit = fit_sine(rates, 2.0, DT)

        assert fit.amplitude[0] == pytest.approx(0, abs=1e-9)
        assert fit.f2[0] == pytest.approx(6)

    def test_ratio_of_harmonics(self) -> None:
        rates = (sine(2.0, 8.0, 0.0) + sine(4.0, 2.0, 1.0, offset=0))[None, None]

        assert fit_sine(rates, 2.0, DT).f2_f1[0] == pytest.approx(0.25)

    @pytest.mark.parametrize("level", [0.0, 17.3])
    def test_constant_rate(self, level: float) -> None:
        fit = fit_sine(np.full((1, 3, 240), level), 2.0, DT)

        assert fit.amplitude[0] == fit.f2[0] == 0
        assert fit.offset[0] == pytest.approx(level)
        for name in ("phase", "r2", "p", "f2_f1"):
            assert np.isnan(getattr(fit, name)[0])

    def test_error_and_amplitude_are_those_of_the_trials(self) -> None:
        rates = np.random.default_rng(0).normal(10, 3, (1, 4, 120)) + sine(2, 5.0, 0.2, n=120)
        trials = [fit_sine(rates[:, [k]], 2.0, DT) for k in range(4)]
        a = np.array([fit.amplitude[0] * np.exp(1j * fit.phase[0]) for fit in trials])
        se = np.sqrt(np.sum(np.abs(a - a.mean()) ** 2) / (2 * 4 * 3))

        fit = fit_sine(rates, 2.0, DT)

        assert fit.amplitude_se[0] == pytest.approx(se)
        assert fit.amplitude[0] == pytest.approx(np.sqrt(np.abs(a.mean()) ** 2 - se**2))
        assert fit.amplitude_low[0] < fit.amplitude[0] < fit.amplitude_high[0]

    def test_p_is_that_of_two_samples_of_coefficients(self) -> None:
        rates = np.random.default_rng(2).normal(10, 3, (1, 5, 120)) + sine(2, 1.5, 0.2, n=120)
        fit = fit_sine(rates, 2.0, DT)
        length = np.hypot(fit.amplitude, fit.amplitude_se)

        assert fit.p[0] == pytest.approx(stats.f.sf(length[0] ** 2 / (2 * fit.amplitude_se[0] ** 2), 2, 8))

    def test_two_trials_have_no_p_and_no_interval(self) -> None:
        fit = fit_sine(np.random.default_rng(1).poisson(1, (1, 2, 120)), 2.0, DT)

        assert np.isnan([fit.p[0], fit.amplitude_low[0], fit.amplitude_high[0]]).all()

    def test_too_few_bins_are_refused(self) -> None:
        with pytest.raises(ValidationError, match="too few"):
            fit_sine(np.ones((1, 1, 5)), 2.0, DT)


class TestSignificance:
    @pytest.mark.parametrize("rate", [2.0, 5.0, 40.0])
    def test_p_values_of_poisson_units_are_uniform(self, rate: float) -> None:
        rates = np.random.default_rng(3).poisson(rate * DT, (500, 3, 180)) * 60.0

        p = fit_sine(rates, 4.0, DT, 60).p

        assert stats.kstest(p, "uniform").pvalue > 0.01

    @pytest.mark.parametrize("rate", [0.1, 0.5])
    def test_few_spikes_never_make_p_too_small(self, rate: float) -> None:
        p = fit_sine(np.random.default_rng(4).poisson(rate * DT, (1000, 3, 180)) * 60.0, 4.0, DT, 60).p
        p = p[np.isfinite(p)]

        for alpha in (0.01, 0.05):
            assert (p <= alpha).mean() <= alpha + 2.5 * np.sqrt(alpha / p.size)

    def test_bursts_are_no_sine(self) -> None:
        rng = np.random.default_rng(5)
        counts = np.zeros((400, 3, 240))
        for unit, trial in np.ndindex(400, 3):
            starts = rng.uniform(-0.1, 4, rng.poisson(5 * 4.1 / 8))
            times = (starts[:, None] + np.cumsum(rng.exponential(0.01, (starts.size, 8)), axis=1)).ravel()
            inside = times[(times >= 0) & (times < 4)]
            np.add.at(counts[unit, trial], (inside * 60).astype(int), 1)

        p = fit_sine(counts * 60.0, 0.5, DT).p

        assert (p <= 0.05).mean() <= 0.08
        assert (p <= 0.01).mean() <= 0.03


class TestAmplitude:
    @pytest.mark.parametrize("truth", [0.0, 2.0, 8.0])
    def test_interval_holds_the_truth_and_the_bias_is_small(self, truth: float) -> None:
        mean = sine(2.0, truth, 0.4, skip=60, n=180)
        rates = np.random.default_rng(6).poisson(np.broadcast_to(mean * DT, (1500, 3, 180))) / DT

        fit = fit_sine(rates, 2.0, DT, 60)

        inside = (fit.amplitude_low <= truth) & (truth <= fit.amplitude_high)
        assert 0.93 <= inside.mean() <= (1 if truth == 0 else 0.97)
        se = np.sqrt(2 * 20 / 9)
        if truth >= 2 * se:
            assert abs(fit.amplitude.mean() - truth) <= 0.1 * se


@given(st.floats(0.1, 40), st.floats(-3.1, 3.1), st.floats(0.1, 20), st.sampled_from([0.5, 1, 2, 4, 10]))
@settings(max_examples=40)
def test_any_sine_is_recovered_and_scales(amplitude: float, phase: float, scale: float, hz: float) -> None:
    rates = sine(hz, amplitude, phase)[None, None]

    fit, scaled = fit_sine(rates, hz, DT), fit_sine(rates * scale, hz, DT)

    assert fit.amplitude[0] == pytest.approx(amplitude, rel=1e-6)
    assert np.angle(np.exp(1j * (fit.phase[0] - phase))) == pytest.approx(0, abs=1e-6)
    assert scaled.amplitude[0] == pytest.approx(scale * amplitude, rel=1e-6)


class TestFrequencyResponse:
    F = (0.5, 1.0, 2.0, 4.0, 10.0)

    def of(self, amplitudes: list[float], p: float = 1e-6, se: float = 0.1):
        a = np.array([amplitudes])
        return frequency_response(self.F, a, np.full(a.shape, p), np.full(a.shape, se))

    def test_peak_and_half_amplitude(self) -> None:
        found = self.of([2, 4, 10, 6, 1])

        assert found.preferred_frequency[0] == 2
        assert found.cutoff_frequency[0] == pytest.approx(4 * 2.5 ** (1 / 5))

    def test_not_significant(self) -> None:
        found = self.of([2, 4, 10, 6, 1], p=0.02)

        assert np.isnan(found.preferred_frequency[0])
        assert np.isnan(found.cutoff_frequency[0])

    def test_corrected_for_the_number_of_frequencies(self) -> None:
        a = np.array([[2.0, 4.0, 10.0, 6.0, 1.0]])
        p = np.array([[0.5, 0.009, 0.001, 0.002, np.nan]])

        found = frequency_response(self.F, a, p, a * 0.01, alpha=0.01)

        assert found.significant[0].tolist() == [False, False, True, True, False]
        assert frequency_response(self.F, a, p, a * 0.01, alpha=1).significant.all()

    def test_errors_are_pooled_in_proportion_to_the_rates(self) -> None:
        a, se = np.array([[1.0, 9.0, 10.0]]), np.array([[3.0, 0.0, 0.0]])

        alone = frequency_response((1, 2, 4), a, a * 0, se, degrees=4)
        pooled = frequency_response((1, 2, 4), a, a * 0, se, degrees=4, variance_share=np.ones((1, 3)))

        assert alone.preferred_frequency[0] == 4
        assert np.isnan(pooled.preferred_frequency[0])

    def test_not_apart_from_the_second(self) -> None:
        found = self.of([2, 4, 10, 9, 1], se=0.6)

        assert np.isnan(found.preferred_frequency[0])
        assert found.cutoff_frequency[0] > 4

    def test_amplitude_that_never_falls_to_half_has_no_cutoff(self) -> None:
        assert np.isnan(self.of([9, 9, 10, 9, 8]).cutoff_frequency[0])
        assert np.isnan(self.of([1, 2, 3, 4, 10]).cutoff_frequency[0])

    def test_order_of_frequencies_does_not_matter(self) -> None:
        a = np.array([[10.0, 2.0, 4.0]])
        found = frequency_response((2.0, 0.5, 8.0), a, a * 0, a * 0.1)

        assert found.preferred_frequency[0] == 2
        assert found.cutoff_frequency[0] == pytest.approx(2 * 4 ** (5 / 6))


class TestChirp:
    def trial(self, amplitudes: list[float], phase: float = 0.5) -> np.ndarray:
        rate = np.full(1500, 20.0)
        events = packaged_definitions()[MOVIE].events_of_type("sine")
        for event, amplitude in zip(events, amplitudes, strict=True):
            n = event.end_frame - event.start_frame
            rate[event.start_frame : event.end_frame] = sine(event.frequency_hz or 0, amplitude, phase, n=n)
        return rate

    def test_tuned_units_are_recovered(self) -> None:
        truth = [3.0, 6.0, 16.0, 6.0, 3.0]
        units = np.random.default_rng(0).poisson(self.trial(truth) / 60, (60, 3, 1500))

        table = chirp.compute(movie_recording(MOVIE, units))

        assert table.recording["chirp_frequencies"].tolist() == [0.5, 1, 2, 4, 10]
        found = table.units
        np.testing.assert_allclose(np.median(found["amplitude"], axis=0), truth, atol=1.0)
        assert np.nanmedian(found["phase"][:, 2]) == pytest.approx(0.5, abs=0.1)
        preferred = found["preferred_frequency"]
        assert (preferred == 2).mean() > 0.35
        assert set(preferred[~np.isnan(preferred)]) == {2.0}
        inside = (found["amplitude_low"] <= truth) & (truth <= found["amplitude_high"])
        assert 0.9 < inside.mean() < 0.99

    def test_untuned_units_have_no_preferred_frequency(self) -> None:
        units = np.random.default_rng(1).poisson(self.trial([0.0] * 5) / 60, (100, 3, 1500))

        found = chirp.compute(movie_recording(MOVIE, units)).units

        assert (~np.isnan(found["preferred_frequency"])).mean() <= 0.02

    def test_silent_unit_is_nan_with_reasons(self) -> None:
        table = chirp.compute(movie_recording(MOVIE, np.zeros((1, 3, 1500), int)))

        assert np.isnan(table.units["amplitude_p"]).all()
        assert "no spike" in table.reasons_for("unit_001")["amplitude_p"]

    def test_same_seed_same_bytes(self) -> None:
        recording = movie_recording(MOVIE, np.random.default_rng(2).poisson(0.3, (3, 3, 1500)))

        a, b = chirp.compute(recording).units, chirp.compute(recording).units
        other = chirp.compute(recording, chirp.make_params({"seed": 1})).units

        assert all(np.asarray(a[name]).tobytes() == np.asarray(b[name]).tobytes() for name in a)
        assert not np.array_equal(a["quality_p"], other["quality_p"])

    @pytest.mark.parametrize(
        ("hz", "left_out"), [(0.5, 120), (1.0, 60), (2.0, 60), (4.0, 60), (10.0, 60), (0.25, 0)]
    )
    def test_whole_cycles_after_the_first_second_are_used(self, hz: float, left_out: int) -> None:
        event = StimulusEvent(type="sine", start_frame=30, end_frame=270, frequency_hz=hz)

        assert settling_frames(event, 60) == left_out

    @pytest.mark.parametrize("frame_rate", [59.0, 60.7, 75.0])
    def test_a_movie_has_cycles_per_frame(self, frame_rate: float) -> None:
        # A cell that follows the light perfectly, on a display of another rate than the nominal one
        n, light = np.arange(1500), np.zeros(1500)
        for event in packaged_definitions()[MOVIE].events_of_type("sine"):
            inside = (n >= event.start_frame) & (n < event.end_frame)
            since = n[inside] - event.start_frame + 0.5
            light[inside] = np.sin(2 * np.pi * (event.frequency_hz or 0) * since / 60)
        counts = np.round(100 + 60 * light).astype(int)
        shown = movie_recording(MOVIE, np.repeat(counts[None, None], 3, axis=1))
        rate = 333 * frame_rate

        metadata = {**shown.metadata, "acquisition_rate": np.array([rate])}
        table = chirp.compute(replace(shown, metadata=metadata))

        nominal = np.array([0.5, 1, 2, 4, 10])
        found, expected = table.recording["chirp_frequencies"], nominal * frame_rate / 60
        np.testing.assert_allclose(found, expected)
        amplitude = 60 * frame_rate / np.sinc(nominal / 60)
        np.testing.assert_allclose(table.units["amplitude"][0], amplitude, rtol=0.01)
        np.testing.assert_allclose(table.units["phase"][0], 0, atol=0.01)

    def test_without_a_response_phase_and_ratio_are_missing(self) -> None:
        units = np.random.default_rng(3).poisson(0.3, (1, 3, 1500))

        table = chirp.compute(movie_recording(MOVIE, units))
        everything = chirp.compute(movie_recording(MOVIE, units), chirp.make_params({"alpha": 1}))

        assert np.isnan(table.units["phase"]).all()
        assert "no significant response" in table.reasons_for("unit_001")["phase"]
        assert np.isfinite(table.units["amplitude"]).all()
        assert np.isfinite(everything.units["phase"]).all()
