"""When a moving bar crosses each pixel of its movie: a table made beforehand, as `.npz` or as a pickle.

The pickle of older scripts is a dictionary ``{(row, column): {"on_peak_location": frames,
"off_peak_location": frames}}``. A pickle can run any code; this reader builds dictionaries, tuples, lists,
numbers and numpy arrays and refuses everything else.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hdmea.utils.exceptions import DataLoadError
from hdmea.utils.fixes import Advice
from hdmea.utils.notices import detail_of
from hdmea.utils.text_files import regular_size

__all__ = ["Crossings", "convert_crossings", "read_crossings"]

Int64Array = npt.NDArray[np.int64]

_ON, _OFF = "on_peak_location", "off_peak_location"
# Names under which numpy pickles arrays and numbers; the modules were renamed in numpy 2.
_ALLOWED = {
    (module, name)
    for package in ("numpy.core", "numpy._core")
    for module, name in (
        (f"{package}.multiarray", "_reconstruct"),
        (f"{package}.multiarray", "scalar"),
        (f"{package}.numeric", "_frombuffer"),
    )
} | {("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")}


@dataclass(frozen=True)
class Crossings:
    """Frames of the movie in which the bar reaches and leaves a pixel.

    Attributes
    ----------
    pixels
        int64 (n, 2): row and column.
    on, off
        int64 (n, n_trials): frames, one for each sweep in the order of showing.
    """

    pixels: Int64Array
    on: Int64Array
    off: Int64Array

    def window(self, row: int, col: int) -> Int64Array | None:
        """Return int64 (n_trials, 2), first and last frame of each sweep at a pixel; None without it."""
        found = np.flatnonzero((self.pixels == (row, col)).all(axis=1))
        if not found.size:
            return None
        both = np.stack((self.on[found[0]], self.off[found[0]]))
        return np.stack((both.min(axis=0), both.max(axis=0)), axis=1)


class _DataOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _ALLOWED:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"it contains {module}.{name}")


def read_crossings(path: str | Path) -> Crossings:
    """Read the table of a movie.

    Parameters
    ----------
    path
        ``.npz`` as `convert_crossings` writes it, otherwise the pickle of older scripts.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    DataLoadError
        If it is something else; nothing in it was executed.
    """
    path = Path(path)
    regular_size(path, "table of crossings", "on_off_dict_path")
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as stored:
                return Crossings(*(stored[name].astype(np.int64) for name in ("pixels", "on", "off")))
        with path.open("rb") as file:
            return _table(_DataOnly(file).load())
    except Exception as error:
        # A damaged pickle raises almost anything.
        raise DataLoadError(
            f"{path} is not a table of crossings{detail_of(error)}. Nothing in it was executed.",
            path,
            error,
            parameter="on_off_dict_path",
            fix=Advice("Choose the file that was made for this movie."),
        ) from error


def convert_crossings(path: str | Path, output_path: str | Path | None = None) -> Path:
    """Write the table of a pickle as ``.npz``, by default beside it; return the new file.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    DataLoadError
        If it is not such a table.
    """
    found = read_crossings(path)
    target = Path(output_path) if output_path is not None else Path(path).with_suffix(".npz")
    np.savez_compressed(target, pixels=found.pixels, on=found.on, off=found.off)
    return target


def _table(found: Any) -> Crossings:
    if not isinstance(found, Mapping) or not found:
        raise ValueError("it is not a dictionary of pixels")
    pixels = np.array(list(found), dtype=np.int64)
    if pixels.ndim != 2 or pixels.shape[1] != 2:
        raise ValueError("its keys are not rows and columns")
    on, off = (np.array([entry[name] for entry in found.values()], np.int64) for name in (_ON, _OFF))
    if on.ndim != 2 or on.shape != off.shape:
        raise ValueError("its pixels do not have equally many sweeps")
    return Crossings(pixels, on, off)
