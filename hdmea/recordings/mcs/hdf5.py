"""Reading HDF5 as the CMOS-MEA5000 writes it: attributes, tables, links, and errors people can act on.

Source files are opened read-only and without a lock: recordings are on network drives, are in use
by the vendor's software at the same time, and must never change.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import h5py
import numpy as np
import numpy.typing as npt

from hdmea.recordings.mcs import vocabulary as mcs
from hdmea.utils import h5
from hdmea.utils.exceptions import DataLoadError, HDMEAError, MissingFileError, NotEnoughMemoryError
from hdmea.utils.fixes import Advice, Fix
from hdmea.utils.giving_way import giving_way
from hdmea.utils.notices import detail_of, fix_of

__all__ = [
    "COPY_AGAIN",
    "Table",
    "attribute",
    "attributes",
    "check_backed",
    "check_generation",
    "children",
    "find_child",
    "is_kind",
    "is_table",
    "linked_recording",
    "missing_filters",
    "name_key",
    "needs_filters",
    "open_source",
    "plain",
    "positive",
    "read_whole",
    "reading",
    "trailing_numbers",
    "why_not_backed",
]

Node: TypeAlias = "h5py.Group | h5py.Dataset"


COPY_AGAIN = Advice("Copy the file again from where it was recorded, and compare the sizes.")
_CHOOSE = Advice("Choose a .cmcr or .cmtr file, or a Phy folder.")
_FOREIGN = (OSError, RuntimeError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
"""What h5py and numpy raise when the bytes of a file make no sense."""


@contextmanager
def reading(path: Path, what: str, dataset: h5py.Dataset | None = None) -> Iterator[None]:
    """Turn low-level read errors inside the block into a `DataLoadError` that names the file.

    Parameters
    ----------
    path
        File that is read.
    what
        What is being read, as it completes "cannot read ...".
    dataset
        The dataset that is read, if it is one: the error then tells a missing HDF5 filter from damage.
    """
    try:
        yield
    except HDMEAError:
        raise
    except MemoryError as error:
        raise NotEnoughMemoryError(
            f"{path}: there is not enough memory for {what} ({error}).",
            path=path,
            fix=Advice("Close other programs, or use a computer with more memory."),
        ) from error
    except _FOREIGN as error:
        lacking = missing_filters(dataset) if dataset is not None else ()
        if lacking:
            text = f"{path}: cannot read {what}: {needs_filters(lacking)}"
            raise DataLoadError(
                text, path, error, fix=Advice("Install the filters, or store the file again without them.")
            ) from error
        raise DataLoadError(
            f"{path}: cannot read {what}: the file is damaged or not copied completely{detail_of(error)}.",
            path,
            error,
            fix=COPY_AGAIN,
        ) from error


def read_whole(dataset: h5py.Dataset) -> Any:
    """Return all that is in a dataset.

    Raises
    ------
    DataLoadError
        If it declares more than its file can contain, or a chunk of it is longer than it may be.
    """
    check_backed(dataset)
    return dataset[()]


def check_backed(dataset: h5py.Dataset) -> None:
    """Refuse a dataset that declares more than its file can contain, before anything is allocated.

    Raises
    ------
    DataLoadError
        If it does, a chunk of it is longer than it may be, or its numbers are in another file.
    """
    _check_here(dataset)
    # What is packed with a filter that is not there is not damaged: reading it says what is missing.
    why = "" if missing_filters(dataset) else why_not_backed(dataset)
    if why:
        path = Path(dataset.file.filename)
        raise DataLoadError(f"{path}: {dataset.name} is damaged: {why}.", path, fix=COPY_AGAIN)


def why_not_backed(dataset: h5py.Dataset, *, unpack: bool = True) -> str:
    """Return why what a dataset declares cannot be in its file, empty if it can; see `hdmea.utils.h5`."""
    if not dataset.nbytes:
        return ""
    size = Path(dataset.file.filename).stat().st_size
    return h5.why_not_backed(dataset.id, int(dataset.nbytes), size, unpack=unpack)


def missing_filters(dataset: h5py.Dataset) -> tuple[int, ...]:
    """Numbers of the HDF5 filters that a dataset is packed with and that this program does not have."""
    creation = dataset.id.get_create_plist()
    numbers = [int(creation.get_filter(index)[0]) for index in range(creation.get_nfilters())]
    return tuple(number for number in numbers if not h5py.h5z.filter_avail(number))


def needs_filters(numbers: Sequence[int]) -> str:
    """Return which HDF5 filters are missing and what to do, as it follows a colon."""
    named = ", ".join(map(str, numbers))
    return (
        f"the data are compressed with HDF5 filter {named}, which is not installed; the file is not damaged. "
        f"Reading it needs the plugin {named}: install it (most come with the Python package hdf5plugin) and "
        "set HDF5_PLUGIN_PATH to its folder, or save the file without that compression."
    )


@contextmanager
def open_source(path: Path) -> Iterator[h5py.File]:
    """Open a vendor file for reading only, without locking it.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    DataLoadError
        If it is a folder, cannot be opened, is truncated or is not an HDF5 file.
    """
    handle = _open(path)
    try:
        yield handle
    finally:
        handle.close()


def _open(path: Path) -> h5py.File:
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise DataLoadError(
                f"{path} is a folder.",
                path,
                fix=Advice("Choose the .cmcr or .cmtr file in it, or a Phy folder."),
            )
        if not stat.S_ISREG(mode):
            # A named pipe would be waited for until someone writes to it.
            raise DataLoadError(f"{path} is not a regular file.", path, fix=_CHOOSE)
        return h5py.File(h5.open_file(path))
    except ValueError as error:
        raise DataLoadError(
            f"{str(path)!r} cannot be the name of a file.", path, error, fix=_CHOOSE
        ) from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingFileError(
            f"{path} does not exist.",
            path=path,
            fix=Advice("Check the path, and that the drive is connected."),
        ) from error
    except PermissionError as error:
        raise DataLoadError(
            f"{path} cannot be read: permission denied.",
            path,
            error,
            fix=Advice("Ask the owner of the file for access."),
        ) from error
    except OSError as error:
        if error.errno is not None:
            raise DataLoadError(
                f"{path} cannot be read{detail_of(error)}.", path, error, fix=fix_of(error)
            ) from error
        why, fix = _why_not_opened(path, error)
        raise DataLoadError(f"{path} {why}.", path, error, fix=fix) from error


def _why_not_opened(path: Path, error: OSError) -> tuple[str, Fix]:
    copy = Advice("Copy the file again from where it was recorded.")
    return {
        "empty": ("is empty (0 bytes)", copy),
        "truncated": (
            "is truncated: it is shorter than it states itself. The recording was interrupted, or the copy "
            "was not finished",
            copy,
        ),
        "foreign": (
            "is not an HDF5 file, so it is not a CMOS-MEA recording",
            _CHOOSE,
        ),
        "damaged": (f"cannot be opened as HDF5 and is probably damaged{detail_of(error)}", copy),
    }[h5.why_not_opened(path, error)]


def plain(value: Any) -> Any:
    """Python value of an attribute or table cell: bytes to str, arrays of length 1 to scalars.

    Longer arrays become lists. Texts are UTF-8, else windows-1252; what follows a NUL and the blanks and line
    ends around them are dropped.
    """
    if isinstance(value, np.ndarray):
        return plain(value.reshape(-1)[0]) if value.size == 1 else [plain(item) for item in value]
    if isinstance(value, bytes):
        return _decoded(value)
    if isinstance(value, str):
        # h5py keeps what is not UTF-8 as surrogates.
        return _decoded(value.encode("utf-8", errors="surrogateescape"))
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, h5py.Empty):
        return None
    return value


def _decoded(raw: bytes) -> str:
    raw = raw.split(b"\0", 1)[0]
    try:
        return raw.decode("utf-8").strip()
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace").strip()


def attribute(node: Node, name: str, default: Any = None) -> Any:
    """One attribute as a plain Python value, `default` where it is missing."""
    attrs = node.attrs
    if name in attrs:
        return plain(attrs[name])
    wanted = name_key(name)
    alike = next((key for key in attrs if name_key(key) == wanted), None)
    return default if alike is None else plain(attrs[alike])


def positive(value: Any) -> float:
    """Return a value as a number; 0 where it is none that is finite and positive."""
    value = plain(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 < value < float("inf") else 0.0


def attributes(node: Node) -> dict[str, Any]:
    """All attributes as plain Python values, under the names that the file uses."""
    return {str(plain(key)): plain(node.attrs[key]) for key in node.attrs}


def is_kind(node: Node, guid: str) -> bool:
    """Whether `ID.TypeID` of this object is the given GUID."""
    found = attribute(node, mcs.TYPE_ID)
    return found is not None and str(found).strip("{}").lower() == guid


def is_table(dataset: h5py.Dataset) -> bool:
    """Whether a dataset is compound; asks HDF5 itself, as h5py builds the whole dtype again each time."""
    return bool(dataset.id.get_type().get_class() == h5py.h5t.COMPOUND)


def children(group: h5py.Group) -> dict[str, Node]:
    """Members of a group that are in this very file: links to other files are never followed."""
    found: dict[str, Node] = {}
    for name in giving_way(group):
        node = _member(group, name)
        if node is not None:
            found[str(plain(name))] = node
    return found


def _member(group: h5py.Group, name: str | bytes) -> Node | None:
    """Return a member that is in this very file; None for links, named types and missing ones.

    A dataset whose numbers are in another file is refused.
    """
    # h5py gives names that are not UTF-8 as bytes.
    encoded = name if isinstance(name, bytes) else name.encode()
    if not group.id.links.exists(encoded) or group.id.links.get_info(encoded).type != h5py.h5l.TYPE_HARD:
        return None
    node = group[name]
    if isinstance(node, h5py.Dataset):
        _check_here(node)
        return node
    return node if isinstance(node, h5py.Group) else None


def _check_here(dataset: h5py.Dataset) -> None:
    creation = dataset.id.get_create_plist()
    if creation.get_external_count() or creation.get_layout() == h5py.h5d.VIRTUAL:
        path = Path(dataset.file.filename)
        raise DataLoadError(
            f"{path}: {dataset.name} keeps its numbers in another file, which is not read.",
            path,
            fix=Advice("Choose a file that contains its data."),
        )


def find_child(group: h5py.Group, guid: str, *names: str) -> Node | None:
    """Return the member of this kind; failing that, the first that has one of the names."""
    named = (_member(group, name) for name in names)
    usual = next((node for node in named if node is not None and is_kind(node, guid)), None)
    if usual is not None:
        return usual
    members = children(group)
    for node in members.values():
        if is_kind(node, guid):
            return node
    wanted = [name_key(name) for name in names]
    for name, node in members.items():
        if name_key(name) in wanted:
            return node
    return None


def linked_recording(handle: h5py.Group) -> str | None:
    """File name of the raw recording that the link of a spike-sorted file holds, None without such a link."""
    wanted = name_key("Acquisition")
    for name in handle:
        link = handle.get(name, getlink=True) if name_key(name) == wanted else None
        if isinstance(link, h5py.ExternalLink):
            return str(plain(link.filename))
    return None


def trailing_numbers(name: str) -> tuple[int, ...]:
    """Numbers at the end of an object's name: `SensorData 2 11` gives (2, 11)."""
    match = re.search(r"(?:[\W_]+\d+)+[\W_]*$", name)
    return tuple(int(part) for part in re.findall(r"\d+", match.group())) if match else ()


