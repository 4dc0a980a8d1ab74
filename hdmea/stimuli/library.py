"""Where playlists, movie lengths, movies and stimulus definitions are looked up.

Places, in this order: what the caller names; beside the recording; the user's own library (the folder in
``HDMEA_STIMULUS_LIBRARY``, else ``stimulus_library`` of the settings, else ``stimulus_library`` in the
configuration folder of this program); what comes with the program. A library and a recording's folder have
the same layout: ``playlist.csv``, ``movie_length.csv``, ``stimuli/<movie>.npy``,
``config/stimuli/<movie>.json``; a library has ``recordings/<dataset_id>/<recording>.stimuli.json`` as well.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from hdmea.recordings.pairing import base_stem
from hdmea.stimuli.definition import StimulusDefinition, read_definition
from hdmea.stimuli.playlist import Playlist, read_movie_lengths, read_playlists
from hdmea.stimuli.render import has_seed, rendered_movie
from hdmea.utils.exceptions import ConfigurationError, MissingFileError, MissingStimulusError
from hdmea.utils.fixes import Advice, ChooseFile, Either, SetParameter
from hdmea.utils.resources import resource_path
from hdmea.utils.text_files import regular_size, setting

__all__ = [
    "FoundDefinition",
    "MovieLengths",
    "StimulusLibrary",
    "StimulusPlace",
    "library_to_write",
    "user_library",
]

LIBRARY_VARIABLE = "HDMEA_STIMULUS_LIBRARY"
LIBRARY_SETTING = "stimulus_library"


@dataclass(frozen=True)
class StimulusPlace:
    """One place where stimulus files may be; a part that it does not have is None or empty.

    Attributes
    ----------
    title
        What the user knows the place by.
    playlists, movie_lengths
        The two tables.
    movies, definitions
        Folders of ``<movie>.npy`` and of ``<movie>.json``.
    """

    title: str
    playlists: Path | None = None
    movie_lengths: Path | None = None
    movies: tuple[Path, ...] = ()
    definitions: tuple[Path, ...] = ()

    @classmethod
    def folder(cls, title: str, root: Path) -> Self:
        """Return the place with the usual layout below `root`."""
        return cls(
            title,
            playlists=_if_there(root / "playlist.csv"),
            movie_lengths=_if_there(root / "movie_length.csv"),
            movies=(root / "stimuli",),
            definitions=(root / "config" / "stimuli",),
        )


@dataclass(frozen=True)
class MovieLengths:
    """Lengths of movies in frames, and the tables that they come from."""

    frames: Mapping[str, int]
    paths: tuple[Path, ...]


@dataclass(frozen=True)
class FoundDefinition:
    """A stimulus definition and the file that it comes from."""

    definition: StimulusDefinition
    path: Path


@dataclass(frozen=True)
class StimulusLibrary:
    """The places to look in, the first one first."""

    places: tuple[StimulusPlace, ...]
    gone: tuple[Path, ...] = ()
    """Folders of the recording that do not exist any more."""
    recording: tuple[str, ...] = ()
    """Names of the recording's files, without their endings and without the marks of a pair."""

    @classmethod
    def for_recording(
        cls,
        source_files: Mapping[str, Any],
        *,
        playlist_file_path: str | Path | None = None,
        movie_length_file_path: str | Path | None = None,
        stimuli_dir: str | Path | None = None,
        config_dir: str | Path | None = None,
    ) -> Self:
        """Return the library of a recording.

        A table that is named is the only one that is used; folders that are named are looked into first.

        Parameters
        ----------
        source_files
            ``session.source_files``: ``cmcr_path`` and ``cmtr_path`` tell where the recording is.
        playlist_file_path, movie_length_file_path
            Tables named by the caller.
        stimuli_dir, config_dir
            Folders of movies and of definitions named by the caller.

        Raises
        ------
        FileNotFoundError
            If something that was named does not exist.
        ConfigurationError
            If the user's library is configured but does not exist.
        """
        named = StimulusPlace(
            "named by you",
            playlists=_existing(playlist_file_path, "playlist", "playlist_file_path"),
            movie_lengths=_existing(movie_length_file_path, "movie length", "movie_length_file_path"),
            movies=_folders(stimuli_dir, "stimuli_dir"),
            definitions=_folders(config_dir, "config_dir"),
        )
        folders = _recording_folders(source_files)
        beside = [StimulusPlace.folder("beside the recording", folder) for folder in folders]
        gone = tuple(folder for folder in folders if not os.path.isdir(folder))
        return cls((named, *beside, *_standard_places()), gone, _recording_names(source_files))

    def playlist(self, name: str | None = None) -> Playlist:
        """Return a playlist by its name; without a name the only one of the first place that has any.

        Without a name, a playlist that is named like the recording is taken before others, and one that is
        named like another recording beside its table is not taken, unless its table was named by the user.

        Raises
        ------
        ConfigurationError
            If there is none, none of that name, or several and no name; the message lists the known ones.
        """
        known: dict[str, Playlist] = {}
        of_others: list[Playlist] = []
        for path in self._tables("playlists"):
            playlists = read_playlists(path)
            if name is None:
                usable = playlists if path == self.places[0].playlists else self._of_this(playlists, path)
                if usable:
                    return _only(usable, path)
                of_others += playlists.values()
                continue
            known = {**playlists, **known}
            if name in playlists:
                return playlists[name]
        missing = MissingStimulusError if name is None else ConfigurationError
        if not known and self.gone:
            raise missing(
                f"The folder of the recording, {self.gone[0]}, no longer exists, and there is no "
                "playlist.csv in the stimulus library.",
                parameter="playlist_file_path",
                fix=Either(
                    (
                        Advice("Put the recording beside the result, or load it from its present place."),
                        ChooseFile("playlist_file_path"),
                    )
                ),
            )
        if of_others:
            listed = ", ".join(playlist.name for playlist in of_others)
            raise missing(
                f"{of_others[0].path} holds only what was shown in other recordings ({listed}).",
                parameter="playlist_name",
                path=of_others[0].path,
                fix=Either((Advice("Set up the stimuli of this recording."), SetParameter("playlist_name"))),
            )
        if not known:
            raise missing(
                "There is no playlist.csv beside the recording or in the stimulus library.",
                parameter="playlist_file_path",
                fix=Either((Advice("Put one there."), ChooseFile("playlist_file_path"))),
            )
        listed = "; ".join(f"{playlist.name!r} in {playlist.path}" for playlist in known.values())
        raise ConfigurationError(
            f"There is no playlist {name!r}. Known playlists: {listed}.",
            parameter="playlist_name",
            fix=SetParameter("playlist_name"),
        )

    def _of_this(self, playlists: Mapping[str, Playlist], path: Path) -> dict[str, Playlist]:
        """Return the playlist that is named like the recording, or those that name no other recording."""
        own = next((playlists[name] for name in self.recording if name in playlists), None)
        if own is not None:
            return {own.name: own}
        return {name: found for name, found in playlists.items() if not _is_recording(path.parent, name)}

    def playlists(self) -> dict[str, Playlist]:
        """Return all playlists by name; of two with one name the one that `playlist` would return."""
        known: dict[str, Playlist] = {}
        for path in self._tables("playlists"):
            for name, playlist in read_playlists(path).items():
                known.setdefault(name, playlist)
        return known

    def movie_lengths(self, movies: Iterable[str]) -> MovieLengths:
        """Return the length of each movie, from the first table that states it.

        Raises
        ------
        ConfigurationError
            If no table states the length of a movie; the message names the movies and the tables.
        """
        wanted = list(dict.fromkeys(movies))
        found: dict[str, int] = {}
        tables = self._tables("movie_lengths")
        used = []
        for path in tables:
            lengths = read_movie_lengths(path)
            new = {movie: lengths[movie] for movie in wanted if movie in lengths and movie not in found}
            found.update(new)
            if new:
                used.append(path)
        unknown = [movie for movie in wanted if movie not in found]
        if unknown:
            where = ", ".join(map(str, tables)) or "no movie_length.csv was found"
            raise ConfigurationError(
                f"The length of {', '.join(unknown)} is not known ({where}), so every later section would be "
                "wrong.",
                parameter="movie_length_file_path",
                fix=Advice("Add a line 'name,frames' to movie_length.csv."),
            )
        return MovieLengths(found, tuple(used))

    def known_lengths(self) -> dict[str, int]:
        """Return the length of every movie that a table states, the first place first."""
        known: dict[str, int] = {}
        for path in self._tables("movie_lengths"):
            known = {**read_movie_lengths(path), **known}
        return known

    def definition_path(self, movie: str, movie_length: int | None = None) -> Path | None:
        """Return the file of a movie's definition, None if there is none.

        In each place ``<movie>@<length>.json``, the form of that length, comes before ``<movie>.json``.
        """
        names = (
            [f"{movie}.json"] if movie_length is None else [f"{movie}@{movie_length}.json", f"{movie}.json"]
        )
        paths = (folder / name for folder in self._folders_of("definitions") for name in names)
        return next((path for path in paths if os.path.lexists(path)), None)

    def definition(self, movie: str, movie_length: int | None = None) -> FoundDefinition:
        """Return a movie's definition, completed from the packaged one.

        Parameters
        ----------
        movie
            Name of the movie.
        movie_length
            Frames of the movie: chooses where a movie exists in several forms.

        Raises
        ------
        ConfigurationError
            If there is none (the message lists where it was searched for) or it is not valid.
        """
        path = self.definition_path(movie, movie_length)
        if path is None:
            raise ConfigurationError(
                f"There is no stimulus definition {movie}.json in {self._looked_in('definitions')}.",
                parameter="config_dir",
                fix=Either(
                    (
                        Advice("Write one with section_kwargs start_frame, trial_length_frame and repeat."),
                        ChooseFile("config_dir"),
                    )
                ),
            )
        return FoundDefinition(read_definition(path, movie, movie_length), path)

    def movie_path(self, movie: str) -> Path:
        """Return the file of a movie's frames, ``<movie>.npy``.

        Raises
        ------
        FileNotFoundError
            If there is none; the message lists where it was searched for.
        """
        path = self.find_movie(movie)
        if path is None:
            raise MissingFileError(
                f"There is no movie {movie}.npy in {self._looked_in('movies')}.",
                parameter="stimuli_dir",
                fix=Either((Advice("Put it there."), ChooseFile("stimuli_dir"))),
            )
        return path

    def find_movie(self, movie: str) -> Path | None:
        """Return the file of a movie's frames, None if there is none.

        Noise whose definition has a seed needs no file: it is made, and kept in the cache.
        """
        found = self._first("movies", f"{movie}.npy")
        return found if found is not None else self._from_seed(movie)

    def _from_seed(self, movie: str) -> Path | None:
        path = self.definition_path(movie)
        if path is None:
            return None
        try:
            definition = read_definition(path, movie)
            return rendered_movie(definition) if has_seed(definition) else None
        except ConfigurationError:
            # Said by the step that needs the trials.
            return None

    def movies(self) -> list[str]:
        """Return the names of all movies whose frames are known, the first place first."""
        found = [
            path.name.removesuffix(".npy")
            for folder in self._folders_of("movies")
            if os.path.isdir(folder)
            for path in sorted(folder.glob("*.npy"))
        ]
        seeded = [name for name in self.defined() if name not in found and self._has_seed(name)]
        return list(dict.fromkeys([*found, *seeded]))

    def _has_seed(self, movie: str) -> bool:
        path = self.definition_path(movie)
        try:
            return path is not None and has_seed(read_definition(path, movie))
        except ConfigurationError:
            return False

    def defined(self) -> list[str]:
        """Return the names of all movies that have a definition, the first place first."""
        found = [
            path.stem.split("@", 1)[0]
            for folder in self._folders_of("definitions")
            if os.path.isdir(folder)
            for path in sorted(folder.glob("*.json"))
        ]
        return list(dict.fromkeys(found))

    def shown_path(self, dataset_id: str | None = None) -> Path | None:
        """Return the list of what was shown in the recording, ``<its name>.stimuli.json``; None without one.

        In each place it is beside the other files or below ``recordings/<dataset_id>``, by default that of
        the name.
        """
        roots = [folder.parent for folder in self._folders_of("movies") if folder.name == "stimuli"]
        paths = (
            path
            for stem in self.recording
            for root in roots
            for path in (
                root / f"{stem}.stimuli.json",
                root / "recordings" / (dataset_id or stem) / f"{stem}.stimuli.json",
            )
        )
        return next((path for path in paths if os.path.lexists(path)), None)

    def _tables(self, kind: str) -> list[Path]:
        named, *others = (getattr(place, kind) for place in self.places)
        return [named] if named is not None else [path for path in others if path is not None]

    def _folders_of(self, kind: str) -> list[Path]:
        return list(dict.fromkeys(folder for place in self.places for folder in getattr(place, kind)))

    def _first(self, kind: str, file_name: str) -> Path | None:
        paths = (folder / file_name for folder in self._folders_of(kind))
        return next((path for path in paths if os.path.lexists(path)), None)

    def _looked_in(self, kind: str) -> str:
        return ", ".join(map(str, self._folders_of(kind)))


