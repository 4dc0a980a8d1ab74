"""A recording is written completely or not at all, the same every time, with all that belongs to it."""

from __future__ import annotations

import ast
import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hdmea.simulate import (
    Experiment,
    Region,
    SimulatedRecording,
    simulate_recording,
    write_demo,
)
from hdmea.simulate.cells import KINDS
from hdmea.utils.exceptions import ConfigurationError
from tests.simulate.files import every_dataset, table


def test_the_same_seed_gives_the_same_bytes(tiny: SimulatedRecording, tmp_path: Path) -> None:
    again = simulate_recording(tmp_path, Experiment.tiny())
    for path in sorted(path for path in tiny.folder.rglob("*") if path.is_file()):
        twin = tmp_path / path.relative_to(tiny.folder)
        if path.suffix in {".cmcr", ".cmtr"}:
            assert every_dataset(path) == every_dataset(twin)
        else:
            assert path.read_bytes() == twin.read_bytes()
    assert again.truth.movie_names == tiny.truth.movie_names


def test_another_seed_gives_other_cells(tiny: SimulatedRecording, tmp_path: Path) -> None:
    other = simulate_recording(tmp_path, Experiment.tiny(seed=2)).truth
    for unit in tiny.truth.units:
        assert not np.array_equal(other.spikes(unit.number), unit.spike_samples)
        assert other.unit(unit.number).morphology != unit.morphology
    movie = tiny.truth.movie_names[1]
    assert np.array_equal(other.movie(movie).pixels, tiny.truth.movie(movie).pixels)


def test_names_are_those_of_the_lab(tiny: SimulatedRecording) -> None:
    assert tiny.cmcr_path.name == "simulated-Rec.cmcr"
    assert tiny.cmtr_path.name == "simulated-Rec-.cmtr"


def test_playlist_movies_and_definitions_lie_beside_the_recording(tiny: SimulatedRecording) -> None:
    with tiny.playlist_path.open() as file:
        row = next(csv.DictReader(file))
    assert row["playlist_name"] == tiny.playlist_name == "my_playlist"
    movies = [name.removesuffix(".mov") for name in ast.literal_eval(row["movie_names"])]
    assert movies == list(tiny.truth.movie_names)
    for movie in movies:
        pixels = np.load(tiny.stimuli_dir / f"{movie}.npy", allow_pickle=False)
        assert len(pixels) == tiny.truth.movie(movie).length
        definition = json.loads((tiny.config_dir / "stimuli" / f"{movie}.json").read_text())
        assert definition["section_kwargs"]["start_frame"] == tiny.truth.movie(movie).start_frame


def test_truth_files_hold_the_truth(tiny: SimulatedRecording) -> None:
    truth = json.loads((tiny.folder / "simulated-Rec_truth.json").read_text())
    assert [unit["kind"] for unit in truth["units"]] == [unit.cell.kind for unit in tiny.truth.units]
    assert truth["movies"][0]["trial_samples"] == tiny.truth.trials("step_up_1s_2i_b0_2x").tolist()
    with np.load(tiny.folder / "simulated-Rec_truth.npz", allow_pickle=False) as arrays:
        offsets = arrays["spike_offsets"]
        for index, unit in enumerate(tiny.truth.units):
            train = arrays["spike_samples"][offsets[index] : offsets[index + 1]]
            assert np.array_equal(train, unit.spike_samples)
        assert np.array_equal(arrays["footprint_uv"][2], tiny.truth.footprint(3))
        assert arrays["sta__dense_noise_15x15_15hz_r42_8s"].shape == (5, 60, 15, 15)
        assert arrays["frame_rate_hz"].shape == (5, len(arrays["frame_samples"]))


def test_truth_says_what_it_does_not_know(tiny: SimulatedRecording) -> None:
    with pytest.raises(KeyError, match="was not shown"):
        tiny.truth.sections("freq_step_5st_3x")
    with pytest.raises(KeyError, match="not a noise movie"):
        tiny.truth.sta(1, "step_up_1s_2i_b0_2x")


