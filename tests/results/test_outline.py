"""What is listed of a session is what its file then holds: names, kinds, shapes, types, attributes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdmea.pipeline.session import PipelineSession, SaveState
from hdmea.results.content import StepProvenance
from hdmea.results.outline import FileOutline, OutlineEntry
from hdmea.results.sectioned import SectionedSpikes
from hdmea.utils.arrays import AttrArray

LIGHT = np.arange(60_000, dtype=np.float32)
Facts = dict[tuple[str, str], tuple[Any, ...]]


def make_session() -> PipelineSession:
    session = PipelineSession("2025.04.10-Rec")
    spikes = np.arange(40, dtype=np.uint64) * 100
    trials = np.array([[0, 1000], [1000, 4000]])
    session.add_stimulus({"trial_time": {"bar": trials}, "light_reference": {"raw_ch1": LIGHT}})
    for number in (1, 2):
        session.add_units(
            {
                f"unit_{number:03d}": {
                    "row": number,
                    "original_name": "µ/1",
                    "spike_times": AttrArray(spikes, {"unit": "sample_index"}),
                    "unit_meta": {"snr": 4.5, "tags": ["a", "b"], "nothing": None},
                    "spike_times_sectioned": {
                        "bar": SectionedSpikes(np.array([[0, 10], [10, 40]]), spikes, trials)
                    },
                }
            }
        )
        unit = f"unit_{number:03d}"
        session.add_feature(unit, "moving_bar", {"dsi": 0.25, "curve": np.arange(6.0)}, {"params": {"a": 1}})
        session.add_feature(unit, "sta_noise", np.zeros((3, 4, 5), np.float32), {"cover_range": [-3, 0]})
    session.add_metadata(
        {
            "name/with slash": "text",
            "flags": np.array([True, False]),
            "words": np.array(["one", "two"], object),
            "fixed": np.array(["ab", "c"]),
            "empty": np.zeros((0, 2)),
            "mixed": [1, "a", None],
            "long": "x" * 70_000,
        }
    )
    session.mark_step_complete("load_recording")
    session.steps["load_recording"] = StepProvenance(finished_at="2025-01-01T00:00:00+00:00")
    return session


def listed(session: PipelineSession) -> FileOutline:
    return FileOutline(session.content(SaveState.SAVED, checkpoint_name=None))


def facts_listed(outline: FileOutline) -> Facts:
    found: Facts = {}
    for entry in outline.walk():
        found["/".join(entry.path), entry.kind] = (entry.shape, entry.dtype)
    return found


def facts_of_file(path: Path) -> Facts:
    found: Facts = {}

    def note(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found[name, "dataset"] = (item.shape, _type_name(item.dtype))
        elif name:
            found[name, "group"] = (None, "")
        for key in item.attrs:
            attribute = item.attrs.get_id(key)
            null = attribute.get_space().get_simple_extent_type() == h5py.h5s.NULL
            place = f"{name}/{key}" if name else key
            found[place, "attribute"] = (None, "") if null else (attribute.shape, _type_name(attribute.dtype))

    with h5py.File(path) as file:
        note("", file)
        file.visititems(note)
    return found


def _type_name(dtype: np.dtype[Any]) -> str:
    return "text" if h5py.check_string_dtype(dtype) else str(dtype)


def entry(outline: FileOutline, *path: str) -> OutlineEntry:
    return next(found for found in outline.below(path[:-1]) if found.path == path)


def test_what_is_listed_is_what_is_written(tmp_path: Path) -> None:
    session = make_session()
    before = facts_listed(listed(session))

    path = session.save(tmp_path / "result.h5")

    assert before == facts_of_file(path)


def test_a_session_that_reads_from_its_file_is_listed_the_same(tmp_path: Path) -> None:
    path = make_session().save(tmp_path / "result.h5")
    lazy = PipelineSession.load(path, lazy=True)

    outline = listed(lazy)

    assert facts_listed(outline) == facts_of_file(path)
    light = entry(outline, "stimulus", "light_reference", "raw_ch1")
    assert light.memory_nbytes < 4 * LIGHT.size < light.file_nbytes + 100_000
    assert light.memory_nbytes < 1000, "not read, and not read by listing it"


def test_scalars_stand_beside_their_names_and_arrays_show_their_first_values() -> None:
    outline = listed(make_session())

    assert entry(outline, "units", "row").value == "1, 2"
    assert entry(outline, "units", "original_name").value == "µ/1, µ/1"
    assert entry(outline, "units", "features", "moving_bar", "dsi").value == "0.25, 0.25"
    assert entry(outline, "metadata", "mixed", "1").value == "a"
    assert entry(outline, "dataset_id").value == "2025.04.10-Rec"
    assert entry(outline, "stimulus", "trial_time", "bar").value == "0, 1000, 1000, 4000"


def test_sizes_add_up_to_nearly_the_size_of_the_file(tmp_path: Path) -> None:
    session = make_session()
    session.add_metadata({"large": np.zeros(200_000)})

    total = sum(found.file_nbytes for found in listed(session).below())
    size = session.save(tmp_path / "result.h5").stat().st_size

    assert total == pytest.approx(size, rel=0.1)


def test_a_group_counts_everything_below_it() -> None:
    outline = listed(make_session())

    units = entry(outline, "units")
    below = outline.below(("units",))
    assert units.n_below == len(below)
    assert {"id", "row", "spike_times", "spike_times%index", "trials", "features"} <= {
        found.path[-1] for found in below
    }
    assert units.memory_nbytes == sum(found.memory_nbytes for found in below)


def test_names_are_found_anywhere() -> None:
    found, total = listed(make_session()).find("SNR", 1)

    assert [hit.path for hit in found] == [("units", "sorter", "snr")]
    assert total == 1


@pytest.mark.parametrize("lazy", [False, True])
def test_values_are_given_in_part(tmp_path: Path, lazy: bool) -> None:
    session = make_session()
    session.add_metadata({"large": np.arange(3 * 300 * 40).reshape(3, 300, 40)})
    if lazy:
        session = PipelineSession.load(session.save(tmp_path / "result.h5"), lazy=True)
    outline = listed(session)

    spikes = outline.values(("units", "spike_times"), "dataset")
    assert spikes.values.tolist()[:40] == [100 * number for number in range(40)]
    assert (spikes.dtype, spikes.rest) == ("uint64", "")
    large = outline.values(("metadata", "large"), "dataset")
    assert large.values.shape == (100, 16)
    assert large.values[1, 0] == 40
    assert "first 100 of 300 rows" in large.rest
    name = outline.values(("units", "original_name"), "dataset")
    assert [text.decode() for text in name.values.tolist()] == ["µ/1", "µ/1"]
    words = outline.values(("dataset_id",), "attribute")
    assert words.values.tolist() == ["2025.04.10-Rec"]
    with pytest.raises(KeyError):
        outline.values(("units",), "dataset")
    with pytest.raises(KeyError):
        outline.below(("metadata", "nothing"))
