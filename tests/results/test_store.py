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

from hdmea.results import files
from hdmea.results.content import SessionContent
from hdmea.results.sectioned import SectionedSpikes
from hdmea.results.sizes import estimate_nbytes
from hdmea.utils import h5
from hdmea.utils.arrays import AttrArray
from hdmea.utils.exceptions import CheckpointError, SessionError, ValidationError
from tests.results.arbitrary import values
from tests.results.exact import assert_exact as assert_same
from tests.results.session_samples import MOVIES, sample_content

FAST = settings(max_examples=60, suppress_health_check=list(HealthCheck))


def assert_same_content(found: SessionContent, expected: SessionContent) -> None:
    for field in dataclasses.fields(SessionContent):
        if field.name not in ("updated_at", "revision", "saved_by", "outputs", "trains", "replaced"):
            assert_same(getattr(found, field.name), getattr(expected, field.name), field.name)


def _is_storable(edit: tuple[tuple[str, ...], Any]) -> bool:
    """Whether the names of features are texts: others are refused before anything is written."""
    place, value = edit
    return (
        place[-1] != "features" or not isinstance(value, dict) or all(isinstance(key, str) for key in value)
    )


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
                ("units", "unit_002", "features", "x"),
                ("units", "unit_002", "features", "sta_x"),
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
    ).filter(_is_storable),
    max_size=4,
)


