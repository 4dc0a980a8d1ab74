"""Sessions of simulated variants through all layouts; `round_trips` is the complete run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.round_trips import CHAIN, assert_round_trip, simulated_session


@pytest.mark.parametrize(
    ("name", "lazy"),
    [("plain", True), ("row_major_unsigned", False), ("odd_units", True), ("no_units", False)],
)
def test_a_recording_is_the_same_through_all_layouts(tmp_path: Path, name: str, lazy: bool) -> None:
    assert_round_trip(simulated_session(name, tmp_path / "recording"), tmp_path, CHAIN, lazy=lazy)
