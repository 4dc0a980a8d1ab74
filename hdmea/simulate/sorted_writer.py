"""Writes the spike-sorted file (`.cmtr`) in the vendor's layout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from hdmea.recordings.mcs import vocabulary as names
from hdmea.simulate import _vocabulary as more_names
from hdmea.simulate.experiment import Experiment
from hdmea.simulate.explorers import write_explorers
from hdmea.simulate.footprints import Footprint
from hdmea.simulate.peaks import peaks_table
from hdmea.simulate.population import SimulatedUnit
from hdmea.simulate.raw_writer import Progress
from hdmea.simulate.timeline import Timeline
from hdmea.simulate.vendor_objects import TEXT, VendorFile

__all__ = ["MEASURES", "write_sorted_file"]

MEASURES: Final = (
    "SDScore",
    "AmplitudeSD",
    "RSTD",
    "Separability",
    "IsoINN",
    "IsoIBg",
    "NoiseStd",
    "SNR",
    "Skewness",
    "Kurtosis",
)
"""Measures of a unit that are floating-point numbers, in the order of the file."""

_MEASURE_RANGES: Final = (
    (5.0, 9.0),
    (0.05, 0.2),
    (0.9, 1.4),
    (2.0, 6.0),
    (0.85, 1.0),
    (0.7, 1.0),
    (0.9, 1.1),
    (8.0, 35.0),
    (-4.0, -1.0),
    (8.0, 30.0),
)
_ROI_EMBEDDING: Final = 5
_PEAKS_CHUNK: Final = 1024


def write_sorted_file(
    path: Path,
    raw_name: str,
    experiment: Experiment,
    timeline: Timeline,
    units: Sequence[SimulatedUnit],
    footprints: Sequence[Footprint],
    progress: Progress,
) -> None:
    """Write the spike-sorted file.

    Parameters
    ----------
    path
        File to be written; its name is stated inside.
    raw_name
        Name of the raw file for the link.
    experiment, timeline
        What was recorded when.
    units, footprints
        The sorted units and their electrical images.
    progress
        Is told the fraction written.
    """
    files = experiment.files
    with h5py.File(path, "w") as file:
        vendor = VendorFile(file, experiment.seed, files.fixed_strings, files.compressed)
        end_us = timeline.n_samples * experiment.tick_us
        vendor.write_root(path.name, ("CMOS-MEA-Tools", "2.4.0.0"), files.file_version, end_us)
        if files.link is not None:
            file["Acquisition"] = h5py.ExternalLink(files.link or raw_name, "/Acquisition")
        vendor.group(file, "Activity Summary", "SummaryTool", names.ACTIVITY_SUMMARY)
        _write_filter(vendor)
        write_explorers(vendor, experiment, units, footprints)
        if files.sorter:
            _write_sorter(vendor, experiment, timeline, units, footprints, progress)


def _write_filter(vendor: VendorFile) -> None:
    tool = vendor.group(vendor.file, "Filter Tool", "FilterTool", names.FILTER_TOOL)
    pipe = vendor.group(tool, "Pipe", "PipeModel", more_names.FILTER_PIPE)
    high_pass = {"Order": ("<i4", [2]), "CutOffFrequency": ("<f8", [300.0])}
    vendor.table(pipe, "1 High-Pass", "HighPass", more_names.HIGH_PASS, high_pass)
    enabled = {"Enabled": ("u1", [1])}
    vendor.table(tool, "SettingsFilterTool", "SettingsFilterTool", more_names.FILTER_SETTINGS, enabled)


def _write_sorter(
    vendor: VendorFile,
    experiment: Experiment,
    timeline: Timeline,
    units: Sequence[SimulatedUnit],
    footprints: Sequence[Footprint],
    progress: Progress,
) -> None:
    sorter = vendor.group(vendor.file, "Spike Sorter", "SpikeSorter", names.SPIKE_SORTER)
    for name, type_id in more_names.SORTER_SETTINGS.items():
        vendor.table(sorter, name, name, type_id, {"Value": ("<f8", [1.0])})
    rows = []
    for index, (unit, footprint) in enumerate(zip(units, footprints, strict=True)):
        progress(index / len(units), f"unit {unit.number}")
        rng = np.random.default_rng(unit.seed)
        row = _info(rng, unit)
        rows.append(row)
        group = vendor.group(sorter, f"Unit {unit.number}", "SingleUnit", names.SINGLE_UNIT)
        for key in ("UnitID", "SensorID", "RoiID", "Column", "Row"):
            vendor.number(group, key, row[key])
        tags = {"Tags": (TEXT, [""])}
        vendor.table(group, "Unit Info", "UnitInfo", names.UNIT_INFO, _columns([row]) | tags)
        _write_peaks(vendor, group, rng, unit, experiment)
        _write_source(vendor, group, experiment, timeline)
        _write_roi(vendor, group, rng, unit, footprint, experiment)
    vendor.table(sorter, "Units", "Units", names.UNITS_TABLE, _columns(rows))
    matrix = np.random.default_rng(experiment.seed).standard_normal((_ROI_EMBEDDING, len(units), 9))
    vendor.array(sorter, "Projection Matrix", "ProjectionMatrix", more_names.PROJECTION_MATRIX, matrix)


def _info(rng: np.random.Generator, unit: SimulatedUnit) -> dict[str, Any]:
    row: dict[str, Any] = {
        "UnitID": unit.number,
        "SensorID": unit.sensor_id,
        "RoiID": unit.number,
        "Column": unit.morphology.sensor_column,
        "Row": unit.morphology.sensor_row,
    }
    row |= {name: rng.uniform(*span) for name, span in zip(MEASURES, _MEASURE_RANGES, strict=True)}
    return row | {"IcaConverged": 1, "IcaIterations": int(rng.integers(5, 60))}


def _columns(rows: Sequence[dict[str, Any]]) -> dict[str, tuple[str, Any]]:
    whole = ("UnitID", "SensorID", "RoiID", "Column", "Row", *MEASURES, "IcaConverged", "IcaIterations")
    return {name: ("<f8" if name in MEASURES else "<i4", [row[name] for row in rows]) for name in whole}


def _write_peaks(
    vendor: VendorFile,
    group: h5py.Group,
    rng: np.random.Generator,
    unit: SimulatedUnit,
    experiment: Experiment,
) -> None:
    rows = peaks_table(
        rng, unit.spike_samples, unit.rejected_samples, experiment.tick_us, experiment.files.cutouts
    )
    peaks = vendor.big_array(
        group,
        "Peaks",
        "Peaks",
        names.PEAKS,
        shape=rows.shape,
        dtype=rows.dtype,
        chunks=(_PEAKS_CHUNK,),
    )
    peaks[...] = rows
    vendor.number(peaks, "Tick", experiment.tick_us, "<i8")
    vendor.number(peaks, "AmplitudeThreshold", 5.5, "<f8")


def _write_source(vendor: VendorFile, group: h5py.Group, experiment: Experiment, timeline: Timeline) -> None:
    if not experiment.files.source:
        return
    source = vendor.big_array(
        group,
        "Source",
        "Source",
        more_names.SOURCE,
        shape=(timeline.n_samples,),
        dtype="<f8",
        chunks=(1 << 16,),
        compressed=True,
    )
    vendor.number(source, "Tick", experiment.tick_us, "<i8")


def _write_roi(
    vendor: VendorFile,
    group: h5py.Group,
    rng: np.random.Generator,
    unit: SimulatedUnit,
    footprint: Footprint,
    experiment: Experiment,
) -> None:
    nearest, sensor_ids = _roi(unit, footprint, experiment)
    channels = " ".join(str(number) for number in sensor_ids)
    nanovolts = 1e3 * footprint.microvolts[:, nearest].T.astype(np.float64)
    averages = vendor.array(group, "RoiSTAs", "RoiSTAs", more_names.ROI_STAS, nanovolts)
    vendor.text(averages, "ChannelIDs", channels)
    weights = rng.standard_normal((len(nearest), _ROI_EMBEDDING))
    unmixing = vendor.array(group, "Unmixing", "Unmixing", more_names.UNMIXING, weights)
    vendor.text(unmixing, "ChannelIDs", channels)


def _roi(
    unit: SimulatedUnit, footprint: Footprint, experiment: Experiment
) -> tuple[NDArray[np.int64], list[int]]:
    region = experiment.region
    columns, rows = np.divmod(footprint.sensors, region.rows)
    columns, rows = columns + region.first_column, rows + region.first_row
    distance = np.hypot(columns - unit.morphology.column, rows - unit.morphology.row)
    nearest = np.argsort(distance, kind="stable")[:9]
    ids = [names.sensor_id(int(rows[index]), int(columns[index])) for index in nearest]
    return nearest, ids
