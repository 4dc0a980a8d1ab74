"""What is true of a simulated recording: for tests, benchmarks, and as files beside the recording."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdmea.simulate.cells import temporal_kernel
from hdmea.simulate.expected import expected_responses, expected_sta
from hdmea.simulate.experiment import Experiment
from hdmea.simulate.footprints import PRE_SAMPLES, Footprint
from hdmea.simulate.population import SimulatedUnit
from hdmea.simulate.raw_writer import raw_intervals
from hdmea.simulate.spikes import bin_rates
from hdmea.simulate.stimuli import DenseNoise, Movie
from hdmea.simulate.timeline import DROPPED_FLIPS, MovieRun, Timeline

__all__ = ["Truth"]

Samples = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Truth:
    """Everything that is true of a simulated recording.

    Parameters
    ----------
    experiment
        What was simulated.
    timeline
        Frames, movies, data groups, flashes.
    units
        The sorted units, in the order of the file.
    footprints
        Electrical image of each unit.
    conversion_nv
        nV per count, (columns, rows).
    """

    experiment: Experiment
    timeline: Timeline
    units: tuple[SimulatedUnit, ...]
    footprints: tuple[Footprint, ...]
    conversion_nv: NDArray[np.float64]

    @property
    def rate_hz(self) -> float:
        """Acquisition rate."""
        return self.timeline.rate_hz

    @property
    def duration_s(self) -> float:
        """Time from start to end, gaps included."""
        return self.timeline.duration_s

    @property
    def segments(self) -> Samples:
        """First and last + 1 sample of each recorded data group, (groups, 2)."""
        return self.timeline.segments

    @property
    def frame_timestamps(self) -> Samples:
        """What the detection of frames must return."""
        return self.timeline.detected_frames

    @property
    def raw_intervals(self) -> list[tuple[int, int]]:
        """First and last + 1 sample of the raw sensor data of each data group."""
        return raw_intervals(self.experiment, self.timeline)

    @property
    def movie_names(self) -> tuple[str, ...]:
        """Names of the movies that were shown, each once."""
        return tuple(dict.fromkeys(run.movie.name for run in self.timeline.runs))

    def unit(self, number: int) -> SimulatedUnit:
        """Return the unit with a `UnitID`."""
        return self.units[self._index[number]]

    def footprint(self, number: int) -> NDArray[np.float32]:
        """Return a unit's electrical image in µV, (80, columns, rows); its spike is at sample 20."""
        return self.footprints[self._index[number]].dense(self.experiment.region)

    def spikes(self, number: int) -> Samples:
        """Return the samples of a unit's spikes."""
        return self.unit(number).spike_samples

    def movie(self, name: str) -> Movie:
        """Return a movie by its name."""
        return self._runs(name)[0].movie

    def content_frames(self, name: str) -> Samples:
        """Return the first frame of each showing, as an index into the frames without faults."""
        return np.array([run.content_frame for run in self._runs(name)], np.int64)

    def sections(self, name: str) -> Samples:
        """Return first and last sample of each section, (showings, 2), with the usual margins."""
        return np.array([self.timeline.section(run) for run in self._runs(name)])

    def trials(self, name: str) -> Samples:
        """Return first and last + 1 sample of each trial of all showings, (trials, 2)."""
        return np.concatenate([self.timeline.trials(run) for run in self._runs(name)])

    def frame_rates(self, number: int) -> NDArray[np.float64]:
        """Return the rate from which a unit's spikes were drawn, per display frame, in Hz.

        The frames are those of `timeline.frame_samples`: the first four are included.
        """
        cell = self.unit(number).cell
        return bin_rates(cell, self.timeline, self.experiment.lead_hz)[1:]

    def expected(self, number: int, name: str) -> dict[str, Any]:
        """Return what an analysis must find in a unit during a movie (see `expected_responses`)."""
        return expected_responses(self.unit(number).cell, self.movie(name))

    def sta(self, number: int, name: str, cover_range: tuple[int, int] = (-60, 0)) -> NDArray[np.float64]:
        """Return the expected spike-triggered average of a unit, (window, 15, 15)."""
        movie = self.movie(name)
        if not isinstance(movie, DenseNoise):
            raise KeyError(f"{name} is not a noise movie")
        return expected_sta(self.unit(number).cell, movie, cover_range)

    def save(self, folder: Path, name: str) -> None:
        """Write `NAME_truth.json` and `NAME_truth.npz`."""
        summary = json.dumps(_plain(self.summary()), indent=1, allow_nan=True)
        (folder / f"{name}_truth.json").write_text(summary + "\n", encoding="utf-8")
        with (folder / f"{name}_truth.npz").open("wb") as file:
            write = np.savez_compressed if self.experiment.rate_truth else np.savez
            write(file, allow_pickle=False, **self.arrays())

    def summary(self) -> dict[str, Any]:
        """Return what the JSON file contains: the recording, its movies, its units with expected values."""
        region, clock = self.experiment.region, self.timeline
        movies = [self._movie_summary(run) for run in clock.runs]
        return {
            "name": self.experiment.name,
            "seed": self.experiment.seed,
            "rate_hz": clock.rate_hz,
            "n_samples": clock.n_samples,
            "duration_s": clock.duration_s,
            "segments": clock.segments,
            "raw_intervals": self.raw_intervals,
            "frame_rate_hz": self.experiment.frame_rate_hz,
            "dropped_flips": DROPPED_FLIPS,
            "missing_flips": self.experiment.missing_flips,
            "double_flips": self.experiment.double_flips,
            "region": {
                "first_column": region.first_column,
                "first_row": region.first_row,
                "columns": region.columns,
                "rows": region.rows,
            },
            "sensor_pitch_um": self.experiment.sensor_pitch_um,
            "noise_uv": self.experiment.noise_uv,
            "footprint_pre": PRE_SAMPLES,
            "playlist": self.experiment.playlist,
            "flashes": clock.flashes,
            "movies": movies,
            "units": [self._unit_summary(unit) for unit in self.units],
        }

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what the npz file contains.

        `spike_samples` with `spike_offsets` (unit k: `[offsets[k], offsets[k + 1])`), `unit_numbers`,
        `kind`, `column`, `row`, `conversion_nv`, `frame_samples`, `flip_samples`, `frame_luminance`,
        `segments`, `flashes`; with `rate_truth` also `kernel`, `footprint_uv`, `frame_rate_hz` (unit,
        frame) and `sta__<movie>` (unit, 60, 15, 15).
        """
        trains = [unit.spike_samples for unit in self.units]
        arrays: dict[str, NDArray[Any]] = {
            "spike_samples": np.concatenate([*trains, np.empty(0, np.int64)]),
            "spike_offsets": np.cumsum([0, *map(len, trains)], dtype=np.int64),
            "unit_numbers": np.array([unit.number for unit in self.units], np.int64),
            "kind": np.array([unit.cell.kind for unit in self.units], np.str_),
            "column": np.array([unit.morphology.column for unit in self.units]),
            "row": np.array([unit.morphology.row for unit in self.units]),
            "conversion_nv": self.conversion_nv,
            "frame_samples": self.timeline.frame_samples,
            "flip_samples": self.timeline.flip_samples,
            "frame_luminance": self.timeline.luminance,
            "segments": self.timeline.segments,
            "flashes": self.timeline.flashes,
        }
        return arrays | self._dense_arrays() if self.experiment.rate_truth and self.units else arrays

    def _dense_arrays(self) -> dict[str, NDArray[Any]]:
        numbers = [unit.number for unit in self.units]
        arrays: dict[str, NDArray[Any]] = {
            "kernel": np.array([temporal_kernel(unit.cell) for unit in self.units]),
            "footprint_uv": np.array([self.footprint(number) for number in numbers]),
            "frame_rate_hz": np.array([self.frame_rates(number) for number in numbers], np.float32),
        }
        for name in self.movie_names:
            if isinstance(self.movie(name), DenseNoise):
                averages = [self.sta(number, name) for number in numbers]
                arrays[f"sta__{name}"] = np.array(averages, np.float32)
        return arrays

    @cached_property
    def _index(self) -> dict[int, int]:
        return {unit.number: index for index, unit in enumerate(self.units)}

    def _runs(self, name: str) -> list[MovieRun]:
        runs = [run for run in self.timeline.runs if run.movie.name == name]
        if not runs:
            raise KeyError(f"{name} was not shown; shown were {', '.join(self.movie_names)}")
        return runs

    def _movie_summary(self, run: MovieRun) -> dict[str, Any]:
        return {
            "name": run.movie.name,
            "kind": run.movie.kind,
            "occurrence": run.occurrence,
            "frames": run.movie.length,
            "content_frame": run.content_frame,
            "content_samples": self.timeline.content(run),
            "section_samples": self.timeline.section(run),
            "trial_samples": self.timeline.trials(run),
        }

    def _unit_summary(self, unit: SimulatedUnit) -> dict[str, Any]:
        cell, shape = unit.cell, unit.morphology
        summary = {
            "unit": unit.number,
            "unit_id": unit.unit_id,
            "kind": cell.kind,
            "sensor_id": unit.sensor_id,
            "sensor_column": shape.sensor_column,
            "sensor_row": shape.sensor_row,
            "column": shape.column,
            "row": shape.row,
            "amplitude_uv": shape.amplitude_uv,
            "axon_uv": shape.axon_uv,
            "axon_direction_deg": shape.axon_direction_deg,
            "axon_step": shape.axon_step,
            "velocity_m_s": shape.velocity_m_s,
            "base_hz": cell.base_hz,
            "refractory_s": cell.refractory_s,
            "n_spikes": len(unit.spike_samples),
            "n_peaks": len(unit.spike_samples) + len(unit.rejected_samples),
        }
        movies = {name: self.movie(name) for name in self.movie_names}
        return summary | {
            "expected": {name: expected_responses(cell, movie) for name, movie in movies.items()}
        }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
