"""Movies: opened with a clear word on what is wrong with them, and the mean level of their frames.

Levels are kept in a cache by path, size and time of the file, so that a library of movies is read once.
"""

from __future__ import annotations

import contextlib
import hashlib
import tokenize
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hdmea.utils.cache_folder import cache_folder
from hdmea.utils.exceptions import DataLoadError
from hdmea.utils.fixes import Advice
from hdmea.utils.giving_way import give_way_or_stop
from hdmea.utils.notices import detail_of
from hdmea.utils.text_files import regular_size
from hdmea.utils.whole_file import whole_file

__all__ = ["LightSpot", "check_axes", "check_numbers", "movie_levels", "open_movie"]

_BYTES_PER_SLICE = 1 << 25
_MATLAB = (b"MATLAB", b"\x89HDF")
_SAVE = Advice("Save its array with numpy.save (frames, height, width), one entry per display refresh.")
_NUMPY, _ZIP = b"\x93NUMPY", b"PK"

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LightSpot:
    """The disc of the movie that the photodiode sees, in pixels: centre (column, row) and radius."""

    x: float
    y: float
    radius: float


def open_movie(path: str | Path) -> npt.NDArray[Any]:
    """Open a movie without reading it all and without running anything that is in it.

    Returns
    -------
    ndarray
        (frames, height, width), memory-mapped.

    Raises
    ------
    DataLoadError
        If it is not a ``.npy`` array of numbers of three dimensions, one entry per display refresh.
    """
    path = Path(path)
    regular_size(path)
    with path.open("rb") as file:
        start = file.read(16)
    if start.startswith(_MATLAB):
        raise DataLoadError(
            f"{path} is a MATLAB file, not a .npy array.",
            path,
            fix=_SAVE,
        )
    if not start.startswith((_NUMPY, _ZIP)):
        raise DataLoadError(
            f"The movie {path} cannot be read (this is not a .npy file): it must be a .npy array (frames, "
            "height, width).",
            path,
            fix=_SAVE,
        )
    try:
        movie: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (
        ValueError,
        OSError,
        EOFError,
        SyntaxError,
        tokenize.TokenError,
        TypeError,
        OverflowError,
    ) as error:
        raise DataLoadError(
            f"The movie {path} cannot be read: it is damaged or not complete{detail_of(error)}.",
            path,
            error,
            fix=Advice("Save it as a .npy array (frames, height, width)."),
        ) from error
    if not isinstance(movie, np.ndarray) or movie.ndim != 3:
        shape = getattr(movie, "shape", "several arrays in one file")
        raise DataLoadError(
            f"The movie {path} must be a .npy array (frames, height, width), one entry per display refresh; "
            f"this is {shape}.",
            path,
            fix=Advice("Save it in this form; a colour movie needs one file for each channel."),
        )
    if movie.dtype.kind not in "buif":
        raise DataLoadError(
            f"The movie {path} must contain numbers, not {movie.dtype}.",
            path,
            fix=Advice("Save it as an array of numbers."),
        )
    return movie


def check_numbers(movie: npt.NDArray[Any], path: str | Path) -> None:
    """Raise DataLoadError if a movie has values that are not numbers, with where the first one is.

    Parameters
    ----------
    movie
        (frames, height, width); may be memory-mapped, is read in slices.
    path
        Its file, for the message.
    """
    if movie.dtype.kind != "f":
        return
    count, first = 0, -1
    for start, stop in _slices(movie):
        bad = ~np.isfinite(movie[start:stop])
        if bad.any():
            count += int(np.count_nonzero(bad))
            if first < 0:
                first = start + int(np.flatnonzero(bad.any(axis=(1, 2)))[0])
    if count:
        raise DataLoadError(
            f"The movie {path} cannot be used: {count} values are not numbers, first at frame {first}. An "
            "average over them would not be a number either.",
            Path(path),
            fix=Advice("Correct the movie."),
        )


