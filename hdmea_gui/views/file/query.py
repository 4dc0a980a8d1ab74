"""The file that will be saved, as the window shows it: parts of its tree, values, what changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hdmea.utils.giving_way import giving_way
from hdmea.utils.spreadsheet import write_csv
from hdmea_gui.engine.exports import reasons

if TYPE_CHECKING:
    from hdmea.results.outline import FileOutline, OutlineEntry
    from hdmea_gui.engine.workspace import Workspace

__all__ = [
    "BelowQuery",
    "BelowView",
    "FileEntry",
    "FindQuery",
    "FindView",
    "TreePath",
    "ValuesQuery",
    "ValuesView",
    "WriteOutline",
]

TreePath = tuple[str, ...]

_MOST_FOUND = 500
_SECTIONS = "spike_times_sectioned"
_CSV_TITLES = ("path", "kind", "shape", "dtype", "file_bytes", "memory_bytes", "value")


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A group, a dataset or an attribute of the file.

    Attributes
    ----------
    path
        Names from the root downwards.
    kind
        ``"group"``, ``"dataset"`` or ``"attribute"``.
    shape
        Of a dataset or attribute, None without one.
    dtype
        Name of the numpy type, ``"text"``, or empty.
    file_nbytes, memory_nbytes
        Estimated size in the file, bytes in memory.
    value
        In one line.
    n_below
        Entries directly below.
    changed
        Whether it, or anything below it, was added or replaced since the last save.
    """

    path: TreePath
    kind: str
    shape: tuple[int, ...] | None
    dtype: str
    file_nbytes: int
    memory_nbytes: int
    value: str
    n_below: int
    changed: bool

    @property
    def name(self) -> str:
        """Last part of the path."""
        return self.path[-1]


@dataclass(frozen=True)
class BelowView:
    """What is directly below an entry, and how many places changed since the last save."""

    path: TreePath
    entries: tuple[FileEntry, ...]
    n_changed: int = 0


@dataclass(frozen=True)
class FindView:
    """The first entries with a text in their name, and how many there are."""

    text: str
    entries: tuple[FileEntry, ...]
    total: int


@dataclass(frozen=True)
class ValuesView:
    """First values of a dataset or attribute: at most two dimensions, and which part they are."""

    path: TreePath
    kind: str
    shape: tuple[int, ...]
    dtype: str
    values: NDArray[Any]
    rest: str


@dataclass(frozen=True)
class BelowQuery:
    """What is directly below an entry of the file; the root has the empty path."""

    path: TreePath

    def answer(self, workspace: Workspace) -> BelowView | None:
        """Return it, None if nothing is open or the entry is gone."""
        outline = _outline(workspace)
        if outline is None:
            return None
        marks = _marks(workspace)
        try:
            found = outline.below(self.path)
        except KeyError:
            return None
        entries = tuple(marks.entry(entry) for entry in found)
        return BelowView(self.path, entries, len(marks.changed))


@dataclass(frozen=True)
class FindQuery:
    """Entries of the file by a part of their name."""

    text: str

    def answer(self, workspace: Workspace) -> FindView | None:
        """Return them, None if nothing is open."""
        outline = _outline(workspace)
        if outline is None:
            return None
        found, total = outline.find(self.text, _MOST_FOUND)
        marks = _marks(workspace)
        return FindView(self.text, tuple(marks.entry(entry) for entry in found), total)


@dataclass(frozen=True)
class ValuesQuery:
    """First values of a dataset or an attribute."""

    path: TreePath
    kind: str

    def answer(self, workspace: Workspace) -> ValuesView | None:
        """Return them, None if the entry is gone."""
        outline = _outline(workspace)
        try:
            found = None if outline is None else outline.values(self.path, self.kind)
        except KeyError:
            return None
        if found is None:
            return None
        return ValuesView(self.path, self.kind, found.shape, found.dtype, _as_shown(found.values), found.rest)


@dataclass(frozen=True)
class WriteOutline:
    """Write the whole tree as CSV, one row per entry."""

    path: Path

    @property
    def title(self) -> str:
        """What the user reads while the drive does not respond."""
        return f"Exporting {self.path.name}"

    def answer(self, workspace: Workspace) -> Path:
        """Return the file that was written; OSError if it cannot be."""
        workspace.require()
        outline = _outline(workspace)
        entries: Iterable[OutlineEntry] = () if outline is None else outline.walk()
        with reasons(self.path):
            write_csv(self.path, _CSV_TITLES, (_row(entry) for entry in entries))
        return self.path


class _Marks:
    """What changed since the last save, by its place in the file."""

    def __init__(self, changed: Collection[TreePath]) -> None:
        self.changed = frozenset(changed)
        self._above = {path[:size] for path in giving_way(changed) for size in range(len(path))}

    def entry(self, entry: OutlineEntry) -> FileEntry:
        """Return an entry as the window shows it."""
        path = entry.path
        own = any(path[:size] in self.changed for size in range(1, len(path) + 1))
        return FileEntry(
            path,
            entry.kind,
            entry.shape,
            entry.dtype,
            entry.file_nbytes,
            entry.memory_nbytes,
            entry.value,
            entry.n_below,
            own or path in self._above,
        )


def _outline(workspace: Workspace) -> FileOutline | None:
    return workspace.remember("outline", lambda: _make_outline(workspace))


def _make_outline(workspace: Workspace) -> FileOutline | None:
    session = workspace.session
    if session is None:
        return None
    from hdmea.pipeline.session import SaveState
    from hdmea.results.outline import FileOutline

    return FileOutline(session.content(SaveState.SAVED, checkpoint_name=None))


def _marks(workspace: Workspace) -> _Marks:
    return workspace.remember("file_marks", lambda: _Marks(_changed(workspace)))


def _changed(workspace: Workspace) -> set[TreePath]:
    """Return the places of values that were added or replaced since the last save, none before the first."""
    session = workspace.session
    in_a_file = session is not None and (session.held is not None or session.checkpoint_name is not None)
    if session is None or not in_a_file or not session.has_unsaved_changes:
        return set()
    from hdmea.results.parts.units import place_in_file

    found = session.unsaved_changes().values
    return {place_in_file(path) for path in _leaves(found, ())}


def _leaves(tree: dict[Any, Any], path: tuple[Any, ...]) -> Iterable[tuple[Any, ...]]:
    """Yield where the values are; in a feature its name, because its parts have other names in the file."""
    for name, value in giving_way(dict.items(tree)):
        place = (*path, name)
        inside = len(place) > 3 and place[0] == "units" and place[2] in ("features", _SECTIONS)
        if isinstance(value, dict) and value and not inside:
            yield from _leaves(value, place)
        else:
            yield place


def _as_shown(values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype.kind not in "SO":
        return values
    texts = [item.decode("utf-8", "replace") if isinstance(item, bytes) else item for item in values.flat]
    shown = np.empty(len(texts), object)
    shown[:] = texts
    return shown.reshape(values.shape)


def _row(entry: OutlineEntry) -> tuple[object, ...]:
    shape = "" if entry.shape is None else " × ".join(map(str, entry.shape)) or "scalar"
    place = "/" + "/".join(entry.path)
    return place, entry.kind, shape, entry.dtype, entry.file_nbytes, entry.memory_nbytes, entry.value