def check_generation(handle: h5py.File, path: Path) -> None:
    """Refuse what is HDF5 but no CMOS-MEA file of this generation.

    Raises
    ------
    DataLoadError
        For exports of the older generation and for any other HDF5 file.
    """
    if mcs.OLD_PROTOCOL in handle.attrs:
        raise DataLoadError(
            f"{path} was exported by a version before CMOS-MEA-Control 2.0 "
            f"({mcs.OLD_PROTOCOL} = {attribute(handle, mcs.OLD_PROTOCOL)}), which cannot be read.",
            path,
            fix=Advice("Choose a .cmcr or .cmtr file that version 2.0 or later wrote."),
        )
    if is_kind(handle, mcs.FILE_ROOT):
        return
    names = {name_key(name) for name in handle}
    known = {name_key(name) for name in ("Acquisition", *mcs.TOOL_NAMES)}
    if not names & known:
        raise DataLoadError(
            f"{path} is not a file of the CMOS-MEA system: neither its type nor its groups are known.",
            path,
            fix=Advice("Choose a .cmcr (raw) or .cmtr (spike-sorted) file."),
        )


def name_key(name: str | bytes) -> str:
    """Return what names are compared by: their letters and digits alone, without case.

    `Region.Left`, `Region Left`, `region_left` and MATLAB's `Region0x2ELeft` are one name.
    """
    return re.sub(r"0x2e|[\W_]+", "", str(plain(name)).lower())


