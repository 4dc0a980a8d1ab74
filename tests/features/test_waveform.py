"""Shape of spike waveforms; the feature waveform."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdmea.declare import Recording
from hdmea.features.extractors.waveform import soma_waveform, waveform
from hdmea.features.science.waveform_shape import waveform_shape
from hdmea.utils.arrays import AttrArray

FS = 20_000.0


def spike(
    trough: float = 20, peak: float = 30, n: int = 60, depth: float = 100, height: float = 30
) -> np.ndarray:
    t = np.arange(n)
    return -depth * np.exp(-0.5 * ((t - trough) / 2.0) ** 2) + height * np.exp(-0.5 * ((t - peak) / 3.0) ** 2)


def test_triangle_has_exact_numbers() -> None:
    wave = np.zeros(40)
    wave[8:13] = [-4, -8, -12, -8, -4]
    wave[16:21] = [1, 2, 3, 2, 1]

    found = waveform_shape(wave[None], FS)

    assert found.trough_to_peak_ms[0] == pytest.approx(8 / 20)
    assert found.half_width_ms[0] == pytest.approx(3 / 20)
    assert found.peak_to_peak[0] == 15
    assert found.repolarization_slope[0] == pytest.approx(4 * 20)
    assert found.recovery_slope[0] == pytest.approx(-1 * 20)


def test_smooth_waveform_is_measured_finer_than_a_sample() -> None:
    found = waveform_shape(spike(20.3, 33.6, depth=100, height=40)[None], FS)

    assert found.trough_to_peak_ms[0] == pytest.approx(13.3 / 20, abs=0.005)
    assert found.half_width_ms[0] == pytest.approx(2 * 2 * np.sqrt(2 * np.log(2)) / 20, rel=0.05)


def test_peak_on_the_last_sample_is_missing() -> None:
    found = waveform_shape(spike(20, 60)[None, :50], FS)

    assert np.isnan(found.trough_to_peak_ms[0])
    assert np.isnan(found.repolarization_slope[0])
    assert found.half_width_ms[0] > 0


def test_trough_on_an_edge_is_missing() -> None:
    for wave in (spike(0, 12), spike(59, 100)):
        found = waveform_shape(wave[None], FS, baseline_samples=1)
        assert np.isnan(found.trough_to_peak_ms[0])


@pytest.mark.parametrize("wave", [np.full(30, np.nan), np.zeros(30), np.full(30, 4.0)])
def test_flat_or_missing_waveforms_have_no_shape(wave: np.ndarray) -> None:
    found = waveform_shape(wave[None], FS)

    assert np.isnan(found.peak_to_peak[0])
    assert np.isnan(found.trough_to_peak_ms[0])


@given(st.floats(0.01, 1e4), st.floats(-1e3, 1e3), st.integers(0, 12))
@settings(max_examples=40)
def test_scale_offset_and_place_do_not_change_durations(scale: float, offset: float, move: int) -> None:
    plain = waveform_shape(spike()[None], FS)
    moved = waveform_shape((scale * spike(20 + move, 30 + move) + offset)[None], FS)

    np.testing.assert_allclose(moved.trough_to_peak_ms, plain.trough_to_peak_ms, rtol=1e-5)
    np.testing.assert_allclose(moved.half_width_ms, plain.half_width_ms, rtol=1e-5)
    np.testing.assert_allclose(moved.peak_to_peak, scale * plain.peak_to_peak, rtol=1e-6)


class TestFeature:
    def recording(self, *units: dict) -> Recording:
        named = {f"unit_{k:03d}": unit for k, unit in enumerate(units, start=1)}
        return Recording(named, {"acquisition_rate": np.array([FS])}, {})

    def image(self) -> dict:
        data = np.zeros((50, 4, 5), np.float32)
        data[:, 1, 2] = spike(12, 24, n=50)
        data[:, 2, 2] = 0.4 * spike(14, 26, n=50)
        return {"eimage_sta": {"data": data, "metadata": {"unit": "µV"}}}

    def test_electrical_image_comes_before_the_cut_out(self) -> None:
        cut_out = AttrArray(spike(20, 40).astype(np.float32), {"unit": "source"})
        table = waveform.compute(
            self.recording(
                {"waveform": cut_out, "features": self.image()}, {"waveform": cut_out, "features": {}}
            )
        )

        assert table.units["waveform_source"] == ["electrical image", "cut-out"]
        assert table.units["waveform_unit"] == ["µV", "source"]
        np.testing.assert_allclose(table.units["trough_to_peak"], [0.6, 1.0], atol=0.01)

    def test_image_without_spikes_falls_back(self) -> None:
        empty = {"eimage_sta": {"data": np.full((50, 2, 2), np.nan), "metadata": {"unit": "µV"}}}
        table = waveform.compute(self.recording({"waveform": spike(), "features": empty}))

        assert table.units["waveform_source"] == ["cut-out"]
        assert soma_waveform(empty["eimage_sta"]["data"]) is None

    def test_unit_without_any_waveform_has_reasons(self) -> None:
        table = waveform.compute(self.recording({"waveform": spike()}, {"waveform": np.empty(0, np.float32)}))

        assert np.isnan(table.units["trough_to_peak"][1])
        assert "no waveform" in table.reasons_for("unit_002")["peak_to_peak"]
        assert table.reasons_for("unit_001") == {}