def check_axes(movie: npt.NDArray[Any], length: int, path: str | Path) -> None:
    """Raise DataLoadError if the frames of a movie are not on its first axis.

    Parameters
    ----------
    movie
        Array of three dimensions.
    length
        Stated number of frames; one more or less is the same movie.
    path
        Its file, for the message.
    """
    fits = [abs(size - length) <= 1 for size in movie.shape]
    if fits[0] or not any(fits):
        return
    axis = fits.index(True)
    raise DataLoadError(
        f"The movie {path} has the shape {movie.shape}: its {movie.shape[axis]} frames are on axis {axis}, "
        f"and must be on the first one.",
        Path(path),
        fix=Advice(f"Save it again as numpy.moveaxis(movie, {axis}, 0)."),
    )


def movie_levels(path: str | Path, spot: LightSpot | None = None) -> FloatArray:
    """Return the mean level of each frame of a movie as a part of the full scale of its numbers.

    Parameters
    ----------
    path
        The ``.npy`` file.
    spot
        What the photodiode sees; None: the full field.

    Returns
    -------
    ndarray
        float64 (frames,): 0 to 1 for unsigned integers and for floating point from 0 to 1 or 255.

    Raises
    ------
    DataLoadError
        If the movie cannot be used.
    """
    path = Path(path).absolute()
    stat = path.stat()
    return _levels(str(path), stat.st_size, stat.st_mtime_ns, spot)


@lru_cache(maxsize=512)
def _levels(path: str, size: int, mtime_ns: int, spot: LightSpot | None) -> FloatArray:
    # Integer movies below one slice are read faster than a file of the cache is found.
    key = hashlib.sha256(repr((path, size, mtime_ns, spot)).encode()).hexdigest()[:32]
    stored = cache_folder("movie_levels") / f"{key}.npy" if size > _BYTES_PER_SLICE else None
    if stored is not None and stored.is_file():
        with contextlib.suppress(OSError, ValueError, EOFError):
            kept: FloatArray = np.load(stored, allow_pickle=False)
            return kept
    levels = _measure(Path(path), spot)
    levels.setflags(write=False)
    if stored is not None:
        # Without a folder to write to there is no cache: the next session reads the movie again.
        with contextlib.suppress(OSError):
            with whole_file(stored) as file:
                np.save(file, levels)
    return levels


def _measure(path: Path, spot: LightSpot | None) -> FloatArray:
    movie = open_movie(path)
    check_numbers(movie, path)
    levels = np.empty(len(movie), dtype=np.float64)
    seen = None if spot is None else _disc(movie.shape[1:], spot)
    for start, stop in _slices(movie):
        give_way_or_stop(f"reading {path.name}")
        frames = movie[start:stop].reshape(stop - start, -1)
        levels[start:stop] = (frames if seen is None else frames[:, seen]).mean(axis=1, dtype=np.float64)
    return levels / _full_scale(movie)


def _slices(movie: npt.NDArray[Any]) -> list[tuple[int, int]]:
    per_frame = max(int(np.prod(movie.shape[1:])) * movie.dtype.itemsize, 1)
    step = max(_BYTES_PER_SLICE // per_frame, 1)
    return [(start, min(start + step, len(movie))) for start in range(0, len(movie), step)]


def _disc(shape: tuple[int, ...], spot: LightSpot) -> npt.NDArray[np.int64]:
    """Return the flat indices of the pixels of a disc; the nearest pixel if it is smaller than one."""
    rows, columns = np.indices(shape)
    away = np.hypot(columns - spot.x, rows - spot.y).ravel()
    inside = np.flatnonzero(away <= spot.radius)
    return inside if inside.size else np.array([int(np.argmin(away))])


def _full_scale(movie: npt.NDArray[Any]) -> float:
    if movie.dtype.kind == "b":
        return 1.0
    if movie.dtype.kind in "ui":
        return float(np.iinfo(movie.dtype).max) - float(np.iinfo(movie.dtype).min)
    largest = max((float(np.abs(movie[a:b]).max(initial=0)) for a, b in _slices(movie)), default=0.0)
    return 1.0 if largest <= 1.0 else max(largest, 255.0)
