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

from hdmea.pipeline import PipelineSession
from hdmea.results import files
from hdmea.results.codec import Codec
from hdmea.results.columns import RowArray
from hdmea.results.content import SessionContent
from hdmea.results.unread import LazyDict, Source, Unread, detach_readers, unread_entries
from hdmea.utils import h5
from hdmea.utils.arrays import AttrArray
from hdmea.utils.exceptions import CheckpointError, StepCancelled
from hdmea.utils.giving_way import on_this_thread
from tests.results.exact import assert_exact as assert_same
from tests.results.session_samples import MOVIES
from tests.results.session_samples import sample_content as small_content

LARGE = np.arange(10_000)


def sample_content(n_units: int = 2, seed: int = 0) -> SessionContent:
    """Return a session whose spike trains and waveforms are large enough to be left in the file."""
    content = small_content(n_units, seed, n_spikes=9_000)
    for unit in content.units.values():
        unit["waveform"] = AttrArray(np.resize(unit["waveform"], 20_000), {"unit": "source"})
    return content


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return files.write_session(tmp_path / "x.h5", sample_content(2)).path


@pytest.fixture
def arrays(tmp_path: Path) -> LazyDict:
    content = SessionContent("x", metadata={"a": LARGE, "b": LARGE + 1, "c": 5})
    file = files.write_session(tmp_path / "arrays.h5", content).path
    found = files.read_session(file, lazy=True).metadata
    assert isinstance(found, LazyDict)
    return found


def unread(tree: Any) -> int:
    return sum(1 for _ in unread_entries(tree))


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
    assert np.array_equal(found, LARGE)


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


def test_a_dictionary_can_be_edited_like_any_other(arrays: LazyDict) -> None:
    arrays.update(d=1)
    arrays["e"] = 2
    assert arrays.pop("e") == 2
    assert arrays.popitem() == ("d", 1)
    assert arrays.setdefault("f", 3) == 3
    arrays.clear()
    with pytest.raises(KeyError):
        arrays.popitem()
    with pytest.raises(KeyError):
        arrays.pop("a")


def test_an_array_is_one_object_as_long_as_it_is_used(arrays: LazyDict) -> None:
    twin = arrays.copy()

    assert arrays["a"] is arrays["a"]
    assert twin["a"] is arrays["a"]


def test_unread_arrays_know_shape_and_type(path: Path) -> None:
    unit = files.read_session(path, lazy=True).units["unit_001"]

    entry = dict.__getitem__(unit, "spike_times")

    assert isinstance(entry, RowArray)
    assert (entry.shape, entry.dtype, entry.nbytes) == ((9000,), np.dtype(np.uint64), 72_000)


def test_nothing_stays_open_after_reading(path: Path) -> None:
    content = files.read_session(path, lazy=True)
    content.units["unit_001"]["waveform"]

    open_files = h5py.h5f.get_obj_count(h5py.h5f.OBJ_ALL, h5py.h5f.OBJ_FILE)

    assert open_files == 0


def test_one_handle_serves_a_whole_step(path: Path) -> None:
    content = files.read_session(path, lazy=True)

    with files.reading([content.units]):
        path.unlink()
        assert len(content.units["unit_001"]["waveform"]) == 20_000
        assert len(content.units["unit_002"]["waveform"]) == 20_000


