"""What saving, loading and steps cost, counted: objects in a file, memory, files of code that run."""

from __future__ import annotations

import sys
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import h5py
import numpy as np
import pytest

import hdmea
from hdmea.pipeline import PipelineSession, create_session, load_recording
from hdmea.results import files
from hdmea.simulate import SimulatedRecording, write_demo
from tests.results.session_samples import sample_content

PACKAGE = str(Path(hdmea.__file__).parent)


def objects(path: Path) -> dict[str, int]:
    """Return how many groups, datasets and attributes a file has."""
    found = {"groups": 1, "datasets": 0, "attributes": 0}

    def count(name: str, item: h5py.Group | h5py.Dataset) -> None:
        found["groups" if isinstance(item, h5py.Group) else "datasets"] += 1
        found["attributes"] += len(item.attrs)

    with h5py.File(path) as file:
        found["attributes"] += len(file.attrs)
        file.visititems(count)
    return found


def passed(work: Callable[[], object]) -> set[str]:
    """Return the files of the package in which something was executed."""
    found: set[str] = set()

    def note(frame: FrameType, event: str, argument: object) -> None:
        if frame.f_code.co_filename.startswith(PACKAGE):
            found.add(frame.f_code.co_filename)

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]
    return found


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> SimulatedRecording:
    return write_demo(tmp_path_factory.mktemp("recording"), size="tiny")


def test_a_file_has_as_many_objects_for_few_units_as_for_many(tmp_path: Path) -> None:
    few = files.write_session(tmp_path / "few.h5", sample_content(4)).path
    many = files.write_session(tmp_path / "many.h5", sample_content(40)).path

    assert objects(few) == objects(many)
    assert objects(many) == {"groups": 27, "datasets": 52, "attributes": 46}


def test_saving_and_loading_take_hardly_more_memory_than_the_session(tmp_path: Path) -> None:
    session = create_session("large", output_dir=tmp_path)
    rng = np.random.default_rng(1)
    session.add_stimulus({"light_reference": {"raw_ch1": rng.random(8_000_000, dtype=np.float32)}})
    for number in range(1, 101):
        unit = {"spike_times": np.arange(10_000, dtype=np.uint64), "row": number}
        session.add_units({f"unit_{number:03d}": unit})
        session.add_feature(f"unit_{number:03d}", "eimage_sta", rng.random((20, 125, 120), dtype=np.float32))
    path = session.save()
    nbytes = session.memory_estimate_gb * 1e9
    PipelineSession.load(path)

    tracemalloc.start()
    try:
        session.save()
        saved = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        del session
        before = tracemalloc.get_traced_memory()[0]
        again = PipelineSession.load(path)
        loaded = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()

    assert again.unit_count == 100
    assert saved <= 0.05 * nbytes
    assert loaded <= 1.05 * nbytes


# The counts that were reached: a longer chain has to be worth it.
MOST_FILES = {"deferred": 38, "immediate": 62, "save": 23, "load": 22}


def test_few_files_of_code_run(recording: SimulatedRecording, tmp_path: Path) -> None:
    sources = {"cmcr_path": recording.cmcr_path, "cmtr_path": recording.cmtr_path}
    session = create_session(**sources, output_dir=tmp_path)
    path = tmp_path / "x.h5"

    counts = {
        "deferred": len(passed(lambda: load_recording(**sources, session=session))),
        "immediate": len(passed(lambda: load_recording(**sources, output_dir=tmp_path / "a"))),
        "save": len(passed(lambda: session.save(path))),
        "load": len(passed(lambda: PipelineSession.load(path))),
    }

    assert {name: count for name, count in counts.items() if count > MOST_FILES[name]} == {}
