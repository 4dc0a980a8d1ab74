"""Raw recordings for SpikeInterface (https://spikeinterface.readthedocs.io), read when traces are asked for.

```python
from hdmea.spikeinterface import CmcrRecording

recording = CmcrRecording("2025.04.10-11.12.57-Rec.cmcr", electrode_pitch_um=32)
traces = recording.get_traces(segment_index=0, start_frame=0, end_frame=2000, return_in_uV=True)
```

The extra `bridges` installs SpikeInterface.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from spikeinterface.core import BaseRecording, BaseRecordingSegment

from hdmea.recordings import open_signals
from hdmea.utils.exceptions import ConfigurationError
from hdmea.utils.fixes import Advice

if TYPE_CHECKING:
    from hdmea.recordings.mcs.sensor import SensorRegion

__all__ = ["CmcrRecording"]


class CmcrRecording(BaseRecording):  # type: ignore[misc]
    """The electrodes of a `.cmcr` file.

    Each recorded block is a segment. Channels are named ``row-column`` (from 1), also as the properties
    ``row`` and ``column``; gains and offsets turn counts into µV where the file states the factors.

    Parameters
    ----------
    file_path
        The file; it is opened read-only and never changed.
    region
        Number of the sensor region, from 0.
    electrode_pitch_um
        Distance of neighbouring electrodes (16 or 32 µm), which no file states; with it channels have
        locations.

    Raises
    ------
    FileNotFoundError, DataLoadError
        If the file cannot be read.
    ConfigurationError
        If it has no such region.
    """

    def __init__(
        self, file_path: str | Path, region: int = 0, electrode_pitch_um: float | None = None
    ) -> None:
        # The segments hold it as long as there are any.
        self._source = open_signals(Path(file_path))
        regions = self._source.sensor_regions
        if not 0 <= region < len(regions):
            raise ConfigurationError(
                f"{file_path} has {len(regions)} sensor regions; there is no {region}.",
                fix=Advice("Number regions from 0."),
            )
        chosen = regions[region]
        places = chosen.positions
        names = [f"{row}-{column}" for row, column in places]
        super().__init__(chosen.sampling_rate, names, chosen.dtype.newbyteorder("="))
        self.set_property("row", places[:, 0])
        self.set_property("column", places[:, 1])
        if chosen.unit == "uV":
            self.set_channel_gains(chosen.factors_uv)
            self.set_channel_offsets(-chosen.adzero * chosen.factors_uv)
        if electrode_pitch_um is not None:
            self.set_dummy_probe_from_locations((places[:, ::-1] - 1) * float(electrode_pitch_um))
        for segment in range(len(chosen.segments)):
            self.add_recording_segment(_Segment(chosen, segment))
        # What another process needs to open it again.
        self._kwargs = {
            "file_path": str(Path(file_path).absolute()),
            "region": region,
            "electrode_pitch_um": electrode_pitch_um,
        }


class _Segment(BaseRecordingSegment):  # type: ignore[misc]
    """One recorded block."""

    def __init__(self, region: SensorRegion, segment: int) -> None:
        start, stop = (int(sample) for sample in region.segments[segment])
        super().__init__(sampling_frequency=region.sampling_rate, t_start=start / region.sampling_rate)
        self._region, self._segment, self._n_samples = region, segment, stop - start

    def get_num_samples(self) -> int:
        """Return the number of samples."""
        return self._n_samples

    def get_traces(
        self,
        start_frame: int | None = None,
        end_frame: int | None = None,
        channel_indices: Sequence[int] | slice | None = None,
    ) -> NDArray[Any]:
        """Return counts, (samples, channels)."""
        start = 0 if start_frame is None else int(start_frame)
        stop = self._n_samples if end_frame is None else int(end_frame)
        counts = self._region.read_counts(self._segment, start, stop)
        chosen = counts if channel_indices is None else counts[:, channel_indices]
        return np.asarray(chosen, chosen.dtype.newbyteorder("="))
