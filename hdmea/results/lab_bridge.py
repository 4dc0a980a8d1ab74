"""Files of the laboratory's scripts, read as a whole; and the layout of their saved sessions, written."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path as FilePath
from typing import Any

import numpy as np

from hdmea.results.codec import Codec, register
from hdmea.results.content import FileSummary, Path, SessionContent
from hdmea.results.lab_layout import lab_text, read_lab_session
from hdmea.results.lab_plan import plan_lab_session
from hdmea.results.leaves import is_clean, text_array
from hdmea.results.nodes import AttrValue, Dataset, Group, Node
from hdmea.results.plan import ArrayPlan, GroupPlan
from hdmea.results.reading import Place
from hdmea.results.session_content import SessionContent as OldContent
from hdmea.results.unread import Source, Unread
from hdmea.results.values import Stored
from hdmea.results.writing import Writer
from hdmea.utils.exceptions import SessionError

__all__ = ["LAB"]

_SAME = (
    "dataset_id",
    "units",
    "metadata",
    "stimulus",
    "source_files",
    "steps",
    "completed_steps",
    "warnings",
    "save_state",
    "checkpoint_name",
    "output_dir",
    "created_at",
    "updated_at",
    "extra",
)


_READ_ONLY = "The file has the layout of the lab's earlier scripts, which is read but not changed."


class _Whole:
    """All of a file of the laboratory."""

    name = "lab"

    def plan(self, content: SessionContent, root: Group) -> None:
        """Plan the file as saved sessions of the laboratory's scripts look."""
        old = OldContent(**{name: _read(getattr(content, name)) for name in _SAME})
        made = _group(plan_lab_session(old))
        root.attrs, root.children = made.attrs, made.children

    def read(self, file: Place, content: SessionContent, source: Source | None) -> None:
        """Read everything."""
        path = FilePath(os.fsdecode(file.item.name))
        old = read_lab_session(file.item, path, None, file.tick)
        for name in _SAME:
            setattr(content, name, getattr(old, name))
        content.read_only = _READ_ONLY

    def update(self, writer: Writer, content: SessionContent, changed: Collection[Path]) -> bool:
        """Refuse: these files are read only."""
        raise SessionError(f"{_READ_ONLY} Load it and save it under another name first.")


def _read(value: Any) -> Any:
    value = value.read() if isinstance(value, Unread) else value
    return {key: _read(value[key]) for key in value} if isinstance(value, dict) else value


def _group(plan: GroupPlan) -> Group:
    attrs = {name: value for name, value in map(_attr, plan.all_attrs().items()) if value is not None}
    return Group(attrs, {name: _node(child) for name, child in plan.children.items()})


def _node(plan: GroupPlan | ArrayPlan) -> Node:
    if isinstance(plan, GroupPlan):
        return _group(plan)
    attrs = {name: value for name, value in map(_attr, plan.all_attrs().items()) if value is not None}
    data: Any = plan.data
    if isinstance(data, (str, tuple)) or data.dtype.hasobject:
        texts = np.array(list(data) if isinstance(data, tuple) else data, dtype=object)
        array = text_array(
            text if is_clean(text) else text.encode("ascii", "backslashreplace").decode()
            for text in texts.reshape(-1).tolist()
        ).reshape(texts.shape)
        return Dataset(array.shape, array.dtype, array, utf8=True, attrs=attrs)
    return Dataset(data.shape, data.dtype, data, utf8=data.dtype.kind == "S", attrs=attrs)


def _attr(item: tuple[str, Stored]) -> tuple[str, AttrValue | None]:
    name, value = item
    return name, list(value) if isinstance(value, tuple) else value


def _is_lab(file: Place, path: FilePath) -> bool:
    return not file.has_attr("schema_version") and file.has("units")


def _summarize(file: Place, path: FilePath) -> FileSummary:
    units = file.child("units").names()
    pipeline = file.child("pipeline") if file.has("pipeline") else None
    info = pipeline.child("session_info") if pipeline and pipeline.has("session_info") else None
    facts = {} if info is None or not info.is_group else info.attrs()
    return FileSummary(
        path=path,
        size=os.path.getsize(path),
        dataset_id=_first(file.attrs().get("dataset_id")) or path.stem,
        n_units=len(units),
        completed_steps=_steps(info),
        created_at=_first(file.attrs().get("created_at")),
        updated_at=_first(file.attrs().get("updated_at")) or _first(facts.get("saved_at")),
        checkpoint_name=_first(facts.get("checkpoint_name")) or None,
        save_state=_first(facts.get("save_state")) or "saved",
        schema_version=0,
        layout="lab",
    )


def _steps(info: Place | None) -> tuple[str, ...]:
    if info is None or not info.is_group or not info.has("completed_steps"):
        return ()
    names = info.child("completed_steps").read().reshape(-1).tolist()
    return tuple(text for name in names if (text := lab_text(name)) is not None)


def _first(value: Any) -> str:
    return (lab_text(value) if isinstance(value, (str, list, np.ndarray)) else "") or ""


def _revision(file: Place) -> str:
    return ""


LAB = register(Codec("lab", (_Whole(),), _is_lab, _summarize, _revision))
