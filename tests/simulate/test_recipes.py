"""Each recipe opens and holds what its name asks for."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import h5py
import numpy as np
import pytest

from hdmea.simulate import RECIPES, SimulatedRecording, recipe, simulate_recording
from tests.simulate.files import analog, sensor_counts, table

Write = Callable[[str], SimulatedRecording]


@pytest.fixture(scope="module")
def write(tmp_path_factory: pytest.TempPathFactory) -> Write:
    @cache
    def make(name: str) -> SimulatedRecording:
        return simulate_recording(tmp_path_factory.mktemp(name), RECIPES[name])

    return make


def members(path: Path, group: str) -> set[str]:
    with h5py.File(path) as file:
        return set(file[group])


@pytest.mark.parametrize("name", RECIPES)
def test_every_object_says_what_it_is(write: Write, name: str) -> None:
    recording = write(name)
    for path in (recording.cmcr_path, recording.cmtr_path):
        instances: list[str] = []

        def check(_: str, thing: h5py.HLObject, found: list[str] = instances) -> None:
            found.append(thing.attrs["ID.InstanceID"].decode())
            assert len(thing.attrs["ID.TypeID"].decode()) == 36
            assert thing.attrs["ID.Instance"].decode()
            assert thing.attrs["ID.Type"].decode()

        with h5py.File(path) as file:
            file.visititems(check)
            assert file.attrs["FileVersion"].shape == (1,)
            assert file.attrs["ID.Instance"].decode() == path.name
        assert len(set(instances)) == len(instances) > 8


@pytest.mark.parametrize("name", RECIPES)
def test_files_are_small(write: Write, name: str) -> None:
    assert sum(path.stat().st_size for path in write(name).folder.rglob("*")) < 4e6


def test_row_major_unsigned(write: Write) -> None:
    recording = write("row_major_unsigned")
    counts = sensor_counts(recording.cmcr_path)
    assert counts.shape[1:] == (8, 11)
    assert counts.dtype == np.uint16
    assert np.median(counts) == pytest.approx(32768, abs=1)
    meta = table(recording.cmcr_path, "Acquisition/Sensor Data/SensorMeta")
    assert meta["ADZero"] == 32768
    assert [int(meta[f"Frame{edge}"][0]) for edge in ("Left", "Top", "Right", "Bottom")] == [30, 5, 40, 12]
    assert meta.dtype["ConversionFactors"].kind == "S"
    assert members(recording.cmcr_path, "Acquisition") >= {"EventTool @ Digital Data"}
    assert "STA Explorer" in members(recording.cmtr_path, "/")
    with h5py.File(recording.cmcr_path) as file:
        assert file.attrs["FileVersion"][0] == 2


def test_plain_has_texts_of_variable_length_and_no_adzero(write: Write) -> None:
    meta = table(write("plain").cmcr_path, "Acquisition/Sensor Data/SensorMeta")
    assert meta.dtype["Conversion Factors"].hasobject
    assert "ADZero" not in meta.dtype.names
    assert meta["RegionLeft"] == 28


def test_offset_counts_are_stated_nowhere(write: Write) -> None:
    recording = write("offset_counts")
    assert np.median(sensor_counts(recording.cmcr_path)) == pytest.approx(32768, abs=1)
    assert "ADZero" not in table(recording.cmcr_path, "Acquisition/Sensor Data/SensorMeta").dtype.names


def test_missing_streams(write: Write) -> None:
    def streams(name: str) -> set[str]:
        return members(write(name).cmcr_path, "Acquisition")

    complete = {"Analog Data", "Digital Data", "Digital Data Events", "Sensor Data"}
    assert streams("plain") == complete
    assert streams("no_analog") == complete - {"Analog Data"}
    assert streams("no_events") == complete - {"Digital Data Events"}
    assert streams("no_sensor_data") == complete - {"Sensor Data"}


@pytest.mark.parametrize(("name", "row"), [("light_only", 0), ("sync_only", 1)])
def test_one_analog_channel(write: Write, name: str, row: int) -> None:
    both = analog(write("plain").cmcr_path)
    assert np.array_equal(analog(write(name).cmcr_path), both[row : row + 1])
    assert len(table(write(name).cmcr_path, "Acquisition/Analog Data/ChannelMeta")) == 1


def test_two_groups_have_two_of_everything(write: Write) -> None:
    recording = write("two_groups_gap")
    with h5py.File(recording.cmcr_path) as file:
        second = file["Acquisition/Sensor Data/SensorData 1 2"]
        assert second.attrs["From"][0] == 18_005_000
        assert second.attrs["To"][0] - second.attrs["From"][0] == 50 * len(second)
        assert file["Acquisition/Analog Data/ChannelData 2"].attrs["From"][0] == 18_005_000
        assert file["Acquisition/Analog Data/ChannelData 1"].attrs["To"][0] == 16_005_000
    assert table(recording.cmcr_path, "Acquisition/Sensor Data/SensorMeta")["GroupID"].tolist() == [1, 2]
    assert len(table(recording.cmcr_path, "Acquisition/Analog Data/ChannelMeta")) == 4


def test_durations(write: Write) -> None:
    truth = write("plain").truth
    with h5py.File(write("plain").cmcr_path) as raw, h5py.File(write("plain").cmtr_path) as result:
        assert raw.attrs["LB.RecordingDuration"].tolist() == [round(truth.duration_s * 1e6)]
        assert result.attrs["LB.RecordingDuration"].tolist() == [round(truth.duration_s * 1e6)]
    with h5py.File(write("no_stated_duration").cmcr_path) as raw:
        assert "LB.RecordingDuration" not in raw.attrs


def test_links(write: Write) -> None:
    def link(name: str) -> object:
        with h5py.File(write(name).cmtr_path) as file:
            return file.get("Acquisition", getlink=True) if "Acquisition" in set(file) else None

    plain, broken = link("plain"), link("broken_link")
    assert isinstance(plain, h5py.ExternalLink)
    assert isinstance(broken, h5py.ExternalLink)
    assert (plain.filename, broken.filename) == ("simulated-Rec.cmcr", "before_renaming.cmcr")
    assert link("no_link") is None
    with h5py.File(write("plain").cmtr_path) as file:
        assert "Sensor Data" in file["Acquisition"]


def test_sorters_results(write: Write) -> None:
    assert "Spike Sorter" not in members(write("no_sorter").cmtr_path, "/")
    assert "Spike Explorer" in members(write("no_sorter").cmtr_path, "/")
    assert len(table(write("no_units").cmtr_path, "Spike Sorter/Units")) == 0
    names = table(write("no_cutouts").cmtr_path, "Spike Sorter/Unit 1/Peaks").dtype.names
    assert names == ("Timestamp", "PeakAmplitude", "IncludePeak")
    odd = write("odd_units").cmtr_path
    assert table(odd, "Spike Sorter/Units")["UnitID"].tolist() == [2, 5, 17, 103, 1000]
    assert "Tags" not in table(odd, "Spike Sorter/Units").dtype.names
    assert table(odd, "Spike Sorter/Unit 103/Unit Info")["UnitID"] == 103


def test_source_is_as_long_as_the_recording_and_takes_no_space(write: Write) -> None:
    with h5py.File(write("plain").cmtr_path) as file:
        source = file["Spike Sorter/Unit 1/Source"]
        assert source.shape == (write("plain").truth.timeline.n_samples,)
        assert source.dtype == np.float64
        assert source.id.get_storage_size() == 0


def test_a_recipe_can_be_changed() -> None:
    assert recipe("no_sorter", seed=9).seed == 9
    assert not recipe("no_sorter", seed=9).files.sorter
    with pytest.raises(KeyError):
        recipe("none such")
