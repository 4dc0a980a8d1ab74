"""Spike trains from rates: Poisson with dead time, bursts, and the peaks a sorter rejects."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hdmea.simulate.cells import Cell
from hdmea.simulate.responses import movie_rate
from hdmea.simulate.stimuli import Movie
from hdmea.simulate.timeline import DROPPED_FLIPS, Timeline

__all__ = ["bin_rates", "draw_rejected", "draw_spikes", "poisson_samples", "with_dead_time"]

Samples = NDArray[np.int64]
Rate = NDArray[np.float64]

_BURST_SIZES = (2, 3, 4)
_BURST_INTERVAL_S = (0.6e-3, 1.2e-3)
_REJECTED_FRACTION = (0.2, 0.5)
_REJECTED_OF_A_SILENT_UNIT = 60


def bin_rates(cell: Cell, timeline: Timeline, lead_hz: float) -> Rate:
    """Return the rate of a cell in each of the timeline's bins (lead, frames, rest), in Hz.

    Parameters
    ----------
    cell
        The model cell.
    timeline
        What was shown when.
    lead_hz
        Rate before the first display frame.
    """
    rates = np.full(len(timeline.bin_edges) - 1, cell.base_hz)
    rates[0] = lead_hz if cell.responds_before else lead_hz / 10.0
    answers: dict[Movie, Rate] = {}
    for run in timeline.runs:
        if run.movie not in answers:
            answers[run.movie] = movie_rate(cell, run.movie)
        first = 1 + DROPPED_FLIPS + run.content_frame
        rates[first : first + run.movie.length] = answers[run.movie]
    return rates


def poisson_samples(rng: np.random.Generator, rates: Rate, edges: Samples, rate_hz: float) -> Samples:
    """Draw a Poisson process whose rate is constant in each bin.

    Parameters
    ----------
    rng
        Source of the spikes.
    rates
        Rate in each bin in Hz, (bins,).
    edges
        Edges of the bins in samples, (bins + 1,).
    rate_hz
        Samples per second.

    Returns
    -------
    ndarray of int64
        Samples in ascending order; two spikes may share one.
    """
    widths = np.diff(edges)
    counts = rng.poisson(rates * widths / rate_hz)
    starts, spans = np.repeat(edges[:-1], counts), np.repeat(widths, counts)
    return np.sort(starts + np.floor(rng.random(len(starts)) * spans).astype(np.int64))


def with_dead_time(samples: Samples, dead_samples: int) -> Samples:
    """Remove every spike that follows a kept one by less than the dead time.

    Parameters
    ----------
    samples
        Ascending samples.
    dead_samples
        Shortest interval that is kept.
    """
    while len(samples) > 1:
        close = np.diff(samples) < dead_samples
        first_of_run = close & ~np.concatenate([[False], close[:-1]])
        if not first_of_run.any():
            break
        samples = samples[np.concatenate([[True], ~first_of_run])]
    return samples


def draw_spikes(rng: np.random.Generator, cell: Cell, rates: Rate, timeline: Timeline) -> Samples:
    """Draw a spike train with a cell's dead time or bursts, at the rates given.

    Parameters
    ----------
    rng
        Source of the spikes.
    cell
        The model cell.
    rates
        Mean rate in each bin of the timeline, in Hz: of what comes out, dead time included.
    timeline
        The clock; spikes in its gaps are not recorded.

    Returns
    -------
    ndarray of int64
        Samples, ascending, each at most once.
    """
    edges, rate_hz = timeline.bin_edges, timeline.rate_hz
    if cell.bursts:
        spikes = _burst_samples(rng, rates, timeline)
    else:
        hazard = rates / (1.0 - rates * cell.refractory_s)
        spikes = poisson_samples(rng, hazard, edges, rate_hz)
        spikes = with_dead_time(spikes, max(1, round(cell.refractory_s * rate_hz)))
    return spikes[timeline.recorded(spikes)]


def _burst_samples(rng: np.random.Generator, rates: Rate, timeline: Timeline) -> Samples:
    bursts = poisson_samples(rng, rates / float(np.mean(_BURST_SIZES)), timeline.bin_edges, timeline.rate_hz)
    sizes = rng.choice(_BURST_SIZES, len(bursts))
    shape = (len(bursts), max(_BURST_SIZES) - 1)
    intervals = np.rint(rng.uniform(*_BURST_INTERVAL_S, shape) * timeline.rate_hz).astype(np.int64)
    offsets = np.concatenate([np.zeros((len(bursts), 1), np.int64), np.cumsum(intervals, axis=1)], axis=1)
    kept = np.arange(offsets.shape[1]) < sizes[:, None]
    spikes = np.unique((bursts[:, None] + offsets)[kept])
    return spikes[spikes < timeline.n_samples]


def draw_rejected(rng: np.random.Generator, n_accepted: int, timeline: Timeline) -> Samples:
    """Draw the peaks that the sorter found and rejected: 20 to 50 % of all peaks of a unit.

    Parameters
    ----------
    rng
        Source of the peaks.
    n_accepted
        Number of spikes of the unit.
    timeline
        The clock; peaks are drawn from recorded samples.
    """
    fraction = rng.uniform(*_REJECTED_FRACTION)
    wanted = round(n_accepted * fraction / (1.0 - fraction)) if n_accepted > 1 else _REJECTED_OF_A_SILENT_UNIT
    lengths = np.diff(timeline.segments, axis=1).ravel()
    position = np.sort(rng.integers(0, lengths.sum(), wanted))
    recorded_before = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    group = np.searchsorted(recorded_before, position, side="right") - 1
    rejected: Samples = timeline.segments[group, 0] + position - recorded_before[group]
    return rejected
