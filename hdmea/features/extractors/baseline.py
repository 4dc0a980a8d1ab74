"""Baseline: spontaneous rate, and what the whole spike train says about the unit's quality."""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hdmea.declare import FeatureParams, FeatureTable, Output, Recording, Requirement, extractor
from hdmea.features.science import spike_train
from hdmea.utils.giving_way import giving_way

__all__ = ["BaselineParams", "baseline"]


class BaselineParams(FeatureParams):
    """Parameters of the feature `baseline`."""

    section: str = Field(
        "baseline*",
        title="Baseline section",
        description="Movie whose sections are the baseline (* is anything); otherwise the whole recording.",
    )
    rate_bin_s: float = Field(1.0, gt=0, title="Bin of the rate", json_schema_extra={"unit": "s"})
    refractory_ms: float = Field(
        1.5,
        gt=0,
        title="Refractory period",
        description="Shorter intervals violate it.",
        json_schema_extra={"unit": "ms"},
    )
    min_intervals: int = Field(
        20,
        ge=2,
        title="Fewest intervals",
        description="Below it variation and median of the intervals are missing.",
    )
    presence_bin_s: float = Field(
        60.0, gt=0, title="Bin of the presence ratio", json_schema_extra={"unit": "s"}
    )


_OUTPUTS = (
    Output("baseline_rate", "Baseline rate", "Hz", (0, None), "spikes per second of the baseline section"),
    Output(
        "baseline_rate_sd",
        "SD of the baseline rate",
        "Hz",
        (0, None),
        "standard deviation (n − 1) of the rate in consecutive 1 s bins of the baseline section",
    ),
    Output("spike_count", "Spike count", "", (0, None), "spikes in the whole recording", dtype="int64"),
    Output(
        "cv_isi", "CV of ISI", "", (0, None), "standard deviation of the inter-spike intervals / their mean"
    ),
    Output(
        "lv",
        "Local variation (LV)",
        "",
        (0, 3),
        "local variation of consecutive intervals (Shinomoto et al. 2003)",
    ),
    Output("median_isi_ms", "Median ISI", "ms", (0, None), "median inter-spike interval"),
    Output(
        "isi_violation_fraction",
        "ISI violation fraction",
        "",
        (0, 1),
        "intervals below the refractory period / all intervals",
    ),
    Output(
        "isi_violation_ratio",
        "ISI violation ratio",
        "",
        (0, None),
        "rate of contaminating spikes that explains the violations / rate of the unit (Hill et al. 2011)",
    ),
    Output(
        "presence_ratio",
        "Presence ratio",
        "",
        (0, 1),
        "fraction of the recording's minutes that hold a spike",
    ),
    Output(
        "amplitude_cutoff",
        "Amplitude cut-off",
        "",
        (0, 0.5),
        "estimated share of all spikes that were too small to be detected (Hill et al. 2011)",
    ),
)


@dataclass(frozen=True, slots=True)
class _Span:
    """The baseline: where it is, and on which clock."""

    source: str
    ranges: NDArray[np.int64]
    on_recorded_time: bool


@extractor(
    name="baseline",
    aliases=("baseline_127",),
    title="Baseline and quality",
    version="2",
    params=BaselineParams,
    requires=(
        Requirement("metadata", "acquisition_rate", "load_recording"),
        Requirement("metadata", "recording_duration_s", "load_recording"),
    ),
    outputs=_OUTPUTS,
)
def baseline(recording: Recording, params: BaselineParams) -> FeatureTable:
    """Spontaneous rate in the baseline section (otherwise in the whole recording), and spike-train quality.

    Parts that were not recorded count neither as time nor as intervals.
    """
    table = FeatureTable(units={output.name: [] for output in _OUTPUTS})
    span = _baseline_span(recording, params)
    table.notes["baseline_source"] = span.source
    for (unit_id, unit), spikes in giving_way(
        zip(recording.units.items(), recording.spike_trains, strict=True)
    ):
        numbers = _numbers(unit, spikes, recording, params, span)
        for output in _OUTPUTS:
            value, reason = numbers[output.name]
            table.units[output.name].append(value)
            if reason:
                table.reasons.setdefault(output.name, {})[unit_id] = reason  # type: ignore[index]
    table.units = {output.name: np.array(table.units[output.name], dtype=output.dtype) for output in _OUTPUTS}
    return table


