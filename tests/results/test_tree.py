"""Whatever a session holds comes back exactly: type, dtype, shape, bytes, names."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from hdmea.results.lazy import LazyDict, LazySource
from hdmea.results.plan import plan_dict
from hdmea.results.tree import TreeReader
from hdmea.results.write import TreeWriter
from hdmea.utils import h5
from hdmea.utils.arrays import AttrArray
from hdmea.utils.exceptions import ValidationError
from tests.results.same import assert_same
from tests.results.strategies import trees


def write_tree(path: Path, tree: dict[Any, Any]) -> None:
    plan = plan_dict(tree, ("tree",))
    file = h5.create_file(path)
    with TreeWriter(lambda nbytes: None) as writer:
        writer.create(file, "tree", plan)
    file.close()


def read_tree(path: Path, *, lazy: bool) -> Any:
    file = h5.open_file(path)
    try:
        return TreeReader(LazySource(path) if lazy else None).child(file, "tree", "/tree")
    finally:
        file.close()


def assert_round_trip(tree: dict[Any, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tree.h5"
        write_tree(path, tree)
        assert_same(read_tree(path, lazy=False), tree)
        assert_same(read_tree(path, lazy=True), tree)


@settings(max_examples=120, suppress_health_check=list(HealthCheck))
@given(trees)
def test_any_nested_content_round_trips_exactly(tree: dict[str, Any]) -> None:
    assert_round_trip(tree)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(10**30, id="integer beyond 64 bit"),
        pytest.param(2**64 - 1, id="integer of 64 bit without sign"),
        pytest.param(-(2**63), id="least integer"),
        pytest.param("a\0b", id="NUL in text"),
        pytest.param("\udc80", id="lone surrogate"),
        pytest.param("", id="empty text"),
        pytest.param(b"\0a\0", id="bytes"),
        pytest.param([], id="empty list"),
        pytest.param({}, id="empty dictionary"),
        pytest.param((), id="empty tuple"),
        pytest.param([1, 1.0, True, None, "1"], id="mixed list"),
        pytest.param([[1, [2.5, ("a",)]], {"a": np.zeros(2)}], id="nested list"),
        pytest.param([np.float64(1), np.float64(2)], id="list of numpy numbers"),
        pytest.param(list(range(100_000)), id="list above 64 kB"),
        pytest.param(["µ" * 10] * 9000, id="texts above 64 kB"),
        pytest.param("x" * 100_000, id="text above 64 kB"),
        pytest.param({1: "a", -2: np.ones(2)}, id="integer keys"),
        pytest.param({1: "a", "1": "b", None: 2.0, False: 0, (1, 2): 3}, id="keys of many kinds"),
        pytest.param(np.zeros((3, 0, 2), np.float16), id="empty array"),
        pytest.param(np.array(5.0, ">f4"), id="array of no dimension, other byte order"),
        pytest.param(np.asfortranarray(np.arange(6).reshape(2, 3)), id="column order"),
        pytest.param(np.arange(20)[::3], id="strided"),
        pytest.param(np.array(["a", "µ", ""]), id="unicode array"),
        pytest.param(np.array(["2020-01-01", "NaT"], "M8[us]"), id="dates"),
        pytest.param(np.array([("x", 1.5)], [("name", "U4"), ("value", ">f8")]), id="structured with text"),
        pytest.param(np.zeros(2, np.dtype([("a", "i1"), ("b", "f8")], align=True)), id="aligned structure"),
        pytest.param(np.array(["a", None, 1, [2]], dtype=object), id="objects"),
        pytest.param(AttrArray(np.arange(2), {"big": np.zeros(20_000)}), id="attribute above 64 kB"),
        pytest.param(AttrArray(np.arange(2), {"": 1, "/": [1], "n": None, "d": {"e": ()}}), id="attributes"),
        pytest.param(np.bool_(True), id="numpy bool"),
        pytest.param(np.str_("text"), id="numpy text"),
        pytest.param(True, id="bool"),
    ],
)
def test_values_that_are_easily_changed_round_trip_exactly(value: Any) -> None:
    assert_round_trip({"value": value, "beside": 1})


def test_nan_keeps_its_payload() -> None:
    payload = np.frombuffer(b"\x01\x02\x03\x04\x05\x06\xf8\x7f", np.float64)

    assert_round_trip({"array": payload, "number": float(payload[0]), "numbers": [float(payload[0]), 1.0]})


def test_order_of_entries_of_a_group_is_kept(tmp_path: Path) -> None:
    tree = {name: np.zeros(1) for name in ("z", "a", "m", *map(str, range(20)))}
    write_tree(tmp_path / "tree.h5", tree)

    assert list(read_tree(tmp_path / "tree.h5", lazy=False)) == list(tree)


@pytest.mark.parametrize(
    "value",
    [object(), {1, 2}, Path("x"), np.ma.masked_array([1.0], [True]), np.zeros(1, [("a", object)]), range(3)],
)
def test_what_cannot_be_stored_is_an_error_that_names_its_path(value: Any) -> None:
    tree = {"unit_001": {"features": {"x": [1, value]}}}

    with pytest.raises(ValidationError, match="units/unit_001/features/x"):
        plan_dict(tree, ("units",))


def test_plain_h5py_reads_scalars_as_attributes_and_arrays_as_datasets(tmp_path: Path) -> None:
    tree = {
        "row": 3,
        "name": "µ",
        "rate": 2.5,
        "on": True,
        "none": None,
        "list": ["a", "b"],
        "array": np.arange(3),
    }
    write_tree(tmp_path / "tree.h5", tree)

    with h5py.File(tmp_path / "tree.h5") as file:
        group = file["tree"]
        assert dict(group.attrs)["row"] == 3
        assert group.attrs["name"] == "µ"
        assert group.attrs["rate"] == 2.5
        assert group.attrs["on"] == np.True_
        assert group.attrs["none"] == h5py.Empty("i1")
        assert list(group.attrs["list"]) == ["a", "b"]
        assert group["array"][:].tolist() == [0, 1, 2]
        assert "hdmea_type" not in group.attrs


def test_reading_on_first_use_reads_nothing_before(tmp_path: Path) -> None:
    write_tree(tmp_path / "tree.h5", {"a": np.arange(3), "b": {"c": np.arange(4)}})
    tree = read_tree(tmp_path / "tree.h5", lazy=True)

    assert isinstance(tree, LazyDict)
    assert not any(isinstance(value, np.ndarray) for value in dict.values(tree))
    assert tree["a"].tolist() == [0, 1, 2]
    assert tree["a"] is tree["a"]
