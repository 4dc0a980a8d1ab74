"""Planning a result file in the lab's earlier layout, for scripts that expect it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from hdmea.results.lazy import LazyArray
from hdmea.results.names import encode_name
from hdmea.results.plan import ArrayPlan, GroupPlan, Path, add_entry, plan_attrs, plan_dict, plan_value
from hdmea.results.sectioned import SectionedSpikes
from hdmea.results.session_content import SessionContent
from hdmea.results.session_layout import FEATURE_PREFIX, plan_pipeline, plan_root_attrs
from hdmea.results.values import to_json
from hdmea.utils.exceptions import ValidationError

__all__ = ["plan_lab_session"]

_SECTIONS = "spike_times_sectioned"


def plan_lab_session(content: SessionContent) -> GroupPlan:
    """Plan a file in which scalars are datasets and each trial is a dataset of its own.

    Raises
    ------
    ValidationError
        If a value cannot be stored; the message names its path.
    """
    root = plan_root_attrs(content)
    del root.attrs["schema_version"]
    text = to_json(dict(content.source_files))
    if text is None:
        raise ValidationError("source_files: the lab's layout holds text, numbers and lists only.")
    root.attrs["source_files"] = text
    trial_time = content.stimulus.get("trial_time", {})
    root.children["units"] = GroupPlan(
        children={
            encode_name(unit_id): _plan_unit(unit, trial_time, ("units", unit_id))
            for unit_id, unit in content.units.items()
        }
    )
    root.children["metadata"] = _plan_datasets(content.metadata, ("metadata",))
    stimulus = {
        "frame_time" if name == "frame_times" else name: value for name, value in _raw(content.stimulus)
    }
    root.children["stimulus"] = _plan_datasets(stimulus, ("stimulus",))
    root.children["pipeline"] = plan_pipeline(content)
    return root


def _raw(value: Mapping[str, Any]) -> Any:
    return dict.items(value) if isinstance(value, dict) else value.items()


def _plan_datasets(value: Mapping[str, Any], path: Path) -> GroupPlan:
    """Plan a dictionary whose scalars are datasets of no dimension."""
    group = GroupPlan()
    for key, item in _raw(value):
        name, place = encode_name(key), (*path, key)
        if isinstance(item, dict):
            group.children[name] = _plan_datasets(item, place)
        elif isinstance(item, (str, bool, int, float, np.number)):
            group.children[name] = _plan_scalar(item, place)
        elif isinstance(item, (np.ndarray, LazyArray)):
            group.children[name] = plan_value(item, place)
        else:
            add_entry(group, name, item, place)
    return group


def _plan_scalar(value: Any, path: Path) -> GroupPlan | ArrayPlan:
    if isinstance(value, int) and abs(value) >= 2**63:
        raise ValidationError(
            f"{'/'.join(path)}: {value} has more than 64 bits; the lab's layout cannot hold it."
        )
    array = np.array(value, dtype=object) if isinstance(value, str) else np.array(value)
    return plan_value(array, path)


def _plan_unit(unit: dict[str, Any], trial_time: Mapping[str, Any], path: Path) -> GroupPlan:
    special = ("features", _SECTIONS)
    group = _plan_datasets({name: value for name, value in _raw(unit) if name not in special}, path)
    if "features" in unit:
        features = GroupPlan()
        for name, entry in unit["features"].items():
            _add_feature(features, name, entry, (*path, "features", name))
        group.children["features"] = features
    if _SECTIONS in unit:
        sections = unit[_SECTIONS]
        group.children[_SECTIONS] = GroupPlan(
            children={
                encode_name(movie): _plan_sections(sections[movie], trial_time.get(movie), (*path, movie))
                for movie in sections
            }
        )
    return group


def _add_feature(features: GroupPlan, name: str, entry: Any, path: Path) -> None:
    movie = name.removeprefix("sta_") if name.startswith("sta_") and name != "sta_" else ""
    if not isinstance(entry, dict) or "data" not in entry:
        features.children[encode_name(name)] = plan_value(entry, path)
        return
    data, group = entry["data"], GroupPlan()
    if isinstance(data, dict):
        group = plan_dict(data, path)
    else:
        group.children["sta" if movie else "data"] = plan_value(np.asarray(data), path)
    metadata = {FEATURE_PREFIX + key: _text(value) for key, value in entry.get("metadata", {}).items()}
    planned = plan_attrs(metadata)
    if planned is None:
        raise ValidationError(f"{'/'.join(path)}: the lab's layout cannot hold these metadata.")
    group.attrs.update(planned[0])
    group.marks.update(planned[1])
    for key, value in entry.items():
        if key not in ("data", "metadata"):
            group.children[encode_name(key)] = plan_value(value, (*path, key))
    features.children[encode_name(movie or name)] = group


def _text(value: Any) -> Any:
    return json.dumps(value, default=str) if isinstance(value, dict) else value


def _plan_sections(sections: Any, trial_time: Any, path: Path) -> GroupPlan | ArrayPlan:
    if not isinstance(sections, SectionedSpikes):
        return plan_value(sections, path)
    trials = GroupPlan()
    for trial, spikes in sections["trials_spike_times"].items():
        trials.children[str(trial)] = ArrayPlan(data=spikes)
    planned = plan_attrs(getattr(trial_time, "attrs", {}))
    attrs = GroupPlan()
    if planned is not None:
        attrs.attrs, attrs.marks = planned
    return GroupPlan(
        children={
            "full_spike_times": ArrayPlan(data=sections["full_spike_times"]),
            "trials_spike_times": trials,
            "trials_start_end": ArrayPlan(data=sections["trials_start_end"]),
            "_attrs": attrs,
        }
    )
