"""What the laboratory's layouts have no word for: one group, ``/pipeline/hdmea``.

``/pipeline/hdmea``
    attributes ``revision``, ``saved_by``, ``hdmea_version``, ``layout``, ``record_version`` and ``written``
    (time of change of the file, in seconds, as it is left after writing);
``/pipeline/hdmea/session``
    JSON: provenance of the steps, warnings, state of the session;
``/pipeline/hdmea/parts/<part>``
    JSON: for each unit (or once) the size and checksum of what is in the file, and a patch
    (`hdmea.results.lab.patches`) that makes of it what the session had.

Scripts of the laboratory change files in place and know nothing of this group. Where the file was not
changed since it was written, which its time of change says, the record holds. Otherwise every part is
compared with its checksum, and what was changed counts as unknown: its patch is left out, and the steps that
made it lose their record.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hdmea.results.lab.patches import Patch
from hdmea.results.leaves import decode_name, encode_name
from hdmea.results.nodes import AttrValue, Dataset, Group, Node
from hdmea.results.reading import Place
from hdmea.results.trees import plan_entry, read_entry
from hdmea.results.writing import Writer

__all__ = ["GROUP", "RECORD", "PartPlan", "Record", "RecordPlan", "Sum", "unit_key"]

GROUP = "hdmea"
RECORD = f"pipeline/{GROUP}"
_VERSION = 1
_PARTS = "parts"

Sum = tuple[int, int]
"""Size in bytes and checksum of what is at one place."""


def unit_key(*names: str) -> str:
    """Return the name of a part of all units, e.g. of ``features``, ``eimage_sta``."""
    return "/".join(("units", *map(encode_name, names)))


@dataclass(slots=True)
class PartPlan:
    """What is written at one place, and what the record says of it.

    Attributes
    ----------
    names
        Names of groups and dataset in the file; None in place of the unit's.
    path
        Where it is in the file.
    node
        What is written.
    patch
        What that does not say.
    """

    names: list[str | None]
    path: str
    node: Node | None
    patch: Patch


@dataclass
class RecordPlan:
    """The record of a file that is being planned.

    Attributes
    ----------
    parts : dict
        For each part, what is written for each unit (``""`` for what a recording has once).
    removed : list
        Part and unit of what no longer exists.
    session : dict
        JSON of what concerns the whole session.
    attrs : dict
        Attributes of the record.
    before : Record or None
        The record that the file has, if it is updated.
    """

    parts: dict[str, dict[str, PartPlan]] = field(default_factory=dict)
    removed: list[tuple[str, str]] = field(default_factory=list)
    session: dict[str, Any] = field(default_factory=dict)
    attrs: dict[str, AttrValue] = field(default_factory=dict)
    before: Record | None = None

    def note(self, part: str, unit: str, names: list[str | None], node: Node | None, patch: Patch) -> None:
        """Note what is planned at a place, for one unit or once (``""``); None stands for the unit's name."""
        path = "".join(f"/{unit if name is None else name}" for name in names)
        self.parts.setdefault(part, {})[unit] = PartPlan(names, path, node, patch)

    def finish(self, writer: Writer, pipeline: Any) -> Group:
        """Write the record, now that the checksums of everything else are known.

        Parameters
        ----------
        writer
            Has written the parts.
        pipeline
            The group ``pipeline`` of the file.

        Returns
        -------
        Group
            What was written.
        """
        attrs = {**self.attrs, "record_version": _VERSION}
        parts, before = Group(), self.before
        # What another program has changed stays unknown, although the file gets a new time of change.
        gone = [*self.removed, *(before.unknown if before is not None else ())]
        removed = {part for part, _ in gone}
        for part in dict.fromkeys((*(before.texts if before else ()), *self.parts)):
            if part not in self.parts and part not in removed and before is not None:
                parts.children[encode_name(part)] = plan_entry(before.texts[part], ())
                continue
            known = _Part() if before is None else before.part(part).copy()
            for unit in [unit for name, unit in gone if name == part]:
                known.forget(unit)
            for unit, plan in self.parts.get(part, {}).items():
                known.put(unit, plan.names, _planned_sum(plan, writer), plan.patch)
            if known.sums:
                parts.children[encode_name(part)] = plan_entry(known.text(), ())
        session = plan_entry(json.dumps(self.session), ())
        node = Group(attrs, {"session": session, _PARTS: parts})
        writer.put(pipeline, GROUP, node, "/pipeline")
        return node


class _Part:
    """The record of one part: checksums, and patches that several units share."""

    def __init__(self, text: str = "") -> None:
        known = json.loads(text) if text else {"names": [], "sums": {}, "patches": [], "units": {}}
        self.names: list[str | None] = known["names"]
        self.sums: dict[str, Sum] = {unit: (item[0], item[1]) for unit, item in known["sums"].items()}
        self.patches: list[Patch] = known["patches"]
        self.units: dict[str, int] = known["units"]

    def copy(self) -> _Part:
        """Return a copy that may be changed."""
        other = _Part()
        other.names = self.names
        other.sums, other.patches, other.units = dict(self.sums), list(self.patches), dict(self.units)
        return other

    def patch(self, unit: str) -> Patch | None:
        """Return the patch of a unit, None if the record says nothing of it."""
        if unit not in self.sums:
            return None
        return self.patches[self.units[unit]] if unit in self.units else {}

    def put(self, unit: str, names: list[str | None], found: Sum, patch: Patch) -> None:
        """Note what is known of a unit."""
        self.names = names
        self.sums[unit] = found
        self.units.pop(unit, None)
        if patch:
            self.units[unit] = len(self.patches)
            self.patches.append(patch)

    def forget(self, unit: str) -> None:
        """Note that a unit does not have this part."""
        self.sums.pop(unit, None)
        self.units.pop(unit, None)

    def text(self) -> str:
        """Return the record as JSON; each patch once."""
        texts: dict[str, int] = {}
        units = {
            unit: texts.setdefault(json.dumps(self.patches[number]), len(texts))
            for unit, number in self.units.items()
        }
        patches = f'"patches": [{", ".join(texts)}], "units": {json.dumps(units)}'
        return f'{{"names": {json.dumps(self.names)}, "sums": {json.dumps(self.sums)}, {patches}}}'


