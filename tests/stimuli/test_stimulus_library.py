"""Where stimulus files are looked up, and in which order."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from hdmea.stimuli.library import LIBRARY_VARIABLE, StimulusLibrary, user_library
from hdmea.utils.exceptions import ConfigurationError, HDMEAError, MissingStimulusError


def fill(
    root: Path, playlists: dict[str, list[str]], lengths: dict[str, int], length_frame: int = 10
) -> Path:
    """A folder as it lies beside a recording; definitions differ by `length_frame`."""
    (root / "config" / "stimuli").mkdir(parents=True, exist_ok=True)
    (root / "stimuli").mkdir(exist_ok=True)
    rows = "".join(f'{name},"{movies!r}"\n' for name, movies in playlists.items())
    (root / "playlist.csv").write_text(f"playlist_name,movie_names\n{rows}", encoding="utf-8")
    rows = "".join(f"{movie},{frames}\n" for movie, frames in lengths.items())
    (root / "movie_length.csv").write_text(f"movie_name,movie_length\n{rows}", encoding="utf-8")
    for movie in lengths:
        kwargs = {"start_frame": 0, "trial_length_frame": length_frame, "repeat": 1}
        text = json.dumps({"section_kwargs": kwargs})
        (root / "config" / "stimuli" / f"{movie}.json").write_text(text, encoding="utf-8")
        (root / "stimuli" / f"{movie}.npy").write_bytes(b"")
    return root


@pytest.fixture
def own_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "own"
    folder.mkdir()
    monkeypatch.setenv(LIBRARY_VARIABLE, str(folder))
    return folder


def library_of(folder: Path, **named: Path) -> StimulusLibrary:
    return StimulusLibrary.for_recording({"cmcr_path": str(folder / "rec.cmcr"), "cmcr_size": 3}, **named)


@pytest.mark.usefixtures("own_library")
def test_the_only_playlist_beside_the_recording_is_the_default(tmp_path: Path) -> None:
    fill(tmp_path / "rec", {"mine": ["x.mov"]}, {"x": 10})

    playlist = library_of(tmp_path / "rec").playlist()

    assert (playlist.name, playlist.path) == ("mine", tmp_path / "rec" / "playlist.csv")


@pytest.mark.usefixtures("own_library")
def test_of_several_playlists_one_must_be_named(tmp_path: Path) -> None:
    fill(tmp_path / "rec", {"a": ["x"], "b": ["x"]}, {"x": 10})

    with pytest.raises(ConfigurationError, match=r"2 playlists: a, b.*playlist_name"):
        library_of(tmp_path / "rec").playlist()
    assert library_of(tmp_path / "rec").playlist("b").name == "b"


@pytest.mark.usefixtures("own_library")
def test_what_another_recording_was_shown_is_not_taken(tmp_path: Path) -> None:
    fill(tmp_path, {"other": ["x"]}, {"x": 10})
    (tmp_path / "other.cmcr").touch()

    with pytest.raises(MissingStimulusError, match=r"other recordings \(other\).*playlist_name"):
        library_of(tmp_path).playlist()
    assert library_of(tmp_path).playlist("other").name == "other"
    assert library_of(tmp_path, playlist_file_path=tmp_path / "playlist.csv").playlist().name == "other"

    fill(tmp_path, {"other": ["x"], "rec": ["y"], "a": ["z"]}, {"x": 10})
    assert library_of(tmp_path).playlist().name == "rec"
    (tmp_path / "rec.cmcr").touch()
    sorted_again = StimulusLibrary.for_recording({"cmtr_path": str(tmp_path / "rec(AnalysisSet1).cmtr")})
    assert sorted_again.playlist().name == "rec"


def test_an_unknown_playlist_lists_the_known_ones_of_all_places(tmp_path: Path, own_library: Path) -> None:
    fill(tmp_path / "rec", {"a": ["x"]}, {"x": 10})
    fill(own_library, {"c": ["x"]}, {"x": 10})

    with pytest.raises(ConfigurationError, match=r"'zzz'.*'a' in .*rec.*playlist.csv|'zzz'.*'c'") as caught:
        library_of(tmp_path / "rec").playlist("zzz")

    assert all(name in str(caught.value) for name in ("'a'", "'c'"))


def test_a_playlist_of_the_own_library_is_found_by_name(tmp_path: Path, own_library: Path) -> None:
    fill(tmp_path / "rec", {"a": ["x"]}, {"x": 10})
    fill(own_library, {"a": ["y"], "c": ["y"]}, {"y": 10})

    library = library_of(tmp_path / "rec")

    assert library.playlist("c").path == own_library / "playlist.csv"
    assert library.playlist("a").movies == ("x",)


def test_without_anything_beside_the_recording_the_own_library_counts(
    tmp_path: Path, own_library: Path
) -> None:
    fill(own_library, {"c": ["y"]}, {"y": 12})

    library = library_of(tmp_path)

    assert library.playlist().name == "c"
    lengths = library.movie_lengths(["y"])
    assert dict(lengths.frames) == {"y": 12}
    assert lengths.paths == (own_library / "movie_length.csv",)


@pytest.mark.usefixtures("own_library")
def test_without_any_playlist_the_message_says_where_to_put_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="playlist_file_path"):
        library_of(tmp_path).playlist("a")


def test_tables_that_are_named_are_the_only_ones(tmp_path: Path, own_library: Path) -> None:
    fill(tmp_path / "rec", {"a": ["x"]}, {"x": 10, "z": 10})
    fill(own_library, {"c": ["y"]}, {"y": 10})
    other = fill(tmp_path / "other", {"d": ["x"]}, {"x": 99})

    library = library_of(
        tmp_path / "rec",
        playlist_file_path=other / "playlist.csv",
        movie_length_file_path=other / "movie_length.csv",
    )

    assert library.playlist().name == "d"
    assert library.movie_lengths(["x"]).frames["x"] == 99
    with pytest.raises(ConfigurationError, match="'a'"):
        library.playlist("a")
    with pytest.raises(ConfigurationError, match="length of z is not known"):
        library.movie_lengths(["x", "z"])


def test_lengths_come_from_the_first_table_that_states_them(tmp_path: Path, own_library: Path) -> None:
    fill(tmp_path / "rec", {"a": ["x"]}, {"x": 10})
    fill(own_library, {"c": ["y"]}, {"x": 77, "y": 12})

    lengths = library_of(tmp_path / "rec").movie_lengths(["x", "y", "x"])

    assert dict(lengths.frames) == {"x": 10, "y": 12}


@pytest.mark.usefixtures("own_library")
def test_movies_without_a_length_are_named(tmp_path: Path) -> None:
    fill(tmp_path / "rec", {"a": ["x"]}, {"x": 10})

    with pytest.raises(ConfigurationError, match=r"length of lost, gone is not known .*rec"):
        library_of(tmp_path / "rec").movie_lengths(["lost", "x", "gone"])


def test_definitions_and_movies_are_found_in_the_order_of_places(tmp_path: Path, own_library: Path) -> None:
    fill(tmp_path / "rec", {"a": ["x"]}, {"x": 10}, length_frame=1)
    fill(own_library, {"c": ["y"]}, {"x": 10, "y": 10, "baseline_127": 180}, length_frame=2)
    named = fill(tmp_path / "named", {"d": ["x"]}, {"x": 10}, length_frame=3)

    library = library_of(tmp_path / "rec")
    with_names = library_of(
        tmp_path / "rec", config_dir=named / "config" / "stimuli", stimuli_dir=named / "stimuli"
    )

    assert library.definition("x").definition.section_kwargs.trial_length_frame == 1
    assert library.definition("y").definition.section_kwargs.trial_length_frame == 2
    assert library.definition("baseline_127").definition.section_kwargs.trial_length_frame == 2
    assert library.definition("freq_step_5st_3x").definition.section_kwargs.trial_length_frame == 1500
    assert with_names.definition("x").definition.section_kwargs.trial_length_frame == 3
    assert with_names.definition("y").path == own_library / "config" / "stimuli" / "y.json"
    assert library.movie_path("x") == tmp_path / "rec" / "stimuli" / "x.npy"
    assert with_names.movie_path("x") == named / "stimuli" / "x.npy"


@pytest.mark.usefixtures("own_library")
def test_a_config_folder_may_be_named_from_above(tmp_path: Path) -> None:
    named = fill(tmp_path / "named", {"d": ["x"]}, {"x": 10})

    assert library_of(tmp_path, config_dir=named / "config").definition("x").path.is_file()


@pytest.mark.usefixtures("own_library")
def test_missing_definitions_and_movies_say_where_was_looked(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"definition lost\.json .*config_dir"):
        library_of(tmp_path).definition("lost")
    with pytest.raises(FileNotFoundError, match=r"movie lost\.npy .*stimuli_dir"):
        library_of(tmp_path).movie_path("lost")


@pytest.mark.usefixtures("own_library")
@pytest.mark.parametrize(
    "name", ["playlist_file_path", "movie_length_file_path", "stimuli_dir", "config_dir"]
)
def test_what_is_named_must_be_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileNotFoundError, match="lost"):
        library_of(tmp_path, **{name: tmp_path / "lost"})


def test_a_configured_library_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LIBRARY_VARIABLE, str(tmp_path / "lost"))

    with pytest.raises(ConfigurationError, match=LIBRARY_VARIABLE):
        user_library()


def test_the_own_library_lies_in_the_configuration_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(LIBRARY_VARIABLE, raising=False)
    monkeypatch.setattr("platformdirs.user_config_path", lambda name, appauthor: tmp_path / name)

    assert user_library() is None
    (tmp_path / "hdmea" / "stimulus_library").mkdir(parents=True)
    assert user_library() == tmp_path / "hdmea" / "stimulus_library"


def test_both_files_of_a_pair_may_lie_in_folders_of_their_own(tmp_path: Path, own_library: Path) -> None:
    fill(tmp_path / "sorted", {"a": ["x"]}, {"x": 10})
    library = StimulusLibrary.for_recording(
        {"cmcr_path": str(tmp_path / "raw" / "r.cmcr"), "cmtr_path": str(tmp_path / "sorted" / "r.cmtr")}
    )

    assert library.playlist().name == "a"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("kind", ["pipe", "folder", "link to nowhere"])
def test_what_has_the_name_of_a_playlist_and_is_none_is_told(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "playlist.csv"
    make = {
        "pipe": lambda: os.mkfifo(path),
        "folder": path.mkdir,
        "link to nowhere": lambda: path.symlink_to("x"),
    }
    make[kind]()
    library = StimulusLibrary.for_recording({"cmcr_path": tmp_path / "a.cmcr"})
    with pytest.raises(HDMEAError, match=r"playlist\.csv (is not a regular file|is a folder|does not exist)"):
        library.playlist()
