"""The section steps on sessions and files: what they store, keep, refuse and say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hdmea.io import section_time
from hdmea.pipeline import PipelineSession, add_section_time, add_section_time_analog, run_step
from hdmea.stimuli.light import light_template
from hdmea.utils.exceptions import (
    CacheConflictError,
    ConfigurationError,
    MismatchError,
    MissingInputError,
    ValidationError,
)
from tests.pipeline.section_sessions import MOVIES, grid, loaded_session, write_stimuli

STARTS = [180, 180 + 300 + 361, 180 + 300 + 361 + 200 + 361]


@pytest.fixture
def session(tmp_path: Path) -> PipelineSession:
    return loaded_session(write_stimuli(tmp_path), frames=grid(2_000))


def sections(session: PipelineSession, movie: str) -> np.ndarray:
    return session.stimulus["section_time"][movie]


def test_sections_are_stored_with_their_content_frames(session: PipelineSession, tmp_path: Path) -> None:
    returned = add_section_time(playlist_name="demo", session=session)

    assert returned is session
    stored = sections(session, "step")
    frames = grid(2_000).astype(np.int64)
    expected = [[frames[start - 60], frames[start + 120 + 301]] for start in (STARTS[0], STARTS[2])]
    np.testing.assert_array_equal(stored, expected)
    assert stored.dtype == np.int64
    assert stored.attrs["content_frame"].tolist() == [STARTS[0], STARTS[2]]
    assert stored.attrs["frame_shift"].tolist() == [0, 0]
    assert stored.attrs["playlist"] == "demo"
    assert stored.attrs["source"] == str(tmp_path / "playlist.csv")
    assert session.warnings == []


def test_the_light_template_is_the_mean_over_the_showings(session: PipelineSession) -> None:
    add_section_time(session=session)

    light = session.stimulus["light_reference"]["raw_ch1"]
    template = session.stimulus["light_template"]["step"]
    np.testing.assert_array_equal(template, light_template(light, np.asarray(sections(session, "step"))))
    assert template.dtype == np.float32


def test_on_a_file_it_returns_true_and_the_sections_are_there(
    session: PipelineSession, tmp_path: Path
) -> None:
    path = session.save(tmp_path / "out.h5")

    assert add_section_time(path, "demo") is True
    assert add_section_time(path, "demo") is True

    loaded = PipelineSession.load(path)
    assert sections(loaded, "noise_1min").attrs["content_frame"].tolist() == [STARTS[1]]
    assert "add_section_time" in loaded.completed_steps


def test_file_and_session_give_the_same(session: PipelineSession, tmp_path: Path) -> None:
    path = session.save(tmp_path / "out.h5")
    add_section_time(path)
    add_section_time(session=session)

    loaded = PipelineSession.load(path)
    for movie in MOVIES:
        np.testing.assert_array_equal(sections(loaded, movie), sections(session, movie))
        np.testing.assert_array_equal(
            loaded.stimulus["light_template"][movie], session.stimulus["light_template"][movie]
        )


def test_the_input_tables_are_on_record(session: PipelineSession) -> None:
    add_section_time(session=session)

    inputs = session.steps["add_section_time"].inputs
    assert [Path(file.path).name for file in inputs] == ["playlist.csv", "movie_length.csv"]


def test_an_unknown_playlist_lists_the_known_ones(session: PipelineSession) -> None:
    with pytest.raises(ConfigurationError, match="'demo'"):
        add_section_time(strict=True, playlist_name="zzz", session=session)

    assert "section_time" not in session.stimulus


def test_a_movie_without_a_length_is_named(tmp_path: Path) -> None:
    session = loaded_session(write_stimuli(tmp_path, lengths={"step": 300}))

    with pytest.raises(ConfigurationError, match="length of noise_1min is not known"):
        add_section_time(strict=True, session=session)


def test_tables_may_be_named(session: PipelineSession, tmp_path: Path) -> None:
    other = write_stimuli(
        tmp_path / "other", playlists={"short": ("noise_1min.mov",)}, lengths={"noise_1min": 50}
    )

    add_section_time(
        session=session,
        playlist_file_path=other / "playlist.csv",
        movie_length_file_path=str(other / "movie_length.csv"),
    )

    assert list(session.stimulus["section_time"]) == ["noise_1min"]
    assert sections(session, "noise_1min").attrs["movie_length"] == 50


def test_without_a_loaded_recording_or_frames_it_says_what_is_missing(tmp_path: Path) -> None:
    write_stimuli(tmp_path)
    session = loaded_session(tmp_path)
    del session.metadata["frame_timestamps"]

    with pytest.raises(MissingInputError, match="frame sync"):
        add_section_time(strict=True, session=session)
    (tmp_path / "playlist.csv").unlink()
    with pytest.raises(MissingInputError, match="frame sync"):  # said before the playlist is missed
        add_section_time(strict=True, session=session)
    with pytest.raises(MissingInputError, match="load_recording"):
        add_section_time(strict=True, session=PipelineSession("empty"))


def test_a_recording_without_light_has_sections_but_no_template(session: PipelineSession) -> None:
    del session.stimulus["light_reference"]

    add_section_time(session=session)

    assert "light_template" not in session.stimulus
    assert any("no light signal" in warning for warning in session.warnings)


def test_missing_flips_are_stored_with_the_sections_and_warned_of(tmp_path: Path) -> None:
    session = loaded_session(write_stimuli(tmp_path), frames=np.delete(grid(2_000), [600]))

    add_section_time(session=session)

    assert sections(session, "step").attrs["frame_shift"].tolist() == [0, 1]
    assert any("noise_1min (+1)" in warning for warning in session.warnings)


def test_clipping_and_movies_that_were_not_shown_are_warned_of(tmp_path: Path) -> None:
    session = loaded_session(write_stimuli(tmp_path), frames=grid(1_100))

    add_section_time(session=session, pre_margin_frame_num=300)

    assert sections(session, "step").shape == (1, 2)
    assert any("clipped" in warning for warning in session.warnings)
    assert any("step#2 has no section" in warning for warning in session.warnings)


def test_a_playlist_that_was_not_shown_is_an_error(tmp_path: Path) -> None:
    session = loaded_session(write_stimuli(tmp_path), frames=grid(100))

    with pytest.raises(MismatchError, match="No movie of playlist 'demo'"):
        add_section_time(strict=True, session=session)


def gap_session(folder: Path) -> PipelineSession:
    frames = grid(2_000)
    gap = int(frames[700]) + 5, int(frames[720]) - 5
    return loaded_session(
        write_stimuli(folder),
        frames=np.delete(frames, np.arange(701, 720)),
        segments=[[0, gap[0]], [gap[1], 800_000]],
    )


def test_after_a_gap_movies_need_an_anchor(tmp_path: Path) -> None:
    session = gap_session(tmp_path)

    add_section_time(session=session)
    assert list(session.stimulus["section_time"]) == ["step"]
    assert any("noise_1min has no section" in warning for warning in session.warnings)

    anchor = {"noise_1min": int(grid(2_000)[STARTS[1]]) + 100}
    add_section_time(session=session, reanchor=anchor, force=True)
    stored = sections(session, "noise_1min")
    assert stored[0, 0] == grid(2_000)[STARTS[1] - 60]
    assert sections(session, "step").shape == (2, 2)


def test_where_all_movies_follow_a_gap_sections_are_missing_and_nothing_is_wrong(tmp_path: Path) -> None:
    frames = grid(2_000)
    session = loaded_session(
        write_stimuli(tmp_path),
        frames=np.delete(frames, np.arange(101, 120)),
        segments=[[0, int(frames[100]) + 5], [int(frames[120]) - 5, 800_000]],
    )

    with pytest.raises(MissingInputError, match="all begin after gaps"):
        add_section_time(strict=True, session=session)


def test_why_there_are_no_display_frames_is_said_once(tmp_path: Path) -> None:
    session = loaded_session(write_stimuli(tmp_path), frames=grid(0))
    del session.metadata["frame_timestamps"]
    session.metadata["frame_detection"] = {"reason": "There are no display frames: noise only."}

    with pytest.raises(MissingInputError) as raised:
        add_section_time(strict=True, session=session)

    assert raised.value.message == "There are no display frames: noise only."


def test_other_parameters_are_a_conflict_unless_forced(session: PipelineSession) -> None:
    add_section_time(session=session)

    with pytest.raises(CacheConflictError):
        add_section_time(session=session, pad_frame=100)
    add_section_time(session=session, pad_frame=100, force=True)

    assert sections(session, "step").attrs["content_frame"][0] == 100


def test_another_playlist_replaces_the_sections_but_keeps_those_found_in_the_light(
    session: PipelineSession, tmp_path: Path
) -> None:
    add_section_time(session=session)
    add_section_time_analog(session=session, threshold_value=5e5, plot_duration=1.0)
    run_step(session, "section_spike_times")
    write_stimuli(tmp_path, playlists={"short": ("noise_1min.mov",)})

    add_section_time(session=session, force=True)

    assert set(session.stimulus["section_time"]) == {"noise_1min", "iprgc_test"}
    assert set(session.stimulus["light_template"]) == {"noise_1min", "iprgc_test"}
    assert set(session.stimulus["trial_time"]) == {"noise_1min", "iprgc_test"}
    assert set(session.units["unit_001"]["spike_times_sectioned"]) == {"noise_1min", "iprgc_test"}
    assert session.steps["section_spike_times"].stale is True


def short_session(folder: Path) -> PipelineSession:
    """Frames end before the flashes, so that these are found."""
    return loaded_session(write_stimuli(folder), frames=grid(1_500))


def test_light_onsets_make_sections_and_leave_the_others(tmp_path: Path) -> None:
    session = short_session(tmp_path)
    add_section_time(session=session)
    before = {movie: np.array(found) for movie, found in session.stimulus["section_time"].items()}

    add_section_time_analog(None, 5e5, session=session, plot_duration=2.0)

    onsets = [600_000, 650_000, 700_000]
    assert sections(session, "iprgc_test").tolist() == [[onset, onset + 40_000] for onset in onsets]
    assert session.stimulus["light_template"]["iprgc_test"].size == 40_000
    for movie, found in before.items():
        np.testing.assert_array_equal(sections(session, movie), found)


def test_light_onsets_of_two_names_stand_side_by_side(tmp_path: Path) -> None:
    session = short_session(tmp_path)

    add_section_time_analog(session=session, threshold_value=5e5, plot_duration=2.0)
    add_section_time_analog(
        session=session, threshold_value=5e5, plot_duration=1.0, movie_name="flash", repeat=2
    )

    assert sections(session, "iprgc_test").shape == (3, 2)
    assert sections(session, "flash").tolist() == [[600_000, 620_000], [650_000, 670_000]]


def test_light_onsets_on_a_file_return_true(tmp_path: Path) -> None:
    path = short_session(tmp_path).save(tmp_path / "out.h5")

    assert add_section_time_analog(path, 5e5, plot_duration=2.0) is True


def test_light_onsets_that_are_too_close_are_one_where_that_is_asked_for(tmp_path: Path) -> None:
    session = short_session(tmp_path)

    add_section_time_analog(session=session, threshold_value=5e5, plot_duration=4.0)
    add_section_time_analog(
        session=session, threshold_value=5e5, plot_duration=4.0, movie_name="apart", min_distance_s=3.2
    )
    run_step(
        session,
        "add_section_time_analog",
        {"threshold_value": 5e5, "plot_duration": 4.0, "movie_name": "window"},
    )

    assert sections(session, "iprgc_test")[:, 0].tolist() == [600_000, 650_000, 700_000]
    assert sections(session, "apart")[:, 0].tolist() == [600_000, 700_000]
    assert sections(session, "window")[:, 0].tolist() == [600_000, 700_000]


def test_fewer_light_onsets_than_expected_and_cut_sections_are_warned_of(tmp_path: Path) -> None:
    session = short_session(tmp_path)

    add_section_time_analog(session=session, threshold_value=5e5, plot_duration=3.0, repeat=5)
    add_section_time_analog(
        session=session, threshold_value=5e5, plot_duration=60.0, movie_name="long", min_distance_s=48
    )

    assert any("3 light onsets were found, 5 were expected" in warning for warning in session.warnings)
    assert sections(session, "long").tolist() == [[600_000, 800_000]]
    assert any("long: the recording ends within 1 sections" in warning for warning in session.warnings)


def test_without_such_a_step_the_message_states_the_largest(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"no step of 1e\+09 .* the largest is 2\.999"):
        add_section_time_analog(strict=True, session=short_session(tmp_path), threshold_value=1e9)


def test_without_light_or_frames(tmp_path: Path) -> None:
    session = short_session(tmp_path)
    del session.metadata["frame_timestamps"]
    add_section_time_analog(session=session, threshold_value=5e5, plot_duration=2.0)
    assert len(sections(session, "iprgc_test")) == 3

    del session.stimulus["light_reference"]
    with pytest.raises(MissingInputError, match="analog channels"):
        add_section_time_analog(strict=True, session=session, threshold_value=5e5, movie_name="other")


def test_the_name_of_a_movie_cannot_be_taken(tmp_path: Path) -> None:
    session = short_session(tmp_path)
    add_section_time(session=session)

    with pytest.raises(ValidationError, match="called step"):
        add_section_time_analog(strict=True, session=session, threshold_value=5e5, movie_name="step")


@pytest.mark.parametrize("values", [{"threshold_value": 0}, {}, {"threshold_value": 5, "plot_duration": 0}])
def test_impossible_parameters_are_refused(tmp_path: Path, values: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        add_section_time_analog(session=short_session(tmp_path), **values)


def test_older_import_paths_hand_on_the_functions() -> None:
    assert section_time.add_section_time is add_section_time
    assert section_time.add_section_time_analog is add_section_time_analog
    with pytest.raises(AttributeError, match="nothing"):
        _ = section_time.nothing
