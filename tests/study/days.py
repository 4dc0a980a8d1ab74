"""A small day of recordings."""

from __future__ import annotations

import shutil
from pathlib import Path

from hdmea.simulate import Experiment, simulate_recording

CRASHING_STEP = '''
import os
import signal

from hdmea.declare import StepParams, step


class LookParams(StepParams):
    """None."""


@step(
    "look_closely",
    title="Look closely",
    params=LookParams,
    requires=("units",),
    provides=("metadata/looked",),
    result=lambda run: None,
)
def look_closely(session, params, ctx):
    """Look at the units, and fall over one recording."""
    if session.dataset_id == os.environ.get("CRASHES"):
        os.kill(os.getpid(), signal.SIGSEGV)
    ctx.put(True, "metadata", "looked")
'''


def make_day(folder: Path, count: int) -> Path:
    """Write `count` recordings of one retina each; they differ in their names."""
    first = simulate_recording(folder, Experiment.tiny(name="ret00-Rec"))
    for number in range(1, count):
        for path in (first.cmcr_path, first.cmtr_path):
            shutil.copy2(path, path.with_name(path.name.replace("ret00", f"ret{number:02d}")))
    return folder


OWN_FEATURE = '''
import numpy as np

from hdmea.declare import FeatureTable, Output, extractor


@extractor(
    name="my_count",
    title="My count",
    version="1",
    requires=(),
    outputs=(Output("scaled", "Scaled count", "", (0, None), "spikes, times a factor"),),
)
def my_count(recording, params):
    """Number of spikes of a unit, times a factor."""
    return FeatureTable(units={"scaled": np.array([2.0 * len(train) for train in recording.spike_trains])})
'''
