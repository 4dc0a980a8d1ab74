"""A folder as Kilosort and Phy write it: spikes, templates, places and labels of the units of any sorter.

Layout: https://phy.readthedocs.io/en/latest/sorting_user_guide/ and the README of phylib.
"""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
import numpy.typing as npt

from hdmea.recordings.inspection import Decision
from hdmea.recordings.mcs.vocabulary import sensor_id
from hdmea.recordings.phy.npy import REAL, WHOLE, NpyFile, damaged, open_npy
from hdmea.recordings.phy.places import Places, chip_places
from hdmea.recordings.phy.tables import UNLABELLED, Labels, read_labels, read_params, sampling_rate, storable
from hdmea.recordings.phy.templates import TEMPLATES, Peak, Templates
from hdmea.recordings.source import Progress
from hdmea.recordings.units import (
    SortedUnit,
    SortingInfo,
    UnitOptions,
    UnitSource,
    UnitSpikes,
    spikes_from_samples,
)
from hdmea.utils.exceptions import DataLoadError, MissingFileError
from hdmea.utils.fixes import Advice, SetParameter
from hdmea.utils.notices import Notice

__all__ = ["NOISE", "PhyFolder"]

NOISE = "noise"
LONGEST_S = 24 * 3600.0
"""A later spike is an error of the file; a recording of a day would have 14 terabytes."""

TIMES, CLUSTERS, SPIKE_TEMPLATES = "spike_times.npy", "spike_clusters.npy", "spike_templates.npy"
AMPLITUDES, POSITIONS, CHANNEL_MAP = "amplitudes.npy", "channel_positions.npy", "channel_map.npy"


