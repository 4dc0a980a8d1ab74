"""Where the parts of a session lie in a result file: plans of whole files, units and features.

Everything that is no unit, feature or provenance is stored as nested dictionaries; see `hdmea.results.plan`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hdmea import __version__
from hdmea.results.decode import Tick, no_tick
from hdmea.results.lazy import LazyArray, LazySections, LazyTrials
from hdmea.results.names import encode_name
from hdmea.results.plan import ArrayPlan, GroupPlan, Path, add_entry, plan_attrs, plan_dict, plan_value
from hdmea.results.sectioned import SectionedSpikes
from hdmea.results.session_content import SCHEMA_VERSION, SessionContent
from hdmea.results.values import is_clean_text, to_json
from hdmea.utils.exceptions import ValidationError
from hdmea.utils.giving_way import give_way

__all__ = [
    "FEATURE_PREFIX",
    "LOAD_STEP",
    "NO_RANGES",
    "STANDARD_METADATA",
    "metadata_name",
    "plan_feature",
    "plan_pipeline",
    "plan_root_attrs",
    "plan_session",
    "plan_unit",
    "plan_units",
]

LOAD_STEP = "load_recording"
FEATURE_PREFIX = "hdmea_"
NO_RANGES = "other"
"""Word for what lies among a unit's trials and is no table of index ranges."""
STANDARD_METADATA = ("feature", "version", "params", "extracted_at", "stale")


def plan_session(content: SessionContent, tick: Tick = no_tick) -> GroupPlan:
    """Plan the whole file; `tick` is called between the units, with 0 bytes.

    Raises
    ------
    ValidationError
        If a value cannot be stored; the message names its path.
    """
    try:
        root = plan_root_attrs(content)
        root.children["units"] = plan_units(content.units, content.stimulus, tick)
        for name in ("metadata", "stimulus", "source_files"):
            root.children[name] = plan_dict(getattr(content, name), (name,))
        root.children["pipeline"] = plan_pipeline(content)
    except RecursionError as error:
        raise ValidationError("The session contains itself, or is nested too deeply to be stored.") from error
    return root


def plan_root_attrs(content: SessionContent) -> GroupPlan:
    """Plan the attributes of the file's root."""
    root = GroupPlan()
    attrs = {
        "dataset_id": content.dataset_id,
        "created_at": content.created_at,
        "updated_at": content.updated_at,
        "hdmea_version": __version__,
        "schema_version": SCHEMA_VERSION,
        "stage1_completed": LOAD_STEP in content.completed_steps,
    }
    for name, value in attrs.items():
        add_entry(root, name, value, (name,))
    return root


def plan_pipeline(content: SessionContent) -> GroupPlan:
    """Plan what the file says about how it was made."""
    loaded = LOAD_STEP in content.completed_steps
    finished = content.steps.get(LOAD_STEP, {}).get("finished_at", "") if loaded else ""
    group = plan_dict({"stage1_completed": loaded, "stage1_timestamp": finished}, ("pipeline",))
    info = {
        "saved_at": content.updated_at,
        "checkpoint_name": content.checkpoint_name,
        "save_state": content.save_state,
        "output_dir": content.output_dir,
        "extra": content.extra,
    }
    path = ("pipeline", "session_info")
    session_info = plan_dict(info, path)
    for name in ("completed_steps", "warnings"):
        session_info.children[name] = _plan_texts(getattr(content, name), (*path, name))
    group.children["session_info"] = session_info
    group.children["steps"] = plan_dict(content.steps, ("pipeline", "steps"))
    return group


def plan_units(units: Mapping[str, Any], stimulus: Mapping[str, Any], tick: Tick = no_tick) -> GroupPlan:
    """Plan all units; `tick` is called between them, with 0 bytes."""
    group = GroupPlan()
    for unit_id, unit in dict.items(units) if isinstance(units, dict) else units.items():
        path = ("units", str(unit_id))
        group.children[encode_name(unit_id)] = plan_unit(unit, stimulus, path)
        tick(0)
    return group


def plan_unit(unit: Any, stimulus: Mapping[str, Any], path: Path) -> GroupPlan | ArrayPlan:
    """Plan one unit: features and trials in their own form, everything else as a dictionary."""
    if not isinstance(unit, dict):
        raise ValidationError(f"{'/'.join(path)} is a {type(unit).__name__}; a unit must be a dictionary.")
    special = {
        name: value
        for name, value in dict.items(unit)
        if name in ("features", "spike_times_sectioned") and _has_text_keys(value)
    }
    group = plan_dict({name: value for name, value in dict.items(unit) if name not in special}, path)
    for name, value in special.items():
        below = GroupPlan()
        for key, item in dict.items(value):
            if name == "features":
                below.children[encode_name(key)] = plan_feature(item, (*path, name, key))
            else:
                _add_sections(below, key, value, unit, stimulus, (*path, name, key))
        group.children[name] = below
    return group


