"""Features of a unit in the laboratory's layouts.

In ``lab`` a feature is the dictionary of the session: ``data``, ``metadata`` and what is beside them. In
``lab-steps`` metadata are attributes, the outputs of a feature are in its group, and a spike-triggered
average is ``<movie>/sta`` with attributes of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from hdmea.results.lab import words
from hdmea.results.lab.images import IMAGE, TURNED, turned
from hdmea.results.lab.layout import Layout
from hdmea.results.lab.patches import Patch, attrs_patch, set_to
from hdmea.results.lab.record import Record, unit_key
from hdmea.results.lab.values import (
    ATTRS,
    Attributes,
    Planned,
    TreeArray,
    add_to,
    as_attributes,
    plan_dict,
    plan_value,
    read_dict,
)
from hdmea.results.nodes import Dataset, Group, Node
from hdmea.results.reading import Place
from hdmea.results.unread import LazyDict, Source, Unread, UnreadArray, has_unread

__all__ = ["STA", "file_name", "namesake", "plan_feature", "read_feature", "session_name"]

STA = "sta_"
_OURS = ("feature", "version", "params", "extracted_at", "stale")
_WITHHELD = frozenset((*_OURS, "missing", "reason"))
_REASONS = frozenset(("missing",))
_STEPS_WORDS = {"n_spikes_used": "n_spikes"}
_PLAIN_FORM, _SET = "plain", "set"
_SESSION_WORDS = {word: key for key, word in _STEPS_WORDS.items()}


def plan_feature(
    name: str,
    entry: Any,
    path: tuple[str, ...],
    layout: Layout,
    *,
    turn: bool,
    features: Mapping[str, Any],
    facts: words.Facts,
) -> tuple[Node | None, Patch]:
    """Plan one feature of a unit.

    Parameters
    ----------
    name, entry
        The feature.
    path
        Where it is in the session.
    layout
        The layout.
    turn
        Whether images are stored as (time, column, row).
    features
        All features of the unit.
    facts
        What else readers of the layout want to know.
    """
    entry = entry.read() if isinstance(entry, Unread) and entry.gives_dict else entry
    if not isinstance(entry, dict):
        return plan_value(entry, path, layout.trees)
    metadata = dict.get(entry, "metadata")
    metadata = metadata.read() if isinstance(metadata, Unread) else metadata
    ours = isinstance(metadata, dict) and all(key in metadata for key in _OURS)
    added = words.of_feature(name, entry, features, facts) if ours else {}
    axis = words.frif_axis(name, entry, facts) if ours else None
    if axis is not None:
        added = {words.FRIF_AXIS: axis} if layout.steps else {"data": {words.FRIF_AXIS: axis}}
    original = entry
    if turn and name in TURNED:
        entry = turned(entry, name, to_file=True)
    if ours:
        entry = _without_reasons(entry, path, layout)
    if name == IMAGE and not layout.steps:
        entry = _as_float64(entry)
    plan = _plan_steps if layout.steps else _plan_session
    group, patch = plan(name, entry, metadata if ours else None, path, layout)
    if patch.get("form") == _SET:
        return group, set_to(original, path)
    if added:
        add_to(group, patch, added, path)
        words.correct(group, patch)
    return group, patch


def _without_reasons(entry: dict[Any, Any], path: tuple[str, ...], layout: Layout) -> dict[Any, Any]:
    """Plan the dictionaries of a feature of ours; why something is missing goes into the record."""
    found: dict[Any, Any] = {}
    for key, value in dict.items(entry):
        if isinstance(value, Unread) and value.gives_dict:
            value = value.read()
        own = ("metadata", "data") if layout.steps else ("metadata",)
        if isinstance(value, dict) and key not in own and "missing" in value:
            value = Planned(*plan_dict(value, (*path, key), layout.trees, withheld=_REASONS))
        found[key] = value
    return found


def _as_float64(entry: dict[Any, Any]) -> dict[Any, Any]:
    """Have an image of single precision written as the scripts write theirs."""
    data = dict.get(entry, "data")
    node, patch = plan_value(data, ("data",)) if data is not None else (None, {})
    if not isinstance(node, Dataset) or node.dtype != np.float32 or "set" in patch:
        return entry
    source: Any = node.source
    double = Dataset(
        node.shape,
        np.dtype(np.float64),
        lambda: np.asarray(source() if callable(source) else source).astype(np.float64),
    )
    return {**dict(dict.items(entry)), "data": Planned(double, {**patch, "dtype": node.dtype.str})}


def _plan_session(
    name: str, entry: dict[Any, Any], ours: Any, path: tuple[str, ...], layout: Layout
) -> tuple[Group, Patch]:
    if ours is not None:
        planned = plan_dict(ours, (*path, "metadata"), layout.trees, withheld=_WITHHELD)
        entry = {**dict(dict.items(entry)), "metadata": Planned(*planned)}
    return plan_dict(entry, path, layout.trees)


def _plan_steps(
    name: str, entry: dict[Any, Any], ours: Any, path: tuple[str, ...], layout: Layout
) -> tuple[Group, Patch]:
    parts = {
        key: value.read() if isinstance(value, Unread) and value.gives_dict else value
        for key, value in dict.items(entry)
    }
    data, metadata = parts.get("data"), parts.get("metadata")
    if data is None or not isinstance(metadata, dict):
        group, patch = plan_dict(entry, path, layout.trees)
        return group, {**patch, "form": _PLAIN_FORM}
    known: Patch = {}
    beside = {key: value for key, value in parts.items() if key not in ("data", "metadata")}
    if ATTRS in beside or (not isinstance(data, dict) and getattr(data, "attrs", None)):
        known["form"] = _SET
    is_average = _array_name(name) == "sta"
    attrs = _steps_attrs(metadata, ours, sta=is_average)
    if isinstance(data, (np.ndarray, UnreadArray)) and "form" not in known:
        steps = {_array_name(name): data, **beside}
        if is_average and np.dtype(data.dtype).kind in "biufc":
            node, _ = plan_value(data, path, layout.trees)
            assert isinstance(node, Dataset)
            node.attrs, exact = as_attributes(attrs)
            below = {} if exact else attrs_patch(attrs, path)
            steps = {**steps, _array_name(name): Planned(node, below)}
        else:
            steps = {ATTRS: attrs, **steps}
    elif isinstance(data, dict) and not set(data) & set(beside) and ATTRS not in data and "form" not in known:
        steps = {ATTRS: attrs, **data, **beside}
        if beside:
            known["beside"] = list(beside)
    else:
        known["form"] = _SET
        steps = {ATTRS: attrs, **(data if isinstance(data, dict) else {"data": data}), **beside}
    group, rest = plan_dict(steps, path, layout.trees, withheld=() if ours is None else _REASONS)
    known.update(rest)
    if list(parts) != ["data", "metadata", *beside]:
        known["keys"] = list(parts)
    return group, known


def _array_name(name: str) -> str:
    return "sta" if name.startswith(STA) and name != STA else "data"


def _steps_attrs(metadata: dict[Any, Any], ours: Any, *, sta: bool) -> dict[Any, Any]:
    """Return metadata under the names that the scripts use."""
    names = _STEPS_WORDS if sta else {}
    if ours is None:
        return {names.get(key, key): value for key, value in dict.items(metadata)}
    written = {names.get(key, key): value for key, value in metadata.items() if key not in _WITHHELD}
    if not sta:
        written |= {
            "extracted_at": str(ours["extracted_at"]),
            "extractor_version": str(ours["version"]),
            "feature_name": str(ours["feature"]),
            "params_hash": params_hash(str(ours["params"])),
        }
    return Attributes({names.get(key, key): value for key, value in dict.items(metadata)}, written)


def params_hash(text: str) -> str:
    """Return what the laboratory's scripts state of parameters, which is JSON here."""
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def file_name(name: str, node: Node | None, layout: Layout) -> str:
    """Return the name of a feature's group, or whatever else it was planned as."""
    is_average = layout.steps and isinstance(node, Group) and "sta" in node.children
    return name.removeprefix(STA) if is_average and name != STA else name


