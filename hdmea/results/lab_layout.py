"""Reading result files of the lab's earlier scripts, which state no schema version.

Two layouts are in use there: files that each step wrote into (every value is a dataset, also scalars; text
is bytes; trials are one small dataset each), and saved sessions (with ``pipeline/session_info``).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from h5py import h5d, h5g
from numpy.typing import NDArray

from hdmea.results.decode import Tick, decode_attrs, decode_dataset, read_attrs
from hdmea.results.lazy import LazyArray, LazyDict, LazySource, LazyTrials
from hdmea.results.sectioned import SectionedSpikes
from hdmea.results.session_content import LAB_LAYOUT, SessionContent
from hdmea.results.session_layout import FEATURE_PREFIX, LOAD_STEP
from hdmea.results.tree import TreeReader, make_dict
from hdmea.utils import h5
from hdmea.utils.arrays import AttrArray
from hdmea.utils.exceptions import CheckpointError, ValidationError

__all__ = ["lab_text", "read_lab_session"]

_UNIT_SCALARS = frozenset(
    ("row", "col", "sensor_id", "unit_num", "original_name", "spike_count", "global_id")
)
_METADATA_ARRAYS = ("acquisition_rate", "sample_interval", "dataset_id", "recording_duration_s")
_INFO = ("completed_steps", "warnings", "saved_at", "checkpoint_name", "save_state", "output_dir")
_SECTIONS = "spike_times_sectioned"


def read_lab_session(file: h5.FileID, path: Path, source: LazySource | None, tick: Tick) -> SessionContent:
    """Return the content of a file in one of the lab's earlier layouts.

    Parameters
    ----------
    file, path
        The open file, and where it is.
    source
        Where unread arrays will be read from; None reads everything now.
    tick
        Called with the number of bytes after each array.
    """
    reader = _LabReader(source, tick)
    root = _texts(decode_attrs(*read_attrs(file), arrays=False))
    present = set(h5.link_names(file))
    parts = {
        name: reader.child(file, name, f"/{name}") if name in present else {}
        for name in ("metadata", "stimulus", "pipeline", "source_files")
    }
    units = reader.units(h5.open_group(file, "units"))
    stimulus = _stimulus(parts["stimulus"])
    if reader.trial_time:
        dict.setdefault(stimulus, "trial_time", {})
        for movie, trials in reader.trial_time.items():
            dict.setdefault(stimulus["trial_time"], movie, trials)
    metadata = parts["metadata"]
    _keep_arrays(metadata)
    pipeline = parts["pipeline"]
    info = {**pipeline, **pipeline.get("session_info", {})}
    steps = _text_list(info.get("completed_steps"))
    if not steps and (root.get("stage1_completed") or pipeline.get("stage1_completed")):
        steps = [LOAD_STEP]
    return SessionContent(
        dataset_id=lab_text(root.get("dataset_id")) or _first_text(metadata.get("dataset_id")) or path.stem,
        units=units,
        metadata=metadata,
        stimulus=stimulus,
        source_files=_source_files(root.get("source_files"), parts["source_files"]),
        completed_steps=steps,
        warnings=_text_list(info.get("warnings")),
        save_state=lab_text(info.get("save_state")) or "saved",
        checkpoint_name=lab_text(info.get("checkpoint_name")) or None,
        output_dir=lab_text(info.get("output_dir")) or "",
        created_at=lab_text(root.get("created_at")) or "",
        updated_at=lab_text(root.get("updated_at")) or lab_text(info.get("saved_at")) or "",
        extra={key: value for key, value in info.items() if key not in (*_INFO, "session_info")},
        schema_version=0,
        layout=LAB_LAYOUT,
        read_only=True,
    )


def lab_text(value: Any) -> str | None:
    """Return text that may be bytes, or an array of one, as text; None for anything else."""
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.reshape(-1)[0]
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value) if isinstance(value, str) else None


class LabTrials(LazyTrials):
    """Trials of one unit and movie that are still in a file of the lab's layout.

    Parameters
    ----------
    source, path
        Where the movie's group is.
    spike_times
        The unit's spike times, unread or as array.
    """

    __slots__ = ("spike_times",)

    def __init__(self, source: LazySource, path: str, spike_times: LazyArray | NDArray[Any]) -> None:
        self.source = source
        self.path = path
        self.spike_times = spike_times

    @property
    def nbytes(self) -> int:
        """Bytes of the index ranges; not known before they are made."""
        return 0

    def read(self) -> Any:
        """Return the trials."""
        with self.source.open_for_reading() as file:
            spikes = self.spike_times.read() if isinstance(self.spike_times, LazyArray) else self.spike_times
            return _read_trials(h5.open_group(file, self.path), spikes)


class _LabReader(TreeReader):
    """Reads groups in which scalars are datasets and text is bytes."""

    def __init__(self, source: LazySource | None, tick: Tick) -> None:
        super().__init__(source, tick)
        self.trial_time: dict[str, Any] = {}

    def group(self, group: h5.GroupID, path: str) -> Any:
        entries = _texts(decode_attrs(*read_attrs(group), arrays=False))
        for name in h5.link_names(group):
            entries[name] = self.child(group, name, f"{path}/{name}")
        return make_dict(entries)

    def array(self, dataset: Any, path: str, *, plain: bool = False) -> Any:
        dtype = dataset.dtype
        if dtype.hasobject or dtype.kind in "SO" or dataset.shape in ((), None):
            return _plain(decode_dataset(dataset, plain=True))
        return super().array(dataset, path, plain=plain)

    def units(self, group: h5.GroupID) -> dict[str, Any]:
        return {
            name: self._unit(h5.open_group(group, name), f"/units/{name}") for name in h5.link_names(group)
        }

    def _unit(self, group: h5.GroupID, path: str) -> dict[str, Any]:
        unit = _texts(decode_attrs(*read_attrs(group), arrays=False))
        names = h5.link_names(group)
        for name in names:
            if name == _SECTIONS:
                continue
            if name == "features":
                unit[name] = self._features(h5.open_group(group, name), f"{path}/{name}")
                continue
            value = self.child(group, name, f"{path}/{name}")
            if name in _UNIT_SCALARS:
                value = _scalar(value.read() if isinstance(value, LazyArray) else value)
            unit[name] = value
        if _SECTIONS in names and "spike_times" in unit:
            sections = h5.open_group(group, _SECTIONS)
            unit[_SECTIONS] = make_dict(
                {
                    movie: self._sections(sections, movie, f"{path}/{_SECTIONS}/{movie}", unit["spike_times"])
                    for movie in h5.link_names(sections)
                }
            )
        return make_dict(unit)

    def _features(self, group: h5.GroupID, path: str) -> dict[str, Any]:
        features = {}
        for name in h5.link_names(group):
            item = h5.open_object(group, name)
            if isinstance(item, h5g.GroupID):
                known, feature = self._feature(name, item, f"{path}/{name}")
            else:
                known, feature = name, {"data": self.array(item, f"{path}/{name}"), "metadata": {}}
            features[known] = make_dict(feature)
        return make_dict(features)

    def _feature(self, name: str, group: h5.GroupID, path: str) -> tuple[str, dict[str, Any]]:
        """Return name and entry of one feature; ``<movie>/sta`` becomes ``sta_<movie>``."""
        entry = self.group(group, path)
        attrs = {key: value for key, value in dict.items(entry) if not _is_data(value)}
        metadata = {key.removeprefix(FEATURE_PREFIX): value for key, value in attrs.items()}
        rest = {key: value for key, value in dict.items(entry) if key not in attrs}
        is_sta = name != "sta" and isinstance(rest.get("sta"), (np.ndarray, LazyArray))
        array_name = "sta" if is_sta else "data"
        if array_name not in rest:
            outputs = {key: value for key, value in attrs.items() if not key.startswith(FEATURE_PREFIX)}
            metadata = {key: value for key, value in metadata.items() if key not in outputs}
            return name, {"data": make_dict({**outputs, **rest}), "metadata": metadata}
        data = rest.pop(array_name)
        dataset = h5.open_object(group, array_name)
        if isinstance(dataset, h5d.DatasetID):
            metadata.update(_texts(decode_attrs(*read_attrs(dataset), arrays=True)))
            data = self.array(dataset, f"{path}/{array_name}", plain=True)
        groups = {key: rest.pop(key) for key in list(rest) if isinstance(rest[key], dict)}
        metadata.update(rest)
        known = f"sta_{name}" if is_sta else name
        return known, {"data": data, "metadata": make_dict(metadata), **groups}

    def _sections(self, group: h5.GroupID, movie: str, path: str, spike_times: Any) -> Any:
        item = h5.open_object(group, movie)
        if not isinstance(item, h5g.GroupID):
            return self.array(item, path)
        if movie not in self.trial_time and h5.has_link(item, "trials_start_end"):
            self.trial_time[movie] = _trial_time(item)
        if self.source is not None:
            return LabTrials(self.source, path, spike_times)
        self.tick(500)
        return _read_trials(item, spike_times)


def _is_data(value: Any) -> bool:
    return isinstance(value, (np.ndarray, LazyArray, dict))


def _plain(value: Any) -> Any:
    """Return a scalar or text read from a dataset as what a session holds."""
    if not isinstance(value, np.ndarray):
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    if value.ndim == 0:
        return _plain(value.item())
    if value.dtype.kind in "SO":
        texts = np.empty(value.shape, dtype=object)
        texts.reshape(-1)[:] = [
            lab_text(item) if isinstance(item, bytes) else item for item in value.reshape(-1)
        ]
        return texts
    return value


def _texts(attrs: dict[str, Any]) -> dict[str, Any]:
    """Return attributes with text instead of bytes."""
    plain = {}
    for name, value in attrs.items():
        plain[name] = lab_text(value) if isinstance(value, bytes) else value
        if isinstance(value, np.ndarray) and value.dtype.kind == "S":
            plain[name] = [lab_text(item) for item in value.reshape(-1)]
    return plain


def _scalar(value: Any) -> Any:
    """Return a number or text that may be an array of one."""
    if isinstance(value, np.ndarray) and value.size == 1:
        item = value.reshape(-1)[0]
        return item.item() if isinstance(item, np.generic) else item
    return value


def _keep_arrays(metadata: dict[str, Any]) -> None:
    """Make one-element arrays of those metadata that the file format states as such."""
    for name in _METADATA_ARRAYS:
        value = dict.get(metadata, name)
        if isinstance(value, str):
            metadata[name] = np.array([value], dtype=object)
        elif isinstance(value, (int, float)):
            metadata[name] = np.array([value], dtype=np.float64)


def _stimulus(stimulus: dict[str, Any]) -> dict[str, Any]:
    """Return the stimulus with ``frame_time`` under its present name."""
    raw = dict(dict.items(stimulus))
    if "frame_time" in raw and "frame_times" not in raw:
        raw["frame_times"] = raw.pop("frame_time")
    return LazyDict(raw) if isinstance(stimulus, LazyDict) else raw


def _source_files(text: Any, group: Any) -> dict[str, Any]:
    """Return the source files: JSON text in older files, a group in others."""
    if isinstance(text, str):
        try:
            known = json.loads(text)
        except ValueError as error:
            raise CheckpointError(f"the attribute source_files is no JSON text: {error}") from error
        if isinstance(known, dict):
            return {**known, **group}
    return dict(group)


def _text_list(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value] if value else []
    items = value.reshape(-1).tolist() if isinstance(value, np.ndarray) else value or []
    return [text for item in items if (text := lab_text(item)) is not None]


def _first_text(value: Any) -> str | None:
    return lab_text(value) if isinstance(value, (str, bytes, np.ndarray, list)) else None


def _section_attrs(group: h5.GroupID) -> dict[str, Any]:
    """Return the attributes of a movie's sections, which have a group of their own in some files."""
    attrs = _texts(decode_attrs(*read_attrs(group), arrays=True))
    if h5.has_link(group, "_attrs"):
        own = h5.open_group(group, "_attrs")
        attrs.update(_texts(decode_attrs(*read_attrs(own), arrays=True)))
        attrs.update({name: _plain(_dataset(own, name)) for name in h5.link_names(own)})
    return attrs


