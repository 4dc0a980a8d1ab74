"""What a parameter that names something can name now: the movies, playlists, features and units there are."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hdmea.stimuli.library import StimulusLibrary
from hdmea.utils.exceptions import ConfigurationError

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession
    from hdmea.stimuli.playlist import Playlist

__all__ = ["KINDS", "KnownName", "known_names"]

logger = logging.getLogger(__name__)

_STA = "sta_"


@dataclass(frozen=True)
class KnownName:
    """A name that a parameter may take, and what it stands for in one line."""

    name: str
    about: str = ""


def known_names(session: PipelineSession | None, kind: str) -> tuple[KnownName, ...]:
    """Return what a parameter with ``names`` of this kind can name.

    Parameters
    ----------
    session
        What is open; None if nothing is.
    kind
        One of `KINDS`: ``"movie"`` (shown in this recording; before its section times are known: those of
        the known playlists), ``"averaged_movie"`` (has spike-triggered averages), ``"playlist"``,
        ``"feature"`` or ``"unit"``.

    Raises
    ------
    KeyError
        If there is no such kind.
    """
    return _SOURCES[kind](session)


def _movies(session: PipelineSession | None) -> tuple[KnownName, ...]:
    shown = {} if session is None else session.stimulus.get("section_time", {})
    if shown:
        return tuple(KnownName(movie, "shown in this recording") for movie in shown)
    planned = {
        movie: KnownName(movie, f"in the playlist {playlist.name}")
        for playlist in _known_playlists(session).values()
        for movie in playlist.movies
    }
    return tuple(planned.values())


def _averaged_movies(session: PipelineSession | None) -> tuple[KnownName, ...]:
    units = {} if session is None else session.units
    names = {
        name.removeprefix(_STA): None
        for unit in units.values()
        for name in unit.get("features", {})
        if name.startswith(_STA)
    }
    return tuple(KnownName(movie, "has spike-triggered averages") for movie in names) or _movies(session)


def _playlists(session: PipelineSession | None) -> tuple[KnownName, ...]:
    return tuple(
        KnownName(name, f"{', '.join(playlist.movies)} ({playlist.path})")
        for name, playlist in _known_playlists(session).items()
    )


def _features(_session: PipelineSession | None) -> tuple[KnownName, ...]:
    from hdmea.declare import FEATURES

    return tuple(KnownName(feature.name, feature.title) for feature in FEATURES)


def _units(session: PipelineSession | None) -> tuple[KnownName, ...]:
    return () if session is None else tuple(map(KnownName, session.units))


def _known_playlists(session: PipelineSession | None) -> dict[str, Playlist]:
    try:
        library = StimulusLibrary.for_recording({} if session is None else session.source_files)
        return library.playlists()
    except (ConfigurationError, OSError) as error:
        # The step that reads the table says the same as an error; here nothing is offered.
        logger.info("No playlists are offered: %s", error)
        return {}


_SOURCES: dict[str, Callable[[PipelineSession | None], tuple[KnownName, ...]]] = {
    "movie": _movies,
    "averaged_movie": _averaged_movies,
    "playlist": _playlists,
    "feature": _features,
    "unit": _units,
}
KINDS = tuple(_SOURCES)
