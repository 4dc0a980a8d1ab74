"""Definitions by form: those that come with the program follow from a few numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pydantic
import pytest

from hdmea.stimuli.definition import (
    StimulusDefinition,
    check_fits,
    packaged_definitions,
    read_definition,
    write_definition,
)
from hdmea.stimuli.render import can_be_rendered, movie_length_of, rendered_levels, write_movie
from hdmea.stimulus_setup.check_definition import check_movie
from hdmea.stimulus_setup.forms import (
    FORMS,
    Bars,
    Colours,
    Constant,
    ContrastSteps,
    EulerChirp,
    Events,
    FileNoise,
    Gratings,
    SeedNoise,
    SineSteps,
    Spots,
    Steps,
    StimulusForm,
    form_of,
)
from hdmea.utils.exceptions import ExistingFileError

PACKAGED: dict[str, StimulusForm] = {
    "step_up_5s_5i_b0_3x": Steps(),
    "step_up_5s_5i_b0_30x": Steps(repeat=30),
    "green_blue_3s_3i_3x": Colours(),
    "green_blue_3s_3i_3x_64_128_255": Colours(groups=3, group_gap=180),
    "freq_step_5st_3x": SineSteps(),
    "euler_chirp_32s_5x": EulerChirp(),
    "moving_h_bar_s5_d8_3x": Bars(),
    "moving_h_bar_s5_d8_3x@13560": Bars(before=60, on=550, after=60),
    "grating_d8_sf2_tf2_3x": Gratings(),
    "spots_8_5x": Spots(),
    "contrast_steps_8_5x": ContrastSteps(),
    "perfect_dense_noise_15x15_15hz_r42_3min": SeedNoise(),
    "baseline_127": Constant(),
}


def facts(definition: StimulusDefinition) -> object:
    """What both say: trials, and events without how they look."""
    keys = ("type", "start_frame", "end_frame", "color", "frequency_hz", "direction_deg", "diameter",
            "contrast", "spatial_frequency", "temporal_frequency_hz", "frames_per_image")  # fmt: skip
    events = [event.model_dump() for event in definition.events]
    shown = [{key: event.get(key) for key in keys} for event in events]
    if definition.kind != "baseline":
        shown = [event for event in shown if event["type"] != "constant"]
    return definition.section_kwargs.model_dump(), definition.kind, shown


@pytest.mark.parametrize("name", PACKAGED)
def test_definitions_that_come_with_the_program_follow_from_forms(name: str) -> None:
    made, expected = PACKAGED[name].definition(), packaged_definitions()[name]
    layout, kind, shown = facts(made)  # type: ignore[misc]
    own_layout, own_kind, own_shown = facts(expected)  # type: ignore[misc]
    assert (layout, kind) == (own_layout, own_kind)
    key = lambda event: (event["start_frame"], event["end_frame"])  # noqa: E731
    if name.startswith(("spots", "contrast", "grating")):
        # The order of sizes, contrasts and gratings is the experimenter's.
        assert list(map(key, shown)) == list(map(key, own_shown))
    else:
        assert shown == own_shown


@pytest.mark.parametrize("form", FORMS)
def test_a_form_is_found_again_in_its_definition(form: type[StimulusForm], tmp_path: Path) -> None:
    values = {"name": "mine", "repeat": 2}
    if form is FileNoise:
        np.save(tmp_path / "noise.npy", np.zeros((120, 4, 6), np.uint8))
        values["movie_path"] = str(tmp_path / "noise.npy")
    filled = form.model_validate(values)
    path = write_definition(filled.definition(), tmp_path / "mine.json")
    again = read_definition(path)
    assert form_of(again) == filled
    assert again.movie_length == again.section_kwargs.end_frame + filled.frames(filled.tail)
    check_fits(again, "mine", movie_length_of(again), "mine.json")
    assert can_be_rendered(again) == (form is not FileNoise)
    with pytest.raises(ExistingFileError):
        write_definition(filled.definition(), path)


def test_seconds_become_frames_of_the_display() -> None:
    form = Steps(durations="seconds", frame_rate_hz=100, lead=1, before=0.5, on=2, after=1.5, tail=2)
    made = form.definition()
    assert made.section_kwargs.model_dump() == {
        "start_frame": 100, "trial_length_frame": 400, "repeat": 3, "group_count": 1, "group_gap": 0,
    }  # fmt: skip
    assert made.movie_length == 100 + 3 * 400 + 200
    assert made.baseline_frames == (0, 50)


@pytest.mark.parametrize(
    ("form", "values"),
    [
        (Steps, {"name": "a/b"}),
        (Steps, {"name": ""}),
        (Steps, {"on": -1}),
        (Colours, {"levels": (1, 2, 3)}),
        (ContrastSteps, {"contrasts": (2.0,)}),
        (Gratings, {"directions_deg": ()}),
    ],
)
def test_what_cannot_be_shown_is_refused(form: type[StimulusForm], values: dict[str, object]) -> None:
    with pytest.raises(pydantic.ValidationError):
        form.model_validate(values)


def test_events_need_no_movie() -> None:
    made = Events(name="led", before=30, after=90).definition()
    assert made.section_kwargs.trial_length_frame == 120
    assert made.baseline_frames == (0, 30)
    assert made.kind == "events"


class TestAgainstTheMovie:
    def test_what_fits_is_said(self, tmp_path: Path) -> None:
        definition = Steps(name="mine", repeat=2, tail=30).definition()
        path = write_movie(definition, tmp_path / "mine.npy")
        check = check_movie(definition, path)
        assert check.fits
        assert check.r > 0.999

    def test_trials_that_begin_elsewhere_are_found(self, tmp_path: Path) -> None:
        shown = Steps(name="mine", repeat=2, lead=240).definition()
        path = write_movie(shown, tmp_path / "mine.npy")
        check = check_movie(Steps(name="mine", repeat=2, lead=228, tail=12).definition(), path)
        assert not check.fits
        assert check.lag == 12
        assert "12 frames later" in check.text

    def test_another_length_is_named(self, tmp_path: Path) -> None:
        path = write_movie(Steps(name="mine", repeat=2).definition(), tmp_path / "mine.npy")
        check = check_movie(Steps(name="mine", repeat=3).definition(), path)
        assert not check.fits
        assert "2040" in check.text
        assert "1440" in check.text

    def test_other_levels_are_named(self, tmp_path: Path) -> None:
        chirp = EulerChirp(name="mine", repeat=1, lead=0).definition()
        path = write_movie(Steps(name="mine", repeat=3, lead=120).definition(), tmp_path / "mine.npy")
        assert not check_movie(chirp, path).fits

    def test_a_level_that_does_not_change_says_nothing(self, tmp_path: Path) -> None:
        definition = Constant(name="mine").definition()
        path = write_movie(definition, tmp_path / "mine.npy")
        check = check_movie(definition, path)
        assert check.fits
        assert np.isnan(check.r)


def test_a_preview_has_a_level_for_each_frame() -> None:
    definition = Gratings(height=200, width=300, repeat=1).definition()
    levels = rendered_levels(definition)
    assert levels.size == definition.movie_length
    assert levels.min() >= 0
    assert levels.max() <= 1
    assert json.loads(definition.model_dump_json())["frame_size"] == [200, 300]
