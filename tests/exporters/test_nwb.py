"""NWB files: what pynwb and h5py read is what the session holds; the inspector finds nothing serious."""

from __future__ import annotations

import datetime
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import hdmea
from hdmea.exporters.nwb_subject import age_text, session_start, species_text, subject_facts, weight_text
from hdmea.pipeline.session import PipelineSession
from hdmea.utils.exceptions import MissingInputError, StepCancelled, ValidationError
from tests.exporters.recordings import FRAMES, RATE, SHEET, STARTS_S, recording


@pytest.fixture
def session(tmp_path: Path) -> PipelineSession:
    made = recording(tmp_path)
    made.add_metadata({"sheet": SHEET})
    return made


@pytest.fixture
def written(session: PipelineSession, tmp_path: Path) -> Iterator[tuple[PipelineSession, Any, Path]]:
    """Return the session, and its NWB file as pynwb reads it."""
    pynwb = pytest.importorskip("pynwb", reason="pynwb is optional")
    (path,) = hdmea.export(
        session, "nwb", tmp_path / "x.nwb", condition="control", experimenter="Doe, J; Roe, R"
    )
    with pynwb.NWBHDF5IO(str(path), "r") as file:
        yield session, file.read(), path


def test_spikes_waveforms_and_electrodes_are_those_of_the_session(
    written: tuple[PipelineSession, Any, Path],
) -> None:
    session, nwb, _ = written
    units = nwb.units

    assert list(units["unit_name"][:]) == list(session.units)
    assert units.resolution == 1 / RATE
    for at, unit in enumerate(session.units.values()):
        np.testing.assert_array_equal(np.rint(units["spike_times"][at] * RATE), unit["spike_times"])
        np.testing.assert_allclose(units["waveform_mean"][at], np.asarray(unit["waveform"]) * 1e-6, rtol=1e-6)
        electrode = units["electrodes"][at]
        assert (electrode["row"].item(), electrode["column"].item()) == (unit["row"], unit["col"])
    assert list(units["sorter_snr"][:]) == [5.0, 10.0, 15.0]
    electrodes = nwb.electrodes.to_dataframe()
    assert len(electrodes) == 20
    assert set(electrodes["location"]) == {"retina"}
    assert electrodes.loc[electrodes["bad"], ["row", "column"]].to_numpy().tolist() == [[21, 33]]
    assert electrodes["rel_x"].max() == 33 * 32.0
    np.testing.assert_allclose(electrodes["noise_sd"], 6.5)


def test_trials_movies_and_light_are_at_their_times(written: tuple[PipelineSession, Any, Path]) -> None:
    _, nwb, _ = written
    trials = nwb.trials.to_dataframe()

    assert trials["start_time"].tolist() == list(STARTS_S)
    assert trials["movie"].tolist() == ["steps"] * 3
    assert trials["repetition"].tolist() == [0, 1, 2]
    movies = nwb.intervals["movies"].to_dataframe()
    assert movies[["start_time", "stop_time", "movie"]].to_numpy().tolist() == [[0.5, 9.5, "steps"]]
    assert movies["content_frame"].tolist() == [30]
    sweeps = nwb.intervals["bar_sweeps"].to_dataframe()
    assert sweeps["direction"].tolist() == [0.0, 90.0]
    light = nwb.acquisition["light_channel_1"]
    assert (light.rate, light.unit, float(light.data[1500]), float(light.data[2500])) == (
        1000.0,
        "counts",
        100.0,
        0.0,
    )
    frames = nwb.processing["misc"]["display_frames"]
    np.testing.assert_array_equal(np.rint(frames.timestamps[:] * RATE), FRAMES)
    events = nwb.processing["misc"]["digital_events"].to_dataframe()
    assert events.to_numpy().tolist() == [[0.5, "start"]]


def test_images_and_numbers_are_tables_with_descriptions(written: tuple[PipelineSession, Any, Path]) -> None:
    session, nwb, path = written
    tables = nwb.processing["ecephys"]

    images = tables["electrical_images"]
    assert images["unit"].data[:].tolist() == [0, 1]
    assert images["n_spikes"][:].tolist() == [100, 101]
    for at, name in enumerate(("unit_001", "unit_002")):
        np.testing.assert_array_equal(
            images["image"][at], session.units[name]["features"]["eimage_sta"]["data"]
        )
        np.testing.assert_array_equal(
            tables["sta_noise"]["image"][at], session.units[name]["features"]["sta_noise"]["data"]
        )
    assert "first_row 20" in images.description
    bar = tables["moving_bar"]
    np.testing.assert_array_equal(bar["dsi"][:], [0.25, 0.5, np.nan])
    assert bar["preferred_direction_deg"].description.endswith("(°)")
    np.testing.assert_array_equal(bar["tuning_curve_spikes"][1], np.array([2, 4, 10, 4, 2, 0, 0, 0]))
    assert tables["cell_type"]["cell_type"][:].tolist() == ["DS", "DS", ""]
    assert tables["soma"]["size_x_um"][:].tolist()[:2] == [48.0, 49.0]
    with h5py.File(path) as file:
        spikes = file["units/spike_times"][: file["units/spike_times_index"][0]]
        np.testing.assert_array_equal(np.rint(spikes * RATE), session.units["unit_001"]["spike_times"])


