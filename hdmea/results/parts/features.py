"""Features of the units (layout ``columns``): one group per feature, one dataset per output.

``features/<feature>/<output>``
    the outputs of a feature that has several; ``data`` of one that is a single array;
attributes of ``features/<feature>``
    metadata that are equal for all units (the usual ones begin with ``hdmea_``);
``features/<feature>/%metadata/<key>``, ``features/<feature>/%missing``
    metadata that differ between the units, and why which output is missing;
``features/<feature>/<group>`` or ``features/<feature>/%beside/<group>``
    what is beside data and metadata, such as the geometry of a receptive field.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from hdmea.results import leaves
from hdmea.results.columns import (
    MISSING,
    Given,
    Member,
    Own,
    Table,
    add_column,
    plan_quantity,
    plan_table,
)
from hdmea.results.content import Keys, SessionContent
from hdmea.results.leaves import decode_name, encode_name, is_mark
from hdmea.results.nodes import AttrValue, Dataset, Group
from hdmea.results.reading import Place
from hdmea.results.unread import Unread

__all__ = ["FeaturesTable", "plan_features"]

_FORM, _ORDER = "%form", "%metadata"
_ENTRY_ORDER = "%entry_order"
_PREFIX = "hdmea_"
_STANDARD = frozenset(("feature", "version", "params", "extracted_at", "stale"))
_MAX_ATTR_NBYTES = 60_000
_MISSING_KEY = "missing"


def plan_features(
    into: Group, values: list[Any], own: Own, content: SessionContent, names: Collection[str] | None = None
) -> None:
    """Plan the features of all units.

    Parameters
    ----------
    into
        Gets the group ``features``.
    values
        For each unit name to feature.
    own
        Takes what fits no column.
    content
        Knows titles and units of outputs.
    names
        The features to plan; None for all.
    """
    path = ("features",)
    values = [value.read() if isinstance(value, Unread) else value for value in values]
    if any(not isinstance(value, dict) for value in values if value is not MISSING):
        plan_quantity(into, "features", values, path, own)
        return

    def plan_child(group: Group, name: str, entries: list[Any], place: Keys, own: Own) -> None:
        if names is None or place[-1] in names:
            _plan_feature(group, name, entries, place, own, content)

    add_column(into, "features", plan_table(values, path, own, plan_child=plan_child), values)


def _plan_feature(
    into: Group, name: str, entries: list[Any], path: Keys, own: Own, content: SessionContent
) -> None:
    entries = [entry.read() if _is_dict_to_be(entry) else entry for entry in entries]
    forms = [_form(entry) for entry in entries]
    known = [form for form in forms if form]
    form = max(set(known), key=known.count) if known else "plain"
    if form == "plain" or known.count(form) < sum(entry is not MISSING for entry in entries) / 2:
        plan_quantity(into, name, entries, path, own)
        if isinstance(into.children.get(name), Group):
            into.children[name].attrs[_FORM] = "plain"
        return
    for row, (entry, found) in enumerate(zip(entries, forms, strict=True)):
        if entry is not MISSING and found != form:
            own.add(row, path, entry)
            entries[row] = MISSING
    group = Group(attrs={_FORM: form})

    def plan_part(into: Group, name: str, values: list[Any], place: Keys, own: Own) -> None:
        key = place[-1]
        if key == "metadata":
            _plan_metadata(group, values, place, own)
        elif key == "data" and form == "outputs":
            values = [value.read() if isinstance(value, Unread) else value for value in values]
            plan_table(values, place, own, into=group)
        elif form == "outputs":
            beside = group.children.setdefault("%beside", Group())
            assert isinstance(beside, Group)
            plan_quantity(beside, name, values, place, own)
        else:
            plan_quantity(group, name, values, place, own)

    plan_table(entries, path, own, into=group, plan_child=plan_part, order_mark=_ENTRY_ORDER)
    keys = list(dict.fromkeys(key for entry in entries if entry is not MISSING for key in entry))
    if keys[:2] != ["data", "metadata"]:
        group.attrs["%entry"] = [encode_name(key) for key in keys]
    for output, attrs in content.outputs(path[-1]).items():
        node = group.children.get(encode_name(output))
        if isinstance(node, Dataset):
            node.attrs = {**attrs, **node.attrs}
    add_column(into, name, group, entries)


def _is_dict_to_be(entry: Any) -> bool:
    return isinstance(entry, Unread) and entry.gives_dict


def _form(entry: Any) -> str:
    """Return which form a feature has: several outputs, one array, or none that is documented."""
    if entry is MISSING or not isinstance(entry, dict) or "data" not in entry:
        return ""
    metadata = dict.get(entry, "metadata")
    if not isinstance(metadata, dict) and not _is_dict_to_be(metadata):
        return ""
    data = dict.get(entry, "data")
    return "outputs" if isinstance(data, dict) or _is_dict_to_be(data) else "array"


def _plan_metadata(group: Group, values: list[Any], path: Keys, own: Own) -> None:
    """Plan metadata: attributes of the feature's group where all units have the same, else columns."""
    rows = [value.read() if isinstance(value, Unread) else value for value in values]
    there = [row for row in rows if row is not MISSING]
    below = Group()
    order: list[str] = []

    def plan_key(into: Group, name: str, items: list[Any], place: Keys, own: Own) -> None:
        key = place[-1]
        order.append(key)
        constant = _constant(items, len(there))
        if constant is not None:
            group.attrs[_attr_name(key)] = constant
        elif key == _MISSING_KEY and all(item is MISSING or type(item) is str for item in items):
            plan_quantity(group, "%missing", items, place, own)
        else:
            plan_quantity(below, name, items, place, own)

    plan_table(rows, path, own, into=below, plan_child=plan_key)
    if below.children:
        group.children["%metadata"] = below
    if order:
        group.attrs[_ORDER] = [encode_name(key) for key in order]