def test_an_existing_recording_is_not_replaced_unasked(tmp_path: Path) -> None:
    experiment = Experiment.tiny(raw_seconds=0.0)
    first = simulate_recording(tmp_path, experiment)
    before = first.cmtr_path.read_bytes()
    with pytest.raises(FileExistsError, match="already exist"):
        simulate_recording(tmp_path, replace(experiment, seed=5))
    assert first.cmtr_path.read_bytes() == before
    simulate_recording(tmp_path, replace(experiment, seed=5), overwrite=True)
    assert first.cmtr_path.read_bytes() != before


def test_two_recordings_of_one_protocol_share_a_folder(tmp_path: Path) -> None:
    experiment = Experiment.tiny(raw_seconds=0.0, n_units=2)
    for name in ("a-Rec", "b-Rec"):
        simulate_recording(tmp_path, replace(experiment, name=name))
    assert len(list(tmp_path.glob("*-Rec*.cm?r"))) == 4


def test_the_playlist_of_another_recording_is_not_replaced(tmp_path: Path) -> None:
    playlist = tmp_path / "playlist.csv"
    playlist.write_text("playlist_name,movie_names\nmine,\"['a.mov']\"\n")
    with pytest.raises(FileExistsError, match=r"playlist\.csv"):
        simulate_recording(tmp_path, Experiment.tiny(raw_seconds=0.0, n_units=1))
    assert list(tmp_path.iterdir()) == [playlist]


@pytest.mark.parametrize("stop_at", [0.0, 0.3, 0.7, 0.9])
def test_stopping_leaves_nothing_behind(tmp_path: Path, stop_at: float) -> None:
    def stop(fraction: float, text: str) -> None:
        assert text
        if fraction >= stop_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate_recording(tmp_path, Experiment.tiny(), progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_progress_runs_from_0_to_1(tmp_path: Path) -> None:
    told: list[float] = []
    simulate_recording(tmp_path, Experiment.tiny(), progress=lambda fraction, _: told.append(fraction))
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0.0, 1.0)


def test_the_demo_shows_every_kind_of_cell_and_the_complete_protocol() -> None:
    demo = Experiment.demo()
    assert demo.playlist == "my_playlist"
    assert demo.n_units >= len(KINDS)
    assert demo.raw_seconds > 0
    assert demo.flashes > 0
    shown = {movie.kind for movie in demo.movies}
    assert shown == {"baseline", "step", "green_blue", "freq_step", "moving_bar", "dense_noise"}


def test_a_demo_is_written_by_size(tmp_path: Path) -> None:
    demo = write_demo(tmp_path / "new" / "folder", size="tiny", seed=3)
    assert demo.cmcr_path.name == "demo-Rec.cmcr"
    assert demo.truth.experiment.seed == 3
    with pytest.raises(ConfigurationError, match="tiny, small, large"):
        write_demo(tmp_path, size="huge")


@pytest.mark.parametrize(("minutes", "repeats", "movies"), [(0.5, 1, 1), (5.0, 1, 4), (30.0, 2, 6)])
def test_large_recordings_have_the_duration_asked_for(minutes: float, repeats: int, movies: int) -> None:
    large = Experiment.large(n_units=3, minutes=minutes)
    assert large.min_duration_s == 60 * minutes
    assert (large.repeats >= repeats, len(large.movies)) == (True, movies)


def test_a_large_recording_fires_at_5_to_10_hz(tmp_path: Path) -> None:
    recording = simulate_recording(tmp_path, Experiment.large(n_units=40, minutes=3.0))
    assert recording.truth.duration_s == 180.0
    spikes = sum(len(unit.spike_samples) for unit in recording.truth.units)
    assert 4.0 < spikes / 40 / 180 < 10.0
    assert len(table(recording.cmtr_path, "Spike Sorter/Units")) == 40


def test_experiments_that_contradict_themselves_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is not on the chip"):
        Region(rows=65, columns=65, first_row=2, first_column=1)
    with pytest.raises(ConfigurationError, match="different unit numbers"):
        Experiment(n_units=2, unit_numbers=(4, 4))
    with pytest.raises(ConfigurationError, match="repeats"):
        Experiment(repeats=0)
    with pytest.raises(ConfigurationError, match="lead_s"):
        simulate_recording(tmp_path, Experiment.tiny(lead_s=0.0))
