"""What a recording has once, in the laboratory's layouts: root, metadata, stimulus, files, steps."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hdmea._version import __version__
from hdmea.results.content import FileSummary, Keys, SessionContent, StepProvenance
from hdmea.results.lab import words
from hdmea.results.lab.features import STA, params_hash
from hdmea.results.lab.images import IMAGE, axes_to_write
from hdmea.results.lab.layout import Layout, note, notes_of
from hdmea.results.lab.patches import DROP, Patch, from_json, set_to, to_json
from hdmea.results.lab.record import GROUP, RECORD, Record, RecordPlan, has_record, is_untouched
from hdmea.results.lab.units import FEATURES
from hdmea.results.lab.values import (
    PLAIN,
    TEXT,
    Planned,
    as_attributes,
    attrs_of,
    is_name,
    plan_scalar,
    plan_value,
    read_dict,
    read_value,
)
from hdmea.results.leaves import decode_name
from hdmea.results.nodes import AttrValue, Dataset, Group
from hdmea.results.reading import Place
from hdmea.results.unread import LazyDict, Source, Unread, has_unread
from hdmea.results.writing import Writer
from hdmea.utils.exceptions import ValidationError
from hdmea.utils.fixes import Advice
from hdmea.utils.lab_steps import steps_by_data

__all__ = ["Recording", "Tree", "layout_of", "revision_of", "summarize"]

_LOAD = "load_recording"
_INFO = "session_info"
_DURATION = "recording_duration_s"
_DERIVED = {"stimulus": "trial_time", "metadata": _DURATION}
"""What is read from other parts where a file does not have it."""
_SCALARS = ("acquisition_rate", "sample_interval", "dataset_id", _DURATION)
_ROOT = frozenset(("units", "metadata", "stimulus", "pipeline", "source_files"))
_PLAYLIST = ("section_time_playlist", "section_time_repeats")
_PATHS = ("cmcr_path", "cmtr_path")


class Tree:
    """``metadata`` or ``stimulus``: a group with the names of the session.

    Parameters
    ----------
    name
        Which of the two.
    layout
        The layout.
    """

    def __init__(self, name: str, layout: Layout) -> None:
        self.name = name
        self._layout = layout

    def plan(self, content: SessionContent, root: Group) -> None:
        """Add the group."""
        group = root.children[self.name] = Group()
        for key in self._tree(content):
            self._plan_key(content, key, group, root)
        for key, value in self._made(content).items():
            if key not in self._tree(content):
                self._put(
                    content, key, *plan_value(value, (self.name, key), self._form(content)), group, root
                )
                _plan(content).note(f"{self.name}/{key}", "", [], None, DROP)

    def _plan_key(self, content: SessionContent, key: str, group: Group, root: Group | None) -> None:
        value = dict.__getitem__(self._tree(content), key)
        if type(key) is not str:
            raise ValidationError(
                f"{self.name} has the key {key!r}; its keys are text. Nothing was written.",
                fix=Advice("Use a text as the key."),
            )
        path = (self.name, key)
        derived = key == _DERIVED.get(self.name) and (
            key != _DURATION or bool(notes_of(content, self._layout).get(_DURATION))
        )
        if not is_name(key) or derived:
            # Other parts state it; the record has what is known of it besides.
            self._put(content, key, None, set_to(_read_all(value), path), group, root)
            return
        value = self._scalar(content, key, value)
        self._put(content, key, *plan_value(value, path, self._form(content).of(key)), group, root)

    def _scalar(self, content: SessionContent, key: str, value: Any) -> Any:
        """Plan a number that the layout states as such, also if the session has an array of one."""
        value = value.read() if isinstance(value, Unread) else value
        if self.name == "metadata" and key in _SCALARS and type(value) is np.ndarray and value.shape == (1,):
            item = value[0].item() if isinstance(value[0], np.generic) else value[0]
            if type(item) in (int, float, bool, str):
                return Planned(
                    plan_scalar(item, self._form(content).of(key)), set_to(value, (self.name, key))
                )
        return value

    def _put(
        self,
        content: SessionContent,
        key: str,
        node: Any,
        patch: Patch,
        group: Group,
        root: Group | None,
    ) -> None:
        names: list[str | None] = []
        if self._layout.steps and key in _PLAYLIST and self.name == "metadata" and isinstance(node, Dataset):
            if root is not None:
                value = np.asarray(node.source).reshape(-1)[0]
                root.attrs[key] = value if isinstance(value, str) else value.item()
        elif node is not None:
            names = [self.name, self._stored(key)]
            group.children[self._stored(key)] = node
        _plan(content).note(f"{self.name}/{key}", "", names, node if names else None, patch)

    def _made(self, content: SessionContent) -> dict[str, Any]:
        return words.metadata_words(content) if self.name == "metadata" else {}

    def _form(self, content: SessionContent) -> Any:
        notes = notes_of(content, self._layout)
        return self._layout.metadata(notes) if self.name == "metadata" else self._layout.trees

    def _stored(self, key: str) -> str:
        steps = self._layout.steps and self.name == "stimulus" and key == "frame_times"
        return "frame_time" if steps else key

    def read(self, file: Place, content: SessionContent, source: Source | None) -> None:
        """Read the group."""
        record: Record | None = content.notes
        found: dict[Any, Any] = {}
        form = self._read_form(file, content)
        place = file.child(self.name) if file.has(self.name) else None
        for name in place.names() if place is not None and place.is_group else ():
            assert place is not None
            key = "frame_times" if self._stored("frame_times") == name else name
            patch = None if record is None else record.patch(f"{self.name}/{key}")
            if not (patch or {}).get("drop"):
                found[key] = read_value(place.child(name), source, patch, form.of(name))
        if place is not None and place.is_group and (attrs := attrs_of(place)):
            note(content, self._layout, f"{self.name}_attrs", attrs)
        if self.name == "metadata" and self._layout.steps:
            for key in _PLAYLIST:
                patch = None if record is None else record.patch(f"{self.name}/{key}")
                if file.has_attr(key) and not (patch or {}).get("drop"):
                    found[key] = attrs_of(file)[key]
        self._complete(found, record)
        if self.name == "metadata" and record is None and place is not None and _DURATION not in found:
            if place.is_group and (duration := _duration(place)) is not None:
                found[_DURATION] = duration
                note(content, self._layout, _DURATION, True)
        setattr(content, self.name, LazyDict(found) if has_unread(found.values()) else found)

    def _complete(self, found: dict[Any, Any], record: Record | None) -> None:
        prefix = f"{self.name}/"
        for part in record.texts if record is not None else ():
            if part.startswith(prefix) and part.removeprefix(prefix) not in found:
                patch = record.patch(part) if record is not None else None
                if patch is not None and "set" in patch:
                    found[part.removeprefix(prefix)] = from_json(patch["set"])
        order = record.session.get("order", {}).get(self.name, ()) if record is not None else ()
        if order:
            there = dict(found)
            found.clear()
            found.update({key: there[key] for key in order if key in there})
            found.update(there)

    def _read_form(self, file: Place, content: SessionContent) -> Any:
        """Return the form of single values, and note which known ones have the other."""
        if self.name != "metadata" or not file.has(self.name):
            return self._layout.trees
        place = file.again().child(self.name)
        shape = () if self._layout.steps else (1,)
        other = [
            name
            for name in _SCALARS
            if place.has(name) and not place.child_is_group(name) and place.child(name).shape == shape
        ]
        if content.notes is None:
            note(content, self._layout, "one_element", other)
        return self._layout.metadata({"one_element": other})

    def update(self, writer: Writer, content: SessionContent, changed: Collection[Keys]) -> bool:
        """Rewrite the changed entries of the group."""
        if any(path == (self.name,) for path in changed):
            keys = dict.fromkeys((*self._tree(content), *self._names(writer, content)))
        else:
            keys = dict.fromkeys(path[1] for path in changed if path[0] == self.name)
        if self.name == "metadata" and any(path[:2] == ("stimulus", "section_time") for path in changed):
            keys |= dict.fromkeys(_PLAYLIST)
        before = _plan(content).before
        if self.name in _DERIVED and (before is None or before.unknown):
            # What was derived from other parts when the file was read: now there is a record that is asked.
            keys[_DERIVED[self.name]] = None
        if not keys:
            return True
        file = Place(writer.file, file_nbytes=writer.file_nbytes)
        if not file.has(self.name):
            writer.create(writer.file, self.name, Group())
        place = Place(writer.file, file_nbytes=writer.file_nbytes).child(self.name)
        group, root = Group(), Group()
        made = self._made(content)
        for key in keys:
            if key in self._tree(content):
                self._plan_key(content, key, group, root)
            elif key in made:
                node, patch = plan_value(made[key], (self.name, key), self._form(content))
                self._put(content, key, node, patch, group, root)
                _plan(content).note(f"{self.name}/{key}", "", [], None, DROP)
            else:
                _plan(content).removed.append((f"{self.name}/{key}", ""))
        for key in map(self._stored, keys):
            if is_name(key):
                writer.put(place.item, key, group.children.get(key), place.path)
        writer.write_attrs(writer.file, root.attrs)
        return True

    def _names(self, writer: Writer, content: SessionContent) -> list[str]:
        file = Place(writer.file, file_nbytes=writer.file_nbytes)
        names = file.child(self.name).names() if file.has(self.name) else []
        found = ["frame_times" if name == self._stored("frame_times") else name for name in names]
        before, prefix = _plan(content).before, f"{self.name}/"
        parts = before.texts if before is not None else ()
        return found + [part.removeprefix(prefix) for part in parts if part.startswith(prefix)]

    def _tree(self, content: SessionContent) -> dict[str, Any]:
        tree: dict[str, Any] = getattr(content, self.name)
        return tree


class Opening:
    """The record of a file, which is read before everything else."""

    name = "record"

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def plan(self, content: SessionContent, root: Group) -> None:
        """Begin the record."""
        content.notes = RecordPlan()

    def read(self, file: Place, content: SessionContent, source: Source | None) -> None:
        """Read the record."""
        record = content.notes = Record.of(file.again())
        if record is not None and isinstance(extra := record.session.get("extra"), dict):
            content.extra = from_json(extra)

    def update(self, writer: Writer, content: SessionContent, changed: Collection[Keys]) -> bool:
        """Begin the record, before anything in the file is changed."""
        file = Place(writer.file, file_nbytes=writer.file_nbytes)
        content.notes = RecordPlan(before=Record.of(file, writer.origin))
        return True


class Recording:
    """Attributes of the root, source files, steps, and the record of what the layout has no word for.

    Parameters
    ----------
    layout
        The layout.
    """

    name = "recording"

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    # -- writing ---------------------------------------------------------------------------------------

    def plan(self, content: SessionContent, root: Group) -> None:
        """Add attributes and groups."""
        notes = notes_of(content, self._layout)
        root.attrs.update(self._root_attrs(content, notes))
        pipeline = Group()
        if not self._layout.steps:
            root.children["source_files"] = Group(attrs={**self._paths(content)})
            pipeline.attrs.update(
                stage1_completed=_LOAD in content.completed_steps or _has_load(content),
                stage1_timestamp=content.updated_at,
            )
            pipeline.children[_INFO] = self._info(content)
        root.children["pipeline"] = pipeline
        for name in ("metadata", "stimulus"):
            if f"{name}_attrs" in notes and name in root.children:
                root.children[name].attrs.update(as_attributes(notes[f"{name}_attrs"])[0])
        for name, value in notes.get("groups", {}).items():
            node, _ = plan_value(value, (name,), self._layout.trees)
            if node is not None and name not in root.children:
                root.children[name] = node
        for name, value in notes.get("pipeline", {}).items():
            if isinstance(value, dict) or not self._layout.steps or name not in pipeline.attrs:
                self._restore(pipeline, name, value)
        self._note_session(content)

    def _restore(self, pipeline: Group, name: str, value: Any) -> None:
        if name == "_attrs" and isinstance(value, dict):
            for key, item in as_attributes(value)[0].items():
                pipeline.attrs.setdefault(key, item)
        elif name not in pipeline.children:
            node, _ = plan_value(value, ("pipeline", name), self._layout.trees)
            if node is not None:
                pipeline.children[name] = node

    def _root_attrs(self, content: SessionContent, notes: Mapping[str, Any]) -> dict[str, AttrValue]:
        attrs: dict[str, AttrValue] = {"dataset_id": content.dataset_id, "created_at": content.created_at}
        if not self._layout.steps:
            return {"hdmea_version": __version__, **as_attributes(notes.get("root", {}))[0], **attrs}
        load = content.steps.get(_LOAD, StepProvenance())
        files = {**self._paths(content), **_existing(content)}
        attrs |= {"updated_at": content.updated_at, "source_files": json.dumps(files)}
        if _LOAD in content.completed_steps or content.units:
            attrs["stage1_completed"] = True
        made: dict[str, AttrValue] = {
            "hdmea_pipeline_version": __version__,
            "stage1_params_hash": params_hash(json.dumps(load.params, sort_keys=True)),
        }
        extracted = _extracted(content)
        known = as_attributes(notes.get("root", {}))[0]
        if extracted or "features_extracted" in known:
            there = json.loads(str(known.get("features_extracted", "[]")))
            made["features_extracted"] = json.dumps(list(dict.fromkeys([*there, *extracted])))
            known.pop("features_extracted", None)
        return {**made, **known, **attrs}

    def _paths(self, content: SessionContent) -> dict[str, str]:
        return {
            key: value
            for key, value in content.source_files.items()
            if isinstance(value, str) and key.endswith("_path") and as_attributes({key: value})[0]
        }

    def _info(self, content: SessionContent) -> Group:
        steps = np.array(list(content.completed_steps), TEXT).reshape(len(content.completed_steps))
        attrs: dict[str, AttrValue] = {"saved_at": content.updated_at}
        if content.checkpoint_name is not None:
            attrs["checkpoint_name"] = content.checkpoint_name
        info = Group(attrs, {"completed_steps": Dataset(steps.shape, TEXT, steps)})
        return info

    def _note_session(self, content: SessionContent) -> None:
        plan = _plan(content)
        other = {key: value for key, value in content.source_files.items() if key not in self._paths(content)}
        plan.session = {
            "created_at": content.created_at,
            "updated_at": content.updated_at,
            "completed_steps": list(content.completed_steps),
            "steps": {name: step.as_json() for name, step in content.steps.items()},
            "warnings": list(content.warnings),
            "save_state": content.save_state,
            "checkpoint_name": content.checkpoint_name,
            "output_dir": content.output_dir,
            "extra": to_json(dict(content.extra), ("extra",)),
            "source_files": to_json(other, ("source_files",)),
            "source_files_order": list(content.source_files),
            "units": list(content.units),
            "order": {name: list(map(str, getattr(content, name))) for name in ("metadata", "stimulus")},
        }
        plan.attrs = {
            "revision": content.revision,
            "saved_by": content.saved_by,
            "hdmea_version": __version__,
            "layout": self._layout.name,
            "image_axes": axes_to_write(content),
            "written": written_at(content),
        }

    def finish(self, writer: Writer, content: SessionContent, root: Group | None) -> None:
        """Write the record, when everything else has been written."""
        file = Place(writer.file, file_nbytes=writer.file_nbytes)
        node = _plan(content).finish(writer, file.child("pipeline").item)
        if root is not None:
            pipeline = root.children["pipeline"]
            assert isinstance(pipeline, Group)
            pipeline.children[GROUP] = node

    def update(self, writer: Writer, content: SessionContent, changed: Collection[Keys]) -> bool:
        """Rewrite attributes, files and steps."""
        root = Group()
        self.plan(content, root)
        writer.write_attrs(writer.file, root.attrs)
        file = Place(writer.file, file_nbytes=writer.file_nbytes)
        if "source_files" in root.children:
            writer.put(writer.file, "source_files", root.children["source_files"], "")
        pipeline = root.children["pipeline"]
        assert isinstance(pipeline, Group)
        if not file.has("pipeline"):
            writer.create(writer.file, "pipeline", Group())
        place = Place(writer.file, file_nbytes=writer.file_nbytes).child("pipeline")
        writer.write_attrs(place.item, pipeline.attrs)
        for name, node in pipeline.children.items():
            writer.put(place.item, name, node, place.path)
        return True

    # -- reading ---------------------------------------------------------------------------------------

    def read(self, file: Place, content: SessionContent, source: Source | None) -> None:
        """Read attributes, files and steps; everything else must have been read."""
        record: Record | None = content.notes
        attrs = attrs_of(file)
        content.dataset_id = _first(attrs.get("dataset_id")) or _first(content.metadata.get("dataset_id"))
        if not content.dataset_id:
            content.dataset_id = Path(os.fsdecode(file.item.name)).stem
        content.created_at = _first(attrs.get("created_at"))
        pipeline = (
            file.child("pipeline") if file.has("pipeline") and file.child_is_group("pipeline") else None
        )
        steps, info = _info_of(pipeline, self._layout)
        content.updated_at = _first(attrs.get("updated_at")) or _first(info.get("saved_at"))
        content.source_files = _source_files(file, attrs)
        content.warnings = _texts(info.get("warnings"))
        content.checkpoint_name = _first(info.get("checkpoint_name")) or None
        content.save_state = _first(info.get("save_state")) or "saved"
        content.output_dir = _first(info.get("output_dir"))
        # With a record, nothing is asked of the units, which may be unread.
        if not steps and record is None:
            unit: Mapping[str, Any] = next(iter(content.units.values()), {})
            steps = steps_by_data(attrs, content.stimulus, unit, unit.get(FEATURES, ()))
        content.completed_steps = list(steps)
        content.revision = revision_of(file)
        self._note_others(file, attrs, pipeline, info, content, had_record=record is not None)
        if record is not None:
            self._restore_session(record, content, steps)
        content.notes = None

    def _note_others(
        self,
        file: Place,
        attrs: Mapping[str, Any],
        pipeline: Place | None,
        info: Mapping[str, Any],
        content: SessionContent,
        *,
        had_record: bool,
    ) -> None:
        """Keep what other programs put into root and pipeline."""
        names = (*_PLAYLIST, "dataset_id", "created_at", "updated_at", "source_files", "stage1_completed")
        root = {key: value for key, value in attrs.items() if key not in names}
        groups = {
            name: read_value(file.child(name), None, None, self._layout.trees)
            for name in file.names()
            if name not in _ROOT
        }
        if not had_record:
            note(content, self._layout, "root", root)
        note(content, self._layout, "groups", groups)
        if pipeline is not None:
            others = [name for name in pipeline.names() if name not in (GROUP, _INFO)]
            found = read_dict(
                pipeline.again(),
                None,
                {"entries": {"_group_attrs": {"set": None}, "_attrs": {"set": None}}},
                PLAIN,
                names=others,
            )
            found = {key: value for key, value in found.items() if value is not None}
            own = {
                key: value
                for key, value in attrs_of(pipeline).items()
                if key not in ("stage1_completed", "stage1_timestamp")
            }
            if own:
                found["_attrs"] = own
            note(content, self._layout, "pipeline", found)

    def _restore_session(self, record: Record, content: SessionContent, steps: list[str]) -> None:
        known = record.session
        content.saved_by = str(record.attrs.get("saved_by", ""))
        content.save_state = known["save_state"]
        content.checkpoint_name = known["checkpoint_name"]
        content.output_dir = known["output_dir"]
        content.warnings = list(known["warnings"])
        content.created_at = content.created_at or known["created_at"]
        content.updated_at = known["updated_at"] if not record.unknown else content.updated_at
        if not steps:
            content.completed_steps = list(known["completed_steps"])
        unknown = unknown_steps(record)
        content.steps = {
            name: StepProvenance.from_json(item)
            for name, item in known["steps"].items()
            if name not in unknown and name in content.completed_steps
        }
        files = {**from_json(known["source_files"]), **content.source_files}
        order = [key for key in known["source_files_order"] if key in files]
        made = {"cmcr_exists", "cmtr_exists"} - set(order)
        content.source_files = {key: files[key] for key in dict.fromkeys((*order, *files)) if key not in made}
        units = dict.fromkeys(name for name in known["units"] if name in content.units)
        if list(units) != list(content.units):
            there = dict(dict.items(content.units))
            ordered = {name: there[name] for name in {**units, **there}}
            content.units = LazyDict(ordered) if has_unread(ordered.values()) else ordered


_STEPS_OF = (
    (("stimulus/light_reference", "stimulus/frame_times", "metadata/frame_timestamps"), _LOAD),
    (("units/spike_times", "units/waveform", "units/unit_meta", "units/firing_rate_10hz"), _LOAD),
    (("stimulus/section_time", "stimulus/light_template"), "add_section_time"),
    (("units/spike_times_sectioned",), "section_spike_times"),
)


def unknown_steps(record: Record) -> set[str]:
    """Return the steps whose results another program has changed."""
    found: set[str] = set()
    for part, _ in record.unknown:
        for places, step in _STEPS_OF:
            if part.startswith(places):
                found.add(step)
        prefix = f"units/{FEATURES}/"
        if part.startswith(prefix):
            feature = decode_name(part.removeprefix(prefix))
            for step, item in record.session["steps"].items():
                if feature in item.get("features", ()):
                    found.add(step)
    return found


def written_at(content: SessionContent) -> int:
    """Return the time of change that the file gets, in whole seconds and even for drives that keep no other.

    It is a second or two before the file is written: whoever writes to it later leaves another time.
    """
    try:
        moment = datetime.datetime.fromisoformat(content.updated_at)
    except ValueError:
        moment = datetime.datetime.now(datetime.UTC)
    return int(moment.timestamp()) // 2 * 2


def stamp(path: Path, content: SessionContent) -> None:
    """Give a file the time of change that its record states."""
    seconds = written_at(content)
    os.utime(path, (seconds, seconds))


def _existing(content: SessionContent) -> dict[str, bool]:
    """Return for each source file whether it was there, as the scripts note it."""
    known = content.source_files
    found = {f"{kind}_exists": True for kind in ("cmcr", "cmtr") if f"{kind}_size" in known}
    return {**found, **{key: value for key, value in known.items() if type(value) is bool}}


def _has_load(content: SessionContent) -> bool:
    return any(step.startswith(_LOAD) for step in content.completed_steps)


def _extracted(content: SessionContent) -> list[str]:
    """Return names of features that are not images, averages and the like."""
    for unit in content.units.values():
        features = unit[FEATURES] if FEATURES in unit else None
        if isinstance(features, dict):
            return [name for name in features if not str(name).startswith(STA) and name != IMAGE]
    return []


def _info_of(pipeline: Place | None, layout: Layout) -> tuple[list[str], dict[str, Any]]:
    """Return completed steps, and what else a saved session says of itself."""
    if pipeline is None or not pipeline.has(_INFO) or not pipeline.child_is_group(_INFO):
        return [], {}
    place = pipeline.child(_INFO)
    found = {**attrs_of(place), **{name: read_value(place.child(name), None) for name in place.names()}}
    return _texts(found.pop("completed_steps", None)), found


def _texts(value: Any) -> list[str]:
    if isinstance(value, (str, bytes)):
        return [_first(value)] if value else []
    items = value.reshape(-1).tolist() if isinstance(value, np.ndarray) else value or []
    return [_first(item) for item in items if isinstance(item, (str, bytes))]


def _first(value: Any) -> str:
    """Return a text that may be bytes, or an array or a list of one; empty for anything else."""
    if isinstance(value, np.ndarray):
        value = value.reshape(-1).tolist()
    if isinstance(value, list):
        value = value[0] if len(value) == 1 else ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else ""


def _source_files(file: Place, attrs: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if isinstance(attrs.get("source_files"), str):
        try:
            known = json.loads(attrs["source_files"])
        except ValueError:
            known = {}
        found = dict(known) if isinstance(known, dict) else {}
    if file.has("source_files") and file.child_is_group("source_files"):
        place = file.child("source_files")
        found |= attrs_of(place)
        found |= {name: read_value(place.child(name), None) for name in place.names()}
    return found


def _steps_by_data(root: Place, attrs: Mapping[str, Any]) -> list[str]:
    """Return the steps of a file that does not list them, without reading its data."""

    def below(group: Place, name: str) -> Place | None:
        return group.again().child(name) if group.has(name) and group.child_is_group(name) else None

    stimulus, units = below(root, "stimulus"), root.child("units")
    unit = next((found for name in units.names() if (found := below(units, name)) is not None), None)
    features = None if unit is None else below(unit, FEATURES)
    listed = [] if features is None else features.names()
    return steps_by_data(
        attrs,
        () if stimulus is None else stimulus.names(),
        () if unit is None else unit.names(),
        [STA + name if features is not None and _has_sta(features, name) else name for name in listed],
    )


def _has_sta(features: Place, name: str) -> bool:
    return features.child_is_group(name) and features.again().child(name).has("sta")


def _duration(metadata: Place) -> float | None:
    """Return the duration of the recording in seconds that the raw file's facts state."""
    for name in ("sys_meta", "cmcr_meta"):
        place = metadata.again()
        if place.has(name) and place.child_is_group(name) and place.child(name).has(_DURATION):
            with contextlib.suppress(TypeError, ValueError, IndexError):
                return float(np.ravel(place.again().child(name).child(_DURATION).read())[0])
    return None


