"""Lights of the stimulus: display frames, light channel, alignment of the movies, visible averages."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hdmea.health.lights import Colour, Light, above, below, grey, worst
from hdmea.health.limits import HealthLimits
from hdmea.stimuli.library import StimulusLibrary
from hdmea.stimuli.movies import open_movie
from hdmea.utils.exceptions import HDMEAError, StepCancelled

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession

__all__ = ["alignment_lights", "frame_lights", "noise_movie", "noise_range", "noise_sta_light"]

_ALPHA = 0.01
_WINDOW_S = 1.0
_MIN_SHIFT_S = 2.0
_MOST_PIXELS = 200_000
_PIECES, _PIECE = 64, 4096
_CLIPPED_PART = 0.01


# -- frames and light --------------------------------------------------------------------------------------


def frame_lights(session: PipelineSession, limits: HealthLimits) -> list[Light]:
    """Return the four lights of display and light channel."""
    units = {"frames": "frames", "lost": "flips", "rate": "Hz", "range": "counts"}
    detection = session.metadata.get("frame_detection", {})
    frames = np.asarray(session.metadata.get("frame_timestamps", ())).astype(np.int64)
    if not detection and not frames.size and "raw_ch1" not in session.stimulus.get("light_reference", {}):
        why = (
            "The recording has no analog channels."
            if session.source_files.get("cmcr_path")
            else "There is no raw recording."
        )
        return [grey(f"light.{name}", unit, why) for name, unit in units.items()]
    light = _range(session, limits)
    if not frames.size:
        why = str(detection.get("reason", "no display was recognised"))
        none = Light("light.frames", "red", 0.0, "frames", f"No display frames: {why}")
        rest = [
            grey(f"light.{name}", units[name], "There are no display frames.") for name in ("lost", "rate")
        ]
        return [none, *rest, light]
    rate = session.acquisition_rate
    return [
        Light(
            "light.frames",
            "green",
            float(frames.size),
            "frames",
            f"Display frames from {frames[0] / rate:.2f} s to {frames[-1] / rate:.2f} s",
        ),
        _lost(detection, limits),
        _rate(detection, frames, rate, limits),
        light,
    ]


def _lost(detection: Any, limits: HealthLimits) -> Light:
    if not detection:
        return grey("light.lost", "flips", "Another program found the display frames; it does not say.")
    missing = int(np.sum(np.asarray(detection.get("missing_count", ()))))
    double = np.asarray(detection.get("double_at", ())).size
    late = np.asarray(detection.get("late_at", ())).size
    said = f"{missing} flips are missing and {double} are double"
    if late:
        said += f"; the light shows that {late} of the long intervals are late frames, which shift nothing"
    if detection.get("corrected"):
        said += "; frames were corrected"
    return Light(
        "light.lost", above(missing + double, limits.lost_frames), float(missing + double), "flips", said
    )


def _rate(detection: Any, frames: NDArray[np.int64], rate: float, limits: HealthLimits) -> Light:
    hz = float(detection.get("rate_hz", np.nan))
    if not np.isfinite(hz):
        if frames.size < 2:
            return grey("light.rate", "Hz", "There are fewer than two display frames.")
        hz = rate / float(np.median(np.diff(frames)))
    low, high = limits.display_rate_hz
    jitter = detection.get("jitter_ms")
    said = "Display frames per second" + (
        "" if jitter is None else f", with a jitter of {float(jitter):.2g} ms"
    )
    if not low <= hz <= high:
        said += f"; usual are {low:g} to {high:g}"
    return Light("light.rate", "green" if low <= hz <= high else "amber", hz, "Hz", said)


def _range(session: PipelineSession, limits: HealthLimits) -> Light:
    name, unit = "light.range", "counts"
    system = session.metadata.get("sys_meta", {})
    reference = session.stimulus.get("light_reference", {})
    if "raw_ch1" not in reference:
        return grey(name, unit, "There is no light channel.")
    if system.get("light_channel") == system.get("sync_channel", -1):
        return grey(name, unit, "The only analog channel is that of the display flips.")
    pieces = _pieces_of(reference["raw_ch1"])
    if not pieces.size:
        return grey(name, unit, "The light channel does not contain recorded samples.")
    means = np.asarray(reference.get("1khz_ch1", reference["raw_ch1"]))
    means = means[np.isfinite(means)]
    low, high = np.quantile(means if means.size else pieces, (0.001, 0.999))
    span = float(high - low)
    if span <= 0:
        return Light(name, "red", 0.0, unit, "The light channel is constant")
    noise = 1.4826 * float(np.median(np.abs(np.diff(pieces, axis=1)))) / np.sqrt(2)
    said = f"The light channel covers {low:.0f} to {high:.0f} counts"
    if noise <= 0:
        return Light(name, "green", span, unit, f"{said}; its noise is less than a count")
    colour = below(span / noise, limits.light_range)
    said += f", {span / noise:.0f} times its noise"
    clipped = float(np.mean(pieces == pieces.max()))
    if clipped > _CLIPPED_PART:
        colour = worst(colour, "amber")
        said += f"; it is clipped at its largest value for {100 * clipped:.0f} % of the time"
    return Light(name, colour, span, unit, said)


def _pieces_of(light: Any) -> NDArray[np.float64]:
    """Short pieces from all over the channel, (pieces, samples), without those with unrecorded samples."""
    n = len(light)
    size = min(_PIECE, n)
    if size < 2:
        return np.empty((0, 2))
    starts = np.unique(np.linspace(0, n - size, _PIECES).astype(np.int64))
    pieces = np.array([np.asarray(light[start : start + size]) for start in starts.tolist()], np.float64)
    recorded: NDArray[np.float64] = pieces[np.isfinite(pieces).all(axis=1)]
    return recorded


# -- alignment ---------------------------------------------------------------------------------------------


def alignment_lights(session: PipelineSession, reason: str) -> list[Light]:
    """Return the light of the worst movie that the light channel can check, and one of each such movie.

    Parameters
    ----------
    session
        With section times, if they could be told.
    reason
        Why there are none.
    """
    sections = session.stimulus.get("section_time") or {}
    checked = {
        movie: showings for movie, section in sections.items() if (showings := _showings(section)) is not None
    }
    if not checked:
        told = any("alignment" in getattr(section, "attrs", {}) for section in sections.values())
        foreign = sections and not told
        why = reason or (
            "The section times of this file were not compared with the light."
            if foreign
            else "The light cannot tell of any movie whether it was shown as stated."
        )
        return [grey("alignment", "r", why)]
    lags = {
        lag for showings in checked.values() for state, lag, *_ in showings if state in ("checked", "lag")
    }
    step = session.steps.get("add_section_time")
    latency = step.params.get("display_latency_frames") if step is not None else None
    lights = [_of_movie(movie, showings, lags, latency) for movie, showings in checked.items()]
    order = {"red": 2, "amber": 1, "green": 0}
    bad = max(lights, key=lambda light: (order[light.light], -abs(light.value or 0.0)))
    more = f"{len(lights)} of {len(sections)} movies can be checked"
    first = Light("alignment", bad.light, bad.value, bad.unit, f"{bad.sentence} {more}")
    return [first, *lights]


_Showing = tuple[str, int, float, str, bool]


def _showings(section: Any) -> list[_Showing] | None:
    """State, lag, r, cause and whether it was shifted, of the showings that can be checked; None of none."""
    attrs = getattr(section, "attrs", {})
    states = [str(state) for state in np.atleast_1d(np.asarray(attrs.get("alignment", ()), object))]
    lags, values = (np.atleast_1d(attrs.get(f"alignment_{name}", ())) for name in ("lag", "r"))
    marks = [str(mark) for mark in np.atleast_1d(np.asarray(attrs.get("marks", ()), object))]
    shifted = attrs.get("aligned_by") == "light"
    found = []
    for index, state in enumerate(states):
        if state == "not checkable":
            continue
        own = json.loads(marks[index]) if index < len(marks) else []
        cause = next((mark["cause"] for mark in own if mark["mark"] == "not aligned"), "")
        found.append((state, int(lags[index]), float(values[index]), cause, shifted))
    return found or None


def _of_movie(movie: str, showings: Sequence[_Showing], lags: set[int], latency: int | None) -> Light:
    """Judge a movie by its worst showing."""
    judged = [(_colour(state, lag, lags, latency, shifted), r, index)
              for index, (state, lag, r, _, shifted) in enumerate(showings)]  # fmt: skip
    order = {"red": 2, "amber": 1, "green": 0, "grey": 0}
    colour, r, index = max(judged, key=lambda each: (order[each[0]], -abs(np.nan_to_num(each[1]))))
    state, lag, _, cause, shifted = showings[index]
    label = movie if len(showings) == 1 else f"{movie}, showing {index + 1} of {len(showings)}"
    what = {
        "checked": "the light is that of the movie, frame by frame",
        "lag": f"the light fits {abs(lag)} frames {'later' if lag > 0 else 'earlier'} than counted",
        "elsewhere": f"the light fits {abs(lag)} frames {'later' if lag > 0 else 'earlier'} than counted",
        "other movie": cause or "the light is that of another movie",
    }[state]
    if state == "lag" and shifted:
        what += ", and the section was shifted by that"
    elif state == "lag" and lag == latency:
        what += ", as is known of this display"
    elif state == "lag" and len(lags) == 1:
        what += ", as for all movies: display latency, or frames counted wrongly at the start"
    value = float(r) if np.isfinite(r) else 0.0
    return Light(f"alignment.{movie}", colour, value, "r", f"{label}: {what} (r = {value:.3f})")


def _colour(state: str, lag: int, lags: set[int], latency: int | None, shifted: bool) -> Colour:
    if state == "checked" or (state == "lag" and (shifted or lag == latency)):
        return "green"
    return "amber" if state == "lag" and len(lags) == 1 else "red"


# -- noise -------------------------------------------------------------------------------------------------


def noise_movie(session: PipelineSession) -> str | None:
    """Return the noise movie with the longest section, None without one."""
    sections = session.stimulus.get("section_time") or {}
    noise = [movie for movie in sections if "noise" in movie.lower()]
    return max(noise, key=lambda movie: int(np.diff(np.asarray(sections[movie])[0])[0]), default=None)


def noise_range(session: PipelineSession) -> tuple[int, int] | None:
    """Return first and last + 1 sample of the first showing of the noise movie, None without one."""
    movie = noise_movie(session)
    if movie is None:
        return None
    section = session.stimulus["section_time"][movie]
    frames = np.asarray(session.metadata["frame_timestamps"]).astype(np.int64)
    attrs = getattr(section, "attrs", {})
    content = np.atleast_1d(np.asarray(attrs.get("content_frame", ())))
    length = attrs.get("movie_length")
    if not content.size or length is None or int(content[0]) >= frames.size:
        return None
    return int(frames[content[0]]), int(frames[min(int(content[0]) + int(length), frames.size - 1)])


def noise_sta_light(
    session: PipelineSession,
    trains: Sequence[ArrayLike],
    what: str,
    limits: HealthLimits,
    *,
    reason: str = "",
    seconds: float | None = None,
    workers: int = 1,
    report: Callable[[float, str], None],
) -> Light:
    """Judge in how many units the spike-triggered average of the noise movie stands out of chance.

    Parameters
    ----------
    session
        With section times.
    trains
        Spikes of units, or threshold crossings of electrodes during the noise movie.
    what
        ``"units"`` or ``"electrodes"``.
    limits
        Limits of the lights.
    reason
        Why there are no trains.
    seconds
        Only the first so many seconds of the movie; None: all showings.
    workers
        Threads.
    report
        Called with the fraction done and a text; may raise to stop.
    """
    name = "noise_sta"
    movie = noise_movie(session)
    if movie is None:
        stated = bool(session.stimulus.get("section_time"))
        why = "No noise movie was shown." if stated else reason or "It is not known what was shown."
        return grey(name, what, why)
    if not len(trains):
        return grey(name, what, reason or f"There are no {what}.")
    try:
        frames = open_movie(StimulusLibrary.for_recording(session.source_files).movie_path(movie))
        return _sta(session, movie, frames, trains, what, limits, seconds, workers, report)
    except FileNotFoundError:
        return grey(name, what, f"The movie {movie}.npy was not found.")
    except StepCancelled:
        raise
    except (HDMEAError, OSError) as error:
        said = error.message if isinstance(error, HDMEAError) else str(error)
        return grey(name, what, f"It cannot be tested: {said}")


def _sta(
    session: PipelineSession,
    movie: str,
    images: NDArray[Any],
    trains: Sequence[ArrayLike],
    what: str,
    limits: HealthLimits,
    seconds: float | None,
    workers: int,
    report: Callable[[float, str], None],
) -> Light:
    from hdmea.features.science.noise_showing import shown_counts
    from hdmea.features.science.receptive_field_significance import TOO_SHORT, receptive_field_significance

    stamps = np.asarray(session.metadata["frame_timestamps"]).astype(np.int64)
    hz = session.acquisition_rate / float(np.median(np.diff(stamps)))
    most = max(_MOST_PIXELS // max(int(np.prod(images.shape[1:])), 1), 10)
    if len(trains) > most:
        # Evenly over the list, which the sorter fills from one side of the chip to the other.
        trains = [trains[index] for index in np.linspace(0, len(trains) - 1, most).astype(int).tolist()]
    section = session.stimulus["section_time"][movie]
    showings = "all" if seconds is None else "first"
    exposure, counts = shown_counts(trains, session.metadata, section, len(images), showings)
    n = int(np.count_nonzero(exposure == exposure.max(initial=0)))
    if seconds is not None:
        n = min(n, int(seconds * hz))
    window = round(_WINDOW_S * hz)
    if n <= window:
        return grey("noise_sta", what, f"{TOO_SHORT[0].upper()}{TOO_SHORT[1:]}.")
    found = receptive_field_significance(
        images[:n],
        counts[:, :n],
        (-window, 0),
        min_shift=max(round(_MIN_SHIFT_S * hz), window),
        maps=False,
        workers=workers,
        progress=lambda part: report(part, "noise movie"),
    )
    if not found.method:
        return grey("noise_sta", what, f"{TOO_SHORT[0].upper()}{TOO_SHORT[1:]}.")
    with np.errstate(invalid="ignore"):
        visible = int(np.count_nonzero(found.p <= _ALPHA))
    return Light(
        "noise_sta",
        below(100.0 * visible / len(trains), limits.sta_percent),
        float(visible),
        what,
        f"A receptive field is visible in {visible} of {len(trains)} {what} after {n / hz:.0f} s of {movie} "
        f"(p ≤ {_ALPHA:g} each)",
    )
