"""The cells of a simulated recording: where they are, what they answer, when they fired."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hdmea.recordings.mcs.vocabulary import sensor_id
from hdmea.simulate.cells import KINDS, Cell, make_cell, treated
from hdmea.simulate.experiment import Experiment, Region
from hdmea.simulate.footprints import Morphology, draw_morphology
from hdmea.simulate.spikes import bin_rates, draw_rejected, draw_spikes
from hdmea.simulate.stimuli import FIELD_PX
from hdmea.simulate.timeline import Timeline

__all__ = ["SimulatedUnit", "draw_population", "receptive_field_centre"]

_FIELD_MARGIN_PX = 2.0
_CANDIDATES = 20


@dataclass(frozen=True, eq=False)
class SimulatedUnit:
    """One sorted unit and everything that is true of it.

    Parameters
    ----------
    number
        `UnitID`.
    cell
        What it answers to light.
    morphology
        Where it is, its spike's size, its axon.
    spike_samples
        Accepted spikes in samples, ascending.
    rejected_samples
        Peaks that the sorter rejected: no spikes.
    seed
        Decides what else is random of the unit: cut-outs, measures.
    """

    number: int
    cell: Cell
    morphology: Morphology
    spike_samples: NDArray[np.int64]
    rejected_samples: NDArray[np.int64]
    seed: np.random.SeedSequence

    @property
    def unit_id(self) -> str:
        """Name of the unit in a session."""
        return f"unit_{self.number:03d}"

    @property
    def sensor_id(self) -> int:
        """Number of the sensor below the soma, 1 to 4225."""
        return sensor_id(self.morphology.sensor_row, self.morphology.sensor_column)


def receptive_field_centre(region: Region, column: float, row: float) -> tuple[float, float]:
    """Return where a cell at a sensor position looks: column and row in pixels of the stimulus.

    The region's edges map linearly to pixels 2 and 12 of 0 to 14.
    """
    span = FIELD_PX - 1 - 2 * _FIELD_MARGIN_PX
    x = _FIELD_MARGIN_PX + span * (column - region.first_column) / max(1, region.columns - 1)
    y = _FIELD_MARGIN_PX + span * (row - region.first_row) / max(1, region.rows - 1)
    return x, y


def draw_population(
    experiment: Experiment, timeline: Timeline, seed: np.random.SeedSequence
) -> Iterator[SimulatedUnit]:
    """Yield the units one after the other, each from its own random stream.

    Parameters
    ----------
    experiment
        Kinds, numbers and limits of the units.
    timeline
        What was shown when.
    seed
        Parent of the units' seeds.
    """
    region = experiment.region
    layout, *unit_seeds = seed.spawn(1 + experiment.n_units)
    rng = np.random.default_rng(layout)
    positions = _spread(rng, region, experiment.n_units)
    disc = (region.last_column + 0.5 * region.columns, region.first_row + 0.35 * region.rows)
    kinds = experiment.kinds or KINDS
    for index, unit_seed in enumerate(unit_seeds):
        traits, train, peaks, later = unit_seed.spawn(4)
        trait_rng = np.random.default_rng(traits)
        position = (float(positions[index, 0]), float(positions[index, 1]))
        cell = make_cell(kinds[index % len(kinds)], receptive_field_centre(region, *position), trait_rng)
        if experiment.treatment is not None:
            cell = treated(cell, experiment.treatment)
        train, peaks, later = (experiment.own_seed(each) for each in (train, peaks, later))
        rates = bin_rates(cell, timeline, experiment.lead_hz)
        spikes = draw_spikes(np.random.default_rng(train), cell, rates, timeline)
        number = experiment.numbers[index]
        spikes = spikes[: experiment.max_spikes.get(number)]
        yield SimulatedUnit(
            number=number,
            cell=cell,
            morphology=draw_morphology(trait_rng, position, disc),
            spike_samples=spikes,
            rejected_samples=draw_rejected(np.random.default_rng(peaks), len(spikes), timeline),
            seed=later,
        )


def _spread(rng: np.random.Generator, region: Region, count: int) -> NDArray[np.float64]:
    margin = 0.1 * np.array([region.columns, region.rows])
    low = np.array([region.first_column, region.first_row]) + margin
    high = np.array([region.last_column, region.last_row]) - margin
    positions = np.zeros((count, 2))
    for index in range(count):
        candidates = rng.uniform(low, np.maximum(high, low), (_CANDIDATES, 2))
        gaps = candidates[:, None] - positions[None, :index]
        nearest = np.min(np.hypot(gaps[..., 0], gaps[..., 1]), axis=1, initial=np.inf)
        positions[index] = candidates[np.argmax(nearest)]
    return positions
