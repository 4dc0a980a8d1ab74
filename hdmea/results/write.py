"""Writing a plan into an open HDF5 file."""

from __future__ import annotations

import contextlib
import functools
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5g, h5o, h5p, h5s, h5t, h5z
from numpy.typing import NDArray

from hdmea.results.array_types import native_type, text_type
from hdmea.results.decode import SLICE_NBYTES, Tick, slabs
from hdmea.results.lazy import LazyArray, LazySource
from hdmea.results.plan import ArrayPlan, GroupPlan, Node
from hdmea.results.values import Stored
from hdmea.utils import h5
from hdmea.utils.exceptions import ValidationError

__all__ = ["COMPRESSIONS", "TreeWriter"]

COMPRESSIONS = (None, "lzf", "gzip")
_CHUNK_NBYTES = 1 << 20
_MIN_COMPRESSED_NBYTES = 64 << 10
_OBJECT_NBYTES = 500
_TEXT = h5py.string_dtype()


class TreeWriter:
    """Writes plans below groups of one file.

    Parameters
    ----------
    tick
        Called with the number of bytes after each object and slice; may raise to stop.
    compression
        One of `COMPRESSIONS`; applied to arrays of 64 kB and more.
    """

    def __init__(self, tick: Tick, compression: str | None = None) -> None:
        if compression not in COMPRESSIONS:
            raise ValidationError(f"compression {compression!r} is not known; choose None, 'lzf' or 'gzip'.")
        self._tick = tick
        self._compression = compression
        self._sources: dict[LazySource, Any] = {}
        self._open = contextlib.ExitStack()

    def __enter__(self) -> TreeWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._sources.clear()
        self._open.close()

    def fill(self, group: h5.GroupID, plan: GroupPlan) -> None:
        """Write attributes and children of `plan` into an existing, empty group."""
        self.write_attrs(group, plan)
        for name, child in plan.children.items():
            self.create(group, name, child)

    def create(self, parent: h5.GroupID, name: str, plan: GroupPlan | ArrayPlan) -> None:
        """Create the group or dataset `name` below `parent`."""
        if isinstance(plan, GroupPlan):
            self._tick(_OBJECT_NBYTES)
            self.fill(h5g.create(parent, name.encode(), None, _group_creation()), plan)
        elif isinstance(plan.data, LazyArray):
            self._copy(parent, name, plan, plan.data)
        else:
            dataset = self._create_dataset(parent, name, plan)
            self.write_attrs(dataset, plan)

    def write_attrs(self, parent: Any, plan: Node) -> None:
        """Write the attributes of `plan`, which must not be there yet."""
        for name, stored in plan.all_attrs().items():
            _write_attr(parent, name.encode(), stored, plan.marks.get(name, ""))

    def replace_attr(self, parent: Any, name: str, plan: Node) -> None:
        """Bring one attribute up to date; one that is not in `plan` is removed."""
        stored = name.encode()
        if h5a.exists(parent, stored):
            h5a.delete(parent, stored)
        attrs = plan.all_attrs()
        if name in attrs:
            _write_attr(parent, stored, attrs[name], plan.marks.get(name, ""))

    def _create_dataset(self, parent: h5.GroupID, name: str, plan: ArrayPlan) -> Any:
        data = plan.data
        if isinstance(data, (str, tuple)) or (isinstance(data, np.ndarray) and data.dtype.hasobject):
            texts = np.array(list(data) if isinstance(data, tuple) else data, dtype=_TEXT)
            dataset = h5d.create(parent, name.encode(), _text_kind(), _space(texts.shape), _text_creation())
            if texts.size:
                dataset.write(h5s.ALL, h5s.ALL, texts, _text_in_memory())
            self._tick(16 * texts.size + _OBJECT_NBYTES)
            return dataset
        assert isinstance(data, np.ndarray)
        kind = _kind(data, plan.marks.get(".", ""))
        dataset = h5d.create(parent, name.encode(), kind, _space(data.shape), self._creation(data))
        if data.size:
            self._write_array(dataset, kind, data)
        self._tick(_OBJECT_NBYTES)
        return dataset

    def _write_array(self, dataset: Any, kind: Any, data: NDArray[Any]) -> None:
        if data.nbytes <= SLICE_NBYTES:
            dataset.write(h5s.ALL, h5s.ALL, _in_order(data), kind)
            self._tick(data.nbytes)
            return
        space = dataset.get_space()
        for start, count in slabs(data.shape, data.dtype.itemsize):
            part = data[tuple(slice(first, first + n) for first, n in zip(start, count, strict=True))]
            part = _in_order(part)
            space.select_hyperslab(start, count)
            dataset.write(h5s.create_simple(count), space, part, kind)
            self._tick(part.nbytes)

    def _creation(self, data: NDArray[Any]) -> Any:
        if self._compression is None or data.ndim == 0 or data.nbytes < _MIN_COMPRESSED_NBYTES:
            return _dataset_creation()
        creation = _dataset_creation().copy()
        _, chunk = next(slabs(data.shape, data.dtype.itemsize, _CHUNK_NBYTES))
        creation.set_chunk(chunk)
        creation.set_shuffle()
        if self._compression == "gzip":
            creation.set_deflate(1)
        else:
            creation.set_filter(h5z.FILTER_LZF, h5z.FLAG_OPTIONAL)
        return creation

    def _copy(self, parent: h5.GroupID, name: str, plan: ArrayPlan, lazy: LazyArray) -> None:
        """Copy an unread array from file to file, never all of it at once in memory."""
        source = self._source(lazy.source)
        if lazy.nbytes <= SLICE_NBYTES and not self._compression:
            options = _copy_all() if plan.keep_attrs else _copy_without_attrs()
            h5o.copy(source, lazy.path.encode(), parent, name.encode(), options)
            self._tick(lazy.nbytes + _OBJECT_NBYTES)
            if not plan.keep_attrs:
                self.write_attrs(h5.open_dataset(parent, name), plan)
            return
        original = h5.open_dataset(source, lazy.path)
        kind, space, shape = original.get_type(), original.get_space(), original.shape
        creation = (
            self._creation(np.broadcast_to(np.empty((), original.dtype), shape))
            if self._compression
            else original.get_create_plist()
        )
        dataset = h5d.create(parent, name.encode(), kind, _space(shape), creation)
        for start, count in slabs(shape, kind.get_size()) if shape else [((), ())]:
            part = np.empty(count, dtype=original.dtype)
            memory = h5s.create_simple(count) if count else h5s.ALL
            if count:
                space.select_hyperslab(start, count)
            selection = space if count else h5s.ALL
            original.read(memory, selection, part, kind)
            dataset.write(memory, selection, part, kind)
            self._tick(part.nbytes)
        if plan.keep_attrs:
            _copy_attrs(original, dataset)
        else:
            self.write_attrs(dataset, plan)

    def _source(self, source: LazySource) -> Any:
        if source not in self._sources:
            self._sources[source] = self._open.enter_context(source.open_for_reading())
        return self._sources[source]


