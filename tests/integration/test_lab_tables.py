"""What the laboratory's table builders read, from a result of this program that is saved in their layout."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from hdmea.pipeline import PipelineSession, create_session, run_flow, run_step
from hdmea.results.unread import Unread
from hdmea.simulate import write_demo

NOISE = "perfect_dense_noise_15x15_15hz_r42_1min"
BAR = "moving_h_bar_s5_d8_3x"
PATHS = [
    *(f"gaussian_fit/{name}" for name in ("sigma_x", "sigma_y", "amplitude", "r_squared")),
    *(f"DoG/{name}" for name in ("sigma_exc", "sigma_inh", "amp_exc", "amp_inh", "r_squared")),
    "sta_time_course",
    *(
        f"lnl/{name}"
        for name in (
            "a", "b", "a_norm", "bits_per_spike", "r_squared", "rectification_index", "nonlinearity_index",
            "threshold_g", "log_likelihood", "null_log_likelihood", "n_frames", "n_spikes",
        )
    ),
]  # fmt: skip
TRACES = [BAR, "step_up_5s_5i_b0_3x", "green_blue_3s_3i_3x", "freq_step_5st_3x"]
DIRECTIONS = list(range(0, 360, 45))


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> PipelineSession:
    demo = write_demo(tmp_path_factory.mktemp("demo"))
    session = create_session(cmcr_path=demo.cmcr_path, cmtr_path=demo.cmtr_path)
    result = run_flow("standard", demo.cmcr_path, demo.cmtr_path, session=session)
    assert result.success
    return session


@pytest.fixture(scope="module", params=["lab", "lab-steps"])
def path(
    request: pytest.FixtureRequest, session: PipelineSession, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    return session.save(tmp_path_factory.mktemp("lab") / f"{request.param}.h5", layout=request.param)


def test_models_of_receptive_fields_are_where_they_are_looked_for(
    path: Path, session: PipelineSession
) -> None:
    name = NOISE if path.stem == "lab-steps" else f"sta_{NOISE}"
    with h5py.File(path) as file:
        for unit_id in ("unit_001", "unit_002", "unit_003"):
            geometry = file[f"units/{unit_id}/features/{name}/sta_geometry"]
            found = {place: np.asarray(geometry[place]) for place in PATHS}
            assert all(np.isfinite(value).all() for value in found.values()), unit_id
            ours = session.units[unit_id]["features"][f"sta_{NOISE}"]["sta_geometry"]
            assert found["gaussian_fit/sigma_x"] == ours["gaussian_sigma_major"]
            assert found["sta_time_course"].shape == (60,)
            assert found["sta_time_course"].dtype == np.float64
            gain = found["lnl/log_likelihood"] - found["lnl/null_log_likelihood"]
            expected = found["lnl/bits_per_spike"] * found["lnl/n_spikes"] * np.log(2)
            assert np.isclose(gain, expected)


def test_spikes_by_direction_are_in_frames_of_the_movie(path: Path, session: PipelineSession) -> None:
    with h5py.File(path) as file:
        samples = file["metadata/frame_timestamps"][:].astype(np.int64)
        start = session.stimulus["section_time"][BAR].attrs["content_frame"][0]
        for unit_id in ("unit_001", "unit_006"):
            bar = file[f"units/{unit_id}/spike_times_sectioned/{BAR}"]
            spikes = bar["full_spike_times"][:]
            during = (spikes[:, None] >= samples[None]).sum(axis=1) - 1 - start
            for direction in DIRECTIONS:
                bounds = bar[f"direction_section/{direction}/section_bounds"][:]
                assert bounds.shape == (3, 2)
                for number, (first, stop) in enumerate(bounds):
                    trial = bar[f"direction_section/{direction}/trials/{number}"][:]
                    assert np.array_equal(trial, during[(during >= first) & (during <= stop)])


def test_traces_of_all_movies_are_there(path: Path) -> None:
    with h5py.File(path) as file:
        for movie in TRACES:
            group = file[f"units/unit_001/spike_times_sectioned/{movie}"]
            times = group["trials_start_end"][:]
            for number, (first, stop) in enumerate(times):
                trial = group[f"trials_spike_times/{number}"][:]
                assert trial.dtype == np.int64
                assert ((trial >= first) & (trial < stop)).all()


def test_a_step_reads_of_the_units_only_what_it_needs(path: Path) -> None:
    session = PipelineSession.load(path, lazy=True)

    run_step(session, "extract_features", {"features": ["baseline"]}, force=True)

    for unit in session.units.values():
        unread = {name for name, entry in dict.items(unit["features"]) if isinstance(entry, Unread)}
        assert set(unit["features"]) - unread == {"baseline"}


@pytest.mark.parametrize("lazy", [False, True])
def test_the_session_is_the_same_afterwards(path: Path, session: PipelineSession, lazy: bool) -> None:
    from tests.results.same import assert_same

    found = PipelineSession.load(path, lazy=lazy)

    for name in ("units", "metadata", "stimulus", "source_files", "steps", "extra"):
        assert_same(getattr(found, name), getattr(session, name), name)
    assert list(found.completed_steps) == list(session.completed_steps)
