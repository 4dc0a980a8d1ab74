"""What a run needs, counted: objects of the file, memory, accesses to raw data. No time is measured."""

from __future__ import annotations

from pathlib import Path

from benchmarks.counts import counted, stored_counts
from hdmea.features.science.electrical_image import WORKING_NBYTES


def test_counts_are_those_that_are_stored(tmp_path: Path) -> None:
    """When one changes on purpose, renew `benchmarks/counts.json` from ``python -m benchmarks --count``."""
    found = counted(tmp_path)

    assert found.differences(stored_counts()) == []
    assert found.more_objects_per_unit == 0
    assert found.image_peak_mb < WORKING_NBYTES / 1e6
