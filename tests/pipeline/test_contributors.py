"""What takes the memory of a session."""

from __future__ import annotations

import numpy as np
import pytest

from hdmea.pipeline import create_session
from hdmea.pipeline.session import contributors


def test_kinds_of_data_are_summed_over_units_and_sorted_by_size() -> None:
    session = create_session("x")
    session.add_stimulus({"light_reference": {"raw_ch1": np.zeros(1000, np.float32)}})
    session.add_metadata({"acquisition_rate": np.zeros(1)})
    for number in (1, 2):
        unit_id = f"unit_{number:03d}"
        session.add_units({unit_id: {"spike_times": np.zeros(100, np.uint64), "row": 1}})
        session.add_feature(unit_id, "sta_noise", np.zeros((10, 15, 15), np.float32))

    found = contributors(session)

    assert found[:3] == (
        ("features/sta_noise", 18_000),
        ("stimulus/light_reference", 4000),
        ("units/spike_times", 1600),
    )
    assert sum(nbytes for _, nbytes in found) == pytest.approx(session.memory_estimate_gb * 1e9)
    assert contributors(create_session("empty")) == ()
