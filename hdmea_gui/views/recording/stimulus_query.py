"""What is known of the stimulus before a recording is loaded; made on the worker thread."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hdmea.stimuli.library import StimulusLibrary
    from hdmea_gui.engine.workspace import Workspace

__all__ = ["CHOSEN", "StimulusFacts", "StimulusLine", "StimulusQuery", "light_lines"]

CHOSEN = ("playlist_file_path", "movie_length_file_path", "stimuli_dir", "config_dir")
"""Parameters that say where the files of the stimulus are."""
_MOST_NAMED = 3


@dataclass(frozen=True)
class StimulusLine:
    """One line of the card.

    Attributes
    ----------
    label, value
        What the user reads.
    good
        Whether it is as it should be; None if that is not known.
    choose
        Parameter for which a file or folder can be chosen; empty if nothing is missing.
    setup
        Whether the stimulus set-up mends or changes it.
    """

    label: str
    value: str
    good: bool | None = None
    choose: str = ""
    setup: bool = False


@dataclass(frozen=True)
class StimulusFacts:
    """What the card tells of the stimulus.

    Attributes
    ----------
    lines
        Playlist, movies, definitions.
    key, request
        Tells apart what the light is compared with; folder with a request for the process that does so, None
        without a light channel.
    """

    lines: tuple[StimulusLine, ...]
    key: str
    request: Path | None


@dataclass(frozen=True)
class StimulusQuery:
    """Which files say what was shown, and which of them are missing.

    Attributes
    ----------
    chosen
        Parameter of `CHOSEN` to the path that the user chose.
    playlist
        Name of the playlist that was chosen, None for the only one.
    stimuli_path
        List of stimuli that was chosen, which comes before any playlist; empty for none.
    """

    chosen: Mapping[str, str] = field(default_factory=dict)
    playlist: str | None = None
    stimuli_path: str = ""

    def answer(self, workspace: Workspace) -> StimulusFacts | None:
        """Return it; None without a raw recording."""
        session = workspace.session
        if session is None or not session.source_files.get("cmcr_path"):
            return None
        from hdmea.health.light_look import LightLook
        from hdmea.health.worker import write_request
        from hdmea.stimuli.library import StimulusLibrary
        from hdmea.utils.exceptions import HDMEAError
        from hdmea.utils.notices import said
        from hdmea_gui.engine.words import WINDOW

        cmcr = Path(str(session.source_files["cmcr_path"]))
        try:
            library = StimulusLibrary.for_recording(session.source_files, **self.chosen)
            listed = self._listed(library, session.dataset_id)
            lines = tuple(_lines(library, listed, self.playlist))
        except (HDMEAError, OSError) as error:
            listed = None
            lines = (StimulusLine("Playlist", said(error, WINDOW), False, "playlist_file_path", True),)
        tables = {name: path for name, path in self.chosen.items() if name.endswith("file_path")}
        parameters = {**tables, "playlist_name": self.playlist, "stimuli_path": listed}
        request = Path(tempfile.mkdtemp(prefix="hdmea-light-"))
        write_request(request, LightLook(cmcr, parameters))
        # A list that was written anew is another one.
        written = None if listed is None else (str(listed), listed.stat().st_mtime_ns)
        key = repr((cmcr, sorted(self.chosen.items()), self.playlist, written))
        return StimulusFacts(lines, key, request)

    def _listed(self, library: StimulusLibrary, dataset_id: str) -> Path | None:
        """Return the list of stimuli that the steps take, None if they take a playlist."""
        if self.stimuli_path:
            return Path(self.stimuli_path)
        by_playlist = self.playlist is not None or "playlist_file_path" in self.chosen
        return None if by_playlist else library.shown_path(dataset_id)


def _lines(library: StimulusLibrary, listed: Path | None, name: str | None) -> Iterator[StimulusLine]:
    from hdmea.stimuli.shown import read_shown
    from hdmea.utils.exceptions import ConfigurationError

    lengths: Mapping[str, int] = {}
    if listed is not None:
        movies: Sequence[str] = [shown.movie for shown in read_shown(listed)]
        yield StimulusLine("List of stimuli", f"{listed.name}, {len(movies)} movies", True, setup=True)
    else:
        try:
            playlist = library.playlist(name)
        except ConfigurationError as error:
            yield StimulusLine("Playlist", error.message, False, "playlist_file_path", setup=True)
            return
        movies = playlist.movies
        yield StimulusLine("Playlist", f"{playlist.name}, {len(movies)} movies", True)
        try:
            lengths = library.movie_lengths(movies).frames
        except ConfigurationError as error:
            yield StimulusLine("Movie lengths", error.message, False, "movie_length_file_path", setup=True)
    named = list(dict.fromkeys(movies))
    without = [movie for movie in named if library.find_movie(movie) is None]
    yield _counted("Movies", named, without, "stimuli_dir")
    without = [movie for movie in named if library.definition_path(movie, lengths.get(movie)) is None]
    yield _counted("Definitions", named, without, "config_dir")


def _counted(label: str, named: Sequence[str], without: Sequence[str], choose: str) -> StimulusLine:
    text = f"{len(named) - len(without)} of {len(named)}"
    if not without:
        return StimulusLine(label, text, True)
    more = f" and {len(without) - _MOST_NAMED} more" if len(without) > _MOST_NAMED else ""
    return StimulusLine(label, f"{text}; without {', '.join(without[:_MOST_NAMED])}{more}", False, choose)


def light_lines(found: object, reason: str) -> tuple[StimulusLine, ...]:
    """Return what the light tells.

    Parameters
    ----------
    found
        Lights of `hdmea.health.light_look.LightLook`; None if there are none.
    reason
        Why there are none.
    """
    if not isinstance(found, tuple):
        return (StimulusLine("Light", reason, None),)
    lights = {light.name: light for light in found}
    frames, lost, rate = (lights[f"light.{name}"] for name in ("frames", "lost", "rate"))
    if frames.light != "green":
        display = StimulusLine("Display", frames.sentence, False if frames.light == "red" else None)
    else:
        text = f"{rate.number}, {frames.number}"
        text += "" if lost.light == "green" else f"; {lost.sentence}"
        display = StimulusLine("Display", text, rate.light == lost.light == "green")
    fit, each = lights["alignment"], [name for name in lights if name.startswith("alignment.")]
    if fit.light == "green":
        return display, StimulusLine("Alignment", f"the light fits {_movies(len(each))}", True)
    if fit.light == "grey":
        return display, StimulusLine("Alignment", "cannot be checked", None)
    return display, StimulusLine("Alignment", fit.sentence, False, setup=True)


def _movies(count: int) -> str:
    return "the movie" if count == 1 else f"the {count} movies that can be checked"
