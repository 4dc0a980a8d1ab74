"""Movies made from definitions: equal to the simulated ones, which are made by other code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdmea.simulate.stimuli import (
    Baseline,
    DenseNoise,
    FrequencySteps,
    GreenBlueSteps,
    LightSteps,
    Movie,
    MovingBars,
)
from hdmea.stimuli.definition import StimulusDefinition, packaged_definitions
from hdmea.stimuli.library import StimulusLibrary
from hdmea.stimuli.movies import movie_levels, open_movie
from hdmea.stimuli.render import can_be_rendered, render_trial, rendered_levels, write_movie
from hdmea.utils.exceptions import ConfigurationError

LOOKS: dict[str, dict[str, Any]] = {
    "green": {"level": 150},
    "blue": {"level": 90},
    "sweep": {"width_px": 3.0, "travel_px": 28.0},
    "noise": {"seed": 42},
}
MOVIES = (
    Baseline(),
    LightSteps(),
    GreenBlueSteps(),
    FrequencySteps(),
    MovingBars(trials=1),
    DenseNoise(trial_frames=401),
)


def with_looks(movie: Movie) -> StimulusDefinition:
    values = movie.definition()
    for event in values["events"]:
        event |= LOOKS.get(event.get("color", event["type"]), {})
    values["movie_length"] = movie.length
    return StimulusDefinition.model_validate(values)


@pytest.mark.parametrize("movie", MOVIES, ids=lambda movie: movie.kind)
def test_movies_are_those_of_the_simulation(movie: Movie, tmp_path: Path) -> None:
    definition = with_looks(movie)
    path = write_movie(definition, tmp_path / "movie.npy")
    np.testing.assert_array_equal(open_movie(path), movie.pixels)
    np.testing.assert_allclose(rendered_levels(definition), movie_levels(path), atol=1e-12)


def test_gratings_move_in_their_direction() -> None:
    definition = packaged_definitions()["grating_d8_sf2_tf2_3x"]
    trial = render_trial(definition, (40, 40)).astype(float)
    right, _, up = definition.events[:3]
    for event, axis, step in ((right, 2, 1), (up, 1, -1)):
        first, later = trial[event.start_frame], trial[event.start_frame + 3]
        # 2 Hz for 3 frames of 60 are a tenth of a period of 25 px.
        moved = np.roll(first, step * round(0.1 * 25), axis - 1)
        still = np.s_[5:-5, 5:-5]
        assert np.corrcoef(moved[still].ravel(), later[still].ravel())[0, 1] > 0.97
        assert np.corrcoef(first[still].ravel(), later[still].ravel())[0, 1] < 0.9


def test_the_chirp_has_its_frequencies_and_contrasts() -> None:
    definition = packaged_definitions()["euler_chirp_32s_5x"]
    level = render_trial(definition, (1, 1))[:, 0, 0] / 127.5 - 1
    assert level[60] == pytest.approx(127 / 127.5 - 1)
    assert (level[120:300] == 1).all()
    ramp = level[600:1080]
    crossings = np.flatnonzero((ramp[:-1] < 0) & (ramp[1:] >= 0)) + 1
    # After t s of a ramp of 1 Hz/s there were t²/2 periods.
    np.testing.assert_allclose((crossings / 60) ** 2 / 2, np.arange(1, len(crossings) + 1), atol=0.16)
    assert len(crossings) == 31
    contrast = level[1200:1680]
    for second in range(8):
        assert np.abs(contrast[60 * second : 60 * second + 60]).max() == pytest.approx(
            (second + 1) / 8, abs=0.07
        )


def test_noise_with_a_seed_needs_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HDMEA_CACHE", str(tmp_path / "cache"))
    noise = DenseNoise(name="checkers", trial_frames=401)
    folder = tmp_path / "rec" / "config" / "stimuli"
    folder.mkdir(parents=True)
    text = with_looks(noise).model_dump_json(exclude_none=True)
    (folder / "checkers.json").write_text(text, encoding="utf-8")
    library = StimulusLibrary.for_recording({"cmcr_path": str(tmp_path / "rec" / "rec.cmcr")})
    assert library.movies() == ["checkers"]
    np.testing.assert_array_equal(open_movie(library.movie_path("checkers")), noise.pixels)
    before = library.movie_path("checkers").stat().st_mtime_ns
    assert library.movie_path("checkers").stat().st_mtime_ns == before, "it is made once"
    # A file comes first.
    own = tmp_path / "rec" / "stimuli" / "checkers.npy"
    own.parent.mkdir()
    np.save(own, np.zeros((401, 2, 2), np.uint8))
    assert library.movie_path("checkers") == own
    values = json.loads(text)
    del values["events"][0]["seed"]
    own.unlink()
    (folder / "checkers.json").write_text(json.dumps(values), encoding="utf-8")
    assert library.find_movie("checkers") is None


def test_what_does_not_say_what_it_looks_like_is_refused() -> None:
    definition = packaged_definitions()["step_up_5s_5i_b0_3x"]
    assert can_be_rendered(definition)
    odd = definition.events[0].model_copy(update={"type": "waterfall"})
    mine = definition.model_copy(update={"events": (odd,)})
    assert not can_be_rendered(mine)
    with pytest.raises(ConfigurationError, match="waterfall"):
        render_trial(mine)
    assert not can_be_rendered(packaged_definitions()["perfect_dense_noise_15x15_15hz_r42_3min"])
