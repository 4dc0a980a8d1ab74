"""What kind of file a path is: a result file, of which version, or none."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hdmea.results.decode import read_attrs
from hdmea.results.session_content import LAB_LAYOUT, SCHEMA_VERSION
from hdmea.utils import h5
from hdmea.utils.exceptions import CheckpointError

__all__ = ["FileKind", "identify", "open_result"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FileKind:
    """Layout and version of a result file.

    Attributes
    ----------
    layout
        ``"current"`` or ``"lab"``.
    schema_version
        Version of the file format, 0 for the lab's earlier files.
    read_only
        Whether the file must not be rewritten.
    """

    layout: str
    schema_version: int
    read_only: bool


@contextlib.contextmanager
def open_result(path: Path) -> Iterator[h5.FileID]:
    """Open a file for reading.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CheckpointError
        If it is no HDF5 file, or was cut off.
    PermissionError
        If it may not be read.
    """
    if not path.exists():
        raise FileNotFoundError(f"There is no file {path}.")
    if path.is_dir():
        raise CheckpointError(f"{path} is a folder. Choose a result file (.h5) in it.")
    try:
        file = h5.open_file(path)
    except PermissionError as error:
        raise PermissionError(
            f"{path} may not be read with your account. Ask its owner for access, or copy it."
        ) from error
    except OSError as error:
        raise CheckpointError(f"{path} {_why_not_opened(path, error)}") from error
    try:
        yield file
    finally:
        file.close()


def identify(file: h5.FileID, path: Path) -> FileKind:
    """Return what an open file is.

    Raises
    ------
    CheckpointError
        If it is no session file, or needs a newer version of this program.
    """
    attrs, _ = read_attrs(file)
    links = h5.link_names(file)
    if "units" not in links:
        raise CheckpointError(
            f"{path} is an HDF5 file, but no result file: it has no units. "
            f"Choose a file that this program saved."
        )
    if "schema_version" not in attrs:
        return FileKind(LAB_LAYOUT, 0, read_only=True)
    version = _number(attrs["schema_version"])
    if version is None or not isinstance(attrs.get("dataset_id"), (str, np.ndarray)):
        raise CheckpointError(f"{path} is damaged: it does not say which recording it holds.")
    if version <= SCHEMA_VERSION:
        return FileKind("current", version, read_only=False)
    least = _number(attrs.get("min_schema_version"))
    if least is not None and least > SCHEMA_VERSION:
        raise CheckpointError(
            f"{path} was written by a newer version (file format {version}, this program reads up to "
            f"{SCHEMA_VERSION}). Update this program to open it."
        )
    logger.warning(
        "%s was written by a newer version (file format %d): it is opened read-only.", path, version
    )
    return FileKind("current", version, read_only=True)


def _why_not_opened(path: Path, error: OSError) -> str:
    said = {
        "empty": "is empty (0 bytes)",
        "foreign": "is no result file: what is in it is not HDF5",
        "truncated": "is incomplete: it is shorter than it says itself",
        "damaged": f"is no result file, or is damaged ({error})",
    }[h5.why_not_opened(path, error)]
    return f"{said}. Choose a file that this program saved; if it was copied, copy it again."


def _number(value: Any) -> int | None:
    array = np.asarray(value)
    return int(array.reshape(-1)[0]) if array.dtype.kind in "iu" and array.size == 1 else None