class Table:
    """A compound dataset read into memory; fields are found by letters and digits, without case.

    Parameters
    ----------
    dataset
        One-dimensional (or scalar) compound dataset; None gives an empty table.
    """

    def __init__(self, dataset: Node | None) -> None:
        if isinstance(dataset, h5py.Dataset) and dataset.dtype.names:
            with reading(Path(dataset.file.filename), f"the table {dataset.name}", dataset):
                self._rows: npt.NDArray[Any] | None = np.atleast_1d(read_whole(dataset))
        else:
            self._rows = None
        self._fields = {name_key(name): name for name in reversed(self.fields)}

    def __len__(self) -> int:
        return 0 if self._rows is None else len(self._rows)

    @property
    def fields(self) -> tuple[str, ...]:
        """Field names as the file spells them."""
        return () if self._rows is None else tuple(self._rows.dtype.names or ())

    def column(self, *names: str) -> npt.NDArray[Any] | None:
        """Values of the first of these fields that exists, None if there is none."""
        for name in names:
            field = self._fields.get(name_key(name))
            if field is not None and self._rows is not None:
                values: npt.NDArray[Any] = self._rows[field]
                return values
        return None

    def value(self, row: int, *names: str) -> Any:
        """Plain value of one cell, None where the field or the row is missing."""
        values = self.column(*names)
        return None if values is None or not 0 <= row < len(values) else plain(values[row])

    def row(self, index: int) -> dict[str, Any]:
        """One row as plain values under the names that the file uses."""
        return {name: self.value(index, name) for name in self.fields}