class PhyFolder(UnitSource):
    """The units of one folder; use it in a `with` block.

    Times count recorded samples from the first one. A unit is a cluster; its waveform is that of the
    template that most of its spikes have, on the channel where it is largest, without the whitening of the
    sorter where `whitening_mat_inv.npy` exists. Clusters labelled as noise are left out unless asked for.

    Parameters
    ----------
    path
        The folder; nothing in it is changed or run.
    options
        Whether noise is kept, and the pitch of the electrodes.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    DataLoadError
        If `params.py` is missing or wrong; of the other files when they are read. It names the file.
    """

    def __init__(self, path: str | Path, options: UnitOptions | None = None) -> None:
        self.path = Path(path)
        self._options = options or UnitOptions()
        if not os.path.exists(self.path):
            raise MissingFileError(
                f"{self.path} does not exist.",
                path=self.path,
                fix=Advice("Check the path, and that the drive is connected."),
            )
        if not os.path.isdir(self.path):
            raise DataLoadError(
                f"{self.path} is a file, not a folder.",
                self.path,
                fix=Advice("Choose the folder that contains it."),
            )
        self._params = read_params(self.path)
        self._rate = sampling_rate(self.path, self._params)
        self._notes: list[str] = []

    # -- what the folder says --------------------------------------------------------------------------

    @cached_property
    def info(self) -> SortingInfo:
        """Duration, rate, settings and warnings."""
        units = self.units
        return SortingInfo(
            path=self.path,
            duration_s=self._duration_s,
            sampling_rate=self._rate,
            metadata={name: _plain(value) for name, value in self._params.items() if _is_plain(value)},
            tools=("Phy",),
            linked_recording=self.linked_recording,
            n_units=len(units),
            warnings=tuple(self._notes),
            sampling_rate_source="sample_rate in params.py",
            counts_from="first sample",
        )

    @property
    def linked_recording(self) -> str | None:
        """File name in ``dat_path`` of `params.py`: the raw data that were sorted."""
        stated = self._params.get("dat_path")
        if isinstance(stated, list | tuple) and len(stated) == 1:
            (stated,) = stated
        return PureWindowsPath(stated).name or None if isinstance(stated, str) else None

    @cached_property
    def _duration_s(self) -> float | None:
        """Length of the raw data in seconds, if they are in the folder or beside it."""
        name, channels = self.linked_recording, self._params.get("n_channels_dat")
        offset = self._params.get("offset", 0)
        if name is None or not isinstance(channels, int) or channels < 1 or not isinstance(offset, int):
            return None
        try:
            width = np.dtype(str(self._params.get("dtype", "int16"))).itemsize
        except (TypeError, ValueError, SyntaxError, OverflowError):
            return None
        for folder in (self.path, self.path.absolute().parent):
            if os.path.isfile(folder / name):
                n_bytes = (folder / name).stat().st_size - offset
                return n_bytes // (channels * width) / self._rate if width and n_bytes > 0 else None
        return None

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """How places and times are understood."""
        places = "none" if self._places is None else "from the positions of the channels"
        why = self._places.reason if self._places is not None else "see the warnings"
        return (
            Decision("rows and columns", places, why),
            Decision("times", "counted from the first recorded sample", "Phy counts samples of the raw data"),
        )

    # -- spikes ----------------------------------------------------------------------------------------

    @cached_property
    def _times(self) -> npt.NDArray[np.int64]:
        """int64 (n,): sample of each spike, checked."""
        path = self.path / TIMES
        stored = _column(open_npy(path, WHOLE, (1, 2), "the sample of each spike, in whole numbers"))
        # Compared before the type is changed: a large unsigned number would become a negative one.
        if stored.size and stored.min() < 0:
            raise damaged(path, f"{np.count_nonzero(stored < 0)} spikes are before the first sample.")
        latest_s = int(stored.max()) / self._rate if stored.size else 0.0
        if latest_s > LONGEST_S:
            raise damaged(
                path,
                f"there is a spike at {latest_s:.0f} s, later than any recording lasts; params.py states "
                f"{self._rate:g} Hz.",
            )
        return stored.astype(np.int64)

    def _per_spike(self, name: str, kinds: str, content: str) -> npt.NDArray[Any]:
        """Return a value of each spike, as many as there are times."""
        values = _column(open_npy(self.path / name, kinds, (1, 2), content))
        if values.size != self._times.size:
            said = f"it has {values.size} values, but {TIMES} has {self._times.size} spikes."
            raise damaged(self.path / name, said)
        return values

    def _numbers(self, name: str, content: str) -> npt.NDArray[np.int64]:
        """Return a number from 0 of each spike."""
        values = self._per_spike(name, WHOLE, content)
        if values.size and (values.min() < 0 or int(values.max()) > np.iinfo(np.int32).max):
            raise damaged(self.path / name, f"it should hold {content}, from 0.")
        return values.astype(np.int64)

    @cached_property
    def _clusters(self) -> npt.NDArray[np.int64]:
        if os.path.isfile(self.path / CLUSTERS):
            return self._numbers(CLUSTERS, "the number of each spike's cluster")
        if not os.path.isfile(self.path / SPIKE_TEMPLATES):
            said = f"there is no such file, nor {SPIKE_TEMPLATES}: the units of the spikes are not known."
            raise damaged(self.path / CLUSTERS, said)
        self._notes.append(f"There is no {CLUSTERS}: the templates of the sorter are taken as units.")
        return self._numbers(SPIKE_TEMPLATES, "the number of each spike's template")

    @cached_property
    def _spike_templates(self) -> npt.NDArray[np.int64]:
        if not os.path.isfile(self.path / SPIKE_TEMPLATES):
            # Before any curation by hand a cluster is a template.
            return self._clusters
        return self._numbers(SPIKE_TEMPLATES, "the number of each spike's template")

    @cached_property
    def _amplitudes(self) -> npt.NDArray[np.float64] | None:
        if not os.path.isfile(self.path / AMPLITUDES):
            return None
        return self._per_spike(AMPLITUDES, REAL, "the amplitude of each spike").astype(np.float64)

    @cached_property
    def _spikes_of(self) -> dict[int, npt.NDArray[np.intp]]:
        """Number of each cluster to the places of its spikes in the arrays."""
        order = np.argsort(self._clusters, kind="stable")
        numbers, first = np.unique(self._clusters[order], return_index=True)
        return dict(zip(numbers.tolist(), np.split(order, first[1:]), strict=False))

    # -- templates and channels ------------------------------------------------------------------------

    @cached_property
    def _templates(self) -> Templates | None:
        if os.path.isfile(self.path / TEMPLATES):
            return Templates(self.path, None if self._positions is None else len(self._positions))
        self._notes.append(f"There is no {TEMPLATES}: units have no waveform and no place on the chip.")
        return None

    @cached_property
    def _positions(self) -> npt.NDArray[np.float64] | None:
        path = self.path / POSITIONS
        if not os.path.isfile(path):
            self._notes.append(f"There is no {POSITIONS}: units have no place on the chip.")
            return None
        positions = open_npy(path, REAL, (2,), "x and y of each channel").read().astype(np.float64)
        if positions.shape[1] != 2:
            raise damaged(path, f"it should hold x and y of each channel, but it is {positions.shape}.")
        return positions

    @cached_property
    def _places(self) -> Places | None:
        if self._positions is None:
            return None
        found = chip_places(self._positions, self._options.electrode_pitch_um)
        if isinstance(found, str):
            self._notes.append(f"Units have no row and column: {found}.")
            return None
        return found

    @cached_property
    def _channel_map(self) -> npt.NDArray[np.int64] | None:
        path = self.path / CHANNEL_MAP
        if not os.path.isfile(path):
            return None
        content = "the channel in the raw data of each channel"
        return _column(open_npy(path, WHOLE, (1, 2), content)).astype(np.int64)

    def _peak(self, cluster: int) -> Peak:
        """Return where the template is largest that most spikes of a cluster have; see `Templates.peak`."""
        if self._templates is None:
            return None, np.empty(0)
        numbers, counts = np.unique(self._spike_templates[self._spikes_of[cluster]], return_counts=True)
        return self._templates.peak(int(numbers[np.argmax(counts)]))

    # -- units -----------------------------------------------------------------------------------------

    @cached_property
    def _labels(self) -> Labels:
        return read_labels(self.path)

    @cached_property
    def units(self) -> tuple[SortedUnit, ...]:
        """Clusters with spikes in the order of their numbers, without noise unless it is asked for."""
        return self._listed(None)

    def list_units(self, progress: Progress | None = None) -> tuple[SortedUnit, ...]:
        """Return `units`; `progress` is called with the fraction done and may raise to stop."""
        if "units" not in self.__dict__ and progress is not None:
            self.__dict__["units"] = self._listed(progress)
        return self.units

    def _listed(self, progress: Progress | None) -> tuple[SortedUnit, ...]:
        numbers = list(self._spikes_of)
        noise = [number for number in numbers if self._label(number) == NOISE]
        if noise and not self._options.keep_noise:
            count = sum(self._spikes_of[number].size for number in noise)
            named = f"{', '.join(map(str, noise[:10]))}{' …' if len(noise) > 10 else ''}"
            self._notes.append(
                Notice(
                    f"Clusters labelled as noise are skipped: {named} ({count} spikes).",
                    fix=SetParameter("keep_noise", "load_recording", True),
                )
            )
            numbers = [number for number in numbers if number not in set(noise)]
        found = []
        for index, number in enumerate(numbers):
            found.append(self._described(number))
            if progress is not None:
                progress((index + 1) / len(numbers))
        return tuple(found)

    def _label(self, number: int) -> str:
        return str(self._labels.get(number, {}).get("label", UNLABELLED))

    def _described(self, number: int) -> SortedUnit:
        channel, _ = self._peak(number)
        row = column = sensor = None
        measures: dict[str, Any] = {"label": self._label(number), **self._labels.get(number, {})}
        if channel is not None:
            self._check_channel(channel)
            measures["channel"] = channel if self._channel_map is None else int(self._channel_map[channel])
            if self._positions is not None:
                measures["x_um"], measures["y_um"] = self._positions[channel].tolist()
            if self._places is not None:
                row, column = int(self._places.rows[channel]), int(self._places.columns[channel])
                sensor = sensor_id(row, column)
        return SortedUnit(number, f"cluster {number}", row, column, sensor, measures)

    def _check_channel(self, channel: int) -> None:
        for name, values in ((POSITIONS, self._positions), (CHANNEL_MAP, self._channel_map)):
            if values is not None and channel >= len(values):
                said = f"it has {len(values)} channels, but a template is largest on channel {channel}."
                raise damaged(self.path / name, said)

    @property
    def n_peaks(self) -> int:
        """Number of spikes of `units`."""
        return sum(self._spikes_of[unit.unit_id].size for unit in self.units)

    def read_unit(
        self,
        unit: SortedUnit,
        sampling_rate: float,
        progress: Progress | None = None,
        *,
        end_sample: int | None = None,
        drop_duplicates_ms: float | None = None,
    ) -> UnitSpikes:
        """Return the spikes of a cluster and the waveform of its template; see `UnitSource.read_unit`."""
        places = self._spikes_of[unit.unit_id]
        samples = self._times[places]
        if sampling_rate != self._rate:
            samples = np.rint(samples * (sampling_rate / self._rate)).astype(np.int64)
        amplitudes = None if self._amplitudes is None else self._amplitudes[places]
        found = spikes_from_samples(
            unit.unit_id,
            samples,
            sampling_rate,
            waveform=self._peak(unit.unit_id)[1],
            amplitudes=amplitudes,
            end_sample=end_sample,
            drop_duplicates_ms=drop_duplicates_ms,
        )
        if progress is not None:
            progress(1.0)
        return found


def _column(file: NpyFile) -> npt.NDArray[Any]:
    """Return the values of (n,), (n, 1) or (1, n)."""
    if len(file.shape) == 2 and 1 not in file.shape and 0 not in file.shape:
        raise damaged(
            file.path, f"it should hold one value for each spike or channel, but it is {file.shape}."
        )
    return file.read().reshape(-1)


def _plain(value: Any) -> Any:
    return storable(value) if isinstance(value, str) else value


def _is_plain(value: Any) -> bool:
    if isinstance(value, int):
        return abs(value) < 1 << 63
    return isinstance(value, str | float)
