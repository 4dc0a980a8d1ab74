"""Spike-sorted files: what the shared samples state, and every oddity of the layout."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdmea.recordings.mcs import cmtr as cmtr_peaks
from hdmea.recordings.mcs.cmtr import CmtrReader
from hdmea.recordings.units import UnitSpikes
from hdmea.utils.exceptions import DataLoadError
from tests.recordings.vendor_files import (
    SPELLINGS,
    VendorUnit,
    pack_with_unknown_filter,
    rename_fields,
    write_cmcr,
    write_cmtr,
)

SAMPLE_TROUGHS = [
    -9.003,
    -9.006,
    -9.004,
    -9.008,
    -8.989,
    -9.011,
    -9.001,
    -9.010,
    -9.028,
    -9.019,
    -9.020,
    -9.073,
]
SAMPLE_TROUGHS += [-9.003, -9.038]


class TestSharedRecordings:
    @pytest.mark.parametrize(
        "folder",
        [
            "sample",
            "variants/rowmajor_uint16_v2",
            "variants/two_groups_gap",
            "variants/no_aux",
            "variants/odd_units_broken_link",
        ],
    )
    def test_spike_trains_are_the_truth(self, shared_data: Path, folder: str) -> None:
        (path,) = (shared_data / folder).glob("*.cmtr")
        (truth_path,) = path.parent.glob("*_truth.npz")
        facts = json.loads(truth_path.with_suffix(".json").read_text())
        with CmtrReader(path) as reader, np.load(truth_path) as truth:
            offsets = truth["spike_offsets"]
            assert [unit.unit_id for unit in reader.units] == truth["unit_ids"].tolist()
            for index, unit in enumerate(reader.units):
                spikes = reader.read_unit(unit, 20_000.0)
                expected = truth["spike_samples"][offsets[index] : offsets[index + 1]]
                assert spikes.samples.dtype == np.uint64
                np.testing.assert_array_equal(spikes.samples, expected)
                assert spikes.warnings == ()
            assert (
                reader.info.duration_s == facts["recording"]["duration_s"] if "recording" in facts else True
            )
            assert reader.info.sampling_rate == 20_000.0

    def test_units_of_the_sample(self, shared_data: Path) -> None:
        with CmtrReader(shared_data / "sample" / "sample.cmtr") as reader:
            units = reader.units
            spikes = [reader.read_unit(unit, 20_000.0) for unit in units]
            assert reader.info.warnings == ()
        places = [(unit.column, unit.row, unit.sensor_id) for unit in units]
        assert places[:3] == [(32, 36, 2051), (30, 31, 1916), (28, 29, 1784)]
        assert places[-1] == (37, 27, 2367)
        rows = [len(each.samples) + each.n_rejected for each in spikes]
        assert rows[:2] == [3987, 5245]
        assert [len(each.samples) for each in spikes][-3:] == [3, 3881, 3307]
        assert [float(each.waveform[10]) for each in spikes] == pytest.approx(SAMPLE_TROUGHS, abs=6e-4)
        assert {(len(each.waveform), each.waveform_unit) for each in spikes} == {(21, "source")}
        assert units[0].measures["SNR"] == pytest.approx(31.65383947356013)
        assert units[0].measures["Tags"] == ""

    def test_a_unit_without_accepted_peaks_has_nothing_invented(self, shared_data: Path) -> None:
        with CmtrReader(shared_data / "variants/odd_units_broken_link/odd_units.cmtr") as reader:
            assert [unit.unit_id for unit in reader.units] == [2, 5, 17, 103]
            spikes = reader.read_unit(reader.units[2], 20_000.0)
            assert reader.info.linked_recording == "before_renaming.cmcr"
        assert (len(spikes.samples), len(spikes.waveform), spikes.n_rejected) == (0, 0, 96)

    def test_a_file_without_sorted_units(self, shared_data: Path) -> None:
        with CmtrReader(shared_data / "variants/no_sorter/no_sorter.cmtr") as reader:
            assert reader.units == ()
            assert reader.info.n_units == 0
            assert "Spike Explorer" in reader.info.tools


class TestPeaks:
    @pytest.mark.parametrize(
        "fields",
        [
            ("Timestamp", "PeakAmplitude", "IncludePeak"),
            ("Timestamp", "IncludePeak", "PeakAmplitude"),
            ("IncludePeak", "PeakAmplitude", "Timestamp"),
            ("Timestamp", "IncludePeak"),
        ],
    )
    @pytest.mark.parametrize("cutout_type", ["<f8", "<f4", "<i2"])
    def test_fields_in_any_order_and_type(
        self, tmp_path: Path, fields: tuple[str, ...], cutout_type: str
    ) -> None:
        cutouts = np.arange(5 * 12).reshape(5, 12)
        unit = VendorUnit(1, [500, 100, 300, 200, 400], [1, 0, 1, 1, 0], cutouts)
        path = write_cmtr(tmp_path / "a.cmtr", [unit], fields=fields, cutout_type=cutout_type)
        with CmtrReader(path) as reader:
            spikes = reader.read_unit(reader.units[0], 20_000.0)
        assert spikes.samples.tolist() == [4, 6, 10]
        np.testing.assert_allclose(spikes.waveform, cutouts[[0, 2, 3]].mean(axis=0))
        assert spikes.n_rejected == 2
        if "PeakAmplitude" in fields:
            assert spikes.amplitudes is not None
            assert spikes.amplitudes.tolist() == [3.0, 2.0, 0.0]
        else:
            assert spikes.amplitudes is None

    @pytest.mark.parametrize("timestamp_type", ["<i8", "<u8", "<i4", "<u4", ">i8", "<f8"])
    @pytest.mark.parametrize("include_type", ["u1", "<i4", "?", "<f8"])
    def test_any_number_type(self, tmp_path: Path, timestamp_type: str, include_type: str) -> None:
        path = write_cmtr(
            tmp_path / "a.cmtr",
            [VendorUnit(1, [50, 100, 125], [1, 0, 1])],
            timestamp_type=timestamp_type,
            include_type=include_type,
        )
        with CmtrReader(path) as reader:
            assert reader.read_unit(reader.units[0], 20_000.0).samples.tolist() == [1, 2]

    def test_without_cutouts_there_is_no_waveform(self, tmp_path: Path) -> None:
        with CmtrReader(write_cmtr(tmp_path / "a.cmtr", [VendorUnit(1, [50])])) as reader:
            spikes = reader.read_unit(reader.units[0], 20_000.0)
        assert (spikes.samples.tolist(), spikes.waveform.size) == ([1], 0)

    def test_no_peaks_at_all(self, tmp_path: Path) -> None:
        unit = VendorUnit(1, [], cutouts=np.empty((0, 5)))
        with CmtrReader(write_cmtr(tmp_path / "a.cmtr", [unit])) as reader:
            spikes = reader.read_unit(reader.units[0], 20_000.0)
        assert (spikes.samples.size, spikes.waveform.size, spikes.n_rejected, spikes.warnings) == (
            0,
            0,
            0,
            (),
        )

    def test_without_marks_all_peaks_are_spikes_and_that_is_said(self, tmp_path: Path) -> None:
        path = write_cmtr(tmp_path / "a.cmtr", [VendorUnit(1, [50, 100])], fields=("Timestamp",))
        with CmtrReader(path) as reader:
            spikes = reader.read_unit(reader.units[0], 20_000.0)
        assert len(spikes.samples) == 2
        assert "does not mark accepted peaks" in spikes.warnings[0]

    def test_spikes_before_time_zero_are_left_out_and_that_is_said(self, tmp_path: Path) -> None:
        with CmtrReader(write_cmtr(tmp_path / "a.cmtr", [VendorUnit(1, [100, -500, 50])])) as reader:
            spikes = reader.read_unit(reader.units[0], 20_000.0)
        assert spikes.samples.tolist() == [1, 2]
        assert spikes.amplitudes is not None
        assert spikes.amplitudes.tolist() == [2.0, 0.0]
        assert "1 spikes before time zero" in spikes.warnings[0]

    def test_what_has_no_time_of_the_recording_is_counted_and_left_out(self, tmp_path: Path) -> None:
        """Given times that are missing, negative, absurd or late, then waveform and amplitudes lack them."""
        times = [500.0, np.nan, -50.0, 1e300, 100.0, np.inf, 1_000.0]
        unit = VendorUnit(1, times, cutouts=np.arange(7.0)[:, None] * np.ones(3))  # type: ignore[arg-type]
        path = write_cmtr(tmp_path / "a.cmtr", [unit], timestamp_type="<f8")
        with CmtrReader(path) as reader:
            spikes = reader.read_unit(reader.units[0], 20_000.0, end_sample=20)
        assert spikes.samples.tolist() == [2, 10]
        assert spikes.waveform.tolist() == [2.0] * 3
        assert spikes.amplitudes is not None
        assert spikes.amplitudes.tolist() == [4.0, 0.0]
        assert (spikes.n_left_out, spikes.n_rejected) == (5, 0)
        said = " ".join(spikes.warnings)
        assert "2 spikes without a time (NaN)" in said
        assert "1 spikes before time zero" in said
        assert "2 spikes after the end of the recording at 0.001 s" in said

    @pytest.mark.parametrize("timestamp_type", ["<i8", "<u8"])
    def test_absurd_integers_are_late(self, tmp_path: Path, timestamp_type: str) -> None:
        unit = VendorUnit(1, [50, 2**62])
        path = write_cmtr(tmp_path / "a.cmtr", [unit], timestamp_type=timestamp_type)
        with CmtrReader(path) as reader:
            spikes = reader.read_unit(reader.units[0], 20_000.0, end_sample=20)
        assert spikes.samples.tolist() == [1]

    def test_of_a_run_of_duplicates_the_first_is_kept(self, tmp_path: Path) -> None:
        """Given three spikes within 0.1 ms of each other in turn, then the waveform is that of the first."""
        times = [1000, 5000, 1050, 1100, 9000]
        unit = VendorUnit(1, times, [1, 1, 1, 1, 0], cutouts=10.0 ** np.arange(5)[:, None] * np.ones(2))
        with CmtrReader(write_cmtr(tmp_path / "a.cmtr", [unit])) as reader:
            spikes = reader.read_unit(reader.units[0], 20_000.0, drop_duplicates_ms=0.05)
            untouched = reader.read_unit(reader.units[0], 20_000.0)
        assert spikes.samples.tolist() == [20, 100]
        assert spikes.waveform.tolist() == [5.5, 5.5]
        assert spikes.amplitudes is not None
        assert spikes.amplitudes.tolist() == [0.0, 1.0]
        assert (spikes.n_duplicates, spikes.n_dropped, spikes.duplicates) == (2, 2, "")
        assert untouched.samples.tolist() == [20, 21, 22, 100]
        assert untouched.duplicates == "2 of 4 spikes follow another within 1 sample (0.05 ms)"

    def test_a_few_close_spikes_are_not_called_duplicates(self, tmp_path: Path) -> None:
        times = [*range(0, 200_000_000, 1_000_000), 50]
        with CmtrReader(write_cmtr(tmp_path / "a.cmtr", [VendorUnit(1, times)])) as reader:
            spikes = reader.read_unit(reader.units[0], 20_000.0)
        assert (spikes.n_duplicates, spikes.duplicates) == (1, "")

    @pytest.mark.parametrize("spell", SPELLINGS)
    def test_fields_may_be_spelt_otherwise(self, tmp_path: Path, spell: Callable[[str], str]) -> None:
        path = write_cmtr(tmp_path / "a.cmtr", [VendorUnit(1, [500, 100], [1, 0], row=7, column=9)])
        for name in ("Spike Sorter/Unit 1/Peaks", "Spike Sorter/Unit 1/Unit Info", "Spike Sorter/Units"):
            rename_fields(path, name, spell)
        with CmtrReader(path) as reader:
            (unit,) = reader.units
            spikes = reader.read_unit(unit, 20_000.0)
        assert (unit.row, unit.column) == (7, 9)
        assert spikes.samples.tolist() == [10]

    def test_peaks_that_need_a_plugin_are_named(self, tmp_path: Path) -> None:
        path = write_cmtr(tmp_path / "a.cmtr", [VendorUnit(1, [50])])
        pack_with_unknown_filter(path, "Spike Sorter/Unit 1/Peaks")
        with CmtrReader(path) as reader, pytest.raises(DataLoadError, match=r"the peaks of unit 1: .*32004"):
            reader.read_unit(reader.units[0], 20_000.0)

    def test_without_timestamps_the_file_is_refused(self, tmp_path: Path) -> None:
        path = write_cmtr(tmp_path / "a.cmtr", [VendorUnit(1, [1])], fields=("IncludePeak",))
        with CmtrReader(path) as reader, pytest.raises(DataLoadError, match="no field 'Timestamp'"):
            reader.read_unit(reader.units[0], 20_000.0)

    def test_the_stated_unit_of_cutouts_is_kept(self, tmp_path: Path) -> None:
        unit = VendorUnit(1, [50], cutouts=np.ones((1, 3)), peaks_attrs={"Unit": "V", "Exponent": -9})
        with CmtrReader(write_cmtr(tmp_path / "a.cmtr", [unit])) as reader:
            assert reader.read_unit(reader.units[0], 20_000.0).waveform_unit == "nV"

    @settings(max_examples=25)
    @given(
        times=st.lists(st.integers(0, 10**10), max_size=40),
        seed=st.integers(0, 99),
        rate=st.sampled_from([20_000.0, 25_000.0]),
    )
    def test_slices_do_not_change_the_result(
        self, tmp_path_factory: pytest.TempPathFactory, times: list[int], seed: int, rate: float
    ) -> None:
        rng = np.random.default_rng(seed)
        include = rng.integers(0, 2, len(times))
        unit = VendorUnit(1, times, include.tolist(), rng.normal(size=(len(times), 4)))
        path = write_cmtr(tmp_path_factory.mktemp("law") / "a.cmtr", [unit])
        whole = _read(path, rate)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(cmtr_peaks, "SLICE_ROWS", 7)
            sliced = _read(path, rate)
        accepted = sorted(time for time, used in zip(times, include, strict=True) if used)
        assert whole.samples.tolist() == sliced.samples.tolist()
        np.testing.assert_allclose(whole.samples.astype(float), np.array(accepted) * rate / 1e6, atol=0.5)
        assert whole.n_rejected == len(times) - len(accepted)
        np.testing.assert_allclose(whole.waveform, sliced.waveform, rtol=1e-6)


def _read(path: Path, rate: float) -> UnitSpikes:
    with CmtrReader(path) as reader:
        return reader.read_unit(reader.units[0], rate)


class TestUnits:
    def test_units_come_in_the_order_of_their_numbers(self, tmp_path: Path) -> None:
        path = write_cmtr(tmp_path / "a.cmtr", [VendorUnit(number, [50]) for number in (10, 9, 103, 2)])
        with CmtrReader(path) as reader:
            assert [unit.unit_id for unit in reader.units] == [2, 9, 10, 103]

    @pytest.mark.parametrize("guids", [True, False])
    @pytest.mark.parametrize(("units_table", "unit_info"), [(True, True), (True, False), (False, True)])
    @pytest.mark.parametrize("fixed_text", [True, False])
    def test_measures_come_from_either_table(
        self, tmp_path: Path, guids: bool, units_table: bool, unit_info: bool, fixed_text: bool
    ) -> None:
        path = write_cmtr(
            tmp_path / "a.cmtr",
            [VendorUnit(4, [50], snr=7.5, tags="good")],
            guids=guids,
            units_table=units_table,
            unit_info=unit_info,
            fixed_text=fixed_text,
        )
        with CmtrReader(path) as reader:
            (unit,) = reader.units
        assert unit.measures["SNR"] == 7.5
        assert unit.measures.get("Tags") == ("good" if unit_info else None)
        assert "UnitID" not in unit.measures

    def test_without_tables_the_group_still_says_where_it_lies(self, tmp_path: Path) -> None:
        path = write_cmtr(
            tmp_path / "a.cmtr", [VendorUnit(4, [50], row=7, column=3)], units_table=False, unit_info=False
        )
        with CmtrReader(path) as reader:
            (unit,) = reader.units
        assert (unit.row, unit.column, unit.sensor_id, unit.measures) == (7, 3, 137, {})

    def test_the_sensor_number_gives_row_and_column(self, tmp_path: Path) -> None:
        path = write_cmtr(tmp_path / "a.cmtr", [VendorUnit(1, [50], row=None, column=None, sensor=2051)])
        with CmtrReader(path) as reader:
            (unit,) = reader.units
        assert (unit.row, unit.column) == (36, 32)

    def test_a_wrong_sensor_number_is_said(self, tmp_path: Path) -> None:
        path = write_cmtr(tmp_path / "a.cmtr", [VendorUnit(1, [50], row=3, column=2, sensor=99)])
        with CmtrReader(path) as reader:
            assert reader.units[0].sensor_id == 68
            assert "sensor number 99 does not belong to row 3, column 2" in reader.info.warnings[0]

    def test_an_unknown_place_stays_unknown(self, tmp_path: Path) -> None:
        path = write_cmtr(tmp_path / "a.cmtr", [VendorUnit(1, [50], row=None, column=None)])
        with CmtrReader(path) as reader:
            (unit,) = reader.units
            assert (unit.row, unit.column, unit.sensor_id) == (None, None, None)
            assert "its position on the chip" in reader.info.warnings[0]

    def test_units_that_are_only_in_the_table_are_named(self, tmp_path: Path) -> None:
        path = write_cmtr(tmp_path / "a.cmtr", [VendorUnit(1, [50]), VendorUnit(2, [50])])
        with h5py.File(path, "r+") as file:
            del file["Spike Sorter/Unit 2"]
        with CmtrReader(path) as reader:
            assert [unit.unit_id for unit in reader.units] == [1]
            assert "numbers 2" in reader.info.warnings[0]

    def test_a_unit_without_peaks_is_left_out_and_named(self, tmp_path: Path) -> None:
        path = write_cmtr(tmp_path / "a.cmtr", [VendorUnit(1, [50]), VendorUnit(2, [50])], units_table=False)
        with h5py.File(path, "r+") as file:
            del file["Spike Sorter/Unit 2/Peaks"]
        with CmtrReader(path) as reader:
            assert [unit.unit_id for unit in reader.units] == [1]
            assert "Unit 2 has no table of peaks" in reader.info.warnings[0]

    def test_two_units_of_one_number_are_refused(self, tmp_path: Path) -> None:
        path = write_cmtr(tmp_path / "a.cmtr", [VendorUnit(1, [50]), VendorUnit(2, [50])], unit_info=False)
        with h5py.File(path, "r+") as file:
            file["Spike Sorter/Unit 2"].attrs["UnitID"] = [1]
        with CmtrReader(path) as reader, pytest.raises(DataLoadError, match="both have the unit number 1"):
            assert reader.units

    def test_source_is_never_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = write_cmtr(tmp_path / "a.cmtr", [VendorUnit(1, [50], cutouts=np.ones((1, 3)))])
        opened = []
        original = h5py.Group.__getitem__

        def record(group: h5py.Group, name: str) -> object:
            opened.append(name)
            return original(group, name)

        monkeypatch.setattr(h5py.Group, "__getitem__", record)
        with CmtrReader(path) as reader:
            reader.read_unit(reader.units[0], 20_000.0)
            assert reader.info.n_units == 1
        assert "Peaks" in opened
        assert not any("Source" in str(name) for name in opened)


class TestFile:
    def test_a_link_is_named_but_not_followed(self, tmp_path: Path) -> None:
        path = write_cmtr(tmp_path / "a.cmtr", [VendorUnit(1, [50])], link="gone.cmcr")
        with CmtrReader(path) as reader:
            assert reader.info.linked_recording == "gone.cmcr"
            assert reader.info.n_units == 1

    def test_the_rate_comes_from_the_tick(self, tmp_path: Path) -> None:
        with CmtrReader(write_cmtr(tmp_path / "a.cmtr", [VendorUnit(1, [40])], tick=40)) as reader:
            assert reader.info.sampling_rate == 25_000.0
        with CmtrReader(write_cmtr(tmp_path / "b.cmtr", [VendorUnit(1, [40])], tick=None)) as reader:
            assert reader.info.sampling_rate is None

    @pytest.mark.parametrize("stated", [np.nan, np.inf, -5, "long", np.arange(3)])
    def test_a_duration_or_tick_that_is_none_is_not_stated(self, tmp_path: Path, stated: Any) -> None:
        path = write_cmtr(tmp_path / "a.cmtr", [VendorUnit(1, [50])])
        with h5py.File(path, "r+") as file:
            file.attrs["LB.RecordingDuration"] = stated
            file["Spike Sorter/Unit 1/Peaks"].attrs["Tick"] = stated
        with CmtrReader(path) as reader:
            assert reader.info.duration_s is None
            assert reader.info.sampling_rate in (None, 20_000.0)

    def test_a_raw_recording_is_refused(self, tmp_path: Path) -> None:
        path = write_cmcr(tmp_path / "a.cmcr", light=[(0, np.zeros((1, 5), np.int32))])
        with pytest.raises(DataLoadError, match="swapped"):
            CmtrReader(path)

    def test_other_hdf5_and_other_files_are_refused(self, tmp_path: Path) -> None:
        with h5py.File(tmp_path / "a.cmtr", "w") as file:
            file["x"] = 1
        with pytest.raises(DataLoadError, match="not a file of the CMOS-MEA system"):
            CmtrReader(tmp_path / "a.cmtr")
        (tmp_path / "b.cmtr").write_text("no")
        with pytest.raises(DataLoadError, match="not an HDF5 file"):
            CmtrReader(tmp_path / "b.cmtr")


def test_no_table_of_peaks_stays_open(tmp_path: Path) -> None:
    """Given many units, then none stays open after it was read: HDF5 keeps megabytes of each that is."""
    path = write_cmtr(tmp_path / "x.cmtr", [VendorUnit(number, [100, 200]) for number in range(1, 6)])
    with CmtrReader(path) as reader:
        for unit in reader.units:
            reader.read_unit(unit, 20_000.0)

        assert h5py.h5f.get_obj_count(reader._root.id, h5py.h5f.OBJ_DATASET) == 0
