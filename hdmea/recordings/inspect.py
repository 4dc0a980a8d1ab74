"""What `hdmea info` tells of any file or folder that a reader recognises, and of result files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py

from hdmea.recordings.inspection import Decision, Inspection, contents_of
from hdmea.recordings.mcs.hdf5 import attribute, open_source, plain, read_whole, reading
from hdmea.recordings.mcs.inspect import inspect_mcs
from hdmea.recordings.pairing import find_partner
from hdmea.recordings.reader import Reader, find_reader, open_signals, open_units
from hdmea.utils.lab_steps import steps_by_data

__all__ = ["Decision", "Inspection", "inspect_file"]

RESULT_GROUPS = {"units", "metadata"}


def inspect_file(path: str | Path) -> Inspection:
    """Look into what a reader recognises, or into a result file.

    Parameters
    ----------
    path
        The file or folder; it is opened read-only, without a lock.

    Returns
    -------
    Inspection
        What is inside, the decisions and their evidence.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    DataLoadError
        If it is none of these; the message says what it is instead.
    """
    path = Path(path)
    reader = find_reader(path)
    if reader is not None:
        return _inspect_source(path, reader) if reader.inspect is None else reader.inspect(path)
    with open_source(path) as handle, reading(path, "its groups"):
        if set(handle) >= RESULT_GROUPS:
            return _inspect_result(path, handle)
    return inspect_mcs(path)


# -- recordings ------------------------------------------------------------------------------------------


def _inspect_source(path: Path, reader: Reader) -> Inspection:
    """Tell what an opened source says about itself."""
    facts: dict[str, Any] = {"read as": reader.title, "offers": list(reader.offers)}
    decisions: list[Decision] = []
    warnings: list[str] = []
    link = None
    if reader.open_units is not None:
        with open_units(path) as units:
            sorting = units.info
            facts |= {
                "sorted with": list(sorting.tools),
                "duration (s)": sorting.duration_s,
                "sampling rate (Hz)": sorting.sampling_rate,
                "sorted units": sorting.n_units,
                "unit numbers": [unit.unit_id for unit in units.units],
                "spikes": units.n_peaks or None,
                "measures": sorted({name for unit in units.units for name in unit.measures}),
            }
            labels = _labels([unit.measures.get("label") for unit in units.units])
            facts |= {"labels": labels} if labels else {}
            decisions += units.decisions
            warnings += sorting.warnings
            link = sorting.linked_recording
    if reader.open_signals is not None:
        with open_signals(path) as signals:
            info = signals.info
            facts |= {
                "duration (s)": info.duration_s,
                "sampling rate (Hz)": info.sampling_rate,
                "light channels": list(info.light_labels),
                "streams": [f"{stream.name} ({stream.subtype or stream.kind})" for stream in info.streams],
            }
            rate = f"{info.sampling_rate:g} Hz"
            decisions.append(Decision("sampling rate", rate, info.sampling_rate_source))
            warnings += info.warnings
    partner = find_partner(path, link)
    answer = "none" if partner.path is None else partner.path.name
    decisions.append(Decision("other file of the recording", answer, partner.reason))
    contents = tuple(sorted(file.name for file in reader.files(path)))
    return Inspection(path, reader.title.lower(), facts, tuple(decisions), contents, tuple(warnings))


def _labels(labels: list[Any]) -> list[str]:
    """Return how many units have each label."""
    known = sorted({str(label) for label in labels if label is not None})
    return [f"{labels.count(label)} {label}" for label in known]


# -- result files ----------------------------------------------------------------------------------------


def _inspect_result(path: Path, handle: h5py.File) -> Inspection:
    columns = attribute(handle, "schema_version") is not None
    pipeline = handle.get("pipeline")
    info = pipeline if columns or not isinstance(pipeline, h5py.Group) else pipeline.get("session_info")
    steps = info.get("completed_steps") if isinstance(info, h5py.Group) else None
    units = handle["units"]
    ids = units.get("id") if columns else None
    first = units if columns else next(iter(units.values()), None)
    features = first.get("features") if isinstance(first, h5py.Group) else None
    stimulus = handle.get("stimulus")
    sections = stimulus.get("section_time") if isinstance(stimulus, h5py.Group) else None
    facts: dict[str, Any] = {
        "recording": attribute(handle, "dataset_id"),
        "written by": f"hdmea {_version(handle)}",
        "layout": _layout(handle, info),
        "revision": attribute(handle, "revision") or _record(handle, "revision"),
        "updated": attribute(handle, "updated_at"),
        "units": len(ids) if isinstance(ids, h5py.Dataset) else len(units),
        "steps": [str(plain(name)) for name in read_whole(steps)]
        if isinstance(steps, h5py.Dataset)
        else _steps_by_data(handle, first, features),
        "movies": [] if not isinstance(sections, h5py.Group) else list(sections),
        "features": [name for name in features if "%" not in name]
        if isinstance(features, h5py.Group)
        else [],
        "checkpoint": attribute(info, "checkpoint_name") if isinstance(info, h5py.Group) else None,
    }
    return Inspection(path, "result file", facts, contents=contents_of(handle))


def _steps_by_data(handle: h5py.File, unit: Any, features: Any) -> list[str]:
    """Return the steps of a file that does not list them."""
    listed = features if isinstance(features, h5py.Group) else {}
    names = [
        f"sta_{name}" if isinstance(entry, h5py.Group) and "sta" in entry else name
        for name, entry in listed.items()
    ]
    attrs = {name: attribute(handle, name) for name in handle.attrs}
    unit = unit if isinstance(unit, h5py.Group) else ()
    return steps_by_data(attrs, handle.get("stimulus") or (), unit, names)


def _version(handle: h5py.File) -> Any:
    """Return the version that wrote a result file; in one of the laboratory's layouts the record knows it."""
    known = attribute(handle, "hdmea_version") or attribute(handle, "hdmea_pipeline_version")
    return _record(handle, "hdmea_version") or known or "of an unknown version"


def _record(handle: h5py.File, name: str) -> Any:
    group = handle.get("pipeline/hdmea")
    return attribute(group, name) if isinstance(group, h5py.Group) else None


def _layout(handle: h5py.File, info: Any) -> str:
    """Return the name of the layout of a result file."""
    version = attribute(handle, "schema_version")
    if version is not None:
        return "columns" if version == 2 else f"of a preliminary build (schema {version})"
    return "lab" if isinstance(info, h5py.Group) else "lab-steps"
