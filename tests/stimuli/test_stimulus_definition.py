"""Definitions: the shipped ones, their completion, and the messages when one is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hdmea.stimuli.definition import (
    SectionKwargs,
    check_fits,
    name_without_duration,
    packaged_definitions,
    read_definition,
)
from hdmea.stimuli.library import StimulusLibrary
from hdmea.utils import resources
from hdmea.utils.exceptions import ConfigurationError, MismatchError
from hdmea.utils.resources import resource_path

SHIPPED = {
    "euler_chirp_32s_5x": (60, 1920, 5, 1, 0),
    "grating_d8_sf2_tf2_3x": (60, 6000, 3, 1, 0),
    "contrast_steps_8_5x": (60, 1560, 5, 1, 0),
    "spots_8_5x": (60, 1560, 5, 1, 0),
    "baseline_127": (0, 180, 1, 1, 0),
    "step_up_5s_5i_b0_3x": (240, 600, 3, 1, 0),
    "step_up_5s_5i_b0_30x": (240, 600, 30, 1, 0),
    "green_blue_3s_3i_3x": (120, 720, 3, 1, 0),
    "green_blue_3s_3i_3x_64_128_255": (120, 720, 3, 3, 180),
    "freq_step_5st_3x": (30, 1500, 3, 1, 0),
    "moving_h_bar_s5_d8_3x@13560": (60, 4520, 3, 1, 0),
    "moving_h_bar_s5_d8_3x": (60, 4520, 3, 1, 0),
    "perfect_dense_noise_15x15_15hz_r42_3min": (0, 10800, 1, 1, 0),
}


def write(path: Path, **content: Any) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def kwargs(start: int = 0, length: int = 600, repeat: int = 3, **more: int) -> dict[str, int]:
    return {"start_frame": start, "trial_length_frame": length, "repeat": repeat, **more}


def test_the_definitions_of_the_science_page_are_shipped() -> None:
    found = {
        name: tuple(getattr(definition.section_kwargs, field) for field in SectionKwargs.model_fields)
        for name, definition in packaged_definitions().items()
    }

    assert found == SHIPPED
    assert all(definition.name == name.split("@")[0] for name, definition in packaged_definitions().items())


def test_step_has_light_on_at_one_second_and_off_at_six() -> None:
    definition = packaged_definitions()["step_up_5s_5i_b0_3x"]

    (light,) = definition.events_of_type("light_step")
    assert (definition.kind, light.color, light.start_frame, light.end_frame) == ("step", "white", 60, 360)
    assert definition.baseline_frames == (0, 60)


@pytest.mark.parametrize("movie", ["green_blue_3s_3i_3x", "green_blue_3s_3i_3x_64_128_255"])
def test_green_and_blue_last_three_seconds_each_after_a_second_of_baseline(movie: str) -> None:
    steps = packaged_definitions()[movie].events_of_type("light_step")

    assert [(step.color, step.start_frame, step.end_frame) for step in steps] == [
        ("green", 60, 240),
        ("blue", 420, 600),
    ]


def test_frequencies_have_the_frame_ranges_of_the_science_page() -> None:
    sines = packaged_definitions()["freq_step_5st_3x"].events_of_type("sine")

    assert [(sine.frequency_hz, sine.start_frame, sine.end_frame) for sine in sines] == [
        (0.5, 30, 270),
        (1.0, 330, 570),
        (2.0, 630, 870),
        (4.0, 930, 1170),
        (10.0, 1230, 1470),
    ]


def test_the_bar_sweeps_in_eight_directions_of_565_frames() -> None:
    sweeps = packaged_definitions()["moving_h_bar_s5_d8_3x"].events_of_type("sweep")

    assert [sweep.direction_deg for sweep in sweeps] == [0, 45, 90, 135, 180, 225, 270, 315]
    assert {sweep.end_frame - sweep.start_frame for sweep in sweeps} == {565}
    assert (sweeps[0].start_frame, sweeps[-1].end_frame) == (0, 4520)


def test_light_of_the_sample_changes_where_the_definitions_say(shared_data: Path) -> None:
    import numpy as np

    truth = json.loads((shared_data / "sample" / "sample_truth.json").read_text(encoding="utf-8"))
    luminance = np.load(shared_data / "sample" / "sample_truth.npz")["frame_luminance"][4:]
    first = {movie["name"]: movie["first_frame"] for movie in truth["movies"]}
    for movie in ("step_up_5s_5i_b0_3x", "green_blue_3s_3i_3x"):
        definition = packaged_definitions()[movie]
        start = first[movie] + definition.section_kwargs.start_frame
        trial = luminance[start : start + definition.section_kwargs.trial_length_frame]
        lit = np.zeros(trial.size, dtype=bool)
        for event in definition.events:
            lit[event.start_frame : event.end_frame] = True
        assert np.array_equal(trial > 0, lit)


@pytest.mark.parametrize(
    ("movie", "base"),
    [
        ("perfect_dense_noise_15x15_15hz_r42_1min", "perfect_dense_noise_15x15_15hz_r42"),
        ("noise_90s", "noise"),
        ("noise_1.5min", "noise"),
        ("step_up_5s_5i_b0_3x", "step_up_5s_5i_b0_3x"),
        ("iprgc_test", "iprgc_test"),
    ],
)
def test_duration_suffix(movie: str, base: str) -> None:
    assert name_without_duration(movie) == base


def test_a_file_with_section_kwargs_only_is_completed_by_name(tmp_path: Path) -> None:
    path = write(tmp_path / "green_blue_3s_3i_3x.json", section_kwargs=kwargs(0, 720, 5))

    definition = read_definition(path)

    assert definition.section_kwargs.repeat == 5
    assert definition.kind == "green_blue"
    assert len(definition.events) == 2


def test_a_file_is_completed_by_the_name_up_to_the_duration(tmp_path: Path) -> None:
    movie = "perfect_dense_noise_15x15_15hz_r42_1min"

    definition = read_definition(write(tmp_path / f"{movie}.json", section_kwargs=kwargs(0, 3600, 1)))

    assert definition.kind == "dense_noise"
    (noise,) = definition.events
    assert (noise.frames_per_image, noise.start_frame, noise.end_frame) == (4, 0, 3600)


def test_events_of_a_trial_of_other_length_are_not_invented(tmp_path: Path) -> None:
    path = write(tmp_path / "step_up_5s_5i_b0_3x.json", section_kwargs=kwargs(0, 480))

    definition = read_definition(path)

    assert definition.kind == "step"
    assert definition.events == ()
    assert definition.baseline_frames is None


def test_own_events_are_kept_and_unknown_keys_tolerated(tmp_path: Path) -> None:
    own = [{"type": "light_step", "color": "red", "start_frame": 10, "end_frame": 20, "level": 3}]
    path = write(
        tmp_path / "step_up_5s_5i_b0_3x.json",
        section_kwargs=kwargs(240, comment=1),
        kind="mine",
        events=own,
        sweep_frames=565,
    )

    definition = read_definition(path)

    assert (definition.kind, definition.events[0].color) == ("mine", "red")
    assert definition.model_extra == {"sweep_frames": 565}


def test_an_unknown_movie_has_no_kind(tmp_path: Path) -> None:
    definition = read_definition(write(tmp_path / "mine.json", section_kwargs=kwargs()))

    assert definition.kind is None
    assert definition.events == ()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({}, "section_kwargs"),
        ({"section_kwargs": {"start_frame": 0, "repeat": 1}}, "trial_length_frame"),
        ({"section_kwargs": kwargs(start=-1)}, "start_frame"),
        ({"section_kwargs": kwargs(length=0)}, "trial_length_frame"),
        ({"section_kwargs": kwargs(repeat=0)}, "repeat"),
        ({"section_kwargs": kwargs(group_count=0)}, "group_count"),
        ({"section_kwargs": kwargs(group_gap=-1)}, "group_gap"),
        (
            {"section_kwargs": kwargs(), "events": [{"type": "sine", "start_frame": 0, "end_frame": 9}]},
            "needs frequency_hz",
        ),
        (
            {"section_kwargs": kwargs(), "events": [{"type": "x", "start_frame": 9, "end_frame": 9}]},
            "end_frame must be after",
        ),
        (
            {"section_kwargs": kwargs(), "events": [{"type": "x", "start_frame": 9, "end_frame": 601}]},
            "601 of a 600-frame trial",
        ),
        ({"section_kwargs": kwargs(), "baseline_frames": [60, 60]}, "baseline_frames"),
    ],
)
def test_wrong_definitions_are_refused_with_the_file_and_the_key(
    tmp_path: Path, content: dict[str, Any], said: str
) -> None:
    path = write(tmp_path / "wrong.json", **content)

    with pytest.raises(ConfigurationError, match=said) as caught:
        read_definition(path)

    assert str(path) in str(caught.value)


def test_what_is_no_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "wrong.json"
    path.write_text("{start_frame: 3", encoding="utf-8")

    with pytest.raises(ConfigurationError, match="not JSON"):
        read_definition(path)


def test_trials_that_reach_beyond_the_movie_do_not_fit() -> None:
    definition = packaged_definitions()["green_blue_3s_3i_3x_64_128_255"]
    needed = 120 + 9 * 720 + 2 * 180

    check_fits(definition, "gb", needed, "gb.json")
    with pytest.raises(MismatchError, match=f"needs {needed} frames .* has {needed - 1}"):
        check_fits(definition, "gb", needed - 1, "gb.json")


def test_resources_of_a_frozen_program_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hdmea" / "resources").mkdir(parents=True)
    monkeypatch.setattr("sys._MEIPASS", str(tmp_path), raising=False)

    assert resource_path("stimuli") == tmp_path / "hdmea" / "resources" / "stimuli"


def test_resources_of_an_installed_program_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hdmea" / "resources").mkdir(parents=True)
    monkeypatch.setattr(resources.hdmea, "__file__", str(tmp_path / "hdmea" / "__init__.py"))

    assert resource_path() == tmp_path / "hdmea" / "resources"


def test_a_damaged_installation_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources.hdmea, "__file__", str(tmp_path / "hdmea" / "__init__.py"))

    with pytest.raises(FileNotFoundError, match="Install the program again"):
        resource_path("stimuli")


@pytest.mark.parametrize(("length", "first", "sweep"), [(13_620, 0, 565), (13_560, 60, 550)])
def test_the_length_chooses_between_the_two_forms_of_the_bar_movie(
    tmp_path: Path, length: int, first: int, sweep: int
) -> None:
    own = tmp_path / "moving_h_bar_s5_d8_3x.json"
    layout = {"start_frame": 60, "trial_length_frame": 4520, "repeat": 3}
    own.write_text(json.dumps({"section_kwargs": layout}), encoding="utf-8")
    library = StimulusLibrary.for_recording({})

    for definition in (
        read_definition(own, movie_length=length),
        library.definition("moving_h_bar_s5_d8_3x", length).definition,
    ):
        sweeps = definition.events_of_type("sweep")
        assert [event.direction_deg for event in sweeps] == [45.0 * k for k in range(8)]
        assert [(event.start_frame, event.end_frame) for event in sweeps] == [
            (first + sweep * k, first + sweep * (k + 1)) for k in range(8)
        ]
        assert definition.section_kwargs.end_frame == 13_620
        check_fits(definition, "moving_h_bar_s5_d8_3x", length, "bar.json")


def test_a_form_of_another_length_is_not_taken() -> None:
    found = StimulusLibrary.for_recording({}).definition("moving_h_bar_s5_d8_3x", 13_000)

    assert found.path.name == "moving_h_bar_s5_d8_3x.json"
    with pytest.raises(MismatchError, match="has 13000"):
        check_fits(found.definition, "moving_h_bar_s5_d8_3x", 13_000, "bar.json")
