"""Equality that means it: type, order of keys, dtype, shape, bytes and attributes, at any depth."""

from __future__ import annotations

from typing import Any

import numpy as np

from hdmea.results.sectioned import is_cut
from hdmea.utils.arrays import AttrArray


def assert_exact(found: Any, expected: Any, path: str = "") -> None:
    """Fail, naming the path, where `found` is not exactly `expected`."""
    if isinstance(expected, dict) and not is_cut(expected):
        assert isinstance(found, dict), (path, found)
        assert not is_cut(found), path
        assert [(type(key), key) for key in found] == [(type(key), key) for key in expected], path
        for key, value in expected.items():
            assert_exact(found[key], value, f"{path}/{key}")
        return
    if is_cut(expected):
        assert is_cut(found), (path, found)
        for part in ("ranges", "spike_times", "trial_time"):
            assert_exact(
                np.asarray(getattr(found, part)), np.asarray(getattr(expected, part)), f"{path}.{part}"
            )
        assert_exact(found.changes, expected.changes, f"{path}.changes")
        return
    if isinstance(expected, AttrArray) and not expected.attrs:
        expected = np.asarray(expected)
    assert type(found) is type(expected), (path, type(found), type(expected))
    if isinstance(expected, AttrArray):
        assert_exact(found.attrs, expected.attrs, f"{path}@")
    if isinstance(expected, np.ndarray):
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape), path
        if expected.dtype.hasobject:
            assert found.tolist() == expected.tolist(), path
        else:
            assert found.tobytes() == expected.tobytes(), path
        assert found.flags.writeable, path
    elif isinstance(expected, np.generic):
        assert (found.dtype, found.tobytes()) == (expected.dtype, expected.tobytes()), path
    elif isinstance(expected, list):
        assert len(found) == len(expected), path
        for number, value in enumerate(expected):
            assert_exact(found[number], value, f"{path}[{number}]")
    elif isinstance(expected, float):
        assert np.float64(found).tobytes() == np.float64(expected).tobytes(), path
    else:
        assert found == expected, (path, found, expected)
