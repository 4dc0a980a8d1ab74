"""A session script of eleven steps as the laboratory writes them, and what its readers find in the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdmea.features import compute_sta
from hdmea.io import add_section_time, section_spike_times
from hdmea.io.cmcr import add_sys_meta_info
from hdmea.io.cmtr import add_cmtr_unit_info
from hdmea.pipeline import (
    PipelineSession,
    create_session,
    extract_rf_geometry,
    extract_soma_geometry,
    fit_lnl,
    load_recording_with_eimage_sta,
    load_session_from_hdf5,
    section_by_direction,
)
from hdmea.results.files import summarize
from hdmea.simulate import SimulatedRecording, write_demo
from tests.older.readers import BAR, build_table, feature_paths, same

NOISE = "perfect_dense_noise_15x15_15hz_r42_1min"
ANALOG = "iprgc_test"


def load(session: PipelineSession, source: SimulatedRecording) -> PipelineSession:
    return load_recording_with_eimage_sta(
        cmcr_path=source.cmcr_path,
        cmtr_path=source.cmtr_path,
        duration_s=2.0,
        window_range=(-10, 40),
        session=session,
    )


def light_sections(session: PipelineSession) -> PipelineSession:
    """Cut a movie that follows the light, as a script does with a rule of its own."""
    samples = np.array([[20_000, 60_000], [80_000, 120_000]], dtype=np.int64)
    session.stimulus["section_time"][ANALOG] = samples
    for unit in session.units.values():
        train = np.asarray(unit["spike_times"])
        trials = {n: train[(train >= first) & (train < stop)] for n, (first, stop) in enumerate(samples)}
        unit["spike_times_sectioned"][ANALOG] = {
            "full_spike_times": np.concatenate(list(trials.values())).astype(np.int64),
            "trials_spike_times": trials,
            "trials_start_end": samples,
            "_attrs": {"n_trials": 2, "pad_margin": (2.0, 0.0), "pre_samples": 40_000, "post_samples": 0},
        }
    session.mark_step_complete(f"section_spike_times_analog:{ANALOG}")
    return session


def gsheet(session: PipelineSession) -> PipelineSession:
    session.metadata["gsheet_row"] = {
        "Chip": "4141",
        "Quality (1-5)": "",
        "Dur(Sec)": 1189.7,
        "Step_Check": False,
    }
    session.completed_steps.add("add_gsheet_metadata")
    return session


def labels(session: PipelineSession) -> PipelineSession:
    for number, unit in enumerate(session.units.values()):
        unit["auto_label"] = {"axon_type": "rgc" if number % 2 else "other"}
    session.mark_step_complete("add_cell_type_labels")
    return session


def axons(session: PipelineSession) -> PipelineSession:
    """Add the groups of a network that tracks axons: nested dictionaries without data and metadata."""
    polar = (
        "transformed_x",
        "transformed_y",
        "radius",
        "theta_deg",
        "theta_deg_raw",
        "cartesian_x",
        "cartesian_y",
    )
    for number, unit in enumerate(session.units.values()):
        unit["features"]["ap_tracking"] = {
            "refined_soma": {"t": 10, "x": 31 + number, "y": 16},
            "prediction_sta_data": np.full((50, 16, 18), number, dtype=np.float32),
            "post_processed_data": {"axon_centroids": np.arange(6, dtype=np.float32).reshape(2, 3)},
            "ap_pathway": dict.fromkeys(("slope", "intercept", "r_value"), float("nan")),
            "soma_polar_coordinates": {
                "angle_correction_applied": np.bool_(number % 2),
                **{name: number + place / 8 for place, name in enumerate(polar)},
            },
        }
    session.metadata["ap_tracking"] = {
        "model_path": Path("model.pth"),
        "filter_by_cell_type": True,
        "units_processed": 1,
    }
    session.mark_step_complete("compute_ap_tracking")
    return session


def steps(source: SimulatedRecording) -> dict[str, Callable[[PipelineSession], Any]]:
    return {
        "load_recording_with_eimage_sta": lambda session: load(session, source),
        "add_section_time": lambda session: add_section_time(playlist_name="my_playlist", session=session),
        "section_spike_times": lambda session: section_spike_times(pad_margin=(0.0, 0.0), session=session),
        f"section_spike_times_analog:{ANALOG}": light_sections,
        "compute_sta": lambda session: compute_sta(cover_range=(-60, 0), session=session),
        "add_cmtr_unit_info": lambda session: add_cmtr_unit_info(session=session, cmtr_path=source.cmtr_path),
        "add_sys_meta_info": lambda session: add_sys_meta_info(session, cmcr_path=source.cmcr_path),
        "extract_soma_geometry": lambda session: extract_soma_geometry(session=session),
        "extract_rf_geometry": lambda session: extract_rf_geometry(session=session),
        "fit_lnl": lambda session: fit_lnl(session=session),
        "add_gsheet_metadata": gsheet,
        "add_cell_type_labels": labels,
        "compute_ap_tracking": axons,
        "section_by_direction": lambda session: section_by_direction(session=session),
    }


def process(source: SimulatedRecording, path: Path) -> list[str]:
    """Run what a file lacks, and return the names; the file is written once, at the end."""
    if path.exists():
        session = load_session_from_hdf5(path)
    else:
        session = create_session(cmcr_path=source.cmcr_path, cmtr_path=source.cmtr_path)
    ran = []
    for name, run in steps(source).items():
        if name in session.completed_steps:
            continue
        assert run(session) is session
        ran.append(name)
    if ran:
        session.save(output_path=path, overwrite=True)
    return ran


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> SimulatedRecording:
    return write_demo(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def path(source: SimulatedRecording, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("eleven steps") / "result.h5"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HDMEA_LAYOUT", "lab")
        assert process(source, path) == list(steps(source))
    return path


def test_every_column_of_a_table_is_filled(path: Path) -> None:
    table = build_table(path, NOISE)

    assert summarize(path).layout == "lab"
    places = feature_paths(NOISE)
    traces = {
        f"{movie} trials" for movie in (BAR, "step_up_5s_5i_b0_3x", "green_blue_3s_3i_3x", "freq_step_5st_3x")
    }
    traces |= {f"bar {angle}" for angle in range(0, 360, 45)}
    assert traces | set(places) <= table.keys()
    assert len(traces) == 12
    for place in places[:9]:
        assert None not in table[place], place
    measured = [n for n, value in enumerate(table[places[9]]) if value is not None and np.isfinite(value)]
    assert len(measured) >= 6
    for place in places[9:]:
        assert all(np.isfinite(table[place][n]).all() for n in measured), place
    for name in traces:
        assert all(len(trials) == 3 for trials in table[name]), name
        assert sum(trial.size for trials in table[name] for trial in trials) > 0, name


def test_steps_that_were_completed_are_skipped(source: SimulatedRecording, path: Path) -> None:
    before = path.read_bytes()

    assert process(source, path) == []

    assert path.read_bytes() == before
    found = [name for name in load_session_from_hdf5(path).completed_steps if name in steps(source)]
    assert found == list(steps(source))


def test_groups_of_steps_of_a_script_stand_as_they_were_made(path: Path) -> None:
    with h5py.File(path) as file:
        unit = file["units/unit_002"]
        assert unit["auto_label/axon_type"].asstr()[()] == "rgc"
        tracking = unit["features/ap_tracking"]
        # The recording is stored column by column, and so are maps of it, and places in them, in the file.
        assert (tracking["refined_soma/x"][()], tracking["refined_soma/y"][()]) == (16, 32)
        assert tracking["prediction_sta_data"].shape == (50, 18, 16)
        assert tracking["prediction_sta_data"].dtype == np.float32
        assert tracking["soma_polar_coordinates/angle_correction_applied"][()]
        trials = unit[f"spike_times_sectioned/{ANALOG}/trials_spike_times"]
        assert trials["1"].dtype == np.uint64
        assert unit[f"spike_times_sectioned/{ANALOG}/_attrs/pad_margin"][:].tolist() == [2.0, 0.0]
        assert file["metadata/ap_tracking/model_path"].asstr()[()] == "model.pth"
        assert not file["metadata/gsheet_row/Step_Check"][()]
    tracking = load_session_from_hdf5(path).units["unit_002"]["features"]["ap_tracking"]
    assert tracking["refined_soma"] == {"t": 10, "x": 32, "y": 16}
    assert tracking["prediction_sta_data"].shape == (50, 16, 18)


def test_the_table_is_the_same_after_the_other_layout(path: Path, tmp_path: Path) -> None:
    columns = load_session_from_hdf5(path).save(tmp_path / "columns.h5", layout="columns")
    back = load_session_from_hdf5(columns).save(tmp_path / "back.h5", layout="lab")

    before, after = build_table(path, NOISE), build_table(back, NOISE)

    assert [name for name in before if not same(before[name], after[name])] == []


def test_the_images_of_the_recording_are_not_turned(path: Path) -> None:
    """What a script added beside the image keeps its axes, and the session has what the file says."""
    stored = PipelineSession.load(path).units["unit_001"]["features"]
    assert stored["ap_tracking"]["prediction_sta_data"].shape == (50, 16, 18)
