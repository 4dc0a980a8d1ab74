"""What is inside a file, which decisions were taken to read it, and on what evidence.

The first real file of a laboratory settles with this what the layout leaves open: order of the sensor
axes, order of the conversion factors, rate against length, fields of the tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from hdmea.recordings.mcs import vocabulary as mcs
from hdmea.recordings.mcs.axis_order import UnitPosition, decide_axis_order, decide_factor_order
from hdmea.recordings.mcs.cmcr import CmcrReader
from hdmea.recordings.mcs.cmtr import CmtrReader
from hdmea.recordings.mcs.electrodes import Electrodes
from hdmea.recordings.mcs.hdf5 import (
    attribute,
    check_generation,
    children,
    is_kind,
    missing_filters,
    name_key,
    open_source,
    plain,
    reading,
)
from hdmea.recordings.mcs.partner_check import check_partner, likely_offsets
from hdmea.recordings.mcs.sensor import SensorRegion
from hdmea.recordings.pairing import compare_durations, find_partner, kind_of
from hdmea.utils.exceptions import DataLoadError, MismatchError

__all__ = ["Decision", "Inspection", "inspect_file"]

MAX_LINES = 200
MAX_ALIKE = 2
MOST_GROUPS = 10
RESULT_GROUPS = {"units", "metadata"}


@dataclass(frozen=True)
class Decision:
    """How an open question was answered for this file, and why."""

    question: str
    answer: str
    evidence: str


@dataclass(frozen=True)
class Inspection:
    """What was found in one file.

    Parameters
    ----------
    path
        The file.
    kind
        ``"raw recording"``, ``"spike-sorted file"`` or ``"result file"``.
    facts
        Name to value: numbers, text, or lists of them.
    decisions
        Open questions with their answers and the evidence.
    contents
        Groups and datasets, one line each, indented.
    warnings
        What the person should know.
    """

    path: Path
    kind: str
    facts: dict[str, Any]
    decisions: tuple[Decision, ...] = ()
    contents: tuple[str, ...] = ()
    warnings: tuple[str, ...] = field(default=())

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain values that JSON can hold."""
        return {
            "path": str(self.path),
            "kind": self.kind,
            "facts": self.facts,
            "decisions": [vars(decision) for decision in self.decisions],
            "warnings": list(self.warnings),
            "contents": list(self.contents),
        }

    def as_text(self) -> str:
        """Return everything as text for a terminal."""
        width = max((len(name) for name in self.facts), default=0)
        lines = [f"{self.path}: {self.kind}", ""]
        lines += [f"  {name:<{width}}  {_text(value)}" for name, value in self.facts.items()]
        if self.decisions:
            lines += ["", "Decisions"]
            for decision in self.decisions:
                lines += [f"  {decision.question}: {decision.answer}", f"      because {decision.evidence}"]
        if self.warnings:
            lines += ["", "Warnings", *(f"  ! {message}" for message in self.warnings)]
        if self.contents:
            lines += ["", "Contents", *(f"  {line}" for line in self.contents)]
        return "\n".join(lines)


def inspect_file(path: str | Path) -> Inspection:
    """Look into a raw recording, a spike-sorted file or a result file.

    Parameters
    ----------
    path
        The file; it is opened read-only, without a lock.

    Returns
    -------
    Inspection
        What is inside, the decisions and their evidence.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    DataLoadError
        If the file is none of these; the message says what it is instead.
    """
    path = Path(path)
    with open_source(path) as handle, reading(path, "its groups"):
        if set(handle) >= RESULT_GROUPS:
            return _inspect_result(path, handle)
        check_generation(handle, path)
        contents = _tree(handle)
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
            if electrodes.unreadable:
                warnings.append(f"The sensor data cannot be read: {electrodes.unreadable}")
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
        return "not looked for (the file does not end in .cmcr)", [], []
    partner = find_partner(path)
    if partner.path is None:
        return f"none: {partner.reason}", [], []
    try:
        with CmtrReader(partner.path) as reader:
            units = [
                UnitPosition(unit.row, unit.column, reader.read_unit(unit, rate).samples)
                for unit in reader.units
                if unit.row is not None and unit.column is not None
            ]
            warnings = _pair_warnings(path, reader)
    except DataLoadError as error:
        return partner.path.name, [], [str(error)]
    return partner.path.name, units, warnings


