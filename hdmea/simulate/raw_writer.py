"""Writes the raw file (`.cmcr`) in the vendor's layout."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np

from hdmea.recordings.mcs import vocabulary as names
from hdmea.simulate import _vocabulary as more_names
from hdmea.simulate.experiment import Experiment
from hdmea.simulate.population import SimulatedUnit
from hdmea.simulate.raw_signal import SensorSource, light_counts, port_word, sync_counts
from hdmea.simulate.timeline import Timeline
from hdmea.simulate.vendor_objects import TEXT, VendorFile

__all__ = ["Progress", "raw_intervals", "write_raw_file"]

Progress = Callable[[float, str], None]
"""Takes the fraction that is done and what is being done; may raise to stop."""

_BLOCK: Final = 1 << 20
_ANALOG_CHUNK: Final = 1 << 16
_LABELS: Final = {"light": "Aux 1", "sync": "Aux 2"}


def raw_intervals(experiment: Experiment, timeline: Timeline) -> list[tuple[int, int]]:
    """Return first and last + 1 sample of the raw sensor data of each data group."""
    length = round(experiment.raw_seconds * timeline.rate_hz)
    if length == 0 or not experiment.files.sensor_data:
        return []
    return [(int(start), int(min(start + length, stop))) for start, stop in timeline.segments]


def write_raw_file(
    path: Path,
    experiment: Experiment,
    timeline: Timeline,
    source: SensorSource,
    rng: np.random.Generator,
    units: Sequence[SimulatedUnit],
    progress: Progress,
) -> None:
    """Write the raw file.

    Parameters
    ----------
    path
        File to be written; its name is stated inside.
    experiment, timeline
        What was recorded when.
    source
        Counts of the sensors.
    rng
        Noise of the sensors.
    units
        Their spikes are those that were found while recording.
    progress
        Is told the fraction written.
    """
    files = experiment.files
    end_us = timeline.n_samples * experiment.tick_us
    with h5py.File(path, "w") as file:
        vendor = VendorFile(file, experiment.seed, files.fixed_strings, files.compressed)
        duration = end_us if files.states_duration else None
        vendor.write_root(path.name, ("CMOS-MEA-Control", "2.0.0.0"), files.file_version, duration)
        acquisition = vendor.group(file, "Acquisition", "Acquisition", names.ACQUISITION)
        vendor.interval(acquisition, 0, end_us)
        writer = _StreamWriter(vendor, acquisition, experiment, timeline)
        if files.analog_channels:
            writer.write_analog(progress)
        progress(0.4, "digital channels")
        writer.write_digital()
        if files.event_stream is not None:
            writer.write_events(files.event_stream)
        if files.online_spikes:
            writer.write_spikes(units)
        if intervals := raw_intervals(experiment, timeline):
            writer.write_sensors(source, rng, intervals, progress)


class _StreamWriter:
    """Writes one stream after the other into the acquisition group."""

    def __init__(
        self, vendor: VendorFile, acquisition: h5py.Group, experiment: Experiment, timeline: Timeline
    ) -> None:
        self._vendor = vendor
        self._acquisition = acquisition
        self._experiment = experiment
        self._timeline = timeline
        self._tick = experiment.tick_us

    def write_analog(self, progress: Progress) -> None:
        """Write the light and sync channels."""
        rows = self._experiment.files.analog_channels
        stream = self._stream("Analog Data", "ChannelStream", names.CHANNEL_STREAM, names.SUBTYPE_ANALOG)
        signals = {"light": light_counts, "sync": sync_counts}
        for group, (start, stop) in enumerate(self._timeline.segments.tolist(), start=1):
            data = self._channel_data(stream, group, (start, stop), len(rows), compressed=None)
            for first in range(start, stop, _BLOCK):
                progress(0.4 * first / self._timeline.n_samples, "light channels")
                block = (first, min(first + _BLOCK, stop))
                for row, signal in enumerate(rows):
                    data[row, block[0] - start : block[1] - start] = signals[signal](self._timeline, block)
        self._channel_meta(stream, [_LABELS[row] for row in rows], "V", -6)

    def write_digital(self) -> None:
        """Write the word of the digital port."""
        stream = self._stream("Digital Data", "ChannelStream", names.CHANNEL_STREAM, names.SUBTYPE_DIGITAL)
        for group, (start, stop) in enumerate(self._timeline.segments.tolist(), start=1):
            data = self._channel_data(stream, group, (start, stop), 1, compressed=True)
            for first in range(start, stop, _BLOCK):
                block = (first, min(first + _BLOCK, stop))
                data[0, block[0] - start : block[1] - start] = port_word(self._timeline, block)
        self._channel_meta(stream, ["Digital Port"], "NoUnit", 0)

    def write_events(self, name: str) -> None:
        """Write the digital events: port on (1) at the start of a movie, off (2) after it."""
        stream = self._stream(name, "EventStream", names.EVENT_STREAM, names.SUBTYPE_EVENTS)
        content = np.array([self._timeline.content(run) for run in self._timeline.runs], np.int64)
        samples = content.reshape(-1)
        codes = np.tile([1, 2], len(content))
        recorded = self._timeline.recorded(samples)
        samples, codes = samples[recorded], codes[recorded]
        zeros = np.zeros(len(samples), np.int64)
        self._vendor.table(
            stream,
            "EventData",
            "EventData",
            names.EVENT_DATA,
            {
                "EventID": ("<i4", codes),
                "TimeStamp": ("<i8", samples * self._tick),
                "Duration": ("<i8", zeros),
                "Info": ("<i4", zeros),
            },
        )
        self._vendor.table(
            stream,
            "EventMeta",
            "EventMeta",
            names.EVENT_META,
            {
                "EventID": ("<i4", [1, 2]),
                "Label": (TEXT, ["Digital On", "Digital Off"]),
                "SourceChannelIDs": (TEXT, ["1", "1"]),
            },
        )

    def write_spikes(self, units: Sequence[SimulatedUnit]) -> None:
        """Write the spikes of all units in the order of time, without cut-outs."""
        stream = self._stream("Spike Data", "SpikeStream", names.SPIKE_STREAM, "")
        samples = np.concatenate([np.empty(0, np.int64), *(unit.spike_samples for unit in units)])
        sensors = np.repeat([unit.sensor_id for unit in units], [unit.spike_samples.size for unit in units])
        order = np.argsort(samples, kind="stable")
        columns = {"SensorID": ("<i4", sensors[order]), "TimeStamp": ("<i8", samples[order] * self._tick)}
        self._vendor.table(stream, "SpikeData", "SpikeData", more_names.ONLINE_SPIKE_DATA, columns)
        meta = {"Tick": ("<i8", [self._tick]), "Unit": (TEXT, ["V"]), "Exponent": ("<i4", [-9])}
        self._vendor.table(stream, "SpikeMeta", "SpikeMeta", names.SPIKE_META, meta)

    def write_sensors(
        self,
        source: SensorSource,
        rng: np.random.Generator,
        intervals: Sequence[tuple[int, int]],
        progress: Progress,
    ) -> None:
        """Write the raw counts of the sensors, one dataset per data group."""
        stream = self._stream("Sensor Data", "SensorStream", names.SENSOR_STREAM, names.SUBTYPE_SENSOR)
        shape = source.frame_shape
        chunk = max(1, (1 << 17) // (shape[0] * shape[1]))
        block = chunk * max(1, (1 << 22) // (chunk * shape[0] * shape[1]))
        total = sum(stop - start for start, stop in intervals)
        done = 0
        for group, (start, stop) in enumerate(intervals, start=1):
            data = self._vendor.big_array(
                stream,
                f"SensorData 1 {group}",
                "SensorData",
                names.SENSOR_DATA,
                shape=(stop - start, *shape),
                dtype=self._experiment.files.integer_type,
                chunks=(chunk, *shape),
            )
            self._vendor.number(data, "RegionID", 1)
            self._vendor.number(data, "GroupID", group)
            self._vendor.interval(data, start * self._tick, stop * self._tick)
            for first, counts in source.blocks(rng, start, stop, block):
                progress(0.45 + 0.55 * (done + first - start) / total, "sensor data")
                data[first - start : first - start + len(counts)] = counts
            done += stop - start
        self._sensor_meta(stream, source, len(intervals))

    def _stream(self, name: str, kind: str, type_id: str, subtype: str) -> h5py.Group:
        return self._vendor.group(self._acquisition, name, kind, type_id, subtype)

    def _channel_data(
        self,
        stream: h5py.Group,
        group: int,
        interval: tuple[int, int],
        channels: int,
        compressed: bool | None,
    ) -> h5py.Dataset:
        start, stop = interval
        data = self._vendor.big_array(
            stream,
            f"ChannelData {group}",
            "ChannelData",
            names.CHANNEL_DATA,
            shape=(channels, stop - start),
            dtype="<i4",
            chunks=(1, _ANALOG_CHUNK),
            compressed=compressed,
        )
        self._vendor.number(data, "GroupID", group)
        self._vendor.interval(data, start * self._tick, stop * self._tick)
        return data

    def _channel_meta(self, stream: h5py.Group, labels: Sequence[str], unit: str, exponent: int) -> None:
        groups = len(self._timeline.segments)
        rows = groups * len(labels)

        def constant(value: Any) -> list[Any]:
            return [value] * rows

        self._vendor.table(
            stream,
            "ChannelMeta",
            "ChannelMeta",
            names.CHANNEL_META,
            {
                "ChannelID": ("<i4", list(range(1, len(labels) + 1)) * groups),
                "GroupID": ("<i4", np.repeat(np.arange(1, groups + 1), len(labels))),
                "Label": (TEXT, list(labels) * groups),
                "RawDataType": (TEXT, constant("Int")),
                "Unit": (TEXT, constant(unit)),
                "Exponent": ("<i4", constant(exponent)),
                "Tick": ("<i8", constant(self._tick)),
                "ConversionFactor": ("<f8", constant(1.0)),
                "ADZero": ("<i4", constant(0)),
            },
        )

    def _sensor_meta(self, stream: h5py.Group, source: SensorSource, groups: int) -> None:
        files, region = self._experiment.files, self._experiment.region
        edges = {
            "Left": region.first_column,
            "Top": region.first_row,
            "Right": region.last_column,
            "Bottom": region.last_row,
        }
        factors = " ".join(f"{factor:.6g}" for factor in source.conversion_nv.T.ravel()) + " "
        columns: dict[str, tuple[str, Any]] = {
            "RegionID": ("<i4", [1] * groups),
            "GroupID": ("<i4", list(range(1, groups + 1))),
            "Label": (TEXT, ["ROI 1"] * groups),
            "Tick": ("<i8", [self._tick] * groups),
            "Exponent": ("<i4", [-9] * groups),
            "Unit": (TEXT, ["V"] * groups),
            "RawDataType": (TEXT, [files.integer_type] * groups),
        }
        columns |= {files.edge_fields + edge: ("<i4", [at] * groups) for edge, at in edges.items()}
        if files.ad_zero is not None:
            columns["ADZero"] = ("<i4", [files.ad_zero] * groups)
        columns[files.factor_field] = (TEXT, [factors] * groups)
        self._vendor.table(stream, "SensorMeta", "SensorMeta", names.SENSOR_META, columns)
