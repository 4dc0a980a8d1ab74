"""Reading a result file of the current layout."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from h5py import h5a, h5d, h5g

from hdmea.results.decode import Tick, decode_attrs, no_tick, read_attrs
from hdmea.results.lazy import LazySections, LazySource
from hdmea.results.names import decode_name
from hdmea.results.sectioned import SectionedSpikes
from hdmea.results.session_content import SessionContent
from hdmea.results.session_layout import FEATURE_PREFIX
from hdmea.results.tree import TreeReader, make_dict
from hdmea.results.values import decode_value
from hdmea.utils import h5

__all__ = ["SessionReader", "read_texts"]

_OUTER_MARKS = frozenset(("", "own-attrs", "outputs"))


class SessionReader(TreeReader):
    """Reads the parts of a session from an open file.

    Parameters
    ----------
    source
        Where unread arrays will be read from; None reads everything now.
    tick
        Called with the number of bytes after each array and slice; with 1 after each unit if arrays are
        not read.
    """

    def __init__(self, source: LazySource | None = None, tick: Tick = no_tick) -> None:
        super().__init__(source, tick)
        self._trial_time: dict[str, Any] = {}

    def content(self, file: Any) -> SessionContent:
        """Return the whole session."""
        root = decode_attrs(*read_attrs(file), arrays=False)
        present = set(h5.link_names(file))
        parts = {
            name: self.child(file, name, f"/{name}") if name in present else {}
            for name in ("metadata", "stimulus", "source_files", "pipeline")
        }
        trials = parts["stimulus"].get("trial_time") if isinstance(parts["stimulus"], dict) else None
        self._trial_time = trials if isinstance(trials, dict) else {}
        info = parts["pipeline"].get("session_info", {})
        return SessionContent(
            dataset_id=root["dataset_id"],
            units=self.units(h5.open_group(file, "units"), "/units") if "units" in present else {},
            metadata=parts["metadata"],
            stimulus=parts["stimulus"],
            source_files=parts["source_files"],
            steps=parts["pipeline"].get("steps", {}),
            completed_steps=read_texts(info.get("completed_steps", ())),
            warnings=read_texts(info.get("warnings", ())),
            save_state=info.get("save_state", "saved"),
            checkpoint_name=info.get("checkpoint_name"),
            output_dir=info.get("output_dir", ""),
            created_at=root.get("created_at", ""),
            updated_at=root.get("updated_at", ""),
            extra=info.get("extra", {}),
            schema_version=int(root["schema_version"]),
        )

    def units(self, group: h5.GroupID, path: str) -> dict[str, Any]:
        """Return all units."""
        units = {}
        for name in h5.link_names(group):
            units[decode_name(name)] = self.unit(h5.open_group(group, name), f"{path}/{name}")
            if self.source is not None:
                self.tick(1)
        return units

    def unit(self, group: h5.GroupID, path: str) -> Any:
        """Return one unit with its features and trials."""
        attrs, marks = read_attrs(group)
        if "." in marks:
            return self.group(group, path)
        unit: dict[str, Any] = decode_attrs(attrs, marks, arrays=False)
        later = []
        for name in h5.link_names(group):
            if name == "spike_times_sectioned":
                unit[name] = {}
                later.append(name)
            elif name == "features":
                unit[name] = self._features(h5.open_object(group, name), f"{path}/{name}")
            else:
                unit[decode_name(name)] = self.child(group, name, f"{path}/{name}")
        for name in later:
            unit[name] = self._sections(
                h5.open_object(group, name), f"{path}/{name}", unit.get("spike_times")
            )
        return make_dict(unit)

    def _features(self, group: Any, path: str) -> Any:
        attrs, marks = read_attrs(group)
        if "." in marks or not isinstance(group, h5g.GroupID):
            return self.object(group, path)
        features = decode_attrs(attrs, marks, arrays=False)
        for name in h5.link_names(group):
            item = h5.open_object(group, name)
            feature = self.feature if isinstance(item, h5g.GroupID) else self.array
            features[decode_name(name)] = feature(item, f"{path}/{name}")
        return make_dict(features)

    def feature(self, group: h5.GroupID, path: str) -> Any:
        """Return one feature of one unit."""
        attrs, marks = read_attrs(group)
        mark = marks.get(".", "")
        if mark == "scalar":
            return decode_value(attrs["value"], marks.get("value", ""), arrays=False)
        if mark not in _OUTER_MARKS:
            return self.group(group, path)
        entry: dict[str, Any] = {"data": {}, "metadata": {}}
        for name, stored in attrs.items():
            self._put(entry, name, decode_value(stored, _word(marks, name), arrays=False), marks)
        names = h5.link_names(group)
        for name in names:
            item = h5.open_object(group, name)
            below = f"{path}/{name}"
            if name == "data" and mark != "outputs":
                entry["data"] = self._data(item, below, entry["metadata"], own_attrs=mark == "own-attrs")
            elif name.startswith(FEATURE_PREFIX) or not isinstance(item, h5g.GroupID) or name in marks:
                self._put(entry, name, self.object(item, below), marks)
            else:
                entry[decode_name(name)] = self.object(item, below)
        if isinstance(entry["data"], dict):
            entry["data"] = make_dict(entry["data"])
        entry["metadata"] = make_dict(entry["metadata"])
        return make_dict(entry)

    def _data(self, item: Any, path: str, metadata: dict[str, Any], *, own_attrs: bool) -> Any:
        if not isinstance(item, h5d.DatasetID):
            return self.object(item, path)
        if own_attrs:
            return self.array(item, path)
        if h5a.get_num_attrs(item):
            metadata.update(decode_attrs(*read_attrs(item), arrays=True))
        return self.array(item, path, plain=True)

    def _put(self, entry: dict[str, Any], name: str, value: Any, marks: dict[str, str]) -> None:
        """Put what was stored under `name` where it was: among the outputs or the metadata."""
        if not name.startswith(FEATURE_PREFIX):
            entry["data"][decode_name(name)] = value
            return
        key = decode_name(name.removeprefix(FEATURE_PREFIX))
        if key == "params" and name not in marks and isinstance(value, str):
            value = json.loads(value)
        entry["metadata"][key] = value

    def _sections(self, group: Any, path: str, spike_times: Any) -> Any:
        attrs, marks = read_attrs(group)
        if "." in marks or not isinstance(group, h5g.GroupID):
            return self.object(group, path)
        sections = decode_attrs(attrs, marks, arrays=False)
        for name in h5.link_names(group):
            movie = decode_name(name)
            trials = dict.get(self._trial_time, movie)
            if name in marks or spike_times is None or trials is None:
                sections[movie] = self.child(group, name, f"{path}/{name}")
            elif self.source is not None:
                # Not even opened: opening is what loading costs.
                sections[movie] = LazySections(self.source, f"{path}/{name}", spike_times, trials)
            else:
                ranges = self.array(h5.open_dataset(group, name), path)
                sections[movie] = SectionedSpikes(ranges, spike_times, trials)
        return make_dict(sections)


def read_texts(texts: Any) -> list[str]:
    """Return a list of texts that was stored as a dataset."""
    return list(texts.tolist()) if isinstance(texts, np.ndarray) else list(texts)


def _word(marks: dict[str, str], name: str) -> str:
    word = marks.get(name, "")
    return "" if word == "plain" else word
