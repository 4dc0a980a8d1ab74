"""The units as a folder that Phy and other sorting tools open.

Layout: https://phy.readthedocs.io/en/latest/sorting_user_guide/ and the README of phylib.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hdmea.exporters.exporter import ExportOptions, exporter
from hdmea.utils.exceptions import MissingInputError
from hdmea.utils.fixes import Advice, SetParameter
from hdmea.utils.whole_file import write_whole

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession

__all__ = ["PhyOptions", "phy_folder"]


class PhyOptions(ExportOptions):
    """Options of `phy_folder`."""

    electrode_pitch_um: float | None = Field(
        None,
        gt=0,
        title="Electrode pitch",
        description="Distance of neighbouring electrodes (16 or 32 µm); by default as stored in the result.",
        json_schema_extra={"unit": "µm"},
    )


@exporter(name="phy", title="Folder for Phy", suffixes=(".phy",), options=PhyOptions)
def phy_folder(session: PipelineSession, target: Path, options: PhyOptions) -> None:
    """Write spikes, mean waveforms and places of the units as a folder that Phy opens.

    Each unit is a cluster of its own number, with one template: its waveform at its electrode. Times count
    recorded samples, as Phy does.
    """
    units = list(session.units.values())
    places = [(int(unit["row"]), int(unit["col"])) for unit in units if unit.get("row") and unit.get("col")]
    if not units or len(places) < len(units):
        raise MissingInputError(
            "A folder for Phy needs units whose electrodes are known.",
            fix=Advice("Load a recording whose spike-sorted file states rows and columns."),
        )
    stored = session.metadata.get("sensor_pitch_um")
    pitch = options.electrode_pitch_um or (None if stored is None else float(np.ravel(stored)[0]))
    if pitch is None:
        raise MissingInputError(
            "The electrode pitch is not known, so channels have no positions in µm.",
            fix=SetParameter("electrode_pitch_um"),
        )
    channels = sorted(set(places))
    trains = [_recorded(np.asarray(unit["spike_times"]).astype(np.int64), session) for unit in units]
    order = np.argsort(np.concatenate(trains), kind="stable")
    sizes = [train.size for train in trains]
    numbers = [int(unit.get("unit_num", at)) for at, unit in enumerate(units)]
    amplitudes = [np.asarray(unit.get("spike_amplitudes", np.ones(train.size)), np.float64)
                  for unit, train in zip(units, trains, strict=True)]  # fmt: skip

    def save(name: str, values: NDArray[Any]) -> None:
        np.save(target / f"{name}.npy", values)

    target.mkdir()
    save("spike_times", np.concatenate(trains)[order])
    save("spike_clusters", np.repeat(np.array(numbers, np.int32), sizes)[order])
    save("spike_templates", np.repeat(np.arange(len(units), dtype=np.int32), sizes)[order])
    save("amplitudes", np.concatenate(amplitudes)[order])
    save("templates", _templates(units, places, channels))
    save("channel_map", np.arange(len(channels), dtype=np.int32))
    save("channel_positions", np.array([((col - 1) * pitch, (row - 1) * pitch) for row, col in channels]))
    save("similar_templates", np.eye(len(units), dtype=np.float32))
    save("whitening_mat", np.eye(len(channels)))
    save("whitening_mat_inv", np.eye(len(channels)))
    write_whole(
        target / "params.py",
        f"dat_path = []\nn_channels_dat = {len(channels)}\ndtype = 'int16'\noffset = 0\n"
        f"sample_rate = {session.acquisition_rate!r}\nhp_filtered = True\n",
    )
    lines = [f"{number}\t{name}\n" for number, name in zip(numbers, session.units, strict=True)]
    write_whole(target / "cluster_unit_id.tsv", "cluster_id\tunit_id\n" + "".join(lines))


def _templates(
    units: list[Any], places: list[tuple[int, int]], channels: list[tuple[int, int]]
) -> NDArray[np.float32]:
    """Return (units, samples, channels): each unit's waveform on the channel of its electrode."""
    waves = [np.asarray(unit.get("waveform", np.zeros(1)), np.float32) for unit in units]
    found = np.zeros((len(units), max(len(wave) for wave in waves), len(channels)), np.float32)
    for at, (wave, place) in enumerate(zip(waves, places, strict=True)):
        found[at, : len(wave), channels.index(place)] = wave
    return found


def _recorded(samples: NDArray[np.int64], session: PipelineSession) -> NDArray[np.int64]:
    """Return samples of the clock as numbers of recorded samples, without the gaps."""
    segments = np.reshape(np.asarray(session.metadata.get("segments", [[0, 0]]), np.int64), (-1, 2))
    before = np.concatenate(([0], np.cumsum(np.diff(segments, axis=1).ravel())[:-1]))
    at = np.maximum(np.searchsorted(segments[:, 0], samples, side="right") - 1, 0)
    counted: NDArray[np.int64] = samples - segments[at, 0] + before[at]
    return counted
