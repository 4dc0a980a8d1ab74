"""Raw recordings as every reader gives them: clock, light channels, digital events and sensor data.

A reader of raw recordings subclasses `SignalSource`; the pipeline and the window know nothing else of it.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hdmea.recordings.source import Progress, Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hdmea.recordings.mcs.sensor import Electrodes, SensorRegion

__all__ = ["DEFAULT_RATE_HZ", "DigitalEvents", "OnlineSpikes", "RecordingInfo", "SignalSource", "StreamInfo"]

DEFAULT_RATE_HZ = 20_000.0
"""Sampling rate that is assumed where no file states one."""


@dataclass(frozen=True)
class StreamInfo:
    """One stream of a recording: name, readable kind, sub-type and its data blocks in words."""

    name: str
    kind: str
    subtype: str
    blocks: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class RecordingInfo:
    """What a raw recording says about itself, and the decisions taken from it.

    Parameters
    ----------
    path
        The file.
    sampling_rate, sampling_rate_source
        Samples per second of the acquisition clock, and where the figure comes from.
    duration_s
        Seconds from time zero of the clock to the end of the recording, gaps included.
    segments
        int64 (n, 2): first and last + 1 sample of every recorded data group, on the clock.
    segments_source
        Name of the stream that the segments come from.
    metadata
        What the file states about itself, under the names that it uses.
    streams
        The streams that exist.
    n_light_channels, light_labels
        Number of analog channels, and their labels.
    warnings
        What the user should know.
    """

    path: Path
    sampling_rate: float
    sampling_rate_source: str
    duration_s: float
    segments: npt.NDArray[np.int64]
    segments_source: str
    metadata: dict[str, Any]
    streams: tuple[StreamInfo, ...]
    n_light_channels: int
    light_labels: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def n_samples(self) -> int:
        """Length of the acquisition clock in samples, gaps included."""
        return int(self.segments[:, 1].max()) if len(self.segments) else 0


@dataclass(frozen=True, eq=False)
class DigitalEvents:
    """Events of the digital port in the order of time.

    Parameters
    ----------
    time_us
        int64 (n,) microseconds.
    event_id
        int64 (n,) kind of the event: in files of 2017–18, 1 = on, 2 = off.
    labels
        Name of each event's kind; empty where the file has none.
    """

    time_us: npt.NDArray[np.int64]
    event_id: npt.NDArray[np.int64]
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.time_us)


@dataclass(frozen=True, eq=False)
class OnlineSpikes:
    """Spikes that the program which recorded found meanwhile, in the order of time.

    Parameters
    ----------
    time_us
        int64 (n,) microseconds.
    position
        int64 (n, 2): row and column of the electrode on the chip, from 1.
    """

    time_us: npt.NDArray[np.int64]
    position: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.time_us)


class SignalSource(Source):
    """What was recorded beside and below the spikes, in one file or folder open for reading; see `Source`."""

    @property
    @abstractmethod
    def info(self) -> RecordingInfo:
        """Clock, duration, segments, streams and warnings."""

    @abstractmethod
    def read_light(
        self, channel: int, start: int = 0, stop: int | None = None, progress: Progress | None = None
    ) -> npt.NDArray[np.float32]:
        """Return one analog channel on the acquisition clock.

        Parameters
        ----------
        channel
            Number of the channel, from 1.
        start, stop
            Samples of the clock, half-open; by default the whole recording.
        progress
            Called with the fraction done; may raise to stop.

        Returns
        -------
        numpy.ndarray
            float32 (stop - start,) counts; NaN where nothing was recorded.
        """

    def digital_events(self) -> DigitalEvents:
        """Return the events of the digital port, in the order of time; none by default."""
        return DigitalEvents(np.empty(0, np.int64), np.empty(0, np.int64), ())

    def read_digital(self, bit: int, progress: Progress | None = None) -> npt.NDArray[np.float32] | None:
        """Return one line of the digital port on the acquisition clock; None, the default, without a port.

        Parameters
        ----------
        bit
            Number of the line, from 0.
        progress
            Called with the fraction done; may raise to stop.

        Returns
        -------
        numpy.ndarray
            float32 (n_samples,): 0 or 1; NaN where nothing was recorded.
        """
        return None

    def online_spikes(self) -> OnlineSpikes:
        """Return the spikes that were found while recording; none by default."""
        return OnlineSpikes(np.empty(0, np.int64), np.empty((0, 2), np.int64))

    @property
    def sensor_regions(self) -> Sequence[SensorRegion]:
        """Recorded regions of the chip, by number; none by default."""
        return ()

    @property
    def sensor(self) -> Electrodes | None:
        """All recorded electrodes as one set; None, which is the default, without raw data of sensors."""
        return None
