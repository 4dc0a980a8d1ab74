"""Long work in plain Python gives way often, on the thread that was told to, and on no other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdmea.pipeline import PipelineSession
from hdmea.pipeline.feature_table import feature_columns
from hdmea.pipeline.increments import Baseline
from hdmea.pipeline.session import SaveState, contributors
from hdmea.results import files
from hdmea.results.outline import FileOutline
from hdmea.utils.giving_way import give_way, giving_way, on_this_thread

N_UNITS = 12


@pytest.fixture
def times() -> Iterator[list[None]]:
    """What grows each time that the work gives way."""
    counted: list[None] = []
    with on_this_thread(lambda: counted.append(None)):
        yield counted


@pytest.fixture
def session() -> PipelineSession:
    made = PipelineSession(dataset_id="x")
    for number in range(N_UNITS):
        made.units[f"unit_{number:03d}"] = {
            "spike_times": np.arange(10_000 + number),
            "features": {"f": {"data": {"a": 1.0, "b": 2.0}, "metadata": {"version": "1"}}},
        }
    return made


@pytest.mark.parametrize(
    "work",
    [
        contributors,
        lambda session: session.memory_estimate_gb,
        lambda session: (session.mark_clean(), session.has_unsaved_changes),
        lambda session: Baseline(session),
        lambda session: Baseline(session).changes(session),
    ],
    ids=["contributors", "memory", "changes", "baseline", "what is new"],
)
def test_work_on_a_session_gives_way_at_least_once_per_unit(
    work: Callable[[PipelineSession], Any], session: PipelineSession, times: list[None]
) -> None:
    work(session)

    assert len(times) >= N_UNITS


def test_planning_a_file_gives_way_once_per_quantity(session: PipelineSession, times: list[None]) -> None:
    FileOutline(session.content(SaveState.SAVED, checkpoint_name=None)).below(())

    assert len(times) >= len(("spike_times", "a", "b", "version"))


def test_the_table_of_features_gives_way_once_per_column(session: PipelineSession, times: list[None]) -> None:
    columns = feature_columns(session)

    assert len(times) >= len(columns) > 1


def test_reading_what_was_left_in_the_file_gives_way(
    session: PipelineSession, tmp_path: Path, times: list[None]
) -> None:
    path = files.write_session(tmp_path / "x.h5", session.content(SaveState.SAVED, checkpoint_name=None)).path
    lazy = PipelineSession.load(path, lazy=True)
    times.clear()

    for unit in lazy.units.values():
        unit["spike_times"]

    assert len(times) >= N_UNITS


def test_other_threads_are_not_held_up(times: list[None]) -> None:
    other = threading.Thread(target=give_way)
    other.start()
    other.join()
    assert times == []

    assert list(giving_way("abc")) == ["a", "b", "c"]
    assert len(times) == 3
