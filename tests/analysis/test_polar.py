"""Polar curves: angles, order, error bars."""

from __future__ import annotations

import numpy as np
import pytest

from hdmea.analysis.polar import polar_curve


def test_ninety_degrees_is_up_and_the_outline_is_closed() -> None:
    curve = polar_curve(np.array([90.0, 0.0, 270.0, 180.0]), np.array([3.0, 1.0, 2.0, 4.0]))

    expected = np.array([[1, 0], [0, 3], [-4, 0], [0, -2], [1, 0]])
    assert curve.outline == pytest.approx(expected)
    assert np.isnan(curve.bars).all()


def test_error_bars_lie_along_the_direction_and_end_at_the_centre() -> None:
    curve = polar_curve(np.array([0.0, 90.0]), np.array([1.0, 3.0]), np.array([2.0, 0.5]))

    assert curve.bars == pytest.approx(np.array([[0, 0], [3, 0], [0, 2.5], [0, 3.5]]))


def test_lengths_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="one response"):
        polar_curve(np.array([0.0, 90.0]), np.array([1.0]))
