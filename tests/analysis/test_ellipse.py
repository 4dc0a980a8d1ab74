"""The outline of an ellipse has its axes where they were asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdmea.analysis.ellipse import ellipse_outline


def test_long_axis_points_towards_larger_rows() -> None:
    outline = ellipse_outline(5.0, 7.0, 2.0, 1.0, 90.0)

    assert outline[0] == pytest.approx([5.0, 9.0])
    assert outline[-1] == pytest.approx(outline[0])
    assert np.ptp(outline, axis=0) == pytest.approx([2.0, 4.0], abs=1e-9)


@given(st.floats(-50, 50), st.floats(-50, 50), st.floats(0.5, 8), st.floats(0.3, 0.5), st.floats(0, 180))
def test_every_point_solves_the_equation(x: float, y: float, long: float, short: float, angle: float) -> None:
    dx, dy = (ellipse_outline(x, y, long, short, angle) - (x, y)).T
    turn = np.deg2rad(angle)
    along, across = dx * np.cos(turn) + dy * np.sin(turn), dy * np.cos(turn) - dx * np.sin(turn)

    assert (along / long) ** 2 + (across / short) ** 2 == pytest.approx(1.0)
