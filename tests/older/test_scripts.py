"""Scripts as the laboratory writes them, on recordings with known truth and on files of the laboratory."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdmea.declare import FEATURES
from hdmea.features import compute_sta
from hdmea.io import add_section_time, section_spike_times
from hdmea.pipeline import (
    PipelineSession,
    create_session,
    extract_features,
    extract_rf_geometry,
    fit_lnl,
    load_recording,
    load_recording_with_eimage_sta,
    load_session_from_hdf5,
    section_by_direction,
)
from hdmea.results.files import summarize
from hdmea.simulate import Experiment, SimulatedRecording, simulate_recording
from hdmea.utils.exceptions import ConfigurationError
from tests.older.readers import BAR, build_table, feature_paths, same

NOISE = "perfect_dense_noise_15x15_15hz_r42_3min"


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> SimulatedRecording:
    return simulate_recording(tmp_path_factory.mktemp("source"), Experiment.tiny())


def test_an_immediate_pipeline_reads_its_file_after_every_step(
    recording: SimulatedRecording, tmp_path: Path
) -> None:
    result = load_recording(
        cmcr_path=str(recording.cmcr_path),
        cmtr_path=str(recording.cmtr_path),
        output_dir=str(tmp_path / "artifacts"),
        force=True,
    )
    path = result.hdf5_path
    with h5py.File(path, "r") as file:
        units = list(file["units"])
        assert len(units) == result.num_units
        assert float(file["metadata/acquisition_rate"][0]) == 20_000
        assert file[f"units/{units[0]}/spike_times"].dtype == np.uint64
    assert add_section_time(path, "my_playlist", force=True) is True
    with h5py.File(path, "r") as file:
        movies = list(file["stimulus/section_time"])
        assert all(file[f"stimulus/section_time/{movie}"].shape[1] == 2 for movie in movies)
    sectioned = section_spike_times(hdf5_path=path, pad_margin=(0.0, 0.0), force=True)
    assert sectioned.success
    averaged = compute_sta(path, cover_range=(-20, 0), force=True)
    assert averaged.units_processed > 0
    extracted = extract_features(path, ["frif"], force=True)
    assert extracted.features_extracted == ["frif"]
    with h5py.File(path, "r") as file:
        for unit in file["units"].values():
            assert unit["features/frif/FRIF"].dtype == np.float32
            trials = unit["spike_times_sectioned"][movies[0]]["trials_spike_times"]
            assert all(name.isdigit() for name in trials)


def own_step(session: PipelineSession, name: str) -> PipelineSession:
    """Add groups of its own, as a step that a script defines does."""
    if name in session.completed_steps:
        return session
    for number, unit in enumerate(session.units.values()):
        unit["auto_label"] = {"axon_type": "rgc" if number else "other"}
        unit["features"]["ap_tracking"] = {"soma": {"x": number, "y": 2.5}, "trace": np.arange(3.0)}
        for sectioned in unit["spike_times_sectioned"].values():
            if not isinstance(sectioned, dict):
                continue
            full = np.asarray(sectioned["full_spike_times"])
            assert full.dtype == np.int64
            sectioned["direction_section"] = {
                "_attrs": {"padding_frames": 10},
                "0": {"trials": {"0": full[:2]}, "section_bounds": np.array([[0, 9]], np.int64)},
            }
    session.metadata["gsheet_row"] = {"Chip": "A1", "Quality (1-5)": "4", "Dur(Sec)": 12.5}
    session.stimulus["section_time"]["own_movie"] = np.array([[5, 500]], np.int64)
    session.warnings.append(f"{name}: one warning")
    session.mark_step_complete(name)
    session.completed_steps.add(f"{name}:skipped")
    return session


def contents(value: Any) -> Any:
    """Return the arrays of nested dictionaries as lists, found as scripts find them: by their types."""
    if isinstance(value, dict):
        return {key: contents(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return list(map(contents, value))
    assert isinstance(value, (np.ndarray, np.generic, str, float, int, type(None))), type(value)
    return repr(value.tolist()) if isinstance(value, (np.ndarray, np.generic)) else repr(value)


@pytest.mark.parametrize("layout", ["columns", "lab"])
def test_a_session_pipeline_with_steps_of_its_own_saves_once(
    recording: SimulatedRecording, tmp_path: Path, layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HDMEA_LAYOUT", layout)
    session = create_session(dataset_id="own-Rec", output_dir=tmp_path / "out")
    session = load_recording_with_eimage_sta(
        cmcr_path=str(recording.cmcr_path),
        cmtr_path=str(recording.cmtr_path),
        duration_s=0.5,
        window_range=(-10, 40),
        session=session,
    )
    assert "load_recording_with_eimage_sta" in session.completed_steps
    session = add_section_time(playlist_name="my_playlist", session=session)
    session = section_spike_times(pad_margin=(0.0, 0.0), session=session)
    session = compute_sta(cover_range=(-20, 0), session=session)
    session = extract_features(features=["frif", "baseline_127"], session=session)
    session = own_step(session, "add_gsheet_metadata")
    assert not (tmp_path / "out").exists()
    path = session.save(output_path=tmp_path / "out" / "own-Rec.h5", overwrite=True)
    assert session.is_saved
    assert session.saved_at

    assert summarize(path).layout == layout
    again = load_session_from_hdf5(path)
    assert own_step(again, "add_gsheet_metadata") is again
    assert again.completed_steps == session.completed_steps
    assert "add_gsheet_metadata: one warning" in again.warnings
    assert again.metadata["gsheet_row"]["Dur(Sec)"] == 12.5
    assert again.stimulus["section_time"]["own_movie"].tolist() == [[5, 500]]
    assert contents(again.units) == contents(session.units)
    for unit_id, unit in session.units.items():
        other = again.units[unit_id]
        assert other["auto_label"]["axon_type"] == unit["auto_label"]["axon_type"]
        assert other["features"]["ap_tracking"]["soma"]["y"] == 2.5
        for movie, sectioned in unit["spike_times_sectioned"].items():
            found = other["spike_times_sectioned"][movie]
            np.testing.assert_array_equal(found["full_spike_times"], sectioned["full_spike_times"])
            assert set(found["trials_spike_times"]) == set(sectioned["trials_spike_times"])
            own = found["direction_section"]["0"]
            assert own["section_bounds"].tolist() == [[0, 9]]
            np.testing.assert_array_equal(own["trials"]["0"], sectioned["full_spike_times"][:2])


def test_a_batch_over_a_folder_skips_what_is_done(recording: SimulatedRecording, tmp_path: Path) -> None:
    output = tmp_path / "batch"
    sources = {"cmcr_path": recording.cmcr_path, "cmtr_path": recording.cmtr_path}
    steps: dict[str, Callable[[PipelineSession], Any]] = {
        "load_recording": lambda session: load_recording(**sources, session=session),
        "add_section_time": lambda session: add_section_time(playlist_name="my_playlist", session=session),
        "extract_features": lambda session: extract_features(features=["frif"], session=session),
    }
    done: list[tuple[str, str]] = []

    def process(name: str, last: str = "") -> None:
        path = output / f"{name}.h5"
        session = load_session_from_hdf5(path) if path.exists() else create_session(dataset_id=name)
        for step, call in steps.items():
            if step in session.completed_steps:
                continue
            call(session)
            done.append((name, step))
            if step == last:
                break
        session.save(path)

    process("first-Rec")
    process("second-Rec", last="add_section_time")
    assert len(done) == 5
    for name in ("first-Rec", "second-Rec"):
        process(name)

    assert done[5:] == [("second-Rec", "extract_features")]
    for name in ("first-Rec", "second-Rec"):
        session = load_session_from_hdf5(output / f"{name}.h5")
        assert session.dataset_id == name
        assert "frif" in session.units["unit_001"]["features"]


def test_a_table_builder_reads_a_file_that_passed_through_a_session(
    shared_data: Path, tmp_path: Path
) -> None:
    theirs = shared_data / "lab_files" / "deferred_11_steps.h5"
    before = build_table(theirs, NOISE)
    assert len(feature_paths(NOISE)) == 31
    assert sum(name.startswith("bar ") for name in before) == 8
    session = load_session_from_hdf5(theirs)
    after = build_table(session.save(tmp_path / "passed.h5", layout="lab"), NOISE)
    assert after.keys() == before.keys()
    different = [name for name in before if not same(before[name], after[name])]
    assert different == []
    columns = PipelineSession.load(session.save(tmp_path / "columns.h5", layout="columns"))
    back = build_table(columns.save(tmp_path / "back.h5", layout="lab"), NOISE)
    assert [name for name in before if not same(before[name], back[name])] == []


@pytest.mark.parametrize("name", ["immediate", "deferred_11_steps"])
def test_steps_run_on_files_of_the_laboratory(shared_data: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.h5"
    shutil.copyfile(shared_data / "lab_files" / f"{name}.h5", path)
    layout = summarize(path).layout
    stored = PipelineSession.load(path)
    movie = "step_up_5s_5i_b0_3x"
    before = {
        unit_id: np.array(unit["spike_times_sectioned"][movie]["trials_start_end"])
        for unit_id, unit in stored.units.items()
    }
    n_frames = 2745
    movies = tmp_path / "movies"
    movies.mkdir()
    pixels = np.random.default_rng(5).integers(0, 2, (n_frames, 15, 15), dtype=np.uint8) * 255
    np.save(movies / f"{NOISE}.npy", pixels)

    sectioned = section_spike_times(hdf5_path=path, movie_names=[movie], force=True)
    averaged = compute_sta(path, stimuli_dir=movies, cover_range=(-10, 0), force=True)
    extracted = extract_features(path, FEATURES.names(), force=True)
    measured = extract_rf_geometry(path, stimuli_dir=movies)
    modelled = fit_lnl(path, stimuli_dir=movies)
    directions = section_by_direction(path, stimuli_dir=movies)

    assert sectioned.movies_processed == [movie]
    assert averaged.movie_name == NOISE
    assert averaged.units_processed == 2
    assert set(extracted.features_skipped) == {"contrast_steps", "euler_chirp", "grating", "spots"}
    assert extracted.features_failed == []
    assert measured.units_processed == modelled.units_processed + len(modelled.units_missing) == 2
    assert directions.units_missing == ["unit_001", "unit_006"], "the bar's movie is not there"
    assert summarize(path).layout == layout
    after = PipelineSession.load(path)
    assert set(after.stimulus["trial_time"]) == set(stored.stimulus["trial_time"])
    assert after.duration_s == stored.duration_s == 616
    frame = float(np.median(np.diff(after.metadata["frame_timestamps"].astype(np.int64))))
    for unit_id, unit in after.units.items():
        found = np.asarray(unit["spike_times_sectioned"][movie]["trials_start_end"])
        assert found.shape == before[unit_id].shape
        assert np.abs(found - before[unit_id]).max() <= 2 * frame
        assert unit["features"][f"sta_{NOISE}"]["data"].shape == (10, 15, 15)


@pytest.mark.parametrize("layout", ["columns", "lab"])
def test_numbers_of_trials_that_a_script_changes_in_place_are_saved(
    recording: SimulatedRecording, tmp_path: Path, layout: str
) -> None:
    session = load_recording(recording.cmcr_path, recording.cmtr_path, defer_save=True)
    add_section_time(playlist_name="my_playlist", session=session)
    section_spike_times(session=session)
    path = session.save(tmp_path / "result.h5", layout=layout)
    again = load_session_from_hdf5(path)
    kept, changed = again.units["unit_001"], again.units["unit_002"]
    movie = next(iter(changed["spike_times_sectioned"]))
    assert not again.has_unsaved_changes

    trials = changed["spike_times_sectioned"][movie]["trials_spike_times"]
    assert not again.has_unsaved_changes
    trials[0] = trials[0] + 3
    trials[1] -= 5
    assert again.has_unsaved_changes
    again.save()

    stored = load_session_from_hdf5(path).units
    for unit_id, unit in (("unit_001", kept), ("unit_002", changed)):
        found = stored[unit_id]["spike_times_sectioned"][movie]
        assert contents(found) == contents(unit["spike_times_sectioned"][movie])
    before = session.units["unit_002"]["spike_times_sectioned"][movie]["trials_spike_times"]
    np.testing.assert_array_equal(found["trials_spike_times"][0], before[0] + 3)
    np.testing.assert_array_equal(found["trials_spike_times"][1], before[1] - 5)


def test_attributes_of_trials_that_a_script_adds_stand_beside_the_number_of_trials(
    recording: SimulatedRecording, tmp_path: Path
) -> None:
    session = load_recording(recording.cmcr_path, recording.cmtr_path, defer_save=True)
    add_section_time(session=session)
    section_spike_times(session=session)
    movie, trials = next(iter(session.units["unit_001"]["spike_times_sectioned"].items()))
    trials["_attrs"]["checked_by"] = "me"
    expected = dict(trials["_attrs"])

    path = session.save(tmp_path / "lab.h5", layout="lab")

    place = f"units/unit_001/spike_times_sectioned/{movie}"
    with h5py.File(path) as file:
        assert file[f"{place}/_attrs/n_trials"][()] == len(file[f"{place}/trials_spike_times"])
        assert file[f"{place}/_attrs/checked_by"][()] == b"me"
    stored = load_session_from_hdf5(path).units["unit_001"]["spike_times_sectioned"][movie]["_attrs"]
    assert contents(dict(stored)) == contents(expected)


PADDING = 40


def crossings_of(path: Path) -> dict[tuple[int, int], dict[str, Any]]:
    """Return the table that a file of the laboratory was made with, at the pixels that it used."""
    table = {}
    with h5py.File(path) as file:
        for unit in file["units"].values():
            bar = unit[f"spike_times_sectioned/{BAR}/direction_section"]
            pixel = tuple(int(bar[f"_attrs/cell_center_{axis}"][()]) for axis in ("row", "col"))
            shown = [bar[f"{angle}/section_bounds"][n] for n in range(3) for angle in range(0, 360, 45)]
            on, off = np.add(shown, (PADDING, -PADDING)).T
            table[pixel] = {
                "on_peak_location": on.astype(np.float32),
                "off_peak_location": [int(x) for x in off],
            }
    return table  # fmt: skip


def directions_of(path: Path) -> dict[str, Any]:
    with h5py.File(path) as file:
        units = file["units"].items()
        found = {name: unit[f"spike_times_sectioned/{BAR}/direction_section"] for name, unit in units}
        return {
            f"{name} {angle} {place}": group[f"{angle}/{place}"][:].tolist()
            for name, group in found.items()
            for angle in range(0, 360, 45)
            for place in ("section_bounds", "trials/0", "trials/1", "trials/2")
        } | {
            f"{name} {key}": group[f"_attrs/{key}"][()].tolist()
            for name, group in found.items()
            for key in group["_attrs"]
        }


@pytest.mark.parametrize("layout", ["lab", "columns"])
def test_spikes_by_direction_are_those_that_the_laboratory_made(
    shared_data: Path, tmp_path: Path, layout: str
) -> None:
    from hdmea.features.dsgc_direction import section_by_direction

    theirs = shared_data / "lab_files" / "deferred_11_steps.h5"
    table = tmp_path / "on_off.pkl"
    table.write_bytes(pickle.dumps(crossings_of(theirs)))
    path = PipelineSession.load(theirs).save(tmp_path / "copy.h5", layout=layout)
    session = PipelineSession.load(path)
    for unit in session.units.values():
        del unit["spike_times_sectioned"][BAR]["direction_section"]["45"]
    session.save()

    result = section_by_direction(
        str(path), on_off_dict_path=str(table), padding_frames=PADDING, force=True, unit_ids=["1", "unit_006"]
    )

    assert (result.units_processed, result.units_skipped, result.padding_frames) == (2, 0, PADDING)
    if layout == "columns":
        path = PipelineSession.load(path).save(tmp_path / "lab.h5", layout="lab")
    assert directions_of(path) == directions_of(theirs)


def test_sections_by_direction_are_kept_where_the_movie_of_the_bar_is_not_found(
    shared_data: Path, tmp_path: Path
) -> None:
    from hdmea.features.dsgc_direction import section_by_direction

    theirs = shared_data / "lab_files" / "deferred_11_steps.h5"

    result = section_by_direction(theirs, output_path=tmp_path / "out.h5")

    assert (result.units_processed, result.skipped_units) == (0, ["unit_001", "unit_006"])
    assert any("kept for unit_001, unit_006" in message for message in result.warnings)
    assert directions_of(tmp_path / "out.h5") == directions_of(theirs)
    kept = section_by_direction(tmp_path / "out.h5")
    assert (kept.units_processed, kept.skipped_units) == (0, ["unit_001", "unit_006"]), "a rerun of a cell"
    with pytest.raises(KeyError, match=r"does not have unit_999. Its units: unit_001, unit_006"):
        section_by_direction(tmp_path / "out.h5", unit_ids=["999"])


def test_units_beside_the_table_of_crossings_are_skipped(shared_data: Path, tmp_path: Path) -> None:
    from hdmea.features.dsgc_direction import section_by_direction

    theirs = shared_data / "lab_files" / "deferred_11_steps.h5"
    crossings = crossings_of(theirs)
    del crossings[next(iter(crossings))]
    table = tmp_path / "on_off.pkl"
    table.write_bytes(pickle.dumps(crossings))
    output = tmp_path / "new folder" / "out.h5"

    result = section_by_direction(theirs, on_off_dict_path=table, padding_frames=PADDING, output_path=output)

    assert (result.units_processed, result.skipped_units) == (1, ["unit_001"])
    assert result.hdf5_path == output
    one = section_by_direction(
        output, on_off_dict_path=table, padding_frames=PADDING, force=True, unit_ids=np.array([6])
    )
    assert (one.units_processed, one.skipped_units) == (1, [])
    before, after = directions_of(theirs), directions_of(output)
    assert {key for key in after if after[key] != before[key]} == set(), "what was stored before is kept"
    assert any("kept for unit_001" in message for message in result.warnings)
    with pytest.raises(FileNotFoundError, match="no_such"):
        section_by_direction(output, on_off_dict_path=tmp_path / "no_such.pkl", force=True)
    with pytest.raises(ConfigurationError, match=f"Moving bars: {BAR}"):
        section_by_direction(output, movie_name="noise", on_off_dict_path=table)
