"""Changing parts of a result file in a copy of it."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path as FilePath
from typing import Any, TypeAlias

from h5py import h5a, h5d, h5g

from hdmea.results.decode import Tick, attr_names
from hdmea.results.names import TYPE_MARK, encode_name
from hdmea.results.plan import ArrayPlan, GroupPlan, Node, plan_dict
from hdmea.results.session_content import TREES, Path, SessionContent
from hdmea.results.session_layout import (
    metadata_name,
    plan_pipeline,
    plan_root_attrs,
    plan_unit,
    plan_units,
)
from hdmea.results.tree import self_mark
from hdmea.results.write import TreeWriter
from hdmea.utils import h5
from hdmea.utils.atomic import check_free_space, copy_file

__all__ = ["SessionUpdate"]

Changes: TypeAlias = "dict[str, Changes | None]"
"""Names of changed entries; None where everything below changed."""

_FEATURE_DEPTH = 4


class SessionUpdate:
    """What has to be written to bring a file up to date; planned and checked before a file is touched.

    Parameters
    ----------
    content
        The session as it is now.
    changed
        Paths at which it differs from the file.

    Attributes
    ----------
    written : list
        After `apply`: each newly written group or dataset with its path.

    Raises
    ------
    ValidationError
        If a value cannot be stored.
    """

    def __init__(self, content: SessionContent, changed: Collection[Path]) -> None:
        self._changes = _as_tree(_with_dependents(content, changed))
        self._root = plan_root_attrs(content)
        self._root.children["pipeline"] = plan_pipeline(content)
        for name in TREES:
            if name == "units" and name in self._changes:
                self._root.children[name] = _plan_changed_units(content, self._changes[name])
            elif name in self._changes:
                self._root.children[name] = plan_dict(getattr(content, name), (name,))
        self._changes["pipeline"] = None
        self.written: list[tuple[str, GroupPlan | ArrayPlan]] = []

    def needed_nbytes(self) -> int:
        """Return how much free space the update needs beside a copy of the file."""
        return int(_changed_nbytes(self._root, self._changes) * 1.05)

    def work_nbytes(self, target: FilePath) -> int:
        """Return how many bytes are copied and written."""
        return os.path.getsize(target) + _changed_nbytes(self._root, self._changes)

    def apply(self, target: FilePath, part: FilePath, tick: Tick) -> None:
        """Make `part` a copy of `target` with the changes in it."""
        copy_file(
            target,
            part,
            tick,
            before_copying=lambda nbytes: check_free_space(target, nbytes + self.needed_nbytes()),
        )
        file = h5.open_file(part, write=True)
        try:
            with TreeWriter(tick) as writer:
                for name in self._root.attrs:
                    writer.replace_attr(file, name, self._root)
                self._sync(writer, file, self._root, self._changes, "")
            h5.close_written(file, part)
        except BaseException:
            h5.abandon(file)
            raise

    def _sync(self, writer: TreeWriter, group: Any, plan: GroupPlan, changes: Changes, path: str) -> None:
        for key, below in changes.items():
            name = encode_name(key)
            if name in plan.attrs or h5a.exists(group, name.encode()):
                writer.replace_attr(group, name, plan)
            self._sync_child(writer, group, name, plan.children.get(name), below, path)
        _sync_mark(writer, group, plan)

    def _sync_child(
        self,
        writer: TreeWriter,
        group: Any,
        name: str,
        plan: GroupPlan | ArrayPlan | None,
        below: Changes | None,
        path: str,
    ) -> None:
        present = h5.has_link(group, name)
        place = f"{path}/{name}"
        if present and below is not None and isinstance(plan, GroupPlan):
            item = h5.open_object(group, name)
            if place.startswith("/units/") and place.count("/") == _FEATURE_DEPTH and "/features/" in place:
                if self._sync_feature(writer, item, plan, below, place):
                    return
            elif isinstance(item, h5g.GroupID) and self_mark(item) == plan.marks.get(".", "") == "":
                self._sync(writer, item, plan, below, place)
                return
        if present:
            group.unlink(name.encode())
        if plan is not None:
            writer.create(group, name, plan)
            self.written.append((place, plan))

    def _sync_feature(
        self, writer: TreeWriter, group: Any, plan: GroupPlan, changes: Changes, path: str
    ) -> bool:
        """Write changed metadata of a feature without touching its data; False if that cannot be done."""
        metadata = changes.get("metadata")
        if metadata is None or len(changes) > 1 or not isinstance(group, h5g.GroupID):
            return False
        own = {metadata_name(key) for key in metadata}
        plain = {encode_name(key) for key in metadata}
        if self_mark(group) != plan.marks.get(".", "") or not _same_names(group, plan, own):
            return False
        if set(h5.link_names(group)) - own != set(plan.children) - own:
            return False
        data = plan.children.get("data")
        if isinstance(data, ArrayPlan) and not data.keep_attrs:
            dataset = h5.open_object(group, "data")
            if not isinstance(dataset, h5d.DatasetID) or not _same_names(dataset, data, plain):
                return False
            for name in plain:
                writer.replace_attr(dataset, name, data)
            _sync_mark(writer, dataset, data)
        for name in own:
            writer.replace_attr(group, name, plan)
            self._sync_child(writer, group, name, plan.children.get(name), None, path)
        _sync_mark(writer, group, plan)
        return True


def _as_tree(changed: Collection[Path]) -> Changes:
    tree: Changes = {}
    for path in sorted(changed, key=len):
        if not path or path[0] not in TREES:
            continue
        node = tree
        for name in path[:-1]:
            below = node.setdefault(name, {})
            if below is None:
                break
            node = below
        else:
            node[path[-1]] = None
    return tree


def _with_dependents(content: SessionContent, changed: Collection[Path]) -> set[Path]:
    """Return `changed` and the trials whose index ranges refer to changed spike times or trial times."""
    paths = set(map(tuple, changed))
    units = content.units
    for path in list(paths):
        if len(path) == 3 and path[0] == "units" and path[2] == "spike_times":
            paths.add((*path[:2], "spike_times_sectioned"))
        elif path == ("stimulus",) or path[:2] == ("stimulus", "trial_time"):
            movies = path[2:3]
            paths.update(
                ("units", unit_id, "spike_times_sectioned", *movies)
                for unit_id, unit in units.items()
                if isinstance(unit, dict) and "spike_times_sectioned" in unit
            )
    return paths


def _plan_changed_units(content: SessionContent, changes: Changes | None) -> GroupPlan:
    if changes is None:
        return plan_units(content.units, content.stimulus)
    group = GroupPlan()
    for unit_id in changes:
        if unit_id in content.units:
            unit = content.units[unit_id]
            group.children[encode_name(unit_id)] = plan_unit(unit, content.stimulus, ("units", unit_id))
    return group


def _changed_nbytes(plan: GroupPlan | ArrayPlan, changes: Changes | None) -> int:
    if changes is None or isinstance(plan, ArrayPlan):
        return plan.nbytes() + 700 * plan.count()
    children = ((plan.children.get(encode_name(key)), below) for key, below in changes.items())
    return 1000 + sum(_changed_nbytes(child, below) for child, below in children if child is not None)


def _same_names(item: Any, plan: Node, except_for: set[str]) -> bool:
    """Return whether object and plan have the same attributes, leaving out those that changed."""
    names = {name.decode() for name in attr_names(item)} - {TYPE_MARK}
    return names - except_for == set(plan.attrs) - except_for


def _sync_mark(writer: TreeWriter, item: Any, plan: Node) -> None:
    if plan.marks or h5a.exists(item, TYPE_MARK.encode()):
        writer.replace_attr(item, TYPE_MARK, plan)
