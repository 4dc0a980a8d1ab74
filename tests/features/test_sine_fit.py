"""Sines of known frequency; the feature chirp."""

from __future__ import annotations

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
        assert fit.p[0] < 1e-12

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

    def test_f_test_is_that_of_linear_regression(self) -> None:
        rates = np.random.default_rng(0).normal(10, 3, (1, 2, 120)) + sine(2, 1.0, 0.2, n=120)
        t = np.tile((np.arange(120) + 0.5) * DT, 2)
        design = np.stack((np.ones_like(t), np.sin(4 * np.pi * t), np.cos(4 * np.pi * t)), axis=1)
        y = rates.ravel()
        _, (residual,), *_ = np.linalg.lstsq(design, y, rcond=None)
        total = np.square(y - y.mean()).sum()
        expected = stats.f.sf((total - residual) / 2 / (residual / 237), 2, 237)

        assert fit_sine(rates, 2.0, DT).p[0] == pytest.approx(expected, rel=1e-6)

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

        for alpha in (0.01, 0.05):
            assert (p <= alpha).mean() <= alpha + 2.5 * np.sqrt(alpha / 1000)


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

    def of(self, amplitudes: list[float], p: float = 1e-6, width: float = 0.1):
        a = np.array([amplitudes])
        return frequency_response(self.F, a, np.full(a.shape, p), a - width, a + width)

    def test_peak_and_half_amplitude(self) -> None:
        found = self.of([2, 4, 10, 6, 1])

        assert found.preferred_frequency[0] == 2
        assert found.cutoff_frequency[0] == pytest.approx(4 * 2.5 ** (1 / 5))

    def test_not_significant(self) -> None:
        found = self.of([2, 4, 10, 6, 1], p=0.02)

        assert np.isnan(found.preferred_frequency[0])
        assert np.isnan(found.cutoff_frequency[0])

    def test_not_apart_from_the_second(self) -> None:
        found = self.of([2, 4, 10, 9, 1], width=0.6)

        assert np.isnan(found.preferred_frequency[0])
        assert found.cutoff_frequency[0] > 4

    def test_amplitude_that_never_falls_to_half_has_no_cutoff(self) -> None:
        assert np.isnan(self.of([9, 9, 10, 9, 8]).cutoff_frequency[0])
        assert np.isnan(self.of([1, 2, 3, 4, 10]).cutoff_frequency[0])

    def test_order_of_frequencies_does_not_matter(self) -> None:
        a = np.array([[10.0, 2.0, 4.0]])
        found = frequency_response((2.0, 0.5, 8.0), a, a * 0, a, a)

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
        # An amplitude of a noisy trace is too large by about its variance / (2 · amplitude).
        np.testing.assert_allclose(np.median(found["amplitude"], axis=0), truth, atol=1.0)
        np.testing.assert_allclose(np.median(found["phase"], axis=0)[1:4], 0.5, atol=0.15)
        preferred = found["preferred_frequency"]
        assert (preferred == 2).mean() > 0.6
        assert set(preferred[~np.isnan(preferred)]) == {2.0}
        inside = (found["amplitude_low"] <= truth) & (truth <= found["amplitude_high"])
        assert 0.75 < inside[:, 1:4].mean() <= 1

    def test_untuned_units_have_no_preferred_frequency(self) -> None:
        units = np.random.default_rng(1).poisson(self.trial([0.0] * 5) / 60, (100, 3, 1500))

        found = chirp.compute(movie_recording(MOVIE, units)).units

        assert (~np.isnan(found["preferred_frequency"])).mean() <= 0.02

    def test_silent_unit_is_nan_with_reasons(self) -> None:
        table = chirp.compute(movie_recording(MOVIE, np.zeros((1, 3, 1500), int)))

        assert np.isnan(table.units["amplitude_p"]).all()
        assert table.reasons_for("unit_001")["amplitude_p"] == "no spike"

    def test_same_seed_same_bytes(self) -> None:
        recording = movie_recording(MOVIE, np.random.default_rng(2).poisson(0.3, (3, 3, 1500)))

        a, b = chirp.compute(recording).units, chirp.compute(recording).units
        other = chirp.compute(recording, chirp.make_params({"seed": 1})).units

        assert all(np.asarray(a[name]).tobytes() == np.asarray(b[name]).tobytes() for name in a)
        assert not np.array_equal(a["amplitude_low"], other["amplitude_low"])

    @pytest.mark.parametrize(("hz", "left_out"), [(0.5, 0), (1.0, 60), (2.0, 60), (4.0, 60), (10.0, 60)])
    def test_first_second_is_left_out_where_whole_cycles_remain(self, hz: float, left_out: int) -> None:
        event = StimulusEvent(type="sine", start_frame=30, end_frame=270, frequency_hz=hz)

        assert settling_frames(event, 60.0, 60) == left_out
        assert settling_frames(event, 59.94, 60) == left_out
