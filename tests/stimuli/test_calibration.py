"""Stimulus calibration: from pixels to the chip."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdmea.stimuli.calibration import (
    StimulusCalibration,
    read_calibration,
    read_light_spot,
    write_calibration,
)
from hdmea.stimuli.movies import LightSpot
from hdmea.utils.exceptions import ConfigurationError, SessionError


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


@given(
    st.floats(0.1, 100),
    st.floats(-360, 360),
    st.booleans(),
    st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4)),
)
def test_what_is_written_is_read(
    scale: float, turn: float, mirror: bool, offset: tuple[float, float]
) -> None:
    calibration = StimulusCalibration(um_per_pixel=scale, rotation_deg=turn, mirror=mirror, offset_um=offset)

    with tempfile.TemporaryDirectory() as folder:
        path = write_calibration(Path(folder) / "c.json", calibration)

        assert read_calibration(path) == calibration
        assert [found.name for found in Path(folder).iterdir()] == ["c.json"]


def test_an_existing_file_is_replaced_only_when_told(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text("somebody's")

    with pytest.raises(FileExistsError, match="exists"):
        write_calibration(path, StimulusCalibration(um_per_pixel=20))
    assert path.read_text() == "somebody's"

    write_calibration(path, StimulusCalibration(um_per_pixel=20), overwrite=True)
    assert read_calibration(path).um_per_pixel == 20


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="cannot be written"):
        write_calibration(tmp_path / "none" / "c.json", StimulusCalibration(um_per_pixel=20))


def test_outline_has_the_outer_edges_of_the_corner_pixels() -> None:
    calibration = StimulusCalibration(um_per_pixel=10, offset_um=(100, 200))

    expected = [(95, 195), (135, 195), (135, 215), (95, 215)]
    assert calibration.outline(4, 2).tolist() == [list(corner) for corner in expected]


def test_outline_of_a_mirrored_frame_runs_to_the_left() -> None:
    first, along, _, down = StimulusCalibration(um_per_pixel=10, mirror=True).outline(4, 2)

    assert (along - first).tolist() == [-40, 0]
    assert (down - first).tolist() == [0, 20]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"um_per_pixel": None}, "must be the size"),
        ({"um_per_pixel": 20, "offset_um": (1,)}, "two numbers"),
        ({"um_per_pixel": 20, "offset_um": 5}, "two numbers"),
        ({"um_per_pixel": 20, "offset_um": (1, float("nan"))}, "finite"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(values: dict[str, object], sentence: str) -> None:
    with pytest.raises(pydantic.ValidationError, match=sentence):
        StimulusCalibration.model_validate(values)


def test_the_light_spot_is_read_beside_the_calibration_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text('{"um_per_pixel": 20.0, "light_spot": [3, 4.5, 2]}', encoding="utf-8")

    assert read_light_spot(path) == LightSpot(3.0, 4.5, 2.0)
    write_calibration(path, StimulusCalibration(um_per_pixel=10.0), overwrite=True)

    assert read_calibration(path).um_per_pixel == 10.0
    assert read_light_spot(path) == LightSpot(3.0, 4.5, 2.0)


@pytest.mark.parametrize("spot", ["3", "[1, 2]", '["a", 1, 2]', "[1, 2, -1]"])
def test_a_wrong_light_spot_is_refused(tmp_path: Path, spot: str) -> None:
    path = tmp_path / "c.json"
    path.write_text(f'{{"um_per_pixel": 20.0, "light_spot": {spot}}}', encoding="utf-8")

    with pytest.raises(ConfigurationError, match="column, row and radius"):
        read_light_spot(path)


def test_without_a_light_spot_the_full_field_counts(tmp_path: Path) -> None:
    assert (
        read_light_spot(write_calibration(tmp_path / "c.json", StimulusCalibration(um_per_pixel=1))) is None
    )
