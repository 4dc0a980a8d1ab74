"""The step compute_sta: which movie, which spikes, what is stored, and what it says when it cannot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdmea.pipeline import PipelineSession, compute_sta
from hdmea.pipeline.run import run_step
from hdmea.utils.exceptions import ConfigurationError, DataLoadError, MissingInputError
from tests.pipeline.computed import frame_sample, session_of, write_movie

NOISE = "dense_noise_5x4"


def run(session: Any, **params: Any) -> Any:
    return run_step(session, "compute_sta", params)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "recording.cmcr"


def test_stored_average_is_the_mean_of_the_frames_before_each_spike(tmp_path: Path, source: Path) -> None:
    movie = write_movie(tmp_path, NOISE)
    used, early = [70, 100, 150], [3, 59]
    train = [frame_sample(200 + k) for k in [*early, *used]]
    session = session_of(train, [], movies={NOISE: [200]}, source=source)

    outcome = run(session)

    entry = session.units["unit_001"]["features"][f"sta_{NOISE}"]
    expected = np.mean([movie[k - 60 : k].astype(float) for k in used], axis=0).astype(np.float32)
    np.testing.assert_array_equal(entry["data"], expected)
    assert entry["data"].dtype == np.float32
    assert entry["metadata"]["n_spikes_used"] == 3
    assert entry["metadata"]["n_spikes_excluded"] == 2
    assert entry["metadata"]["cover_range"] == [-60, 0]
    assert entry["metadata"]["movie_name"] == NOISE
    silent = session.units["unit_002"]["features"][f"sta_{NOISE}"]
    assert np.isnan(silent["data"]).all()
    assert any("unit_002" in message for message in outcome.warnings)


def test_result_says_what_was_done(tmp_path: Path, source: Path) -> None:
    write_movie(tmp_path, NOISE)
    session = session_of([frame_sample(300)], [], movies={NOISE: [200]}, source=source)
    outcome = run(session)
    outcome.hdf5_path = tmp_path / "x.h5"

    result = outcome.definition.result(outcome)

    assert result.movie_name == NOISE
    assert (result.units_processed, result.units_failed, result.failed_units) == (1, 1, ["unit_002"])
    assert result.cover_range == (-60, 0)
    assert result.elapsed_seconds > 0


def test_first_showing_or_all_of_them(tmp_path: Path, source: Path) -> None:
    movie = write_movie(tmp_path, NOISE)
    train = [frame_sample(100 + 80), frame_sample(600 + 90), frame_sample(600 + 120)]
    session = session_of(train, movies={NOISE: [100, 600]}, source=source)

    run_step(session, "compute_sta", {"trials": "first"})
    first = session.units["unit_001"]["features"][f"sta_{NOISE}"]["data"]
    assert any("the first of 2 showings (trials='first')" in text for text in session.information)
    run_step(session, "compute_sta", force=True)
    assert any("all 2 showings (trials='all')" in text for text in session.information)
    entry = session.units["unit_001"]["features"][f"sta_{NOISE}"]

    np.testing.assert_array_equal(first, movie[20:80])
    assert entry["metadata"]["n_spikes_used"] == 3
    expected = np.mean([movie[k - 60 : k].astype(float) for k in (80, 90, 120)], axis=0).astype(np.float32)
    np.testing.assert_array_equal(entry["data"], expected)


def test_calls_without_a_session_use_the_first_showing(tmp_path: Path, source: Path) -> None:
    write_movie(tmp_path, NOISE)
    train = [frame_sample(100 + 80), frame_sample(600 + 90)]
    session = session_of(train, movies={NOISE: [100, 600]}, source=source)
    path = session.save(tmp_path / "a.h5")

    compute_sta(path)

    metadata = PipelineSession.load(path).units["unit_001"]["features"][f"sta_{NOISE}"]["metadata"]
    assert (metadata["trials"], metadata["n_spikes_used"]) == ("first", 1)


@pytest.mark.parametrize("trials", [None, "first"])
def test_a_movie_with_values_that_are_not_numbers_is_refused(
    tmp_path: Path, source: Path, trials: str | None
) -> None:
    movie = write_movie(tmp_path, NOISE).astype(np.float64)
    movie[100:103, 2, 2] = np.nan
    np.save(tmp_path / "stimuli" / f"{NOISE}.npy", movie)
    session = session_of([frame_sample(180)], movies={NOISE: [100]}, source=source)

    with pytest.raises(DataLoadError, match="3 values are not numbers, first at frame 100"):
        run_step(session, "compute_sta", {"trials": trials})
    assert "features" not in session.units["unit_001"]


def test_an_average_carries_the_marks_of_its_sections(tmp_path: Path, source: Path) -> None:
    write_movie(tmp_path, NOISE)
    session = session_of([frame_sample(180)], movies={NOISE: [100]}, source=source)
    marks = '[{"mark": "not aligned", "cause": "the light fits 4 frames (67 ms) later"}]'
    session.stimulus["section_time"][NOISE].attrs["marks"] = [marks]

    run_step(session, "compute_sta")

    metadata = session.units["unit_001"]["features"][f"sta_{NOISE}"]["metadata"]
    assert json.loads(metadata["marks"]) == json.loads(marks)
    table = session.to_dataframe()
    assert table.loc["unit_001", "marks"] == f"not aligned (sta_{NOISE})"


def test_noise_of_another_name_is_found_by_its_definition(tmp_path: Path, source: Path) -> None:
    write_movie(tmp_path, "checkers_s7")
    folder = tmp_path / "config" / "stimuli"
    folder.mkdir(parents=True)
    layout = {"start_frame": 0, "trial_length_frame": 10, "repeat": 1}
    text = json.dumps({"kind": "dense_noise", "section_kwargs": layout})
    (folder / "checkers_s7.json").write_text(text, encoding="utf-8")
    session = session_of([frame_sample(300)], movies={"step": [10], "checkers_s7": [200]}, source=source)

    run(session)

    assert set(session.units["unit_001"]["features"]) == {"sta_checkers_s7"}


def test_the_only_noise_movie_is_found_and_several_are_listed(tmp_path: Path, source: Path) -> None:
    write_movie(tmp_path, NOISE)
    write_movie(tmp_path, "noise_two")
    movies = {"step": [10], NOISE: [200], "noise_two": [600]}
    session = session_of([frame_sample(300), frame_sample(700)], movies=movies, source=source)

    with pytest.raises(ConfigurationError, match=f"{NOISE}, noise_two.*movie_name"):
        run(session)
    run(session, movie_name="noise_two")

    assert set(session.units["unit_001"]["features"]) == {"sta_noise_two"}
    run(session, movie_name=NOISE)
    assert set(session.units["unit_001"]["features"]) == {"sta_noise_two", f"sta_{NOISE}"}


def test_threads_do_not_change_the_numbers(tmp_path: Path, source: Path) -> None:
    write_movie(tmp_path, NOISE, dtype="f4")
    rng = np.random.default_rng(0)
    trains = [np.sort(rng.integers(0, 300_000, 300)) for _ in range(12)]
    results = []
    for options, workers in (({}, 2), ({}, 1), ({"use_multiprocessing": False}, 2)):
        session = session_of(*trains, movies={NOISE: [100]}, source=source)
        run_step(session, "compute_sta", options, workers=workers)
        results.append(
            b"".join(u["features"][f"sta_{NOISE}"]["data"].tobytes() for u in session.units.values())
        )

    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize(
    ("movies", "params", "error", "message"),
    [
        (None, {}, MissingInputError, "add_section_time"),
        ({"step": [10]}, {}, MissingInputError, "No section has a name with 'noise'.*step"),
        ({NOISE: [10]}, {"movie_name": "bar"}, ConfigurationError, f"no section 'bar'.*{NOISE}"),
        ({NOISE: [10]}, {}, FileNotFoundError, rf"{NOISE}\.npy"),
    ],
)
def test_what_is_missing_is_named(
    source: Path, movies: Any, params: dict[str, Any], error: type[Exception], message: str
) -> None:
    session = session_of([100], movies=movies, source=source)

    with pytest.raises(error, match=message):
        run(session, **params)
    assert "features" not in session.units["unit_001"]


def test_recording_without_frames_says_what_to_run(tmp_path: Path, source: Path) -> None:
    write_movie(tmp_path, NOISE)
    session = session_of([100], movies={NOISE: [10]}, source=source, with_frames=False)

    with pytest.raises(MissingInputError, match="frame sync channel"):
        run(session)


def test_movie_with_python_objects_is_not_run(tmp_path: Path, source: Path) -> None:
    write_movie(tmp_path, NOISE)
    np.save(tmp_path / "stimuli" / f"{NOISE}.npy", np.array([{}, []], object), allow_pickle=True)
    session = session_of([100], movies={NOISE: [10]}, source=source)

    with pytest.raises(DataLoadError, match=r"npy array \(frames, height, width\)"):
        run(session)


def test_length_that_contradicts_the_playlist_warns(tmp_path: Path, source: Path) -> None:
    write_movie(tmp_path, NOISE, 200)
    session = session_of([frame_sample(300)], movies={NOISE: [200]}, source=source)
    session.stimulus["section_time"][NOISE].attrs["movie_length"] = 250

    assert any("200 frames" in message and "250" in message for message in run(session).warnings)


def test_spikes_behind_a_data_gap_are_not_averaged(tmp_path: Path, source: Path) -> None:
    """Given a gap during the movie, then frames behind it cannot be counted and their spikes are left out."""
    movie = write_movie(tmp_path, NOISE)
    before, behind = [70, 99], [101, 150]
    session = session_of(
        [frame_sample(200 + k) for k in [*before, *behind]], movies={NOISE: [200]}, source=source
    )
    frames = session.metadata["frame_timestamps"]
    gap = int(frames[301]) - 100, int(frames[301]) - 50
    session.add_metadata({"segments": np.array([[0, gap[0]], [gap[1], int(frames[-1]) + 1000]])})

    outcome = run(session)

    entry = session.units["unit_001"]["features"][f"sta_{NOISE}"]
    expected = np.mean([movie[k - 60 : k].astype(float) for k in before], axis=0).astype(np.float32)
    np.testing.assert_array_equal(entry["data"], expected)
    assert entry["metadata"]["n_spikes_used"] == 2
    assert any("gap" in message for message in outcome.warnings)


def test_only_frames_that_the_playlist_has_shown_are_averaged(tmp_path: Path, source: Path) -> None:
    """Given a file longer than the movie that was shown, then spikes in the pause after it are not used."""
    movie = write_movie(tmp_path, NOISE, 300)
    session = session_of(
        [frame_sample(200 + k) for k in (100, 199, 200, 250)], movies={NOISE: [200]}, source=source
    )
    session.stimulus["section_time"][NOISE].attrs["movie_length"] = 200

    run(session)

    entry = session.units["unit_001"]["features"][f"sta_{NOISE}"]
    expected = np.mean([movie[k - 60 : k].astype(float) for k in (100, 199)], axis=0).astype(np.float32)
    np.testing.assert_array_equal(entry["data"], expected)


@pytest.mark.parametrize("shape", [(), (200,), (200, 4, 5, 3)])
def test_file_that_is_no_movie_is_named(tmp_path: Path, source: Path, shape: tuple[int, ...]) -> None:
    (tmp_path / "stimuli").mkdir()
    np.save(tmp_path / "stimuli" / f"{NOISE}.npy", np.zeros(shape, np.uint8))
    session = session_of([frame_sample(300)], movies={NOISE: [200]}, source=source)

    with pytest.raises(DataLoadError, match=rf"{NOISE}\.npy must be .*\(frames, height, width\)"):
        run(session)


def test_irregular_flips_during_the_movie_are_told(tmp_path: Path, source: Path) -> None:
    """Given two missing flips within the movie, then the average is marked as off by two frames."""
    write_movie(tmp_path, NOISE)
    session = session_of([frame_sample(300)], movies={NOISE: [200]}, source=source)
    regular = run(session)
    frames = session.metadata["frame_timestamps"]
    session.metadata["frame_timestamps"] = np.delete(frames, [320, 321])

    irregular = run_step(session, "compute_sta", {}, force=True)

    assert not any("flips" in message for message in regular.warnings)
    assert any("up to 2 frames" in message for message in irregular.warnings)
    assert session.units["unit_001"]["features"][f"sta_{NOISE}"]["metadata"]["frame_shift"] == 2
