"""Responses to stimuli that are shown at several levels: contrasts, sizes, gratings.

The level is a key of each event of the stimulus definition, such as ``"contrast": 0.5``. A response is the
mean rate during the event minus the mean rate of the frames in which nothing is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hdmea.features.science.trial_rates import TrialRates
from hdmea.stimuli.definition import StimulusEvent
from hdmea.utils.exceptions import FeatureExtractionError
from hdmea.utils.fixes import Advice

__all__ = ["LevelResponses", "blank_frames", "event_number", "half_level", "level_responses"]

_AFTER_S = 0.5
_MIN_BLANK_S = 0.5

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LevelResponses:
    """Responses of several units.

    Attributes
    ----------
    levels
        (levels,) ascending.
    trials
        (units, repetitions, levels) evoked rates, Hz.
    blank
        (units,) mean rate without a stimulus, Hz.
    """

    levels: Floats
    trials: Floats
    blank: Floats

    @property
    def mean(self) -> Floats:
        """(units, levels) mean over repetitions."""
        return np.asarray(self.trials.mean(axis=1))

    @property
    def sem(self) -> Floats:
        """(units, levels) standard error of that mean; NaN below two repetitions."""
        n = self.trials.shape[1]
        if n < 2:
            return np.full(self.mean.shape, np.nan)
        return np.asarray(self.trials.std(axis=1, ddof=1) / np.sqrt(n))


def event_number(event: StimulusEvent, key: str) -> float:
    """Return a number that an event states.

    Raises
    ------
    FeatureExtractionError
        If the event does not have it.
    """
    value = getattr(event, key, None)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise FeatureExtractionError(
            f"An event of the type {event.type!r} does not state {key!r} as a number.",
            fix=Advice("Correct the stimulus definition, and cut the trials again."),
        )
    return float(value)


def blank_frames(n_frames: int, events: Sequence[StimulusEvent], frame_duration: float) -> NDArray[np.bool_]:
    """Frames of a trial in which nothing is shown, without the half second after each event.

    Parameters
    ----------
    n_frames
        Frames of a trial.
    events
        What is shown; events of the type ``blank`` are not.
    frame_duration
        Seconds.

    Raises
    ------
    FeatureExtractionError
        If less than half a second is left.
    """
    blank = np.ones(n_frames, np.bool_)
    after = round(_AFTER_S / frame_duration)
    for event in events:
        if event.type != "blank":
            blank[event.start_frame : event.end_frame + after] = False
    if blank.sum() * frame_duration < _MIN_BLANK_S:
        raise FeatureExtractionError(
            "The trials have less than half a second without a stimulus.",
            fix=Advice(
                "Leave pauses of a second between the stimuli, or add events of the type 'blank' to the "
                "stimulus definition."
            ),
        )
    return blank


def level_responses(
    rates: TrialRates, events: Sequence[StimulusEvent], key: str, blank: NDArray[np.bool_]
) -> LevelResponses:
    """Measure the response to each level.

    Parameters
    ----------
    rates
        Trial rates of all units.
    events
        Events that state the level; each level equally often.
    key
        Name of the level in the events.
    blank
        (frames,) whether nothing is shown.

    Raises
    ------
    FeatureExtractionError
        If levels were not shown equally often, or are not stated.
    """
    shown = np.array([event_number(event, key) for event in events])
    levels, times = np.unique(shown, return_counts=True)
    if (times != times[0]).any():
        raise FeatureExtractionError(
            f"The stimuli of different {key} were not shown equally often.",
            fix=Advice("Correct the stimulus definition, and cut the trials again."),
        )
    trial_rates = np.asarray(rates.rates, np.float64)
    without = trial_rates[:, :, blank].mean(axis=(1, 2))
    found = []
    for level in levels:
        events_of_it = [event for event, value in zip(events, shown, strict=True) if value == level]
        cuts = [trial_rates[:, :, e.start_frame : e.end_frame].mean(axis=-1) for e in events_of_it]
        own = np.stack(cuts, axis=2)
        found.append(own.reshape(len(own), own.shape[1] * own.shape[2]))
    return LevelResponses(levels, np.stack(found, axis=2) - without[:, None, None], without)


def half_level(levels: Floats, responses: Floats) -> Floats:
    """Level at which each unit's response reaches half of its largest, interpolated linearly from 0 on.

    Parameters
    ----------
    levels
        (levels,) ascending, positive.
    responses
        (units, levels).

    Returns
    -------
    numpy.ndarray
        float64 (units,); NaN where the largest response is not positive.
    """
    x = np.concatenate(([0.0], levels))
    found = np.full(len(responses), np.nan)
    for unit, row in enumerate(responses):
        y = np.concatenate(([0.0], row))
        half = 0.5 * y.max()
        if half > 0:
            at = int((y >= half).argmax())
            found[unit] = x[at - 1] + (half - y[at - 1]) / (y[at] - y[at - 1]) * (x[at] - x[at - 1])
    return found
