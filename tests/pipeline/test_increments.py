"""What counts as changed since a moment: new values, not those that were only read or are missing still."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hdmea.pipeline.increments import Baseline
from hdmea.pipeline.session import PipelineSession
from hdmea.results.sectioned import SectionedSpikes


def make_session() -> PipelineSession:
    session = PipelineSession("recording")
    spikes, trials = np.arange(9, dtype=np.uint64), np.array([[0, 4], [4, 9]])
    session.add_stimulus({"trial_time": {"bar": trials}})
    sections = SectionedSpikes(np.array([[0, 4], [4, 9]]), spikes, trials)
    session.add_units({"unit_001": {"spike_times": spikes, "spike_times_sectioned": {"bar": sections}}})
    session.add_feature("unit_001", "chirp", {"cutoff": float("nan"), "peak": np.float32("nan"), "gain": 2.0})
    return session


def test_a_number_that_is_missing_still_has_not_changed() -> None:
    session = make_session()
    before = Baseline(session)

    data = session.units["unit_001"]["features"]["chirp"]["data"]
    data.update(cutoff=float("nan"), peak=np.float32("nan"), gain=3.0)

    assert before.changes(session).values == {
        "units": {"unit_001": {"features": {"chirp": {"data": {"gain": 3.0}}}}}
    }


def test_what_was_only_read_from_the_file_has_not_changed(tmp_path: Path) -> None:
    session = PipelineSession.load(make_session().save(tmp_path / "result.h5"), lazy=True)
    before = Baseline(session)

    unit = session.units["unit_001"]
    assert unit["spike_times_sectioned"]["bar"]["trials_spike_times"][0].size == 4
    assert unit["spike_times"].size == 9

    assert before.changes(session).values == {}