@settings(FAST)
@given(EDITS, st.booleans(), st.sampled_from(files.LAYOUTS))
def test_updating_changed_paths_equals_writing_the_whole(edits: Any, lazy: bool, layout: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = files.write_session(Path(folder) / "x.h5", sample_content(2), layout=layout).path
        content = files.read_session(path, lazy=lazy)
        for place, value in edits:
            apply_edit(content, place, value)

        files.update_session(path, content, [place for place, _ in edits])

        assert_same_content(files.read_session(path), content)


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
    path = files.write_session(tmp_path / "x.h5", content).path

    with h5py.File(path) as file:
        assert set(file.attrs) == {
            "dataset_id", "created_at", "updated_at", "hdmea_version", "schema_version", "revision",
            "stage1_completed",
        }  # fmt: skip
        assert file.attrs["schema_version"] == 2
        assert file.attrs["stage1_completed"] == np.True_
        units = file["units"]
        assert units["id"].asstr()[:].tolist() == ["unit_001"]
        assert units["original_name"].asstr()[0] == "Unit µ/1"
        assert (units["row"].dtype, units["row"].shape) == (np.int64, (1,))
        assert units["spike_times"].dtype == np.uint64
        assert units["spike_times"].attrs["unit"] == "sample_index"
        assert units["sorter/snr"][:].tolist() == [5.5]
        ranges = units["trials"][MOVIES[0]]
        assert (ranges.dtype, ranges.shape) == (np.int64, (1, 2, 2))
        frif = units["features/frif"]
        assert frif.attrs["hdmea_feature"] == "frif"
        assert frif.attrs["hdmea_stale"] == np.False_
        assert frif["mean"][:].tolist() == [2.5]
        assert frif["FRIF"].shape == (1, 7)
        image = units["features/eimage_sta"]
        assert image["data"].shape == (1, 5, 4, 4)
        assert image.attrs["n_spikes_used"] == 12
        assert image["geometry/center_row"][:].tolist() == [2.0]
        assert file["stimulus/section_time"][MOVIES[0]].attrs["content_frame"].tolist() == [5]
        assert file["source_files/cmcr_path"].asstr()[()] == "/data/é.cmcr"
        steps = file["pipeline/completed_steps"].asstr()[:].tolist()
        assert steps == ["load_recording", "add_section_time", "a_step"]
        assert file["pipeline/warnings"].asstr()[:].tolist() == ["first µ", "", "second"]
        assert json.loads(file["pipeline/steps/load_recording"].asstr()[()])["version"] == "1"


def test_ragged_spike_trains_are_one_dataset_with_an_index(tmp_path: Path) -> None:
    trains = {"unit_001": [1, 5, 9], "unit_002": [], "unit_003": [2, 4]}
    units = {unit_id: {"spike_times": np.array(train, np.uint64)} for unit_id, train in trains.items()}

    path = files.write_session(tmp_path / "x.h5", SessionContent("x", units=units)).path

    with h5py.File(path) as file:
        assert file["units/spike_times"][:].tolist() == [1, 5, 9, 2, 4]
        assert file["units/spike_times%index"][:].tolist() == [0, 3, 3, 5]


def test_a_unit_without_a_value_has_a_mask_and_a_row_that_says_so(tmp_path: Path) -> None:
    units: dict[str, Any] = {
        "unit_001": {"snr": 2.0, "tag": "a", "n": 1, "good": True, "image": np.ones((90, 90))},
        "unit_002": {"snr": float("nan"), "tag": None},
        "unit_003": {},
    }

    path = files.write_session(tmp_path / "x.h5", SessionContent("x", units=units)).path

    with h5py.File(path) as file:
        group = file["units"]
        assert group["snr%mask"][:].tolist() == [True, True, False]
        assert np.isnan(group["snr"][1:]).all()
        assert group["tag"].asstr()[:].tolist() == ["a", "", ""]
        assert group["tag%mask"][:].tolist() == [True, False, False]
        assert group["tag%none"][:].tolist() == [False, True, False]
        assert group["n"][:].tolist() == [1, 0, 0]
        assert group["good"][:].tolist() == [True, False, False]
        assert np.isnan(group["image"][1:]).all()
        assert group["image"].chunks == (1, 90, 90)
        assert group["image"].id.get_storage_size() == 90 * 90 * 8, "absent units take no space"
    assert_same(files.read_session(path).units, units)


def test_light_is_stored_as_integers_and_comes_back_bit_by_bit(tmp_path: Path) -> None:
    counts = np.random.default_rng(0).integers(-30_000, 30_000, 100_000).astype(np.float32)
    gaps = counts.copy()
    gaps[500:900] = np.nan
    odd = counts.copy()
    odd[7] = -0.0
    light = {"counts": AttrArray(counts, {"unit": "counts"}), "gaps": gaps, "wide": counts * 100, "odd": odd}
    stimulus = {"light_reference": light, "other": counts + 0.5}

    path = files.write_session(tmp_path / "x.h5", SessionContent("x", stimulus=stimulus)).path

    with h5py.File(path) as file:
        stored = file["stimulus/light_reference"]
        assert (stored["counts"].dtype, stored["wide"].dtype) == (np.int16, np.int32)
        assert (stored["odd"].dtype, file["stimulus/other"].dtype) == (np.float32, np.float32)
        scaled = stored["gaps"][:400] * stored["gaps"].attrs["scale"] + stored["gaps"].attrs["offset"]
        assert np.array_equal(scaled, gaps[:400])
    for lazy in (False, True):
        assert_same(files.read_session(path, lazy=lazy).stimulus, stimulus)
    copy = files.write_session(tmp_path / "copy.h5", files.read_session(path, lazy=True)).path
    assert_same(files.read_session(copy).stimulus, stimulus)


def test_the_format_is_that_of_hdf5_1_10(tmp_path: Path) -> None:
    path = files.write_session(tmp_path / "x.h5", sample_content(1)).path

    head = path.read_bytes()[:9]

    assert head[:8] == b"\x89HDF\r\n\x1a\n"
    assert (
        head[8] == 3
    )  # version of the superblock: 3 came with 1.10, later ones have not changed it for v110
    with h5py.File(path) as file:
        for name in ("spike_times", "features/eimage_sta/data"):
            assert file["units"][name].id.get_create_plist().get_layout() == h5py.h5d.CONTIGUOUS


def test_trials_of_other_spikes_than_the_units_own_are_stored_in_full(tmp_path: Path) -> None:
    content = sample_content(1)
    unit = content.units["unit_001"]
    old = unit["spike_times_sectioned"][MOVIES[0]]
    unit["spike_times"] = np.arange(5, dtype=np.uint64)

    path = files.write_session(tmp_path / "x.h5", content).path

    found = files.read_session(path).units["unit_001"]["spike_times_sectioned"][MOVIES[0]]
    assert_same(found, old)


def test_a_value_that_cannot_be_stored_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    content = sample_content(1)
    content.units["unit_001"]["features"]["x"] = {"data": {"y": object()}, "metadata": {}}

    with pytest.raises(ValidationError, match=r"units/unit_001/features/x/data/y is of a kind .* object"):
        files.write_session(tmp_path / "x.h5", content)

    assert list(tmp_path.iterdir()) == []


def test_a_session_that_contains_itself_is_refused(tmp_path: Path) -> None:
    content = sample_content(1)
    content.metadata["again"] = content.metadata

    with pytest.raises(ValidationError, match="contains itself"):
        files.write_session(tmp_path / "x.h5", content)


def test_an_existing_file_is_kept_unless_overwriting_is_allowed(tmp_path: Path) -> None:
    path = files.write_session(tmp_path / "x.h5", sample_content(1)).path
    before = path.read_bytes()

    with pytest.raises(FileExistsError):
        files.write_session(path, sample_content(2), overwrite=False)

    assert path.read_bytes() == before
    files.write_session(path, sample_content(2))
    assert files.summarize(path).n_units == 2


def test_of_many_writers_without_overwriting_exactly_one_succeeds(tmp_path: Path) -> None:
    results: list[str] = []

    def write(seed: int) -> None:
        try:
            files.write_session(tmp_path / "x.h5", sample_content(1, seed), overwrite=False)
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
        files.read_session(tmp_path / "missing.h5")
    text = tmp_path / "text.h5"
    text.write_text("no HDF5")
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["x"] = 1
    whole = files.write_session(tmp_path / "whole.h5", sample_content(1)).path
    cut = tmp_path / "cut.h5"
    cut.write_bytes(whole.read_bytes()[:-5000])
    for path in (text, other, cut, tmp_path):
        for read in (files.read_session, files.summarize):
            with pytest.raises(CheckpointError, match=path.name):
                read(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty (0 bytes)"),
        (b"Dear colleague", "is not a result file: its contents are not HDF5"),
        (None, "is incomplete: it is shorter than its header states"),
    ],
)
def test_why_a_file_is_no_result_is_said_in_our_own_words(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    path = tmp_path / "x.h5"
    if content is None:
        files.write_session(path, sample_content(1))
        content = path.read_bytes()[:-5000]
    path.write_bytes(content)

    with pytest.raises(CheckpointError, match=re.escape(said)) as raised:
        files.read_session(path)

    assert "synchronously" not in str(raised.value)


def test_a_damaged_file_is_refused_with_its_name(tmp_path: Path) -> None:
    path = files.write_session(tmp_path / "x.h5", sample_content(1)).path
    with h5py.File(path, "r+") as file:
        file["pipeline/steps/load_recording"][()] = "{no JSON"

    with pytest.raises(CheckpointError, match=r"x\.h5 is damaged"):
        files.read_session(path)


def test_a_newer_file_opens_read_only_or_is_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = files.write_session(tmp_path / "x.h5", sample_content(1)).path
    with h5py.File(path, "r+") as file:
        file.attrs["schema_version"] = 3

    with caplog.at_level(logging.WARNING):
        content = files.read_session(path)
    assert content.read_only
    assert "newer version" in caplog.text
    with pytest.raises(SessionError, match="newer version"):
        files.update_session(path, content, [("metadata",)])
    with h5py.File(path, "r+") as file:
        file.attrs["min_schema_version"] = 3
    with pytest.raises(CheckpointError, match="Update this program"):
        files.read_session(path)


def test_a_file_of_a_preliminary_build_is_refused_by_name(tmp_path: Path) -> None:
    path = files.write_session(tmp_path / "x.h5", sample_content(1)).path
    with h5py.File(path, "r+") as file:
        file.attrs["schema_version"] = 1

    for read in (files.read_session, files.summarize):
        with pytest.raises(CheckpointError, match="made by a preliminary build"):
            read(path)


def test_a_file_that_another_program_wrote_is_kept_unless_that_is_meant(tmp_path: Path) -> None:
    held = files.write_session(tmp_path / "x.h5", sample_content(1))
    other = files.write_session(held.path, sample_content(2))

    with pytest.raises(FileExistsError, match=r"was written by .* at \d{4}-.*UTC"):
        files.write_session(held.path, sample_content(1), held=held)
    with pytest.raises(FileExistsError, match="after this session"):
        files.update_session(held.path, sample_content(1), [("metadata",)], held=held)

    assert files.summarize(held.path).revision == other.revision
    again = files.write_session(held.path, sample_content(1), held=held, overwrite="other")
    assert files.summarize(held.path).revision == again.revision
    held.path.unlink()
    files.write_session(held.path, sample_content(1), held=held)


def test_summary_says_what_a_file_holds(tmp_path: Path) -> None:
    content = dataclasses.replace(sample_content(2), checkpoint_name="after µ", save_state="deferred")
    path = files.write_session(tmp_path / "x.h5", content).path

    summary = files.summarize(path)

    assert summary.n_units == 2
    assert summary.completed_steps == ("load_recording", "add_section_time", "a_step")
    assert summary.checkpoint_name == "after µ"
    assert summary.save_state == "deferred"
    assert summary.size == path.stat().st_size
    assert (summary.dataset_id, summary.schema_version) == (content.dataset_id, 2)


@pytest.mark.parametrize("compression", ["lzf", "gzip"])
def test_compression_changes_size_and_nothing_else(tmp_path: Path, compression: str) -> None:
    content = SessionContent("x", metadata={"zeros": np.zeros((300, 4000)), "few": np.arange(3)})

    plain = files.write_session(tmp_path / "plain.h5", content).path
    small = files.write_session(tmp_path / "small.h5", content, compression=compression).path

    assert small.stat().st_size < plain.stat().st_size / 10
    assert_same_content(files.read_session(small), content)
    unread = files.read_session(plain, lazy=True)
    again = files.write_session(tmp_path / "again.h5", unread, compression=compression).path
    assert again.stat().st_size < plain.stat().st_size / 10
    assert_same_content(files.read_session(again), content)


def test_an_unknown_compression_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="zip"):
        files.write_session(tmp_path / "x.h5", SessionContent("x"), compression="zip")


