"""Electrical images of model cells: the soma's spike and its way along the axon, in µV."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hdmea.simulate.experiment import Region

__all__ = ["PRE_SAMPLES", "Footprint", "Morphology", "draw_morphology", "make_footprint"]

PRE_SAMPLES: Final = 20
_POST_SAMPLES: Final = 60
_NEGLIGIBLE_UV: Final = 0.2
_AXON_WIDTH_SENSORS: Final = 0.7
_AXON_LAST_SAMPLE: Final = 45.0
_INITIAL_SEGMENT_SENSORS: Final = 1.5

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Morphology:
    """Where a cell is and where its axon runs; columns and rows are 1-based and fractional.

    Parameters
    ----------
    column, row
        Position of the soma.
    amplitude_uv, soma_sigma_sensors
        Depth of the soma's trough, SD of its decay over the sensors.
    axon_uv
        Depth of the trough on the axon.
    axon_direction_deg
        Direction of the axon: 0° towards larger columns, 90° towards larger rows.
    velocity_m_s
        Conduction velocity.
    """

    column: float
    row: float
    amplitude_uv: float
    soma_sigma_sensors: float
    axon_uv: float
    axon_direction_deg: float
    velocity_m_s: float

    @property
    def axon_step(self) -> tuple[float, float]:
        """Unit vector along the axon, (columns, rows)."""
        angle = np.deg2rad(self.axon_direction_deg)
        return float(np.cos(angle)), float(np.sin(angle))

    @property
    def sensor_column(self) -> int:
        """Column of the sensor below the soma."""
        return round(self.column)

    @property
    def sensor_row(self) -> int:
        """Row of the sensor below the soma."""
        return round(self.row)


@dataclass(frozen=True)
class Footprint:
    """What one spike adds to the sensors, where it is not negligible.

    Parameters
    ----------
    sensors
        Index of each sensor in the region, `column index · rows + row index`, (sensors,).
    microvolts
        Voltage, (samples, sensors); the spike's sample is `PRE_SAMPLES`.
    """

    sensors: NDArray[np.int64]
    microvolts: NDArray[np.float32]

    def dense(self, region: Region) -> NDArray[np.float32]:
        """Return the voltage on all sensors of the region, (samples, columns, rows)."""
        image = np.zeros((len(self.microvolts), region.columns * region.rows), np.float32)
        image[:, self.sensors] = self.microvolts
        return image.reshape(-1, region.columns, region.rows)


def draw_morphology(
    rng: np.random.Generator, position: tuple[float, float], towards: tuple[float, float]
) -> Morphology:
    """Return a cell at a position whose axon runs about towards another one (the optic disc).

    Parameters
    ----------
    rng
        Source of the individual values.
    position, towards
        Column and row.
    """
    direction = np.rad2deg(np.arctan2(towards[1] - position[1], towards[0] - position[0]))
    return Morphology(
        column=position[0],
        row=position[1],
        amplitude_uv=rng.uniform(150.0, 400.0),
        soma_sigma_sensors=rng.uniform(0.9, 1.3),
        axon_uv=rng.uniform(25.0, 45.0),
        axon_direction_deg=float(direction + rng.normal(0.0, 8.0)) % 360.0,
        velocity_m_s=rng.uniform(0.6, 1.1),
    )


def make_footprint(
    morphology: Morphology, region: Region, rate_hz: float, sensor_pitch_um: float
) -> Footprint:
    """Return the electrical image of a cell on the recorded sensors.

    Parameters
    ----------
    morphology
        The cell.
    region
        Recorded sensors.
    rate_hz
        Acquisition rate.
    sensor_pitch_um
        Distance between sensors.
    """
    columns = np.repeat(np.arange(region.first_column, region.last_column + 1.0), region.rows)
    rows = np.tile(np.arange(region.first_row, region.last_row + 1.0), region.columns)
    east, south = columns - morphology.column, rows - morphology.row
    step = morphology.axon_step
    along, across = east * step[0] + south * step[1], south * step[0] - east * step[1]
    samples_per_sensor = sensor_pitch_um * 1e-6 / morphology.velocity_m_s * rate_hz
    delay = np.clip(along, 0.0, None) * samples_per_sensor
    soma = morphology.amplitude_uv * np.exp(-0.5 * (east**2 + south**2) / morphology.soma_sigma_sensors**2)
    axon = morphology.axon_uv * np.exp(-0.5 * (across / _AXON_WIDTH_SENSORS) ** 2)
    axon *= (along > _INITIAL_SEGMENT_SENSORS) & (delay < _AXON_LAST_SAMPLE)
    near = np.flatnonzero(soma + axon > _NEGLIGIBLE_UV)
    time = np.arange(-PRE_SAMPLES, _POST_SAMPLES, dtype=np.float64)[:, None] * (20_000.0 / rate_hz)
    late = time - delay[near] * (20_000.0 / rate_hz)
    voltage = soma[near] * _soma_shape(time) + axon[near] * _axon_shape(late)
    return Footprint(near, voltage.astype(np.float32))


def _bump(time: Floats, centre: float, sd: float) -> Floats:
    bump: Floats = np.exp(-0.5 * ((time - centre) / sd) ** 2)
    return bump


def _soma_shape(time: Floats) -> Floats:
    return 0.3 * _bump(time, 9.0, 4.5) - _bump(time, 0.0, 2.5)


def _axon_shape(time: Floats) -> Floats:
    return 0.25 * _bump(time, -5.0, 1.8) - _bump(time, 0.0, 1.8) + 0.3 * _bump(time, 5.5, 2.5)
