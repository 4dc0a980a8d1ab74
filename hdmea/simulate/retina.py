"""One retina before, with and after a drug: three recordings of the same cells, with their truth."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from hdmea.recordings.mcs.vocabulary import RAW_SUFFIX
from hdmea.simulate.cells import Treatment
from hdmea.simulate.experiment import Experiment, short_protocol
from hdmea.simulate.raw_writer import Progress
from hdmea.simulate.recording import SimulatedRecording, simulate_recording
from hdmea.simulate.stimuli import DenseNoise, LightSteps
from hdmea.utils.exceptions import ConfigurationError
from hdmea.utils.fixes import Advice

__all__ = ["CONDITIONS", "SimulatedRetina", "write_retina"]

CONDITIONS: Final[Mapping[str, Treatment | None]] = MappingProxyType(
    {
        "before": None,
        "drug": Treatment(rate=1.6, on=0.1, off=1.25),
        "after": Treatment(rate=1.15, on=0.8, off=1.05),
    }
)
"""The recordings in their order.

The drug acts as L-AP4 does, which silences ON bipolar cells: ON responses are nearly gone, ON–OFF cells
become OFF cells, and cells fire more without stimulus.
"""

_KINDS: Final = (
    "on_transient",
    "off_transient",
    "on_off",
    "on_sustained",
    "off_sustained",
    "direction_selective",
    "suppressed_by_light",
    "poisson",
)
_DRUG: Final = "L-AP4 (simulated)"


@dataclass(frozen=True)
class SimulatedRetina:
    """What was written.

    Attributes
    ----------
    recordings
        Each condition's recording, in their order.
    table_path
        Table of the recordings for a batch, with condition and drug.
    truth_path
        Table of the cells: which unit each is in which recording, and what changes in it.
    """

    recordings: dict[str, SimulatedRecording]
    table_path: Path
    truth_path: Path


def write_retina(
    folder: str | Path,
    *,
    seed: int = 2026,
    size: str = "small",
    overwrite: bool = False,
    progress: Progress | None = None,
) -> SimulatedRetina:
    """Write three recordings of one retina: before, with and after a drug.

    Cells, places and electrical images are the same in all. Spikes, noise and the numbers of the units are
    not, as after sorting each recording on its own.

    Parameters
    ----------
    folder
        Where to; made if needed.
    seed
        Seed of everything random.
    size
        "tiny" (30 s, 8 cells) or "small" (2 minutes, 24 cells) each.
    overwrite, progress
        As of `simulate_recording`.

    Raises
    ------
    ConfigurationError
        If there is no such size.
    FileExistsError
        If a file exists already that differs, and `overwrite` is not set.
    """
    if size not in ("tiny", "small"):
        raise ConfigurationError(
            f"There is no demo of size {size!r} with a drug.", fix=Advice("Choose tiny or small.")
        )
    target = Path(folder)
    made: dict[str, SimulatedRecording] = {}
    for number, (name, treatment) in enumerate(CONDITIONS.items()):
        experiment = _experiment(size, seed, number)
        experiment = replace(experiment, name=f"{name}-Rec", treatment=treatment)

        def report(fraction: float, text: str, number: int = number, name: str = name) -> None:
            if progress is not None:
                progress((number + fraction) / len(CONDITIONS), f"{name}: {text}")

        made[name] = simulate_recording(target, experiment, overwrite=overwrite, progress=report)
    table, truth = target / "retina.csv", target / "retina_truth.csv"
    _write(table, [_row(name, recording) for name, recording in made.items()])
    _write(truth, _cells(made))
    return SimulatedRetina(made, table, truth)


def _experiment(size: str, seed: int, number: int) -> Experiment:
    if size == "tiny":
        base = Experiment.tiny(n_units=8, movies=short_protocol())
    else:
        noise = DenseNoise("perfect_dense_noise_15x15_15hz_r42_1min")
        base = Experiment(n_units=24, movies=(LightSteps(), noise), lead_s=3.0, lead_hz=20.0, raw_seconds=2.0)
    # The first recording has its units in the order of the cells.
    order = np.random.default_rng([seed, number]).permutation(base.n_units) if number else range(base.n_units)
    numbers = tuple(int(place) + 1 for place in order)
    return replace(base, seed=seed, kinds=_KINDS, recording=number, unit_numbers=numbers)


def _row(name: str, recording: SimulatedRecording) -> dict[str, Any]:
    return {
        "cmcr": recording.cmcr_path.stem + RAW_SUFFIX,
        "name": name,
        "playlist": recording.playlist_name,
        "subject_id": "simulated-1",
        "eye": "left",
        "condition": name,
        "drug": _DRUG if name == "drug" else "",
    }


def _cells(made: Mapping[str, SimulatedRecording]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for name, recording in made.items():
        for index, unit in enumerate(recording.truth.units):
            if len(rows) <= index:
                rows.append({"cell": index + 1, "kind": unit.cell.kind})
            facts = {
                "unit_id": unit.unit_id,
                "base_hz": round(unit.cell.base_hz, 4),
                "on_hz": round(unit.cell.on_hz, 4),
                "off_hz": round(unit.cell.off_hz, 4),
                "polarity": unit.cell.rf_polarity,
            }
            rows[index] |= {f"{fact}_{name}": value for fact, value in facts.items()}
    return rows


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
