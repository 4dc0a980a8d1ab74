"""A definition against the movie that it describes: its length, and the level of each frame."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hdmea.stimuli.alignment import FrameLight, LightFit, is_informative
from hdmea.stimuli.definition import StimulusDefinition, check_fits
from hdmea.stimuli.movies import movie_levels
from hdmea.stimuli.render import can_be_rendered, rendered_levels
from hdmea.utils.exceptions import MismatchError

__all__ = ["MovieCheck", "check_movie"]

_REACH = 240
_LEAST_R = 0.9


@dataclass(frozen=True)
class MovieCheck:
    """Whether a definition describes a movie.

    Attributes
    ----------
    fits
        Whether nothing speaks against it.
    text
        What was compared, in one sentence.
    r
        Correlation of the levels that the definition gives with those of the movie at `lag`; NaN where they
        do not change or the definition does not say them.
    lag
        Frames by which the movie's levels come later than those of the definition.
    """

    fits: bool
    text: str
    r: float = float("nan")
    lag: int = 0


def check_movie(definition: StimulusDefinition, path: str | Path) -> MovieCheck:
    """Compare a definition with its movie.

    Parameters
    ----------
    definition
        How the movie is cut into trials, and what is shown.
    path
        The ``.npy`` file.

    Raises
    ------
    DataLoadError, OSError
        If the movie cannot be used.
    """
    shown = movie_levels(path)
    name = definition.name or Path(path).stem
    try:
        check_fits(definition, name, shown.size, "this form")
    except MismatchError as error:
        return MovieCheck(False, error.message)
    stated = definition.movie_length
    length = "" if stated in (None, shown.size) else f" The form gives {stated} frames."
    trials = f"The movie has {shown.size} frames.{length}"
    if not can_be_rendered(definition):
        return MovieCheck(not length, trials)
    wanted = rendered_levels(definition)[:, None]
    overlap = min(len(wanted), shown.size)
    wanted = wanted[:overlap]
    if not is_informative(wanted) or not is_informative(shown[:overlap, None]):
        return MovieCheck(not length, f"{trials} Its mean level does not change, and cannot be compared.")
    # The movie among frames that count for nothing, so that it can also begin later or earlier.
    padded = np.pad(shown, _REACH, mode="edge")
    light = FrameLight(padded, np.ones(padded.size, bool), 1 / 60)
    places, explained = LightFit(light).near(wanted, _REACH, _REACH)
    best = int(np.nanargmax(explained))
    lag, r = int(places[best]) - _REACH, float(np.sqrt(max(explained[best], 0.0)))
    if r < _LEAST_R:
        return MovieCheck(False, f"{trials} Its levels are not those of this form (r {r:.2f}).", r, lag)
    if lag:
        side = "later" if lag > 0 else "earlier"
        said = f"{trials} Its levels fit {abs(lag)} frames {side} than this form says (r {r:.2f})."
        return MovieCheck(False, said, r, lag)
    return MovieCheck(not length, f"{trials} Its levels are those of this form (r {r:.2f}).", r)
