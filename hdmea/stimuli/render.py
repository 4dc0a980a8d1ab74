"""Movies made from their definition: what is shown at the rig and what is analysed come from one place.

A definition says with further keys how its events look: ``background`` (0 to 255; by default 127, for steps
of light and for bars 0) and ``frame_size`` (height, width in pixels) of the movie; of events ``level`` (0 to
255) of ``constant``, ``light_step``, ``sweep`` and ``spot``, ``contrast`` of ``sine`` and ``grating``,
``width_px`` and ``travel_px`` of ``sweep``, ``seed`` of ``noise``. Frequencies count display frames, at 60
frames/s.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hdmea.stimuli.definition import StimulusDefinition, StimulusEvent
from hdmea.utils.cache_folder import cache_folder
from hdmea.utils.exceptions import ConfigurationError
from hdmea.utils.fixes import Advice
from hdmea.utils.whole_file import whole_file

__all__ = [
    "can_be_rendered",
    "has_seed",
    "movie_length_of",
    "render_trial",
    "rendered_levels",
    "rendered_movie",
    "write_movie",
]

REFRESH_HZ = 60.0
"""Display frames per second to which frequencies of definitions refer."""
_GREY = 127
_DARK_KINDS = {"step", "green_blue", "moving_bar"}
_KNOWN = {
    "blank",
    "constant",
    "contrast_ramp",
    "contrast_step",
    "event",
    "frequency_ramp",
    "grating",
    "light_step",
    "noise",
    "sine",
    "spot",
    "sweep",
}
_SIZE = (15, 15)
_PREVIEW_PX = 48

Frames = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float64]


def can_be_rendered(definition: StimulusDefinition) -> bool:
    """Return whether a movie can be made from a definition: it says what all events look like."""
    return bool(definition.events) and all(
        event.type in _KNOWN and (event.type != "noise" or _extra(event, "seed") is not None)
        for event in definition.events
    )


def has_seed(definition: StimulusDefinition) -> bool:
    """Return whether a movie is noise whose images follow from a seed, so that no file is needed."""
    noise = definition.events_of_type("noise")
    return bool(noise) and all(_extra(event, "seed") is not None for event in noise)


def movie_length_of(definition: StimulusDefinition) -> int:
    """Return the frames of the movie: as stated, else up to the end of the last trial."""
    return definition.movie_length or definition.section_kwargs.end_frame


def render_trial(definition: StimulusDefinition, size: tuple[int, int] | None = None) -> Frames:
    """Return the frames of one trial.

    Parameters
    ----------
    definition
        What happens in a trial.
    size
        Height and width in pixels; None: as the definition says.

    Returns
    -------
    ndarray
        uint8 (trial_length_frame, height, width).

    Raises
    ------
    ConfigurationError
        If an event does not say what it looks like.
    """
    height, width = size or _frame_size(definition)
    background = _background(definition)
    n_frames = definition.section_kwargs.trial_length_frame
    trial = np.full((n_frames, height, width), round(background), np.uint8)
    for event in definition.events:
        if event.type not in _KNOWN:
            raise ConfigurationError(
                f"An event of type {event.type} does not say what it looks like.",
                fix=Advice("Save the movie as a .npy file."),
            )
        trial[event.start_frame : event.end_frame] = _event(event, background, height, width)
    return trial


def rendered_levels(definition: StimulusDefinition) -> FloatArray:
    """Return the mean level of each frame of the whole movie, float64 (n_frames,), 0 to 1.

    Large frames are made smaller for this: in gratings that changes which part of a period is seen.
    """
    height, width = _frame_size(definition)
    size = (min(height, _PREVIEW_PX), min(width, _PREVIEW_PX))
    trial = render_trial(definition, size).mean(axis=(1, 2), dtype=np.float64) / 255
    levels = np.full(movie_length_of(definition), round(_background(definition)) / 255)
    for start in _trial_starts(definition):
        shown = min(trial.size, levels.size - start)
        if shown > 0:
            levels[start : start + shown] = trial[:shown]
    return levels


def write_movie(definition: StimulusDefinition, path: str | Path) -> Path:
    """Write the movie of a definition as ``.npy``, (frames, height, width) of uint8; return the file.

    Raises
    ------
    ConfigurationError
        If an event does not say what it looks like.
    OSError
        If it cannot be written; what was there before is still there.
    """
    target = Path(path)
    trial = render_trial(definition)
    length = movie_length_of(definition)
    header = {"descr": "|u1", "fortran_order": False, "shape": (length, *trial.shape[1:])}
    rest = np.full((1, *trial.shape[1:]), round(_background(definition)), np.uint8)
    with whole_file(target) as file:
        np.lib.format.write_array_header_1_0(file, header)
        written = 0
        for start in _trial_starts(definition):
            for _ in range(written, min(start, length)):
                file.write(rest.tobytes())
            shown = max(min(len(trial), length - start), 0)
            file.write(trial[:shown].tobytes())
            written = start + shown
        for _ in range(written, length):
            file.write(rest.tobytes())
    return target


def rendered_movie(definition: StimulusDefinition) -> Path:
    """Return the movie of a definition as a file of the cache, which is made if it does not exist."""
    text = definition.model_dump_json(exclude_none=True)
    path = cache_folder("rendered_movies") / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.npy"
    return path if path.is_file() else write_movie(definition, path)


def _extra(item: StimulusEvent | StimulusDefinition, key: str) -> Any:
    return getattr(item, key, None)


def _number(event: StimulusEvent, key: str, default: float | None = None) -> float:
    value = _extra(event, key)
    if value is None and default is not None:
        return default
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ConfigurationError(
            f"An event of type {event.type} does not state {key!r} as a number.",
            fix=Advice("Correct the stimulus definition."),
        )
    return float(value)


def _frame_size(definition: StimulusDefinition) -> tuple[int, int]:
    stated = _extra(definition, "frame_size")
    noise = definition.events_of_type("noise")
    if stated is None and noise:
        stated = (_extra(noise[0], "height") or _SIZE[0], _extra(noise[0], "width") or _SIZE[1])
    try:
        height, width = (int(edge) for edge in stated or _SIZE)
    except (TypeError, ValueError):
        height = width = 0
    if min(height, width) < 1:
        raise ConfigurationError(
            f"frame_size must be height and width in pixels, not {stated!r}.",
            fix=Advice("Correct the stimulus definition."),
        )
    return height, width


def _background(definition: StimulusDefinition) -> float:
    stated = _extra(definition, "background")
    if isinstance(stated, (int, float)) and not isinstance(stated, bool):
        return float(min(max(stated, 0), 255))
    return 0.0 if definition.kind in _DARK_KINDS else float(_GREY)


def _trial_starts(definition: StimulusDefinition) -> Iterator[int]:
    layout = definition.section_kwargs
    for number in range(layout.n_trials):
        yield (
            layout.start_frame
            + number * layout.trial_length_frame
            + (number // layout.repeat) * layout.group_gap
        )


def _event(event: StimulusEvent, background: float, height: int, width: int) -> Frames:
    """Return the frames of an event; of full fields (frames, 1, 1)."""
    n_frames = event.end_frame - event.start_frame
    seconds = (np.arange(n_frames) + 0.5) / REFRESH_HZ
    match event.type:
        case "constant" | "light_step":
            return _full(np.full(n_frames, _number(event, "level", 255.0)))
        case "contrast_step":
            return _full(np.full(n_frames, 127.5 * (1 + _number(event, "contrast"))))
        case "sine":
            phase = 2 * np.pi * _number(event, "frequency_hz") * seconds
            return _full(127.5 * (1 + _number(event, "contrast", 1.0) * np.sin(phase)))
        case "frequency_ramp":
            low, high = _number(event, "start_frequency_hz"), _number(event, "end_frequency_hz")
            phase = 2 * np.pi * (low * seconds + (high - low) * seconds**2 * REFRESH_HZ / (2 * n_frames))
            return _full(127.5 * (1 + _number(event, "contrast", 1.0) * np.sin(phase)))
        case "contrast_ramp":
            low, high = _number(event, "start_contrast"), _number(event, "end_contrast")
            contrast = low + (high - low) * seconds * REFRESH_HZ / n_frames
            return _full(
                127.5 * (1 + contrast * np.sin(2 * np.pi * _number(event, "frequency_hz") * seconds))
            )
        case "sweep":
            return _bar(event, background, height, width)
        case "grating":
            return _grating(event, height, width)
        case "spot":
            return _spot(event, background, height, width)
        case "noise":
            return _noise(event, height, width)
        case _:
            return _full(np.full(n_frames, background))


def _full(levels: FloatArray) -> Frames:
    return np.rint(np.clip(levels, 0, 255)).astype(np.uint8)[:, None, None]


def _along(direction_deg: float, height: int, width: int) -> FloatArray:
    """Return where each pixel is along a direction, in pixels from the centre; 90° is up, to smaller rows."""
    rows, columns = np.mgrid[:height, :width].astype(np.float64)
    angle = np.deg2rad(direction_deg)
    right, up = columns - (width - 1) / 2, (height - 1) / 2 - rows
    distance: FloatArray = right * np.cos(angle) + up * np.sin(angle)
    return distance


def _bar(event: StimulusEvent, background: float, height: int, width: int) -> Frames:
    n_frames = event.end_frame - event.start_frame
    bar = _number(event, "width_px", max(height, width) / 5)
    travel = _number(event, "travel_px", float(np.hypot(height, width)) + bar)
    level = _number(event, "level", 255.0)
    along = _along(_number(event, "direction_deg"), height, width)
    position = np.arange(n_frames) * (travel / n_frames) - travel / 2
    coverage = np.clip(bar / 2 + 0.5 - np.abs(along[None] - position[:, None, None]), 0.0, 1.0)
    return np.rint(background + (level - background) * coverage).astype(np.uint8)


def _grating(event: StimulusEvent, height: int, width: int) -> Frames:
    seconds = (np.arange(event.end_frame - event.start_frame) + 0.5) / REFRESH_HZ
    along = _along(_number(event, "direction_deg"), height, width)
    cycles = _number(event, "spatial_frequency") * along[None]
    cycles = cycles - _number(event, "temporal_frequency_hz") * seconds[:, None, None]
    contrast = _number(event, "contrast", 1.0)
    return np.rint(127.5 * (1 + contrast * np.sin(2 * np.pi * cycles))).astype(np.uint8)


def _spot(event: StimulusEvent, background: float, height: int, width: int) -> Frames:
    rows, columns = np.mgrid[:height, :width].astype(np.float64)
    away = np.hypot(rows - (height - 1) / 2, columns - (width - 1) / 2)
    coverage = np.clip(_number(event, "diameter") / 2 + 0.5 - away, 0.0, 1.0)
    level = _number(event, "level", 255.0)
    image = np.rint(background + (level - background) * coverage).astype(np.uint8)
    return np.broadcast_to(image, (event.end_frame - event.start_frame, height, width))


def _noise(event: StimulusEvent, height: int, width: int) -> Frames:
    """Return checkers that are white half of the time, each in an order of its own (Generator.permuted)."""
    seed = _number(event, "seed")
    n_frames, hold = event.end_frame - event.start_frame, event.frames_per_image or 1
    patterns = -(-n_frames // hold)
    half = np.zeros((patterns, height * width), np.uint8)
    half[: patterns // 2] = 255
    shuffled = np.random.default_rng(int(seed)).permuted(half, axis=0)
    return np.repeat(shuffled, hold, axis=0)[:n_frames].reshape(-1, height, width)
