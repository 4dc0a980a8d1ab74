"""Reading on first use: dictionaries that behave as such, and files that are replaced meanwhile."""

from __future__ import annotations

import copy
import json
import os
import pickle
import shutil
import threading
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdmea.results import hdf5_store, progress
from hdmea.results.hdf5_store import SessionContent
from hdmea.results.lazy import LazyArray, LazyDict, LazyEntry, LazySource, detach_readers, lazy_entries
from hdmea.utils import h5
from hdmea.utils.exceptions import CheckpointError, StepCancelled
from hdmea.utils.giving_way import on_this_thread
from tests.results.same import assert_same
from tests.results.session_samples import MOVIES, sample_content


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return hdf5_store.write_session(tmp_path / "x.h5", sample_content(2))


@pytest.fixture
def arrays(tmp_path: Path) -> LazyDict:
    content = SessionContent("x", metadata={"a": np.arange(3), "b": np.arange(4), "c": 5})
    file = hdf5_store.write_session(tmp_path / "arrays.h5", content)
    found = hdf5_store.read_session(file, lazy=True).metadata
    assert isinstance(found, LazyDict)
    return found


def unread(tree: Any) -> int:
    return sum(1 for _ in lazy_entries(tree))


@pytest.mark.parametrize(
    "look",
    [
        lambda d: d["a"],
        lambda d: d.get("a"),
        lambda d: dict(d)["a"],
        lambda d: {**d}["a"],
        lambda d: dict(d.items())["a"],
        lambda d: list(d.values())[list(d).index("a")],
        lambda d: d.copy()["a"],
        lambda d: copy.copy(d)["a"],
        lambda d: copy.deepcopy(d)["a"],
        lambda d: pickle.loads(pickle.dumps(d))["a"],
        lambda d: (d | {})["a"],
        lambda d: ({} | d)["a"],
        lambda d: d.setdefault("a", None),
        lambda d: d.pop("a"),
        lambda d: next(value for key, value in d.items() if key == "a"),
        lambda d: (lambda **entries: entries)(**d)["a"],
    ],
)
def test_however_one_looks_one_sees_the_array(arrays: LazyDict, look: Any) -> None:
    found = look(arrays)

    assert type(found) is np.ndarray
    assert found.tolist() == [0, 1, 2]


def test_what_does_not_need_the_arrays_does_not_read_them(arrays: LazyDict) -> None:
    assert isinstance(arrays, dict)
    assert len(arrays) == 3
    assert "a" in arrays
    assert sorted(arrays) == ["a", "b", "c"]
    assert sorted(arrays.keys()) == ["a", "b", "c"]
    assert arrays.get("missing", 7) == 7
    assert arrays.pop("missing", 8) == 8
    arrays.copy()
    repr(arrays)
    pickle.dumps(arrays)
    assert unread(arrays) == 2
    assert json.dumps(sorted(arrays)) == '["a", "b", "c"]'


def test_comparison_is_by_content(arrays: LazyDict) -> None:
    del arrays["a"], arrays["b"]

    assert arrays == {"c": 5}
    assert {"c": 5} == arrays
    assert arrays != {"c": 6}
    assert arrays == arrays.copy()


def test_edits_are_counted_and_reading_is_none(arrays: LazyDict) -> None:
    arrays["a"], arrays.get("b"), list(arrays.items())
    assert arrays.edits == 0

    for count, edit in enumerate(
        [
            lambda: arrays.update(d=1),
            lambda: arrays.__setitem__("e", 2),
            lambda: arrays.pop("e"),
            lambda: arrays.popitem(),
            lambda: arrays.setdefault("f", 3),
            lambda: arrays.__delitem__("f"),
            lambda: arrays.clear(),
        ],
        start=1,
    ):
        edit()
        assert arrays.edits == count
    with pytest.raises(KeyError):
        arrays.popitem()
    with pytest.raises(KeyError):
        arrays.pop("a")


def test_an_array_is_one_object_as_long_as_it_is_used(arrays: LazyDict) -> None:
    twin = arrays.copy()

    assert arrays["a"] is arrays["a"]
    assert twin["a"] is arrays["a"]


