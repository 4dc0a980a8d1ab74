"""What is inside a file, which decisions were taken to read it, and on what evidence.

The first real file of a laboratory settles with this what the layout leaves open: order of the sensor
axes, order of the conversion factors, rate against length, fields of the tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from hdmea.recordings.inspection import Decision, Inspection, contents_of
from hdmea.recordings.mcs import vocabulary as mcs
from hdmea.recordings.mcs.axis_order import UnitPosition, decide_axis_order, decide_factor_order
from hdmea.recordings.mcs.cmcr import CmcrReader
from hdmea.recordings.mcs.cmtr import CmtrReader
from hdmea.recordings.mcs.hdf5 import (
    check_generation,
    children,
    is_kind,
    missing_filters,
    name_key,
    open_source,
    reading,
)
from hdmea.recordings.mcs.partner_check import check_partner, likely_offsets
from hdmea.recordings.mcs.sensor import Electrodes, SensorRegion
from hdmea.recordings.pairing import compare_durations, find_partner, kind_of
from hdmea.recordings.reader import open_units
from hdmea.recordings.units import UnitSource, said_of_units
from hdmea.utils.exceptions import DataLoadError, MismatchError

__all__ = ["inspect_mcs"]

MOST_GROUPS = 10


def inspect_mcs(path: Path) -> Inspection:
    """Look into a raw recording or a spike-sorted file; which of them it is, its content tells.

    Parameters
    ----------
    path
        The file; it is opened read-only, without a lock.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    DataLoadError
        If the file is none of these; the message says what it is instead.
    """
    with open_source(path) as handle, reading(path, "its groups"):
        check_generation(handle, path)
        contents = contents_of(handle)
        is_sorted = _holds_tools(handle)
    return _inspect_sorted(path, contents) if is_sorted else _inspect_raw(path, contents)


def _holds_tools(handle: h5py.File) -> bool:
    nodes = children(handle)
    names = {name_key(name) for name in nodes}
    known = {name_key(name) for name in mcs.TOOL_NAMES}
    by_kind = any(is_kind(node, kind) for node in nodes.values() for kind in mcs.TOOL_KINDS)
    return by_kind or bool(names & known) or name_key("Acquisition") not in names


# -- raw recordings --------------------------------------------------------------------------------------


def _inspect_raw(path: Path, contents: tuple[str, ...]) -> Inspection:
    with CmcrReader(path) as reader:
        info = reader.info
        gaps = (info.segments[1:, 0] - info.segments[:-1, 1]) / info.sampling_rate
        facts: dict[str, Any] = {
            "recorded with": _program(info.metadata),
            "date": info.metadata.get("DateTime"),
            "duration (s)": info.duration_s,
            "sampling rate (Hz)": info.sampling_rate,
            "data groups (s)": _groups(info.segments, info.sampling_rate),
            "gaps (s)": _gaps(gaps),
            "light channels": [label or f"channel {i}" for i, label in enumerate(info.light_labels, start=1)],
            "digital events": len(reader.digital_events()),
            "streams": [f"{stream.name} ({stream.subtype or stream.kind})" for stream in info.streams],
        }
        partner, units, warnings = _partner_units(path, info.sampling_rate)
        facts["spike-sorted file"] = partner
        decisions = [_rate_decision(reader)]
        electrodes = reader.sensor
        if electrodes is not None:
            units = [_at_rate(unit, electrodes.sampling_rate / info.sampling_rate) for unit in units]
            electrodes = electrodes.with_axis_order(decide_axis_order(electrodes, units))
            electrodes = electrodes.with_factor_order(decide_factor_order(electrodes))
            facts |= _sensor_facts(electrodes)
            decisions += _sensor_decisions(electrodes)
            if units:
                fit = check_partner(
                    electrodes, units, offsets=likely_offsets(electrodes, info.duration_s, None)
                )
                decisions.append(Decision("spikes against the raw data", fit.verdict, fit.evidence))
                if fit.problem:
                    warnings = [*warnings, f"The spikes of {partner} do not fit the raw data: {fit.problem}."]
            warnings = [*warnings, *electrodes.warnings]
        return Inspection(
            path, "raw recording", facts, tuple(decisions), contents, (*info.warnings, *warnings)
        )


def _groups(segments: npt.NDArray[np.int64], rate: float) -> Any:
    if len(segments) > MOST_GROUPS:
        first, last = segments[0, 0] / rate, segments[-1, 1] / rate
        return f"{_lengths(segments)} between {first:g} s and {last:g} s"
    return (segments / rate).round(6).tolist()


def _gaps(gaps: npt.NDArray[np.float64]) -> Any:
    found = [round(float(gap), 6) for gap in gaps if gap > 0]
    if len(found) > MOST_GROUPS:
        return f"{len(found)} gaps of {_span(found)} s"
    return found


def _lengths(segments: npt.NDArray[np.int64]) -> str:
    """Say how many data groups there are and how long they are."""
    lengths = (segments[:, 1] - segments[:, 0]).tolist()
    if len(lengths) > MOST_GROUPS:
        return f"{len(lengths)} data groups of {_span(lengths)} samples"
    return f"data groups of {lengths} samples"


def _span(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _rate_decision(reader: CmcrReader) -> Decision:
    info = reader.info
    said = f"{info.sampling_rate_source}; {_lengths(info.segments)}"
    wrong = [message for message in info.warnings if "stated tick" in message]
    said += "; their length contradicts their times" if wrong else ", as long as their times say"
    return Decision("sampling rate", f"{info.sampling_rate:g} Hz", said)


def _sensor_decisions(electrodes: Electrodes) -> list[Decision]:
    order, factors = electrodes.axis_order, electrodes.factor_order
    dataset = electrodes.datasets[0]
    zero = "subtracted" if electrodes.adzero else "no such field, or 0: nothing subtracted"
    return [
        Decision("axes 1 and 2 of the sensor data", f"{order.order} ({order.source})", order.evidence),
        Decision("conversion factors", f"{factors.order} ({factors.source})", factors.evidence),
        Decision("ADZero", f"{electrodes.adzero:g}", zero),
        Decision(
            "storage of the sensor data",
            f"{dataset.dtype}, unit after scaling {electrodes.unit}",
            f"chunks {dataset.chunks}, compression {_compression(dataset)}",
        ),
    ]


def _sensor_facts(electrodes: Electrodes) -> dict[str, Any]:
    regions = electrodes.regions
    rate = electrodes.sampling_rate
    seconds = float(np.sum(electrodes.segments[:, 1] - electrodes.segments[:, 0]) / rate)
    length = f"{seconds:g} s of raw data at {rate:g} Hz"
    if len(regions) == 1:
        return {f"sensor region {regions[0].region_id}": f"{_edges(electrodes)}, {length}"}
    if all(region.n_electrodes == 1 for region in regions):
        return {"sensors": f"{electrodes.n_electrodes} chosen electrodes in {_edges(electrodes)}, {length}"}
    shown = {f"sensor region {region.region_id}": _edges(region) for region in regions[:MOST_GROUPS]}
    whole = f"{electrodes.n_electrodes} electrodes in {len(regions)} regions, {_edges(electrodes)}, {length}"
    return {"sensors": whole, **shown}


def _edges(region: SensorRegion | Electrodes) -> str:
    last_column, last_row = region.first_column + region.cols - 1, region.first_row + region.rows - 1
    return f"columns {region.first_column}–{last_column}, rows {region.first_row}–{last_row}"


def _compression(dataset: h5py.Dataset) -> str:
    lacking = missing_filters(dataset)
    return f"filter {', '.join(map(str, lacking))} (missing)" if lacking else str(dataset.compression)


def _partner_units(path: Path, rate: float) -> tuple[str, list[UnitPosition], list[str]]:
    """Name and units of the spike-sorted file beside a raw recording."""
    if kind_of(path) != "cmcr":
        return "not searched for (the name of the file does not end in .cmcr)", [], []
    partner = find_partner(path)
    if partner.path is None:
        return f"none: {partner.reason}", [], []
    try:
        with open_units(partner.path) as reader:
            spikes = {unit.unit_id: reader.read_unit(unit, rate) for unit in reader.units}
            units = [
                UnitPosition(unit.row, unit.column, spikes[unit.unit_id].samples)
                for unit in reader.units
                if unit.row is not None and unit.column is not None
            ]
            said = said_of_units((n, each.warnings, each.duplicates) for n, each in spikes.items())
            warnings = [*_pair_warnings(path, reader), *said]
    except DataLoadError as error:
        return partner.path.name, [], [str(error)]
    return partner.path.name, units, warnings


def _at_rate(unit: UnitPosition, ratio: float) -> UnitPosition:
    """Return a unit with its spikes on a clock that runs faster by `ratio`."""
    if abs(ratio - 1) < 1e-9:
        return unit
    return UnitPosition(unit.row, unit.column, np.rint(unit.samples * ratio).astype(np.int64))


def _pair_warnings(cmcr: Path, sorting: UnitSource) -> list[str]:
    with CmcrReader(cmcr) as raw:
        info = raw.info
    recorded = float(np.sum(info.segments[:, 1] - info.segments[:, 0]) / info.sampling_rate)
    durations = [value for value in (info.duration_s, recorded) if value > 0]
    stated = sorting.info
    try:
        return compare_durations(
            cmcr, sorting.path, durations, stated.duration_s, None, stated.linked_recording
        )
    except MismatchError as error:
        return [str(error)]


# -- spike-sorted files ----------------------------------------------------------------------------------


def _inspect_sorted(path: Path, contents: tuple[str, ...]) -> Inspection:
    with CmtrReader(path) as reader:
        info = reader.info
        warnings = list(info.warnings)
        if not info.n_units:
            warnings.append("There are no sorted units in this file.")
        numbers = [unit.unit_id for unit in reader.units]
        facts: dict[str, Any] = {
            "sorted with": _program(info.metadata),
            "date": info.metadata.get("DateTime"),
            "duration (s)": info.duration_s,
            "sampling rate (Hz)": info.sampling_rate,
            "tools": list(info.tools),
            "sorted units": info.n_units,
            "unit numbers": numbers,
            "peaks (with rejected ones)": reader.n_peaks,
            "measures": sorted({name for unit in reader.units for name in unit.measures}),
        }
    decisions, found = _link_decision(path, info.linked_recording)
    if found is not None:
        with CmtrReader(path) as reader:
            try:
                warnings += _pair_warnings(found, reader)
            except DataLoadError as error:
                warnings.append(str(error))
    contiguous = numbers == list(range(1, len(numbers) + 1))
    decisions.append(
        Decision(
            "names of units",
            "by their number in the file (UnitID)",
            "numbers run from 1 without a gap" if contiguous else "numbers do not run from 1 without a gap",
        )
    )
    return Inspection(path, "spike-sorted file", facts, tuple(decisions), contents, tuple(warnings))


def _link_decision(path: Path, link: str | None) -> tuple[list[Decision], Path | None]:
    if kind_of(path) != "cmtr":
        return [], None
    partner = find_partner(path, link)
    there = "no link" if link is None else f"the link names {link}"
    if link is not None and (partner.path is None or partner.path.name != link):
        there += ", which does not exist"
    answer = "none" if partner.path is None else partner.path.name
    return [Decision("raw recording", answer, f"{there}; {partner.reason}")], partner.path


def _program(metadata: dict[str, Any]) -> str:
    return f"{metadata.get('ProgramName', 'unknown program')} {metadata.get('ProgramVersion', '')}".strip()
