"""Polar curves: angles, order, error bars."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdmea.analysis.polar import polar_curve, ring_radii


def test_ninety_degrees_is_up_and_the_outline_is_closed() -> None:
    curve = polar_curve(np.array([90.0, 0.0, 270.0, 180.0]), np.array([3.0, 1.0, 2.0, 4.0]))

    expected = np.array([[1, 0], [0, 3], [-4, 0], [0, -2], [1, 0]])
    assert curve.outline == pytest.approx(expected)
    assert np.isnan(curve.bars).all()
    assert curve.reach == pytest.approx(4.0)


def test_error_bars_lie_along_the_direction_and_end_at_the_centre() -> None:
    curve = polar_curve(np.array([0.0, 90.0]), np.array([1.0, 3.0]), np.array([2.0, 0.5]))

    assert curve.bars == pytest.approx(np.array([[0, 0], [3, 0], [0, 2.5], [0, 3.5]]))
    assert curve.reach == pytest.approx(3.5)


def test_lengths_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="one response"):
        polar_curve(np.array([0.0, 90.0]), np.array([1.0]))


@pytest.mark.parametrize(
    ("highest", "rings"),
    [(4.0, [1, 2, 3, 4]), (30.0, [10, 20, 30]), (0.35, [0.1, 0.2, 0.3, 0.4]), (0.0, [0.5, 1.0])],
)
def test_rings_are_round_numbers_that_hold_everything(highest: float, rings: list[float]) -> None:
    assert ring_radii(highest) == pytest.approx(rings)


@given(st.floats(1e-3, 1e6))
def test_there_are_few_rings(highest: float) -> None:
    found = ring_radii(highest)

    assert 1 <= found.size <= 4
    assert found[-1] >= highest * (1 - 1e-9)
