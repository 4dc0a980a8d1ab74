"""The step `load_recording`: what is in the session afterwards, and what the person is told."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdmea.pipeline import loading
from hdmea.pipeline.context import ProgressEvent, StepRun
from hdmea.pipeline.run import run_step
from hdmea.pipeline.session import PipelineSession, create_session
from hdmea.pipeline.steps.load_recording import LoadRecordingParams, load_recording
from hdmea.recordings import open_signals, open_units
from hdmea.recordings.pairing import find_partner
from hdmea.utils.exceptions import (
    DataLoadError,
    MismatchError,
    MissingInputError,
    NotEnoughMemoryError,
    StepCancelled,
    ValidationError,
)
from tests.recordings.test_partner_check import FIRST_COLUMN, FIRST_ROW, PLACES, recorded, trains
from tests.recordings.vendor_files import (
    SensorBlock,
    VendorUnit,
    pack_with_unknown_filter,
    write_cmcr,
    write_cmtr,
)

FS = 20_000
PERIOD = 333


def flips(n: int, *, skip: tuple[int, ...] = (), extra: tuple[int, ...] = ()) -> np.ndarray:
    """Light and sync channel with rising flips every 333 samples, 100 samples long."""
    sync = np.zeros(n, np.int32)
    starts = [k for k in range(PERIOD, n - 200, PERIOD) if k // PERIOD not in skip]
    for start in [*starts, *extra]:
        sync[start : start + 100] = 1_000_000
    light = np.arange(n, dtype=np.int32)
    return np.stack([light, sync])


def load(
    cmcr: Path | None = None, cmtr: Path | None = None, **params: Any
) -> tuple[PipelineSession, StepRun]:
    session = create_session("recording", cmcr, cmtr)
    values = {"cmcr_path": cmcr, "cmtr_path": cmtr, "find_partner": False, **params}
    return session, run_step(session, load_recording, values)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Two seconds at 20 kHz, two units, one of them without an accepted peak."""
    units = [
        VendorUnit(
            1, [50, 150_000, 99_975, 100_000], [1, 1, 1, 0], np.ones((4, 3)), row=5, column=4, snr=8.5
        ),
        VendorUnit(12, [70], [0], np.ones((1, 3))),
    ]
    cmcr = write_cmcr(
        tmp_path / "X-Rec.cmcr", light=[(0, flips(2 * FS))], events=[(400, 1)], duration_us=2_000_000
    )
    return cmcr, write_cmtr(tmp_path / "X-Rec-.cmtr", units, link="X-Rec.cmcr", duration_us=2_000_000)