def _write_attr(parent: Any, name: bytes, stored: Stored, mark: str) -> None:
    if stored is None:
        h5a.create(parent, name, h5t.STD_I8LE, h5s.create(h5s.NULL))
        return
    if isinstance(stored, np.ndarray):
        kind = _kind(stored, mark.rpartition(":")[2])
        attr = h5a.create(parent, name, kind, _space(stored.shape))
        if stored.size:
            attr.write(_in_order(stored), mtype=kind)
        return
    texts = np.array(list(stored) if isinstance(stored, tuple) else stored, dtype=_TEXT)
    attr = h5a.create(parent, name, _text_kind(), _space(texts.shape))
    if texts.size:
        attr.write(texts, mtype=_text_in_memory())


def _copy_attrs(original: Any, copy: Any) -> None:
    for index in range(h5a.get_num_attrs(original)):
        attr = h5a.open(original, index=index)
        kind = attr.get_type()
        twin = h5a.create(copy, attr.name, kind, attr.get_space())
        if attr.get_space().get_simple_extent_type() == h5s.NULL:
            continue
        value = np.empty(attr.shape, dtype=attr.dtype)
        if value.size:
            memory_type = None if value.dtype.hasobject else kind
            attr.read(value, mtype=memory_type)
            twin.write(value, mtype=memory_type)


def _in_order(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array in C order, which HDF5 wants; itself if it is."""
    flags = array.flags
    return array if flags.c_contiguous and flags.aligned else np.require(array, requirements=["C", "A"])


def _kind(array: NDArray[Any], mark: str) -> Any:
    if mark[1:2] == "U" and array.dtype.kind == "S":
        return text_type(array.dtype.itemsize)
    return native_type(array.dtype)


@functools.lru_cache(maxsize=1024)
def _space(shape: tuple[int, ...]) -> Any:
    return h5s.create_simple(shape) if shape else h5s.create(h5s.SCALAR)


@functools.cache
def _text_kind() -> Any:
    return h5t.py_create(_TEXT, logical=True)


@functools.cache
def _text_in_memory() -> Any:
    return h5t.py_create(_TEXT)


@functools.cache
def _group_creation() -> Any:
    creation = h5p.create(h5p.GROUP_CREATE)
    creation.set_link_creation_order(h5p.CRT_ORDER_TRACKED)
    creation.set_attr_phase_change(64, 32)
    return creation


@functools.cache
def _text_creation() -> Any:
    creation = h5p.create(h5p.DATASET_CREATE)
    creation.set_obj_track_times(False)
    creation.set_attr_phase_change(64, 32)
    return creation


@functools.cache
def _dataset_creation() -> Any:
    creation = _text_creation().copy()
    creation.set_fill_time(h5d.FILL_TIME_NEVER)
    return creation


@functools.cache
def _copy_all() -> Any:
    return h5p.create(h5p.OBJECT_COPY)


@functools.cache
def _copy_without_attrs() -> Any:
    options = h5p.create(h5p.OBJECT_COPY)
    options.set_copy_object(h5o.COPY_WITHOUT_ATTR_FLAG)
    return options
