"""The sorted file's tools beside the sorter: single spikes, spike-triggered movies, axon paths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import h5py
import numpy as np

from hdmea.recordings.mcs import vocabulary as names
from hdmea.simulate import _vocabulary as more_names
from hdmea.simulate.experiment import CHIP_EDGE, Experiment
from hdmea.simulate.footprints import PRE_SAMPLES, Footprint
from hdmea.simulate.population import SimulatedUnit
from hdmea.simulate.vendor_objects import TEXT, VendorFile

__all__ = ["write_explorers"]

_UNITS_SHOWN: Final = 2
_SPIKES_SHOWN: Final = 40
_CUTOUT: Final = 60
_AXON_POINTS: Final = 20


def write_explorers(
    vendor: VendorFile,
    experiment: Experiment,
    units: Sequence[SimulatedUnit],
    footprints: Sequence[Footprint],
) -> None:
    """Write Spike Explorer and Network (or STA) Explorer, with a few spikes and units in them."""
    tool = vendor.group(
        vendor.file, "Spike Explorer", "SpikeExplorerTool", names.SPIKE_EXPLORER, "SpikeExplorer"
    )
    _write_settings(vendor, tool)
    _write_spikes(vendor, tool, experiment, units[:_UNITS_SHOWN], footprints[:_UNITS_SHOWN])
    title = experiment.files.explorer
    subtype = title.replace(" ", "")
    network = vendor.group(vendor.file, title, "NetworkExplorerTool", names.NETWORK_EXPLORER, subtype)
    for index, (unit, footprint) in enumerate(zip(units[:_UNITS_SHOWN], footprints, strict=False), start=1):
        _write_movie(vendor, network, index, unit, footprint, experiment)
    if title == "Network Explorer":
        _write_axons(vendor, network, units)


def _write_settings(vendor: VendorFile, tool: h5py.Group) -> None:
    settings = {
        "SettingsMapCreator": (more_names.MAP_CREATOR_SETTINGS, "Interval", "<f8", 1.0),
        "SettingsSpikeDetector": (more_names.SPIKE_DETECTOR_SETTINGS, "Threshold", "<f8", 5.0),
        "SettingsSpikeExplorer": (more_names.SPIKE_EXPLORER_SETTINGS, "Cutouts", "u1", 1),
        "SettingsSpikePeakActivity": (more_names.PEAK_ACTIVITY_SETTINGS, "BinWidth", "<f8", 0.1),
    }
    for name, (type_id, field, dtype, value) in settings.items():
        vendor.table(tool, name, name, type_id, {field: (dtype, [value])})


def _write_spikes(
    vendor: VendorFile,
    tool: h5py.Group,
    experiment: Experiment,
    units: Sequence[SimulatedUnit],
    footprints: Sequence[Footprint],
) -> None:
    parts = []
    for unit, footprint in zip(units, footprints, strict=True):
        shown = unit.spike_samples[:_SPIKES_SHOWN]
        deepest = np.argmin(footprint.microvolts[PRE_SAMPLES])
        rows = np.empty(len(shown), [("SensorID", "<i4"), ("TimeStamp", "<i8"), ("cut", "<f8", (_CUTOUT,))])
        rows["SensorID"] = unit.sensor_id
        rows["TimeStamp"] = shown * experiment.tick_us
        rows["cut"] = 1e3 * footprint.microvolts[:_CUTOUT, deepest]
        parts.append(rows)
    fields = [(str(index + 1), "<f8") for index in range(_CUTOUT)]
    dtype = np.dtype([("SensorID", "<i4"), ("TimeStamp", "<i8"), *fields])
    spikes = np.concatenate(parts).view(dtype) if parts else np.empty(0, dtype)
    ordered = spikes[np.argsort(spikes["TimeStamp"], kind="stable")]
    vendor.array(tool, "SpikeData", "SpikeData", more_names.SPIKE_DATA, ordered)
    meta = {
        "Tick": ("<i8", [experiment.tick_us]),
        "Exponent": ("<i4", [-9]),
        "Unit": (TEXT, ["V"]),
        "PreInterval": ("<i8", [PRE_SAMPLES * experiment.tick_us]),
        "PostInterval": ("<i8", [(_CUTOUT - PRE_SAMPLES) * experiment.tick_us]),
    }
    vendor.table(tool, "SpikeMeta", "SpikeMeta", names.SPIKE_META, meta)


def _write_movie(
    vendor: VendorFile,
    tool: h5py.Group,
    index: int,
    unit: SimulatedUnit,
    footprint: Footprint,
    experiment: Experiment,
) -> None:
    region = experiment.region
    voltage = 1e3 * footprint.dense(region)
    movie = vendor.big_array(
        tool,
        f"STA Entity {index}",
        "StaEntity",
        more_names.STA_ENTITY,
        shape=(len(voltage), CHIP_EDGE, CHIP_EDGE),
        dtype="<f8",
        chunks=(10, 17, 17),
        compressed=True,
    )
    columns = slice(region.first_column - 1, region.last_column)
    rows = slice(region.first_row - 1, region.last_row)
    movie[:, columns, rows] = voltage
    vendor.number(movie, "SensorID", unit.sensor_id)
    vendor.number(movie, "SourceID", index)
    vendor.number(movie, "Sweeps", len(unit.spike_samples))
    vendor.number(movie, "Tick", experiment.tick_us, "<i8")


def _write_axons(vendor: VendorFile, tool: h5py.Group, units: Sequence[SimulatedUnit]) -> None:
    points = np.arange(_AXON_POINTS)
    position = np.array(
        [
            (unit.morphology.column + east * points, unit.morphology.row + south * points)
            for unit in units
            for east, south in [unit.morphology.axon_step]
        ]
    ).reshape(-1, 2, _AXON_POINTS)
    columns = {
        "UnitID": ("<i4", np.repeat([unit.number for unit in units], _AXON_POINTS)),
        "AxonID": ("<i4", np.ones(position.shape[0] * _AXON_POINTS)),
        "SegmentID": ("<i4", np.tile(points + 1, len(units))),
        "PosX": ("<f8", position[:, 0].ravel()),
        "PosY": ("<f8", position[:, 1].ravel()),
    }
    vendor.table(tool, "NeuralNetwork", "NeuralNetwork", more_names.AXON_PATHS, columns)
