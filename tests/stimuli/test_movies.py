"""Movies are opened with a clear word on what is wrong, and their levels are measured once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from hdmea.stimuli import movies
from hdmea.stimuli.movies import LightSpot, check_axes, check_numbers, movie_levels, open_movie
from hdmea.utils.exceptions import DataLoadError, StepCancelled
from hdmea.utils.giving_way import on_this_thread


def saved(folder: Path, movie: npt.NDArray[np.generic]) -> Path:
    np.save(folder / "movie.npy", movie, allow_pickle=True)
    return folder / "movie.npy"


NOISE = np.random.default_rng(1).integers(0, 256, (40, 5, 7), dtype=np.uint8)


@pytest.mark.parametrize(
    ("movie", "scale"),
    [
        (NOISE, 255),
        ((NOISE / 255).astype(np.float32), 1),
        (NOISE.astype(np.float64), 255),
        (NOISE > 127, 1),
        ((NOISE // 2).astype(np.int8), 255),
        (np.full((40, 5, 7), 300.0), 300),
    ],
)
def test_levels_are_means_of_frames_as_parts_of_the_full_scale(
    tmp_path: Path, movie: npt.NDArray[np.generic], scale: float
) -> None:
    levels = movie_levels(saved(tmp_path, movie))

    np.testing.assert_allclose(levels, movie.mean(axis=(1, 2), dtype=np.float64) / scale, rtol=1e-6)


def test_a_spot_sees_the_pixels_of_its_disc(tmp_path: Path) -> None:
    path = saved(tmp_path, NOISE)

    np.testing.assert_allclose(movie_levels(path, LightSpot(2, 3, 0.1)), NOISE[:, 3, 2] / 255)
    np.testing.assert_allclose(
        movie_levels(path, LightSpot(2, 3, 1.0)),
        NOISE[:, [3, 2, 4, 3, 3], [2, 2, 2, 1, 3]].mean(axis=1) / 255,
    )


def test_large_movies_are_kept_in_the_cache_until_they_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HDMEA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(movies, "_BYTES_PER_SLICE", 256)
    path = saved(tmp_path, NOISE)
    expected = movie_levels(path)
    movies._levels.cache_clear()
    monkeypatch.setattr(movies, "_measure", lambda *_: pytest.fail("was read again"))
    np.testing.assert_array_equal(movie_levels(path), expected)

    monkeypatch.undo()
    monkeypatch.setenv("HDMEA_CACHE", str(tmp_path / "cache"))
    saved(tmp_path, NOISE[:30])
    assert movie_levels(path).size == 30


def test_without_a_place_for_the_cache_levels_are_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HDMEA_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr(movies, "_BYTES_PER_SLICE", 256)

    assert movie_levels(saved(tmp_path, NOISE)).size == 40


def test_values_that_are_not_numbers_are_refused_with_their_place(tmp_path: Path) -> None:
    movie = NOISE.astype(np.float64)
    movie[10:13, 4, 4] = np.nan
    path = saved(tmp_path, movie)

    with pytest.raises(DataLoadError, match="3 values are not numbers, first at frame 10"):
        check_numbers(open_movie(path), path)
    with pytest.raises(DataLoadError, match="3 values are not numbers"):
        movie_levels(path)
    check_numbers(NOISE, path)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"MATLAB 5.0 MAT-file, Platform: PCWIN64".ljust(124) + b"\x00\x01IM", "is a MATLAB file"),
        (b"\x89HDF\r\n\x1a\n" + bytes(60), "is a MATLAB file"),
        (b"", "cannot be read"),
        (b"nothing of this kind", "cannot be read"),
    ],
)
def test_other_files_are_named(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "movie.npy"
    path.write_bytes(content)

    with pytest.raises(DataLoadError, match=what):
        open_movie(path)


@pytest.mark.parametrize(
    ("movie", "what"),
    [
        (np.stack([NOISE, NOISE], -1), "a colour movie needs one file"),
        (NOISE[0], r"must be a .npy array \(frames, height, width\)"),
        (np.array([NOISE[0], "x"], dtype=object), "cannot be read"),
        (np.full((3, 2, 2), "a"), "must contain numbers"),
    ],
)
def test_arrays_that_are_no_movie_are_refused(
    tmp_path: Path, movie: npt.NDArray[np.generic], what: str
) -> None:
    with pytest.raises(DataLoadError, match=what):
        open_movie(saved(tmp_path, movie))


@pytest.mark.parametrize("axis", [1, 2])
def test_frames_on_another_axis_are_told(tmp_path: Path, axis: int) -> None:
    turned = np.moveaxis(NOISE, 0, axis)

    with pytest.raises(DataLoadError, match=rf"40 frames are on axis {axis}, .*moveaxis\(movie, {axis}, 0\)"):
        check_axes(turned, 40, tmp_path / "movie.npy")
    check_axes(NOISE, 39, tmp_path / "movie.npy")
    check_axes(NOISE, 500, tmp_path / "movie.npy")


def test_reading_a_movie_stops_when_nobody_wants_it(tmp_path: Path) -> None:
    path = tmp_path / "movie.npy"
    np.save(path, np.arange(24, dtype=np.uint8).reshape(6, 2, 2))
    with on_this_thread(lambda: None, lambda: True), pytest.raises(StepCancelled, match=r"movie\.npy"):
        movie_levels(path)
    assert movie_levels(path).size == 6
