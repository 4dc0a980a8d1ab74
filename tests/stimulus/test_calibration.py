"""Stimulus calibration: from pixels to the chip."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdmea.stimulus.calibration import StimulusCalibration, read_calibration
from hdmea.utils.exceptions import ConfigurationError


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, (30.0, 40.0)),
        ({"offset_um": (100, -5)}, (130.0, 35.0)),
        ({"mirror": True}, (-30.0, 40.0)),
        # A quarter turn counter-clockwise takes larger columns to smaller rows.
        ({"rotation_deg": 90}, (40.0, -30.0)),
        ({"rotation_deg": 90, "mirror": True}, (40.0, 30.0)),
    ],
)
def test_known_points(options: dict[str, object], expected: tuple[float, float]) -> None:
    calibration = StimulusCalibration.model_validate({"um_per_pixel": 10, **options})

    assert calibration.to_chip(3, 4) == pytest.approx(expected)


@given(st.floats(0.1, 100), st.floats(-360, 360), st.booleans(), st.floats(-50, 50), st.floats(-50, 50))
def test_distances_are_scaled_only(scale: float, turn: float, mirror: bool, x: float, y: float) -> None:
    calibration = StimulusCalibration(um_per_pixel=scale, rotation_deg=turn, mirror=mirror, offset_um=(7, 9))

    (a, b), (c, d) = calibration.to_chip(x, y), calibration.to_chip(0, 0)

    assert ((a - c) ** 2 + (b - d) ** 2) ** 0.5 == pytest.approx(scale * (x**2 + y**2) ** 0.5, abs=1e-6)


def test_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text('{"um_per_pixel": 20, "mirror": true}')

    assert read_calibration(tmp_path / "c.json") == StimulusCalibration(um_per_pixel=20, mirror=True)


@pytest.mark.parametrize("text", ['{"um_per_pixel": -1}', '{"um_per_px": 3}', "no json", "{}"])
def test_wrong_file_is_named_with_what_is_wrong(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.json").write_text(text)

    with pytest.raises(ConfigurationError, match=r"c\.json"):
        read_calibration(tmp_path / "c.json")


def test_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="calibration"):
        read_calibration(tmp_path / "none.json")
