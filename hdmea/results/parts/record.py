"""Identity of a result, what a recording has once, and the record of how it was made (layout ``columns``)."""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from hdmea._version import __version__
from hdmea.results.content import SCHEMA_VERSION, FileSummary, Keys, SessionContent, StepProvenance
from hdmea.results.leaves import encode_name, is_clean
from hdmea.results.nodes import AttrValue, Group
from hdmea.results.reading import Place
from hdmea.results.trees import plan_entry, plan_tree, read_entry, read_tree
from hdmea.results.unread import Source
from hdmea.results.writing import Writer
from hdmea.utils.exceptions import CheckpointError, ValidationError
from hdmea.utils.fixes import Advice

__all__ = ["Identity", "Record", "Tree", "is_columns", "revision_of", "summarize"]

LOAD_STEP = "load_recording"
_COMPUTE = Advice("Recompute it from the recording.")


class Identity:
    """What the attributes of the root say: which recording, which version, which revision."""

    name = "identity"

    def plan(self, content: SessionContent, root: Group) -> None:
        """Add the attributes."""
        for name in ("dataset_id", "created_at", "updated_at"):
            if not is_clean(getattr(content, name)):
                raise ValidationError(
                    f"{name} {getattr(content, name)!r} is not a text that a file can hold.",
                    fix=Advice("Use a text without control characters."),
                )
        root.attrs.update(
            dataset_id=content.dataset_id,
            created_at=content.created_at,
            updated_at=content.updated_at,
            hdmea_version=__version__,
            schema_version=SCHEMA_VERSION,
            revision=content.revision,
            stage1_completed=LOAD_STEP in content.completed_steps,
        )

    def read(self, file: Place, content: SessionContent, source: Source | None) -> None:
        """Read the attributes."""
        content.dataset_id = _text(file, "dataset_id")
        content.created_at = _text(file, "created_at")
        content.updated_at = _text(file, "updated_at")
        content.revision = _text(file, "revision")

    def update(self, writer: Writer, content: SessionContent, changed: Collection[Keys]) -> bool:
        """Rewrite the attributes."""
        root = Group()
        self.plan(content, root)
        writer.write_attrs(writer.file, root.attrs)
        return True


