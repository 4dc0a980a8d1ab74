"""A receptive field that was tested and not found is not shown as one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hdmea.analysis.field_shape import field_shape, is_refuted
from hdmea_gui.views.receptive_field.query import _field_facts

FIT = {
    "model": "gaussian",
    "polarity": 1.0,
    "gaussian_x": 3.0,
    "gaussian_y": 4.0,
    "gaussian_sigma_major": 2.0,
    "gaussian_sigma_minor": 1.0,
    "gaussian_orientation": 10.0,
    "latency": 80.0,
    "area": 6.3,
}
FOUND = {"rf_p": 0.002, "polarity": 1.0}
NOT_FOUND = {"rf_p": 0.4, "polarity": math.nan}
NOT_TESTED = {"rf_p": math.nan, "polarity": math.nan}


@pytest.mark.parametrize("numbers", [FOUND, NOT_TESTED, {}])
def test_a_fit_is_shown_unless_the_test_speaks_against_it(numbers: dict[str, float]) -> None:
    shape, source = field_shape(FIT, numbers)

    assert not is_refuted(numbers)
    assert shape == pytest.approx((3.0, 4.0, 2.0, 1.0, -10.0))
    assert source == "Gaussian"
    assert [fact.label for fact in _field_facts(FIT, numbers)][:2] == ["Polarity", "Latency"]


def test_what_was_fitted_to_noise_is_not_shown() -> None:
    shape, source = field_shape(FIT, NOT_FOUND)

    assert np.isnan(shape).all()
    assert source == ""
    assert [(fact.label, fact.text) for fact in _field_facts(FIT, NOT_FOUND)] == [
        ("No receptive field", "p 0.4")
    ]