def test_a_read_can_be_refused_before_it_waits_for_a_file_that_another_thread_opens(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = next(entry for _, _, entry in unread_entries(files.read_session(path, lazy=True).units))
    entered, go_on = threading.Event(), threading.Event()
    really = h5.open_file

    def wait(*arguments: Any) -> Any:
        entered.set()
        assert go_on.wait(30)
        return really(*arguments)

    def refuse(source: Source) -> None:
        if source.is_held:
            raise TimeoutError("The drive does not answer.")

    monkeypatch.setattr(h5, "open_file", wait)
    reader = threading.Thread(target=array.read)
    reader.start()
    assert entered.wait(30)
    array.source.before_reading = refuse
    with pytest.raises(TimeoutError):
        array.read()
    go_on.set()
    reader.join()

    assert not array.source.is_held
    assert array.read().size


def test_reading_from_a_file_that_was_replaced_says_so(path: Path) -> None:
    content = files.read_session(path, lazy=True)
    other = files.write_session(path.with_name("other.h5"), sample_content(1, seed=9)).path
    os.replace(other, path)

    with pytest.raises(CheckpointError, match="replaced by another program"):
        content.units["unit_001"]["waveform"]


def test_reading_from_a_file_that_is_gone_says_so(path: Path) -> None:
    content = files.read_session(path, lazy=True)
    path.unlink()

    with pytest.raises(CheckpointError, match="Put the file back"):
        content.units["unit_001"]["waveform"]


def test_another_session_of_a_file_that_we_replaced_must_be_loaded_again(path: Path) -> None:
    mine = files.read_session(path, lazy=True)
    other = files.read_session(path, lazy=True)
    del mine.units["unit_002"]

    files.write_session(path, mine)

    assert len(mine.units["unit_001"]["waveform"]) == 20_000
    with pytest.raises(CheckpointError, match="Load it again"):
        other.units["unit_001"]["waveform"]


def test_unread_arrays_survive_writing_over_their_own_file(path: Path) -> None:
    expected = sample_content(2)
    content = files.read_session(path, lazy=True)
    content.units["unit_007"] = content.units.pop("unit_001")
    expected.units["unit_007"] = expected.units.pop("unit_001")
    count = unread(content.units)

    files.write_session(path, content)

    assert unread(content.units) == count
    assert_same(content.units, expected.units)
    assert_same(files.read_session(path).units, expected.units)


@pytest.mark.parametrize("layout", files.LAYOUTS)
def test_unread_arrays_survive_updates_of_their_file(
    path: Path, layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = sample_content(2)
    files.write_session(path, expected, layout=layout)
    content = files.read_session(path, lazy=True)
    for tree in (content, expected):
        tree.units["unit_001"]["features"]["frif"]["metadata"]["stale"] = True
        tree.units["unit_001"]["spike_times"] = np.arange(7, dtype=np.uint64)
    changed = [
        ("units", "unit_001", "features", "frif", "metadata", "stale"),
        ("units", "unit_001", "spike_times"),
    ]

    files.update_session(path, content, changed)
    content.metadata["note"] = "x"
    with monkeypatch.context() as patched:
        # What is unread is where it was: the file is not read again to find it.
        patched.setattr(Codec, "read", lambda *args: pytest.fail("the file is read"))
        files.update_session(path, content, [("metadata", "note")])

    assert unread(content.units) > 4 if layout == "columns" else unread(content.units)
    assert_same(content.units, expected.units)


def test_saving_elsewhere_leaves_unread_arrays_where_they_are_unless_asked(path: Path) -> None:
    content = files.read_session(path, lazy=True)
    new = path.with_name("new.h5")

    files.write_session(new, content)
    assert {entry.source.path for *_, entry in unread_entries(content.units)} == {path}

    files.write_session(new, content, bind=True)
    path.unlink()
    assert_same(content.units, sample_content(2).units)


def test_a_lazy_session_can_be_sent_to_another_process(path: Path) -> None:
    content = files.read_session(path, lazy=True)
    with files.reading([content.units]):
        sent = pickle.loads(pickle.dumps(content))

    assert unread(sent.units) == unread(content.units)
    assert_same(sent.units, content.units)


def test_unread_trials_that_are_moved_keep_their_meaning(path: Path) -> None:
    content = files.read_session(path, lazy=True)
    expected = sample_content(2).units["unit_001"]["spike_times_sectioned"][MOVIES[0]]
    moved = dict.__getitem__(content.units["unit_001"]["spike_times_sectioned"], MOVIES[0])
    assert isinstance(moved, Unread)
    dict.__setitem__(content.metadata, "kept", moved)

    files.write_session(path, content)

    assert_same(files.read_session(path).metadata["kept"], expected)


def test_a_file_with_the_same_revision_is_the_same_file_wherever_it_came_from(path: Path) -> None:
    content = files.read_session(path, lazy=True)
    copied = path.with_name("copied.h5")
    shutil.copyfile(path, copied)
    os.replace(copied, path)  # as a restore does, or a network drive that is mounted again

    assert len(content.units["unit_001"]["waveform"]) == 20_000


@pytest.mark.parametrize("lazy", [False, True])
def test_reading_says_how_far_it_is_and_can_be_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lazy: bool
) -> None:
    monkeypatch.setattr(files, "_REPORT_INTERVAL_S", 0.0)
    path = files.write_session(tmp_path / "result.h5", sample_content(20)).path
    seen: list[float] = []

    files.read_session(path, lazy=lazy, progress=lambda fraction, _text: seen.append(fraction))

    assert seen == sorted(seen)
    assert len(set(seen)) >= 15
    assert seen[-1] == 1.0

    def stop(fraction: float, _text: str) -> None:
        raise StepCancelled("Stopped.")

    with pytest.raises(StepCancelled):
        files.read_session(path, lazy=lazy, progress=stop)


def test_writing_can_be_stopped_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_REPORT_INTERVAL_S", 0.0)
    path = tmp_path / "result.h5"

    def stop(fraction: float, _text: str) -> None:
        assert fraction == 0.0
        raise StepCancelled("Stopped.")

    with pytest.raises(StepCancelled):
        files.write_session(path, sample_content(), progress=stop)

    assert list(tmp_path.iterdir()) == []


def test_where_the_end_of_the_work_is_known_the_file_stays_open_until_then(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    units = files.read_session(path, lazy=True).units
    (source,) = {entry.source for _, _, entry in unread_entries(units)}
    really, opened = h5.open_file, []
    monkeypatch.setattr(h5, "open_file", lambda path: opened.append(path) or really(path))

    with on_this_thread(lambda: None):
        for *_, entry in unread_entries(units):
            entry.read()
        assert len(opened) == 1
        with on_this_thread(lambda: None):
            next(entry for *_, entry in unread_entries(units)).read()
        detach_readers(path)
        next(entry for *_, entry in unread_entries(units)).read()

    assert source._file is None
    assert len(opened) <= 3


@pytest.mark.parametrize("layout", ["columns", "lab"])
def test_texts_of_any_length_that_another_program_stored_are_copied_unread(
    tmp_path: Path, layout: str
) -> None:
    session = PipelineSession("x")
    session.add_units({"unit_001": {"spike_times": np.arange(3, dtype=np.uint64)}})
    source = session.save(tmp_path / "x.h5", layout=layout)
    texts = np.array([f"text {number} " * 12 for number in range(5_000)], object)
    with h5py.File(source, "r+") as file:
        file.require_group("metadata").create_dataset("texts", data=texts, dtype=h5py.string_dtype())
    PipelineSession.load(source, lazy=True).save(tmp_path / "copy.h5")
    assert list(PipelineSession.load(tmp_path / "copy.h5").metadata["texts"]) == list(texts)
