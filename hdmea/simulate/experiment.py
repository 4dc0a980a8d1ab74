"""What a simulated experiment consists of: cells, sensors, protocol, faults and file layout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from hdmea.simulate.cells import Treatment
from hdmea.simulate.stimuli import (
    Baseline,
    DenseNoise,
    FrequencySteps,
    GreenBlueSteps,
    LightSteps,
    Movie,
    MovingBars,
)
from hdmea.utils.exceptions import ConfigurationError
from hdmea.utils.fixes import Advice

__all__ = ["CHIP_EDGE", "Experiment", "FileOptions", "Region", "short_protocol"]

CHIP_EDGE = 65


@dataclass(frozen=True)
class Region:
    """The recorded sensors: edges from 1 to 65, as the vendor counts."""

    rows: int = 16
    columns: int = 18
    first_row: int = 25
    first_column: int = 21

    def __post_init__(self) -> None:
        last = (self.last_row, self.last_column)
        if min(self.rows, self.columns, self.first_row, self.first_column) < 1 or max(last) > CHIP_EDGE:
            raise ConfigurationError(
                f"The sensors region {self.columns} × {self.rows} from column {self.first_column}, row "
                f"{self.first_row} is not on the chip.",
                fix=Advice(f"Choose edges between 1 and {CHIP_EDGE}."),
            )

    @property
    def last_row(self) -> int:
        """Last recorded row."""
        return self.first_row + self.rows - 1

    @property
    def last_column(self) -> int:
        """Last recorded column."""
        return self.first_column + self.columns - 1


@dataclass(frozen=True)
class FileOptions:
    """How the pair is written: everything in which real files may differ.

    Parameters
    ----------
    axis_order
        "xy": `SensorData` is (frame, column, row); "yx": (frame, row, column).
    integer_type
        Type of the sensor counts.
    ad_zero
        Value that is added to all counts and stated in a field `ADZero`; None: no such field.
    offset_counts
        Value that is added to all counts and stated nowhere.
    file_version
        Root attribute `FileVersion`.
    edge_fields
        "Region" or "Frame": spelling of the region's edges.
    factor_field
        Spelling of the conversion factors' field.
    fixed_strings
        Texts in tables have fixed length.
    event_stream
        Name of the digital event stream; None: no events.
    explorer
        Name of the tool that contains spike-triggered movies.
    analog_channels
        What is in the rows of the analog data; empty: no analog data.
    sensor_data
        Write the sensor stream (if the experiment has raw data).
    online_spikes
        Write the spikes of all units as if they had been found while recording.
    states_duration
        Write `LB.RecordingDuration` into the raw file.
    sorter
        Write the sorted units.
    cutouts
        Write the cut-outs of the peaks.
    source
        Add `Source` to every unit: as long as the recording, so that reading it is slow; it takes
        no space on the disk.
    link
        Target of the link to the raw file; "" links to the real name, None: no link.
    compressed
        Compress the large datasets.
    """

    axis_order: Literal["xy", "yx"] = "xy"
    integer_type: Literal["int16", "uint16", "int32"] = "int16"
    ad_zero: int | None = None
    offset_counts: int = 0
    file_version: int = 1
    edge_fields: Literal["Region", "Frame"] = "Region"
    factor_field: Literal["Conversion Factors", "ConversionFactors"] = "Conversion Factors"
    fixed_strings: bool = False
    event_stream: Literal["Digital Data Events", "EventTool @ Digital Data"] | None = "Digital Data Events"
    explorer: Literal["Network Explorer", "STA Explorer"] = "Network Explorer"
    analog_channels: tuple[Literal["light", "sync"], ...] = ("light", "sync")
    sensor_data: bool = True
    online_spikes: bool = False
    states_duration: bool = True
    sorter: bool = True
    cutouts: bool = True
    source: bool = True
    link: str | None = ""
    compressed: bool = True


def full_protocol() -> tuple[Movie, ...]:
    """Return the movies of a complete experiment; the noise lasts one minute."""
    return (Baseline(), LightSteps(), GreenBlueSteps(), FrequencySteps(), MovingBars(), DenseNoise())


def short_protocol() -> tuple[Movie, ...]:
    """Return a light step and some noise, together 16 s of movies."""
    return (
        LightSteps(
            "step_up_1s_2i_b0_2x",
            start_frame=60,
            trial_frames=180,
            trials=2,
            on_frames=60,
        ),
        DenseNoise("dense_noise_15x15_15hz_r42_8s", trial_frames=480),
    )


@dataclass(frozen=True)
class Experiment:
    """A simulated experiment; the same experiment gives the same recording, bit by bit.

    Parameters
    ----------
    name
        Stem of the raw file; the sorted file gets a trailing "-", as in the lab.
    seed
        Seed of everything random.
    n_units
        Number of sorted units.
    kinds
        Kinds of the cells, taken in turn; () means all kinds of `hdmea.simulate.cells.KINDS`.
    unit_numbers
        `UnitID` of each unit; () means 1, 2, 3, …
    max_spikes
        Largest number of accepted spikes by unit number (0 and 1 make the odd cases).
    region
        Recorded sensors.
    movies, repeats, playlist
        The playlist: its movies, how often the whole list is shown, its name.
    pad_frames
        Frames before and after each movie.
    tick_us
        Sample interval in µs; 50 is 20 kHz.
    frame_rate_hz
        Rate of the display.
    lead_s, lead_hz
        Time before the first display frame, and the rate at which cells fire in it (so that short
        raw data hold spikes).
    min_duration_s
        The recording continues after the last frame until this time.
    raw_seconds
        Raw sensor data at the start of each data group; 0: none.
    noise_uv
        SD of the sensors' noise in µV.
    sensor_pitch_um
        Distance between sensors in µm.
    gaps_s
        Times `(start, end)` in which nothing was recorded: they part the data groups.
    missing_flips, double_flips
        Display frames (from 0, the first four included) whose flip is missing on the sync channel,
        or is followed by a second one after 0.4 of the interval.
    flashes, flash_s, flash_period_s
        Light flashes after the last frame: number, duration, distance of their onsets.
    recording, treatment
        Number of the recording, where a retina has several: cells and chip are the same for the same seed,
        spikes and noise are not. What a drug does to the cells; None: nothing.
    files
        Layout of the files.
    rate_truth
        Keep the rate of every unit in every frame and the expected STA as truth (memory!).
    """

    name: str = "simulated-Rec"
    seed: int = 1
    n_units: int = 14
    kinds: tuple[str, ...] = ()
    unit_numbers: tuple[int, ...] = ()
    max_spikes: Mapping[int, int] = field(default_factory=dict)
    region: Region = field(default_factory=Region)
    movies: tuple[Movie, ...] = field(default_factory=short_protocol)
    repeats: int = 1
    playlist: str = "my_playlist"
    pad_frames: int = 180
    tick_us: int = 50
    frame_rate_hz: float = 60.0
    lead_s: float = 1.2
    lead_hz: float = 25.0
    min_duration_s: float = 0.0
    raw_seconds: float = 1.0
    noise_uv: float = 8.0
    sensor_pitch_um: float = 32.0
    gaps_s: tuple[tuple[float, float], ...] = ()
    missing_flips: tuple[int, ...] = ()
    double_flips: tuple[int, ...] = ()
    flashes: int = 0
    flash_s: float = 1.0
    flash_period_s: float = 4.0
    recording: int = 0
    treatment: Treatment | None = None
    files: FileOptions = field(default_factory=FileOptions)
    rate_truth: bool = True

    def __post_init__(self) -> None:
        if self.n_units < 0 or self.repeats < 1 or self.tick_us < 1 or self.frame_rate_hz <= 0:
            raise ConfigurationError(
                "An experiment needs n_units ≥ 0, repeats ≥ 1, tick_us ≥ 1 and frame_rate_hz > 0.",
                fix=Advice("Pass values in these ranges."),
            )
        if self.unit_numbers and len(set(self.unit_numbers)) != self.n_units:
            raise ConfigurationError(
                f"{self.n_units} units need as many different unit numbers, not {self.unit_numbers}.",
                fix=Advice("Pass one number for each unit."),
            )
        if any(not 0 < start < end for start, end in self.gaps_s):
            raise ConfigurationError(
                f"Gaps are times (start, end) after the start of the file: {self.gaps_s}.",
                fix=Advice("Pass gaps with 0 s < start < end."),
            )

    @property
    def numbers(self) -> tuple[int, ...]:
        """`UnitID` of each unit."""
        return self.unit_numbers or tuple(range(1, self.n_units + 1))

    @property
    def rate_hz(self) -> float:
        """Acquisition rate in Hz."""
        return 1e6 / self.tick_us

    def own_seed(self, seed: np.random.SeedSequence) -> np.random.SeedSequence:
        """Return the seed of what differs between the recordings of one retina."""
        if not self.recording:
            return seed
        return np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, self.recording))

    @classmethod
    def tiny(cls, **changes: Any) -> Experiment:
        """Return a recording for unit tests: five units, 8 × 9 sensors, 30 s, written in < 1 s."""
        tiny = cls(
            n_units=5,
            kinds=("on_transient", "off_transient", "on_sustained", "direction_selective", "poisson"),
            region=Region(rows=8, columns=9, first_row=30, first_column=28),
            raw_seconds=0.8,
        )
        return replace(tiny, **changes)

    @classmethod
    def demo(cls, **changes: Any) -> Experiment:
        """Return the demo: all kinds of cells, the complete protocol, electrical images."""
        demo = cls(
            name="demo-Rec",
            seed=2026,
            n_units=24,
            region=Region(rows=24, columns=28, first_row=21, first_column=19),
            movies=full_protocol(),
            lead_s=3.0,
            lead_hz=30.0,
            raw_seconds=2.0,
            flashes=3,
        )
        return replace(demo, **changes)

    @classmethod
    def large(cls, n_units: int = 500, minutes: float = 30.0, **changes: Any) -> Experiment:
        """Return a recording for benchmarks; nothing large is kept in memory while it is written.

        Parameters
        ----------
        n_units
            Number of units, firing at about 5 to 10 Hz.
        minutes
            Duration. The longest movies that do not fit are left out; if all fit, the list is
            repeated as often as possible.
        **changes
            Any other field of the experiment; `raw_seconds` is 0 unless given.
        """
        noise = DenseNoise("perfect_dense_noise_15x15_15hz_r42_3min", trial_frames=10800)
        large = cls(
            name="large-Rec",
            n_units=n_units,
            region=Region(CHIP_EDGE, CHIP_EDGE, 1, 1),
            movies=(*full_protocol()[:-1], noise),
            raw_seconds=0.0,
            files=FileOptions(compressed=False),
            rate_truth=False,
        )
        return _filled(replace(large, **changes), minutes * 60.0)


def _cycle_seconds(experiment: Experiment) -> float:
    frames = sum(movie.length + 2 * experiment.pad_frames + 1 for movie in experiment.movies)
    return frames / experiment.frame_rate_hz


def _filled(experiment: Experiment, seconds: float) -> Experiment:
    available = seconds - experiment.lead_s - 2.0
    while len(experiment.movies) > 1 and _cycle_seconds(experiment) > available:
        longest = max(experiment.movies, key=lambda movie: movie.length)
        kept = tuple(movie for movie in experiment.movies if movie is not longest)
        experiment = replace(experiment, movies=kept)
    repeats = max(1, int(available // _cycle_seconds(experiment)))
    return replace(experiment, repeats=repeats, min_duration_s=seconds)
