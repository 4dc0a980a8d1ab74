"""Templates of a Phy folder: on which channel each is largest, and its waveform there."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hdmea.recordings.phy.npy import REAL, NpyFile, damaged, open_npy

__all__ = ["TEMPLATES", "Peak", "Templates"]

TEMPLATES, TEMPLATE_IND, UNWHITENING = "templates.npy", "template_ind.npy", "whitening_mat_inv.npy"

_LARGE = 0.1
"""Part of the largest peak-to-peak value from which on a channel may be the largest without the whitening."""

Floats = npt.NDArray[np.float64]
Peak = tuple[int | None, Floats]
"""Channel on which a template is largest, None if it has none; and its waveform there, float64 (samples,)."""


class Templates:
    """The templates of a folder that has some, read one by one.

    Dense templates have a value for each channel; sparse ones only for those that `template_ind.npy` lists.
    Where `whitening_mat_inv.npy` exists, the whitening of the sorter is undone, as Phy does.

    Parameters
    ----------
    folder
        The folder.
    n_channels
        Number of channels, None if it is not known.
    """

    def __init__(self, folder: Path, n_channels: int | None) -> None:
        self.path = folder / TEMPLATES
        self._folder = folder
        self._n_channels = n_channels
        file = open_npy(self.path, REAL, (3,), "templates (number, samples, channels)")
        self._shape = file.shape
        # What is stored by columns cannot be read template by template.
        self._stored: npt.NDArray[Any] | NpyFile = file.read() if file.by_columns else file
        self._peaks: dict[int, Peak] = {}

    def __len__(self) -> int:
        return self._shape[0]

    def peak(self, number: int) -> Peak:
        """Return where a template is largest, from its lowest to its highest value.

        Raises
        ------
        DataLoadError
            If there is no such template, or a file is damaged.
        """
        if number not in self._peaks:
            values, channels = self._read(number)
            if values.size:
                best = int(np.argmax(np.ptp(values, axis=0)))
                self._peaks[number] = int(channels[best]), values[:, best].copy()
            else:
                self._peaks[number] = None, np.empty(0)
        return self._peaks[number]

    def _read(self, number: int) -> tuple[Floats, npt.NDArray[np.int64]]:
        """Return a template, float64 (samples, channels), and the numbers of its channels."""
        if number >= len(self):
            raise damaged(
                self.path, f"it has {len(self)} templates, but there are spikes of template {number}."
            )
        stored = self._stored
        values: Floats = np.asarray(
            stored.read_item(number) if isinstance(stored, NpyFile) else stored[number], dtype=np.float64
        )
        channels: npt.NDArray[np.int64] = np.arange(values.shape[1], dtype=np.int64)
        if self._sparse is not None:
            there = (self._sparse[number] >= 0) & (self._sparse[number] < (self._n_channels or np.inf))
            values, channels = values[:, there], self._sparse[number][there]
        if not np.isfinite(values).all():
            raise damaged(self.path, f"template {number} has values that are not numbers.")
        return self._without_whitening(values, channels)

    def _without_whitening(
        self, values: Floats, channels: npt.NDArray[np.int64]
    ) -> tuple[Floats, npt.NDArray[np.int64]]:
        matrix = self._unwhitening
        if matrix is None or not channels.size:
            return values, channels
        if channels.max() >= len(matrix):
            raise damaged(
                self._folder / UNWHITENING, f"it has {len(matrix)} channels, the templates have more."
            )
        # All channels contribute to the value of each, but only the larger ones can be the largest: the
        # whitening of thousands of channels takes time.
        size = np.ptp(values, axis=0)
        used, large = np.flatnonzero(size), np.flatnonzero(size >= _LARGE * size.max())
        mixing = matrix[np.ix_(channels[used], channels[large])].astype(np.float64)
        return values[:, used] @ mixing, channels[large]

    @cached_property
    def _sparse(self) -> npt.NDArray[np.int64] | None:
        """(templates, channels of a template): the channels of sparse templates, None for dense ones."""
        path = self._folder / TEMPLATE_IND
        if not os.path.isfile(path):
            return None
        channels = open_npy(path, REAL, (2,), "the channels of each template").read()
        if channels.shape != (self._shape[0], self._shape[2]):
            raise damaged(path, f"its shape is {channels.shape}, but {TEMPLATES} is {self._shape}.")
        # Some sorters write floating-point numbers, and -1 or NaN where a template has fewer channels.
        whole = np.where(np.isfinite(channels) & (np.abs(channels) < 1 << 31), channels, -1)
        return whole.astype(np.int64)

    @cached_property
    def _unwhitening(self) -> npt.NDArray[Any] | None:
        path = self._folder / UNWHITENING
        if not os.path.isfile(path):
            return None
        matrix = open_npy(path, REAL, (2,), "a square matrix of the channels").read()
        if matrix.shape[0] != matrix.shape[1] or not np.isfinite(matrix).all():
            raise damaged(path, f"it should hold a square matrix of numbers, but it is {matrix.shape}.")
        return matrix