def test_unread_arrays_know_shape_and_type(path: Path) -> None:
    unit = hdf5_store.read_session(path, lazy=True).units["unit_001"]

    entry = dict.__getitem__(unit, "spike_times")

    assert isinstance(entry, LazyArray)
    assert (entry.shape, entry.dtype, entry.nbytes) == ((400,), np.dtype(np.uint64), 3200)
    assert not any(isinstance(getattr(entry, name), h5py.h5r.Reference) for name in ("source", "path"))


def test_nothing_stays_open_after_reading(path: Path) -> None:
    content = hdf5_store.read_session(path, lazy=True)
    content.units["unit_001"]["waveform"]

    open_files = h5py.h5f.get_obj_count(h5py.h5f.OBJ_ALL, h5py.h5f.OBJ_FILE)

    assert open_files == 0


def test_one_handle_serves_a_whole_step(path: Path) -> None:
    content = hdf5_store.read_session(path, lazy=True)

    with hdf5_store.reading([content.units]):
        path.unlink()
        assert len(content.units["unit_001"]["waveform"]) == 60
        assert len(content.units["unit_002"]["waveform"]) == 60


def test_a_read_can_be_refused_before_it_waits_for_a_file_that_another_thread_opens(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = next(entry for _, _, entry in lazy_entries(hdf5_store.read_session(path, lazy=True).units))
    entered, go_on = threading.Event(), threading.Event()
    really = h5.open_file

    def wait(*arguments: Any) -> Any:
        entered.set()
        assert go_on.wait(30)
        return really(*arguments)

    def refuse(source: LazySource) -> None:
        if source.is_held:
            raise TimeoutError("The drive does not answer.")

    monkeypatch.setattr(h5, "open_file", wait)
    reader = threading.Thread(target=array.read)
    reader.start()
    assert entered.wait(5)
    array.source.before_reading = refuse
    with pytest.raises(TimeoutError):
        array.read()
    go_on.set()
    reader.join()

    assert not array.source.is_held
    assert array.read().size


def test_reading_from_a_file_that_was_replaced_says_so(path: Path) -> None:
    content = hdf5_store.read_session(path, lazy=True)
    other = hdf5_store.write_session(path.with_name("other.h5"), sample_content(1, seed=9))
    os.replace(other, path)

    with pytest.raises(CheckpointError, match="replaced by another program"):
        content.units["unit_001"]["waveform"]


def test_reading_from_a_file_that_is_gone_says_so(path: Path) -> None:
    content = hdf5_store.read_session(path, lazy=True)
    path.unlink()

    with pytest.raises(CheckpointError, match="put the file back"):
        content.units["unit_001"]["waveform"]


def test_another_session_of_a_file_that_we_replaced_must_be_loaded_again(path: Path) -> None:
    mine = hdf5_store.read_session(path, lazy=True)
    other = hdf5_store.read_session(path, lazy=True)
    del mine.units["unit_002"]

    hdf5_store.write_session(path, mine)

    assert len(mine.units["unit_001"]["waveform"]) == 60
    with pytest.raises(CheckpointError, match="Load it again"):
        other.units["unit_001"]["waveform"]


def test_unread_arrays_survive_writing_over_their_own_file(path: Path) -> None:
    expected = sample_content(2)
    content = hdf5_store.read_session(path, lazy=True)
    content.units["unit_007"] = content.units.pop("unit_001")
    expected.units["unit_007"] = expected.units.pop("unit_001")
    count = unread(content.units)

    hdf5_store.write_session(path, content)

    assert unread(content.units) == count
    assert_same(content.units, expected.units)
    assert_same(hdf5_store.read_session(path).units, expected.units)


def test_unread_arrays_survive_updates_of_their_file(path: Path) -> None:
    expected = sample_content(2)
    content = hdf5_store.read_session(path, lazy=True)
    for tree in (content, expected):
        tree.units["unit_001"]["features"]["frif"]["metadata"]["stale"] = True
        tree.units["unit_001"]["spike_times"] = np.arange(7, dtype=np.uint64)
    changed = [
        ("units", "unit_001", "features", "frif", "metadata", "stale"),
        ("units", "unit_001", "spike_times"),
    ]

    hdf5_store.update_session(path, content, changed)
    content.metadata["note"] = "x"
    hdf5_store.update_session(path, content, [("metadata", "note")])

    assert unread(content.units) > 10
    assert_same(content.units, expected.units)


def test_saving_elsewhere_leaves_unread_arrays_where_they_are_unless_asked(path: Path) -> None:
    content = hdf5_store.read_session(path, lazy=True)
    new = path.with_name("new.h5")

    hdf5_store.write_session(new, content)
    assert {entry.source.path for *_, entry in lazy_entries(content.units)} == {path}

    hdf5_store.write_session(new, content, bind=True)
    path.unlink()
    assert_same(content.units, sample_content(2).units)


def test_a_lazy_session_can_be_sent_to_another_process(path: Path) -> None:
    content = hdf5_store.read_session(path, lazy=True)
    with hdf5_store.reading([content.units]):
        sent = pickle.loads(pickle.dumps(content))

    assert unread(sent.units) == unread(content.units)
    assert_same(sent.units, content.units)


def test_unread_trials_that_are_moved_keep_their_meaning(path: Path) -> None:
    content = hdf5_store.read_session(path, lazy=True)
    expected = sample_content(2).units["unit_001"]["spike_times_sectioned"][MOVIES[0]]
    moved = dict.__getitem__(content.units["unit_001"]["spike_times_sectioned"], MOVIES[0])
    assert isinstance(moved, LazyEntry)
    dict.__setitem__(content.metadata, "kept", moved)

    hdf5_store.write_session(path, content)

    assert_same(hdf5_store.read_session(path).metadata["kept"], expected)


def test_a_copied_file_is_another_file(path: Path, tmp_path: Path) -> None:
    copied = tmp_path / "copied.h5"
    shutil.copy(path, copied)

    assert LazySource(path).is_file(path)
    assert not LazySource(copied).is_file(path)


@pytest.mark.parametrize("lazy", [False, True])
def test_reading_says_how_far_it_is_and_can_be_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lazy: bool
) -> None:
    monkeypatch.setattr(progress, "_INTERVAL_S", 0.0)
    content = sample_content()
    unit = content.units["unit_001"]
    content.units = {f"unit_{number:03d}": dict(unit) for number in range(20)}
    path = hdf5_store.write_session(tmp_path / "result.h5", content)
    seen: list[float] = []

    hdf5_store.read_session(path, lazy=lazy, progress=lambda fraction, _text: seen.append(fraction))

    assert seen == sorted(seen)
    assert len(set(seen)) >= 15
    assert seen[-1] == 1.0

    def stop(fraction: float, _text: str) -> None:
        if fraction > 0.3:
            raise StepCancelled("Stopped.")

    with pytest.raises(StepCancelled):
        hdf5_store.read_session(path, lazy=lazy, progress=stop)


def test_planning_a_file_can_be_stopped_between_units(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_INTERVAL_S", 0.0)
    path = tmp_path / "result.h5"

    def stop(fraction: float, _text: str) -> None:
        assert fraction == 0.0
        raise StepCancelled("Stopped.")

    with pytest.raises(StepCancelled):
        hdf5_store.write_session(path, sample_content(), progress=stop)

    assert list(tmp_path.iterdir()) == []


def test_where_the_end_of_the_work_is_known_the_file_stays_open_until_then(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    units = hdf5_store.read_session(path, lazy=True).units
    (source,) = {entry.source for _, _, entry in lazy_entries(units)}
    really, opened = h5.open_file, []
    monkeypatch.setattr(h5, "open_file", lambda path: opened.append(path) or really(path))

    with on_this_thread(lambda: None):
        for *_, entry in lazy_entries(units):
            entry.read()
        assert len(opened) == 1
        with on_this_thread(lambda: None):
            next(entry for *_, entry in lazy_entries(units)).read()
        detach_readers(path)
        next(entry for *_, entry in lazy_entries(units)).read()

    assert source._file is None
    assert len(opened) <= 3
