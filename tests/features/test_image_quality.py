"""When an electrical image is good enough: limits from pure noise, and images of known faults."""

from __future__ import annotations

import numpy as np
import pytest

from hdmea.features.science.image_quality import (
    MIN_IMAGE_SNR,
    bad_mask,
    image_snr,
    largest_electrode,
    why_unusable,
)
from tests.features.images import PRE, soma_image

FACTS = {"n_spikes_used": 50, "image_snr": 80.0, "pre_samples": PRE}


def soma(row: int = 4, col: int = 6) -> np.ndarray:
    return soma_image((12, 14), (row, col), sigma=1.2)


def test_a_clear_image_is_usable() -> None:
    assert why_unusable(soma(), FACTS) == ""


def test_too_few_spikes() -> None:
    assert "4 spikes were averaged, 5 are needed" in why_unusable(soma(), FACTS | {"n_spikes_used": 4})
    assert why_unusable(soma(), FACTS | {"n_spikes_used": 4}, min_spikes=4) == ""


def test_too_little_signal() -> None:
    assert "ratio of the electrical image is 9.9" in why_unusable(soma(), FACTS | {"image_snr": 9.9})
    assert why_unusable(soma(), FACTS | {"image_snr": 9.9}, min_image_snr=9) == ""


@pytest.mark.parametrize("shift", [-8, 6, 20])
def test_a_trough_that_is_not_at_the_spikes(shift: int) -> None:
    side = "after" if shift > 0 else "before"
    moved = np.roll(soma(), shift, axis=0)
    assert f"is {abs(shift)} samples {side} the spikes" in why_unusable(moved, FACTS)


def test_a_trough_five_samples_off_is_still_theirs() -> None:
    assert why_unusable(np.roll(soma(), 5, axis=0), FACTS) == ""


def test_no_values_and_a_reason_that_is_stored() -> None:
    empty = np.full_like(soma(), np.nan)
    assert "no spike could be averaged" in why_unusable(empty, FACTS)
    assert why_unusable(soma(), FACTS | {"reason": "outside"}) == "outside"


def test_bad_electrodes_do_not_make_an_image() -> None:
    image = soma()
    image[:, 0, 0] = 1e4 * np.random.default_rng(0).normal(size=len(image))
    bad = np.zeros(image.shape[1:], bool)
    bad[0, 0] = True
    assert largest_electrode(image) == (0, 0)
    assert largest_electrode(image, bad) == (4, 6)
    assert why_unusable(image, FACTS, bad) == ""


def test_without_known_noise_the_image_tells_it() -> None:
    """Given an image of an older file, then its own noise is taken for that of the mean."""
    noise = np.random.default_rng(1).normal(0, 1.0, soma().shape)
    facts = {"pre_samples": PRE}
    assert why_unusable(20 * soma() / np.ptp(soma()) + noise, facts) == ""
    assert "signal-to-noise" in why_unusable(noise, facts)


def test_pure_noise_stays_below_the_limit() -> None:
    """Given 40 images of pure noise of a whole chip, then none reaches the limit, and 5 would be no limit."""
    rng = np.random.default_rng(2)
    n = 30
    found = [
        image_snr(np.ptp(rng.normal(0, 12 / np.sqrt(n), (50, 65 * 65)), axis=0), np.full(65 * 65, 12.0), n)
        for _ in range(40)
    ]
    assert max(found) < MIN_IMAGE_SNR
    assert min(found) > 5


def test_snr_is_that_of_the_largest_electrode() -> None:
    assert image_snr(np.array([3.0, 40.0]), np.array([1.0, 8.0]), 25) == pytest.approx(25.0)
    assert np.isnan(image_snr(np.array([np.nan]), np.array([1.0]), 25))
    assert np.isnan(image_snr(np.array([3.0]), np.array([1.0]), 0))
    assert np.isnan(image_snr(np.array([3.0]), np.array([0.0]), 9))


def test_the_mask_lies_where_the_image_does() -> None:
    metadata = {"electrodes": {"bad": np.array([[21, 30], [22, 33], [5, 5]])}}
    mask = bad_mask(metadata, {"first_row": 20, "first_column": 30}, (4, 4))
    assert np.argwhere(mask).tolist() == [[1, 0], [2, 3]]
    assert not bad_mask({}, {"first_row": 20, "first_column": 30}, (4, 4)).any()


def test_limits_are_those_of_the_images_unless_others_are_named() -> None:
    stated = FACTS | {"n_spikes_used": 4, "min_spikes": 3, "image_snr": 8.0, "min_image_snr": 7.0}
    assert why_unusable(soma(), stated) == ""
    assert "5 are needed" in why_unusable(soma(), stated, min_spikes=5)
    assert "10 is needed" in why_unusable(soma(), stated, min_image_snr=10)


def test_a_chip_without_a_good_electrode() -> None:
    bad = np.ones(soma().shape[1:], bool)
    assert why_unusable(soma(), FACTS, bad) == "all electrodes are bad"