class TestSharedRecordings:
    def test_the_sample(self, shared_data: Path) -> None:
        folder = shared_data / "sample"
        session, run = load(folder / "sample.cmcr", folder / "sample.cmtr")
        assert run.warnings == []
        assert session.unit_count == 14
        assert {len(unit["firing_rate_10hz"]) for unit in session.units.values()} == {4960}
        frames = session.metadata["frame_timestamps"]
        assert (len(frames), frames[0], frames[-1], frames.dtype) == (28_566, 61_332, 9_583_000, np.uint64)
        assert session.metadata["frame_detection"]["n_detected"] == 28_570
        assert session.metadata["recording_duration_s"] == 496.0
        light = session.stimulus["light_reference"]
        assert float(light["raw_ch1"].sum(dtype=np.float64)) == 7_277_441_665_000
        assert (light["1khz_ch1"].size, light["10hz_ch1"].size) == (496_000, 4960)
        assert session.metadata["sys_meta"]["axis_order_source"] == "data"

    def test_the_recording_with_a_gap(self, shared_data: Path) -> None:
        folder = shared_data / "variants/two_groups_gap"
        session, run = load(folder / "two-groups-Rec.cmcr", folder / "two-groups-Rec-.cmtr")
        assert session.metadata["segments"].tolist() == [[0, 300_000], [340_000, 640_000]]
        assert session.metadata["acquisition_rate"] == 20_000.0
        assert any("15.000 s to 17.000 s" in warning for warning in run.warnings)
        with np.load(folder / "two-groups-Rec_truth.npz") as truth:
            flips_shown = truth["frame_samples"].astype(int)
        # A step needs a recorded sample on both of its sides: the flips at 299 999 and 340 000 have none.
        inside = [
            flip - 1
            for flip in flips_shown[4:]
            if any(first < flip < last - 1 for first, last in session.metadata["segments"].tolist())
        ]
        assert session.metadata["frame_timestamps"].tolist() == inside

    def test_without_analog_channels(self, shared_data: Path) -> None:
        folder = shared_data / "variants/no_aux"
        session, run = load(folder / "no_aux.cmcr", folder / "no_aux.cmtr")
        assert session.unit_count == 4
        assert "light_reference" not in session.stimulus
        assert "frame_timestamps" not in session.metadata
        assert any("no analog channels" in warning for warning in run.warnings)
        assert session.stimulus["digital_events"]["time_us"].tolist()[:2] == [4_066_700, 11_066_600]

    def test_without_sorted_units(self, shared_data: Path) -> None:
        folder = shared_data / "variants/no_sorter"
        session, run = load(folder / "no_sorter.cmcr", folder / "no_sorter.cmtr")
        frames = session.metadata["frame_timestamps"]
        assert (session.unit_count, len(frames), frames[0], frames[-1]) == (0, 1794, 21_331, 619_000)
        assert any("no sorted units" in warning for warning in run.warnings)

    def test_odd_units_are_found_beside_a_broken_link(self, shared_data: Path) -> None:
        folder = shared_data / "variants/odd_units_broken_link"
        session, _ = load(cmtr=folder / "odd_units.cmtr", find_partner=True)
        assert list(session.units) == ["unit_002", "unit_005", "unit_017", "unit_103"]
        silent = session.units["unit_017"]
        assert (silent["spike_count"], silent["waveform"].size) == (0, 0)
        assert silent["firing_rate_10hz"].tolist() == [0.0] * 320
        assert len(session.metadata["frame_timestamps"]) == 1794

    def test_the_other_axis_order(self, shared_data: Path) -> None:
        folder = shared_data / "variants/rowmajor_uint16_v2"
        session, _ = load(folder / "rowmajor.cmcr", folder / "rowmajor.cmtr")
        system = session.metadata["sys_meta"]
        assert (system["axis_order"], system["axis_order_source"]) == ("row,column", "shape")
        assert (system["sensor_rows"], system["sensor_columns"]) == (8, 11)


