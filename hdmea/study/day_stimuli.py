"""The stimulus set-up of one recording for all recordings of a day of which nothing says what was shown.

Its movies are searched for in the light of each of them (`hdmea.stimulus_setup`).
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pydantic

from hdmea.declare import get_step
from hdmea.pipeline.flows import Flow
from hdmea.pipeline.session import PipelineSession, create_session
from hdmea.recordings.pairing import kind_of
from hdmea.stimuli.library import StimulusLibrary
from hdmea.stimuli.playlist import Playlist
from hdmea.stimuli.shown import SHOWN_SUFFIX, read_shown
from hdmea.stimulus_setup import look_at, propose, write_setup
from hdmea.utils.exceptions import (
    ConfigurationError,
    HDMEAError,
    MissingFileError,
    MissingInputError,
    MissingStimulusError,
    StepCancelled,
    ValidationError,
)
from hdmea.utils.fixes import PYTHON, Advice
from hdmea.utils.notices import said

__all__ = ["DayStimuli", "Placed", "place_stimuli", "read_day_stimuli"]

_STEP = "add_section_time"
_NAMING = ("playlist_name", "playlist_file_path", "stimuli_path")
"""Parameters that say what was shown in a recording."""

Report = Callable[[float, str], None]


class DayStimuli(pydantic.BaseModel):
    """What was shown in the recording whose set-up is used.

    Attributes
    ----------
    name
        Name of the recording.
    movies
        In the order in which they were shown, repeated as often as they were.
    lengths
        Movie to its frames.
    folder
        Folder of the recording, with its movies and definitions.
    """

    model_config = pydantic.ConfigDict(frozen=True)

    name: str
    movies: tuple[str, ...]
    lengths: dict[str, int]
    folder: Path


@dataclass(frozen=True)
class Placed:
    """What came of one recording: the flow with what was found, and a sentence about it."""

    flow: Flow
    told: str = ""


def read_day_stimuli(source: Path) -> DayStimuli:
    """Return what was shown in a recording.

    Parameters
    ----------
    source
        The recording, a result of it, or its list of stimuli (``.stimuli.json``).

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ConfigurationError, ValidationError
        If nothing says what was shown in it, or not in display frames.
    """
    source = source.absolute()
    if not source.exists():
        raise MissingFileError(f"There is no file {source}.", path=source, fix=Advice("Check the path."))
    if source.name.endswith(SHOWN_SUFFIX):
        name = source.name.removesuffix(SHOWN_SUFFIX)
        session = create_session(name, source.with_name(f"{name}.cmcr"))
        given: dict[str, Any] = {"stimuli_path": str(source)}
    else:
        kind = kind_of(source)
        if kind is None and source.suffix.lower() not in (".h5", ".hdf5"):
            raise ValidationError(
                f"{source.name} is neither a recording nor a list of stimuli ({SHOWN_SUFFIX}).",
                path=source,
                fix=Advice("Name a recording of which it is known what was shown."),
            )
        session = (
            PipelineSession.load(source, lazy=True)
            if kind is None
            else create_session(None, **{f"{kind}_path": source})
        )
        given = {}
    own = _stated(session, given)
    raw = session.source_files.get("cmcr_path") or session.source_files.get("cmtr_path") or source
    library = StimulusLibrary.for_recording(session.source_files)
    lengths: Mapping[str, int]
    if own.stimuli_path is None:
        movies = library.playlist(own.playlist_name).movies
        lengths = library.movie_lengths(movies).frames
    else:
        path = Path(own.stimuli_path)
        shown = read_shown(path)
        if any(entry.duration_s is not None for entry in shown):
            raise ValidationError(
                f"{path.name} counts in seconds: without a display, nothing can be found in the light.",
                path=path,
                fix=Advice("Choose a recording with display frames."),
            )
        shown.sort(key=lambda entry: (entry.content_frame or 0, entry.time_s or 0.0))
        movies = tuple(entry.movie for entry in shown)
        stated = {entry.movie: entry.length for entry in shown if entry.length is not None}
        others = [movie for movie in movies if movie not in stated]
        lengths = {**stated, **library.movie_lengths(others).frames}
    return DayStimuli(
        name=session.dataset_id, movies=movies, lengths=dict(lengths), folder=Path(str(raw)).absolute().parent
    )


def place_stimuli(
    session: PipelineSession, flow: Flow, wanted: DayStimuli, target: Path, report: Report
) -> Placed:
    """Search for the movies in the light of a recording, unless something says what was shown in it.

    Parameters
    ----------
    session
        The recording, loaded.
    flow
        What is run on it.
    wanted
        What may have been shown.
    target
        The list of stimuli that is written, with playlist and lengths beside it where they say the same.
    report
        Called with a fraction and a text; may raise to stop.
    """
    given = next((item.params for item in flow.steps if item.step == _STEP), None)
    if given is None or any(given.get(name) is not None for name in _NAMING):
        return Placed(flow)
    try:
        own = _stated(session, given)
        return Placed(flow, f"Its own: {own.playlist_name or Path(str(own.stimuli_path)).name}.")
    except (MissingStimulusError, ConfigurationError):
        pass
    except MissingInputError as error:
        return Placed(flow, f"Not searched for: {error.message}")
    try:
        return _search(session, flow, wanted, target, report)
    except StepCancelled:
        raise
    except (HDMEAError, OSError) as error:
        return Placed(flow, f"Not searched for: {said(error, PYTHON)}")


def _stated(session: PipelineSession, given: Mapping[str, Any]) -> Any:
    """Return the parameters of the step of section times with what says what was shown in a recording."""
    definition = get_step(_STEP)
    assert definition.resolve is not None
    return definition.resolve(session, definition.make_params(given))


def _search(session: PipelineSession, flow: Flow, wanted: DayStimuli, target: Path, report: Report) -> Placed:
    folders = _folders(session, wanted)
    known = look_at(
        session,
        stimuli_dir=folders.get("stimuli_dir"),
        config_dir=folders.get("config_dir"),
        progress=lambda fraction, text: report(0.5 * fraction, text),
    )
    known = replace(
        known,
        courses={name: course for name, course in known.courses.items() if name in wanted.lengths},
        lengths=wanted.lengths,
        playlists=(Playlist(wanted.name, wanted.movies, wanted.folder),),
    )
    proposal = propose(known, lambda fraction, text: report(0.5 + 0.5 * fraction, text))
    blocks = proposal.blocks
    by_light = [block.label for block in blocks if block.is_checked]
    by_length = [block.label for block in blocks if not block.is_checked]
    left = Counter(wanted.movies) - Counter(block.movie for block in blocks)
    parts = [
        f"As of {wanted.name}",
        f"found in the light: {', '.join(by_light) or 'none'}",
        *([f"placed by their length: {', '.join(by_length)}"] if by_length else []),
        *([f"not found: {', '.join(_times(movie, count) for movie, count in left.items())}"] if left else []),
    ]
    told = f"{parts[0]}, {'; '.join(parts[1:])}."
    if proposal.unknown:
        spans = ", ".join(
            f"{known.time_s(part.first):.0f} to {known.time_s(part.stop):.0f} s" for part in proposal.unknown
        )
        told += f" None of these movies explains the light at {spans}."
    if not blocks:
        return Placed(flow, told)
    written = write_setup(blocks, target, overwrite=True, replace_tables=True).written[0]
    overrides: dict[str, dict[str, Any]] = {_STEP: {"stimuli_path": str(written)}}
    for item, (name, folder) in itertools.product(flow.steps, folders.items()):
        if name in get_step(item.step).params.model_fields and item.params.get(name) is None:
            overrides.setdefault(item.step, {})[name] = str(folder)
    return Placed(flow.with_parameters(overrides), told)


def _folders(session: PipelineSession, wanted: DayStimuli) -> dict[str, Path]:
    """Return the folders of movies and definitions that a recording does not have beside it."""
    beside = {
        Path(str(path)).absolute().parent
        for name in ("cmcr_path", "cmtr_path")
        if (path := session.source_files.get(name))
    }
    if wanted.folder in beside:
        return {}
    places = {"stimuli_dir": wanted.folder, "config_dir": wanted.folder / "config"}
    return {name: place for name, place in places.items() if place.is_dir()}


def _times(movie: str, count: int) -> str:
    return movie if count == 1 else f"{movie} ({count} times)"
