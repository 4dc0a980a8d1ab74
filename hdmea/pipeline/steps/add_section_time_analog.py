"""The step that finds sections by light steps which no display frame tells of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from hdmea.declare import StepParams, step
from hdmea.pipeline.context import StepContext, StepRun
from hdmea.pipeline.session import PipelineSession
from hdmea.stimuli.analog import analog_sections, light_onsets
from hdmea.stimuli.light import light_template
from hdmea.utils.arrays import AttrArray
from hdmea.utils.exceptions import ConfigurationError, MissingInputError, ValidationError
from hdmea.utils.fixes import Advice, SetParameter

__all__ = ["AnalogSectionParams", "add_section_time_analog"]

_MIN_DISTANCE = 0.8
_MOST_ONSETS = 10_000


class AnalogSectionParams(StepParams):
    """Parameters of `add_section_time_analog`."""

    threshold_value: float = Field(
        ...,
        gt=0,
        title="Threshold",
        description="Smallest step of the light signal from one sample to the next that is an onset.",
        json_schema_extra={"unit": "counts"},
    )
    movie_name: str = Field(
        "iprgc_test", min_length=1, title="Name", description="Name that the sections get."
    )
    plot_duration: float = Field(
        120.0,
        gt=0,
        title="Duration",
        description="Length of each section.",
        json_schema_extra={"unit": "s"},
    )
    repeat: int | None = Field(
        None, ge=1, title="Repeats", description="How many onsets are used, from the first; by default all."
    )
    after_frames: bool = Field(
        True,
        title="After the frames",
        description="Search after the last display frame only.",
        json_schema_extra={"advanced": True},
    )
    min_distance_s: float | None = Field(
        None,
        ge=0,
        title="Least distance",
        description="Of onsets that are closer to each other the larger step counts; by default 0.8 of the "
        "duration.",
        json_schema_extra={"unit": "s", "advanced": True},
    )


def _items(session: PipelineSession, params: AnalogSectionParams) -> Sequence[str]:
    return (params.movie_name,)


def _result(run: StepRun) -> bool:
    return run.params.movie_name in run.session.stimulus.get("section_time", {})


@step(
    "add_section_time_analog",
    title="Section times from the light signal",
    params=AnalogSectionParams,
    requires=("light",),
    provides=("stimulus/section_time", "stimulus/light_template"),
    version="1",
    positional=("threshold_value",),
    selectors=("movie_name",),
    items=_items,
    on_calls={"after_frames": False, "min_distance_s": 0.0},
    refusals=(ConfigurationError, MissingInputError),
    result=_result,
)
def add_section_time_analog(session: PipelineSession, params: AnalogSectionParams, ctx: StepContext) -> None:
    """Find sections by the steps of the light signal.

    Onsets are local maxima of the difference of `raw_ch1`; each section lasts `plot_duration` and is one
    trial. Existing sections stay.

    On a file: True when the sections are in place. A call without ``strict=True`` logs what follows as a
    warning, and returns False or the session as it was.

    Raises
    ------
    MissingInputError
        If there is no light signal, or no step of that size in the part that is searched.
    ValidationError
        If a movie of the playlist has the same name, or there are more than 10 000 onsets.
    """
    light = np.asarray(
        session.require(
            "stimulus",
            "light_reference",
            "raw_ch1",
            message="The recording has no light signal.",
            fix=Advice("Load the recording with a .cmcr file that has analog channels."),
        )
    )
    _refuse_name_of_playlist(session, params.movie_name)
    rate = session.acquisition_rate
    segments = session.metadata.get("segments")
    frames = session.metadata.get("frame_timestamps")
    first = int(frames[-1]) + 1 if params.after_frames and frames is not None and len(frames) else 0
    duration = round(params.plot_duration * rate)
    apart = _MIN_DISTANCE * params.plot_duration if params.min_distance_s is None else params.min_distance_s
    ctx.checkpoint(0.1, "searching the light signal")
    onsets = light_onsets(light, segments, params.threshold_value, apart * rate, first)
    if onsets.samples.size == 0:
        raise MissingInputError(
            f"The light signal has no step of {params.threshold_value:g} from {first / rate:.1f} s on; the "
            f"largest is {onsets.largest_step:.6g}.",
            parameter="threshold_value",
            fix=SetParameter("threshold_value"),
        )
    if onsets.samples.size > _MOST_ONSETS:
        raise ValidationError(
            f"The light signal has {onsets.samples.size} steps of {params.threshold_value:g} or more; more "
            f"than {_MOST_ONSETS} are noise.",
            parameter="threshold_value",
            fix=SetParameter("threshold_value"),
        )
    used = onsets.samples[: params.repeat]
    if params.repeat is not None and used.size < params.repeat:
        ctx.warn(f"{params.movie_name}: {used.size} light onsets were found, {params.repeat} were expected.")
    sections = analog_sections(used, duration, segments, light.size)
    clipped = int(np.count_nonzero(sections[:, 1] - sections[:, 0] < duration))
    if clipped:
        ctx.warn(f"{params.movie_name}: the recording ends within {clipped} sections; they are shorter.")
    attrs = {
        "source": "light steps of raw_ch1",
        "trials": "samples",
        "threshold_value": params.threshold_value,
        "plot_duration": params.plot_duration,
    }
    ctx.put(AttrArray(sections, attrs), "stimulus", "section_time", params.movie_name)
    ctx.checkpoint(0.7, "averaging the light signal")
    ctx.put(light_template(light, sections), "stimulus", "light_template", params.movie_name)


def _refuse_name_of_playlist(session: PipelineSession, movie: str) -> None:
    present = session.stimulus.get("section_time", {}).get(movie)
    if present is not None and getattr(present, "attrs", {}).get("trials") != "samples":
        raise ValidationError(
            f"A movie of the playlist is called {movie}.",
            parameter="movie_name",
            fix=SetParameter("movie_name"),
        )
