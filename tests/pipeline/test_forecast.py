"""The memory that a step will take is known before it is run: within a quarter of what is then measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hdmea.pipeline import PipelineSession, create_session, run_step
from hdmea.pipeline.forecast import forecast_step, forecast_steps
from hdmea.simulate import Experiment, SimulatedRecording, simulate_recording
from hdmea.utils.exceptions import ConfigurationError, ValidationError

STEPS: dict[str, dict[str, Any]] = {
    "load_recording": {},
    "add_section_time": {"pre_margin_frame_num": 30},
    "section_spike_times": {},
    "compute_sta": {"cover_range": (-20, 1)},
    "compute_eimage_sta": {"window_range": (-5, 20)},
    "extract_features": {"features": ("frif",)},
}


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> SimulatedRecording:
    return simulate_recording(tmp_path_factory.mktemp("source"), Experiment.tiny(n_units=7))


def fresh(recording: SimulatedRecording, folder: Path) -> PipelineSession:
    return create_session(None, recording.cmcr_path, recording.cmtr_path, folder)


def measured(session: PipelineSession) -> float:
    return session.memory_estimate_gb * 1e9


def test_each_step_takes_what_was_forecast(recording: SimulatedRecording, tmp_path: Path) -> None:
    session = fresh(recording, tmp_path)
    for name, params in STEPS.items():
        expected, before = forecast_step(session, name, params), measured(session)
        run_step(session, name, params)
        assert expected == pytest.approx(measured(session) - before, rel=0.25), name


def test_all_steps_together_before_anything_is_loaded(recording: SimulatedRecording, tmp_path: Path) -> None:
    session = fresh(recording, tmp_path)
    expected = forecast_steps(session, STEPS.items())
    assert expected.unknown == ("section_spike_times",), "how many trials there are shows with the sections"
    for name, params in STEPS.items():
        run_step(session, name, params)
    assert expected.nbytes == pytest.approx(measured(session), rel=0.25)


def test_sorted_units_alone(recording: SimulatedRecording, tmp_path: Path) -> None:
    session = create_session(None, None, recording.cmtr_path, tmp_path)
    params = {"find_partner": False}
    expected = forecast_step(session, "load_recording", params)
    run_step(session, "load_recording", params)
    # Without light the units' small facts weigh more than in any real recording.
    assert expected == pytest.approx(measured(session), rel=0.4)


def test_what_is_there_adds_nothing_and_a_rerun_the_difference(
    recording: SimulatedRecording, tmp_path: Path
) -> None:
    session = fresh(recording, tmp_path)
    for name in ("load_recording", "add_section_time", "compute_sta"):
        run_step(session, name)
        assert forecast_step(session, name) == 0
    shorter, longer = {"cover_range": (-10, 0)}, {"cover_range": (-120, 0)}
    assert forecast_step(session, "compute_sta", shorter) == 0
    expected, before = forecast_step(session, "compute_sta", longer), measured(session)
    run_step(session, "compute_sta", longer, force=True)
    assert expected == pytest.approx(measured(session) - before, rel=0.25)


def test_a_forecast_changes_nothing(recording: SimulatedRecording, tmp_path: Path) -> None:
    session = fresh(recording, tmp_path)
    run_step(session, "load_recording")
    session.mark_clean()
    forecast_steps(session, STEPS.items())
    assert not session.has_unsaved_changes
    assert session.completed_steps == {"load_recording"}


def test_what_cannot_be_known_is_said_and_mistakes_are_errors(tmp_path: Path) -> None:
    session = create_session("cell", output_dir=tmp_path)
    assert forecast_step(session, "load_recording") is None
    assert forecast_step(session, "compute_eimage_sta") is None
    gone = create_session(None, tmp_path / "gone.cmcr", None, tmp_path)
    assert forecast_step(gone, "load_recording") is None
    with pytest.raises(ConfigurationError, match="no step"):
        forecast_step(session, "compute_stb")
    with pytest.raises(ValidationError):
        forecast_step(session, "compute_sta", {"cover": 3})