@pytest.mark.parametrize("shape", [(5_000_000,), (3, 3_000_000), (2, 2, 1_500_000), (20, 1000, 250)])
def test_large_arrays_go_through_in_slices(tmp_path: Path, shape: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape), dtype=np.float64).reshape(shape)
    content = SessionContent("x", metadata={"a": array, "b": AttrArray(array.T, {"unit": "V"})})

    path = files.write_session(tmp_path / "x.h5", content).path
    unread = files.read_session(path, lazy=True)
    copy = files.write_session(tmp_path / "copy.h5", unread).path

    found = files.read_session(copy).metadata
    assert np.array_equal(found["a"], array)
    assert np.array_equal(found["b"], array.T)
    assert found["b"].attrs == {"unit": "V"}


def test_estimate_counts_everything_once_at_any_depth(tmp_path: Path) -> None:
    spikes = np.zeros(10, np.uint64)
    sections = SectionedSpikes([[0, 2]], spikes, np.zeros((1, 2), np.int64))
    tree = {"a": spikes, "b": {"c": [spikes, np.zeros(5, np.float32)]}, "s": sections, "t": "µ"}

    assert estimate_nbytes(tree) == 80 + 20 + 2 * 8 + 16 + 2

    path = files.write_session(tmp_path / "x.h5", SessionContent("x", metadata={"a": np.zeros(10_000)})).path
    unread = files.read_session(path, lazy=True).metadata
    assert estimate_nbytes(unread) == 0
    assert estimate_nbytes(unread, include_unread=True) == 80_000
    assert estimate_nbytes({"a": unread["a"], "b": unread}) == 80_000


@pytest.mark.parametrize("layout", files.LAYOUTS)
def test_updating_does_not_let_the_file_grow_without_end(tmp_path: Path, layout: str) -> None:
    content = sample_content(2)
    content.units["unit_001"]["features"]["x"] = {"data": np.zeros(100_000), "metadata": {}}
    path = files.write_session(tmp_path / "x.h5", content, layout=layout).path
    size = path.stat().st_size

    for number in range(12):
        # Each is a little longer, so that it does not fit where the one before was.
        data = np.full(100_000 + 100 * number, number)
        content.units["unit_001"]["features"]["x"] = {"data": data, "metadata": {}}
        files.update_session(path, content, [("units", "unit_001", "features", "x")])

    assert path.stat().st_size < size + 6 * 800_000


def test_a_file_that_may_not_be_read_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = files.write_session(tmp_path / "x.h5", sample_content(1)).path

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Unable to synchronously open file (o_flags = 0)")

    monkeypatch.setattr(h5, "open_file", refuse)
    with pytest.raises(PermissionError, match=r"x\.h5 may not be read with your account"):
        files.read_session(path)