class Record:
    """The record of an open file.

    Parameters
    ----------
    root
        The file.
    origin
        The file that an open copy was made from, whose time of change counts.

    Attributes
    ----------
    attrs : dict
        Attributes of the record.
    session : dict
        What concerns the whole session.
    texts : dict
        JSON of each part.
    unknown : set
        Part and unit of what another program has changed.
    """

    def __init__(self, root: Place, origin: Path | None = None) -> None:
        place = root.at(RECORD)
        self.attrs = place.attrs()
        self.session: dict[str, Any] = json.loads(read_entry(place.child("session")))
        parts = place.child(_PARTS)
        self.texts: dict[str, str] = {
            decode_name(name): read_entry(parts.child(name)) for name in parts.names()
        }
        self._parts: dict[str, _Part] = {}
        self.unknown: set[tuple[str, str]] = set()
        if not is_untouched(root, origin):
            self.unknown = set(self._changed(root))

    @classmethod
    def of(cls, root: Place, origin: Path | None = None) -> Record | None:
        """Return the record of a file, None if it has none that can be read."""
        if not has_record(root):
            return None
        try:
            return cls(root, origin)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            # The data stand for themselves.
            return None

    def part(self, name: str) -> _Part:
        """Return what is known of a part."""
        if name not in self._parts:
            self._parts[name] = _Part(self.texts.get(name, ""))
        return self._parts[name]

    def knows(self, part: str, unit: str) -> bool:
        """Return whether the record says anything of a part of a unit."""
        return unit in self.part(part).sums

    def patch(self, part: str, unit: str = "") -> Patch | None:
        """Return the patch of a part, None if nothing is known of it."""
        return None if (part, unit) in self.unknown else self.part(part).patch(unit)

    def _changed(self, root: Place) -> Iterator[tuple[str, str]]:
        for part in self.texts:
            for unit, expected in self.part(part).sums.items():
                place = _place_of(root, self.part(part).names, unit)
                if (sum_of_place(place) if place is not None else _NOTHING) != expected:
                    yield part, unit


def has_record(root: Place) -> bool:
    """Return whether a file has a record."""
    root = root.again()
    return root.has("pipeline") and root.child_is_group("pipeline") and root.child("pipeline").has(GROUP)


def is_untouched(root: Place, origin: Path | None = None) -> bool:
    """Return whether a file is as it was left after its record was written, as far as its time says."""
    written = root.at(RECORD).attrs().get("written")
    try:
        stat = os.stat(origin or os.fsdecode(root.item.name))
    except OSError:
        return False
    return isinstance(written, np.ndarray) and stat.st_mtime_ns == int(written) * 1_000_000_000


# -- sizes and checksums -----------------------------------------------------------------------------------

_NOTHING: Sum = (0, 0)


def _planned_sum(plan: PartPlan, writer: Writer) -> Sum:
    if plan.node is None:
        return _NOTHING
    lines: list[str] = []
    nbytes = _planned_lines(plan.node, plan.path, "", writer, lines)
    return nbytes, _sum(lines)


def _planned_lines(node: Node, path: str, name: str, writer: Writer, lines: list[str]) -> int:
    lines += _attr_lines(name, node.attrs)
    if isinstance(node, Dataset):
        lines.append(f"{name}={writer.written[path].checksum:08x}")
        return node.nbytes
    return sum(
        _planned_lines(child, f"{path}/{key}", f"{name}/{key}", writer, lines)
        for key, child in node.children.items()
    )


def sum_of_place(place: Place) -> Sum:
    """Return size and checksum of a group or dataset of a file."""
    lines: list[str] = []
    nbytes = _place_lines(place, "", lines)
    return nbytes, _sum(lines)


def _place_lines(place: Place, name: str, lines: list[str]) -> int:
    lines += _attr_lines(name, place.attrs())
    if not place.is_group:
        lines.append(f"{name}={place.checksum(None):08x}")
        return place.nbytes
    return sum(_place_lines(place.child(key), f"{name}/{key}", lines) for key in place.names())


def _attr_lines(name: str, attrs: Mapping[str, Any]) -> Iterable[str]:
    for key, value in attrs.items():
        item = value if isinstance(value, (str, list)) else np.asarray(value).tolist()
        yield f"{name}@{key}={item!r}"


def _sum(lines: list[str]) -> int:
    return zlib.crc32("\n".join(sorted(lines)).encode("utf-8", "surrogatepass"))


def _place_of(root: Place, names: list[str | None], unit: str) -> Place | None:
    if not names:
        return None
    place = root.again()
    for name in names:
        stored = unit if name is None else name
        if not place.is_group or not place.has(stored):
            return None
        place = place.child(stored)
    return place