class TestUnits:
    def test_a_unit_holds_what_the_file_states(self, pair: tuple[Path, Path]) -> None:
        session, _ = load(*pair)
        unit = session.units["unit_001"]
        assert unit["spike_times"].dtype == np.uint64
        assert unit["spike_times"].tolist() == [1, 2000, 3000]
        assert unit["spike_times"].attrs == {"unit": "sample_index"}
        assert (unit["row"], unit["col"], unit["sensor_id"]) == (5, 4, 200)
        assert (unit["unit_num"], unit["original_name"], unit["spike_count"]) == (1, "Unit 1", 3)
        assert unit["waveform"].dtype == np.float32
        assert unit["waveform"].attrs == {"unit": "source"}
        assert unit["unit_meta"]["snr"] == 8.5
        assert unit["unit_meta"]["n_rejected_peaks"] == 1

    def test_the_firing_rate_counts_every_spike_in_its_bin(self, pair: tuple[Path, Path]) -> None:
        session, _ = load(*pair)
        rate = session.units["unit_001"]["firing_rate_10hz"]
        assert rate.dtype == np.float32
        assert rate.attrs == {"unit": "Hz"}
        expected = np.zeros(20)
        expected[[0, 1]] = [10, 20]
        np.testing.assert_array_equal(rate, expected)

    @pytest.mark.parametrize(
        ("duration", "bins"), [(0.1, 1), (0.11, 2), (31.999_999_999_999_996, 320), (3.0, 30)]
    )
    def test_the_last_bin_may_be_short(self, duration: float, bins: int) -> None:
        assert loading.firing_rate(np.empty(0, np.uint64), FS, duration).size == bins

    def test_spikes_on_the_edge_of_a_bin_belong_to_the_later_one(self) -> None:
        rate = loading.firing_rate(np.array([1999, 2000, 3999, 4000], np.uint64), FS, 0.3)
        assert rate.tolist() == [10.0, 20.0, 10.0]

    @pytest.mark.parametrize("tick_us", [40, 48, 60, 100])
    def test_edges_of_bins_are_exact_at_any_rate(self, tick_us: int) -> None:
        """Given spikes at every multiple of 100 ms that is a sample, then each is the only one of its bin."""
        edges = [bin_ for bin_ in range(300) if bin_ * 100_000 % tick_us == 0]
        spikes = np.array([bin_ * 100_000 // tick_us for bin_ in edges], np.uint64)
        rate = loading.firing_rate(spikes, 1e6 / tick_us, 30.0)
        assert np.flatnonzero(rate).tolist() == edges

    def test_spikes_where_nothing_was_recorded_are_told(self, tmp_path: Path) -> None:
        """Given a recording from 5 s on with a gap, then spikes before it and in the gap are counted."""
        light = [(5_000_000, flips(FS)), (6_500_000, flips(FS))]
        cmcr = write_cmcr(tmp_path / "X-Rec.cmcr", light=light)
        times = [100, 4_999_950, 5_000_000, 5_999_950, 6_000_000, 6_499_950, 6_500_000, 7_499_950]
        _, run = load(cmcr, write_cmtr(tmp_path / "X-Rec-.cmtr", [VendorUnit(1, times)]))
        assert any("4 of 8 spikes are where nothing was recorded" in message for message in run.warnings)

    def test_sorted_units_alone(self, pair: tuple[Path, Path]) -> None:
        session, run = load(cmtr=pair[1])
        assert session.unit_count == 2
        assert session.metadata["recording_duration_s"] == 2.0
        assert session.metadata["acquisition_rate_source"] == "tick of the spike-sorted file"
        assert session.stimulus == {}
        assert run.warnings == []

    def test_without_any_statement_rate_and_duration_are_assumed_and_said(self, tmp_path: Path) -> None:
        path = write_cmtr(tmp_path / "a.cmtr", [VendorUnit(1, [500_000])], tick=None)
        session, run = load(cmtr=path)
        assert session.metadata["acquisition_rate"] == 20_000.0
        assert session.metadata["recording_duration_s"] == 1.5
        assert any("20000 Hz is assumed" in warning for warning in run.warnings)
        assert any("1 s after the last spike" in warning for warning in run.warnings)

    def test_spikes_just_after_the_end_are_said(self, tmp_path: Path) -> None:
        cmcr = write_cmcr(tmp_path / "a.cmcr", light=[(0, flips(FS))])
        cmtr = write_cmtr(tmp_path / "a.cmtr", [VendorUnit(1, [50, 1_200_000])])
        session, run = load(cmcr, cmtr)
        assert session.units["unit_001"]["firing_rate_10hz"].sum() == 10
        assert session.units["unit_001"]["spike_times"].tolist() == [1]
        assert session.units["unit_001"]["unit_meta"]["n_left_out_peaks"] == 1
        (said,) = run.warnings
        assert "Unit 1: 1 spikes after the end of the recording at 1.000 s are skipped" in said

    def test_spikes_far_after_the_end_are_of_another_recording(self, tmp_path: Path) -> None:
        cmcr = write_cmcr(tmp_path / "a.cmcr", light=[(0, flips(FS))])
        cmtr = write_cmtr(tmp_path / "a.cmtr", [VendorUnit(1, [50, 31_200_000])])
        with pytest.raises(MismatchError, match=r"spikes up to 31\.200 s"):
            load(cmcr, cmtr)

    def test_duplicated_spikes_are_counted_and_dropped_on_request(self, tmp_path: Path) -> None:
        """Given one unit with every spike twice and one with each pair a sample apart, then both are told."""
        times = np.arange(1, 19) * 100_000
        units = [
            VendorUnit(2, np.repeat(times, 2).tolist()),
            VendorUnit(5, np.sort(np.concatenate([times, times + 50])).tolist()),
            VendorUnit(7, times.tolist()),
        ]
        cmtr = write_cmtr(tmp_path / "a.cmtr", units, duration_us=2_000_000)

        session, run = load(cmtr=cmtr)
        (said,) = run.warnings
        assert "Unit 2: 18 of 36 spikes are at the sample of another one" in said
        assert "Unit 5: 18 of 36 spikes follow another within 1 sample (0.05 ms)" in said
        assert "Unit 7" not in said
        assert "drop_duplicates=0.1" in said
        assert [unit["spike_count"] for unit in session.units.values()] == [36, 36, 18]
        assert [unit["unit_meta"]["n_duplicates"] for unit in session.units.values()] == [18, 18, 0]

        session, run = load(cmtr=cmtr, drop_duplicates=0.1)
        assert run.warnings == []
        assert all(unit["spike_times"].tolist() == (times // 50).tolist() for unit in session.units.values())
        assert [unit["unit_meta"]["n_dropped_duplicates"] for unit in session.units.values()] == [18, 18, 0]

    def test_many_units_with_one_fault_are_one_warning(self, tmp_path: Path) -> None:
        units = [VendorUnit(number, [-100, 50]) for number in range(1, 13)]
        _, run = load(cmtr=write_cmtr(tmp_path / "a.cmtr", units, duration_us=2_000_000))
        (said,) = run.warnings
        assert said.startswith("Unit 1: 1 spikes before time zero are skipped; Unit 2:")
        assert said.endswith("and 2 units more.")


class TestLightAndFrames:
    def test_light_frames_and_events(self, pair: tuple[Path, Path]) -> None:
        session, run = load(*pair)
        starts = np.arange(PERIOD, 2 * FS - 200, PERIOD)
        assert session.metadata["frame_timestamps"].tolist() == (starts[4:] - 1).tolist()
        np.testing.assert_array_equal(
            session.metadata["frame_time"], session.metadata["frame_timestamps"] / FS
        )
        np.testing.assert_array_equal(
            session.stimulus["frame_times"]["default"], session.metadata["frame_timestamps"]
        )
        light = session.stimulus["light_reference"]
        assert {array.dtype for array in light.values()} == {np.dtype(np.float32)}
        assert light["raw_ch1"].tolist() == list(range(2 * FS))
        assert light["10hz_ch1"].attrs["sampling_rate"] == 10.0
        assert light["10hz_ch1"][0] == pytest.approx(999.5)
        assert session.stimulus["digital_events"]["label"] == ["Digital On"]
        assert run.warnings == []

    def test_channels_may_be_swapped(self, tmp_path: Path) -> None:
        cmcr = write_cmcr(tmp_path / "a.cmcr", light=[(0, flips(FS)[::-1])])
        session, _ = load(cmcr, light_channel=2, sync_channel=1)
        assert session.stimulus["light_reference"]["raw_ch1"][5] == 5
        assert session.stimulus["light_reference"]["raw_ch1"].attrs["channel"] == 2
        assert session.metadata["frame_timestamps"].size > 40
        assert session.metadata["sys_meta"]["sync_channel"] == 1

    def test_a_single_channel_is_light_and_sync(self, tmp_path: Path) -> None:
        session, run = load(write_cmcr(tmp_path / "a.cmcr", light=[(0, flips(FS)[1:])]))
        assert set(session.stimulus["light_reference"]) == {"raw_ch1", "1khz_ch1", "10hz_ch1"}
        assert session.metadata["frame_timestamps"].size > 40
        assert any("only one analog channel" in warning for warning in run.warnings)

    def test_a_channel_that_is_not_there_is_refused(self, pair: tuple[Path, Path]) -> None:
        with pytest.raises(ValidationError, match="no analog channel 3"):
            load(pair[0], sync_channel=3)

    def test_a_dark_sync_channel_gives_no_frames_and_says_so(self, tmp_path: Path) -> None:
        light = np.stack([np.arange(FS), np.zeros(FS)]).astype(np.int32)
        session, run = load(write_cmcr(tmp_path / "a.cmcr", light=[(0, light)]))
        assert "frame_timestamps" not in session.metadata
        assert any("is constant" in warning for warning in run.warnings)
        saved = PipelineSession.load(session.save(tmp_path / "a.h5"))
        for metadata in (session.metadata, saved.metadata):
            assert "is constant" in metadata["frame_detection"]["reason"]
        with pytest.raises(MissingInputError, match="is constant"):
            run_step(session, "add_section_time", {"playlist_name": "any"})

    def test_exchanged_channels_are_told(self, tmp_path: Path) -> None:
        cmcr = write_cmcr(tmp_path / "a.cmcr", light=[(0, flips(FS)[::-1])])
        _, run = load(cmcr)
        assert any("light_channel=2" in warning and "sync_channel=1" in warning for warning in run.warnings)
        session, run = load(cmcr, light_channel=2, sync_channel=1)
        assert session.metadata["frame_timestamps"].size > 40
        assert run.warnings == []

    def test_the_rate_is_stored_and_said_where_it_is_not_60(self, tmp_path: Path) -> None:
        session, run = load(write_cmcr(tmp_path / "a.cmcr", light=[(0, flips(FS))]))
        assert session.metadata["frame_detection"]["rate_hz"] == pytest.approx(FS / PERIOD, rel=1e-3)
        told = [text for text in session.information if "frames per second, not at 60" in text]
        assert len(told) == (0 if 59 <= FS / PERIOD <= 61 else 1)
        assert not any("per second" in warning for warning in run.warnings)

    def test_missing_and_double_flips_are_said_and_corrected_on_request(self, tmp_path: Path) -> None:
        channels = flips(2 * FS, skip=(30, 31), extra=(60 * PERIOD + 110,))
        cmcr = write_cmcr(tmp_path / "a.cmcr", light=[(0, channels)])
        starts = np.arange(PERIOD, 2 * FS - 200, PERIOD)

        plain, run = load(cmcr)
        assert plain.metadata["frame_detection"]["missing_count"].tolist() == [2]
        assert plain.metadata["frame_detection"]["double_at"].size == 1
        assert sum("flips are" in warning for warning in run.warnings) == 2

        mended, run = load(cmcr, frame_correction=True)
        assert mended.metadata["frame_timestamps"].tolist() == (starts[4:] - 1).tolist()
        assert mended.metadata["frame_detection"]["corrected"] is True
        assert any("2 missing flips inserted, 1 double flips removed" in warning for warning in run.warnings)
        assert not any("flips are" in warning for warning in run.warnings)

    def test_a_low_rate_has_no_block_mean_above_it(self, tmp_path: Path) -> None:
        session, _ = load(write_cmcr(tmp_path / "a.cmcr", light=[(0, flips(5000))], tick=2000))
        assert set(session.stimulus["light_reference"]) == {"raw_ch1", "10hz_ch1", "raw_ch2", "10hz_ch2"}

    def test_many_data_groups_are_one_warning(self, tmp_path: Path) -> None:
        """Given 40 sweeps of 60 ms, one every 80 ms, then their 39 gaps are told once."""
        channels = flips(2 * FS)
        sweeps = [(k * 80_000, channels[:, :1200]) for k in range(40)]
        _, run = load(write_cmcr(tmp_path / "a.cmcr", light=sweeps))
        assert sum("gaps" in warning for warning in run.warnings) == 1
        assert any("39 gaps (the first from 0.060 s to 0.080 s" in warning for warning in run.warnings)


class TestFiles:
    def test_source_files_are_noted(self, pair: tuple[Path, Path]) -> None:
        session, _ = load(*pair)
        for kind, path in zip(("cmcr", "cmtr"), pair, strict=True):
            assert session.source_files[f"{kind}_path"] == str(path)
            assert session.source_files[f"{kind}_size"] == path.stat().st_size
            assert session.source_files[f"{kind}_mtime"] == path.stat().st_mtime
        assert session.metadata["cmtr_meta"]["linked_recording"] == "X-Rec.cmcr"
        assert session.metadata["cmcr_meta"]["ProgramName"] == "CMOS-MEA-Control"
        assert session.metadata["dataset_id"] == "recording"

    @pytest.mark.parametrize("which", [0, 1])
    def test_the_partner_is_found_and_named(self, pair: tuple[Path, Path], which: int) -> None:
        assert find_partner(pair[which]).path == pair[1 - which]
        session, run = load(
            pair[0] if which == 0 else None, pair[1] if which == 1 else None, find_partner=True
        )
        assert session.unit_count == 2
        assert "frame_timestamps" in session.metadata
        assert any("was loaded together with" in warning for warning in run.warnings)
        assert {"cmcr_path", "cmtr_path"} <= set(session.source_files)

    def test_a_recording_may_be_called_h5(self, tmp_path: Path, pair: tuple[Path, Path]) -> None:
        recording = pair[0].rename(tmp_path / "X-Rec.h5")
        session, run = load(recording, find_partner=True)
        assert session.unit_count == 2
        assert "frame_timestamps" in session.metadata
        assert not any("differ" in warning for warning in run.warnings)

    def test_sensor_data_that_need_a_plugin_do_not_keep_the_rest_away(self, tmp_path: Path) -> None:
        block = SensorBlock(np.zeros((400, 4, 4), np.int16))
        cmcr = write_cmcr(tmp_path / "a.cmcr", sensor=[block], light=[(0, flips(FS))])
        pack_with_unknown_filter(cmcr, "Acquisition/Sensor Data/SensorData 1 1")
        session, run = load(cmcr, write_cmtr(tmp_path / "a.cmtr", [VendorUnit(1, [50])]))
        assert session.unit_count == 1
        assert "frame_timestamps" in session.metadata
        said = [warning for warning in run.warnings if "needs the plugin 32004" in warning]
        assert said
        assert all("not damaged" in warning for warning in said)
        with pytest.raises(MissingInputError, match="needs the plugin 32004"):
            run_step(session, "compute_eimage_sta")

    def test_light_that_needs_a_plugin_is_named(self, tmp_path: Path) -> None:
        cmcr = write_cmcr(tmp_path / "a.cmcr", light=[(0, flips(FS))])
        pack_with_unknown_filter(cmcr, "Acquisition/Analog Data/ChannelData 1")
        with pytest.raises(DataLoadError, match=r"analog channel 2: .* filter 32004"):
            load(cmcr)

    def test_a_missing_partner_is_said(self, tmp_path: Path) -> None:
        cmcr = write_cmcr(tmp_path / "a.cmcr", light=[(0, flips(FS))])
        _, run = load(cmcr, find_partner=True)
        assert any("no sorted units: there is no .cmtr file" in warning for warning in run.warnings)

    def test_the_session_s_own_files_are_used(self, pair: tuple[Path, Path]) -> None:
        session = create_session("recording", *pair)
        run_step(session, load_recording)
        assert session.unit_count == 2

    def test_no_file_at_all(self) -> None:
        with pytest.raises(MissingInputError, match=r"cmcr_path, or .* cmtr_path"):
            run_step(create_session("recording"), load_recording)

    def test_files_that_are_not_there(self, tmp_path: Path) -> None:
        for kind in ("cmcr_path", "cmtr_path"):
            with pytest.raises(FileNotFoundError):
                run_step(create_session("recording"), load_recording, {kind: tmp_path / "gone"})

    def test_swapped_files_are_told(self, pair: tuple[Path, Path]) -> None:
        with pytest.raises(DataLoadError, match="swapped"):
            load(pair[1], pair[0])

    def test_other_stems_warn(self, tmp_path: Path, pair: tuple[Path, Path]) -> None:
        other = pair[1].rename(tmp_path / "Y-Rec-.cmtr")
        _, run = load(pair[0], other)
        assert any("names of X-Rec.cmcr and Y-Rec-.cmtr differ" in warning for warning in run.warnings)

    def test_files_of_two_recordings_are_refused_and_nothing_is_kept(self, tmp_path: Path) -> None:
        cmcr = write_cmcr(tmp_path / "X.cmcr", light=[(0, flips(FS))])
        cmtr = write_cmtr(tmp_path / "Y.cmtr", [VendorUnit(1, [50])], duration_us=90_000_000)
        session = create_session("recording", cmcr, cmtr)
        with pytest.raises(MismatchError, match="not of one recording"):
            run_step(session, load_recording)
        assert (session.units, session.metadata, session.stimulus) == ({}, {}, {})
        assert "load_recording" not in session.completed_steps

    def test_a_load_never_succeeds_with_nothing(self, tmp_path: Path) -> None:
        with pytest.raises(DataLoadError, match=r"nothing to load.*no sorted units"):
            load(cmtr=write_cmtr(tmp_path / "a.cmtr", sorter=False))
        with pytest.raises(DataLoadError, match="does not contain samples"):
            load(cmcr=write_cmcr(tmp_path / "a.cmcr"))

    def test_different_rates_are_said(self, tmp_path: Path) -> None:
        cmcr = write_cmcr(tmp_path / "a.cmcr", light=[(0, flips(FS))])
        cmtr = write_cmtr(tmp_path / "a.cmtr", [VendorUnit(1, [50])], tick=40)
        session, run = load(cmcr, cmtr)
        assert session.metadata["acquisition_rate"] == 20_000.0
        assert any("25000 Hz" in warning for warning in run.warnings)

    def test_the_axis_decision_is_stored(self, tmp_path: Path) -> None:
        block = SensorBlock(np.zeros((40, 4, 4), np.int16), left=3, top=5)
        session, _ = load(write_cmcr(tmp_path / "a.cmcr", sensor=[block], light=[(0, flips(FS))]))
        system = session.metadata["sys_meta"]
        assert (system["axis_order"], system["axis_order_source"]) == ("column,row", "default")
        assert "square" in system["axis_order_evidence"]
        assert (system["sensor_first_row"], system["sensor_first_column"]) == (5, 3)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[np.ndarray]]:
    return recorded(1, tmp_path_factory.mktemp("recording"))


class TestSpikesAgainstRawData:
    """Given one retina recorded, then its own spikes fit; late ones and those of another retina are told."""

    def sorted_file(self, path: Path, units: list[np.ndarray], lag: int = 0, link: str | None = None) -> Path:
        described = [
            VendorUnit(
                number, ((spikes + lag) * 50).tolist(), row=row + FIRST_ROW, column=column + FIRST_COLUMN
            )
            for number, ((row, column), spikes) in enumerate(zip(PLACES, units, strict=True), start=1)
        ]
        return write_cmtr(path, described, duration_us=4_000_000, link=link)

    def test_its_own_spikes(self, tmp_path: Path, recording: tuple[Path, list[np.ndarray]]) -> None:
        cmtr = self.sorted_file(tmp_path / "1.cmtr", recording[1], link="before renaming.cmcr")
        session, run = load(recording[0], cmtr)
        assert session.metadata["sys_meta"]["spikes_in_raw"] == "fits"
        assert not any("fit" in message for message in run.warnings)
        (said,) = (message for message in run.information if "belong to 1.cmcr" in message)
        assert "fits (6 of 6 units" in said
        assert "Its link names before renaming.cmcr." in said

    def test_spikes_that_are_late(self, tmp_path: Path, recording: tuple[Path, list[np.ndarray]]) -> None:
        session, run = load(recording[0], self.sorted_file(tmp_path / "1.cmtr", recording[1], lag=40))
        (said,) = (message for message in run.warnings if "do not fit" in message)
        assert "the times of the spikes are 2.00 ms late" in said
        assert session.metadata["sys_meta"]["spikes_in_raw_lag_samples"] == -40
        assert session.units["unit_001"]["spike_times"].tolist() == (recording[1][0] + 40).tolist()

    def test_spikes_of_another_retina(self, tmp_path: Path, recording: tuple[Path, list[np.ndarray]]) -> None:
        _, run = load(recording[0], self.sorted_file(tmp_path / "1.cmtr", trains(7)))
        assert any("belongs to another recording" in message for message in run.warnings)

    def test_a_sorting_of_a_copy_that_begins_later(
        self, tmp_path: Path, recording: tuple[Path, list[np.ndarray]]
    ) -> None:
        """Given a sorted file that lasts 0.5 s less and counts from there, then that is what is said."""
        later = [spikes[spikes > 10_500] - 10_000 for spikes in recording[1]]
        cmtr = self.sorted_file(tmp_path / "1.cmtr", later)
        with h5py.File(cmtr, "r+") as file:
            file.attrs["LB.RecordingDuration"] = np.array([3_500_000])
        _, run = load(recording[0], cmtr)
        assert any("or of a copy that begins so much later" in said for said in run.warnings)

    def test_too_few_spikes_are_no_warning(
        self, tmp_path: Path, recording: tuple[Path, list[np.ndarray]]
    ) -> None:
        few = [spikes[:20] for spikes in recording[1]]
        session, run = load(recording[0], self.sorted_file(tmp_path / "1.cmtr", few))
        assert session.metadata["sys_meta"]["spikes_in_raw"] == "cannot be checked"
        assert any("cannot be checked" in message for message in run.information)
        assert not any("raw" in message for message in run.warnings)


class TestMechanism:
    def test_a_second_load_replaces_the_first(self, tmp_path: Path, pair: tuple[Path, Path]) -> None:
        session, _ = load(*pair)
        other = write_cmtr(tmp_path / "other.cmtr", [VendorUnit(3, [50])], duration_us=1_000_000)
        run_step(session, load_recording, {"cmtr_path": other, "find_partner": False}, force=True)
        assert list(session.units) == ["unit_003"]
        assert "frame_timestamps" not in session.metadata
        assert "light_reference" not in session.stimulus
        assert "cmcr_path" not in session.source_files

    def test_progress_rises_and_a_stop_keeps_nothing(self, pair: tuple[Path, Path]) -> None:
        events: list[ProgressEvent] = []
        stop = threading.Event()
        session = create_session("recording", *pair)
        run_step(session, load_recording, progress=events.append)
        fractions = [event.fraction for event in events]
        assert fractions == sorted(fractions)

        stop.set()
        fresh = create_session("recording", *pair)
        with pytest.raises(StepCancelled):
            run_step(fresh, load_recording, cancel=stop)
        assert fresh.units == {}

    def test_the_memory_warning(self, pair: tuple[Path, Path]) -> None:
        _, run = load(*pair, memory_warning_gb=1e-6)
        assert any("GB of memory" in warning for warning in run.warnings)

    def test_more_than_the_free_memory_is_said(
        self, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import psutil

        class Nothing:
            available = 0
            free = 1 << 40

        monkeypatch.setattr(psutil, "virtual_memory", Nothing)
        monkeypatch.setattr(psutil, "swap_memory", Nothing)
        _, run = load(*pair)
        assert any("only 0.0 GB are free" in warning for warning in run.warnings)
        monkeypatch.setattr(Nothing, "free", 0)
        with pytest.raises(NotEnoughMemoryError, match=r"needs about 0\.0 GB .* only 0\.0 GB are free"):
            load(*pair)

    def test_the_warning_comes_before_anything_is_read(
        self, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def read(*args: object, **kwargs: object) -> None:
            assert "GB of memory" in caplog.text
            raise MemoryError("Unable to allocate 9 GiB")

        monkeypatch.setattr(loading, "read_units", read)
        with pytest.raises(NotEnoughMemoryError, match=r"allocate 9 GiB.* GB are free\. The result"):
            load(*pair, memory_warning_gb=1e-6)

    def test_the_estimate_is_about_the_size_of_the_session(self, shared_data: Path) -> None:
        folder = shared_data / "sample"
        with (
            open_signals(folder / "sample.cmcr") as cmcr,
            open_units(folder / "sample.cmtr") as cmtr,
        ):
            estimate = loading.memory_estimate_gb(cmcr.info, cmtr)
        session, _ = load(folder / "sample.cmcr", folder / "sample.cmtr")
        arrays = [*session.stimulus["light_reference"].values()]
        arrays += [
            unit[name] for unit in session.units.values() for name in ("spike_times", "firing_rate_10hz")
        ]
        assert estimate == pytest.approx(sum(array.nbytes for array in arrays) / 1e9, rel=0.1)

    def test_parameters_are_declared_for_forms(self) -> None:
        for name, info in LoadRecordingParams.model_fields.items():
            assert info.title, name
            assert info.description, name