def namesake(name: str) -> str:
    """Return the name of the other feature that may have the same name in ``lab-steps``."""
    return name.removeprefix(STA) if name.startswith(STA) else STA + name


# -- reading -----------------------------------------------------------------------------------------------


def session_name(name: str, features: Place, layout: Layout, record: Record | None, unit_id: str) -> str:
    """Return the name of a feature whose group is called `name` in the group of a unit's features."""
    if not layout.steps or (record is not None and record.knows(unit_key("features", name), unit_id)):
        return name
    return STA + name if features.is_in_group("sta", name) else name


def read_feature(
    place: Place,
    source: Source | None,
    name: str,
    patch: Patch | None,
    layout: Layout,
    turn: bool,
) -> dict[Any, Any]:
    """Return a feature that is a group.

    Parameters
    ----------
    place
        The group.
    source
        Where large arrays will be read from; None reads everything now.
    name
        The feature.
    patch
        What the record says of it.
    layout
        The layout.
    turn
        Whether images are stored as (time, column, row).
    """
    known = patch or {}
    found = read_dict(place, source, known, layout.trees)
    if layout.steps and known.get("form") != _PLAIN_FORM:
        found = _session_entry(found, name, known)
    if turn and name in TURNED:
        found = turned(found, name, to_file=False)
    return LazyDict(found) if has_unread(dict.values(found)) else found


def _session_entry(found: dict[Any, Any], name: str, known: Patch) -> dict[Any, Any]:
    """Return the entry of a feature from what is in its group in ``lab-steps``."""
    values = dict(dict.items(found))
    word = _array_name(name)
    array = values.get(word)
    # An array that is not of numbers has its metadata in a group, as other arrays have.
    if word == "sta" and isinstance(array, (np.ndarray, UnreadArray)) and ATTRS not in values:
        metadata = dict(getattr(array, "attrs", {}))
        del values[word]
        data = array.plain() if isinstance(array, TreeArray) else np.asarray(array)
        entry = {"data": data, "metadata": metadata, **values}
    elif isinstance(array, (np.ndarray, UnreadArray)) and (ATTRS in values or known):
        del values[word]
        entry = {"data": array, "metadata": values.pop(ATTRS, {}), **values}
    elif ATTRS in values:
        metadata = values.pop(ATTRS)
        beside = {key: values.pop(key) for key in known.get("beside", ()) if key in values}
        entry = {
            "data": LazyDict(values) if has_unread(values.values()) else values,
            "metadata": metadata,
            **beside,
        }
    else:
        return found
    if word == "sta":
        entry["metadata"] = {_SESSION_WORDS.get(key, key): value for key, value in entry["metadata"].items()}
    keys = known.get("keys", ())
    return {key: entry[key] for key in (*keys, *(key for key in entry if key not in keys)) if key in entry}
