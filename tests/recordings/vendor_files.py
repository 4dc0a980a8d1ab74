"""Writes small files in the vendor's layout, with every oddity that readers must take.

Test-only, and independent of `hdmea.simulate`: what one misunderstands the other need not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

GUID = {
    "root": "cabb6cdd-47e0-417a-8e04-5664cbbc449b",
    "acquisition": "650d88ce-9f24-4b20-ac2b-254defd12761",
    "channel": "9217aeb4-59a0-4d7f-bdcd-0371c9fd66eb",
    "channel data": "5efe7932-dcfe-49ff-ba53-25accff5d622",
    "channel meta": "9e8ac9cd-5571-4ee5-bbfa-8e9d9c436daa",
    "event": "09f288a5-6286-4bed-a05c-02859baea8e3",
    "event data": "abca7b0c-b6ce-49fa-ad74-a20c352fe4a7",
    "event meta": "8f58017a-1279-4d0f-80b0-78f2d80402b4",
    "sensor": "15e5a1fe-df2f-421b-8b60-23eeb2213c45",
    "sensor data": "49da47df-f397-4121-b5da-35317a93e705",
    "sensor meta": "ab2aa189-2e72-4148-a2ef-978119223412",
    "sorter": "7263d1b7-f57a-42de-8f51-5d6326d22f2a",
    "explorer": "c6a37148-fa9e-42f2-9d38-eea0434851e2",
    "spike meta": "e1d7616f-621c-4a26-8f60-a7e63a9030b7",
    "unit": "0e5a97df-9de0-4a22-ab8c-54845c1ff3b9",
    "units": "7cffd022-c99e-42c2-b9f7-f79be7b4dfe6",
    "unit info": "ae5e3dbc-cca6-4565-8647-e681821a1801",
    "peaks": "147721c1-1ca8-4a16-b697-08fbefddc180",
}
MEASURES = ("SDScore", "Separability", "SNR")


@dataclass
class SensorBlock:
    """Counts (frames, a, b) of one region and group; `left` and `top` from 1."""

    counts: npt.NDArray[Any]
    region: int = 1
    group: int = 1
    from_us: int | None = 0
    left: int = 1
    top: int = 1
    width: int | None = None
    height: int | None = None
    factors: npt.NDArray[np.float64] | None = None


@dataclass
class VendorUnit:
    """One unit: peak times in microseconds, which are accepted, and cut-outs (n, k) or None."""

    number: int
    times_us: Sequence[int]
    include: Sequence[int] | None = None
    cutouts: npt.NDArray[Any] | None = None
    row: int | None = 3
    column: int | None = 2
    sensor: int | None = None
    snr: float = 5.0
    tags: str = ""
    peaks_attrs: dict[str, Any] = field(default_factory=dict)


def _tag(node: Any, kind: str | None, **attrs: Any) -> None:
    if kind is not None:
        node.attrs["ID.TypeID"] = np.bytes_(GUID[kind] + "\0")
    for name, value in attrs.items():
        if isinstance(value, str):
            node.attrs[name] = np.bytes_(value + "\0")
        elif value is not None:
            node.attrs[name] = np.atleast_1d(np.asarray(value))


def table(rows: Sequence[Mapping[str, Any]], *, fixed_text: bool = True) -> npt.NDArray[Any]:
    """Structured array from rows of equal keys."""
    types = []
    for name, value in rows[0].items():
        if isinstance(value, str):
            longest = max(len(str(row[name]).encode()) for row in rows) + 1
            types.append((name, f"S{longest}" if fixed_text else h5py.string_dtype()))
        else:
            types.append((name, "<i4" if isinstance(value, int) and abs(value) < 2**31 else "<f8"))
    return np.array([tuple(row.values()) for row in rows], dtype=types)


def write_cmcr(
    path: Path,
    *,
    light: Sequence[tuple[int | None, npt.NDArray[Any]]] = (),
    sensor: Sequence[SensorBlock] = (),
    events: Sequence[tuple[int, int]] = (),
    tick: int | None = 50,
    sensor_tick: int | None = None,
    duration_us: int | None = None,
    frame_edges: bool = False,
    edges: bool = True,
    factor_field: str = "Conversion Factors",
    adzero: int | None = None,
    fixed_text: bool = True,
    guids: bool = True,
    names: Mapping[str, str] | None = None,
    subtypes: bool = True,
    true_to: bool = True,
) -> Path:
    """Write a raw recording; `light` has (From, (channels, n)) per data group."""
    named = {
        "light": "Analog Data",
        "sensor": "Sensor Data",
        "events": "Digital Data Events",
        **(names or {}),
    }
    with h5py.File(path, "w") as file:
        _tag(file, "root" if guids else None, ProgramName="CMOS-MEA-Control")
        file.attrs["FileVersion"] = np.array([1], np.int32)
        if duration_us is not None:
            file.attrs["LB.RecordingDuration"] = np.array([duration_us])
        acquisition = file.create_group("Acquisition")
        _tag(acquisition, "acquisition" if guids else None)
        if light:
            _write_light(
                acquisition.create_group(named["light"]), light, tick, guids, subtypes, fixed_text, true_to
            )
        if events:
            group = acquisition.create_group(named["events"])
            _tag(group, "event" if guids else None, SubType="DigitalPort" if subtypes else None)
            data = [{"EventID": kind, "TimeStamp": float(time), "Duration": 0} for time, kind in events]
            _tag(group.create_dataset("EventData", data=table(data)), "event data" if guids else None)
            meta = [{"EventID": 1, "Label": "Digital On"}, {"EventID": 2, "Label": "Digital Off"}]
            _tag(group.create_dataset("EventMeta", data=table(meta)), "event meta" if guids else None)
        if sensor:
            group = acquisition.create_group(named["sensor"])
            _tag(group, "sensor" if guids else None, SubType="CMosSensor" if subtypes else None)
            used = sensor_tick if sensor_tick is not None else tick
            _write_sensor(group, sensor, used, frame_edges, edges, factor_field, adzero, fixed_text, guids)
    return path


def _write_light(
    group: h5py.Group,
    light: Sequence[tuple[int | None, npt.NDArray[Any]]],
    tick: int | None,
    guids: bool,
    subtypes: bool,
    fixed_text: bool,
    true_to: bool,
) -> None:
    _tag(group, "channel" if guids else None, SubType="Auxiliary" if subtypes else None)
    rows: list[dict[str, Any]] = []
    for number, (start, counts) in enumerate(light, start=1):
        data = group.create_dataset(f"ChannelData {number}", data=counts)
        end = None if start is None else start + counts.shape[-1] * (tick or 50) * (1 if true_to else 2)
        _tag(data, "channel data" if guids else None, From=start, To=end)
        for channel in range(1 if counts.ndim == 1 else len(counts)):
            row: dict[str, Any] = {"ChannelID": channel + 1, "GroupID": number, "Label": f"Aux {channel + 1}"}
            if tick is not None:
                row["Tick"] = tick
            rows.append(row)
    meta = group.create_dataset("ChannelMeta", data=table(rows, fixed_text=fixed_text))
    _tag(meta, "channel meta" if guids else None)


def _write_sensor(
    group: h5py.Group,
    blocks: Sequence[SensorBlock],
    tick: int | None,
    frame_edges: bool,
    edges: bool,
    factor_field: str,
    adzero: int | None,
    fixed_text: bool,
    guids: bool,
) -> None:
    prefix = "Frame" if frame_edges else "Region"
    rows = []
    for block in blocks:
        data = group.create_dataset(f"SensorData {block.region} {block.group}", data=block.counts)
        end = None if block.from_us is None else block.from_us + len(block.counts) * (tick or 50)
        _tag(data, "sensor data" if guids else None, From=block.from_us, To=end)
        width = block.counts.shape[1] if block.width is None else block.width
        height = block.counts.shape[2] if block.height is None else block.height
        row: dict[str, Any] = {"RegionID": block.region, "GroupID": block.group, "Exponent": -9, "Unit": "V"}
        if tick is not None:
            row["Tick"] = tick
        if edges:
            row[f"{prefix}Left"], row[f"{prefix}Right"] = block.left, block.left + width - 1
            row[f"{prefix}Top"], row[f"{prefix}Bottom"] = block.top, block.top + height - 1
        if adzero is not None:
            row["ADZero"] = adzero
        if block.factors is not None:
            row[factor_field] = " ".join(f"{factor:g}" for factor in block.factors.ravel()) + " "
        rows.append(row)
    _tag(
        group.create_dataset("SensorMeta", data=table(rows, fixed_text=fixed_text)),
        "sensor meta" if guids else None,
    )


def write_cmtr(
    path: Path,
    units: Sequence[VendorUnit] = (),
    *,
    link: str | None = None,
    tick: int | None = 50,
    duration_us: int | None = None,
    sorter: bool = True,
    fields: Sequence[str] = ("Timestamp", "PeakAmplitude", "IncludePeak"),
    timestamp_type: str = "<i8",
    include_type: str = "u1",
    cutout_type: str = "<f8",
    fixed_text: bool = True,
    units_table: bool = True,
    unit_info: bool = True,
    guids: bool = True,
) -> Path:
    """Write a spike-sorted file."""
    with h5py.File(path, "w") as file:
        _tag(file, "root" if guids else None, ProgramName="CMOS-MEA-Tools")
        if duration_us is not None:
            file.attrs["LB.RecordingDuration"] = np.array([duration_us])
        if link is not None:
            file["Acquisition"] = h5py.ExternalLink(link, "/Acquisition")
        explorer = file.create_group("Spike Explorer")
        _tag(explorer, "explorer" if guids else None)
        if not sorter:
            return path
        group = file.create_group("Spike Sorter")
        _tag(group, "sorter" if guids else None)
        for unit in units:
            node = group.create_group(f"Unit {unit.number}")
            _tag(node, "unit" if guids else None, UnitID=unit.number, SensorID=unit.sensor)
            _tag(node, None, Column=unit.column, Row=unit.row)
            data = _peaks(unit, fields, timestamp_type, include_type, cutout_type)
            peaks = node.create_dataset("Peaks", data=data)
            _tag(peaks, "peaks" if guids else None, Tick=tick, **unit.peaks_attrs)
            node.create_dataset("Source", data=np.zeros(4))
            if unit_info:
                info = table([{**_facts(unit), "Tags": unit.tags}], fixed_text=fixed_text)
                _tag(node.create_dataset("Unit Info", data=info), "unit info" if guids else None)
        if units_table and units:
            rows = table([_facts(unit) for unit in units], fixed_text=fixed_text)
            _tag(group.create_dataset("Units", data=rows), "units" if guids else None)
    return path


def _facts(unit: VendorUnit) -> dict[str, Any]:
    facts: dict[str, Any] = {"UnitID": unit.number}
    if unit.sensor is not None:
        facts["SensorID"] = unit.sensor
    if unit.row is not None and unit.column is not None:
        facts.update(Column=unit.column, Row=unit.row)
    return {**facts, "SDScore": 1.5, "Separability": 2.5, "SNR": float(unit.snr)}


def _peaks(
    unit: VendorUnit, fields: Sequence[str], timestamp_type: str, include_type: str, cutout_type: str
) -> npt.NDArray[Any]:
    n = len(unit.times_us)
    include = np.ones(n, int) if unit.include is None else np.asarray(unit.include)
    values = {
        "Timestamp": (timestamp_type, np.asarray(unit.times_us)),
        "IncludePeak": (include_type, include),
        "PeakAmplitude": ("<f8", np.arange(n, dtype=float)),
    }
    types: list[tuple[str, str]] = [(name, values[name][0]) for name in fields]
    cutouts = np.empty((n, 0)) if unit.cutouts is None else unit.cutouts
    types += [(str(k + 1), cutout_type) for k in range(cutouts.shape[1])]
    peaks = np.zeros(n, dtype=types)
    for name in fields:
        peaks[name] = values[name][1]
    for k in range(cutouts.shape[1]):
        peaks[str(k + 1)] = cutouts[:, k]
    return peaks


SPELLINGS: tuple[Callable[[str], str], ...] = (
    lambda name: re.sub(r"(?<=[a-z])(?=[A-Z])", ".", name),
    lambda name: re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).upper(),
    lambda name: re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower(),
    lambda name: re.sub(r"(?<=[a-z])(?=[A-Z])", "0x2E", name),
)
"""`RegionLeft` as `Region.Left`, `REGION LEFT`, `region_left` and `Region0x2ELeft`."""


def pack_with_unknown_filter(path: Path, name: str, number: int = 32004) -> None:
    """Store a dataset as if it were packed with an HDF5 filter that is not there."""
    with h5py.File(path, "r+") as file:
        old = file[name]
        attributes, shape, dtype = dict(old.attrs), old.shape, old.dtype
        del file[name]
        creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        creation.set_chunk(shape)
        creation.set_filter(number, h5py.h5z.FLAG_OPTIONAL, (0,))
        kind, space = h5py.h5t.py_create(dtype), h5py.h5s.create_simple(shape)
        dataset = h5py.Dataset(h5py.h5d.create(file.id, name.encode(), kind, space, creation))
        dataset.id.write_direct_chunk((0,) * len(shape), b"\0" * 64, 0)
        for key, value in attributes.items():
            dataset.attrs.create(key, value)


def rename_fields(path: Path, name: str, rename: Callable[[str], str]) -> None:
    """Give the fields of a table other names."""
    with h5py.File(path, "r+") as file:
        old = file[name]
        rows, attributes = old[()], dict(old.attrs)
        kind = np.dtype([(rename(field), old.dtype[field]) for field in old.dtype.names])
        del file[name]
        dataset = file.create_dataset(name, data=rows.view(kind), dtype=kind)
        for key, value in attributes.items():
            dataset.attrs.create(key, value)
