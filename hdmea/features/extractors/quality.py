"""quality: whether a unit is one cell, is there all the time, and stays the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hdmea.declare import FeatureParams, FeatureTable, Output, Recording, Requirement, extractor
from hdmea.features.science import spike_train
from hdmea.features.science.drift import Drift, drift
from hdmea.features.science.duplicates import find_duplicates
from hdmea.features.science.movie_trials import OptionalFeature
from hdmea.features.science.tickets import Withheld
from hdmea.utils.giving_way import giving_way

__all__ = ["QualityParams", "quality"]

_MOST_BINS = 400
_RATE_BIN_S = 10.0
_ONE_CELL = 1.0


class QualityParams(FeatureParams):
    """Parameters of the feature `quality`."""

    drift_bin_s: float = Field(
        5.0,
        gt=0,
        title="Bin of the drift",
        description="Shortest; long recordings have 400 bins.",
        json_schema_extra={"unit": "s"},
    )
    presence_bin_s: float = Field(
        60.0, gt=0, title="Bin of the presence ratio", json_schema_extra={"unit": "s"}
    )
    refractory_ms: float = Field(
        1.5,
        gt=0,
        title="Refractory period",
        description="Shorter intervals violate it.",
        json_schema_extra={"unit": "ms"},
    )


def _drift(name: str, title: str, what: str) -> tuple[Output, ...]:
    return (
        Output(
            name,
            title,
            "",
            (None, None),
            f"change of the {what} over the recording, by its mean",
            interval=True,
            test=True,
        ),
        Output(
            f"{name}_p",
            f"p of the {title.lower()}",
            "",
            (0, 1),
            "Mann–Kendall test with serial correlation (Hamed & Rao 1998)",
        ),
    )


_OUTPUTS = (
    *_drift("rate_drift", "Drift of the rate", "rate"),
    *_drift("amplitude_drift", "Drift of the amplitude", "amplitude"),
    Output("presence_ratio", "Presence ratio", "", (0, 1), "fraction of the minutes that hold a spike"),
    Output(
        "firing_range",
        "Firing range",
        "Hz",
        (0, None),
        "95 % minus 5 % quantile of the rate in bins of 10 s",
    ),
    Output(
        "isi_violation_ratio",
        "ISI violation ratio",
        "",
        (0, 1),
        "rate of contaminating spikes / rate of the unit (Hill et al. 2011)",
    ),
    Output(
        "sliding_rp_contamination",
        "Contamination by sliding refractory period",
        "",
        (0, 0.35),
        "least contamination that the intervals exclude with 90 % confidence, over refractory periods",
    ),
    Output(
        "image_snr",
        "SNR of the image",
        "",
        (0, None),
        "peak-to-peak of the electrical image at its soma / standard error of the average",
    ),
    Output(
        "likely_duplicate_of",
        "Likely duplicate of",
        "",
        (None, None),
        "units that are likely to be the same cell, separated by blanks",
        dtype="str",
    ),
    Output(
        "duplicate_fraction",
        "Shared spikes",
        "",
        (0, 1),
        "coincidences beyond chance with the unit it shares most with / spikes of the smaller train",
    ),
    Output("duplicate_lag", "Lag of shared spikes", "ms", (-1.5, 1.5), "at which these coincide"),
    Output("duplicate_cosine", "Cosine of the images", "", (-1, 1), "of the electrical images of both"),
    Output(
        "synchronous",
        "Synchronous",
        "",
        (0, 1),
        "coincides at lag 0 with several units on other electrodes: not a duplicate",
        dtype="bool",
    ),
)
_REASONS = {
    "rate_drift": "no spike, or fewer than 6 bins",
    "amplitude_drift": "the sorter's file gives no amplitudes of single spikes, or too few bins hold spikes",
    "presence_ratio": "the recording is shorter than three minutes",
    "firing_range": "the recording is shorter than two bins",
    "isi_violation_ratio": "fewer than two spikes, or more violations than one cell can have: not one cell",
    "sliding_rp_contamination": "too few spikes to exclude a contamination of 35 %",
    "image_snr": "no electrical image",
    "duplicate_fraction": "no spike",
    "duplicate_lag": "no unit shares a fifth of the spikes",
    "duplicate_cosine": "no unit shares a fifth of the spikes, or there are no images",
}


@extractor(
    name="quality",
    title="Quality",
    version="1",
    params=QualityParams,
    requires=(
        Requirement("metadata", "acquisition_rate", "load_recording"),
        Requirement("metadata", "recording_duration_s", "load_recording"),
        OptionalFeature("feature", "eimage_sta", "compute_eimage_sta"),
    ),
    outputs=_OUTPUTS,
)
def quality(recording: Recording, params: QualityParams) -> FeatureTable:
    """Drift, presence, contamination, and which other unit may be the same cell; whole recording."""
    rate = recording.acquisition_rate
    n_samples = int(np.diff(recording.segments).sum())
    trains = recording.spike_trains
    times = [spike_train.recorded_time(train, recording.segments) for train in trains]
    width = max(params.drift_bin_s * rate, n_samples / _MOST_BINS)
    n_bins = int(n_samples // width)
    edges = np.asarray(np.arange(n_bins + 1) * width, np.float64)
    counts = (
        np.stack([np.histogram(own, edges)[0] for own in giving_way(times)]) if times else np.zeros((0, 0))
    )
    at = np.asarray((np.arange(n_bins) + 0.5) * width / rate, np.float64)
    columns: dict[str, Any] = {
        **_drift_columns("rate_drift", drift(counts / (width / rate), at)),
        **_drift_columns("amplitude_drift", _amplitude_drift(recording, times, edges, at)),
    }
    presence_bin, rate_bin = round(params.presence_bin_s * rate), round(_RATE_BIN_S * rate)
    columns["presence_ratio"] = np.array(
        [spike_train.presence_ratio(own, n_samples, presence_bin) for own in times], np.float64
    )
    columns["firing_range"] = np.array(
        [_firing_range(spike_train.binned_rate(own, 0, n_samples, rate_bin, rate)) for own in times],
        np.float64,
    )
    contamination = [_contamination(train, recording, params) for train in giving_way(trains)]
    columns["isi_violation_ratio"] = np.array([ratio for ratio, _ in contamination], np.float64)
    columns["sliding_rp_contamination"] = np.array([least for _, least in contamination], np.float64)
    images, snr = _images(recording)
    columns["image_snr"] = snr
    electrodes = [(unit.get("row"), unit.get("col")) for unit in recording.units.values()]
    found = find_duplicates(trains, rate, images, electrodes)
    names = list(recording.units)
    columns |= {
        "likely_duplicate_of": [" ".join(names[k] for k in sorted(own)) for own in found.partners],
        "duplicate_fraction": found.fraction,
        "duplicate_lag": found.lag_ms,
        "duplicate_cosine": found.cosine,
        "synchronous": found.synchronous,
    }
    withheld = Withheld(names)
    withheld.explain(columns, _REASONS)
    return FeatureTable(units=columns, reasons=withheld.reasons)


def _drift_columns(name: str, found: Drift) -> dict[str, NDArray[np.float64]]:
    return {name: found.change, f"{name}_low": found.low, f"{name}_high": found.high, f"{name}_p": found.p}


def _amplitude_drift(
    recording: Recording, times: list[NDArray[np.int64]], edges: NDArray[np.float64], at: NDArray[np.float64]
) -> Drift:
    """Change of the median amplitude; bins without a spike have that of the bin before."""
    n = len(times)
    found = [np.full(n, np.nan) for _ in range(4)]
    for index, (unit, own) in enumerate(zip(recording.units.values(), times, strict=True)):
        sizes = unit.get("spike_amplitudes")
        if sizes is None or np.size(sizes) != own.size or not own.size:
            continue
        amplitude = np.abs(np.asarray(sizes, np.float64))
        medians = _medians(amplitude, np.searchsorted(own, edges))
        some = np.isfinite(medians)
        one = drift(medians[some][None], at[some])
        for column, value in zip(found, (one.change, one.low, one.high, one.p), strict=True):
            column[index] = value[0]
    return Drift(*found)


def _medians(values: NDArray[np.float64], cuts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Median of the values between each two neighbouring cuts; NaN where there is none, or one is NaN."""
    sizes = np.diff(cuts)
    part = np.repeat(np.arange(sizes.size), sizes)
    inside = values[cuts[0] : cuts[-1]]
    ordered = inside[np.lexsort((inside, part))]
    found = np.full(sizes.size, np.nan)
    some = np.flatnonzero(sizes)
    first, n = cuts[:-1][some] - cuts[0], sizes[some]
    found[some] = (ordered[first + (n - 1) // 2] + ordered[first + n // 2]) / 2
    found[some[np.isnan(ordered[first + n - 1])]] = np.nan
    return found


def _firing_range(rates: NDArray[np.float64]) -> float:
    return float(np.subtract(*np.quantile(rates, [0.95, 0.05]))) if rates.size >= 2 else float("nan")


def _contamination(
    train: NDArray[np.int64], recording: Recording, params: QualityParams
) -> tuple[float, float]:
    rate, segments = recording.acquisition_rate, recording.segments
    duration = float(np.diff(segments).sum()) / rate
    isi = np.concatenate(spike_train.intervals(train, segments)) / rate
    violations = int(np.count_nonzero(isi < params.refractory_ms / 1000))
    ratio = spike_train.isi_violation_ratio(violations, train.size, duration, params.refractory_ms / 1000)
    return ratio if ratio <= _ONE_CELL else float("nan"), spike_train.sliding_rp_contamination(
        isi, train.size, duration
    )


def _images(recording: Recording) -> tuple[list[NDArray[Any] | None], NDArray[np.float64]]:
    images: list[NDArray[Any] | None] = []
    snr = np.full(len(recording.units), np.nan)
    for index, unit in enumerate(giving_way(recording.units.values())):
        entry: Mapping[str, Any] = (unit.get("features") or {}).get("eimage_sta") or {}
        image = entry.get("data")
        known = image is not None and np.isfinite(image).any()
        images.append(np.nan_to_num(np.asarray(image)) if known else None)
        snr[index] = float((entry.get("metadata") or {}).get("image_snr", np.nan))
    return images, snr
