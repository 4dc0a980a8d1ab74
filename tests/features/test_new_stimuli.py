"""Chirp of Baden et al., gratings, contrast steps, spots: simulated cells with known truth."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hdmea.features.extractors.contrast_steps import contrast_steps
from hdmea.features.extractors.euler_chirp import euler_chirp
from hdmea.features.extractors.grating import grating
from hdmea.features.extractors.spots import spots
from hdmea.stimuli.definition import StimulusDefinition, packaged_definitions
from hdmea.utils.exceptions import FeatureExtractionError
from tests.features.movies import movie_recording

CHIRP, GRATING = "euler_chirp_32s_5x", "grating_d8_sf2_tf2_3x"
CONTRAST, SPOTS = "contrast_steps_8_5x", "spots_8_5x"
EXTRACTORS = {CHIRP: euler_chirp, GRATING: grating, CONTRAST: contrast_steps, SPOTS: spots}


def cells(movie: str, rate: np.ndarray, n: int = 20, seed: int = 0) -> np.ndarray:
    """Poisson counts (units, trials, frames) of a rate in Hz over one trial."""
    repeat = packaged_definitions()[movie].section_kwargs.repeat
    return np.random.default_rng(seed).poisson(np.maximum(rate, 0) / 60, (n, repeat, rate.size))


def flat(movie: str, hz: float) -> np.ndarray:
    return np.full(packaged_definitions()[movie].section_kwargs.trial_length_frame, hz)


def compute(movie: str, counts: np.ndarray, **params: Any) -> Any:
    extractor = EXTRACTORS[movie]
    return extractor.compute(movie_recording(movie, counts), extractor.make_params(params))


@pytest.mark.parametrize("movie", EXTRACTORS)
class TestAll:
    def test_cells_that_do_not_respond_have_responses_but_no_preference(self, movie: str) -> None:
        table = compute(movie, cells(movie, flat(movie, 8.0), 8))

        assert np.isnan(table.units["quality_p"]).sum() == 0
        hidden = {
            CHIRP: ("half_contrast", "peak_frequency"),
            GRATING: ("dsi", "preferred_direction", "preferred_spatial_frequency", "f1_f0"),
            CONTRAST: ("half_increment", "half_decrement"),
            SPOTS: ("peak_diameter", "surround_suppression"),
        }[movie]
        quiet = table.units["quality_p"] > 0.01
        assert quiet.mean() >= 0.7
        for name in hidden:
            assert np.isnan(table.units[name][quiet]).all()
        first = f"unit_{int(np.flatnonzero(quiet)[0]) + 1:03d}"
        assert "does not respond reliably" in table.reasons_for(first)[hidden[0]]

    def test_a_silent_unit_has_reasons(self, movie: str) -> None:
        table = compute(movie, np.zeros_like(cells(movie, flat(movie, 1.0), 1)))

        reasons = table.reasons_for("unit_001")
        for name, values in table.units.items():
            array = np.asarray(values)
            if array.dtype.kind == "f" and np.isnan(array[0]).any():
                assert reasons[name]


class TestEulerChirp:
    def test_timing_is_that_of_the_paper(self) -> None:
        definition = packaged_definitions()[CHIRP]

        assert definition.section_kwargs.trial_length_frame == 32 * 60
        assert definition.section_kwargs.repeat == 5
        (step,) = definition.events_of_type("light_step")
        assert (step.start_frame, step.end_frame) == (120, 300)
        (ramp,) = definition.events_of_type("frequency_ramp")
        assert (ramp.start_frame, ramp.end_frame) == (600, 1080)
        (ramp,) = definition.events_of_type("contrast_ramp")
        assert (ramp.start_frame, ramp.end_frame) == (1200, 1680)

    def test_a_cell_that_follows_the_light(self) -> None:
        rate = flat(CHIRP, 30.0)
        t = (np.arange(480) + 0.5) / 60
        rate[600:1080] += 20 * np.sin(np.pi * t**2)
        rate[1200:1680] += 25 * (t / 8) * np.sin(4 * np.pi * t)

        table = compute(CHIRP, cells(CHIRP, rate))

        np.testing.assert_allclose(table.recording["euler_chirp_frequencies"], np.arange(8) + 0.5)
        np.testing.assert_allclose(table.recording["euler_chirp_contrasts"], (np.arange(8) + 0.5) / 8)
        found = table.units
        np.testing.assert_allclose(found["frequency_amplitude"].mean(axis=0)[1:], 20, rtol=0.15)
        expected = 25 * (np.arange(8) + 0.5) / 8
        np.testing.assert_allclose(found["contrast_amplitude"].mean(axis=0), expected, atol=2)
        inside = (found["contrast_amplitude_low"] <= expected) & (
            expected <= found["contrast_amplitude_high"]
        )
        assert inside.mean() > 0.88
        assert np.nanmedian(found["half_contrast"]) == pytest.approx(0.47, abs=0.1)
        assert (found["frequency_amplitude_p"][:, 1:] <= 0.05).mean() > 0.95

    def test_a_definition_without_the_ramp_is_refused(self) -> None:
        whole = packaged_definitions()[CHIRP]
        part = tuple(event for event in whole.events if event.type != "contrast_ramp")

        with pytest.raises(FeatureExtractionError, match="contrast_ramp"):
            euler_chirp.compute(
                movie_recording(whole.model_copy(update={"events": part}), cells(CHIRP, flat(CHIRP, 1.0), 1))
            )


@pytest.mark.parametrize("rate", [59.0, 60.7, 75.0])
def test_frequencies_are_those_of_the_display_not_of_whole_samples(rate: float) -> None:
    made = movie_recording(CHIRP, cells(CHIRP, flat(CHIRP, 5.0), 1))
    n_frames = made.metadata["frame_timestamps"].size
    flips = np.floor(1000 + np.arange(n_frames) * 10_000 / rate).astype(np.uint64)
    facts = {**made.metadata, "acquisition_rate": np.array([10_000.0]), "frame_timestamps": flips}

    found = euler_chirp.compute(replace(made, metadata=facts)).recording["euler_chirp_frequencies"]

    assert found == pytest.approx((np.arange(8) + 0.5) * rate / 60, rel=1e-4)


class TestGrating:
    def rate(self, maintained: float = 5.0, depth: float = 0.0) -> np.ndarray:
        rate = flat(GRATING, maintained)
        for event in packaged_definitions()[GRATING].events_of_type("grating"):
            extra: Any = event
            strength = 40 * np.exp(2 * (np.cos(np.deg2rad(extra.direction_deg - 90)) - 1))
            strength *= 1.0 if extra.spatial_frequency < 0.06 else 0.3
            strength *= 1.0 if extra.temporal_frequency_hz < 3 else 0.4
            t = (np.arange(event.end_frame - event.start_frame) + 0.5) / 60
            wave = 1 + depth * np.sin(2 * np.pi * extra.temporal_frequency_hz * t)
            rate[event.start_frame : event.end_frame] += strength * wave
        return rate

    def test_direction_and_frequencies_are_found(self) -> None:
        found = compute(GRATING, cells(GRATING, self.rate())).units

        theta = np.deg2rad(np.arange(8) * 45)
        evoked = np.exp(2 * (np.cos(theta - np.pi / 2) - 1))
        truth = abs((evoked * np.exp(1j * theta)).sum()) / evoked.sum()
        assert np.nanmean(found["dsi"]) == pytest.approx(truth, abs=0.05)
        assert np.nanmedian(found["preferred_direction"]) == pytest.approx(90, abs=5)
        assert np.nanmedian(found["preferred_spatial_frequency"]) == pytest.approx(0.04)
        assert np.nanmedian(found["preferred_temporal_frequency"]) == pytest.approx(2)
        assert np.mean(found["blank_rate"]) == pytest.approx(5, abs=0.5)
        assert (found["dsi_p"] <= 0.01).mean() > 0.9
        inside = (found["dsi_low"] <= truth) & (truth <= found["dsi_high"])
        assert inside.mean() > 0.8

    def test_linear_and_nonlinear_cells_differ_in_f1_by_f0(self) -> None:
        flat_cells = compute(GRATING, cells(GRATING, self.rate())).units
        linear = compute(GRATING, cells(GRATING, self.rate(depth=1.0))).units

        assert np.nanmedian(flat_cells["f1_f0"]) < 0.3
        assert np.nanmedian(linear["f1_f0"]) == pytest.approx(1, abs=0.2)

    def test_gratings_that_are_missing_are_told(self) -> None:
        whole = packaged_definitions()[GRATING]
        part = tuple(event for index, event in enumerate(whole.events) if index != 3)

        with pytest.raises(FeatureExtractionError, match="directions"):
            grating.compute(
                movie_recording(
                    whole.model_copy(update={"events": part}), cells(GRATING, flat(GRATING, 5.0), 1)
                )
            )


class TestContrastSteps:
    def test_responses_and_half_contrasts(self) -> None:
        rate = flat(CONTRAST, 10.0)
        for event in packaged_definitions()[CONTRAST].events_of_type("contrast_step"):
            extra: Any = event
            rate[event.start_frame : event.end_frame] += 60 * max(extra.contrast, 0)

        table = compute(CONTRAST, cells(CONTRAST, rate))

        levels = table.recording["contrast_step_levels"]
        assert levels.tolist() == [-1, -0.5, -0.25, -0.1, 0.1, 0.25, 0.5, 1]
        response = table.units["contrast_response"].mean(axis=0)
        np.testing.assert_allclose(response, 60 * np.maximum(levels, 0), atol=2)
        assert np.nanmedian(table.units["half_increment"]) == pytest.approx(0.5, abs=0.05)

    def test_a_step_without_its_contrast_is_refused(self) -> None:
        whole = packaged_definitions()[CONTRAST]
        raw = whole.model_dump()
        del raw["events"][0]["contrast"]

        with pytest.raises(FeatureExtractionError, match="contrast"):
            contrast_steps.compute(
                movie_recording(
                    StimulusDefinition.model_validate(raw), cells(CONTRAST, flat(CONTRAST, 5.0), 1)
                )
            )


class TestSpots:
    def test_peak_size_and_surround(self) -> None:
        rate = flat(SPOTS, 5.0)
        for event in packaged_definitions()[SPOTS].events_of_type("spot"):
            extra: Any = event
            d = extra.diameter
            response = 80 * (1 - np.exp(-((d / 4) ** 2))) - 50 * (1 - np.exp(-((d / 12) ** 2)))
            rate[event.start_frame : event.end_frame] += response
        sizes = np.array([1, 2, 3, 4, 6, 8, 12, 16.0])
        curve = 80 * (1 - np.exp(-((sizes / 4) ** 2))) - 50 * (1 - np.exp(-((sizes / 12) ** 2)))
        truth = 1 - curve[-1] / curve.max()

        table = compute(SPOTS, cells(SPOTS, rate))

        assert table.recording["spot_diameters"].tolist() == sizes.tolist()
        found = table.units
        np.testing.assert_allclose(found["area_response"].mean(axis=0), curve, atol=4)
        assert set(found["peak_diameter"]) <= {6.0, 8.0}
        assert np.nanmean(found["surround_suppression"]) == pytest.approx(truth, abs=0.08)
        inside = (found["surround_suppression_low"] <= truth) & (truth <= found["surround_suppression_high"])
        assert inside.mean() > 0.75
