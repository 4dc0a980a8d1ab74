"""Display frames that the digital port marks, in place of the analog sync channel."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from hdmea.pipeline import create_session, load_recording
from hdmea.pipeline.session import PipelineSession
from hdmea.simulate import Experiment, FileOptions, SimulatedRecording, simulate_recording
from hdmea.simulate.stimuli import LightSteps
from hdmea.utils.exceptions import ValidationError

MOVIES = (LightSteps("step_up_1s_2i_b0_2x", start_frame=60, trial_frames=180, trials=2, on_frames=60),)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SimulatedRecording:
    folder = tmp_path_factory.mktemp("clock")
    options = FileOptions(sensor_data=False, sorter=False)
    return simulate_recording(folder, Experiment.tiny(movies=MOVIES, files=options))


@pytest.fixture
def marked(made: SimulatedRecording, tmp_path: Path) -> Path:
    """The recording with display frames on line 3 of the digital port and as digital events."""
    path = tmp_path / made.cmcr_path.name
    shutil.copy(made.cmcr_path, path)
    frames = loaded(path).metadata["frame_timestamps"]
    with h5py.File(path, "r+") as file:
        acquisition = file["Acquisition"]
        sync = acquisition["Analog Data/ChannelData 1"][1] > 0
        port = acquisition["Digital Data/ChannelData 1"]
        port[0] = port[0] | (sync.astype(np.int32) << 3)
        stream = next(acquisition[name] for name in acquisition if "EventData" in acquisition[name])
        old = stream["EventData"][:]
        events = np.zeros(frames.size + old.size, old.dtype)
        events[: old.size] = old
        events["TimeStamp"][old.size :] = frames.astype(np.int64) * 50
        events["EventID"][old.size :] = 7
        attributes = dict(stream["EventData"].attrs)
        del stream["EventData"]
        stream.create_dataset("EventData", data=events).attrs.update(attributes)
    return path


def loaded(path: Path, **parameters: object) -> PipelineSession:
    session = create_session(None, path)
    load_recording(path, session=session, **parameters)  # type: ignore[arg-type]
    return session


def test_the_digital_port_marks_the_frames_of_the_sync_channel(marked: Path) -> None:
    analog = loaded(marked).metadata["frame_timestamps"]
    session = loaded(marked, frame_clock="digital port", digital_bit=3)
    digital = session.metadata["frame_timestamps"]
    # The first four are left out on the analog channel alone.
    np.testing.assert_array_equal(digital[-analog.size :], analog)
    assert digital.size == analog.size + 4
    assert session.metadata["sys_meta"]["frame_clock"] == "digital port"
    assert session.stimulus["light_reference"]["raw_ch2"].attrs["unit"] == "digital"
    assert set(np.unique(session.stimulus["light_reference"]["raw_ch2"])) == {0.0, 1.0}


@pytest.mark.parametrize("event", [None, 7])
def test_digital_events_mark_frames(marked: Path, event: int | None) -> None:
    analog = loaded(marked).metadata["frame_timestamps"]
    session = loaded(marked, frame_clock="digital events", digital_event=event)
    np.testing.assert_array_equal(session.metadata["frame_timestamps"], analog)


def test_a_clock_that_does_not_exist_is_refused(marked: Path, made: SimulatedRecording) -> None:
    with pytest.raises(ValidationError, match="digital events"):
        loaded(marked, frame_clock="digital events", digital_event=99)
    session = loaded(made.cmcr_path, frame_clock="digital port", digital_bit=9)
    assert "frame_timestamps" not in session.metadata
