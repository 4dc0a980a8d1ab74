"""Noise of electrodes and bad ones: simulated noise of known SD, contacts of known faults."""

from __future__ import annotations

import numpy as np
import pytest

from hdmea.features.science.electrode_noise import (
    electrode_noise,
    interpolated,
    named_electrodes,
)
from hdmea.features.science.medians import row_medians
from tests.features.test_electrical_image import MemorySource

FS = 20_000.0
EDGE = 12
PLACES = np.stack(np.indices((EDGE, EDGE)), axis=-1).reshape(-1, 2) + np.array([20, 30])
BAD = 5 * EDGE + 7


def noise(seconds: float = 3.0, sd: float = 12.0, offset: int = 0) -> np.ndarray:
    rng = np.random.default_rng(0)
    drift = 300 * np.sin(np.arange(round(seconds * FS)) / 5000)[:, None]
    counts = rng.normal(0, sd, (round(seconds * FS), EDGE * EDGE)) + drift + offset
    return np.rint(counts).astype(np.int32)


def measured(counts: np.ndarray, **options: object) -> tuple[np.ndarray, tuple[str, ...]]:
    found = electrode_noise(MemorySource([counts]), PLACES, sampling_rate=FS, **options)  # type: ignore[arg-type]
    return found.sd, found.reasons


def only_bad(reason: str) -> tuple[str, ...]:
    return tuple(reason if index == BAD else "" for index in range(EDGE * EDGE))


def test_the_sd_is_that_of_the_noise_whatever_drift_offset_and_factor() -> None:
    sd, reasons = measured(noise(offset=2_000_000), factors=np.full(EDGE * EDGE, 0.5))
    # A high-pass of 100 Hz at 20 kHz takes about 1 % of the variance of white noise.
    np.testing.assert_allclose(sd, 6.0, rtol=0.04)
    assert not any(reasons)


def test_spikes_do_not_move_the_sd() -> None:
    counts = noise()
    counts[::500, BAD] -= 400
    counts[1::500, BAD] -= 200
    sd, reasons = measured(counts)
    assert sd[BAD] == pytest.approx(12, rel=0.06)
    assert not any(reasons)


def test_a_loose_contact_is_noisy() -> None:
    rng = np.random.default_rng(1)
    counts = noise()
    counts[:, BAD] = np.where(rng.random(len(counts)) < 0.01, 30_000, 0) * rng.choice([-1, 1], len(counts))
    assert measured(counts)[1] == only_bad("noisy")


def test_a_contact_that_is_loose_now_and_then_jumps() -> None:
    """Given jumps in 0.02 % of the samples, which a median does not see, then the plain SD does."""
    counts = noise()
    counts[::5000, BAD] = 30_000
    sd, reasons = measured(counts)
    assert sd[BAD] < 20
    assert reasons == only_bad("jumps")


def test_silent_constant_and_unscaled_electrodes() -> None:
    counts = noise()
    counts[:, BAD] = np.rint(np.random.default_rng(2).normal(0, 0.4, len(counts)))
    assert measured(counts)[1] == only_bad("silent")
    counts[:, BAD] = 77
    assert measured(counts)[1] == only_bad("constant")
    factors = np.ones(EDGE * EDGE)
    factors[BAD] = 0
    sd, reasons = measured(noise(), factors=factors)
    assert reasons == only_bad("no factor")
    assert np.isnan(sd[BAD])


def test_a_noisier_part_of_the_chip_is_not_bad() -> None:
    """Given tissue over half of the chip with 15 times the noise, then neighbours speak for each other."""
    counts = noise().astype(float)
    counts[:, : 6 * EDGE] *= 15
    assert not any(measured(np.rint(counts).astype(np.int32))[1])


@pytest.mark.parametrize("n_lines", [1, 2, 3, 4])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("factor", [30.0, 0.03])
def test_adjacent_lines_do_not_speak_for_each_other(n_lines: int, axis: int, factor: float) -> None:
    counts = noise().astype(float) * 10
    lines = np.isin(PLACES[:, axis], np.unique(PLACES[:, axis])[3 : 3 + n_lines])
    counts[:, lines] *= factor
    found = measured(np.rint(counts).astype(np.int32))[1]
    reason = "noisy" if factor > 1 else "silent"
    assert found == tuple(reason if on_line else "" for on_line in lines)


