"""What was shown is found in the light: the right movie at the right frame."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hdmea.simulate.light_faults import LIGHT_FAULTS, Showing, courses_of, shown_light
from hdmea.stimuli.alignment import FrameLight, LevelCourse
from hdmea.stimuli.playlist import Playlist
from hdmea.stimulus_setup.proposal import Proposal, propose_stimuli

COURSES = courses_of()
NAMES = tuple(COURSES)
BASELINE, STEPS, COLOURS, SINES, BARS, NOISE, _ = NAMES
SIX = NAMES[:6]
IN_SIGHT = [kind for kind in LIGHT_FAULTS if "photodiode" not in kind and "dark" not in kind]


def is_told(name: str) -> bool:
    return float(np.std(COURSES[name].levels.sum(axis=1))) >= 0.01


def proposed(showing: Showing, **also: object) -> tuple[Proposal, dict[str, int]]:
    found = shown_light(showing, seed=3)
    return propose_stimuli(found.light, COURSES.values(), {}, **also), found.true_content  # type: ignore[arg-type]


def test_of_all_faults_95_percent_of_the_movies_are_found_to_the_frame() -> None:
    asked = right = 0
    for kind in IN_SIGHT:
        proposal, truth = proposed(LIGHT_FAULTS[kind])
        checked = {(block.movie, block.content_frame) for block in proposal.blocks if block.is_checked}
        told = {(name, frame) for name, frame in truth.items() if is_told(name)}
        asked, right = asked + len(told), right + len(told & checked)
        assert {name for name, _ in checked} <= set(truth), f"{kind}: a movie that was not shown"
    assert right >= 0.95 * asked


def test_movies_without_a_trace_are_proposed_by_their_length_and_never_checked() -> None:
    proposal, truth = proposed(LIGHT_FAULTS["all as stated"])
    first = proposal.blocks[0]
    assert (first.movie, first.content_frame, first.by) == (BASELINE, truth[BASELINE], "length")
    assert not first.is_checked
    assert np.isnan(first.r)
    assert all(block.r > 0.99 for block in proposal.blocks[1:])


@pytest.mark.parametrize("pad", [180, 150, 60])
def test_the_padding_is_found(pad: int) -> None:
    proposal, _ = proposed(Showing(SIX, SIX, pad=pad))
    assert proposal.pad_frame == pad
    assert [block.movie for block in proposal.blocks] == list(SIX)


def test_a_known_playlist_places_what_the_light_does_not_tell() -> None:
    order = (STEPS, BASELINE, BASELINE, COLOURS, BASELINE)
    playlist = Playlist("mine", order, Path("playlist.csv"))
    other = Playlist("other", (COLOURS, STEPS), Path("playlist.csv"))
    proposal, _ = proposed(Showing(order, order), playlists=[other, playlist])
    assert proposal.playlist == "mine"
    assert [block.movie for block in proposal.blocks] == list(order)
    assert [block.by for block in proposal.blocks] == ["light", "playlist", "playlist", "light", "playlist"]
    assert [block.occurrence for block in proposal.blocks] == [1, 1, 2, 1, 3]


def test_a_playlist_that_contradicts_the_light_is_not_taken() -> None:
    playlist = Playlist("wrong", (STEPS, SINES, COLOURS), Path("playlist.csv"))
    proposal, _ = proposed(Showing((STEPS, COLOURS, SINES), ()), playlists=[playlist])
    assert proposal.playlist == ""
    assert [block.movie for block in proposal.blocks] == [STEPS, COLOURS, SINES]


def test_repeated_movies_are_counted() -> None:
    order = (STEPS, SINES, STEPS, STEPS)
    proposal, _ = proposed(Showing(order, order))
    assert [(block.movie, block.occurrence) for block in proposal.blocks] == [
        (STEPS, 1), (SINES, 1), (STEPS, 2), (STEPS, 3),
    ]  # fmt: skip


def test_movies_of_one_course_are_named_together() -> None:
    twin = replace(COURSES[STEPS], name="a_twin")
    found = shown_light(Showing((STEPS, SINES), ()))
    proposal = propose_stimuli(found.light, [*COURSES.values(), twin], {})
    block = proposal.blocks[0]
    assert {block.movie, *block.others} == {STEPS, "a_twin"}


def test_digital_events_mark_blocks_and_tell_lengths() -> None:
    found = shown_light(Showing((STEPS, BASELINE, SINES), (), pad=100))
    begin = found.true_content[BASELINE]
    length = len(COURSES[BASELINE].levels)
    events = [found.true_content[STEPS], begin, begin + length]
    # Without the padding nothing but the events can tell.
    light = replace(
        found.light,
        mean=found.light.mean[: begin + length + 50],
        valid=found.light.valid[: begin + length + 50],
    )
    proposal = propose_stimuli(light, COURSES.values(), {}, events=events)
    assert [(block.movie, block.by, block.marked) for block in proposal.blocks] == [
        (STEPS, "light", True), (BASELINE, "events", True),
    ]  # fmt: skip


def test_an_inverted_photodiode_does_not_matter() -> None:
    found = shown_light(LIGHT_FAULTS["all as stated"])
    turned = replace(found.light, mean=found.light.mean.max() - found.light.mean)
    proposal = propose_stimuli(turned, COURSES.values(), {})
    assert [block.movie for block in proposal.blocks] == list(SIX)


def test_what_no_movie_explains_is_told_with_its_period() -> None:
    rng = np.random.default_rng(1)
    square = np.tile(np.repeat([0.0, 1.0], 60), 10)
    level = np.concatenate([np.full(600, 0.5), square, np.full(600, 0.5)]) + rng.normal(0, 0.002, 2400)
    light = FrameLight(level, np.ones(level.size, bool), 1 / 60)
    proposal = propose_stimuli(light, [COURSES[NOISE]], {})
    assert proposal.blocks == ()
    (unknown,) = proposal.unknown
    assert abs(unknown.first - 600) <= 2
    assert abs(unknown.stop - 1800) <= 2
    assert unknown.period_frames == pytest.approx(120, abs=1)


@pytest.mark.parametrize("seed", range(3))
def test_noise_alone_is_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    light = FrameLight(rng.normal(1000, 10, 20_000), np.ones(20_000, bool), 1 / 60)
    proposal = propose_stimuli(light, COURSES.values(), {})
    assert proposal.blocks == ()


def test_no_movies_and_no_light() -> None:
    dark = FrameLight(np.zeros(3000), np.ones(3000, bool), 1 / 60)
    assert propose_stimuli(dark, COURSES.values(), {}) == Proposal(())
    found = shown_light(LIGHT_FAULTS["all as stated"])
    nothing: list[LevelCourse] = []
    assert propose_stimuli(found.light, nothing, {}).blocks == ()