def _constant(items: list[Any], n: int) -> AttrValue | None:
    """Return the value that all units have, if they do and an attribute can hold it."""
    known = [item for item in items if item is not MISSING]
    if len(known) != n or not known:
        return None
    first = known[0]
    kind = type(first)
    if kind not in (str, int, float, bool, list) or any(type(item) is not kind for item in known):
        return None
    if kind is list:
        types = set(map(type, first))
        if len(types) != 1 or not types <= {str, int, float} or any(item != first for item in known):
            return None
        if types == {int} and not all(-(2**63) <= number < 2**63 for number in first):
            return None
        if types == {str}:
            fits = all(map(leaves.is_clean, first)) and sum(map(len, first)) < _MAX_ATTR_NBYTES
            return first if fits else None
        array = np.array(first, np.int64 if types == {int} else np.float64)
        return array if all(np.array(item).tobytes() == array.tobytes() for item in known) else None
    if kind is float:
        bits = {np.float64(item).tobytes() for item in known}
        return first if len(bits) == 1 else None
    if any(item != first for item in known):
        return None
    if kind is str:
        return first if leaves.is_clean(first) and len(first) < _MAX_ATTR_NBYTES else None
    return first if kind is bool or -(2**63) <= first < 2**63 else None


def _attr_name(key: str) -> str:
    """Return the name of the attribute for one of the metadata."""
    if key in _STANDARD:
        return _PREFIX + key
    name = encode_name(key)
    return f"%{ord(name[0]):02X}{name[1:]}" if name.startswith(_PREFIX) else name


class FeaturesTable(Table):
    """The features of all units."""

    deferred = True

    def load_member(self, place: Place, name: str, names: Mapping[str, None]) -> Member:
        """Return one feature, which is read when it is asked for."""
        child = place.child(name)
        if not child.is_group:
            return super().load_member(place, name, names)
        table = FeatureTable(child.path, self.n, self.source)
        return self.load_table(table, place, name, names, child=child)


class FeatureTable(Table):
    """One feature of all units: data, metadata, and what is beside them."""

    deferred = True

    def load(self, place: Place) -> None:
        """Read the columns of the feature."""
        if not place.has_attr(_FORM) or place.attr(_FORM) == "plain":
            super().load(place)
            return
        form = place.attr(_FORM)
        names = dict.fromkeys(place.names())
        outputs = {
            decode_name(name): self.load_member(place, name, names) for name in names if not is_mark(name)
        }
        metadata = self._metadata(place, names)
        members: dict[str, Member]
        if form == "outputs":
            data = self._given(outputs)
            data.orders = self.load_orders(place, names)
            members = {"data": data, "metadata": metadata}
            if "%beside" in names:
                beside = Table(f"{self.path}/%beside", self.n, self.source)
                beside.load(place.child("%beside"))
                members.update(beside.members or {})
        else:
            members = {}
            if "data" in outputs:
                members["data"] = outputs.pop("data")
            members = {**members, "metadata": metadata, **outputs}
        if place.has_attr("%entry"):
            order = place.attr("%entry")
            stored = map(decode_name, order) if isinstance(order, list) else ()
            keys = [key for key in stored if key in members]
            members = {key: members[key] for key in (*keys, *(key for key in members if key not in keys))}
        self.members = members
        self.orders = self.load_orders(place, names, _ENTRY_ORDER)

    def _given(self, members: dict[str, Member]) -> Table:
        table = Table(self.path, self.n, self.source)
        table.members = members
        return table

    def _metadata(self, place: Place, names: Mapping[str, None]) -> Table:
        order = place.attr(_ORDER) if place.has_attr(_ORDER) else []
        below = Table(f"{self.path}/%metadata", self.n, self.source)
        if "%metadata" in names:
            below.load(place.child("%metadata"))
        columns = below.members or {}
        members: dict[str, Member] = {}
        for name in order if isinstance(order, list) else []:
            key = decode_name(name)
            attr = _attr_name(key)
            if place.has_attr(attr):
                members[key] = Given(_repeated(place.attr(attr), self.n))
            elif key == _MISSING_KEY and "%missing" in names:
                members[key] = self.load_member(place, "%missing", names)
            elif key in columns:
                members[key] = columns[key]
        table = self._given(members)
        table.orders = below.orders
        return table


def _repeated(value: AttrValue | None, n: int) -> list[Any]:
    if isinstance(value, np.ndarray) and not value.ndim:
        return [value.item()] * n
    if isinstance(value, (list, np.ndarray)):
        return [list(value) if isinstance(value, list) else value.tolist() for _ in range(n)]
    return [value] * n
