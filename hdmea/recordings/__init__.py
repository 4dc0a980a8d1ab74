"""Recordings in: what acquisition systems and spike sorters write, as data with names and units."""

from hdmea.recordings.reader import READERS, Reader, find_reader, open_signals, open_units
from hdmea.recordings.signals import DigitalEvents, RecordingInfo, SignalSource, StreamInfo
from hdmea.recordings.units import (
    SortedUnit,
    SortingInfo,
    UnitOptions,
    UnitSource,
    UnitSpikes,
    spikes_from_samples,
)

__all__ = [
    "READERS",
    "DigitalEvents",
    "Reader",
    "RecordingInfo",
    "SignalSource",
    "SortedUnit",
    "SortingInfo",
    "StreamInfo",
    "UnitOptions",
    "UnitSource",
    "UnitSpikes",
    "find_reader",
    "open_signals",
    "open_units",
    "spikes_from_samples",
]
