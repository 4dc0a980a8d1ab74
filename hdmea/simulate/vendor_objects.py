"""Groups, datasets and tables with the attributes that every object of a vendor file carries."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from hdmea.recordings.mcs import vocabulary as names

__all__ = ["TEXT", "VendorFile"]

TEXT: Final = "text"
"""Type of a table's column that contains texts."""

_DATE = "15.01.2025 10:30:00"


@dataclass(frozen=True)
class VendorFile:
    """An open `.cmcr` or `.cmtr` file that is being written.

    Parameters
    ----------
    file
        The file, open for writing.
    seed
        Decides the instance GUIDs.
    fixed_strings
        Texts in tables have fixed length.
    compressed
        Compress large datasets.
    """

    file: h5py.File
    seed: int
    fixed_strings: bool
    compressed: bool

    def write_root(self, name: str, program: tuple[str, str], version: int, duration_us: int | None) -> None:
        """Write the attributes of the file itself."""
        self._identify(self.file, name, "McsData", names.FILE_ROOT)
        self.text(self.file, "DateTime", _DATE)
        self.text(self.file, "ProgramName", program[0])
        self.text(self.file, "ProgramVersion", program[1])
        self.number(self.file, "FileVersion", version)
        if duration_us is not None:
            self.number(self.file, names.RECORDING_DURATION, duration_us, "<i8")

    def text(self, owner: h5py.HLObject, name: str, value: str) -> None:
        """Write a text attribute of fixed length that ends in NUL."""
        owner.attrs.create(name, np.bytes_(value.encode()), dtype=f"S{len(value.encode()) + 1}")

    def number(self, owner: h5py.HLObject, name: str, value: float, dtype: str = "<i4") -> None:
        """Write a numeric attribute: an array of length 1."""
        owner.attrs.create(name, np.array([value], dtype))

    def interval(self, owner: h5py.HLObject, start_us: int, stop_us: int) -> None:
        """Write the time that an object covers, in µs."""
        self.number(owner, "From", start_us, "<i8")
        self.number(owner, "To", stop_us, "<i8")

    def group(
        self, parent: h5py.Group, name: str, kind: str, type_id: str, subtype: str | None = None
    ) -> h5py.Group:
        """Add a group."""
        group = parent.create_group(name)
        self._identify(group, name, kind, type_id)
        if subtype is not None:
            self.text(group, "SubType", subtype)
        return group

    def array(
        self, parent: h5py.Group, name: str, kind: str, type_id: str, data: NDArray[Any]
    ) -> h5py.Dataset:
        """Add a small dataset."""
        dataset = parent.create_dataset(name, data=data)
        self._identify(dataset, name, kind, type_id)
        return dataset

    def big_array(
        self,
        parent: h5py.Group,
        name: str,
        kind: str,
        type_id: str,
        *,
        shape: tuple[int, ...],
        dtype: Any,
        chunks: tuple[int, ...],
        compressed: bool | None = None,
    ) -> h5py.Dataset:
        """Add a dataset that is filled piece by piece; what is not written is zero."""
        pack = self.compressed if compressed is None else compressed
        options: dict[str, Any] = (
            {"compression": "gzip", "compression_opts": 1, "shuffle": True} if pack else {}
        )
        inside = tuple(max(1, min(edge, size)) for edge, size in zip(chunks, shape, strict=True))
        layout = inside if all(shape) else None
        if layout is None:
            options = {}
        dataset = parent.create_dataset(name, shape, dtype, chunks=layout, **options)
        self._identify(dataset, name, kind, type_id)
        return dataset

    def table(
        self,
        parent: h5py.Group,
        name: str,
        kind: str,
        type_id: str,
        columns: Mapping[str, tuple[str, Any]],
    ) -> h5py.Dataset:
        """Add a compound dataset.

        Parameters
        ----------
        parent, name, kind, type_id
            Where, and what it is.
        columns
            Type (`TEXT` or a numpy type) and values (a sequence) of each field, in order.
        """
        fields = [(field, self._field_type(dtype, values)) for field, (dtype, values) in columns.items()]
        rows = np.empty(len(next(iter(columns.values()))[1]), np.dtype(fields))
        for field, (dtype, values) in columns.items():
            rows[field] = [str(value).encode() for value in values] if dtype == TEXT else values
        dataset = parent.create_dataset(name, data=rows)
        self._identify(dataset, name, kind, type_id)
        return dataset

    def _field_type(self, dtype: str, values: Sequence[Any] | NDArray[Any]) -> Any:
        if dtype != TEXT:
            return dtype
        if self.fixed_strings:
            return f"S{max((len(str(value).encode()) for value in values), default=0) + 1}"
        return h5py.string_dtype("utf-8")

    def _identify(self, owner: h5py.HLObject, name: str, kind: str, type_id: str) -> None:
        unique = uuid.uuid5(uuid.NAMESPACE_OID, f"{self.seed}/{self.file.filename[-5:]}/{owner.name}")
        self.text(owner, "ID.Type", kind)
        self.text(owner, "ID.TypeID", type_id)
        self.text(owner, "ID.Instance", name)
        self.text(owner, "ID.InstanceID", str(unique))
        self.number(owner, "Version", 1)
