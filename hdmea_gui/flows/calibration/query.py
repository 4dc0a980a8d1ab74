"""Where the stimulus is on the chip: read, written and placed for the window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hdmea.utils.notices import said
from hdmea_gui.engine.snapshot import StepSpec
from hdmea_gui.engine.words import WINDOW

if TYPE_CHECKING:
    from hdmea_gui.engine.workspace import Workspace

__all__ = [
    "CalibrationQuery",
    "CalibrationView",
    "Placement",
    "ReadCalibration",
    "WriteCalibration",
    "calibration_spec",
    "placement",
]

_REMEMBERED = "stimulus_calibration"
_PITCH = "sensor_pitch_um"


@dataclass(frozen=True)
class CalibrationView:
    """What is known of the calibration.

    Attributes
    ----------
    values
        Of the calibration; empty if there is none.
    path
        File that they are from; None if the recording remembers them or there are none.
    pitch_um
        Pitch of the electrodes that the recording remembers, None if it does not.
    frame
        Width and height in pixels of a movie with spike-triggered averages, None without one.
    problem
        Why a file could not be read; empty if nothing went wrong.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    path: Path | None = None
    pitch_um: float | None = None
    frame: tuple[int, int] | None = None
    problem: str = ""


@dataclass(frozen=True)
class CalibrationQuery:
    """What is known of the calibration: the chosen file, else the session's memory, else the last file."""

    chosen: Path | None = None
    last: Path | None = None

    def answer(self, workspace: Workspace) -> CalibrationView:
        """Return it; a file that cannot be read is said in it."""
        from hdmea.stimuli.calibration import read_calibration, stored_calibration
        from hdmea.utils.exceptions import HDMEAError

        metadata = {} if workspace.session is None else workspace.session.metadata
        pitch = metadata.get(_PITCH)
        pitch_um = None if pitch is None else float(np.ravel(pitch)[0])
        remembered = metadata.get(_REMEMBERED)
        if self.chosen is None and remembered is not None:
            found = stored_calibration(str(remembered))
            return CalibrationView(found.model_dump(), None, pitch_um, _frame(workspace))
        path = self.chosen or self.last
        if path is None:
            return CalibrationView({}, None, pitch_um, _frame(workspace))
        try:
            values = read_calibration(path).model_dump()
        except (OSError, HDMEAError) as error:
            return CalibrationView({}, None, pitch_um, _frame(workspace), said(error, WINDOW))
        return CalibrationView(values, path, pitch_um, _frame(workspace))


@dataclass(frozen=True)
class ReadCalibration:
    """The calibration in a file."""

    path: Path

    def answer(self, workspace: Workspace) -> CalibrationView:
        """Return it; ConfigurationError or OSError if it is none."""
        from hdmea.stimuli.calibration import read_calibration

        return CalibrationView(read_calibration(self.path).model_dump(), self.path)


@dataclass(frozen=True)
class Occupied:
    """Nothing was written: the file exists already and was not to be replaced."""

    path: Path


@dataclass(frozen=True)
class WriteCalibration:
    """Write a calibration."""

    path: Path
    values: Mapping[str, Any]
    overwrite: bool = False

    def answer(self, workspace: Workspace) -> Path | Occupied:
        """Return the file, or that it is there and was not replaced."""
        from hdmea.stimuli.calibration import StimulusCalibration, write_calibration

        calibration = StimulusCalibration.model_validate(dict(self.values))
        try:
            return write_calibration(self.path, calibration, overwrite=self.overwrite)
        except FileExistsError:
            return Occupied(self.path)


@dataclass(frozen=True)
class Placement:
    """A movie's frame and the chip, in µm from the first electrode's centre: x right, y down.

    Attributes
    ----------
    outline
        float64 (4, 2) corners of the frame: of the first pixel, along the first row, and around.
    first_pixel
        float64 (4, 2) corners of pixel (0, 0).
    sensors
        Electrodes along an edge of the chip.
    pitch_um
        Their distance, None if it is not known.
    text
        The same in words.
    """

    outline: NDArray[np.float64]
    first_pixel: NDArray[np.float64]
    sensors: int
    pitch_um: float | None
    text: str


def calibration_spec() -> StepSpec:
    """Return the calibration's declaration for the form."""
    from hdmea.stimuli.calibration import StimulusCalibration
    from hdmea_gui.engine.forms import describe_fields

    return StepSpec(
        name="stimulus_calibration",
        title="Stimulus on the chip",
        help="Measured once for a projector and its optics; places receptive fields on the chip, in µm.",
        requires=(),
        fields=describe_fields(StimulusCalibration),
        model=StimulusCalibration,
    )


def placement(values: Mapping[str, Any], frame: tuple[int, int], pitch_um: float | None) -> Placement:
    """Return where a movie's frame is.

    Parameters
    ----------
    values
        Of the calibration, valid.
    frame
        Width and height of the movie in pixels.
    pitch_um
        Pitch of the electrodes.
    """
    from hdmea.recordings.mcs.vocabulary import CHIP_EDGE
    from hdmea.stimuli.calibration import StimulusCalibration

    calibration = StimulusCalibration.model_validate(dict(values))
    width, height = (size * calibration.um_per_pixel for size in frame)
    outline = calibration.outline(*frame)
    text = f"The movie frame is {width:,.0f} × {height:,.0f} µm."
    if pitch_um is not None:
        edge = CHIP_EDGE * pitch_um
        right, down = outline.mean(axis=0) - (CHIP_EDGE - 1) * pitch_um / 2
        across = f"{abs(right):,.0f} µm {'right' if right >= 0 else 'left'} of"
        along = f"{abs(down):,.0f} µm {'below' if down >= 0 else 'above'}"
        text += (
            f" The chip is {edge:,.0f} × {edge:,.0f} µm; the frame's centre is {across} and {along} its own."
        )
    return Placement(outline, calibration.outline(1, 1), CHIP_EDGE, pitch_um, text)


def _frame(workspace: Workspace) -> tuple[int, int] | None:
    for unit in {} if workspace.session is None else workspace.session.units.values():
        for name, feature in (unit.get("features") or {}).items():
            frames = feature.get("data") if name.startswith("sta_") else None
            if isinstance(frames, np.ndarray) and frames.ndim == 3 and frames.size:
                return frames.shape[2], frames.shape[1]
    return None