def user_library() -> Path | None:
    """Return the user's own stimulus library, None if there is none.

    The folder in ``HDMEA_STIMULUS_LIBRARY``, else ``stimulus_library`` of the settings, else
    ``stimulus_library`` in the configuration folder of this program.

    Raises
    ------
    ConfigurationError
        If ``HDMEA_STIMULUS_LIBRARY`` names something that is not a folder.
    """
    configured = os.environ.get(LIBRARY_VARIABLE, "").strip()
    if configured:
        folder = Path(configured).expanduser()
        if not os.path.isdir(folder):
            raise ConfigurationError(
                f"The environment variable {LIBRARY_VARIABLE} is set to {folder}, which is not a folder.",
                path=folder,
                fix=Advice("Set it to the folder of the stimulus library, or unset it."),
            )
        return folder
    folder = _chosen_library()
    return folder if os.path.isdir(folder) else None


def library_to_write() -> Path:
    """Return the folder of the user's own stimulus library; it need not exist yet."""
    return user_library() or _chosen_library()


def _chosen_library() -> Path:
    chosen = str(setting(LIBRARY_SETTING) or "").strip()
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return platformdirs.user_config_path("hdmea", appauthor=False) / "stimulus_library"


def _recording_names(source_files: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of a recording: those of its files, then what is common to the names of a pair."""
    paths = [Path(str(path)) for key in ("cmcr_path", "cmtr_path") if (path := source_files.get(key))]
    names = [*(path.stem.rstrip("-") for path in paths), *map(base_stem, paths)]
    return tuple(dict.fromkeys(name for name in names if name))


def _is_recording(folder: Path, name: str) -> bool:
    return any(os.path.lexists(folder / f"{name}{ending}") for ending in (".cmcr", "-.cmtr", ".cmtr"))


def _recording_folders(source_files: Mapping[str, Any]) -> list[Path]:
    paths = [source_files.get(key) for key in ("cmcr_path", "cmtr_path")]
    return list(dict.fromkeys(Path(str(path)).parent for path in paths if path))


def _standard_places() -> Sequence[StimulusPlace]:
    own = user_library()
    packaged = StimulusPlace(
        "comes with the program",
        playlists=_if_there(resource_path("playlist.csv")),
        movie_lengths=_if_there(resource_path("movie_length.csv")),
        movies=(resource_path("stimuli"),),
        definitions=(resource_path("stimuli"),),
    )
    return [packaged] if own is None else [StimulusPlace.folder("your stimulus library", own), packaged]


def _if_there(path: Path) -> Path | None:
    # Also a folder or a pipe: whoever reads it says so, instead of that there is none.
    return path if os.path.lexists(path) else None


def _existing(path: str | Path | None, what: str, parameter: str) -> Path | None:
    if path is None:
        return None
    regular_size(Path(path), f"{what} file", parameter)
    return Path(path)


def _folders(path: str | Path | None, parameter: str) -> tuple[Path, ...]:
    if path is None:
        return ()
    folder = Path(path)
    if not os.path.isdir(folder):
        raise MissingFileError(
            f"The folder {folder} does not exist.",
            parameter=parameter,
            path=folder,
            fix=ChooseFile(parameter),
        )
    return (folder, folder / "stimuli")


def _only(playlists: Mapping[str, Playlist], path: Path) -> Playlist:
    if len(playlists) == 1:
        return next(iter(playlists.values()))
    raise ConfigurationError(
        f"{path} holds {len(playlists)} playlists: {', '.join(playlists)}. Which one was shown is not known.",
        parameter="playlist_name",
        path=path,
        fix=SetParameter("playlist_name"),
    )
