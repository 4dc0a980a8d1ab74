from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdmea.analysis.raster import SpikeRaster

RATE = 1000.0


def trains(*times_ms: list[int]) -> list[np.ndarray]:
    return [np.array(sorted(t), np.uint64) for t in times_ms]


@given(
    st.lists(st.lists(st.integers(0, 999), max_size=60), min_size=1, max_size=4),
    st.integers(1, 50),
)
def test_an_image_counts_every_spike_exactly_once(times: list[list[int]], columns: int) -> None:
    raster = SpikeRaster(trains(*times), RATE, 1.0)

    image = raster.image(0.0, 1.0, columns)

    assert image.rate.shape == (len(times), columns)
    np.testing.assert_allclose(
        (image.rate * np.diff(image.edges_s)).sum(axis=1), [len(t) for t in times], rtol=1e-5
    )


def test_a_fine_image_is_the_histogram_of_the_spikes() -> None:
    raster = SpikeRaster(trains([0, 5, 9, 10, 19], [7]), RATE, 10.0)

    image = raster.image(0.0, 0.020, 2)

    np.testing.assert_allclose(image.rate, [[300.0, 200.0], [100.0, 0.0]])


def test_a_coarse_image_equals_the_histogram_at_its_own_edges() -> None:
    rng = np.random.default_rng(1)
    duration = 2000.0
    samples = np.sort(rng.integers(0, int(duration * RATE), 50_000)).astype(np.uint64)
    raster = SpikeRaster([samples], RATE, duration)

    image = raster.image(0.0, duration, 500)

    bin_s = raster._samples_per_bin / RATE
    edges = np.linspace(0, duration / bin_s, 501).round() * bin_s
    expected = np.histogram(samples / RATE, edges)[0] / np.diff(edges)
    np.testing.assert_allclose(image.rate[0], expected, rtol=1e-6)


@given(
    st.lists(st.lists(st.integers(0, 99_999), max_size=80), min_size=1, max_size=4),
    st.integers(0, 99_999),
    st.integers(1, 60_000),
    st.integers(1, 70),
)
def test_an_image_finer_than_the_bins_is_exact_for_every_stretch(
    times: list[list[int]], start: int, width: int, columns: int
) -> None:
    # Given: bins of 7 samples, and columns of less than two of them
    raster = SpikeRaster(trains(*times), RATE, 100.0)
    width = min(width, 13 * columns)

    image = raster.image(start / RATE, (start + width) / RATE, columns)

    edges = np.round(image.edges_s * RATE)
    for row, train in enumerate(times):
        brute = [sum(low <= time < high for time in train) for low, high in pairwise(edges)]
        np.testing.assert_allclose(image.rate[row] * np.diff(image.edges_s), brute, rtol=1e-5)


@given(
    st.lists(st.lists(st.integers(0, 99_999), max_size=80), max_size=4), st.integers(0, 100_000), st.data()
)
def test_ticks_are_every_spike_of_a_stretch_and_no_other(
    times: list[list[int]], start: int, data: st.DataObject
) -> None:
    raster = SpikeRaster(trains(*times), RATE, 100.0)
    stop = data.draw(st.integers(start, 100_000))

    seconds, rows = raster.ticks(start / RATE, stop / RATE)

    brute = sorted((row, time) for row, train in enumerate(times) for time in train if start <= time < stop)
    assert sorted(zip(rows.tolist(), np.round(seconds * RATE).astype(int).tolist(), strict=True)) == brute
    assert raster.count(start / RATE, stop / RATE) == len(brute)


def test_ticks_are_the_spikes_of_the_stretch_with_the_row_of_their_unit() -> None:
    raster = SpikeRaster(trains([10, 20, 30], [], [20]), RATE, 1.0)

    times, rows = raster.ticks(0.02, 0.03)

    np.testing.assert_allclose(times, [0.02, 0.02])
    np.testing.assert_array_equal(rows, [0, 2])
    assert raster.count(0.02, 0.03) == 2


def test_the_population_rate_is_the_mean_over_units() -> None:
    raster = SpikeRaster(trains(list(range(0, 1000, 10)), []), RATE, 1.0)

    rate = raster.population_rate(columns=1)

    assert rate.rate.shape == (1, 1)
    assert rate.rate[0, 0] == pytest.approx(50.0)


def test_a_stretch_outside_the_recording_gives_an_empty_image_inside_it() -> None:
    raster = SpikeRaster(trains([1]), RATE, 1.0)

    image = raster.image(5.0, 9.0, 10)

    assert 0.0 <= image.start_s <= image.stop_s <= 1.0
    assert not image.rate.any()


def test_a_population_without_units_has_an_image_without_rows() -> None:
    raster = SpikeRaster([], RATE, 1.0)

    assert raster.image(0, 1, 10).rate.shape == (0, 10)
    assert raster.ticks(0, 1)[0].size == 0
    assert not raster.population_rate(10).rate.any()


def test_a_duration_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="duration"):
        SpikeRaster([], RATE, 0.0)
