"""What `load_recording` reads, as plain dictionaries in the layout of the session.

The step itself (`hdmea.pipeline.steps.load_recording`) decides what is read and puts it in place.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hdmea.pipeline.light_check import LightCheck
from hdmea.recordings.mcs.axis_order import UnitPosition, decide_axis_order, decide_factor_order
from hdmea.recordings.mcs.partner_check import PartnerCheck, check_partner, likely_offsets
from hdmea.recordings.mcs.sensor import AxisOrder, Electrodes, FactorOrder
from hdmea.recordings.pairing import find_partner, kind_of
from hdmea.recordings.reader import open_signals, open_units, source_stamp
from hdmea.recordings.signals import RecordingInfo, SignalSource
from hdmea.recordings.units import SortedUnit, SortingInfo, UnitSource, UnitSpikes, said_of_units
from hdmea.stimuli.frames import FrameDetection, detect_frames
from hdmea.stimuli.light import block_mean
from hdmea.stimuli.regularity import correct_frames, frame_regularity
from hdmea.utils.arrays import AttrArray
from hdmea.utils.exceptions import MissingInputError
from hdmea.utils.fixes import ChooseFile, Each, Either, SetParameter
from hdmea.utils.notices import Notice

__all__ = [
    "Frames",
    "LoadedUnits",
    "Sources",
    "as_decided",
    "digital_clock",
    "exchanged_channels",
    "find_frames",
    "firing_rate",
    "light_reference",
    "memory_estimate_gb",
    "on_clock",
    "read_units",
    "recording_facts",
    "resolve_sources",
    "sensor_facts",
    "settle_frames",
    "source_facts",
    "spikes_outside",
]

BINS_PER_S = 10
MEAN_RATES = {"1khz": 1000.0, "10hz": 10.0}
DROP_FIRST_FRAMES = 4

Report = Callable[[float, str], None]


@dataclass(frozen=True)
class Sources:
    """The files of a recording, and what the user should know about how they were found."""

    cmcr: Path | None
    cmtr: Path | None
    notes: tuple[str, ...] = ()


def resolve_sources(
    cmcr_path: str | Path | None, cmtr_path: str | Path | None, known: Mapping[str, Any], find: bool
) -> Sources:
    """Return the files to load.

    Parameters
    ----------
    cmcr_path, cmtr_path
        As given by the caller.
    known
        Source files of the session, used if the caller gave none.
    find
        Look beside the one file for the other.

    Raises
    ------
    MissingInputError
        If there is no file at all.
    """
    if cmcr_path is None and cmtr_path is None:
        cmcr_path, cmtr_path = known.get("cmcr_path"), known.get("cmtr_path")
    cmcr = None if cmcr_path is None else Path(cmcr_path)
    cmtr = None if cmtr_path is None else Path(cmtr_path)
    given = cmcr or cmtr
    if given is None:
        raise MissingInputError(
            "A recording needs its raw file (.cmcr), its spike-sorted file (.cmtr), or both.",
            fix=Either((ChooseFile("cmcr_path"), ChooseFile("cmtr_path"))),
        )
    if not find or (cmcr and cmtr) or not os.path.exists(given):
        return Sources(cmcr, cmtr)
    link = None
    if cmtr is not None:
        with open_units(cmtr) as units:
            link = units.linked_recording
    else:
        with open_signals(given):
            pass
    return _with_partner(given, cmcr, cmtr, link)


def _with_partner(given: Path, cmcr: Path | None, cmtr: Path | None, link: str | None) -> Sources:
    kind = "cmtr" if cmtr is None else "cmcr"
    if kind_of(given) is None:
        return Sources(cmcr, cmtr)
    partner = find_partner(given, link)
    if partner.path is None:
        lost = "sorted units" if kind == "cmtr" else "light reference, display frames and raw data"
        return Sources(cmcr, cmtr, (f"There are no {lost}: {partner.reason} ({given.name}).",))
    notes = [f"{partner.path.name} was loaded together with {given.name} ({partner.reason})."]
    if partner.others:
        names = ", ".join(other.name for other in partner.others)
        notes.append(f"Further files would fit {given.name} and were not used: {names}.")
    return Sources(cmcr or partner.path, cmtr or partner.path, tuple(notes))


def source_facts(sources: Sources) -> dict[str, Any]:
    """Return paths, sizes in bytes and modification times of the source files."""
    facts: dict[str, Any] = {}
    for kind, path in (("cmcr", sources.cmcr), ("cmtr", sources.cmtr)):
        if path is not None:
            facts[f"{kind}_path"] = str(path.absolute())
            facts[f"{kind}_size"], facts[f"{kind}_mtime"] = source_stamp(path)
    return facts


def memory_estimate_gb(info: RecordingInfo | None, units: UnitSource | None) -> float:
    """Estimate the memory that the loaded recording will take, in GB."""
    n_bytes = 0.0
    if info is not None:
        n_bytes += info.n_samples * min(info.n_light_channels, 2) * 4 * 1.1
    if units is not None:
        seconds = info.duration_s if info is not None else units.info.duration_s or 0.0
        n_bytes += units.n_peaks * 12 + len(units.units) * seconds * BINS_PER_S * 4
    return n_bytes / 1e9


def _part(report: Report, index: int, total: int, text: str, weight: float = 1.0) -> Callable[[float], None]:
    """Return what reports the progress of one of `total` parts as progress of the whole."""
    return lambda part: report((index + weight * part) / total, text)


# -- units ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class LoadedUnits:
    """Sorted units as they go into the session.

    Attributes
    ----------
    units
        Units by ``unit_id`` in numeric order, without their firing rates, which need the duration.
    last_sample
        Sample of the last accepted peak of any unit, also if it is after the end; None without spikes.
    warnings
        What the user should know.
    """

    units: dict[str, dict[str, Any]]
    last_sample: int | None
    warnings: list[str]


def read_units(
    source: UnitSource,
    rate: float,
    report: Report,
    *,
    segments: npt.NDArray[np.int64] | None = None,
    end_sample: int | None = None,
    drop_duplicates_ms: float | None = None,
) -> LoadedUnits:
    """Read all sorted units.

    Parameters
    ----------
    source
        The source of the units.
    rate
        Acquisition rate in Hz.
    report
        Called with a fraction and a text; may raise to stop.
    segments
        int64 (n, 2): recorded ranges of the clock, by which times are moved to it if they count recorded
        samples. None: not known.
    end_sample
        End of the recording on the clock; later peaks are left out. None: not known.
    drop_duplicates_ms
        Of spikes of a unit that follow each other within so many milliseconds only the first is kept.
    """
    units: dict[str, dict[str, Any]] = {}
    said: list[tuple[int, Sequence[str], str]] = []
    last = -1
    n_units = len(source.units)
    counted = segments if segments is not None and source.info.counts_from == "first sample" else None
    if counted is not None:
        end_sample = int((counted[:, 1] - counted[:, 0]).sum())
    for index, unit in enumerate(source.units):
        text = f"unit {index + 1} of {n_units}"
        report(index / n_units, text)
        spikes = source.read_unit(
            unit,
            rate,
            _part(report, index, n_units, text),
            end_sample=end_sample,
            drop_duplicates_ms=drop_duplicates_ms,
        )
        if counted is not None:
            spikes = replace(spikes, samples=on_clock(spikes.samples, counted))
        last = max(last, spikes.last_sample)
        said.append((unit.unit_id, spikes.warnings, spikes.duplicates))
        units[f"unit_{unit.unit_id:03d}"] = _unit_entry(unit, spikes, drop_duplicates_ms is not None)
    return LoadedUnits(units, None if last < 0 else last, said_of_units(said))


def on_clock(samples: npt.NDArray[np.uint64], segments: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """Return samples of the acquisition clock for samples that count what was recorded, without gaps.

    Parameters
    ----------
    samples
        uint64 (n,): less than the number of recorded samples.
    segments
        int64 (n, 2): recorded ranges of the clock.
    """
    if not len(segments):
        return samples
    begins = np.concatenate([[0], np.cumsum(segments[:, 1] - segments[:, 0])[:-1]])
    part = np.searchsorted(begins, samples.astype(np.int64), side="right") - 1
    moved: npt.NDArray[np.int64] = samples.astype(np.int64) - begins[part] + segments[part, 0]
    return moved.astype(np.uint64)


def _unit_entry(unit: SortedUnit, spikes: UnitSpikes, dropping: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "row": unit.row,
        "col": unit.column,
        "sensor_id": unit.sensor_id,
        "unit_num": unit.unit_id,
        "original_name": unit.name,
        "spike_count": len(spikes.samples),
        "spike_times": AttrArray(spikes.samples, {"unit": "sample_index"}),
        "waveform": AttrArray(spikes.waveform, {"unit": spikes.waveform_unit}),
        "unit_meta": {
            **{name.replace(" ", "_").lower(): value for name, value in unit.measures.items()},
            "n_rejected_peaks": spikes.n_rejected,
            "n_left_out_peaks": spikes.n_left_out,
            "n_duplicates": spikes.n_duplicates,
        },
    }
    if dropping:
        entry["unit_meta"]["n_dropped_duplicates"] = spikes.n_dropped
    if spikes.amplitudes is not None:
        entry["spike_amplitudes"] = AttrArray(
            spikes.amplitudes.astype(np.float32), {"unit": spikes.waveform_unit}
        )
    return entry


def firing_rate(spike_times: npt.NDArray[np.uint64], rate: float, duration_s: float) -> AttrArray:
    """Count spikes in consecutive bins of 100 ms from time zero, in Hz.

    Parameters
    ----------
    spike_times
        uint64 (n,) samples.
    rate
        Acquisition rate in Hz.
    duration_s
        Duration of the recording in seconds.

    Returns
    -------
    AttrArray
        float32 (ceil(10 * duration_s),); spikes after the end of the recording are in no bin.
    """
    # The tolerance keeps 31.999999999999996 s from getting a bin that it has no part in, and a spike on the
    # border of two bins in the later one, where the rate is not a whole number of hertz.
    n_bins = math.ceil(round(BINS_PER_S * duration_s, 6))
    bins = (np.asarray(spike_times).astype(np.int64) * BINS_PER_S / rate + 1e-7).astype(np.int64)
    counts = np.bincount(bins[bins < n_bins], minlength=n_bins)
    return AttrArray((counts * BINS_PER_S).astype(np.float32), {"unit": "Hz"})


def spikes_outside(
    units: Mapping[str, Mapping[str, Any]], segments: npt.NDArray[np.int64], rate: float
) -> list[str]:
    """Warn of spikes before the first recorded sample or in a gap: their times may have another zero.

    Parameters
    ----------
    units
        Units with their spike times.
    segments
        int64 (n, 2): recorded ranges of samples.
    rate
        Acquisition rate in Hz.
    """
    if not len(segments):
        return []
    n_spikes = n_outside = 0
    for unit in units.values():
        spikes = np.asarray(unit["spike_times"]).astype(np.int64)
        first, last = np.searchsorted(spikes, segments).T
        n_spikes += spikes.size
        n_outside += int(last[-1] - (last - first).sum())
    if not n_outside:
        return []
    return [
        f"{n_outside} of {n_spikes} spikes are where nothing was recorded (the recording begins at "
        f"{segments[0, 0] / rate:.3f} s and has {len(segments) - 1} gaps). Check that the spike-sorted file "
        "belongs to it and that its times count from the same zero."
    ]


# -- light and frames ----------------------------------------------------------------------------------


def light_reference(
    reader: SignalSource, channels: Mapping[str, int], report: Report
) -> dict[str, AttrArray]:
    """Read the light channels at full rate, with block means at about 1 kHz and 10 Hz.

    Parameters
    ----------
    reader
        The raw recording.
    channels
        Role ("ch1": light intensity, "ch2": frame sync) to number of the analog channel, from 1.
    report
        Called with a fraction and a text; may raise to stop.

    Returns
    -------
    dict
        ``raw_ch1``, ``1khz_ch1``, ``10hz_ch1``, …: float32 counts on the acquisition clock, NaN where
        nothing was recorded; the attributes give the true rate.
    """
    rate = reader.info.sampling_rate
    light: dict[str, AttrArray] = {}
    for index, (role, channel) in enumerate(channels.items()):
        text = f"analog channel {channel}"
        raw = reader.read_light(channel, progress=_part(report, index, len(channels), text, 0.8))
        facts = {"unit": "counts", "channel": channel}
        light[f"raw_{role}"] = AttrArray(raw, {**facts, "sampling_rate": rate})
        for name, target in MEAN_RATES.items():
            if target <= rate:
                report((index + 0.9) / len(channels), text)
                mean = block_mean(raw, rate, target)
                light[f"{name}_{role}"] = AttrArray(mean.values, {**facts, "sampling_rate": mean.rate})
    return light


def digital_clock(
    reader: SignalSource, source: str, bit: int, event_id: int | None, report: Report
) -> npt.NDArray[np.float32] | None:
    """Return a pulse for each display frame from the digital port, as a frame-sync channel has them.

    Parameters
    ----------
    reader
        The raw recording.
    source
        "digital port": the level of a line; "digital events": the times of events.
    bit
        Line of the port, from 0.
    event_id
        Kind of the events; None: the kind with most of them.
    report
        Called with a fraction and a text; may raise to stop.

    Returns
    -------
    ndarray
        float32 (n_samples,) on the acquisition clock; None if the recording has no such source.
    """
    report(0.0, source)
    if source == "digital port":
        return reader.read_digital(bit, lambda part: report(part, source))
    events = reader.digital_events()
    if not len(events):
        return None
    kinds, counts = np.unique(events.event_id, return_counts=True)
    kind = int(kinds[np.argmax(counts)]) if event_id is None else event_id
    times = np.sort(events.time_us[events.event_id == kind])
    samples = np.rint(times * reader.info.sampling_rate / 1e6).astype(np.int64)
    if samples.size < 2:
        return None
    pulses = np.zeros(reader.info.n_samples, np.float32)
    # The index of a frame is the sample before its step.
    width = max(int(np.median(np.diff(samples)) // 4), 1)
    for offset in range(1, width + 1):
        place = samples + offset
        pulses[place[place < pulses.size]] = 1.0
    return pulses


@dataclass(frozen=True, eq=False)
class Frames:
    """Display frames: uint64 samples, facts to store beside them, warnings and information."""

    samples: npt.NDArray[np.uint64]
    facts: dict[str, Any]
    warnings: tuple[str, ...]
    information: tuple[str, ...]


Judge = Callable[[npt.NDArray[np.uint64]], LightCheck]
"""Compares the movies that are said to have been shown with the light, for given display frames."""


def find_frames(
    sync: npt.NDArray[np.float32],
    segments: npt.NDArray[np.int64],
    rate: float,
    display_rate_hz: float | None = None,
    drop_first: int = DROP_FIRST_FRAMES,
) -> FrameDetection:
    """Find the display frames; see `hdmea.stimuli.frames.detect_frames`."""
    return detect_frames(sync, segments, rate, drop_first=drop_first, display_rate_hz=display_rate_hz)


def settle_frames(
    found: FrameDetection,
    sync: npt.NDArray[np.float32],
    segments: npt.NDArray[np.int64],
    rate: float,
    correct: bool,
    judge: Judge,
) -> Frames:
    """Decide between displays by the light, and correct missing and double flips if asked to.

    Parameters
    ----------
    found
        From `find_frames`.
    sync
        float32 (n_samples,): frame-sync channel on the acquisition clock.
    segments
        int64 (n, 2): recorded ranges of samples.
    rate
        Acquisition rate in Hz.
    correct
        Insert missing flips and remove double ones on the grid; what the light shows to be late frames is not
        filled.
    judge
        Asked only where the sync channel leaves it open.
    """
    chosen = _by_light(found, sync, segments, rate, judge)
    regularity, frames, warnings = chosen.regularity, chosen.frames, list(chosen.warnings)
    information = list(chosen.information)
    if chosen is not found and chosen.train is not None and found.train is not None:
        information.append(
            f"The light of the movies fits {chosen.train.rate_hz:.1f} frames per second, not "
            f"{found.train.rate_hz:.1f}: the former are taken."
        )
    facts = _frame_facts(chosen)
    if correct and (regularity.missing_at.size or regularity.double_at.size):
        late_at = judge(frames).late_at if regularity.missing_at.size else regularity.missing_at
        said = regularity.messages(rate)
        frames = correct_frames(frames, segments, late_at)
        inserted = int(regularity.missing_count[~np.isin(regularity.missing_at, late_at)].sum())
        kept = f" {late_at.size} late frames are left as they are." if late_at.size else ""
        warnings = [message for message in warnings if message not in said]
        warnings.append(
            f"Display frames were corrected on the nominal grid: {inserted} missing flips inserted, "
            f"{regularity.double_at.size} double flips removed.{kept}"
        )
        warnings += frame_regularity(frames, segments, late_at).messages(rate)
        facts |= {"corrected": True, "late_at": late_at}
    return Frames(frames, facts, tuple(warnings), tuple(information))


def _by_light(
    found: FrameDetection,
    sync: npt.NDArray[np.float32],
    segments: npt.NDArray[np.int64],
    rate: float,
    judge: Judge,
) -> FrameDetection:
    """Return the display whose frames fit most movies; the one found first unless another fits more."""
    if not found.others:
        return found
    best, most = found, judge(found.frames).n_placed
    for other in found.others:
        candidate = find_frames(sync, segments, rate, other.rate_hz)
        fitting = judge(candidate.frames).n_placed
        if fitting > most:
            best, most = candidate, fitting
    return best


def _frame_facts(found: FrameDetection) -> dict[str, Any]:
    regularity = found.regularity
    facts: dict[str, Any] = {
        "n_detected": found.n_detected,
        "n_dropped_first": min(DROP_FIRST_FRAMES, found.n_detected),
        "nominal_interval_samples": float(regularity.nominal_interval),
        "missing_at": regularity.missing_at,
        "missing_count": regularity.missing_count,
        "double_at": regularity.double_at,
        "pauses": regularity.pauses,
        "corrected": False,
    }
    if found.train is not None:
        facts |= {
            "rate_hz": found.train.rate_hz,
            "flips_seen_at": found.train.kind,
            "on_grid": found.train.on_grid,
            "jitter_ms": found.train.jitter_ms,
        }
    if found.reason is not None:
        facts["reason"] = found.reason.message
    return facts


def exchanged_channels(
    light: npt.NDArray[np.float32],
    segments: npt.NDArray[np.int64],
    rate: float,
    channels: Mapping[str, int],
) -> list[str]:
    """Warn if the light channel shows the flips that the sync channel does not show.

    Parameters
    ----------
    light
        float32 (n_samples,): light channel on the acquisition clock.
    segments
        int64 (n, 2): recorded ranges of samples.
    rate
        Acquisition rate in Hz.
    channels
        Role ("ch1", "ch2") to number of the analog channel.
    """
    if not detect_frames(light, segments, rate).frames.size:
        return []
    return [
        Notice(
            f"Analog channel {channels['ch1']}, the light channel, shows the flips of a display: the "
            "channels may be exchanged.",
            fix=Each(
                (
                    SetParameter("light_channel", value=channels["ch2"]),
                    SetParameter("sync_channel", value=channels["ch1"]),
                )
            ),
        )
    ]


# -- what the files state ------------------------------------------------------------------------------


def recording_facts(info: RecordingInfo) -> dict[str, Any]:
    """Return what a raw recording states, for ``metadata/cmcr_meta``."""
    return {
        **info.metadata,
        "streams": [stream.name for stream in info.streams],
        "light_labels": list(info.light_labels),
        "segments_source": info.segments_source,
    }


def _rate_ratios(raw: float, stated: float | None) -> tuple[float, ...]:
    """Factors by which times are wrong if one file means the samples of the other; none if rates agree."""
    if stated is None or abs(stated - raw) <= 1e-6 * raw:
        return ()
    return (stated / raw, raw / stated)


def sensor_facts(
    reader: SignalSource,
    units: Sequence[Mapping[str, Any]],
    report: Report,
    sorting: SortingInfo | None = None,
) -> tuple[dict[str, Any], PartnerCheck]:
    """Return place, scale and axis order of the raw sensor data, for ``metadata/sys_meta``.

    The order of the axes is tested on the data: averages at the units' spikes. These tell as well whether the
    spikes belong to the raw data, which is returned beside.
    """
    region = reader.sensor
    if region is None:
        return {}, check_partner(None, [])
    ratio = region.sampling_rate / reader.info.sampling_rate
    positions = [
        UnitPosition(unit["row"], unit["col"], np.rint(unit["spike_times"] * ratio).astype(np.int64))
        for unit in units
        if unit["row"] is not None and unit["spike_count"]
    ]
    order = decide_axis_order(region, positions, lambda part: report(0.2 * part, "order of the sensor axes"))
    region = region.with_axis_order(order)
    factors = decide_factor_order(region)
    fit = check_partner(
        region,
        positions,
        offsets=likely_offsets(
            region, reader.info.duration_s, None if sorting is None else sorting.duration_s
        ),
        scales=_rate_ratios(reader.info.sampling_rate, None if sorting is None else sorting.sampling_rate),
        progress=lambda part: report(0.2 + 0.8 * part, "spikes against the raw data"),
    )
    facts: dict[str, Any] = {} if region.is_complete else {"sensor_recorded": region.recorded}
    return {
        "sensor_first_row": region.first_row,
        "sensor_first_column": region.first_column,
        "sensor_rows": region.rows,
        "sensor_columns": region.cols,
        "sensor_segments": region.segments,
        "sensor_unit": region.unit,
        "axis_order": order.order,
        "axis_order_source": order.source,
        "axis_order_evidence": order.evidence,
        "factor_order": factors.order,
        "factor_order_source": factors.source,
        "factor_order_evidence": factors.evidence,
        "n_sensor_regions": len(reader.sensor_regions),
        **facts,
        "spikes_in_raw": fit.verdict,
        "spikes_in_raw_evidence": fit.evidence,
        "spikes_in_raw_problem": fit.problem,
        "spikes_in_raw_share": fit.share,
        "spikes_in_raw_lag_samples": fit.lag_samples,
    }, fit


def as_decided(electrodes: Electrodes, known: Mapping[str, Any]) -> Electrodes:
    """Return electrodes in the orders of axes and factors that the data told at loading.

    Parameters
    ----------
    electrodes
        From the reader.
    known
        ``metadata/sys_meta``, as `sensor_facts` returns it; what it does not say stays as it is.
    """
    if electrodes.is_open and known.get("axis_order_source") in ("shape", "data"):
        electrodes = electrodes.with_axis_order(
            AxisOrder(
                known["axis_order"], known["axis_order_source"], str(known.get("axis_order_evidence", ""))
            )
        )
    if known.get("factor_order_source") == "data":
        electrodes = electrodes.with_factor_order(
            FactorOrder(known["factor_order"], "data", str(known.get("factor_order_evidence", "")))
        )
    return electrodes
