"""Raw recordings: what the shared samples state, and every oddity of the layout."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from hdmea.recordings.mcs.blocks import timestamps_to_samples
from hdmea.recordings.mcs.cmcr import CmcrReader
from hdmea.recordings.signals import DEFAULT_RATE_HZ
from hdmea.simulate import Experiment, FileOptions, simulate_recording
from hdmea.utils.exceptions import DataLoadError, ValidationError
from tests.recordings.vendor_files import GUID, SPELLINGS, SensorBlock, rename_fields, write_cmcr, write_cmtr


def ramp(channels: int, n: int, first: int = 0) -> np.ndarray:
    return (np.arange(channels * n).reshape(channels, n) + first).astype(np.int32)


class TestSharedRecordings:
    def test_the_sample_reads_as_its_page_says(self, shared_data: Path) -> None:
        with CmcrReader(shared_data / "sample" / "sample.cmcr") as reader:
            info = reader.info
            light = [reader.read_light(channel) for channel in (1, 2)]
            region = reader.sensor
            assert region is not None
            counts = region.read_counts(0, 0, 1000)
            events = reader.digital_events()
            factors = region.factors_uv

        assert (info.sampling_rate, info.duration_s, info.n_samples) == (20_000.0, 496.0, 9_920_000)
        assert info.segments.tolist() == [[0, 9_920_000]]
        assert info.warnings == ()
        assert [int(channel.sum(dtype=np.float64)) for channel in light] == [
            7_277_441_665_000,
            2_285_600_000_000,
        ]
        assert region.segments.tolist() == [[0, 5000]]
        assert (region.rows, region.cols, region.first_row, region.first_column) == (16, 16, 25, 25)
        assert counts.dtype == np.int16
        assert counts[0, :4].tolist() == [-8, 4, -20, 18]
        assert int(counts.sum(dtype=np.int64)) == 601_978
        assert region.unit == "uV"
        assert region.to_rows_cols(factors)[0, :4] == pytest.approx([0.950052, 1.00453, 1.00171, 1.00795])
        assert len(events) == 12
        assert events.labels[:2] == ("Digital On", "Digital Off")

    @pytest.mark.parametrize(
        ("folder", "first_counts", "total", "factors", "edges"),
        [
            (
                "rowmajor_uint16_v2",
                [32784, 32738, 32777, 32774],
                2_883_633_623,
                [1013.99, 1078.1],
                (5, 30, 8, 11),
            ),
            ("two_groups_gap", [-16, -4, -39, 22], -251_698, [1019.26, 998.292], (29, 29, 9, 9)),
            ("no_aux", [12, -9, 22, 33], 491_370, [976.334, 987.042], (29, 29, 9, 9)),
            ("no_sorter", [8, 32, -7, -32], 319_008, [991.091, 1046.63], (29, 29, 9, 9)),
            ("odd_units_broken_link", [14, 11, -13, -30], 50_751, [997.145, 1070.37], (29, 29, 9, 9)),
        ],
    )
    def test_the_variants_read_as_their_page_says(
        self,
        shared_data: Path,
        folder: str,
        first_counts: list[int],
        total: int,
        factors: list[float],
        edges: tuple[int, int, int, int],
    ) -> None:
        (path,) = (shared_data / "variants" / folder).glob("*.cmcr")
        (truth_path,) = path.parent.glob("*_truth.npz")
        with CmcrReader(path) as reader, np.load(truth_path) as truth:
            region = reader.sensor
            assert region is not None
            counts = region.read_counts(0, 0, 1000)
            assert counts[0, :4].tolist() == first_counts
            assert int(counts.sum(dtype=np.int64)) == total
            assert (region.first_row, region.first_column, region.rows, region.cols) == edges
            image = region.to_rows_cols(region.factors_uv)
            assert image[0, :2] == pytest.approx(np.array(factors) / 1000)
            np.testing.assert_allclose(image, truth["conversion_nv"].T / 1000, rtol=1e-5)
            assert reader.info.segments.tolist() == truth["segments"].tolist()
            assert (reader.info.sampling_rate, reader.info.duration_s) == (20_000.0, 32.0)

    def test_unsigned_counts_state_their_zero(self, shared_data: Path) -> None:
        with CmcrReader(shared_data / "variants/rowmajor_uint16_v2/rowmajor.cmcr") as reader:
            region = reader.sensor
            assert region is not None
            assert region.adzero == 32768
            assert region.axis_order.order == "row,column"
            assert region.axis_order.source == "shape"

    def test_a_gap_is_nan_on_the_clock(self, shared_data: Path) -> None:
        with CmcrReader(shared_data / "variants/two_groups_gap/two-groups-Rec.cmcr") as reader:
            light = reader.read_light(1)
            assert reader.sensor is not None
            assert reader.sensor.segments.tolist() == [[0, 4000], [340_000, 344_000]]
        missing = np.flatnonzero(np.isnan(light))
        assert (len(light), missing[0], missing[-1], len(missing)) == (640_000, 300_000, 339_999, 40_000)

    def test_events_of_a_recording_without_analog_channels(self, shared_data: Path) -> None:
        with CmcrReader(shared_data / "variants/no_aux/no_aux.cmcr") as reader:
            events = reader.digital_events()
            assert reader.info.n_light_channels == 0
            with pytest.raises(ValidationError, match="no analog channel 1"):
                reader.read_light(1)
        assert events.time_us[events.event_id == 1].tolist() == [4_066_700, 17_083_400]
        assert events.time_us[events.event_id == 2].tolist() == [11_066_600, 27_950_000]


class TestClock:
    def test_any_range_of_the_clock_equals_the_cut_of_the_whole(self, tmp_path: Path) -> None:
        first, second = ramp(2, 1000), ramp(2, 500, 5000)
        path = write_cmcr(tmp_path / "a.cmcr", light=[(500, first), (100_000, second)])
        expected = np.full(2500, np.nan, np.float32)
        expected[10:1010], expected[2000:2500] = first[1], second[1]
        with CmcrReader(path) as reader:
            assert reader.info.segments.tolist() == [[10, 1010], [2000, 2500]]
            assert reader.info.duration_s == 2500 / 20_000
            for start, stop in [(0, 2500), (0, 5), (5, 15), (1005, 2001), (1200, 1300), (2499, 2500), (7, 7)]:
                np.testing.assert_array_equal(reader.read_light(2, start, stop), expected[start:stop])

    def test_a_group_number_may_have_two_digits(self, tmp_path: Path) -> None:
        groups = [(k * 1000, ramp(1, 20, first=k)) for k in range(12)]
        with CmcrReader(write_cmcr(tmp_path / "a.cmcr", light=groups)) as reader:
            light = reader.read_light(1)
            assert reader.info.segments.tolist() == [[20 * k, 20 * k + 20] for k in range(12)]
        assert light[::20].tolist() == list(range(12))

    def test_groups_that_overlap_are_said_and_do_not_overlap_afterwards(self, tmp_path: Path) -> None:
        path = write_cmcr(tmp_path / "a.cmcr", light=[(0, ramp(1, 100)), (2500, ramp(1, 100, 1000))])
        with CmcrReader(path) as reader:
            light = reader.read_light(1)
            assert reader.info.segments.tolist() == [[0, 50], [50, 150]]
            assert any("before the one before it ends" in warning for warning in reader.info.warnings)
        assert light[[49, 50]].tolist() == [49, 1000]

    def test_a_group_without_a_begin_follows_the_one_before(self, tmp_path: Path) -> None:
        path = write_cmcr(tmp_path / "a.cmcr", light=[(None, ramp(1, 30)), (None, ramp(1, 30))])
        with CmcrReader(path) as reader:
            assert reader.info.segments.tolist() == [[0, 30], [30, 60]]
            assert any("does not state when" in warning for warning in reader.info.warnings)

    def test_reading_takes_little_memory_beside_the_result(self, tmp_path: Path) -> None:
        n = 4_000_000
        path = write_cmcr(tmp_path / "a.cmcr", light=[(0, np.ones((2, n), np.int32))])
        with CmcrReader(path) as reader:
            assert reader.info.n_samples == n
            tracemalloc.start()
            reader.read_light(1)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert peak < 1.25 * 4 * n

    @pytest.mark.parametrize("tick", [40, 50, 33, 1])
    def test_timestamps_round_half_to_even_exactly(self, tick: int) -> None:
        times = np.concatenate([np.arange(500), 7_200_000_000_000 + np.arange(500)])
        expected = [_half_even(int(time), tick) for time in times]
        assert timestamps_to_samples(times, 1e6 / tick).tolist() == expected

    @pytest.mark.parametrize("dtype", ["<i8", "<u8", "<i4", "<u2", "<f8"])
    def test_timestamps_may_have_any_type(self, dtype: str) -> None:
        times = np.array([0, 25, 75, 125, 50_000], dtype=dtype)
        assert timestamps_to_samples(times, 20_000.0).tolist() == [0, 0, 2, 2, 1000]


def _half_even(time: int, tick: int) -> int:
    quotient, rest = divmod(time, tick)
    if 2 * rest == tick:
        return quotient + quotient % 2
    return quotient + (2 * rest > tick)


class TestRate:
    def test_without_a_tick_samples_and_duration_give_the_rate(self, tmp_path: Path) -> None:
        path = write_cmcr(tmp_path / "a.cmcr", light=[(None, ramp(1, 5000))], tick=None, duration_us=200_000)
        with CmcrReader(path) as reader:
            assert reader.info.sampling_rate == 25_000.0
            assert "duration" in reader.info.sampling_rate_source

    def test_without_tick_and_duration_the_other_file_tells(self, tmp_path: Path) -> None:
        path = write_cmcr(tmp_path / "a.cmcr", light=[(None, ramp(1, 5000))], tick=None)
        with CmcrReader(path, (25_000.0, "tick of the spike-sorted file")) as reader:
            assert reader.info.sampling_rate == 25_000.0
            assert reader.info.sampling_rate_source == "tick of the spike-sorted file"

    def test_else_it_is_assumed_and_said(self, tmp_path: Path) -> None:
        path = write_cmcr(tmp_path / "a.cmcr", light=[(None, ramp(1, 5000))], tick=None)
        with CmcrReader(path) as reader:
            assert reader.info.sampling_rate == DEFAULT_RATE_HZ
            assert any("does not state its sampling rate" in warning for warning in reader.info.warnings)

    def test_a_length_that_contradicts_the_tick_is_said(self, tmp_path: Path) -> None:
        path = write_cmcr(tmp_path / "a.cmcr", light=[(0, ramp(1, 5000))], true_to=False)
        with CmcrReader(path) as reader:
            assert any("5000 samples" in warning and "10000.0" in warning for warning in reader.info.warnings)

    def test_an_unusual_rate_is_said(self, tmp_path: Path) -> None:
        with CmcrReader(write_cmcr(tmp_path / "a.cmcr", light=[(0, ramp(1, 10))], tick=5000)) as reader:
            assert reader.info.sampling_rate == 200.0
            assert any("unusual" in warning for warning in reader.info.warnings)

    def test_streams_of_different_rates_are_said(self, tmp_path: Path) -> None:
        block = SensorBlock(np.zeros((10, 2, 3), np.int16))
        path = write_cmcr(tmp_path / "a.cmcr", light=[(0, ramp(1, 10))], sensor=[block], sensor_tick=40)
        with CmcrReader(path) as reader:
            assert reader.sensor is not None
            assert reader.sensor.sampling_rate == 25_000.0
            assert any("25000" in warning for warning in reader.info.warnings)

    def test_a_stream_of_another_rate_is_measured_by_its_own_tick(self, tmp_path: Path) -> None:
        block = SensorBlock(np.zeros((100, 3, 4), np.int16))
        path = write_cmcr(tmp_path / "a.cmcr", light=[(0, ramp(1, 80))], sensor=[block], sensor_tick=40)
        with CmcrReader(path) as reader:
            assert not any("may be wrong" in message for message in reader.info.warnings)

    def test_a_stated_duration_that_nothing_agrees_with_is_said(self, tmp_path: Path) -> None:
        path = write_cmcr(tmp_path / "a.cmcr", light=[(0, ramp(1, 2000))], duration_us=5_000_000)
        with CmcrReader(path) as reader:
            assert reader.info.duration_s == 5.0
            assert any("states a duration of 5.000 s" in warning for warning in reader.info.warnings)

    def test_a_duration_without_the_gaps_is_no_contradiction(self, tmp_path: Path) -> None:
        groups = [(0, ramp(1, 20_000)), (3_000_000, ramp(1, 20_000))]
        with CmcrReader(write_cmcr(tmp_path / "a.cmcr", light=groups, duration_us=2_000_000)) as reader:
            assert reader.info.duration_s == 4.0
            assert reader.info.warnings == ()


class TestNames:
    def test_streams_are_found_by_kind_under_any_name(self, tmp_path: Path) -> None:
        names = {"light": "Extra Inputs", "sensor": "Matrix", "events": "EventTool @ Port"}
        block = SensorBlock(np.zeros((10, 2, 3), np.int16))
        path = write_cmcr(
            tmp_path / "a.cmcr", light=[(0, ramp(2, 10))], sensor=[block], events=[(70, 1)], names=names
        )
        with CmcrReader(path) as reader:
            assert reader.info.n_light_channels == 2
            assert reader.sensor is not None
            assert reader.digital_events().time_us.tolist() == [70]

    def test_streams_are_found_by_name_without_kinds(self, tmp_path: Path) -> None:
        names = {"events": "EventTool @ Digital Data"}
        block = SensorBlock(np.zeros((10, 2, 3), np.int16))
        path = write_cmcr(
            tmp_path / "a.cmcr",
            light=[(0, ramp(2, 10))],
            sensor=[block],
            events=[(70, 1)],
            names=names,
            guids=False,
            subtypes=False,
        )
        with CmcrReader(path) as reader:
            assert reader.info.n_light_channels == 2
            assert reader.sensor is not None
            assert reader.digital_events().event_id.tolist() == [1]

    @pytest.mark.parametrize("fixed_text", [True, False])
    def test_texts_may_be_fixed_or_variable(self, tmp_path: Path, fixed_text: bool) -> None:
        block = SensorBlock(np.zeros((10, 2, 3), np.int16), factors=np.full(6, 1000.0))
        path = write_cmcr(
            tmp_path / "a.cmcr", light=[(0, ramp(2, 10))], sensor=[block], fixed_text=fixed_text
        )
        with CmcrReader(path) as reader:
            assert reader.info.light_labels == ("Aux 1", "Aux 2")
            assert reader.sensor is not None
            assert reader.sensor.factors_uv.tolist() == [1.0] * 6

    def test_one_channel_in_one_dimension(self, tmp_path: Path) -> None:
        path = write_cmcr(tmp_path / "a.cmcr", light=[(0, np.arange(50, dtype=np.uint16))])
        with CmcrReader(path) as reader:
            assert reader.info.n_light_channels == 1
            assert reader.read_light(1, 10, 13).tolist() == [10, 11, 12]
            assert reader.read_light(1).dtype == np.float32

    def test_events_come_in_the_order_of_time(self, tmp_path: Path) -> None:
        path = write_cmcr(
            tmp_path / "a.cmcr", light=[(0, ramp(1, 10))], events=[(900, 2), (100, 1), (900, 1)]
        )
        with CmcrReader(path) as reader:
            events = reader.digital_events()
        assert events.time_us.tolist() == [100, 900, 900]
        assert events.labels == ("Digital On", "Digital Off", "Digital On")


class TestSensor:
    @pytest.mark.parametrize("dtype", ["<i2", "<u2", "<i4", "<i8", "u1", ">i2"])
    def test_counts_keep_their_type(self, tmp_path: Path, dtype: str) -> None:
        counts = np.arange(24).reshape(4, 2, 3).astype(dtype)
        with CmcrReader(write_cmcr(tmp_path / "a.cmcr", sensor=[SensorBlock(counts)])) as reader:
            assert reader.sensor is not None
            found = reader.sensor.read_counts(0, 1, 3)
        assert found.dtype == np.dtype(dtype)
        np.testing.assert_array_equal(found, counts[1:3].reshape(2, 6))

    @pytest.mark.parametrize("frame_edges", [True, False])
    @pytest.mark.parametrize("factor_field", ["Conversion Factors", "ConversionFactors"])
    @pytest.mark.parametrize("order", ["column,row", "row,column"])
    def test_a_region_that_is_not_square_tells_its_axes(
        self, tmp_path: Path, order: str, factor_field: str, frame_edges: bool
    ) -> None:
        rows, cols = 3, 5
        image = np.arange(rows * cols).reshape(rows, cols)
        stored = image.T if order == "column,row" else image
        block = SensorBlock(
            np.broadcast_to(stored, (4, *stored.shape)).astype(np.int16),
            left=11,
            top=21,
            width=cols,
            height=rows,
            factors=1000.0 + image,
        )
        path = write_cmcr(
            tmp_path / "a.cmcr", sensor=[block], frame_edges=frame_edges, factor_field=factor_field
        )
        with CmcrReader(path) as reader:
            region = reader.sensor
            assert region is not None
            assert (region.axis_order.order, region.axis_order.source) == (order, "shape")
            assert (region.rows, region.cols, region.first_row, region.first_column) == (rows, cols, 21, 11)
            counts = region.read_counts(0, 0, 4)
            np.testing.assert_array_equal(
                region.to_rows_cols(counts), np.broadcast_to(image, (4, rows, cols))
            )
            np.testing.assert_allclose(region.to_rows_cols(region.factors_uv), 1 + image / 1000)
            np.testing.assert_array_equal(region.to_file_order(image), counts[0])
            electrode = region.electrode_index(row=22, column=14)
            assert electrode is not None
            assert counts[0, electrode] == image[1, 3]
            assert region.electrode_index(row=24, column=11) is None

    @pytest.mark.parametrize("spell", SPELLINGS)
    def test_edges_may_be_spelt_otherwise(self, tmp_path: Path, spell: Callable[[str], str]) -> None:
        block = SensorBlock(np.zeros((4, 3, 5), np.int16), left=11, top=21, width=5, height=3)
        path = write_cmcr(tmp_path / "a.cmcr", sensor=[block])
        rename_fields(path, "Acquisition/Sensor Data/SensorMeta", spell)
        with CmcrReader(path) as reader:
            region = reader.sensor
            assert region is not None
            assert (region.axis_order.order, region.axis_order.source) == ("row,column", "shape")
            assert (region.first_row, region.first_column) == (21, 11)
            assert not any("edges" in message for message in region.warnings)

    @pytest.mark.parametrize("text", [b"65 \xb5V", "65 µV".encode(), b"  65 \xb5V \r\n\0rest"])
    def test_text_is_utf_8_or_windows_1252(self, tmp_path: Path, text: bytes) -> None:
        path = write_cmcr(tmp_path / "a.cmcr")
        with h5py.File(path, "r+") as file:
            file.attrs["Note"] = np.bytes_(text)
            file.attrs["DateTime"] = np.bytes_(b"Mittwoch, 9. Juli 2014\r\n  ")
            file.attrs.modify("FileVersion", np.int32(2))
        with CmcrReader(path) as reader:
            stated = reader.info.metadata
        assert stated["Note"] == "65 µV"
        assert stated["DateTime"] == "Mittwoch, 9. Juli 2014"
        assert stated["FileVersion"] == 2

    def test_names_that_are_not_utf_8(self, tmp_path: Path) -> None:
        path = write_cmcr(tmp_path / "a.cmcr", light=[(0, ramp(1, 50))])
        with h5py.File(path, "r+") as file:
            h5py.h5g.create(file["Acquisition"].id, b"Strom in \xb5A")
        with CmcrReader(path) as reader:
            assert "Strom in µA" in [stream.name for stream in reader.info.streams]

    def test_scalar_attributes_are_as_good_as_arrays_of_one(self, tmp_path: Path) -> None:
        path = write_cmcr(tmp_path / "a.cmcr", light=[(0, ramp(1, 50)), (10_000, ramp(1, 50))])
        with h5py.File(path, "r+") as file:
            for dataset in file["Acquisition/Analog Data"].values():
                for name, value in dataset.attrs.items():
                    if isinstance(value, np.ndarray):
                        dataset.attrs[name] = value[0]
        with CmcrReader(path) as reader:
            assert reader.info.segments.tolist() == [[0, 50], [200, 250]]

    def test_a_channel_stream_called_digital_is_not_taken_for_events(self, tmp_path: Path) -> None:
        path = write_cmcr(
            tmp_path / "a.cmcr", events=[(50, 1)], names={"events": "Digital"}, guids=False, subtypes=False
        )
        with CmcrReader(path) as reader:
            assert reader.digital_events().time_us.tolist() == [50]
        with h5py.File(path, "r+") as file:
            file["Acquisition/Digital"].attrs["ID.TypeID"] = np.bytes_(GUID["channel"])
        with CmcrReader(path) as reader:
            assert len(reader.digital_events()) == 0

    def test_several_regions_and_groups(self, tmp_path: Path) -> None:
        blocks = [
            SensorBlock(np.full((10, 2, 3), 11, np.int16), region=1, group=1, from_us=0),
            SensorBlock(np.full((20, 2, 3), 12, np.int16), region=1, group=2, from_us=5000),
            SensorBlock(np.full((30, 4, 5), 21, np.int16), region=2, group=1, from_us=0, left=7, top=9),
        ]
        with CmcrReader(write_cmcr(tmp_path / "a.cmcr", sensor=blocks)) as reader:
            first, second = reader.sensor_regions
            assert first.segments.tolist() == [[0, 10], [100, 120]]
            assert first.read_counts(1, 5, 20).tolist() == [[12] * 6] * 15
            assert (second.first_row, second.first_column, second.shape) == (9, 7, (4, 5))
            with pytest.raises(ValidationError, match="are not in segment 0"):
                first.read_counts(0, 0, 11)

    def test_chosen_electrodes_are_one_set(self, tmp_path: Path) -> None:
        """Given four electrodes, each a region of 1 x 1 with its factor, then an image holds them all."""
        places = [(20, 10), (21, 10), (40, 12), (5, 11)]
        blocks = [
            SensorBlock(
                np.full((30, 1, 1), 100 * number, np.int16),
                region=number,
                left=column,
                top=row,
                factors=np.array([1000.0 * number]),
            )
            for number, (row, column) in enumerate(places, start=1)
        ]
        with CmcrReader(write_cmcr(tmp_path / "a.cmcr", sensor=blocks)) as reader:
            sensor = reader.sensor
            assert sensor is not None
            assert sensor.n_electrodes == 4
            assert (sensor.first_row, sensor.first_column, sensor.rows, sensor.cols) == (5, 10, 36, 3)
            assert not sensor.is_complete
            assert not sensor.is_open
            counts = sensor.read_counts(0, 10, 12)
            assert counts.tolist() == [[100, 200, 300, 400]] * 2
            assert sensor.factors_uv.tolist() == [1.0, 2.0, 3.0, 4.0]
            image = sensor.to_rows_cols(counts)
            assert image.shape == (2, 36, 3)
            assert np.count_nonzero(np.isfinite(image)) == 8
            for number, (row, column) in enumerate(places):
                assert sensor.electrode_index(row, column) == number
                assert image[0, row - 5, column - 10] == 100 * (number + 1)
            assert sensor.electrode_index(6, 10) is None
            np.testing.assert_array_equal(sensor.to_file_order(image), counts)
            assert sensor.warnings == ()

    def test_regions_are_placed_by_their_edges_and_share_their_axes(self, tmp_path: Path) -> None:
        """Given a square region beside one that is not, then the shape of the latter tells both axes."""
        rng = np.random.default_rng(0)
        square, oblong = rng.integers(-9, 9, (20, 3, 3)), rng.integers(-9, 9, (20, 2, 4))
        blocks = [
            SensorBlock(square.astype(np.int16), region=1, left=1, top=1),
            SensorBlock(oblong.astype(np.int16), region=2, left=10, top=5, width=4, height=2),
        ]
        with CmcrReader(write_cmcr(tmp_path / "a.cmcr", sensor=blocks)) as reader:
            sensor = reader.sensor
            assert sensor is not None
            assert (sensor.axis_order.order, sensor.axis_order.source) == ("row,column", "shape")
            image = sensor.to_rows_cols(sensor.read_counts(0, 0, 20))
            assert image.shape == (20, 6, 13)
            np.testing.assert_array_equal(image[:, :3, :3], square)
            np.testing.assert_array_equal(image[:, 4:, 9:], oblong)
            assert sensor.recorded.sum() == 17

    def test_an_electrode_of_two_regions_is_taken_once(self, tmp_path: Path) -> None:
        blocks = [
            SensorBlock(np.full((5, 2, 3), 1, np.int16), region=1, left=1, top=1),
            SensorBlock(np.full((5, 2, 3), 2, np.int16), region=2, left=2, top=1),
        ]
        with CmcrReader(write_cmcr(tmp_path / "a.cmcr", sensor=blocks)) as reader:
            sensor = reader.sensor
            assert sensor is not None
            assert sensor.to_rows_cols(sensor.read_counts(0, 0, 1))[0].tolist() == [[1, 1, 2]] * 3
            assert any("overlap" in message for message in sensor.warnings)

    def test_regions_recorded_at_other_times_share_what_all_have(self, tmp_path: Path) -> None:
        ramp = np.arange(100, dtype=np.int16)
        blocks = [
            SensorBlock(np.broadcast_to(ramp[:, None, None], (100, 2, 3)), region=1, left=1),
            SensorBlock(np.broadcast_to(ramp[:80, None, None], (80, 1, 1)), region=2, left=9, from_us=500),
            SensorBlock(np.zeros((9, 1, 1), np.int16), region=3, left=12, from_us=10**6),
        ]
        with CmcrReader(write_cmcr(tmp_path / "a.cmcr", sensor=blocks)) as reader:
            sensor = reader.sensor
            assert sensor is not None
            assert sensor.segments.tolist() == [[10, 90]]
            assert sensor.read_counts(0, 5, 7).tolist() == [[15] * 6 + [5], [16] * 6 + [6]]
            said = " ".join(sensor.warnings)
            assert "region 3 was not recorded at the same time" in said
            assert "not recorded for the same time" in said

    def test_regions_that_nothing_places_are_left_out(self, tmp_path: Path) -> None:
        blocks = [SensorBlock(np.zeros((5, n, 3), np.int16), region=n) for n in (2, 4)]
        with CmcrReader(write_cmcr(tmp_path / "a.cmcr", sensor=blocks, edges=False)) as reader:
            sensor = reader.sensor
            assert sensor is not None
            assert [region.region_id for region in sensor.regions] == [4]
            assert any("does not state the position of region 2" in message for message in sensor.warnings)

    def test_without_factors_the_unit_is_counts_and_that_is_said(self, tmp_path: Path) -> None:
        block = SensorBlock(np.zeros((4, 2, 3), np.int16), factors=np.ones(5))
        with CmcrReader(write_cmcr(tmp_path / "a.cmcr", sensor=[block])) as reader:
            assert reader.sensor is not None
            assert reader.sensor.unit == "counts"
            assert reader.sensor.factors_uv.tolist() == [1.0] * 6
            assert "5 conversion factors for 6 electrodes" in reader.sensor.warnings[0]

    def test_edges_that_contradict_the_shape_are_said(self, tmp_path: Path) -> None:
        block = SensorBlock(np.zeros((4, 2, 3), np.int16), width=7, height=9)
        with CmcrReader(write_cmcr(tmp_path / "a.cmcr", sensor=[block])) as reader:
            assert reader.sensor is not None
            assert (reader.sensor.rows, reader.sensor.cols) == (3, 2)
            assert "contradict" in reader.sensor.warnings[0]

    def test_a_region_without_edges_begins_at_one(self, tmp_path: Path) -> None:
        block = SensorBlock(np.zeros((4, 2, 3), np.int16))
        with CmcrReader(write_cmcr(tmp_path / "a.cmcr", sensor=[block], edges=False)) as reader:
            assert reader.sensor is not None
            assert (reader.sensor.first_row, reader.sensor.first_column) == (1, 1)
            assert "position of the region on the chip" in reader.sensor.warnings[0]


class TestRefusals:
    def test_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match=r"does not exist"):
            CmcrReader(tmp_path / "none.cmcr")

    def test_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(DataLoadError, match="folder") as caught:
            CmcrReader(tmp_path)
        assert caught.value.file_path == tmp_path

    @pytest.mark.parametrize(("content", "said"), [(b"", "empty"), (b"text" * 999, "not an HDF5 file")])
    def test_what_is_no_hdf5(self, tmp_path: Path, content: bytes, said: str) -> None:
        path = tmp_path / "a.cmcr"
        path.write_bytes(content)
        with pytest.raises(DataLoadError, match=said):
            CmcrReader(path)

    def test_a_truncated_file(self, tmp_path: Path) -> None:
        path = write_cmcr(tmp_path / "a.cmcr", light=[(0, ramp(2, 50_000))])
        os.truncate(path, path.stat().st_size // 2)
        with pytest.raises(DataLoadError, match="truncated"):
            CmcrReader(path)

    def test_another_hdf5_file(self, tmp_path: Path) -> None:
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file["x"] = 1
        with pytest.raises(DataLoadError, match="not a file of the CMOS-MEA system"):
            CmcrReader(tmp_path / "a.h5")

    def test_the_older_generation(self, tmp_path: Path) -> None:
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file.attrs["McsHdf5ProtocolType"] = np.bytes_("RawData")
        with pytest.raises(DataLoadError, match=r"before CMOS-MEA-Control 2\.0"):
            CmcrReader(tmp_path / "a.h5")

    @pytest.mark.parametrize("link", ["a.cmcr", None])
    def test_a_spike_sorted_file(self, tmp_path: Path, link: str | None) -> None:
        path = write_cmtr(tmp_path / "a.cmtr", link=link)
        with pytest.raises(DataLoadError, match="swapped"):
            CmcrReader(path)

    def test_damaged_data_name_the_file(self, tmp_path: Path) -> None:
        path = tmp_path / "a.cmcr"
        write_cmcr(path, light=[(0, ramp(1, 10))])
        with h5py.File(path, "r+") as file:
            group = file["Acquisition/Analog Data"]
            attrs = dict(group["ChannelData 1"].attrs)
            del group["ChannelData 1"]
            data = group.create_dataset(
                "ChannelData 1", data=ramp(1, 5000), chunks=(1, 5000), compression="gzip"
            )
            data.attrs.update(attrs)
            offset = data.id.get_chunk_info(0).byte_offset
        with path.open("r+b") as raw:
            raw.seek(offset)
            raw.write(b"\xff" * 64)
        with CmcrReader(path) as reader, pytest.raises(DataLoadError, match="damaged") as caught:
            reader.read_light(1)
        assert caught.value.original_error is not None

    @pytest.mark.parametrize("locking", [None, True, False])
    def test_a_file_that_this_process_has_open_already(self, tmp_path: Path, locking: bool | None) -> None:
        path = write_cmcr(tmp_path / "a.cmcr", light=[(0, ramp(2, 100))])
        with h5py.File(path, "r", locking=locking), CmcrReader(path) as reader:
            assert reader.info.n_light_channels == 2

    def test_a_source_file_is_neither_changed_nor_locked(self, tmp_path: Path) -> None:
        fcntl = pytest.importorskip("fcntl")
        path = write_cmcr(tmp_path / "a.cmcr", light=[(0, ramp(2, 100))])
        before = (path.read_bytes(), path.stat().st_mtime_ns)
        path.chmod(0o444)
        with CmcrReader(path) as reader, path.open("rb") as other:
            reader.read_light(1)
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.chmod(0o644)
        assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_spikes_that_were_found_while_recording(tmp_path: Path) -> None:
    made = simulate_recording(tmp_path, Experiment.tiny(files=FileOptions(online_spikes=True)))
    expected = sorted(
        (sample * 50, unit.morphology.sensor_row, unit.morphology.sensor_column)
        for unit in made.truth.units
        for sample in unit.spike_samples.tolist()
    )
    with CmcrReader(made.cmcr_path) as reader:
        found = reader.online_spikes()
    assert sorted(zip(found.time_us.tolist(), *found.position.T.tolist(), strict=True)) == expected
    assert np.all(np.diff(found.time_us) >= 0)

    # With cut-outs, out of order, and with sensors that are not on the chip.
    with h5py.File(made.cmcr_path, "r+") as file:
        stream = file["Acquisition/Spike Data"]
        rows = stream["SpikeData"][:]
        attributes = dict(stream["SpikeData"].attrs)
        del stream["SpikeData"]
        wide = np.zeros(
            len(rows) + 2, [("TimeStamp", "<i8"), ("1", "<f8"), ("2", "<f8"), ("SensorID", "<i8")]
        )
        wide["SensorID"][2:], wide["TimeStamp"][2:] = rows["SensorID"][::-1], rows["TimeStamp"][::-1]
        wide["SensorID"][:2] = 0, 4226
        stream.create_dataset("SpikeData", data=wide).attrs.update(attributes)
    with CmcrReader(made.cmcr_path) as reader:
        again = reader.online_spikes()
    assert np.array_equal(again.time_us, found.time_us)
    assert len(again) == len(expected)
