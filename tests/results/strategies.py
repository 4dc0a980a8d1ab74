"""Arbitrary content of sessions, for tests with hypothesis."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hdmea.utils.arrays import AttrArray

names = st.text(st.characters(codec=None), max_size=8) | st.sampled_from(
    [
        "",
        ".",
        "..",
        "a/b",
        "/",
        "%2F",
        "%empty",
        "%",
        "hdmea_type",
        "hdmea_stale",
        "_attrs",
        "data",
        "µ\0",
        "50%DB",
    ]
)
texts = st.text(st.characters(codec=None), max_size=20)

simple_dtypes = (
    hnp.boolean_dtypes()
    | hnp.integer_dtypes(endianness="?")
    | hnp.unsigned_integer_dtypes(endianness="?")
    | hnp.floating_dtypes(endianness="?", sizes=(16, 32, 64))
    | hnp.complex_number_dtypes(endianness="?", sizes=(64, 128))
    | hnp.datetime64_dtypes(endianness="?")
    | hnp.timedelta64_dtypes(endianness="?")
    | hnp.byte_string_dtypes(min_len=1, max_len=5)
    | hnp.unicode_string_dtypes(endianness="?", min_len=1, max_len=5)
)
odd_dtypes = st.sampled_from([np.dtype(np.longdouble), np.dtype("V3"), np.dtype("S0"), np.dtype("U0")])
dtypes = (
    simple_dtypes
    | odd_dtypes
    | st.lists(simple_dtypes, min_size=1, max_size=3).map(
        lambda parts: np.dtype([(f"f{index}", part) for index, part in enumerate(parts)])
    )
)
shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)


@st.composite
def arrays(draw: st.DrawFn) -> np.ndarray[Any, Any]:
    """Any array by its bytes, so that NaN payloads and padding count; text and booleans by value."""
    dtype, shape = draw(dtypes), draw(shapes)
    if _needs_values(dtype):
        return draw(hnp.arrays(dtype, shape)) if dtype.itemsize else np.zeros(shape, dtype)
    size = int(np.prod(shape)) * dtype.itemsize
    return np.frombuffer(draw(st.binary(min_size=size, max_size=size)), np.uint8).view(dtype).reshape(shape)


def _needs_values(dtype: np.dtype[Any]) -> bool:
    if dtype.names is not None:
        return any(_needs_values(dtype[name]) for name in dtype.names)
    return dtype.kind in "bU" or dtype.char in "gG" or not dtype.itemsize


numpy_scalars = (
    arrays()
    .filter(lambda array: array.size > 0 and array.dtype.itemsize > 0)
    .map(lambda array: array.reshape(-1)[0])
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True)
    | st.complex_numbers(allow_nan=True)
    | texts
    | st.binary(max_size=10)
    | numpy_scalars
)
keys = names | st.integers() | st.booleans() | st.none() | st.tuples(st.integers(), texts)


def _containers(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return (
        st.lists(children, max_size=4)
        | st.lists(children, max_size=4).map(tuple)
        | st.dictionaries(names, children, max_size=4)
        | st.dictionaries(st.integers(), children, max_size=3)
        | st.dictionaries(keys, children, max_size=3)
    )


homogeneous = st.one_of(
    *(st.lists(kind, max_size=5) for kind in (texts, st.integers(), st.floats(), st.booleans()))
)
plain_values = st.recursive(scalars | arrays() | homogeneous, _containers, max_leaves=8)
attr_arrays = st.builds(AttrArray, arrays(), st.dictionaries(names, plain_values, max_size=3))


@st.composite
def object_arrays(draw: st.DrawFn) -> np.ndarray[Any, Any]:
    items = draw(st.lists(scalars | texts, max_size=4))
    array = np.empty(len(items), dtype=object)
    for index, item in enumerate(items):
        array[index] = item
    return array


values = st.recursive(plain_values | attr_arrays | object_arrays(), _containers, max_leaves=8)
trees = st.dictionaries(names, values, max_size=5)
metadata = st.dictionaries(
    names | st.sampled_from(["feature", "version", "params", "extracted_at", "stale", "type"]),
    values,
    max_size=4,
)
features = st.fixed_dictionaries(
    {"data": arrays() | attr_arrays | trees, "metadata": metadata},
    optional={"geometry": trees, "data/": values, "hdmea_x": trees},
)
units = st.fixed_dictionaries(
    {},
    optional={
        "row": st.integers(),
        "spike_times": arrays(),
        "features": st.dictionaries(names, features | values, max_size=3) | values,
        "spike_times_sectioned": st.dictionaries(names, values, max_size=2) | values,
        "else": values,
    },
)
