"""Writes a simulated recording: the pair, the playlist, the movies, their definitions, the truth."""

from __future__ import annotations

import csv
import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from hdmea.recordings.mcs.vocabulary import RAW_SUFFIX, SORTED_SUFFIX
from hdmea.simulate.experiment import Experiment
from hdmea.simulate.footprints import make_footprint
from hdmea.simulate.population import draw_population
from hdmea.simulate.raw_signal import SensorSource, draw_conversion
from hdmea.simulate.raw_writer import Progress, write_raw_file
from hdmea.simulate.sorted_writer import write_sorted_file
from hdmea.simulate.timeline import make_timeline
from hdmea.simulate.truth import Truth
from hdmea.utils.exceptions import ConfigurationError, ExistingFileError
from hdmea.utils.fixes import Advice, Either, Replace

__all__ = ["SimulatedRecording", "simulate_recording", "write_demo"]

_DEMOS: Final = {"tiny": Experiment.tiny, "small": Experiment.demo, "large": Experiment.large}


@dataclass(frozen=True)
class SimulatedRecording:
    """A recording that was written, and what is true of it.

    Parameters
    ----------
    cmcr_path, cmtr_path
        The pair.
    playlist_path, movie_length_path
        Tables beside it.
    stimuli_dir, config_dir
        Folders of the movies (`<movie>.npy`) and of their definitions (`stimuli/<movie>.json` in it).
    truth
        What is true of the recording.
    """

    cmcr_path: Path
    cmtr_path: Path
    playlist_path: Path
    movie_length_path: Path
    stimuli_dir: Path
    config_dir: Path
    truth: Truth

    @property
    def folder(self) -> Path:
        """Folder of the recording."""
        return self.cmcr_path.parent

    @property
    def playlist_name(self) -> str:
        """Name of the playlist that was shown."""
        return self.truth.experiment.playlist


def simulate_recording(
    folder: str | Path,
    experiment: Experiment | None = None,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> SimulatedRecording:
    """Simulate an experiment and write it as the vendor would, with everything beside it.

    Parameters
    ----------
    folder
        Where to; made if needed.
    experiment
        What to simulate; default: `Experiment.tiny()`.
    overwrite
        Replace files of the same names.
    progress
        Is called with the fraction done (0 to 1) and a text; what it raises stops the work, and
        nothing is left behind.

    Returns
    -------
    SimulatedRecording
        Paths and truth.

    Raises
    ------
    FileExistsError
        If a file exists already that differs, and `overwrite` is not set.
    ConfigurationError
        If the experiment contradicts itself.
    """
    experiment = experiment or Experiment.tiny()
    tell = progress or _ignore
    target = Path(folder)
    recording_files = [experiment.name + RAW_SUFFIX, experiment.name + "-" + SORTED_SUFFIX]
    _refuse_existing([target / name for name in recording_files], overwrite)
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".simulated-", dir=target) as stage_name:
        stage = Path(stage_name)
        truth = _write_all(stage, experiment, tell)
        _write_surroundings(stage, experiment)
        truth.save(stage, experiment.name)
        _move(stage, target, overwrite)
    tell(1.0, "done")
    return SimulatedRecording(
        cmcr_path=target / recording_files[0],
        cmtr_path=target / recording_files[1],
        playlist_path=target / "playlist.csv",
        movie_length_path=target / "movie_length.csv",
        stimuli_dir=target / "stimuli",
        config_dir=target / "config",
        truth=truth,
    )


def write_demo(
    folder: str | Path,
    *,
    seed: int = 2026,
    size: str = "small",
    overwrite: bool = False,
    progress: Progress | None = None,
) -> SimulatedRecording:
    """Write the demo recording, on which every step and view has something to show.

    Parameters
    ----------
    folder
        Where to; made if needed.
    seed
        Seed of everything random.
    size
        "tiny" (30 s, 5 cells), "small" (8 minutes, all kinds of cells) or "large" (30 minutes, 500).
    overwrite, progress
        As of `simulate_recording`.

    Raises
    ------
    ConfigurationError
        If there is no such size.
    FileExistsError
        If a file exists already that differs, and `overwrite` is not set.
    """
    if size not in _DEMOS:
        raise ConfigurationError(
            f"There is no demo of size {size!r}.", fix=Advice(f"Choose one of {', '.join(_DEMOS)}.")
        )
    experiment = replace(_DEMOS[size](), name="demo-Rec", seed=seed)
    return simulate_recording(folder, experiment, overwrite=overwrite, progress=progress)