def test_a_block_of_loose_contacts_is_bad_up_to_its_middle() -> None:
    counts = noise().astype(float)
    block = ((np.abs(PLACES - PLACES.min(axis=0) - 5) <= 3).all(axis=1)).nonzero()[0]
    counts[:, block] *= 40
    found = measured(np.rint(counts).astype(np.int32))[1]
    assert np.flatnonzero(found).tolist() == block.tolist()


def test_a_chip_that_is_off_is_bad_as_a_whole() -> None:
    _, reasons = measured(np.zeros((30_000, EDGE * EDGE), np.int16))
    assert set(reasons) == {"constant"}
    assert named_electrodes(PLACES, np.ones(EDGE * EDGE, bool)) == ["all 144"]


@pytest.mark.parametrize("lengths", [(1200,) * 40, (50_000, 300), (90,), (1,)])
def test_any_segments_are_enough(lengths: tuple[int, ...]) -> None:
    whole = noise()
    parts = [whole[:length] for length in lengths]
    source = MemorySource(parts, starts=tuple(60_000 * k for k in range(len(parts))))
    found = electrode_noise(source, PLACES, sampling_rate=FS)
    if sum(lengths) > 1000:
        np.testing.assert_allclose(np.median(found.sd), 12.0, rtol=0.1)
        assert not found.bad.any()
    if lengths == (1,):
        assert np.isnan(found.sd).all()


def test_only_the_analysed_time_counts() -> None:
    counts = noise()
    counts[30_000:, BAD] *= 50
    source = MemorySource([counts])
    early = electrode_noise(source, PLACES, sampling_rate=FS, duration_s=1.5)
    late = electrode_noise(source, PLACES, sampling_rate=FS)
    assert not early.bad.any()
    assert np.flatnonzero(late.bad).tolist() == [BAD]


class TestNames:
    def test_lines_are_named_as_lines(self) -> None:
        bad = np.zeros((EDGE, EDGE), bool)
        bad[:, 4] = bad[2, 9] = True
        reasons = tuple("noisy" if flag else "" for flag in bad.ravel())
        assert named_electrodes(PLACES, bad.ravel(), reasons) == ["column 34", "column 39, row 22 (noisy)"]

    def test_long_lists_are_cut(self) -> None:
        bad = np.zeros(EDGE * EDGE, bool)
        bad[::5] = True
        assert named_electrodes(PLACES, bad)[-1] == "19 more"


class TestInterpolation:
    def test_neighbours_fill_a_bad_electrode_and_the_rest_stays(self) -> None:
        row, col = np.indices((6, 7))
        image = np.stack([row + 2.0 * col, 3.0 * row - col])
        bad = np.zeros((6, 7), bool)
        bad[2, 3] = bad[0, 0] = True
        broken = np.where(bad, 1e6, image)
        filled = interpolated(broken, bad)
        # A plane is its own mean over a square around the middle.
        np.testing.assert_allclose(filled[:, 2, 3], image[:, 2, 3])
        assert (abs(filled[:, 0, 0] - image[:, 0, 0]) < 2.5).all()
        np.testing.assert_array_equal(filled[:, ~bad], image[:, ~bad])
        assert broken[0, 2, 3] == 1e6

    def test_places_without_electrode_stay_empty(self) -> None:
        image = np.full((5, 5), np.nan)
        image[1, 1], image[1, 4] = 4.0, 9.0
        bad = np.zeros((5, 5), bool)
        bad[1, 4] = True
        filled = interpolated(image, bad)
        assert filled[1, 4] == 4.0
        assert np.isnan(filled[0, 0])

    def test_without_a_good_electrode_nothing_is_invented(self) -> None:
        assert np.isnan(interpolated(np.ones((3, 2, 2)), np.ones((2, 2), bool))).all()


@pytest.mark.parametrize("n", [2, 3, 100, 4999, 5000])
def test_the_quick_median_is_numpys(n: int) -> None:
    rows = np.rint(np.random.default_rng(n).normal(0, 3, (5, n))).astype(np.float32) / 3
    np.testing.assert_array_equal(row_medians(rows), np.median(rows, axis=1))
