"""Population rasters at any zoom: a density image where spikes are denser than pixels, else the spikes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["RasterImage", "SpikeRaster"]

_FEWEST_BINS = 16_384
_MOST_BINS = 65_536


@dataclass(frozen=True)
class RasterImage:
    """Firing rates of all units over a stretch of time.

    Attributes
    ----------
    rate
        float32 (n_units, columns), Hz.
    edges_s
        float64 (columns + 1), seconds: where the columns begin and end.
    """

    rate: NDArray[np.float32]
    edges_s: NDArray[np.float64]

    @property
    def start_s(self) -> float:
        """Where the first column begins, in seconds."""
        return float(self.edges_s[0])

    @property
    def stop_s(self) -> float:
        """Where the last column ends, in seconds."""
        return float(self.edges_s[-1])


class SpikeRaster:
    """Spike trains of a population, ready to be drawn at any zoom.

    Counts in 16 000 to 65 000 bins, as many as a unit has spikes, are summed once, so that an image of the
    whole recording costs the same for a thousand spikes and for twenty million. Finer images are counted
    from the spikes themselves and are exact. The spike trains are referred to, not copied.

    Parameters
    ----------
    trains
        One ascending array of spike times per unit, in samples.
    rate_hz
        Acquisition rate in Hz, > 0.
    duration_s
        Length of the recording in seconds, > 0.
    """

    def __init__(
        self, trains: Sequence[NDArray[np.unsignedinteger]], rate_hz: float, duration_s: float
    ) -> None:
        if rate_hz <= 0 or duration_s <= 0:
            raise ValueError("A raster needs an acquisition rate and a duration greater than 0.")
        self._trains = list(trains)
        self._rate_hz = float(rate_hz)
        self.duration_s = float(duration_s)
        samples = max(1, round(duration_s * rate_hz))
        self._samples_per_bin = -(-samples // self._bins_wanted())
        self._n_bins = -(-samples // self._samples_per_bin)
        self._cumulated = np.zeros((len(self._trains), self._n_bins + 1), np.int32)
        for row, train in enumerate(self._trains):
            bins = np.asarray(train, np.int64) // self._samples_per_bin
            counts = np.bincount(bins[bins < self._n_bins], minlength=self._n_bins)
            np.cumsum(counts, out=self._cumulated[row, 1:])

    @property
    def n_units(self) -> int:
        """Number of units."""
        return len(self._trains)

    @property
    def n_spikes(self) -> int:
        """Number of spikes of all units."""
        return sum(train.size for train in self._trains)

    def count(self, start_s: float, stop_s: float, units: NDArray[np.intp] | None = None) -> int:
        """Return the number of spikes in ``[start_s, stop_s)`` of some units, by default of all."""
        edges = self._sample_edges(start_s, stop_s, 1)
        return sum(int(last - first) for first, last in (t.searchsorted(edges) for t in self._of(units)))

    def image(
        self, start_s: float, stop_s: float, columns: int, units: NDArray[np.intp] | None = None
    ) -> RasterImage:
        """Return the firing rates in equal columns of time.

        Parameters
        ----------
        start_s, stop_s
            Stretch of time in seconds; cut to the recording.
        columns
            Number of columns wanted, >= 1; the edges of wide columns are rounded to the bins counted before.
        units
            Which units, in the order of the rows; None: all.

        Returns
        -------
        RasterImage
            Rates in Hz; each is a count divided by the true width of its column.
        """
        start_s, stop_s = self._inside(start_s, stop_s)
        width = (stop_s - start_s) * self._rate_hz / columns
        if width >= 2 * self._samples_per_bin:
            return self._coarse_image(start_s, stop_s, columns, units)
        edges = self._sample_edges(start_s, stop_s, columns)
        return self._as_rates(self._exact_counts(edges, units), edges)

    def ticks(
        self, start_s: float, stop_s: float, units: NDArray[np.intp] | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return each spike in ``[start_s, stop_s)``: its time in seconds, and the row of its unit.

        Rows are all units, or those that are given, in their order.
        """
        edges = self._sample_edges(start_s, stop_s, 1)
        found = []
        for train in self._of(units):
            first, last = train.searchsorted(edges)
            found.append(train[first:last])
        rows = np.repeat(np.arange(len(found)), [part.size for part in found])
        samples = np.concatenate(found) if found else np.zeros(0, np.uint64)
        return samples / self._rate_hz, rows

    def population_rate(self, columns: int = 2000, finest_s: float = 0.1) -> RasterImage:
        """Return the mean firing rate of the units over the whole recording as one row, in Hz per unit.

        Parameters
        ----------
        columns
            Largest number of columns.
        finest_s
            Columns are not narrower than this, in seconds: finer ones show single spikes, not a rate.
        """
        wanted = min(columns, self._n_bins, int(self.duration_s / finest_s))
        image = self.image(0.0, self.duration_s, max(1, wanted))
        mean = (
            image.rate.mean(axis=0, keepdims=True) if self.n_units else np.zeros((1, image.edges_s.size - 1))
        )
        return RasterImage(mean.astype(np.float32), image.edges_s)

    def _of(self, units: NDArray[np.intp] | None) -> list[NDArray[np.unsignedinteger]]:
        return self._trains if units is None else [self._trains[unit] for unit in units.tolist()]

    def _inside(self, start_s: float, stop_s: float) -> tuple[float, float]:
        start_s = min(max(start_s, 0.0), self.duration_s)
        stop_s = min(max(stop_s, start_s), self.duration_s)
        if stop_s - start_s < 1 / self._rate_hz:
            start_s = max(0.0, stop_s - 1 / self._rate_hz)
            stop_s = start_s + 1 / self._rate_hz
        return start_s, stop_s

    def _sample_edges(self, start_s: float, stop_s: float, columns: int) -> NDArray[np.uint64]:
        # uint64 like the trains: searchsorted would otherwise convert every train to float64.
        edges = np.linspace(max(start_s, 0.0), max(stop_s, 0.0), columns + 1) * self._rate_hz
        return np.ceil(np.round(edges, 6)).astype(np.uint64)

    def _bins_wanted(self) -> int:
        per_unit = self.n_spikes // max(1, self.n_units)
        return (
            min(max(1 << per_unit.bit_length() - 1, _FEWEST_BINS), _MOST_BINS) if per_unit else _FEWEST_BINS
        )

    def _exact_counts(self, edges: NDArray[np.uint64], units: NDArray[np.intp] | None) -> NDArray[np.int64]:
        """Return the number of spikes of each unit between neighbouring edges.

        The column of each sample is written down once; to search the edges in each train takes longer.
        """
        columns = edges.size - 1
        first, last = int(edges[0]), int(edges[-1])
        bins = np.array([first // self._samples_per_bin, -(-last // self._samples_per_bin)])
        bins = bins.clip(0, self._n_bins)
        base, stop = bins * self._samples_per_bin
        # Spikes of the first and the last bin that are outside of the edges are counted in a column too many.
        column_of = np.full(max(0, int(stop) - int(base)), columns, np.int32)
        column_of[first - base : last - base] = np.repeat(
            np.arange(columns, dtype=np.int32), np.diff(edges).astype(np.int64)
        )[: max(0, int(stop) - first)]
        trains, places = self._of(units), self._cumulated_at(bins, units).tolist()
        counts = np.zeros((len(trains), columns), np.int64)
        for row, (train, (low, high)) in enumerate(zip(trains, places, strict=True)):
            if high > low:
                inside = column_of[train[low:high] - np.uint64(base)]
                counts[row] = np.bincount(inside, minlength=columns + 1)[:columns]
        return counts

    def _cumulated_at(self, bins: NDArray[np.int64], units: NDArray[np.intp] | None) -> NDArray[np.int32]:
        if units is None:
            return self._cumulated.take(bins, axis=1)
        found: NDArray[np.int32] = self._cumulated[np.ix_(units, bins)]
        return found

    def _coarse_image(
        self, start_s: float, stop_s: float, columns: int, units: NDArray[np.intp] | None
    ) -> RasterImage:
        bin_s = self._samples_per_bin / self._rate_hz
        bins = np.linspace(start_s / bin_s, stop_s / bin_s, columns + 1).round().astype(np.int64)
        bins = bins.clip(0, self._n_bins)
        counts = np.diff(self._cumulated_at(bins, units), axis=1)
        return self._as_rates(counts, bins * self._samples_per_bin)

    def _as_rates(self, counts: NDArray[np.integer], edges: NDArray[np.integer]) -> RasterImage:
        widths = np.diff(edges.astype(np.int64)) / self._rate_hz
        rate = np.zeros(counts.shape, np.float32)
        np.divide(counts, widths, out=rate, where=widths > 0, casting="same_kind")
        return RasterImage(rate, edges / self._rate_hz)