def _ignore(fraction: float, text: str) -> None:
    del fraction, text


def _write_all(stage: Path, experiment: Experiment, progress: Progress) -> Truth:
    clock_seed, unit_seed, factor_seed, noise_seed = np.random.SeedSequence(experiment.seed).spawn(4)
    clock_seed, noise_seed = experiment.own_seed(clock_seed), experiment.own_seed(noise_seed)
    progress(0.0, "stimuli and spikes")
    timeline = make_timeline(experiment, np.random.default_rng(clock_seed))
    units = tuple(draw_population(experiment, timeline, unit_seed))
    footprints = tuple(
        make_footprint(unit.morphology, experiment.region, timeline.rate_hz, experiment.sensor_pitch_um)
        for unit in units
    )
    conversion = draw_conversion(np.random.default_rng(factor_seed), experiment.region)
    source = SensorSource(
        region=experiment.region,
        conversion_nv=conversion,
        noise_uv=experiment.noise_uv,
        trains=[unit.spike_samples for unit in units],
        footprints=footprints,
        files=experiment.files,
    )
    raw, sorted_units = experiment.name + RAW_SUFFIX, experiment.name + "-" + SORTED_SUFFIX
    write_raw_file(
        stage / raw,
        experiment,
        timeline,
        source,
        np.random.default_rng(noise_seed),
        units,
        lambda fraction, text: progress(0.1 + 0.5 * fraction, text),
    )
    write_sorted_file(
        stage / sorted_units,
        raw,
        experiment,
        timeline,
        units,
        footprints,
        lambda fraction, text: progress(0.6 + 0.3 * fraction, text),
    )
    progress(0.9, "movies and truth")
    return Truth(experiment, timeline, units, footprints, conversion)


def _write_surroundings(stage: Path, experiment: Experiment) -> None:
    names = [f"{movie.name}.mov" for movie in experiment.movies]
    lengths = {movie.name: movie.length for movie in experiment.movies}
    _write_csv(stage / "playlist.csv", ["playlist_name", "movie_names"], [[experiment.playlist, str(names)]])
    _write_csv(
        stage / "movie_length.csv", ["movie_name", "movie_length"], [[*row] for row in lengths.items()]
    )
    definitions = stage / "config" / "stimuli"
    definitions.mkdir(parents=True)
    (stage / "stimuli").mkdir()
    for movie in experiment.movies:
        np.save(stage / "stimuli" / f"{movie.name}.npy", movie.pixels, allow_pickle=False)
        text = json.dumps(movie.definition(), indent=2)
        (definitions / f"{movie.name}.json").write_text(text + "\n", encoding="utf-8")


def _write_csv(path: Path, header: list[str], rows: list[list[object]] | list[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _refuse_existing(paths: list[Path], overwrite: bool) -> None:
    there = [str(path) for path in paths if path.exists()]
    if there and not overwrite:
        raise ExistingFileError(
            f"These files already exist: {', '.join(there)}.",
            fix=Either((Advice("Choose another folder."), Replace())),
        )


def _move(stage: Path, target: Path, overwrite: bool) -> None:
    moves = [(path, target / path.relative_to(stage)) for path in sorted(stage.rglob("*")) if path.is_file()]
    differing = [new for path, new in moves if new.exists() and new.read_bytes() != path.read_bytes()]
    _refuse_existing(differing, overwrite)
    for path, new in moves:
        new.parent.mkdir(parents=True, exist_ok=True)
        path.replace(new)
