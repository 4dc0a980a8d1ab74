from __future__ import annotations

import numpy as np
import pytest

from hdmea.analysis.intervals import interval_histogram


def test_intervals_are_counted_in_milliseconds() -> None:
    spikes = np.array([0, 20, 60, 2060, 5060], np.uint64)  # 1, 2, 100 and 150 ms at 20 kHz

    histogram = interval_histogram(spikes, 20_000.0)

    assert histogram.counts[1] == 1
    assert histogram.counts[2] == 1
    assert histogram.counts.sum() == 2, "100 ms and more lie outside [0, 100)"
    assert histogram.n_intervals == 4
    assert histogram.n_short == 1
    assert histogram.short_fraction == pytest.approx(0.25)


@pytest.mark.parametrize("spikes", [[], [7]])
def test_fewer_than_two_spikes_have_no_interval(spikes: list[int]) -> None:
    histogram = interval_histogram(np.array(spikes, np.uint64), 20_000.0)

    assert histogram.counts.sum() == 0
    assert np.isnan(histogram.short_fraction)


def test_a_rate_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="positive rate"):
        interval_histogram(np.zeros(0, np.uint64), 0.0)