def _trial_time(group: h5.GroupID) -> NDArray[Any]:
    return AttrArray(_start_end(group), _section_attrs(group))


def _start_end(group: h5.GroupID) -> NDArray[np.int64]:
    return np.asarray(_dataset(group, "trials_start_end")).astype(np.int64).reshape(-1, 2)


def _dataset(group: h5.GroupID, name: str) -> Any:
    return decode_dataset(h5.open_dataset(group, name), plain=True)


def _read_trials(group: h5.GroupID, spike_times: NDArray[Any]) -> Any:
    """Return the trials as views of `spike_times`; as they are if they are something else."""
    below = h5.open_group(group, "trials_spike_times")
    trials = {int(name): _dataset(below, name) for name in sorted(h5.link_names(below), key=int)}
    start_end = _start_end(group)
    ranges = np.zeros((len(trials), 2), dtype=np.int64)
    fits = len(trials) == len(start_end) and list(trials) == list(range(len(trials)))
    for index, spikes in enumerate(trials.values()):
        first = int(np.searchsorted(spike_times, spikes[0])) if len(spikes) else 0
        ranges[index] = first, first + len(spikes)
        fits = fits and np.array_equal(spike_times[first : first + len(spikes)], spikes)
    if fits:
        try:
            return SectionedSpikes(ranges, spike_times, start_end)
        except ValidationError:
            fits = False
    return {
        "full_spike_times": _dataset(group, "full_spike_times"),
        "trials_spike_times": trials,
        "trials_start_end": start_end,
    }
