"""Arbitrary content of sessions, for tests with hypothesis: everything that a result file can hold."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hdmea.results.sectioned import SectionedSpikes
from hdmea.utils.arrays import AttrArray

texts = st.text(st.characters(codec=None), max_size=12)
names = st.text(st.characters(codec=None), max_size=6) | st.sampled_from(
    ["", ".", "..", "a/b", "/", "%2F", "%", "%20", "%mask", "id", "own", "trials", "sorter", "unit_meta",
     "µ\0", "a%mask", "data", "metadata", "missing", "feature", "hdmea_x", "title", "unit",
     "_attrs", "_group_attrs", "x", "sta", "sta_", "sta_x"]
)  # fmt: skip
shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
numeric_dtypes = (
    hnp.boolean_dtypes()
    | hnp.integer_dtypes(endianness="?")
    | hnp.unsigned_integer_dtypes(endianness="?")
    | hnp.floating_dtypes(endianness="?", sizes=(16, 32, 64))
    | hnp.complex_number_dtypes(endianness="?", sizes=(64, 128))
)


@st.composite
def numeric_arrays(draw: st.DrawFn) -> np.ndarray[Any, Any]:
    """Any array of numbers by its bytes, so that the payloads of NaN count."""
    dtype, shape = draw(numeric_dtypes), draw(shapes)
    if dtype.kind == "b":
        return draw(hnp.arrays(dtype, shape))
    size = int(np.prod(shape)) * dtype.itemsize
    raw = draw(st.binary(min_size=size, max_size=size))
    return np.frombuffer(bytearray(raw), np.uint8).view(dtype).reshape(shape)


@st.composite
def text_arrays(draw: st.DrawFn) -> np.ndarray[Any, Any]:
    shape = draw(shapes)
    items = draw(st.lists(texts, min_size=int(np.prod(shape)), max_size=int(np.prod(shape))))
    array = np.empty(len(items), dtype=object)
    array[:] = items
    kind = draw(st.sampled_from(["O", "<U5", "U3", "S4"]))
    if kind == "S4":
        array[:] = [text.encode("utf-8", "surrogatepass")[:4] for text in items]
    return array.reshape(shape).astype(kind)


arrays = numeric_arrays() | text_arrays()
lists = st.one_of(
    *(st.lists(kind, max_size=4) for kind in (texts, st.integers(-(2**63), 2**63 - 1), st.floats())),
    st.lists(texts | st.integers() | st.floats(), max_size=4),
)
attrs = st.dictionaries(
    names,
    texts | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.booleans() | numeric_arrays()
    | st.lists(st.integers(0, 9), max_size=3),
    max_size=3,
)  # fmt: skip
attr_arrays = st.builds(AttrArray, numeric_arrays(), attrs)
numbers = numeric_arrays().filter(lambda array: array.size > 0).map(lambda array: array.reshape(-1)[0])
leaves = (
    st.none() | st.booleans() | st.integers() | st.floats() | texts | numbers | arrays | attr_arrays | lists
)
integers = st.integers(-(2**63), 2**63)
values = st.recursive(
    leaves,
    lambda inner: st.dictionaries(names, inner, max_size=3) | st.dictionaries(integers, inner, max_size=3),
    max_leaves=6,
)
trees = st.dictionaries(names, values, max_size=4)
metadata = st.dictionaries(
    names | st.sampled_from(["feature", "version", "params", "extracted_at", "stale", "missing"]),
    values,
    max_size=4,
)


@st.composite
def features(draw: st.DrawFn) -> Any:
    """Return one of the documented forms of a feature, its keys in any order, or something else."""
    if draw(st.integers(0, 5)) == 0:
        return draw(values)
    parts = {"data": draw(leaves | trees), "metadata": draw(metadata)}
    if draw(st.booleans()):
        parts["geometry"] = draw(trees)
    order = draw(st.permutations(list(parts)))
    return {key: parts[key] for key in order}


@st.composite
def sessions(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return units and stimulus; many units share what they have, as those of a recording do."""
    trial_time = np.array([[0, 50], [60, 90]], np.int64)
    stimulus: dict[str, Any] = {"trial_time": {"movie": trial_time, "a/b": trial_time[:1]}, **draw(trees)}
    if not isinstance(stimulus.get("trial_time"), dict):
        stimulus["trial_time"] = {}
    prototypes = draw(st.lists(st.dictionaries(names, values, max_size=3), min_size=1, max_size=2))
    shared = draw(st.dictionaries(names, features(), max_size=2))
    units: dict[str, Any] = {}
    for number in range(draw(st.integers(0, 5))):
        unit: dict[str, Any] = dict(draw(st.sampled_from(prototypes)))
        if draw(st.booleans()):
            unit["spike_times"] = np.sort(np.arange(number, 90, 7 + number).astype(np.uint64))
        choice = draw(st.integers(0, 3))
        if choice:
            unit["features"] = (
                dict(shared) if choice > 1 else draw(st.dictionaries(names, features(), max_size=2))
            )
        if "spike_times" in unit and draw(st.booleans()):
            unit["spike_times_sectioned"] = _trials(draw, unit["spike_times"], stimulus["trial_time"])
        keys = draw(st.permutations(list(unit))) if draw(st.booleans()) else list(unit)
        units[f"unit_{number:03d}"] = {key: unit[key] for key in keys}
    return units, stimulus


def _trials(draw: st.DrawFn, spikes: Any, times: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for movie, trials in times.items():
        if not draw(st.booleans()):
            continue
        cut = SectionedSpikes(np.searchsorted(spikes, trials.astype(np.uint64)), spikes, trials)
        choice = draw(st.integers(0, 6))
        if choice == 0:
            found[movie] = {
                "trials_spike_times": {0: spikes[:3], 7: spikes[:0]},
                "_attrs": {"pad": [0.5, 1.0]},
            }
            continue
        if choice == 1:
            cut["label"] = draw(values)
        elif choice == 2:
            cut["trials_spike_times"][0] = spikes[:2].astype(np.int64)
        elif choice == 3:
            cut = SectionedSpikes(cut.ranges, spikes.copy() + np.uint64(1), trials)
        elif choice == 4:
            cut["trials_start_end"][...] += 1
        elif choice == 5:
            del cut[draw(st.sampled_from(list(cut)))]
        found[movie] = cut
    return found
