"""Sectioned spikes: against brute force, independent of margins, kept movie by movie."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hdmea.io import spike_sectioning
from hdmea.pipeline import (
    PipelineSession,
    SectionResult,
    add_section_time,
    add_section_time_analog,
    run_step,
    section_spike_times,
)
from hdmea.utils.exceptions import ConfigurationError, MismatchError, MissingInputError, ValidationError
from tests.pipeline.section_sessions import LAYOUTS, RATE, grid, loaded_session, write_stimuli

STEP_CONTENT = (180, 1402)


@pytest.fixture
def session(tmp_path: Path) -> PipelineSession:
    made = loaded_session(write_stimuli(tmp_path), frames=grid(2_000))
    add_section_time(session=made)
    return made


def step_trials() -> list[tuple[int, int]]:
    """Trials of the step movie by its definition, one by one."""
    frames = grid(2_000).astype(int).tolist()
    return [
        (frames[content + 20 + 60 * n], frames[content + 20 + 60 * (n + 1)])
        for content in STEP_CONTENT
        for n in range(4)
    ]


@pytest.mark.parametrize("pad", [(0.0, 0.0), (0.5, 0.25), (0.0, 1.0)])
def test_trials_hold_the_spikes_that_brute_force_finds(
    session: PipelineSession, pad: tuple[float, float]
) -> None:
    section_spike_times(session=session, pad_margin=pad)

    assert session.stimulus["trial_time"]["step"].tolist() == [list(trial) for trial in step_trials()]
    for unit in session.units.values():
        spikes = unit["spike_times"].tolist()
        sectioned = unit["spike_times_sectioned"]["step"]
        wanted = [
            [s for s in spikes if t0 - pad[0] * RATE <= s < t1 + pad[1] * RATE] for t0, t1 in step_trials()
        ]
        assert [sectioned["trials_spike_times"][n].tolist() for n in range(8)] == wanted
        assert sectioned["full_spike_times"].tolist() == sorted({s for trial in wanted for s in trial})
        np.testing.assert_array_equal(sectioned["trials_start_end"], step_trials())


def test_what_was_used_is_stored_with_the_trials(session: PipelineSession, tmp_path: Path) -> None:
    section_spike_times(session=session, pad_margin=(0.5, 0.25))

    attrs = session.stimulus["trial_time"]["step"].attrs
    assert attrs["pad_margin"].tolist() == [0.5, 0.25]
    assert (attrs["pre_samples"], attrs["post_samples"]) == (10_000, 5_000)
    assert attrs["source"] == str(tmp_path / "config" / "stimuli" / "step.json")
    assert json.loads(attrs["definition"])["section_kwargs"]["repeat"] == 4
    assert attrs["section"].tolist() == [0, 0, 0, 0, 1, 1, 1, 1]


def test_on_a_file_the_documented_result_is_returned(session: PipelineSession, tmp_path: Path) -> None:
    path = session.save(tmp_path / "out.h5")

    result = section_spike_times(path, pad_margin=(0.1, 0.2))

    assert result == SectionResult(
        success=True,
        units_processed=5,
        movies_processed=["step", "noise_1min"],
        trial_repeats=3,
        pad_margin=(0.1, 0.2),
        pre_samples=2_000,
        post_samples=4_000,
        warnings=[],
    )
    loaded = PipelineSession.load(path)
    section_spike_times(session=session, pad_margin=(0.1, 0.2))
    for unit_id, unit in session.units.items():
        stored = loaded.units[unit_id]["spike_times_sectioned"]
        np.testing.assert_array_equal(stored["step"].ranges, unit["spike_times_sectioned"]["step"].ranges)


@pytest.mark.parametrize("margins", [(0, 0), (180, 500), (400, 0)])
def test_margins_and_clipping_of_sections_do_not_move_trials(
    tmp_path: Path, margins: tuple[int, int]
) -> None:
    session = loaded_session(write_stimuli(tmp_path), frames=grid(2_000))
    add_section_time(session=session, pre_margin_frame_num=margins[0], post_margin_frame_num=margins[1])

    section_spike_times(session=session)

    assert session.stimulus["trial_time"]["step"].tolist() == [list(trial) for trial in step_trials()]


def test_a_padding_shorter_than_the_margin_leaves_trials_in_place(tmp_path: Path) -> None:
    """With 20 frames of padding and a margin of 60 the first section is clipped: trials are not."""
    session = loaded_session(write_stimuli(tmp_path), frames=grid(2_000))
    add_section_time(session=session, pad_frame=20)

    section_spike_times(session=session)

    assert session.stimulus["section_time"]["step"][0, 0] == grid()[0]
    assert any("clipped by 40 frames at its start" in warning for warning in session.warnings)
    first = session.stimulus["trial_time"]["step"][0].tolist()
    assert first == [int(grid()[40]), int(grid()[100])]


def test_movies_are_kept_one_by_one(session: PipelineSession) -> None:
    first = run_step(session, "section_spike_times", {"movie_names": ("step",)})
    second = run_step(session, "section_spike_times")
    third = run_step(session, "section_spike_times")

    assert (first.items, second.items, second.cached_items) == (("step",), ("noise_1min",), ("step",))
    assert third.cached


def test_new_sections_make_the_trials_stale_and_they_are_cut_again(session: PipelineSession) -> None:
    section_spike_times(session=session)
    add_section_time(session=session, pad_frame=181, force=True)

    run = run_step(session, "section_spike_times")

    assert set(run.items) == {"step", "noise_1min"}
    assert session.stimulus["trial_time"]["step"][0, 0] == grid()[201]


def test_sections_found_in_the_light_are_one_trial_each(tmp_path: Path) -> None:
    session = loaded_session(write_stimuli(tmp_path))
    add_section_time_analog(session=session, threshold_value=5e5, plot_duration=2.0)

    section_spike_times(session=session)

    trials = session.stimulus["trial_time"]["iprgc_test"]
    assert trials.tolist() == session.stimulus["section_time"]["iprgc_test"].tolist()
    spikes = session.units["unit_001"]["spike_times"]
    sectioned = session.units["unit_001"]["spike_times_sectioned"]["iprgc_test"]
    assert sectioned["trials_spike_times"][0].tolist() == [
        s for s in spikes.tolist() if 600_000 <= s < 640_000
    ]


def test_a_movie_without_definition_is_left_out_with_a_warning_or_refused_by_name(tmp_path: Path) -> None:
    session = loaded_session(write_stimuli(tmp_path, layouts={"step": LAYOUTS["step"]}), frames=grid(2_000))
    add_section_time(session=session)

    section_spike_times(session=session)
    assert list(session.stimulus["trial_time"]) == ["step"]
    assert "These movies have no stimulus definition and therefore no trials: noise_1min." in session.warnings

    with pytest.raises(ConfigurationError, match=r"definition noise_1min\.json"):
        section_spike_times(session=session, movie_names=["noise_1min"])


def test_without_any_definition_it_says_where_to_put_them(tmp_path: Path) -> None:
    session = loaded_session(write_stimuli(tmp_path, layouts={}), frames=grid(2_000))
    add_section_time(session=session)

    with pytest.raises(ConfigurationError, match="config_dir"):
        section_spike_times(session=session)


def test_a_movie_whose_definition_does_not_fit_is_left_out_with_the_reason(
    session: PipelineSession, tmp_path: Path
) -> None:
    layout = {"start_frame": 20, "trial_length_frame": 60, "repeat": 5}
    write_stimuli(tmp_path, layouts={"step": layout})

    section_spike_times(session=session)

    assert list(session.stimulus["trial_time"]) == ["noise_1min"]
    assert any(
        "step has no trials" in text and "needs 320 frames" in text and "has 300" in text
        for text in session.warnings
    )
    write_stimuli(tmp_path)
    section_spike_times(session=session, force=True)
    assert set(session.stimulus["trial_time"]) == {"step", "noise_1min"}
    assert session.warnings == []


@pytest.mark.parametrize("names", [["step"], None])
def test_a_definition_that_does_not_fit_the_only_movie_is_an_error(
    tmp_path: Path, names: list[str] | None
) -> None:
    layout = {"start_frame": 20, "trial_length_frame": 60, "repeat": 5}
    session = loaded_session(write_stimuli(tmp_path, layouts={"step": layout}), frames=grid(2_000))
    add_section_time(session=session)

    with pytest.raises(MismatchError, match=r"step .* needs 320 frames .* has 300"):
        section_spike_times(session=session, movie_names=names)
    assert "trial_time" not in session.stimulus


def test_definitions_may_be_named(session: PipelineSession, tmp_path: Path) -> None:
    layout = {"start_frame": 0, "trial_length_frame": 300, "repeat": 1}
    other = write_stimuli(tmp_path / "other", layouts={"step": layout})

    section_spike_times(session=session, config_dir=other / "config" / "stimuli", movie_names=["step"])

    assert len(session.stimulus["trial_time"]["step"]) == 2


def test_a_trial_beyond_the_recorded_frames_is_dropped_with_a_warning(tmp_path: Path) -> None:
    session = loaded_session(write_stimuli(tmp_path), frames=grid(1_402 + 20 + 150))
    add_section_time(session=session)

    section_spike_times(session=session)

    assert session.stimulus["trial_time"]["step"].tolist() == [list(trial) for trial in step_trials()[:6]]
    assert session.stimulus["trial_time"]["step"].attrs["number"].tolist() == list(range(6))
    assert any("2 of 8 trials" in warning for warning in session.warnings)


def test_trials_across_a_gap_are_dropped_and_those_padded_into_it_warned_of(tmp_path: Path) -> None:
    frames = grid(2_000)
    gap = int(frames[300]) + 5, int(frames[310]) - 5
    kept = np.delete(frames, np.arange(301, 310))
    session = loaded_session(write_stimuli(tmp_path), frames=kept, segments=[[0, gap[0]], [gap[1], 800_000]])
    add_section_time(session=session)

    section_spike_times(session=session, pad_margin=(0.0, 1.0))

    assert session.stimulus["trial_time"]["step"].tolist() == [list(step_trials()[0])]
    assert any("3 of 4 trials" in warning for warning in session.warnings)
    assert any("padding of 1 trials" in warning for warning in session.warnings)


def test_missing_flips_mark_the_trials(tmp_path: Path) -> None:
    session = loaded_session(write_stimuli(tmp_path), frames=np.delete(grid(2_000), 230))
    add_section_time(session=session)

    section_spike_times(session=session)

    shift = session.stimulus["trial_time"]["step"].attrs["frame_shift"]
    assert shift[:2].tolist() == [[0, 1], [1, 1]]


def test_without_sections_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="add_section_time"):
        section_spike_times(session=loaded_session(write_stimuli(tmp_path)))


def test_sections_of_earlier_programs_are_cut_like_ours(session: PipelineSession) -> None:
    section_spike_times(session=session)
    expected = {movie: np.array(found) for movie, found in session.stimulus["trial_time"].items()}
    for movie, found in session.stimulus["section_time"].items():
        session.stimulus["section_time"][movie] = np.array(found)

    section_spike_times(session=session, force=True)

    assert expected
    for movie, trials in expected.items():
        np.testing.assert_array_equal(session.stimulus["trial_time"][movie], trials)


def test_an_unknown_movie_lists_those_with_sections(session: PipelineSession) -> None:
    with pytest.raises(ValidationError, match=r"no section of zzz.*step, noise_1min"):
        section_spike_times(session=session, movie_names=["zzz"])


@pytest.mark.parametrize("pad", [(-0.1, 0.0), (0.0, float("inf")), (0.0,)])
def test_impossible_pads_are_refused(session: PipelineSession, pad: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError):
        section_spike_times(session=session, pad_margin=pad)


def test_trial_repeats_is_accepted_ignored_and_deprecated(session: PipelineSession) -> None:
    with pytest.warns(DeprecationWarning, match="trial_repeats has no effect"):
        section_spike_times(session=session, trial_repeats=99)

    assert len(session.stimulus["trial_time"]["step"]) == 8


def test_the_order_of_units_does_not_matter(tmp_path: Path) -> None:
    forward, backward = (loaded_session(write_stimuli(tmp_path), frames=grid(2_000)) for _ in range(2))
    backward.units = dict(reversed(backward.units.items()))
    for session in (forward, backward):
        add_section_time(session=session)
        section_spike_times(session=session)

    for unit_id, unit in forward.units.items():
        other = backward.units[unit_id]["spike_times_sectioned"]
        assert all(unit["spike_times_sectioned"][movie] == other[movie] for movie in other)


def test_a_recording_without_units_has_trials_all_the_same(session: PipelineSession) -> None:
    session.units.clear()

    section_spike_times(session=session)

    assert len(session.stimulus["trial_time"]["step"]) == 8


def test_the_older_import_path_hands_on_the_function() -> None:
    assert spike_sectioning.section_spike_times is section_spike_times
