"""Keeping unread arrays readable when the file they are read from is replaced by ourselves."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hdmea.results.lazy import LazyArray, LazyEntry, LazySections, LazySource, lazy_entries
from hdmea.results.plan import ArrayPlan, GroupPlan
from hdmea.results.session_content import TREES, SessionContent

__all__ = ["Binding"]


class Binding:
    """The unread arrays of a session that are read from one file, which is about to be replaced.

    Parameters
    ----------
    content
        The session.
    target
        The file.
    everything
        Also those that are read from other files.
    """

    def __init__(self, content: SessionContent, target: Path, *, everything: bool = False) -> None:
        trees: list[Any] = [getattr(content, name) for name in TREES]
        entries = [
            entry for tree in (*trees, content.steps, content.extra) for *_, entry in lazy_entries(tree)
        ]
        sources = {entry.source for entry in entries}
        self._sources = {source for source in sources if everything or source.is_file(target)}
        self._entries = [entry for entry in entries if entry.source in self._sources]

    def moved_to(self, target: Path, root: GroupPlan) -> None:
        """Let the unread arrays be read from `target`, where `root` was written."""
        if self._entries:
            self._point(LazySource(target), root.walk())

    def updated(self, target: Path, written: Iterable[tuple[str, GroupPlan | ArrayPlan]]) -> None:
        """Let them be read from `target`, a changed copy of their file in which `written` is new."""
        if not self._entries:
            return
        source = LazySource(target)
        for entry in self._entries:
            for part in (entry, *_parts(entry)):
                if part.source in self._sources:
                    part.source = source
        self._sources.add(source)
        for path, plan in written:
            nodes = plan.walk(path) if isinstance(plan, GroupPlan) else [(path, plan)]
            self._point(source, nodes)

    def _point(self, source: LazySource, nodes: Iterable[tuple[str, GroupPlan | ArrayPlan]]) -> None:
        for path, node in nodes:
            if not isinstance(node, ArrayPlan) or not isinstance(node.data, LazyArray):
                continue
            entry = node.entry if node.entry is not None else node.data
            if entry.source not in self._sources:
                continue
            entry.source, entry.path = source, path
            if isinstance(entry, LazySections):
                unit, _, movie = path.rsplit("/", 2)
                for part, place in (
                    (entry.spike_times, f"{unit}/spike_times"),
                    (entry.trial_time, f"/stimulus/trial_time/{movie}"),
                ):
                    if isinstance(part, LazyArray) and part.source in self._sources:
                        part.source, part.path = source, place


def _parts(entry: LazyEntry) -> list[LazyArray]:
    if not isinstance(entry, LazySections):
        return []
    return [part for part in (entry.spike_times, entry.trial_time) if isinstance(part, LazyArray)]
