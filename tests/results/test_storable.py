"""What scripts put into sessions as h5py takes it: saved, and read back as the session then has it."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

from hdmea.pipeline import PipelineSession
from hdmea.results import files
from hdmea.results.leaves import make_storable, storable
from hdmea.utils.exceptions import ValidationError
from tests.results.exact import assert_exact

SPIKES = np.arange(3, dtype=np.uint64)
CASES: dict[str, tuple[Any, Any]] = {
    "tuple": ((-10, 40), [-10, 40]),
    "tuple of texts": (("a", "b"), ["a", "b"]),
    "empty tuple": ((), []),
    "range": (range(3), [0, 1, 2]),
    "nested": ([[1, 2], (3, 4)], np.array([[1, 2], [3, 4]])),
    "rows": ([np.arange(2.0), np.ones(2)], np.array([[0.0, 1.0], [1.0, 1.0]])),
    "numbers of numpy": ([np.float64(1.5), np.int32(2)], [1.5, 2]),
    "text of numpy": (np.array(["rgc"])[0], "rgc"),
    "bytes": (b"rgc \xc2\xb5", "rgc µ"),
    "bytes of numpy": (np.bytes_(b"rgc"), "rgc"),
    "texts as h5py reads them": (np.array([b"a", b"b"], object), np.array(["a", "b"], object)),
    "path": (Path("model.pth"), "model.pth"),
    "paths": ([Path("a"), Path("b")], ["a", "b"]),
    "complex": (1j, np.complex128(1j)),
    "numbers as keys": ({0: SPIKES, 1: SPIKES}, {0: SPIKES, 1: SPIKES}),
    "numbers of numpy as keys": ({np.int64(45): SPIKES}, {45: SPIKES}),
    "numbers among texts as keys": ({"_attrs": {"n": (1,)}, 0: SPIKES}, {"_attrs": {"n": [1]}, "0": SPIKES}),
    "column of pandas": (pd.Series([1.5, 2.0], index=[7, 9]), np.array([1.5, 2.0])),
    "ordered": (OrderedDict(b=(1, 2), a=None), {"b": [1, 2], "a": None}),
}
REFUSED: list[Any] = [{1}, [np.arange(2), np.arange(3)], [{"a": 1}], {(1, 2): 3}, np.ma.array([1, 2])]


def session_with(value: Any) -> PipelineSession:
    session = PipelineSession("own")
    session.add_units({name: {"spike_times": SPIKES} for name in ("unit_001", "unit_002")})
    session.units["unit_001"]["own"] = {"value": value}
    session.metadata["own"] = value
    session.add_feature(
        unit_id="unit_002", feature_name="own", feature_data={"v": value}, feature_metadata={"m": value}
    )
    return session


@pytest.mark.parametrize("layout", files.LAYOUTS)
@pytest.mark.parametrize("case", CASES)
def test_what_h5py_takes_is_saved(tmp_path: Path, layout: str, case: str) -> None:
    value, expected = CASES[case]
    session = session_with(value)

    path = session.save(tmp_path / "own.h5", layout=layout)
    stored = PipelineSession.load(path)

    for found in (stored, session):
        assert_exact(found.units["unit_001"]["own"]["value"], expected)
        assert_exact(found.metadata["own"], expected)
        assert_exact(found.units["unit_002"]["features"]["own"]["data"]["v"], expected)
        assert_exact(found.units["unit_002"]["features"]["own"]["metadata"]["m"], expected)
    assert not session.has_unsaved_changes


@pytest.mark.parametrize("value", REFUSED)
def test_what_no_file_holds_is_refused_by_its_place(tmp_path: Path, value: Any) -> None:
    with pytest.raises(ValidationError, match="own"):
        session_with(value).save(tmp_path / "own.h5")
    assert not list(tmp_path.iterdir())


def test_readers_of_the_laboratory_find_numbers(tmp_path: Path) -> None:
    session = session_with((0.0, 2.5))
    session.units["unit_001"]["own"]["kind"] = np.array(["rgc"])[0]

    with h5py.File(session.save(tmp_path / "own.h5", layout="lab")) as file:
        assert file["units/unit_001/own/value"][:].tolist() == [0.0, 2.5]
        assert file["units/unit_001/own/kind"].asstr()[()] == "rgc"


def test_values_that_a_file_holds_are_left_alone() -> None:
    shared = {"list": [1, 2.5, "a", None], "array": SPIKES, "number": np.float32(1), "text": "µ"}
    tree = {"a": shared, "b": shared}
    before = dict(shared)

    make_storable(tree)

    assert all(shared[key] is before[key] for key in before)
    assert storable(SPIKES) is SPIKES