def plan_feature(entry: Any, path: Path) -> GroupPlan | ArrayPlan:
    """Plan one feature of one unit; see the page on the file format for its form in the file."""
    give_way()
    if not _is_feature(entry):
        group = GroupPlan()
        add_entry(group, "value", entry, path)
        if "value" in group.children:
            plan = group.children["value"]
            if isinstance(plan, GroupPlan):
                plan.marks.setdefault(".", "dict")
            return plan
        group.marks["."] = "scalar"
        return group
    data, metadata = dict.get(entry, "data"), entry["metadata"]
    group = GroupPlan()
    rest = dict(dict.items(metadata))
    for key in STANDARD_METADATA:
        if key in rest:
            _add_metadata(group, key, rest.pop(key), path)
    if isinstance(data, dict):
        _add_outputs(group, data, path)
    else:
        rest = _add_data(group, data, rest, path)
    for key, value in rest.items():
        _add_metadata(group, key, value, path)
    for key, value in dict.items(entry):
        if key not in ("data", "metadata"):
            group.children[encode_name(key)] = plan_value(value, (*path, key))
    return group


def _is_feature(entry: Any) -> bool:
    """Return whether `entry` has the documented form, which a reader can tell apart without marks."""
    if not (_has_text_keys(entry) and _has_text_keys(dict.get(entry, "metadata")) and "data" in entry):
        return False
    data = dict.get(entry, "data")
    groups = [key for key in entry if key not in ("data", "metadata")]
    if any(not _has_text_keys(dict.get(entry, key)) or key.startswith(FEATURE_PREFIX) for key in groups):
        return False
    if isinstance(data, dict):
        return _has_text_keys(data) and not any(key in data for key in groups)
    return isinstance(data, LazyArray) or (isinstance(data, np.ndarray) and data.dtype.kind != "O")


def _has_text_keys(value: Any) -> bool:
    return isinstance(value, dict) and all(type(key) is str for key in value)


def _add_outputs(group: GroupPlan, data: dict[str, Any], path: Path) -> None:
    for key, value in dict.items(data):
        name = encode_name(key)
        if name.startswith(FEATURE_PREFIX):
            name = f"%{ord(name[0]):02X}{name[1:]}"
        add_entry(group, name, value, (*path, "data", key))
        if name == "data":
            group.marks["."] = "outputs"
        if isinstance(group.children.get(name), GroupPlan):
            group.marks[name] = "output"


def _add_data(group: GroupPlan, data: Any, rest: dict[str, Any], path: Path) -> dict[str, Any]:
    """Plan a feature that is one array; return the metadata that have no place beside it."""
    plan = plan_value(data, (*path, "data"))
    group.children["data"] = plan
    if not isinstance(plan, ArrayPlan) or plan.attrs or plan.keep_attrs:
        group.marks["."] = "own-attrs"
        return rest
    plain = {key: value for key, value in rest.items() if not isinstance(value, dict)}
    planned = plan_attrs(plain)
    if planned is None:
        return rest
    plan.attrs, marks = planned
    plan.marks.update(marks)
    return {key: value for key, value in rest.items() if key not in plain}


def metadata_name(key: str) -> str:
    """Return the name of the attribute of a feature's group for one entry of its metadata."""
    return "hdmea_%74ype" if key == "type" else FEATURE_PREFIX + encode_name(key)


def _add_metadata(group: GroupPlan, key: str, value: Any, path: Path) -> None:
    name = metadata_name(key)
    text = to_json(value) if key == "params" and type(value) is dict else None
    if text is not None:
        add_entry(group, name, text, path)
        return
    add_entry(group, name, value, (*path, "metadata", key))
    if key == "params":
        group.marks.setdefault(name, "plain")


def _add_sections(
    group: GroupPlan,
    movie: str,
    sections: dict[str, Any],
    unit: dict[str, Any],
    stimulus: Mapping[str, Any],
    path: Path,
) -> None:
    """Plan one movie's trials: as index ranges if they refer to the unit's spikes and the movie's trials."""
    name = encode_name(movie)
    trials = stimulus.get("trial_time")
    trial_time = dict.get(trials, movie) if isinstance(trials, dict) else None
    spike_times = dict.get(unit, "spike_times")
    unread = dict.get(sections, movie)
    if (
        isinstance(unread, LazySections)
        and _is(spike_times, unread.spike_times)
        and _is(trial_time, unread.trial_time)
    ):
        group.children[name] = ArrayPlan(data=unread.ranges, entry=unread)
        return
    item = sections[movie] if isinstance(unread, LazyTrials) else unread
    if (
        isinstance(item, SectionedSpikes)
        and _equals(spike_times, item.spike_times)
        and _equals(trial_time, item.trial_time)
    ):
        group.children[name] = ArrayPlan(data=item.ranges)
        return
    add_entry(group, name, item, path)
    if name in group.children:
        group.marks[name] = NO_RANGES


def _is(found: Any, part: Any) -> bool:
    return found is part or (isinstance(part, LazyArray) and found is not None and found is part.loaded)


def _equals(found: Any, array: Any) -> bool:
    if isinstance(found, LazyArray):
        found = found.read()
    if not isinstance(found, np.ndarray) or found.dtype != array.dtype or found.shape != array.shape:
        return False
    return found.__array_interface__ == array.__array_interface__ or bool(np.array_equal(found, array))


def _plan_texts(texts: list[str], path: Path) -> GroupPlan | ArrayPlan:
    if all(type(text) is str and is_clean_text(text) for text in texts):
        return ArrayPlan(data=tuple(texts))
    return plan_value(np.array(texts, dtype=object), path)
