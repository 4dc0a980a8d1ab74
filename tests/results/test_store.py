"""Result files: the whole session, exactly, in the documented places."""

from __future__ import annotations

import dataclasses
import json
import logging
import re
import tempfile
import threading
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hdmea.results import hdf5_store
from hdmea.results.hdf5_store import SessionContent
from hdmea.results.sectioned import SectionedSpikes
from hdmea.utils import h5
from hdmea.utils.arrays import AttrArray
from hdmea.utils.exceptions import CheckpointError, SessionError, ValidationError
from tests.results.same import assert_same
from tests.results.session_samples import MOVIES, sample_content
from tests.results.strategies import trees, units, values

FAST = settings(max_examples=60, suppress_health_check=list(HealthCheck))


def assert_same_content(found: SessionContent, expected: SessionContent) -> None:
    for field in dataclasses.fields(SessionContent):
        if field.name not in ("updated_at", "read_only", "layout", "schema_version"):
            assert_same(getattr(found, field.name), getattr(expected, field.name), field.name)


@settings(FAST)
@given(
    st.dictionaries(st.sampled_from(["unit_001", "unit_002"]), units),
    trees,
    trees,
    trees,
    trees,
    st.lists(st.text()),
)
def test_any_session_round_trips_exactly(
    unit_tree: Any, metadata: Any, stimulus: Any, source_files: Any, extra: Any, warnings: list[str]
) -> None:
    content = SessionContent(
        "x",
        units=unit_tree,
        metadata=metadata,
        stimulus=stimulus,
        source_files=source_files,
        extra=extra,
        warnings=warnings,
        completed_steps=["b", "a"],
    )
    with tempfile.TemporaryDirectory() as folder:
        path = hdf5_store.write_session(Path(folder) / "x.h5", content)
        assert_same_content(hdf5_store.read_session(path), content)
        unread = hdf5_store.read_session(path, lazy=True)
        copy = hdf5_store.write_session(Path(folder) / "copy.h5", unread)
        assert_same_content(unread, content)
        assert_same_content(hdf5_store.read_session(copy), content)


REMOVE = object()
EDITS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                ("units", "unit_001"),
                ("units", "unit_001", "row"),
                ("units", "unit_001", "spike_times"),
                ("units", "unit_001", "new/array"),
                ("units", "unit_001", "unit_meta", "snr"),
                ("units", "unit_001", "spike_times_sectioned", MOVIES[0]),
                ("units", "unit_002", "features"),
                ("units", "unit_002", "features", "frif"),
                ("units", "unit_002", "features", "frif", "metadata", "stale"),
                ("units", "unit_002", "features", "frif", "metadata", "params"),
                ("units", "unit_002", "features", "frif", "data", "mean"),
                ("units", "unit_002", "features", "eimage_sta", "metadata", "stale"),
                ("units", "unit_002", "features", "eimage_sta", "metadata", "n_spikes_used"),
                ("units", "unit_002", "features", "eimage_sta", "geometry"),
                ("metadata", "sys_meta", "FileVersion"),
                ("metadata", "sys_meta", "new"),
                ("metadata", "frame_timestamps"),
                ("stimulus", "trial_time", MOVIES[0]),
                ("stimulus", "trial_time"),
                ("stimulus",),
                ("source_files", "cmcr_path"),
            ]
        ),
        st.just(REMOVE) | values,
    ),
    max_size=4,
)