def test_animal_and_start_come_from_the_sheet_and_from_options(
    written: tuple[PipelineSession, Any, Path],
) -> None:
    _, nwb, _ = written
    zone = datetime.timezone(datetime.timedelta(hours=1))

    assert nwb.session_start_time == datetime.datetime(2026, 11, 29, 10, 31, tzinfo=zone)
    assert (nwb.subject.subject_id, nwb.subject.species, nwb.subject.sex) == ("m7", "Mus musculus", "F")
    assert nwb.subject.age == "P60D"
    assert list(nwb.experimenter) == ["Doe, J", "Roe, R"]
    assert nwb.experiment_description == "control"
    assert nwb.notes == "eye: left; rig: B"
    assert "HD-MEA Studio" in nwb.data_collection


def test_the_inspector_finds_nothing_critical_and_no_violation(
    written: tuple[PipelineSession, Any, Path],
) -> None:
    inspector = pytest.importorskip("nwbinspector", reason="nwbinspector is optional")
    _, _, path = written
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = list(inspector.inspect_nwbfile(nwbfile_path=path))
    # What is left are suggestions about columns of two units.
    serious = [item for item in found if item.importance.name != "BEST_PRACTICE_SUGGESTION"]
    assert [(item.check_function_name, item.object_name, item.message) for item in serious] == []


def test_what_is_missing_is_named_and_nothing_is_written(session: PipelineSession, tmp_path: Path) -> None:
    pytest.importorskip("pynwb", reason="pynwb is optional")
    session.metadata["sheet"] = {"subject_id": "m7", "date_of_birth": "2026-08-01"}
    session.add_metadata({"cmcr_meta": {"DateTime": "29.11.2026 10:31:00"}})
    target = tmp_path / "out" / "x.nwb"
    target.parent.mkdir()

    with pytest.raises(MissingInputError, match=r"session_start_time, species, sex\.") as error:
        hdmea.export(session, "nwb", target)

    assert "29.11.2026 10:31:00 without a time zone" in str(error.value)
    assert list(target.parent.iterdir()) == []
    given = {"species": "mouse", "sex": "U", "subject_id": 7}
    hdmea.export(session, "nwb", target, time_zone="Europe/Berlin", **given)
    with h5py.File(target) as file:
        assert file["general/subject/subject_id"].asstr()[()] == "7"


def test_regular_frames_have_a_rate(session: PipelineSession, tmp_path: Path) -> None:
    pynwb = pytest.importorskip("pynwb", reason="pynwb is optional")
    session.metadata["frame_timestamps"] = np.arange(400, 4000, 400, dtype=np.uint64)
    (path,) = hdmea.export(session, "nwb", tmp_path / "x.nwb")
    with pynwb.NWBHDF5IO(str(path), "r") as file:
        frames = file.read().processing["misc"]["display_frames"]
        assert (frames.starting_time, frames.rate) == (0.02, 50.0)


def test_an_export_can_be_stopped(session: PipelineSession, tmp_path: Path) -> None:
    pytest.importorskip("pynwb", reason="pynwb is optional")

    def stop(fraction: float, text: str) -> None:
        if text.startswith("Images"):
            raise StepCancelled("stopped")

    target = tmp_path / "out" / "x.nwb"
    target.parent.mkdir()
    with pytest.raises(StepCancelled):
        hdmea.export(session, "nwb", target, progress=stop)
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("P90D", "P90D"),
        ("P60", "P60D"),
        ("p 60 d", "P60D"),
        ("12 weeks", "P12W"),
        ("3 months", "P3M"),
        ("1,5 y", "P1.5Y"),
        ("P1Y2M", "P1Y2M"),
    ],
)
def test_ages_are_durations(text: str, age: str) -> None:
    assert age_text(text) == age


@pytest.mark.parametrize(
    ("entry", "value"), [("age", "60"), ("age", "old"), ("species", "alien"), ("sex", "x"), ("weight", "25")]
)
def test_an_entry_that_says_nothing_is_named(entry: str, value: str) -> None:
    with pytest.raises(ValidationError, match=f"The entry {entry} cannot be"):
        subject_facts({entry: value})


def test_other_entries_are_as_nwb_has_them() -> None:
    assert species_text("Mouse") == "Mus musculus"
    assert species_text("Danio rerio") == "Danio rerio"
    assert weight_text("25 g") == "0.025 kg"
    start = session_start({}, "10.07.2017 10:08:46", "Europe/Berlin")
    assert start is not None
    assert start.isoformat() == "2017-07-10T10:08:46+02:00"
    assert session_start({}, "10.07.2017 10:08:46", "") is None
    assert session_start({"session_start_time": "2017-07-10T10:08"}, "", "") is None
    with pytest.raises(ValidationError, match="time zone"):
        session_start({}, "10.07.2017 10:08:46", "Berlin")
