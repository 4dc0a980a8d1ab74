"""Parts of a result file in the layout ``lab-steps``, for scripts that keep the file open themselves.

Functions that write change the open file in place, as h5py does: an error or a crash can leave it damaged,
and nothing excludes another program. `hdmea.pipeline.PipelineSession.save` has neither problem. In a file of
the layout ``columns`` only the functions that read work.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from hdmea.pipeline.copies import copy_dicts
from hdmea.results.content import SessionContent, utc_now
from hdmea.results.lab.layout import LAB_STEPS
from hdmea.results.lab.record import RecordPlan
from hdmea.results.lab.units import Units
from hdmea.results.lab.values import as_attributes, plan_dict
from hdmea.results.leaves import make_storable
from hdmea.results.nodes import Group, Node
from hdmea.utils.exceptions import ExistingFileError, MissingFileError, UnknownUnitError, ValidationError
from hdmea.utils.fixes import Advice, Replace
from hdmea.utils.hashing import hash_config

__all__ = [
    "create_recording_hdf5",
    "get_stage1_status",
    "list_features",
    "list_units",
    "mark_stage1_complete",
    "open_recording_hdf5",
    "write_feature_to_unit",
    "write_metadata",
    "write_source_files",
    "write_stimulus",
    "write_units",
]

logger = logging.getLogger(__name__)

_IDS = "units/id"


def create_recording_hdf5(
    path: str | Path, dataset_id: str, config: Mapping[str, Any] | None = None, overwrite: bool = False
) -> h5py.File:
    """Create a result file without content, and return it open for writing, in place (see the module).

    Parameters
    ----------
    path
        The file; missing folders are made.
    dataset_id
        Name of the recording.
    config
        Parameters of loading, of which the file keeps a hash.
    overwrite
        Replace an existing file.

    Raises
    ------
    FileExistsError
        If the file exists and `overwrite` is False.
    """
    path = Path(path)
    if path.exists() and not overwrite:
        raise ExistingFileError(f"{path} already exists.", path=path, fix=Replace())
    path.parent.mkdir(parents=True, exist_ok=True)
    root = h5py.File(path, "w")
    now = utc_now()
    root.attrs.update(
        dataset_id=dataset_id,
        hdmea_pipeline_version="0.1.0",
        created_at=now,
        updated_at=now,
        stage1_completed=False,
        stage1_params_hash=hash_config(config or {}),
        features_extracted="[]",
    )
    for name in ("units", "stimulus", "metadata"):
        root.create_group(name)
    return root


def open_recording_hdf5(path: str | Path, mode: str = "r") -> h5py.File:
    """Open a result file with h5py; any mode but ``"r"`` changes it in place (see the module).

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    """
    if not Path(path).exists():
        raise MissingFileError(f"{path} does not exist.", path=path, fix=Advice("Check the path."))
    return h5py.File(path, mode)


def write_units(root: h5py.File, units: Mapping[str, Mapping[str, Any]]) -> None:
    """Write units, in place (see the module); existing ones of the same names are replaced.

    Parameters
    ----------
    root
        The open file.
    units
        Unit id to its data, as a session holds them.
    """
    _refuse_columns(root, "units.update(...)")
    defaults = {"row": 0, "col": 0, "global_id": 0}
    complete = {
        name: {**defaults, "spike_count": np.size(unit.get("spike_times", ())), **unit}
        for name, unit in units.items()
    }
    complete = copy_dicts(complete)
    make_storable(complete)
    content = SessionContent(str(root.attrs["dataset_id"]), units=complete, notes=RecordPlan())
    planned = Group()
    Units(LAB_STEPS).plan(content, planned)
    group = planned.children["units"]
    assert isinstance(group, Group)
    for name, node in group.children.items():
        _put(root.require_group("units"), name, node)
        root["units"][name].require_group("features")


def write_stimulus(
    root: h5py.File,
    light_reference: Mapping[str, Any],
    frame_times: Mapping[str, Any] | None = None,
    section_times: Mapping[str, Any] | None = None,
) -> None:
    """Write light signals, display frames and sections, in place (see the module); empty ones are left out.

    Parameters
    ----------
    root
        The open file.
    light_reference
        Name of the signal to its float32 values.
    frame_times
        Name to samples of display frames, uint64.
    section_times
        Movie to samples (n, 2), uint64.
    """
    _refuse_columns(root, "stimulus.update(...)")
    wanted = (
        ("light_reference", light_reference, np.float32),
        ("frame_time", frame_times, np.uint64),
        ("section_time", section_times, np.uint64),
    )
    for name, values, dtype in wanted:
        arrays = {key: np.asarray(value, dtype) for key, value in (values or {}).items() if value is not None}
        if arrays:
            _put(root.require_group("stimulus"), name, plan_dict(arrays, ("stimulus", name))[0])


def write_metadata(root: h5py.File, metadata: Mapping[str, Any]) -> None:
    """Write metadata, in place (see the module); numbers and texts become arrays of one element."""
    _refuse_columns(root, "metadata.update(...)")
    values = copy_dicts(dict(metadata))
    make_storable(values)
    planned, _ = plan_dict(values, ("metadata",), LAB_STEPS.metadata({}))
    for name, node in planned.children.items():
        _put(root.require_group("metadata"), name, node)


def write_source_files(root: h5py.File, cmcr: str | Path | None, cmtr: str | Path | None) -> None:
    """Write the paths of the source files, in place (see the module)."""
    _refuse_columns(root, "set_source_files(...)")
    facts: dict[str, Any] = {}
    for kind, path in (("cmcr", cmcr), ("cmtr", cmtr)):
        facts[f"{kind}_path"] = None if path is None else str(path)
        facts[f"{kind}_exists"] = path is not None
    root.attrs["source_files"] = json.dumps(facts)


def mark_stage1_complete(root: h5py.File) -> None:
    """Note that the recording is loaded, in place (see the module)."""
    _refuse_columns(root, 'mark_step_complete("load_recording")')
    root.attrs.update(stage1_completed=True, updated_at=utc_now())


def get_stage1_status(root: h5py.File) -> dict[str, Any]:
    """Return whether the recording is loaded (``completed``), and hash and times of the file."""
    return {
        "completed": bool(root.attrs.get("stage1_completed", False)),
        "params_hash": root.attrs.get("stage1_params_hash"),
        "created_at": root.attrs.get("created_at"),
        "updated_at": root.attrs.get("updated_at"),
    }


def list_units(root: h5py.File) -> list[str]:
    """Return the ids of all units."""
    return list(root[_IDS].asstr()[:]) if _has_columns(root) else list(root["units"])


def list_features(root: h5py.File, unit: str) -> list[str]:
    """Return the names of the features of a unit; none for an unknown one."""
    if _has_columns(root):
        units, features = list_units(root), root.get("units/features", {})
        row = units.index(unit) if unit in units else None
        names = [name for name in features if "%" not in name] if row is not None else []
        masks = {name: features.get(f"{name}%mask") for name in names}
        return [name for name, mask in masks.items() if mask is None or mask[row]]
    return list(root.get(f"units/{unit}/features", ()))


def write_feature_to_unit(
    root: h5py.File,
    unit: str,
    feature: str,
    data: Mapping[str, Any],
    metadata: Mapping[str, Any],
) -> None:
    """Write one feature of a unit, in place (see the module); an existing one is replaced.

    Parameters
    ----------
    root
        The open file.
    unit, feature
        Name of the unit, which must exist, and of the feature.
    data
        Outputs by name: arrays and lists become datasets, numbers and texts attributes.
    metadata
        Attributes of the feature.

    Raises
    ------
    UnknownUnitError
        If there is no such unit; also a `KeyError`.
    """
    _refuse_columns(root, "add_feature(...)")
    if unit not in list_units(root):
        raise UnknownUnitError(
            f"{root.filename} does not have {unit}. Its units: {', '.join(list_units(root)) or 'none'}.",
            parameter="unit",
            path=root.filename,
            fix=Advice("Write it with write_units first, or name one of these."),
        )
    arrays, facts = copy_dicts(dict(data)), copy_dicts(dict(metadata))
    for tree in (arrays, facts):
        make_storable(tree)
    scalars = {
        name: value for name, value in arrays.items() if not isinstance(value, dict) and not np.ndim(value)
    }
    plain = {name: value.item() if hasattr(value, "item") else value for name, value in scalars.items()}
    group, _ = plan_dict({name: arrays[name] for name in arrays if name not in scalars}, (feature,))
    group.attrs.update(as_attributes({**plain, **facts})[0])
    _put(root[f"units/{unit}"].require_group("features"), feature, group)
    extracted = json.loads(str(root.attrs.get("features_extracted", "[]")))
    root.attrs["features_extracted"] = json.dumps(list(dict.fromkeys([*extracted, feature])))


def _put(group: h5py.Group, name: str, node: Node) -> None:
    if name in group:
        del group[name]
    if isinstance(node, Group):
        item = group.create_group(name)
        for key, child in node.children.items():
            _put(item, key, child)
    else:
        made = node.source() if callable(node.source) else node.source
        item = group.create_dataset(name, node.shape, node.dtype, data=made)
    for key, value in node.attrs.items():
        item.attrs[key] = value


def _has_columns(root: h5py.File) -> bool:
    return "schema_version" in root.attrs


def _refuse_columns(root: h5py.File, line: str) -> None:
    if _has_columns(root):
        raise ValidationError(
            f"{root.filename} has the layout columns, which is not changed in place.",
            path=root.filename,
            fix=Advice(
                f"In a script write session = PipelineSession.load(path), session.{line} and session.save()."
            ),
        )