@settings(FAST)
@given(EDITS, st.booleans())
def test_updating_changed_paths_equals_writing_the_whole(edits: Any, lazy: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = hdf5_store.write_session(Path(folder) / "x.h5", sample_content(2))
        content = hdf5_store.read_session(path, lazy=lazy)
        for place, value in edits:
            apply_edit(content, place, value)

        hdf5_store.update_session(path, content, [place for place, _ in edits])

        assert_same_content(hdf5_store.read_session(path), content)


def apply_edit(content: SessionContent, place: tuple[str, ...], value: Any) -> None:
    *parents, name = place
    node: Any = {tree: getattr(content, tree) for tree in ("units", "metadata", "stimulus", "source_files")}
    for parent in parents:
        if not isinstance(node, dict) or parent not in node:
            return
        node = node[parent]
    if not isinstance(node, dict):
        return
    if not parents:
        content.stimulus.clear()
    elif place[:1] == ("units",) and len(place) == 2:
        node.pop(name, None)
    elif value is REMOVE:
        node.pop(name, None)
    else:
        node[name] = value


def test_the_file_has_the_documented_form(tmp_path: Path) -> None:
    content = sample_content(1)
    path = hdf5_store.write_session(tmp_path / "x.h5", content)

    with h5py.File(path) as file:
        assert set(file.attrs) == {
            "dataset_id", "created_at", "updated_at", "hdmea_version", "schema_version", "stage1_completed",
        }  # fmt: skip
        assert file.attrs["schema_version"] == 1
        assert file.attrs["stage1_completed"] == np.True_
        unit = file["units/unit_001"]
        assert {"row", "col", "sensor_id", "unit_num", "original_name", "spike_count"} <= set(unit.attrs)
        assert unit.attrs["original_name"] == "Unit µ/1"
        assert unit["spike_times"].dtype == np.uint64
        assert unit["spike_times"].attrs["unit"] == "sample_index"
        assert unit["unit_meta"].attrs["snr"] == 5.5
        ranges = unit["spike_times_sectioned"][MOVIES[0]]
        assert (ranges.dtype, ranges.shape) == (np.int64, (2, 2))
        assert not ranges.attrs
        frif = unit["features/frif"]
        assert frif.attrs["hdmea_feature"] == "frif"
        assert json.loads(frif.attrs["hdmea_params"]) == {"bins": 10}
        assert frif.attrs["hdmea_stale"] == np.False_
        assert frif.attrs["mean"] == 2.5
        assert frif["FRIF"].shape == (7,)
        image = unit["features/eimage_sta"]
        assert image["data"].attrs["n_spikes_used"] == 12
        assert image["geometry"].attrs["center_row"] == 2.0
        assert file["stimulus/section_time"][MOVIES[0]].attrs["content_frame"].tolist() == [5]
        assert file["source_files"].attrs["cmcr_path"] == "/data/é.cmcr"
        steps = file["pipeline/session_info/completed_steps"].asstr()[:].tolist()
        assert steps == ["load_recording", "add_section_time", "a_step"]
        assert file["pipeline/session_info/warnings"].asstr()[:].tolist() == ["first µ", "", "second"]
        assert file["pipeline"].attrs["stage1_timestamp"] == "2025-04-10T12:00:00"
        assert file["pipeline/steps/load_recording"].attrs["version"] == "1"


def test_the_format_is_that_of_hdf5_1_10(tmp_path: Path) -> None:
    path = hdf5_store.write_session(tmp_path / "x.h5", sample_content(1))

    head = path.read_bytes()[:9]

    assert head[:8] == b"\x89HDF\r\n\x1a\n"
    assert (
        head[8] == 3
    )  # version of the superblock: 3 came with 1.10, later ones have not changed it for v110
    with h5py.File(path) as file:
        for name in ("spike_times", "features/eimage_sta/data"):
            assert file["units/unit_001"][name].id.get_create_plist().get_layout() == h5py.h5d.CONTIGUOUS


def test_trials_of_other_spikes_than_the_units_own_are_stored_in_full(tmp_path: Path) -> None:
    content = sample_content(1)
    unit = content.units["unit_001"]
    old = unit["spike_times_sectioned"][MOVIES[0]]
    unit["spike_times"] = np.arange(5, dtype=np.uint64)

    path = hdf5_store.write_session(tmp_path / "x.h5", content)

    found = hdf5_store.read_session(path).units["unit_001"]["spike_times_sectioned"][MOVIES[0]]
    assert_same(found, old)


def test_a_value_that_cannot_be_stored_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    content = sample_content(1)
    content.units["unit_001"]["features"]["x"] = {"data": {"y": object()}, "metadata": {}}

    with pytest.raises(ValidationError, match="units/unit_001/features/x/data/y is a object"):
        hdf5_store.write_session(tmp_path / "x.h5", content)

    assert list(tmp_path.iterdir()) == []


def test_a_session_that_contains_itself_is_refused(tmp_path: Path) -> None:
    content = sample_content(1)
    content.metadata["again"] = content.metadata

    with pytest.raises(ValidationError, match="contains itself"):
        hdf5_store.write_session(tmp_path / "x.h5", content)


def test_an_existing_file_is_kept_unless_overwriting_is_allowed(tmp_path: Path) -> None:
    path = hdf5_store.write_session(tmp_path / "x.h5", sample_content(1))
    before = path.read_bytes()

    with pytest.raises(FileExistsError):
        hdf5_store.write_session(path, sample_content(2), overwrite=False)

    assert path.read_bytes() == before
    hdf5_store.write_session(path, sample_content(2))
    assert hdf5_store.summarize(path).n_units == 2


def test_of_many_writers_without_overwriting_exactly_one_succeeds(tmp_path: Path) -> None:
    results: list[str] = []

    def write(seed: int) -> None:
        try:
            hdf5_store.write_session(tmp_path / "x.h5", sample_content(1, seed), overwrite=False)
            results.append("written")
        except FileExistsError:
            results.append("exists")

    threads = [threading.Thread(target=write, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(results) == ["exists"] * 5 + ["written"]
    assert [path.name for path in tmp_path.iterdir()] == ["x.h5"]


def test_what_is_no_session_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        hdf5_store.read_session(tmp_path / "missing.h5")
    text = tmp_path / "text.h5"
    text.write_text("no HDF5")
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["x"] = 1
    whole = hdf5_store.write_session(tmp_path / "whole.h5", sample_content(1))
    cut = tmp_path / "cut.h5"
    cut.write_bytes(whole.read_bytes()[:-5000])
    for path in (text, other, cut, tmp_path):
        for read in (hdf5_store.read_session, hdf5_store.summarize):
            with pytest.raises(CheckpointError, match=path.name):
                read(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty (0 bytes)"),
        (b"Dear colleague", "is no result file: what is in it is not HDF5"),
        (None, "is incomplete: it is shorter than it says itself"),
    ],
)
def test_why_a_file_is_no_result_is_said_in_our_own_words(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    path = tmp_path / "x.h5"
    if content is None:
        hdf5_store.write_session(path, sample_content(1))
        content = path.read_bytes()[:-5000]
    path.write_bytes(content)

    with pytest.raises(CheckpointError, match=re.escape(said)) as raised:
        hdf5_store.read_session(path)

    assert "synchronously" not in str(raised.value)


def test_a_damaged_file_is_refused_with_its_name(tmp_path: Path) -> None:
    path = hdf5_store.write_session(tmp_path / "x.h5", sample_content(1))
    with h5py.File(path, "r+") as file:
        file["units/unit_001/features/frif"].attrs["hdmea_params"] = "{no JSON"

    with pytest.raises(CheckpointError, match=r"x\.h5 is damaged"):
        hdf5_store.read_session(path)


def test_a_newer_file_opens_read_only_or_is_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = hdf5_store.write_session(tmp_path / "x.h5", sample_content(1))
    with h5py.File(path, "r+") as file:
        file.attrs["schema_version"] = 2

    with caplog.at_level(logging.WARNING):
        content = hdf5_store.read_session(path)
    assert content.read_only
    assert content.schema_version == 2
    assert "newer version" in caplog.text
    with pytest.raises(SessionError, match="newer version"):
        hdf5_store.update_session(path, content, [("metadata",)])
    with h5py.File(path, "r+") as file:
        file.attrs["min_schema_version"] = 2
    with pytest.raises(CheckpointError, match="Update this program"):
        hdf5_store.read_session(path)


def test_summary_says_what_a_file_holds(tmp_path: Path) -> None:
    content = dataclasses.replace(sample_content(2), checkpoint_name="after µ", save_state="deferred")
    path = hdf5_store.write_session(tmp_path / "x.h5", content)

    summary = hdf5_store.summarize(path)

    assert summary.n_units == 2
    assert summary.completed_steps == ("load_recording", "add_section_time", "a_step")
    assert summary.checkpoint_name == "after µ"
    assert summary.save_state == "deferred"
    assert summary.size == path.stat().st_size
    assert (summary.dataset_id, summary.schema_version) == (content.dataset_id, 1)


@pytest.mark.parametrize("compression", ["lzf", "gzip"])
def test_compression_changes_size_and_nothing_else(tmp_path: Path, compression: str) -> None:
    content = SessionContent("x", metadata={"zeros": np.zeros((300, 4000)), "few": np.arange(3)})

    plain = hdf5_store.write_session(tmp_path / "plain.h5", content)
    small = hdf5_store.write_session(tmp_path / "small.h5", content, compression=compression)

    assert small.stat().st_size < plain.stat().st_size / 10
    assert_same_content(hdf5_store.read_session(small), content)
    unread = hdf5_store.read_session(plain, lazy=True)
    again = hdf5_store.write_session(tmp_path / "again.h5", unread, compression=compression)
    assert again.stat().st_size < plain.stat().st_size / 10
    assert_same_content(hdf5_store.read_session(again), content)


def test_an_unknown_compression_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="zip"):
        hdf5_store.write_session(tmp_path / "x.h5", SessionContent("x"), compression="zip")


@pytest.mark.parametrize("shape", [(5_000_000,), (3, 3_000_000), (2, 2, 1_500_000), (20, 1000, 250)])
def test_large_arrays_go_through_in_slices(tmp_path: Path, shape: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape), dtype=np.float64).reshape(shape)
    content = SessionContent("x", metadata={"a": array, "b": AttrArray(array.T, {"unit": "V"})})

    path = hdf5_store.write_session(tmp_path / "x.h5", content)
    unread = hdf5_store.read_session(path, lazy=True)
    copy = hdf5_store.write_session(tmp_path / "copy.h5", unread)

    found = hdf5_store.read_session(copy).metadata
    assert np.array_equal(found["a"], array)
    assert np.array_equal(found["b"], array.T)
    assert found["b"].attrs == {"unit": "V"}


def test_estimate_counts_everything_once_at_any_depth(tmp_path: Path) -> None:
    spikes = np.zeros(10, np.uint64)
    sections = SectionedSpikes([[0, 2]], spikes, np.zeros((1, 2), np.int64))
    tree = {"a": spikes, "b": {"c": [spikes, np.zeros(5, np.float32)]}, "s": sections, "t": "µ"}

    assert hdf5_store.estimate_nbytes(tree) == 80 + 20 + 2 * 8 + 16 + 2

    path = hdf5_store.write_session(tmp_path / "x.h5", SessionContent("x", metadata={"a": np.zeros(100)}))
    unread = hdf5_store.read_session(path, lazy=True).metadata
    assert hdf5_store.estimate_nbytes(unread) == 0
    assert hdf5_store.estimate_nbytes(unread, include_unread=True) == 800
    assert hdf5_store.estimate_nbytes({"a": unread["a"], "b": unread}) == 800


def test_updating_does_not_let_the_file_grow_without_end(tmp_path: Path) -> None:
    content = sample_content(2)
    content.units["unit_001"]["features"]["x"] = {"data": np.zeros(100_000), "metadata": {}}
    path = hdf5_store.write_session(tmp_path / "x.h5", content)
    size = path.stat().st_size

    for number in range(12):
        content.units["unit_001"]["features"]["x"] = {"data": np.full(100_000, number), "metadata": {}}
        hdf5_store.update_session(path, content, [("units", "unit_001", "features", "x")])

    assert path.stat().st_size < size + 2 * 800_000


def test_a_file_that_may_not_be_read_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = hdf5_store.write_session(tmp_path / "x.h5", sample_content(1))

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Unable to synchronously open file (o_flags = 0)")

    monkeypatch.setattr(h5, "open_file", refuse)
    with pytest.raises(PermissionError, match=r"x\.h5 may not be read with your account"):
        hdf5_store.read_session(path)
