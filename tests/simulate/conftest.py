"""A small simulated recording that the tests of this folder share."""

from __future__ import annotations

import pytest

from hdmea.simulate import Experiment, SimulatedRecording, simulate_recording


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> SimulatedRecording:
    return simulate_recording(tmp_path_factory.mktemp("tiny"), Experiment.tiny())