def _plan(content: SessionContent) -> RecordPlan:
    plan = content.notes
    assert isinstance(plan, RecordPlan)
    return plan


def _read_all(value: Any) -> Any:
    value = value.read() if isinstance(value, Unread) else value
    return {key: _read_all(value[key]) for key in value} if isinstance(value, dict) else value


# -- telling files -----------------------------------------------------------------------------------------


def _pipeline(file: Place) -> Place | None:
    root = file.again()
    return root.child("pipeline") if root.has("pipeline") and root.child_is_group("pipeline") else None


def layout_of(file: Place) -> str:
    """Return the layout of a file that has units and no version of its format."""
    pipeline = _pipeline(file)
    return "lab" if pipeline is not None and pipeline.has(_INFO) else "lab-steps"


def revision_of(file: Place) -> str:
    """Return what identifies the state of a file: its revision, or how large, old and structured it is."""
    root = file.again()
    revision = ""
    if has_record(root):
        revision = _first(file.again().at(RECORD).attrs().get("revision"))
        if revision and is_untouched(file.again()):
            return revision
    stat = os.stat(os.fsdecode(file.item.name))
    facts: list[Any] = sorted((name, str(value)) for name, value in attrs_of(file).items())
    again = file.again()
    groups = [name for name in sorted(_ROOT) if again.has(name) and again.child_is_group(name)]
    facts += [(name, *sorted(again.child(name).names())) for name in groups]
    number = zlib.crc32(repr(facts).encode("utf-8", "surrogatepass"))
    return f"{revision}+{stat.st_size}-{stat.st_mtime_ns}-{number:08x}"


def summarize(file: Place, path: Path, layout: Layout) -> FileSummary:
    """Return what a file says about itself, without reading its data."""
    attrs = attrs_of(file)
    pipeline = _pipeline(file)
    steps, info = _info_of(pipeline, layout)
    root = file.again()
    known = Record.of(root) if has_record(root) and is_untouched(root) else None
    session = known.session if known is not None else {}
    steps = steps or session.get("completed_steps", ()) or _steps_by_data(root, attrs)
    return FileSummary(
        path=path,
        size=os.path.getsize(path),
        dataset_id=_first(attrs.get("dataset_id")) or path.stem,
        n_units=len(file.child("units").names()),
        completed_steps=tuple(steps),
        created_at=_first(attrs.get("created_at")),
        updated_at=_first(attrs.get("updated_at")) or _first(info.get("saved_at")),
        checkpoint_name=_first(info.get("checkpoint_name")) or None,
        save_state=_first(info.get("save_state")) or "saved",
        schema_version=0,
        layout=layout.name,
        revision=revision_of(file),
        saved_by=_first(known.attrs.get("saved_by")) if known is not None else "",
    )
