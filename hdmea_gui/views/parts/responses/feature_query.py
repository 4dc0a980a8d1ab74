"""What features say about the response to one movie, as the views draw it; made on the worker thread."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hdmea_gui.text.formats import p_text
from hdmea_gui.views.parts.shared_query import Fact

if TYPE_CHECKING:
    from hdmea.analysis.marked_response import MarkedResponse
    from hdmea.analysis.polar import PolarCurve
    from hdmea.pipeline.session import PipelineSession

from hdmea.utils.text_files import stored_dict

__all__ = [
    "FrequencyTuning",
    "PhaseFacts",
    "StepMarks",
    "Tuning",
    "feature_of",
    "frequency_tunings",
    "number_text",
    "step_marks",
    "tunings",
]

_ALPHA = 0.05
_FEATURES = {"moving_bar": "moving_bar", "freq_step": "chirp", "step": "on_off", "green_blue": "green_blue"}
_PHASES = {
    "on": "Light on",
    "off": "Light off",
    "green_on": "Green on",
    "green_off": "Green off",
    "blue_on": "Blue on",
    "blue_off": "Blue off",
}
_STEP_NUMBERS = {
    "on_off": ("on_off_index", "on_transience", "off_transience", "quality_index", "quality_p"),
    "green_blue": (
        *("chromatic_index_on", "chromatic_index_off", "color_opponent"),
        *("quality_index", "quality_p"),
    ),
}
_LABELS = {
    "on_off_index": "ON–OFF index",
    "on_transience": "ON transience",
    "off_transience": "OFF transience",
    "chromatic_index_on": "Chromatic index, on",
    "chromatic_index_off": "Chromatic index, off",
    "color_opponent": "Colour opponent",
    "quality_index": "Quality index",
    "quality_p": "p of the quality index",
    "preferred_frequency": "Preferred",
    "cutoff_frequency": "Cut-off",
}
MISSING = "–"


@dataclass(frozen=True)
class Tuning:
    """Direction tuning of one unit: mean spikes per sweep and their standard error in polar form.

    `directions_deg`, `response` and `error` are the same as numbers.
    """

    unit_id: str
    curve: PolarCurve
    preferred_deg: float
    facts: tuple[Fact, ...]
    directions_deg: NDArray[np.float64]
    response: NDArray[np.float64]
    error: NDArray[np.float64]


@dataclass(frozen=True)
class FrequencyTuning:
    """Response of one unit to sines of several frequencies, in ascending order; rates in Hz.

    Attributes
    ----------
    unit_id
        Whose it is.
    frequencies
        Of the sines, Hz.
    amplitude, low, high
        Amplitude of the sine in the rate, and the ends of its bootstrap interval.
    p
        Of each amplitude (F test).
    f2
        Amplitude at twice the frequency.
    preferred_hz, cutoff_hz
        NaN where there is none.
    alpha
        Largest p value of a significant amplitude.
    facts
        Numbers to read.
    """

    unit_id: str
    frequencies: NDArray[np.float64]
    amplitude: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    p: NDArray[np.float64]
    f2: NDArray[np.float64]
    preferred_hz: float
    cutoff_hz: float
    alpha: float
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class PhaseFacts:
    """Numbers of one change of the light: transient, sustained part, latency."""

    title: str
    responds: bool
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class StepMarks:
    """Response of one unit to light steps: marks on its rate, the numbers of each phase, and indices."""

    unit_id: str
    response: MarkedResponse
    phases: tuple[PhaseFacts, ...]
    facts: tuple[Fact, ...]


def feature_of(kind: str) -> str:
    """Return the feature that describes responses to this kind of stimulus; empty if there is none."""
    return _FEATURES.get(kind, "")


def tunings(session: PipelineSession, units: Mapping[str, Mapping[str, Any]], movie: str) -> list[Tuning]:
    """Return the direction tuning of those units for which it was extracted from this movie."""
    from hdmea.analysis.polar import polar_curve

    directions = session.stimulus.get("moving_bar_directions")
    found = []
    for unit_id, numbers, metadata in _extracted(units, "moving_bar", movie):
        if directions is None:
            continue
        response, error = (np.asarray(numbers[name], np.float64) for name in ("tuning_curve", "tuning_sem"))
        if np.isnan(response).all() and "tuning_curve_full_sweep" in numbers:
            response = np.asarray(numbers["tuning_curve_full_sweep"], np.float64)
        # A direction that is not significant is not drawn.
        significant = float(numbers.get("dsi_p", 0.0)) <= float(_params(metadata).get("angle_alpha", _ALPHA))
        preferred = float(numbers.get("preferred_direction", math.nan)) if significant else math.nan
        curve = polar_curve(directions, response, error)
        angles = np.asarray(directions, np.float64)
        facts = _tuning_facts(numbers, preferred, _definitions("moving_bar"))
        found.append(Tuning(unit_id, curve, preferred, facts, angles, response, error))
    return found


def frequency_tunings(
    session: PipelineSession, units: Mapping[str, Mapping[str, Any]], movie: str
) -> list[FrequencyTuning]:
    """Return the frequency response of those units for which it was extracted from this movie."""
    stored = session.stimulus.get("chirp_frequencies")
    if stored is None:
        return []
    frequencies = np.asarray(stored, np.float64)
    order = np.argsort(frequencies)
    helps = _definitions("chirp")
    found = []
    for unit_id, numbers, metadata in _extracted(units, "chirp", movie):
        names = ("amplitude", "amplitude_low", "amplitude_high", "amplitude_p", "f2")
        amplitude, low, high, p, f2 = (np.asarray(numbers[name], np.float64)[order] for name in names)
        found.append(
            FrequencyTuning(
                unit_id=unit_id,
                frequencies=frequencies[order],
                amplitude=amplitude,
                low=low,
                high=high,
                p=p,
                f2=f2,
                preferred_hz=float(numbers["preferred_frequency"]),
                cutoff_hz=float(numbers["cutoff_frequency"]),
                alpha=float(_params(metadata).get("alpha", 0.01)),
                facts=_frequency_facts(numbers, amplitude, p, helps),
            )
        )
    return found


def step_marks(
    session: PipelineSession, units: Mapping[str, Mapping[str, Any]], movie: str, feature: str
) -> list[StepMarks]:
    """Return the marked responses of those units for which the feature was extracted from this movie."""
    from hdmea.analysis.marked_response import marked_response
    from hdmea.declare import FEATURES, Recording

    helps = _definitions(feature)
    extractor = FEATURES.get(feature)
    found = []
    for unit_id, numbers, metadata in _extracted(units, feature, movie):
        alone = Recording({unit_id: units[unit_id]}, session.metadata, session.stimulus)
        params: Any = extractor.make_params(_params(metadata))
        response = marked_response(alone, feature, numbers, params, movie)
        phases = tuple(_phase(mark.name, mark.responds, numbers, helps) for mark in response.marks)
        facts = tuple(_fact(name, numbers, helps) for name in _STEP_NUMBERS[feature])
        found.append(StepMarks(unit_id, response, phases, facts))
    return found


def _extracted(
    units: Mapping[str, Mapping[str, Any]], feature: str, movie: str
) -> list[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """Return id, numbers and metadata of the units that have a feature of a movie."""
    from hdmea.declare import stored_as

    found = []
    for unit_id, unit in units.items():
        features = unit.get("features", {})
        entry = features.get(stored_as(features, feature))
        metadata = entry.get("metadata", {}) if entry else {}
        if entry and metadata.get("movie", movie) == movie:
            found.append((unit_id, entry["data"], metadata))
    return found


def _params(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return stored_dict(metadata.get("params", "{}")) or {}


def _definitions(feature: str) -> dict[str, str]:
    from hdmea.declare import FEATURES

    return {output.name: output.definition for output in FEATURES.get(feature).outputs}


def _fact(name: str, numbers: Mapping[str, Any], helps: Mapping[str, str]) -> Fact:
    value = numbers.get(name, math.nan)
    if isinstance(value, bool):
        text = "yes" if value else "no"
    else:
        text = number_text(float(value), ".2g" if name.endswith("_p") else ".2f")
    return Fact(_LABELS[name], text, helps.get(name, ""))


def number_text(value: float, style: str) -> str:
    """Return a number with the minus of a text, and no sign where it is rounded to zero."""
    if not np.isfinite(value):
        return MISSING
    text = format(value, style)
    return text.replace("-", "−") if float(text) else text.lstrip("+-")


def _phase(name: str, responds: bool, numbers: Mapping[str, Any], helps: Mapping[str, str]) -> PhaseFacts:
    facts = []
    for part, label, unit in (
        ("transient", "Transient", "Hz"),
        ("sustained", "Sustained", "Hz"),
        ("latency", "Latency", "ms"),
    ):
        value = float(numbers[f"{name}_{part}"])
        absent = not np.isfinite(value) or (part == "transient" and value == 0)
        text = MISSING if absent else f"{number_text(value, '.0f' if part == 'latency' else '+.1f')} {unit}"
        facts.append(Fact(label, text, helps.get(f"{name}_{part}", "")))
    return PhaseFacts(_PHASES.get(name, name), responds, tuple(facts))


def _frequency_facts(
    numbers: Mapping[str, Any],
    amplitude: NDArray[np.float64],
    p: NDArray[np.float64],
    helps: Mapping[str, str],
) -> tuple[Fact, ...]:
    facts = []
    for name in ("preferred_frequency", "cutoff_frequency"):
        value = float(numbers[name])
        text = f"{value:.3g} Hz" if np.isfinite(value) else MISSING
        facts.append(Fact(_LABELS[name], text, helps.get(name, "")))
    largest = float(p[int(np.argmax(np.nan_to_num(amplitude)))])
    text = p_text(largest) if np.isfinite(largest) else MISSING
    facts.append(Fact("p", text, f"p value of the largest amplitude: {helps.get('amplitude_p', '')}"))
    return tuple(facts)


def _tuning_facts(numbers: Mapping[str, Any], preferred: float, helps: Mapping[str, str]) -> tuple[Fact, ...]:
    facts = []
    for name in ("dsi", "osi"):
        value, p = (float(numbers.get(key, math.nan)) for key in (name, f"{name}_p"))
        text = f"{value:.2f} (p {p_text(p)})" if np.isfinite(value) else MISSING
        facts.append(Fact(name.upper(), text, f"{helps.get(name, '')}. {helps.get(f'{name}_p', '')}"))
    text = f"{preferred:.0f}°" if np.isfinite(preferred) else MISSING
    about = helps.get("preferred_direction", "")
    facts.append(Fact("Preferred", text, f"{about}; – where the DSI is not significant"))
    return tuple(facts)