def _at_rate(unit: UnitPosition, ratio: float) -> UnitPosition:
    """Return a unit with its spikes on a clock that runs faster by `ratio`."""
    if abs(ratio - 1) < 1e-9:
        return unit
    return UnitPosition(unit.row, unit.column, np.rint(unit.samples * ratio).astype(np.int64))


def _pair_warnings(cmcr: Path, sorting: CmtrReader) -> list[str]:
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
        there += ", which is not there"
    answer = "none" if partner.path is None else partner.path.name
    return [Decision("raw recording", answer, f"{there}; {partner.reason}")], partner.path


def _program(metadata: dict[str, Any]) -> str:
    return f"{metadata.get('ProgramName', 'unknown program')} {metadata.get('ProgramVersion', '')}".strip()


# -- result files ----------------------------------------------------------------------------------------


def _inspect_result(path: Path, handle: h5py.File) -> Inspection:
    version = attribute(handle, "schema_version")
    steps = handle.get("pipeline/session_info/completed_steps")
    info = handle.get("pipeline/session_info")
    units = list(handle["units"])
    stimulus = handle.get("stimulus")
    sections = stimulus.get("section_time") if isinstance(stimulus, h5py.Group) else None
    features = handle["units"][units[0]].get("features") if units else None
    facts: dict[str, Any] = {
        "recording": attribute(handle, "dataset_id"),
        "written by": f"hdmea {attribute(handle, 'hdmea_version', 'of an unknown version')}",
        "layout": "earlier layout (no schema_version)" if version is None else f"schema_version {version}",
        "updated": attribute(handle, "updated_at"),
        "units": len(units),
        "steps": [] if not isinstance(steps, h5py.Dataset) else [str(plain(name)) for name in steps[()]],
        "movies": [] if not isinstance(sections, h5py.Group) else list(sections),
        "features of the first unit": [] if not isinstance(features, h5py.Group) else list(features),
        "checkpoint": attribute(info, "checkpoint_name") if isinstance(info, h5py.Group) else None,
    }
    return Inspection(path, "result file", facts, contents=_tree(handle))


# -- contents --------------------------------------------------------------------------------------------


def _tree(handle: h5py.File) -> tuple[str, ...]:
    """List groups and datasets, one line each; of many members that are alike only the first are shown."""
    lines: list[str] = []
    _list_group(handle, 0, lines)
    if len(lines) > MAX_LINES:
        lines = [*lines[:MAX_LINES], f"… {len(lines) - MAX_LINES} lines more"]
    return tuple(lines)


def _list_group(group: h5py.Group, depth: int, lines: list[str]) -> None:
    shown: dict[str, int] = {}
    indent = "  " * depth
    for name in group:
        family = name.rstrip("0123456789")
        shown[family] = shown.get(family, 0) + 1
        if family != name and shown[family] > MAX_ALIKE:
            continue
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            target = f"{getattr(link, 'filename', '')}:{getattr(link, 'path', '')}"
            lines.append(f"{indent}{name} -> {target} (link, not followed)")
            continue
        node = group[name]
        lines.append(f"{indent}{name}{_describe(node)}")
        if isinstance(node, h5py.Group):
            _list_group(node, depth + 1, lines)
    for family, count in shown.items():
        if count > MAX_ALIKE and family not in group:
            lines.append(f"{indent}{family}… {count - MAX_ALIKE} more")


def _describe(node: object) -> str:
    if not isinstance(node, h5py.Dataset):
        return "/"
    names: Sequence[str] = node.dtype.names or ()
    kind = f"{{{', '.join(names[:24])}{', …' if len(names) > 24 else ''}}}" if names else str(node.dtype)
    return f"  {node.shape} {kind}"


def _text(value: Any) -> str:
    if value is None:
        return "not stated"
    if isinstance(value, list):
        parts = ["–".join(map(_text, item)) if isinstance(item, list) else _text(item) for item in value[:20]]
        return ", ".join([*parts, f"… ({len(value)})"] if len(value) > 20 else parts) or "none"
    return f"{value:g}" if isinstance(value, float) and value < 1e6 else str(value)