def _baseline_span(recording: Recording, params: BaselineParams) -> _Span:
    sections = recording.stimulus.get("section_time") or {}
    for movie in sorted(sections):
        ranges = np.asarray(sections[movie]).astype(np.int64).reshape(-1, 2)
        if fnmatch.fnmatchcase(movie, params.section) and ranges.size:
            return _Span(f"section {movie}", ranges, on_recorded_time=False)
    total = int(np.diff(recording.segments).sum())
    return _Span("whole recording", np.array([[0, total]]), on_recorded_time=True)


_Number = tuple[Any, str]


def _numbers(
    unit: Any, spikes: NDArray[np.int64], recording: Recording, params: BaselineParams, span: _Span
) -> dict[str, _Number]:
    """Every output of one unit, with the reason if it is missing."""
    rate, segments = recording.acquisition_rate, recording.segments
    times = spike_train.recorded_time(spikes, segments)
    n_samples = int(np.diff(segments).sum())
    runs = spike_train.intervals(spikes, segments)
    isi = np.concatenate(runs)
    violations = int(np.count_nonzero(isi < params.refractory_ms * rate / 1000))
    few = f"{isi.size} inter-spike intervals, fewer than {params.min_intervals}"
    enough = isi.size >= params.min_intervals
    base_rate, base_sd, short = _base_rate(times if span.on_recorded_time else spikes, span, rate, params)
    presence = spike_train.presence_ratio(times, n_samples, round(params.presence_bin_s * rate))
    cutoff, no_cutoff = _cutoff(unit)
    return {
        "baseline_rate": _or_missing(base_rate, "the baseline has no duration"),
        "baseline_rate_sd": _or_missing(base_sd, short),
        "spike_count": (spikes.size, ""),
        "cv_isi": _if(enough, lambda: spike_train.coefficient_of_variation(isi), few),
        "lv": _if(enough, lambda: spike_train.local_variation(runs), few),
        "median_isi_ms": _if(enough, lambda: float(np.median(isi)) / rate * 1000, few),
        "isi_violation_fraction": _if(isi.size > 0, lambda: violations / isi.size, "no inter-spike interval"),
        "isi_violation_ratio": _if(
            isi.size > 0,
            lambda: spike_train.isi_violation_ratio(
                violations, spikes.size, n_samples / rate, params.refractory_ms / 1000
            ),
            "no inter-spike interval",
        ),
        "presence_ratio": _or_missing(
            presence, f"the recording is shorter than 3 × {params.presence_bin_s:g} s"
        ),
        "amplitude_cutoff": (cutoff, no_cutoff),
    }


def _base_rate(
    spikes: NDArray[np.int64], span: _Span, rate: float, params: BaselineParams
) -> tuple[float, float, str]:
    """Mean rate and SD over bins of the baseline, pooled over its occurrences."""
    edges = np.searchsorted(spikes, span.ranges)
    duration_s = int(np.diff(span.ranges).sum()) / rate
    mean = int(np.diff(edges).sum()) / duration_s if duration_s > 0 else math.nan
    width = max(round(params.rate_bin_s * rate), 1)
    bins = np.concatenate(
        [spike_train.binned_rate(spikes, start, stop, width, rate) for start, stop in span.ranges.tolist()]
    )
    sd = float(bins.std(ddof=1)) if bins.size >= 2 else math.nan
    return mean, sd, f"the baseline is shorter than 2 × {params.rate_bin_s:g} s"


def _cutoff(unit: Any) -> _Number:
    amplitudes = unit.get("spike_amplitudes")
    if amplitudes is None:
        return math.nan, "the sorter's file gives no amplitudes of single spikes"
    value = spike_train.amplitude_cutoff(np.asarray(amplitudes))
    return _or_missing(value, f"fewer than {spike_train.MIN_AMPLITUDES} amplitudes")


def _if(known: bool, value: Callable[[], float], reason: str) -> _Number:
    return _or_missing(value(), reason) if known else (math.nan, reason)


def _or_missing(value: float, reason: str) -> _Number:
    return value, reason if math.isnan(value) else ""
