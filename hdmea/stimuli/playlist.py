"""Playlists and movie lengths: the two tables that say what was shown, and for how many frames."""

from __future__ import annotations

import ast
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hdmea.utils.exceptions import ConfigurationError
from hdmea.utils.fixes import Advice
from hdmea.utils.text_files import read_text

__all__ = ["Playlist", "movie_name_of", "read_movie_lengths", "read_playlists"]

_AS_LIST = Advice("Write it as \"['first.mov', 'second.mov']\".")


@dataclass(frozen=True)
class Playlist:
    """A playlist: the movies in the order in which they were shown.

    Attributes
    ----------
    name
        Name of the playlist.
    movies
        Movie names (file names up to the first dot), repeated as often as they are listed.
    path
        The table that it comes from.
    """

    name: str
    movies: tuple[str, ...]
    path: Path


def movie_name_of(file_name: str) -> str:
    """Return a movie's name: its file name without folders, up to the first dot."""
    return file_name.replace("\\", "/").rsplit("/", 1)[-1].split(".", 1)[0].strip()


def read_playlists(path: str | Path) -> dict[str, Playlist]:
    """Read ``playlist.csv``: columns ``playlist_name`` and ``movie_names``.

    The second column holds a list of file names written as a Python literal. It is parsed as a literal and
    never evaluated.

    Returns
    -------
    dict
        Playlist name to playlist, in the order of the file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ConfigurationError
        If a column is missing, a list is not a list of file names, or a name stands for two playlists.
    """
    path = Path(path)
    playlists: dict[str, Playlist] = {}
    for line, row in _rows(path, ("playlist_name", "movie_names")):
        name = row["playlist_name"]
        if not name:
            raise ConfigurationError(
                f"{path}, line {line}: the playlist has no name.",
                path=path,
                fix=Advice("Give it a name in the column playlist_name."),
            )
        playlist = Playlist(
            name, _movies(row["movie_names"], f"{path}, line {line}, playlist {name!r}"), path
        )
        if playlists.setdefault(name, playlist) != playlist:
            raise ConfigurationError(
                f"{path}, line {line}: there is another playlist {name!r}.",
                path=path,
                fix=Advice("Rename one of them."),
            )
    if not playlists:
        raise ConfigurationError(
            f"{path} does not contain a playlist.",
            path=path,
            fix=Advice("Add a line with a name and a list of movies."),
        )
    return playlists


def read_movie_lengths(path: str | Path) -> dict[str, int]:
    """Read ``movie_length.csv``: columns ``movie_name`` and ``movie_length`` (display frames).

    Returns
    -------
    dict
        Movie name to its length in frames.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ConfigurationError
        If a column is missing, a length is not a whole number above 0, or a movie has two lengths.
    """
    path = Path(path)
    lengths: dict[str, int] = {}
    for line, row in _rows(path, ("movie_name", "movie_length")):
        movie = movie_name_of(row["movie_name"])
        where = f"{path}, line {line}, movie {movie!r}"
        length = _length(row["movie_length"], where)
        if lengths.setdefault(movie, length) != length:
            raise ConfigurationError(
                f"{where}: the movie has {lengths[movie]} frames in one line and {length} in another.",
                path=path,
                fix=Advice("Delete one of the lines."),
            )
    return lengths


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield line number and stripped values of the wanted columns; blank lines are skipped."""
    reader = csv.reader(io.StringIO(read_text(path), newline=""))
    header: list[str] | None = None
    for row in reader:
        values = [value.strip() for value in row]
        if not any(values):
            continue
        if header is None:
            header = values
            absent = [name for name in columns if name not in header]
            if absent:
                raise ConfigurationError(
                    f"{path} has no column {', '.join(absent)}; it has {', '.join(header)}.",
                    path=path,
                    fix=Advice(f"The first line must be {','.join(columns)}."),
                )
            continue
        named = dict(zip(header, values, strict=False))
        yield reader.line_num, {name: named.get(name, "") for name in columns}
    if header is None:
        raise ConfigurationError(
            f"{path} is empty.", path=path, fix=Advice(f"The first line must be {','.join(columns)}.")
        )


def _movies(text: str, where: str) -> tuple[str, ...]:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        raise ConfigurationError(
            f"{where}: movie_names is not a list of file names: {text[:80]!r}.",
            fix=_AS_LIST,
        ) from error
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise ConfigurationError(
            f"{where}: movie_names must be a list of file names, not {text[:80]!r}.", fix=_AS_LIST
        )
    movies = tuple(movie_name_of(name) for name in value)
    if not movies or not all(movies):
        raise ConfigurationError(
            f"{where}: the list of movies is empty or contains an empty name.", fix=_AS_LIST
        )
    return movies


def _length(text: str, where: str) -> int:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not (0 < number < 1e12 and number == int(number)):
        raise ConfigurationError(
            f"{where}: the length must be a whole number of frames greater than 0, not {text!r}.",
            fix=Advice("Correct the line."),
        )
    return int(number)
