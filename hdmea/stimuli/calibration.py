"""Where the pixels of the stimulus are on the chip: a small JSON file that the user measures once.

```json
{"um_per_pixel": 20.0, "rotation_deg": 0.0, "mirror": false, "offset_um": [150.0, 80.0]}
```
"""

from __future__ import annotations

import contextlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pydantic
from numpy.typing import NDArray
from pydantic import Field

from hdmea.stimuli.movies import LightSpot
from hdmea.utils.atomic import replacing
from hdmea.utils.exceptions import (
    ConfigurationError,
    ExistingFileError,
    SessionError,
)
from hdmea.utils.fixes import Advice, ChooseFile, Replace
from hdmea.utils.text_files import read_json, regular_size
from hdmea.utils.validation import problems_in_file

__all__ = [
    "StimulusCalibration",
    "read_calibration",
    "read_light_spot",
    "stored_calibration",
    "write_calibration",
]


_SPOT = "light_spot"


class StimulusCalibration(pydantic.BaseModel):
    """From pixels of a movie to µm on the chip.

    The chip's x grows with the electrodes' columns and its y with their rows, as those of the movie do with
    its own. A pixel (x, y) is mirrored (x becomes -x), scaled, turned about pixel (0, 0) and shifted.

    Attributes
    ----------
    um_per_pixel
        Size of a pixel of the movie on the chip, in µm.
    rotation_deg
        Turn, counter-clockwise for someone who sees the rows count downwards.
    mirror
        Whether the image on the chip is mirrored.
    offset_um
        Where the centre of pixel (0, 0) is on the chip: (x, y) in µm from the first electrode's centre.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    um_per_pixel: float = Field(
        gt=0,
        allow_inf_nan=False,
        title="Pixel size",
        description="Size of a pixel of the movie on the chip.",
        json_schema_extra={"unit": "µm"},
    )
    rotation_deg: float = Field(
        0.0,
        allow_inf_nan=False,
        title="Rotation",
        description="Turn of the image on the chip about its first pixel, counter-clockwise for someone who "
        "sees the rows count downwards.",
        json_schema_extra={"unit": "°", "decimals": 2},
    )
    mirror: bool = Field(
        False,
        title="Mirrored",
        description="Whether the image on the chip is mirrored: columns of the movie run to the left, "
        "before the rotation.",
    )
    offset_um: tuple[pydantic.FiniteFloat, pydantic.FiniteFloat] = Field(
        (0.0, 0.0),
        title="First pixel x, y",
        description="Position of the centre of pixel (0, 0) on the chip, from the centre of the first "
        "electrode: x along the columns, y along the rows.",
        json_schema_extra={"unit": "µm"},
    )

    @pydantic.field_validator("um_per_pixel", mode="before")
    @classmethod
    def _size_is_given(cls, value: Any) -> Any:
        if value is None or value == ():
            raise ValueError("must be the size of a pixel on the chip, in µm")
        return value

    @pydantic.field_validator("offset_um", mode="before")
    @classmethod
    def _offset_is_a_pair(cls, value: Any) -> Any:
        if not isinstance(value, (list, tuple)) or len(value) != 2:
            raise ValueError("must be two numbers in µm: x, y")
        return value

    def to_chip(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point of the movie, in pixels, is on the chip, in µm."""
        angle = math.radians(self.rotation_deg)
        right, down = (-x if self.mirror else x) * self.um_per_pixel, y * self.um_per_pixel
        return (
            self.offset_um[0] + right * math.cos(angle) + down * math.sin(angle),
            self.offset_um[1] - right * math.sin(angle) + down * math.cos(angle),
        )

    def places(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return where points of the movie are on the chip.

        Parameters
        ----------
        points
            (..., 2): x and y in pixels.

        Returns
        -------
        float64 (..., 2)
            x and y in µm from the first electrode's centre.
        """
        origin, right, down = (np.array(self.to_chip(x, y)) for x, y in ((0, 0), (1, 0), (0, 1)))
        places: NDArray[np.float64] = origin + points @ np.stack((right - origin, down - origin))
        return places

    def outline(self, width: int, height: int) -> NDArray[np.float64]:
        """Return where the corners of a movie's frame are on the chip.

        Parameters
        ----------
        width, height
            Size of the frame in pixels.

        Returns
        -------
        float64 (4, 2)
            x and y in µm from the first electrode's centre, of the outer corners of the first pixel, the
            last of the first row, the last, and the first of the last row.
        """
        right, bottom = width - 0.5, height - 0.5
        corners = ((-0.5, -0.5), (right, -0.5), (right, bottom), (-0.5, bottom))
        return self.places(np.array(corners))


def read_calibration(path: str | Path) -> StimulusCalibration:
    """Read a stimulus calibration.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ConfigurationError
        If it is not a valid calibration; the message names what is wrong.
    """
    path = Path(path)
    regular_size(path, "stimulus calibration", "calibration_path")
    values = read_json(path)
    if isinstance(values, dict):
        values.pop(_SPOT, None)
    try:
        return StimulusCalibration.model_validate(values)
    except pydantic.ValidationError as error:
        problems = problems_in_file(error, StimulusCalibration)
        raise ConfigurationError(
            f"{path} is not a valid stimulus calibration: {problems}. It has um_per_pixel, rotation_deg, "
            "mirror and offset_um.",
            path=path,
            fix=Advice("Correct the file, or measure the calibration again."),
        ) from error


def stored_calibration(text: str) -> StimulusCalibration:
    """Return the calibration that a result file remembers.

    Raises
    ------
    ConfigurationError
        If it is not one.
    """
    try:
        return StimulusCalibration.model_validate_json(text)
    except pydantic.ValidationError as error:
        raise ConfigurationError(
            "The stimulus calibration that the result remembers is damaged.",
            fix=ChooseFile("calibration_path", "extract_rf_geometry"),
        ) from error


def read_light_spot(path: str | Path) -> LightSpot | None:
    """Return what the photodiode sees of the movie, from the calibration; None: the full field.

    The calibration has it as ``"light_spot": [column, row, radius]``, in pixels of the movie.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ConfigurationError
        If the calibration or its light_spot is not valid.
    """
    read_calibration(path)
    values = read_json(Path(path)).get(_SPOT)
    if values is None:
        return None
    numbers = (
        isinstance(values, list) and len(values) == 3 and all(isinstance(v, int | float) for v in values)
    )
    if not numbers or not values[2] >= 0:
        raise ConfigurationError(
            f"{path} is not a valid stimulus calibration: light_spot must be column, row and radius in "
            "pixels.",
            path=Path(path),
            fix=Advice("Correct the file, or mark the light spot again."),
        )
    return LightSpot(*map(float, values))


def _kept_spot(path: Path) -> dict[str, Any]:
    """Return the light_spot of the file that is replaced, which the calibration itself does not hold."""
    with contextlib.suppress(OSError, ConfigurationError, AttributeError):
        spot = read_json(path).get(_SPOT)
        return {} if spot is None else {_SPOT: spot}
    return {}


def write_calibration(path: str | Path, calibration: StimulusCalibration, *, overwrite: bool = False) -> Path:
    """Write a stimulus calibration; at every moment the complete old or the complete new file exists.

    Parameters
    ----------
    path
        The JSON file; a link stays a link.
    calibration
        What is written.
    overwrite
        Replace an existing file.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    FileExistsError
        If the file exists and `overwrite` is False.
    SessionError
        If it cannot be written; an existing file is unchanged then.
    """
    path = Path(path)
    target = path.resolve()
    if target.exists() and not overwrite:
        raise ExistingFileError(f"{path} already exists.", path=path, fix=Replace())
    try:
        with replacing(target) as part:
            content = calibration.model_dump(mode="json") | _kept_spot(target)
            part.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise SessionError(
            f"{path} cannot be written: {error.strerror or error}.",
            path=path,
            fix=Advice("Choose a folder that exists and that you can write to."),
        ) from error
    return path
