"""Axes of electrical images: which of the two is the row in a file of the laboratory's scripts.

They store images as (time, column, row) where the raw recording was stored so, and as (time, row, column)
where it was not; this program always has (time, row, column). One decision is made for each file and kept.
What is turned are the images, their geometry, and maps and coordinates of axon tracking.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdmea.results.content import SessionContent
from hdmea.results.lab.layout import NOTES
from hdmea.results.lab.patches import attrs_patch
from hdmea.results.lab.values import Planned
from hdmea.results.nodes import Dataset
from hdmea.results.reading import Place
from hdmea.results.unread import LazyDict, Source, Unread, UnreadArray
from hdmea.utils.arrays import AttrArray

__all__ = [
    "COLUMN_ROW",
    "IMAGE",
    "ROW_COLUMN",
    "TURNED",
    "_turned_dict",
    "axes_by_units",
    "axes_to_write",
    "turned",
]

IMAGE, _TRACKING = "eimage_sta", "ap_tracking"
TURNED = (IMAGE, _TRACKING)
COLUMN_ROW, ROW_COLUMN = "column,row", "row,column"

_MIN_DISTANCE, _MIN_SNR = 3, 5.0
_ENOUGH_VOTES = 5

_MAPS = frozenset(
    (
        (IMAGE, "data"),
        (IMAGE, "geometry", "diff_map"),
        (_TRACKING, "prediction_sta_data"),
        (_TRACKING, "post_processed_data", "filtered_prediction"),
    )
)
_POINTS = (_TRACKING, "post_processed_data", "axon_centroids")
_PAIRS = (("center_row", "center_col"), ("size_x", "size_y"))
_COORDINATES = (("x", "y"),)
_SWAPPED: dict[tuple[str, ...], tuple[tuple[str, str], ...]] = {
    (IMAGE, "geometry"): _PAIRS,
    (_TRACKING, "refined_soma"): _COORDINATES,
    (_TRACKING, "axon_initial_segment"): _COORDINATES,
}


def axes_by_units(units: Place, images: Iterable[tuple[str, str]]) -> str:
    """Return the axes on which the units' own electrodes agree, empty if no unit tells them.

    Parameters
    ----------
    units
        The group of the units, with attributes ``row`` and ``col``.
    images
        Units with an image, and the path of its dataset below `units`; as many are asked as are needed.
    """
    votes = 0
    for unit, path in images:
        place = units.at(unit)
        own = [_number(place, name) for name in ("row", "col")]
        if None in own or abs(own[0] - own[1]) <= _MIN_DISTANCE:  # type: ignore[operator]
            continue
        image = units.at(path).read()
        if image.ndim != 3 or not image.size or image.dtype.kind != "f":
            continue
        peak = np.abs(image).max(axis=0)
        # The median is 0 where an image was rounded coarsely.
        noise = float(np.median(np.abs(image))) / 0.6745 or float(image.std())
        if not noise or not float(peak.max()) / noise > _MIN_SNR:
            continue
        first, second = np.unravel_index(int(peak.argmax()), peak.shape)
        # Electrodes are counted from 1 and an image may be cut out of the array: their order is what counts.
        direct = abs((int(first) - int(second)) - (own[0] - own[1]))  # type: ignore[operator]
        swapped = abs((int(second) - int(first)) - (own[0] - own[1]))  # type: ignore[operator]
        votes += int(np.sign(swapped - direct))
        if abs(votes) >= _ENOUGH_VOTES:
            break
    return "" if not votes else ROW_COLUMN if votes > 0 else COLUMN_ROW


def _number(place: Place, name: str) -> int | None:
    value = np.asarray(place.attr(name)) if place.has_attr(name) else np.empty(0)
    return int(value.reshape(-1)[0]) if value.size == 1 and value.dtype.kind in "iu" else None


def axes_to_write(content: SessionContent) -> str:
    """Return the axes in which images are written: as they were read, else as the raw recording is stored."""
    notes = content.extra.get(NOTES)
    if isinstance(notes, dict) and notes.get("image_axes") in (COLUMN_ROW, ROW_COLUMN):
        return str(notes["image_axes"])
    found = raw_axes(content)
    return found if found in (COLUMN_ROW, ROW_COLUMN) else COLUMN_ROW


def raw_axes(content: SessionContent) -> str:
    """Return how the raw recording of a session is stored, empty if the session does not know."""
    known: Any = content.metadata.get("sys_meta")
    return str(known.get("axis_order", "")) if isinstance(known, dict) else ""


# -- turning -----------------------------------------------------------------------------------------------


def turned(entry: dict[Any, Any], feature: str, *, to_file: bool) -> dict[Any, Any]:
    """Return a feature with the last two axes of its images swapped, and all that refers to them."""
    return _turned_dict(entry, (feature,), _planned if to_file else _turned_now)


def _turned_dict(values: dict[Any, Any], path: tuple[str, ...], turn: Callable[[Any], Any]) -> dict[Any, Any]:
    """Return a dictionary of a feature turned; dictionaries in it that are unread are left to be so."""
    names = {key: other for pair in _SWAPPED.get(path, ()) for key, other in (pair, pair[::-1])}
    there = dict(dict.items(values))
    swaps = all((key in there) == (other in there) for key, other in names.items())
    found: dict[Any, Any] = LazyDict() if isinstance(values, LazyDict) else {}
    for key in there:
        value = there[names[key]] if swaps and key in names else there[key]
        place = (*path, str(key))
        if place in _MAPS:
            value = turn(value)
        elif place == _POINTS:
            value = value.read() if isinstance(value, Unread) else value
            value = (
                value[:, [0, 2, 1]] if isinstance(value, np.ndarray) and value.shape[1:] == (3,) else value
            )
        elif isinstance(value, dict):
            value = _turned_dict(value, place, turn)
        elif isinstance(value, Unread) and value.gives_dict and _has_turned(place):
            value = _turned_dict(value.read(), place, turn)
        found[key] = value
    return found


def _has_turned(path: tuple[str, ...]) -> bool:
    return any(place[: len(path)] == path for place in (*_MAPS, *_SWAPPED, _POINTS))


def _swap(array: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(np.swapaxes(array, -1, -2))


def _turned_now(value: Any) -> Any:
    if isinstance(value, TurnedArray):
        return value.inner
    if isinstance(value, UnreadArray) and len(value.shape) > 1:
        return TurnedArray(value)
    if isinstance(value, np.ndarray) and value.ndim > 1:
        found = _swap(np.asarray(value))
        return AttrArray(found, value.attrs) if isinstance(value, AttrArray) else found
    return value


def _planned(value: Any) -> Any:
    """Return an array turned, as it is to be written: it is turned when it is written."""
    if isinstance(value, UnreadArray) and len(value.shape) > 1 and value.kind == "array":
        shape = (*value.shape[:-2], value.shape[-1], value.shape[-2])
        return Planned(
            Dataset(shape, value.dtype, lambda: _swap(value.read_plain())), attrs_patch(value.attrs, ())
        )
    if isinstance(value, np.ndarray) and not isinstance(value, AttrArray) and value.ndim > 1:
        return np.swapaxes(value, -1, -2)
    return _turned_now(value)


class TurnedArray(UnreadArray):
    """An unread array whose last two axes are swapped.

    Parameters
    ----------
    inner
        The array as it is in the file.
    """

    __slots__ = ("inner",)

    def __init__(self, inner: UnreadArray) -> None:
        super().__init__(inner.source)
        self.inner = inner

    def __repr__(self) -> str:
        return f"TurnedArray({self.inner!r})"

    @property
    def kind(self) -> str:
        """What it is."""
        return self.inner.kind

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return (*self.inner.shape[:-2], self.inner.shape[-1], self.inner.shape[-2])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the array."""
        return self.inner.dtype

    @property
    def attrs(self) -> dict[str, Any]:
        """Attributes of the array."""
        return self.inner.attrs

    @property
    def place(self) -> str:
        """Path of the dataset."""
        return self.inner.place

    def follow(self, source: Source) -> None:
        """Be read from the same place of another file, which has the same there."""
        self.source = source
        self.inner.follow(source)

    def make(self, file: Any) -> Any:
        """Return the array."""
        return _turned_now(self.inner.make(file))

    def read_plain(self) -> NDArray[Any]:
        """Return the numbers, from memory where they are loaded."""
        return np.asarray(self.loaded) if self.loaded is not None else _swap(self.inner.read_plain())

    def adopt(self, other: Unread) -> None:
        """Be read from where `other` is read from."""
        assert isinstance(other, TurnedArray)
        self.source, self.inner = other.source, other.inner
