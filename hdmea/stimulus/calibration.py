"""Where the pixels of the stimulus lie on the chip: a small JSON file that the person measures once.

```json
{"um_per_pixel": 20.0, "rotation_deg": 0.0, "mirror": false, "offset_um": [150.0, 80.0]}
```
"""

from __future__ import annotations

import math
from pathlib import Path

import pydantic
from pydantic import Field

from hdmea.utils.exceptions import ConfigurationError

__all__ = ["StimulusCalibration", "read_calibration"]


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
        Where the centre of pixel (0, 0) lies on the chip: (x, y) in µm from the first electrode's centre.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    um_per_pixel: float = Field(gt=0, allow_inf_nan=False)
    rotation_deg: float = Field(0.0, allow_inf_nan=False)
    mirror: bool = False
    offset_um: tuple[float, float] = (0.0, 0.0)

    def to_chip(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point of the movie, in pixels, lies on the chip, in µm."""
        angle = math.radians(self.rotation_deg)
        right, down = (-x if self.mirror else x) * self.um_per_pixel, y * self.um_per_pixel
        return (
            self.offset_um[0] + right * math.cos(angle) + down * math.sin(angle),
            self.offset_um[1] - right * math.sin(angle) + down * math.cos(angle),
        )


def read_calibration(path: str | Path) -> StimulusCalibration:
    """Read a stimulus calibration.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ConfigurationError
        If it is no valid calibration; the message names what is wrong.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no stimulus calibration {path}: correct the path.")
    try:
        return StimulusCalibration.model_validate_json(path.read_bytes())
    except pydantic.ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors())
        raise ConfigurationError(
            f"{path} is no valid stimulus calibration ({problems}). It has um_per_pixel, rotation_deg, "
            "mirror and offset_um."
        ) from error
