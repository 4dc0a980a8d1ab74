"""Equality that means it: type, dtype, shape, bytes and attributes, at any depth."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from hdmea.results.sectioned import is_cut
from hdmea.utils.arrays import AttrArray


def assert_same(found: Any, expected: Any, path: str = "") -> None:
    """Fail, naming the path, where `found` is not exactly `expected`."""
    if isinstance(expected, dict) and not is_cut(expected):
        assert isinstance(found, dict), (path, found)
        assert set(found) == set(expected), path
        assert {key: type(key) for key in found} == {key: type(key) for key in expected}, path
        for key, value in expected.items():
            assert_same(found[key], value, f"{path}/{key}")
        return
    if isinstance(expected, AttrArray) and not expected.attrs:
        expected = np.asarray(expected)
    if type(expected) is np.memmap:
        expected = np.asarray(expected)
    assert type(found) is type(expected), (path, type(found), type(expected))
    if isinstance(expected, AttrArray):
        assert_same(found.attrs, expected.attrs, f"{path}@")
        found, expected = np.asarray(found), np.asarray(expected)
    if is_cut(expected):
        for part in ("ranges", "spike_times", "trial_time"):
            assert_same(
                np.asarray(getattr(found, part)), np.asarray(getattr(expected, part)), f"{path}.{part}"
            )
    elif isinstance(expected, np.ndarray):
        assert found.shape == expected.shape, (path, found.shape, expected.shape)
        assert found.dtype == expected.dtype, (path, found.dtype, expected.dtype)
        if expected.dtype.hasobject:
            for index in range(expected.size):
                assert_same(found.reshape(-1)[index], expected.reshape(-1)[index], f"{path}[{index}]")
        else:
            assert found.tobytes() == expected.tobytes(), path
    elif isinstance(expected, np.generic):
        assert found.dtype == expected.dtype, path
        if isinstance(expected, (np.longdouble, np.clongdouble)):  # whose padding bytes are arbitrary
            assert str(found) == str(expected), path
        else:
            assert found.tobytes() == expected.tobytes(), path
    elif isinstance(expected, (list, tuple)):
        assert len(found) == len(expected), path
        for index, value in enumerate(expected):
            assert_same(found[index], value, f"{path}[{index}]")
    elif isinstance(expected, float):
        assert struct.pack("<d", found) == struct.pack("<d", expected), path
    elif isinstance(expected, complex):
        assert struct.pack("<dd", found.real, found.imag) == struct.pack(
            "<dd", expected.real, expected.imag
        ), path
    else:
        assert found == expected, (path, found, expected)