class Tree:
    """One of the dictionaries that a recording has once, as a group with the same names.

    Parameters
    ----------
    name
        ``metadata``, ``stimulus`` or ``source_files``.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def plan(self, content: SessionContent, root: Group) -> None:
        """Add the group."""
        root.children[self.name] = plan_tree(self._tree(content), (self.name,), light=self.name == "stimulus")

    def read(self, file: Place, content: SessionContent, source: Source | None) -> None:
        """Read the group."""
        if file.has(self.name):
            setattr(content, self.name, read_tree(file.child(self.name), source))

    def update(self, writer: Writer, content: SessionContent, changed: Collection[Keys]) -> bool:
        """Rewrite the changed entries of the group; all of it where their order has changed."""
        keys = {path[1] if len(path) > 1 else None for path in changed if path[0] == self.name}
        if not keys:
            return True
        tree = self._tree(content)
        names = [encode_name(key) for key in tree]
        chosen = {key: dict.__getitem__(tree, key) for key in tree if None in keys or key in keys}
        node = plan_tree(chosen, (self.name,), light=self.name == "stimulus")
        removed = {encode_name(key) for key in keys if key is not None and key not in tree}
        writer.replace(self.name, node, names, removed)
        return True

    def _tree(self, content: SessionContent) -> dict[str, Any]:
        tree: dict[str, Any] = getattr(content, self.name)
        return tree


class Record:
    """How the result was made: steps with what they ran with, warnings, state of the session."""

    name = "pipeline"

    def plan(self, content: SessionContent, root: Group) -> None:
        """Add the group ``pipeline``."""
        loaded = LOAD_STEP in content.completed_steps
        attrs: dict[str, AttrValue] = {
            "stage1_completed": loaded,
            "saved_at": content.updated_at,
            "save_state": content.save_state,
            "saved_by": content.saved_by,
        }
        if content.checkpoint_name is not None:
            attrs["checkpoint_name"] = content.checkpoint_name
        place = ("pipeline",)
        group = Group(attrs=attrs)
        group.children["output_dir"] = plan_entry(content.output_dir, place)
        group.children["completed_steps"] = plan_entry(list(content.completed_steps), place)
        group.children["warnings"] = plan_entry(list(content.warnings), place)
        group.children["steps"] = Group(
            children={
                encode_name(name): plan_entry(_json(step, name), (*place, "steps", name))
                for name, step in content.steps.items()
            }
        )
        group.children["extra"] = plan_tree(content.extra, (*place, "extra"))
        root.children[self.name] = group

    def read(self, file: Place, content: SessionContent, source: Source | None) -> None:
        """Read the group ``pipeline``."""
        if not file.has(self.name):
            return
        group = file.child(self.name)
        content.save_state = _text(group, "save_state") or "saved"
        content.saved_by = _text(group, "saved_by")
        content.checkpoint_name = (
            _text(group, "checkpoint_name") if group.has_attr("checkpoint_name") else None
        )
        content.output_dir = str(_entry(group, "output_dir", ""))
        content.completed_steps = _texts(group, "completed_steps")
        content.warnings = _texts(group, "warnings")
        if group.has("steps"):
            for name, place in group.child("steps").children():
                content.steps[name] = _provenance(place)
        if group.has("extra"):
            content.extra = read_tree(group.child("extra"), source)

    def update(self, writer: Writer, content: SessionContent, changed: Collection[Keys]) -> bool:
        """Rewrite the group."""
        root = Group()
        self.plan(content, root)
        group = root.children[self.name]
        assert isinstance(group, Group)
        writer.replace(self.name, group, list(group.children))
        return True


def _json(provenance: StepProvenance, name: str) -> str:
    try:
        return json.dumps(provenance.as_json(), ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValidationError(
            f"The record of the step {name} cannot be stored: {error}.",
            fix=Advice("Pass parameters that JSON can hold: numbers, texts, lists and dictionaries."),
        ) from error


def _provenance(place: Place) -> StepProvenance:
    try:
        return StepProvenance.from_json(json.loads(read_entry(place)))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise place.damaged("it is not the record of a step") from error


def _text(place: Place, name: str) -> str:
    value = place.attr(name) if place.has_attr(name) else ""
    if not isinstance(value, str):
        raise place.damaged(f"its attribute {name!r} is not a text")
    return value


def _entry(group: Place, name: str, default: Any) -> Any:
    return read_entry(group.child(name)) if group.has(name) else default


def _texts(group: Place, name: str) -> list[str]:
    found = _entry(group, name, [])
    if not isinstance(found, list):
        raise group.damaged(f"{name} is not a list of texts")
    return [str(text) for text in found]


def is_columns(file: Place, path: Path) -> bool:
    """Return whether a file has this layout.

    Raises
    ------
    CheckpointError
        If it was made by a preliminary build, or needs a newer version of this program.
    """
    if not file.has_attr("schema_version"):
        return False
    version = file.attr("schema_version")
    number = _number(version)
    if number == SCHEMA_VERSION:
        if not file.has("units") or not _text(file, "dataset_id"):
            raise CheckpointError(
                f"{path} is damaged: it does not say which recording it holds.", path=path, fix=_COMPUTE
            )
        return True
    if number < SCHEMA_VERSION:
        raise CheckpointError(
            f"{path} was made by a preliminary build of this program (file format {number}), which no "
            f"version reads.",
            path=path,
            fix=_COMPUTE,
        )
    least = _number(file.attr("min_schema_version")) if file.has_attr("min_schema_version") else 0
    if least > SCHEMA_VERSION:
        raise CheckpointError(
            f"{path} was written by a newer version (file format {number}, this program reads up to "
            f"{SCHEMA_VERSION}).",
            path=path,
            fix=Advice("Update this program to open it."),
        )
    return True


def _number(value: AttrValue | None) -> int:
    array = np.asarray(value)
    return int(array.reshape(-1)[0]) if array.size == 1 and array.dtype.kind in "iu" else 0


def revision_of(file: Place) -> str:
    """Return what identifies the state of a file."""
    return _text(file, "revision")


def summarize(file: Place, path: Path) -> FileSummary:
    """Return what a file says about itself, without reading its data."""
    content = SessionContent("")
    Identity().read(file, content, None)
    group = file.child("pipeline") if file.has("pipeline") else None
    shape = file.at("units/id").shape
    checkpoint = _text(group, "checkpoint_name") if group is not None else ""
    return FileSummary(
        path=path,
        size=os.path.getsize(path),
        dataset_id=content.dataset_id,
        n_units=shape[0] if shape else 0,
        completed_steps=tuple(_texts(group, "completed_steps")) if group is not None else (),
        created_at=content.created_at,
        updated_at=content.updated_at,
        checkpoint_name=checkpoint or None,
        save_state=_text(group, "save_state") or "saved" if group is not None else "saved",
        schema_version=_number(file.attr("schema_version")),
        layout="columns",
        revision=content.revision,
        saved_by=_text(group, "saved_by") if group is not None else "",
    )
