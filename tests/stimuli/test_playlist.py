"""Playlists and movie lengths as people write them, and the messages when they are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdmea.stimuli.playlist import movie_name_of, read_movie_lengths, read_playlists
from hdmea.utils.exceptions import ConfigurationError


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    ("file_name", "movie"),
    [
        ("step_up_5s_5i_b0_3x.mov", "step_up_5s_5i_b0_3x"),
        ("noise.v2.avi", "noise"),
        ("plain", "plain"),
        ("folder/bar.mov", "bar"),
        ("C:\\movies\\bar.mov", "bar"),
        (" spaced .mov", "spaced"),
    ],
)
def test_a_movie_is_called_by_its_file_up_to_the_first_dot(file_name: str, movie: str) -> None:
    assert movie_name_of(file_name) == movie


def test_playlists_are_read_in_order_with_repeated_movies(tmp_path: Path) -> None:
    path = write(
        tmp_path / "p.csv", "playlist_name,movie_names\nb,\"['x.mov', 'y.mov', 'x.mov']\"\na,\"('z',)\"\n"
    )

    playlists = read_playlists(path)

    assert list(playlists) == ["b", "a"]
    assert playlists["b"].movies == ("x", "y", "x")
    assert playlists["a"].movies == ("z",)
    assert playlists["a"].path == path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_byte_order_mark_line_ends_blank_lines_and_unicode_do_no_harm(
    tmp_path: Path, encoding: str, newline: str
) -> None:
    lines = ["movie_names, note ,playlist_name", "", '"[\'Büße.mov\']",x, "Liste Ä" ', " , ,", ""]
    path = write(tmp_path / "p.csv", newline.join(lines).replace(', "Liste', ',"Liste'), encoding)

    assert {name: playlist.movies for name, playlist in read_playlists(path).items()} == {
        "Liste Ä": ("Büße",)
    }


def test_a_list_may_go_over_several_lines(tmp_path: Path) -> None:
    path = write(tmp_path / "p.csv", "playlist_name,movie_names\r\na,\"['x.mov',\r\n 'y.mov']\"\r\n")

    assert read_playlists(path)["a"].movies == ("x", "y")


def test_the_list_is_never_evaluated(tmp_path: Path) -> None:
    target = tmp_path / "made"
    text = f"playlist_name,movie_names\na,\"[open({str(target)!r}, 'w').name]\"\n"

    with pytest.raises(ConfigurationError, match="not a list of file names"):
        read_playlists(write(tmp_path / "p.csv", text))

    assert not target.exists()


@pytest.mark.parametrize(
    "value", ["x.mov", "[1, 2]", "[]", "['']", "{'x': 1}", "((((", "'x.mov'", "", "[" * 5000]
)
def test_what_is_no_list_of_names_is_refused_with_its_line(tmp_path: Path, value: str) -> None:
    path = write(tmp_path / "p.csv", f'playlist_name,movie_names\na,"{value}"\n')

    with pytest.raises(ConfigurationError, match="line 2"):
        read_playlists(path)


@pytest.mark.parametrize("text", ["", "\n\n", "name,movies\na,['x']\n", "playlist_name,movie_names\n"])
def test_tables_without_header_columns_or_lines_are_refused(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "p.csv", text)

    with pytest.raises(ConfigurationError, match=r"p\.csv"):
        read_playlists(path)


def test_two_different_playlists_of_one_name_are_refused_but_a_repeated_line_is_not(tmp_path: Path) -> None:
    head = "playlist_name,movie_names\na,['x']\n"

    assert len(read_playlists(write(tmp_path / "same.csv", head + "a,['x']\n"))) == 1
    with pytest.raises(ConfigurationError, match="another playlist 'a'"):
        read_playlists(write(tmp_path / "other.csv", head + "a,['y']\n"))


def test_a_playlist_without_a_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no name"):
        read_playlists(write(tmp_path / "p.csv", "playlist_name,movie_names\n,['x']\n"))


def test_text_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "p.csv", "playlist_name,movie_names\nÄ,['x']\n", "latin-1")

    with pytest.raises(ConfigurationError, match="UTF-8"):
        read_playlists(path)


def test_a_file_that_is_not_there_is_file_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_playlists(tmp_path / "p.csv")


def test_movie_lengths_are_whole_frames_by_movie_name(tmp_path: Path) -> None:
    path = write(tmp_path / "m.csv", "\ufeffmovie_name,movie_length\r\nx.mov, 180\r\ny,2100.0\r\n\r\n")

    assert read_movie_lengths(path) == {"x": 180, "y": 2100}


@pytest.mark.parametrize("value", ["0", "-3", "1.5", "many", "", "nan", "inf"])
def test_lengths_that_are_none_are_refused_with_the_movie(tmp_path: Path, value: str) -> None:
    path = write(tmp_path / "m.csv", f"movie_name,movie_length\nfirst,{value}\n")

    with pytest.raises(ConfigurationError, match="'first'"):
        read_movie_lengths(path)


def test_a_movie_with_two_lengths_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"180 frames .* 181"):
        read_movie_lengths(write(tmp_path / "m.csv", "movie_name,movie_length\nx,180\nx.mov,181\n"))


@given(st.lists(st.from_regex(r"[\w ()#+-]{1,20}", fullmatch=True).filter(str.strip), min_size=1, max_size=5))
def test_any_list_of_names_comes_back(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    path = tmp_path_factory.mktemp("playlists") / "p.csv"
    literal = repr([f"{name}.mov" for name in names]).replace('"', '""')
    write(path, f'playlist_name,movie_names\na,"{literal}"\n')

    assert read_playlists(path)["a"].movies == tuple(name.strip() for name in names)
