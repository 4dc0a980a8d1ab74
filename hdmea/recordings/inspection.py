"""What is inside of a file or folder, which decisions were taken to read it, and on what evidence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py

__all__ = ["Decision", "Inspection", "contents_of"]

MAX_LINES = 200
MAX_ALIKE = 2
MOST_DEPTH = 64


@dataclass(frozen=True)
class Decision:
    """How an open question was answered for this file, and why."""

    question: str
    answer: str
    evidence: str


@dataclass(frozen=True)
class Inspection:
    """What was found in one file.

    Parameters
    ----------
    path
        The file.
    kind
        ``"raw recording"``, ``"spike-sorted file"`` or ``"result file"``.
    facts
        Name to value: numbers, text, or lists of them.
    decisions
        Open questions with their answers and the evidence.
    contents
        Groups and datasets, one line each, indented.
    warnings
        What the user should know.
    """

    path: Path
    kind: str
    facts: dict[str, Any]
    decisions: tuple[Decision, ...] = ()
    contents: tuple[str, ...] = ()
    warnings: tuple[str, ...] = field(default=())

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain values that JSON can hold."""
        return {
            "path": str(self.path),
            "kind": self.kind,
            "facts": self.facts,
            "decisions": [vars(decision) for decision in self.decisions],
            "warnings": list(self.warnings),
            "contents": list(self.contents),
        }

    def as_text(self) -> str:
        """Return everything as text for a terminal."""
        width = max((len(name) for name in self.facts), default=0)
        lines = [f"{self.path}: {self.kind}", ""]
        lines += [f"  {name:<{width}}  {_text(value)}" for name, value in self.facts.items()]
        if self.decisions:
            lines += ["", "Decisions"]
            for decision in self.decisions:
                lines += [f"  {decision.question}: {decision.answer}", f"      because {decision.evidence}"]
        if self.warnings:
            lines += ["", "Warnings", *(f"  ! {message}" for message in self.warnings)]
        if self.contents:
            lines += ["", "Contents", *(f"  {line}" for line in self.contents)]
        return "\n".join(lines)


def contents_of(handle: h5py.File) -> tuple[str, ...]:
    """List groups and datasets, one line each; of many members that are alike only the first are shown."""
    lines: list[str] = []
    _list_group(handle, 0, lines, set())
    if len(lines) > MAX_LINES:
        lines = [*lines[:MAX_LINES], f"… {len(lines) - MAX_LINES} lines more"]
    return tuple(lines)


def _list_group(group: h5py.Group, depth: int, lines: list[str], listed: set[int]) -> None:
    """List a group once: links can lead to it in any number of ways, and from itself."""
    address = h5py.h5o.get_info(group.id).addr
    if address in listed or depth > MOST_DEPTH:
        lines[-1] += "  (not listed again)" if address in listed else "  (too deep to be listed)"
        return
    listed.add(address)
    shown: dict[str, int] = {}
    indent = "  " * depth
    for name in group:
        family = re.sub(r"\d+", "#", name)
        shown[family] = shown.get(family, 0) + 1
        if family != name and shown[family] > MAX_ALIKE:
            continue
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            target = f"{getattr(link, 'filename', '')}:{getattr(link, 'path', '')}"
            lines.append(f"{indent}{name} -> {target} (link, not followed)")
            continue
        node = group[name]
        lines.append(f"{indent}{name}{_describe(node)}")
        if isinstance(node, h5py.Group):
            _list_group(node, depth + 1, lines, listed)
    for family, count in shown.items():
        if count > MAX_ALIKE and family not in group:
            lines.append(f"{indent}{family.removesuffix('#')}… {count - MAX_ALIKE} more")


def _describe(node: object) -> str:
    if not isinstance(node, h5py.Dataset):
        return "/"
    names: Sequence[str] = node.dtype.names or ()
    kind = f"{{{', '.join(names[:24])}{', …' if len(names) > 24 else ''}}}" if names else str(node.dtype)
    return f"  {node.shape} {kind}"


def _text(value: Any) -> str:
    if value is None:
        return "not stated"
    if isinstance(value, list):
        parts = ["–".join(map(_text, item)) if isinstance(item, list) else _text(item) for item in value[:20]]
        return ", ".join([*parts, f"… ({len(value)})"] if len(value) > 20 else parts) or "none"
    return f"{value:g}" if isinstance(value, float) and value < 1e6 else str(value)
