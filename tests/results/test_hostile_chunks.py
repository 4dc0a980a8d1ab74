"""Chunks that grow beyond what their dataset says are refused before HDF5 allocates what comes of them."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdmea.pipeline import PipelineSession
from hdmea.recordings import open_signals
from hdmea.recordings.inspect import inspect_file
from hdmea.recordings.mcs.hdf5 import Table, reading
from hdmea.utils import h5
from hdmea.utils.exceptions import (
    CheckpointError,
    DataLoadError,
    HDMEAError,
    NotEnoughMemoryError,
    SessionError,
)
from tests.recordings.vendor_files import SensorBlock, write_cmcr

GROWN = 64 << 20


def grown(nbytes: int, junk: int = 0) -> bytes:
    """Return a compressed chunk of zeros, with incompressible bytes before them."""
    return zlib.compress(np.random.default_rng(1).bytes(junk) + bytes(nbytes), 9)


def saved(path: Path) -> Path:
    session = PipelineSession("x")
    session.add_units({"unit_001": {"spike_times": np.arange(9, dtype=np.uint64)}})
    session.add_metadata({"large": np.arange(100_000.0)})
    return session.save(path, compression="gzip")


@pytest.mark.parametrize(
    ("chunk", "content"), [(1000, grown(GROWN, 5 << 20)), (6 << 20, grown(GROWN, 5 << 20))]
)
def test_a_chunk_that_grows_is_refused(tmp_path: Path, chunk: int, content: bytes) -> None:
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset("a", (chunk,), "u1", chunks=(chunk,), compression="gzip")
        data.id.write_direct_chunk((0,), content)
    assert path.stat().st_size > 4 << 20
    file = h5.open_file(path)
    try:
        found = h5.why_not_backed(h5py.h5d.open(file, b"a"), chunk, path.stat().st_size)
    finally:
        file.close()
    assert "longer than" in found


def test_chunks_that_do_not_grow_are_read(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    values = np.random.default_rng(1).integers(0, 255, 6 << 20).astype("u1")
    with h5py.File(path, "w") as file:
        for name, chunk in (("a", 1 << 21), ("b", 1 << 16)):
            file.create_dataset(name, data=values, chunks=(chunk,), compression="gzip", shuffle=True)
    file = h5.open_file(path)
    try:
        for name in "ab":
            assert (
                h5.why_not_backed(h5py.h5d.open(file, name.encode()), values.nbytes, path.stat().st_size)
                == ""
            )
    finally:
        file.close()


def test_a_result_with_such_a_chunk_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.h5")
    found: list[str] = []
    with h5py.File(path, "a") as file:
        file.visititems(
            lambda name, item: found.append(name) if getattr(item, "size", 0) == 100_000 else None
        )
        data = file[found[0]]
        data.id.write_direct_chunk((0,), grown(GROWN, 5 << 20))
    with pytest.raises(CheckpointError, match="longer than"):
        PipelineSession.load(path)


def test_names_of_steps_that_take_a_terabyte_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.h5")
    with h5py.File(path, "a") as file:
        del file["pipeline/completed_steps"]
        file.create_dataset("pipeline/completed_steps", (1 << 40,), "f8", chunks=True)
    with pytest.raises(DataLoadError, match="are declared"):
        inspect_file(path)


def test_a_table_that_takes_a_terabyte_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.cmtr", "w") as file:
        data = file.create_dataset("t", (1 << 40,), np.dtype([("a", "f8")]), chunks=True)
        with pytest.raises(DataLoadError, match="are declared"):
            Table(data)


def test_a_lack_of_memory_while_reading_is_an_error_of_ours(tmp_path: Path) -> None:
    with (
        pytest.raises(NotEnoughMemoryError, match="the units") as caught,
        reading(tmp_path / "x", "the units"),
    ):
        raise MemoryError("Unable to allocate 8.00 TiB")
    assert isinstance(caught.value, HDMEAError)
    assert caught.value.fix is not None


def test_a_filter_that_is_not_there_is_no_damage(tmp_path: Path) -> None:
    path = PipelineSession("small").save(tmp_path / "r.h5")
    with h5py.File(path, "r+") as file:
        creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        creation.set_chunk((1000,))
        creation.set_filter(32004, h5py.h5z.FLAG_OPTIONAL, (1,))
        shape = h5py.h5s.create_simple((1000,))
        data = h5py.h5d.create(file["metadata"].id, b"a", h5py.h5t.NATIVE_DOUBLE, shape, creation)
        data.write_direct_chunk((0,), bytes(100))
    with pytest.raises(SessionError, match=r"r\.h5: /metadata/a .*not damaged.*Install the plugin 32004"):
        PipelineSession.load(path)


@pytest.mark.parametrize(("place", "value"), [("", "../x"), ("units/id", np.array([b"a"]))])
def test_a_name_that_cannot_be_is_told_with_the_file(tmp_path: Path, place: str, value: Any) -> None:
    path = saved(tmp_path / "x.h5")
    with h5py.File(path, "r+") as file:
        if place:
            del file[place]
            file[place] = value
        else:
            file.attrs["dataset_id"] = value
    with pytest.raises(CheckpointError, match=r"x\.h5 is damaged.*(name|Unit id)"):
        PipelineSession.load(path)


def test_what_is_compressed_twice_is_refused(tmp_path: Path) -> None:
    path = PipelineSession("small").save(tmp_path / "r.h5")
    with h5py.File(path, "r+") as file:
        creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        creation.set_chunk((1000,))
        creation.set_deflate(9)
        creation.set_deflate(9)
        shape = h5py.h5s.create_simple((1000,))
        data = h5py.h5d.create(file["metadata"].id, b"a", h5py.h5t.NATIVE_DOUBLE, shape, creation)
        data.write_direct_chunk((0,), zlib.compress(zlib.compress(bytes(64 << 20), 9), 9))
    with pytest.raises(CheckpointError, match="more than once"):
        PipelineSession.load(path)


def test_a_chunk_of_a_small_dataset_that_grows_is_refused(tmp_path: Path) -> None:
    path = PipelineSession("small").save(tmp_path / "r.h5")
    with h5py.File(path, "r+") as file:
        data = file.create_dataset("metadata/a", (100,), "i8", chunks=(100,), compression="gzip")
        data.id.write_direct_chunk((0,), zlib.compress(bytes(100 << 20), 9))
    with pytest.raises(CheckpointError, match="longer than"):
        PipelineSession.load(path)


def test_a_chunk_of_raw_data_that_grows_is_refused_when_it_is_read(tmp_path: Path) -> None:
    counts = np.zeros((40_000, 8, 8), np.int16)
    path = write_cmcr(tmp_path / "x.cmcr", sensor=[SensorBlock(counts, width=8, height=8)])
    with h5py.File(path, "r+") as file:
        found: list[h5py.Dataset] = []
        file.visititems(
            lambda name, item: found.append(item) if getattr(item, "shape", 0) == counts.shape else None
        )
        (old,) = found
        name, attrs = old.name, dict(old.attrs)
        del file[name]
        data = file.create_dataset(name, counts.shape, "i2", chunks=(20_000, 8, 8), compression="gzip")
        data.attrs.update(attrs)
        data[:20_000] = counts[:20_000]
        data.id.write_direct_chunk((20_000, 0, 0), grown(GROWN, 2 << 20))
    with open_signals(path) as recording:
        (region,) = recording.sensor_regions
        assert not region.read_counts(0, 0, 20_000).any()
        with pytest.raises(DataLoadError, match="longer than"):
            region.read_counts(0, 10_000, 30_000)
