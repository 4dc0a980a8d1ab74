"""Spike-triggered averages against brute force, and the laws that they obey."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdmea.features.science.spike_triggered_average import movie_frames_of_spikes, spike_triggered_averages
from hdmea.utils.exceptions import StepCancelled, ValidationError

COVER = (-60, 0)


def brute_force(movie: np.ndarray, k: np.ndarray, cover: tuple[int, int]) -> tuple[np.ndarray, int]:
    """Gather of every window, summed in exact integers, one division per element."""
    c0, c1 = cover
    used = [int(f) for f in k if f + c0 >= 0 and f + c1 <= len(movie)]
    if not used:
        return np.full((c1 - c0, *movie.shape[1:]), np.nan, np.float32), 0
    total = sum(movie[f + c0 : f + c1].astype(object) for f in used)
    exact = np.vectorize(lambda value: np.float32(float(Fraction(int(value), len(used)))))
    return exact(total).astype(np.float32), len(used)


def noise_movie(n_frames: int, shape: tuple[int, int], dtype: type = np.uint8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n_frames, *shape)).astype(dtype)


@pytest.mark.parametrize("shape", [(15, 15), (1, 1), (7, 3), (20, 30)])
@pytest.mark.parametrize("n_spikes", [0, 1, 3, 4, 255, 257, 1000])
def test_equals_the_brute_force_gather_to_the_bit(shape: tuple[int, int], n_spikes: int) -> None:
    movie = noise_movie(300, shape)
    k = np.sort(np.random.default_rng(n_spikes).integers(0, 300, n_spikes))

    result = spike_triggered_averages(movie, [k], COVER)

    expected, used = brute_force(movie, k, COVER)
    assert result.data.dtype == np.float32
    assert result.data[0].tobytes() == expected.tobytes()
    assert result.n_spikes_used.tolist() == [used]
    assert result.n_spikes_excluded.tolist() == [n_spikes - used]


@pytest.mark.parametrize("n_spikes", [256, 257, 258, 1028, 5000])
def test_partial_sums_never_overflow_at_full_brightness(n_spikes: int) -> None:
    movie = np.full((70, 2, 2), 255, np.uint8)

    result = spike_triggered_averages(movie, [np.full(n_spikes, 65)], COVER)

    assert np.all(result.data == 255)


@pytest.mark.parametrize(
    "dtype", [np.int8, np.int16, ">i2", np.uint16, np.int32, np.int64, np.uint64, np.bool_]
)
def test_every_integer_type_is_summed_exactly(dtype: str) -> None:
    movie = np.random.default_rng(1).integers(0, 2 if dtype is np.bool_ else 127, (90, 4, 5)).astype(dtype)
    if np.dtype(dtype).kind == "i":
        movie = -movie
    k = np.arange(60, 90)

    result = spike_triggered_averages(movie, [k], COVER)

    assert result.data[0].tobytes() == brute_force(movie.astype(np.int64), k, COVER)[0].tobytes()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_real_movies_are_summed_in_the_order_of_the_spikes(dtype: type) -> None:
    movie = np.random.default_rng(2).normal(size=(200, 3, 4)).astype(dtype)
    k = np.sort(np.random.default_rng(3).integers(60, 200, 77))

    result = spike_triggered_averages(movie, [k], COVER)

    total = np.zeros((60, 3, 4))
    for frame in k:
        total += movie[frame - 60 : frame]
    assert result.data[0].tobytes() == (total / 77).astype(np.float32).tobytes()


def test_result_does_not_depend_on_the_number_of_threads() -> None:
    movie = noise_movie(400, (15, 15)).astype(np.float32) / 7
    rng = np.random.default_rng(4)
    trains = [np.sort(rng.integers(0, 400, n)) for n in rng.integers(0, 300, 37)]

    one = spike_triggered_averages(movie, trains, COVER, workers=1)
    two = spike_triggered_averages(movie, trains, COVER, workers=2)

    assert one.data.tobytes() == two.data.tobytes()
    assert one.n_spikes_used.tolist() == two.n_spikes_used.tolist()


def test_memory_mapped_and_transposed_movies_give_the_same(tmp_path: Path) -> None:
    movie = noise_movie(120, (5, 6))
    np.save(tmp_path / "c.npy", movie)
    np.save(tmp_path / "fortran.npy", np.asfortranarray(movie))
    k = [np.arange(50, 120)]

    expected = spike_triggered_averages(movie, k).data.tobytes()

    for name in ("c.npy", "fortran.npy"):
        mapped = np.load(tmp_path / name, mmap_mode="r", allow_pickle=False)
        assert spike_triggered_averages(mapped, k).data.tobytes() == expected


@settings(max_examples=40)
@given(
    k=st.lists(st.integers(0, 49), max_size=30),
    c0=st.integers(-55, 5),
    length=st.integers(1, 55),
    seed=st.integers(0, 5),
)
def test_any_window_keeps_exactly_the_spikes_that_fit(k: list[int], c0: int, length: int, seed: int) -> None:
    movie = noise_movie(50, (2, 3), seed=seed)
    frames = np.array(sorted(k), np.int64)

    result = spike_triggered_averages(movie, [frames], (c0, c0 + length))

    expected, used = brute_force(movie, frames, (c0, c0 + length))
    assert result.n_spikes_used[0] == used
    assert result.n_spikes_used[0] + result.n_spikes_excluded[0] == len(k)
    np.testing.assert_array_equal(result.data[0], expected)


@settings(max_examples=30)
@given(
    offset=st.integers(0, 55),
    order=st.permutations(range(4)),
    spikes=st.lists(st.integers(10, 99), min_size=1, max_size=40),
)
def test_brightness_offset_shifts_and_unit_order_permutes(
    offset: int, order: list[int], spikes: list[int]
) -> None:
    movie = noise_movie(100, (2, 2)) // 2
    trains = [np.array(sorted(spikes)[i:], np.int64) for i in range(4)]

    plain = spike_triggered_averages(movie, trains, (-10, 0)).data
    brighter = spike_triggered_averages(movie + np.uint8(offset), trains, (-10, 0)).data
    permuted = spike_triggered_averages(movie, [trains[i] for i in order], (-10, 0)).data

    np.testing.assert_allclose(brighter, plain + np.float32(offset), rtol=1e-6)
    np.testing.assert_array_equal(permuted, plain[order])


def test_a_unit_without_usable_spike_is_nan_with_count_zero() -> None:
    result = spike_triggered_averages(noise_movie(100, (3, 3)), [np.array([5, 6]), np.array([], int)], COVER)

    assert np.isnan(result.data).all()
    assert result.n_spikes_used.tolist() == [0, 0]
    assert result.n_spikes_excluded.tolist() == [2, 0]


@pytest.mark.parametrize(
    ("movie", "cover", "message"),
    [
        (np.zeros((10, 4)), (-2, 0), "frames, height, width"),
        (np.zeros((10, 2, 2), np.complex128), (-2, 0), "complex128"),
        (np.zeros((10, 2, 2)), (0, 0), "empty"),
        (np.zeros((10, 2, 2)), (5, -5), "empty"),
    ],
)
def test_what_cannot_be_averaged_is_refused(movie: np.ndarray, cover: tuple[int, int], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        spike_triggered_averages(movie, [np.array([5])], cover)


def test_stopping_ends_the_work_and_passes_the_exception_on() -> None:
    seen: list[float] = []

    def stop(fraction: float) -> None:
        seen.append(fraction)
        raise StepCancelled("stopped")

    movie = noise_movie(100, (3, 3))
    for workers in (1, 2):
        with pytest.raises(StepCancelled):
            spike_triggered_averages(movie, [np.array([70])] * 50, workers=workers, progress=stop)
    assert len(seen) == 2
    assert max(seen) < 0.5


class TestMovieFramesOfSpikes:
    FRAMES = np.arange(1000, 3000, 10, dtype=np.uint64)  # 200 refreshes

    def test_frame_is_the_last_one_at_or_before_the_spike(self) -> None:
        spikes = np.array([1499, 1500, 1501, 1509, 1510], np.uint64)

        k = movie_frames_of_spikes(spikes, self.FRAMES, [50], 100)

        assert k.tolist() == [0, 0, 0, 1]  # the first spike comes before the movie

    def test_movie_ends_with_its_last_frame(self) -> None:
        k = movie_frames_of_spikes(np.array([1599, 1600]), self.FRAMES, [50], 10)

        assert k.tolist() == [9]

    def test_nothing_outside_the_recorded_frames(self) -> None:
        spikes = np.array([0, 999, 1000, 2989, 2990, 2991, 99_999])

        k = movie_frames_of_spikes(spikes, self.FRAMES, [-5], 1000)

        assert k.tolist() == [5, 203, 204]

    def test_occurrences_are_pooled(self) -> None:
        spikes = np.array([1005, 2005])

        k = movie_frames_of_spikes(spikes, self.FRAMES, [0, 100], 100)

        assert k.tolist() == [0, 0]

    @pytest.mark.parametrize("frames", [np.array([], np.uint64), np.array([10], np.uint64)])
    def test_recording_with_no_frame_of_the_movie(self, frames: np.ndarray) -> None:
        assert movie_frames_of_spikes(np.array([5, 10, 20]), frames, [1], 5).size == 0

    @settings(max_examples=40)
    @given(shift=st.integers(0, 10**9), spikes=st.lists(st.integers(900, 3100)))
    def test_time_shift_changes_nothing(self, shift: int, spikes: list[int]) -> None:
        train = np.array(sorted(spikes), np.int64)

        here = movie_frames_of_spikes(train, self.FRAMES, [30], 100)
        later = movie_frames_of_spikes(train + shift, self.FRAMES.astype(np.int64) + shift, [30], 100)

        assert here.tolist() == later.tolist()
