"""Raw recordings (`.cmcr`): clock, light channels, digital events and sensor data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

from hdmea.recordings.mcs import vocabulary as mcs
from hdmea.recordings.mcs.blocks import Block, blocks_of, check_lengths, segments_of
from hdmea.recordings.mcs.hdf5 import (
    Table,
    attribute,
    attributes,
    check_backed,
    check_generation,
    children,
    find_child,
    is_kind,
    missing_filters,
    name_key,
    needs_filters,
    open_source,
    positive,
    reading,
)
from hdmea.recordings.mcs.sensor import Electrodes, SensorRegion, join_regions, read_regions
from hdmea.recordings.signals import (
    DEFAULT_RATE_HZ,
    DigitalEvents,
    OnlineSpikes,
    RecordingInfo,
    SignalSource,
    StreamInfo,
)
from hdmea.recordings.source import Progress
from hdmea.utils.exceptions import DataLoadError, ValidationError
from hdmea.utils.fixes import Advice, ChooseFile, Either, SetParameter

__all__ = ["CmcrReader", "usable_rate"]

RATE_RANGE_HZ = (1_000.0, 100_000.0)
DURATION_TOLERANCE_S = 0.1
SLICE_SAMPLES = 1 << 19
SPIKES_AT_ONCE = 1 << 16


def usable_rate(rate: float | None) -> bool:
    """Whether a figure can be a sampling rate: a finite number above zero."""
    return rate is not None and np.isfinite(rate) and rate > 0


class CmcrReader(SignalSource):
    """Reader of one raw recording; use it in a `with` block.

    Parameters
    ----------
    path
        The `.cmcr` file. It is opened read-only, without a lock, and never changed.
    fallback_rate
        Sampling rate in Hz and its source in words, used only if the file does not tell its own.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    DataLoadError
        If it is not a raw recording of this generation, or damaged. The message says what to do.
    """

    def __init__(self, path: str | Path, fallback_rate: tuple[float, str] | None = None) -> None:
        self.path = Path(path)
        self._fallback_rate = fallback_rate
        self._stack = ExitStack()
        handle = self._stack.enter_context(open_source(self.path))
        try:
            with reading(self.path, "the groups of the recording"):
                self._root: h5py.File = handle
                self._acquisition = self._find_acquisition(handle)
        except BaseException:
            self._stack.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._stack.close()

    def _find_acquisition(self, handle: h5py.File) -> h5py.Group:
        check_generation(handle, self.path)
        acquisition = find_child(handle, mcs.ACQUISITION, "Acquisition")
        if isinstance(acquisition, h5py.Group):
            return acquisition
        members = children(handle).values()
        if any(is_kind(node, kind) for node in members for kind in mcs.TOOL_KINDS):
            raise DataLoadError(
                f"{self.path} is a spike-sorted file (.cmtr), not a raw recording (.cmcr).",
                self.path,
                fix=Either((ChooseFile("cmtr_path"), Advice("Check whether the two files were swapped."))),
            )
        raise DataLoadError(
            f"{self.path} has no group 'Acquisition', so it does not contain a recording.",
            self.path,
            fix=Advice("Choose the .cmcr file that CMOS-MEA-Control wrote."),
        )

    # -- streams -------------------------------------------------------------------------------------

    def _stream(self, kind: str, subtype: str, names: Sequence[str]) -> h5py.Group | None:
        """Return the stream of this kind and sub-type, otherwise the one so named, otherwise the only one."""
        groups = {
            name: node for name, node in children(self._acquisition).items() if isinstance(node, h5py.Group)
        }
        of_kind = {name: node for name, node in groups.items() if is_kind(node, kind)}
        for node in of_kind.values():
            if name_key(str(attribute(node, mcs.SUBTYPE, ""))) == name_key(subtype):
                return node
        others = [guid for guid in mcs.KIND_NAMES if guid != kind]
        named = {
            name_key(name): node
            for name, node in groups.items()
            if not any(is_kind(node, guid) for guid in others)
        }
        for name in map(name_key, names):
            if name in named:
                return named[name]
        unnamed = [node for node in of_kind.values() if not attribute(node, mcs.SUBTYPE)]
        return unnamed[0] if len(of_kind) == len(unnamed) == 1 else None

    @cached_property
    def _light(self) -> h5py.Group | None:
        return self._stream(mcs.CHANNEL_STREAM, mcs.SUBTYPE_ANALOG, mcs.ANALOG_NAMES)

    @cached_property
    def _light_meta(self) -> Table:
        return Table(
            None if self._light is None else find_child(self._light, mcs.CHANNEL_META, "ChannelMeta")
        )

    @cached_property
    def _light_blocks(self) -> list[Block]:
        return self._channel_blocks(self._light)

    @staticmethod
    def _channel_blocks(stream: h5py.Group | None) -> list[Block]:
        if stream is None:
            return []
        meta = Table(find_child(stream, mcs.CHANNEL_META, "ChannelMeta"))
        return blocks_of(stream, mcs.CHANNEL_DATA, "ChannelData", meta, time_axis=-1)

    @cached_property
    def _sensor_blocks(self) -> list[Block]:
        stream = self._stream(mcs.SENSOR_STREAM, mcs.SUBTYPE_SENSOR, mcs.SENSOR_NAMES)
        if stream is None:
            return []
        meta = Table(find_child(stream, mcs.SENSOR_META, "SensorMeta"))
        blocks = blocks_of(stream, mcs.SENSOR_DATA, "SensorData", meta, time_axis=0)
        return [block for block in blocks if block.region == blocks[0].region]

    def _digital_blocks(self) -> list[Block]:
        return self._channel_blocks(self._stream(mcs.CHANNEL_STREAM, mcs.SUBTYPE_DIGITAL, mcs.DIGITAL_NAMES))

    # -- what the recording says ---------------------------------------------------------------------

    @cached_property
    def info(self) -> RecordingInfo:
        """Clock, duration, segments, streams and warnings."""
        with reading(self.path, "the metadata of the recording"):
            return self._read_info()

    def _read_info(self) -> RecordingInfo:
        sampled = {"analog channels": self._light_blocks, "digital channels": self._digital_blocks()}
        sampled["sensor data"] = self._sensor_blocks
        source = next((name for name, blocks in sampled.items() if blocks), "")
        blocks = sampled.get(source, [])
        rate, rate_source, warnings = self._rate(blocks, source)
        warnings += _other_rates(sampled, rate)
        segments, placed = segments_of(blocks, 1e6 / rate)
        for each in sampled.values():
            warnings += check_lengths(each, 1e6 / rate)
        for name, packed in sampled.items():
            lacking = sorted({number for block in packed for number in missing_filters(block.dataset)})
            if lacking:
                warnings.append(f"The {name} cannot be read: {needs_filters(lacking)}")
        duration, doubts = self._duration(segments, rate)
        count = min((_n_channels(block) for block in self._light_blocks), default=0)
        return RecordingInfo(
            path=self.path,
            sampling_rate=rate,
            sampling_rate_source=rate_source,
            duration_s=duration,
            segments=segments,
            segments_source=source,
            metadata=attributes(self._root),
            streams=tuple(self._describe_streams()),
            n_light_channels=count,
            light_labels=tuple(str(self._light_meta.value(row, "Label") or "") for row in range(count)),
            warnings=(*warnings, *placed, *doubts),
        )

    def _rate(self, blocks: Sequence[Block], source: str) -> tuple[float, str, list[str]]:
        ticks = {block.tick_us for block in blocks if block.tick_us is not None}
        warnings = []
        if ticks:
            tick = next(block.tick_us for block in blocks if block.tick_us is not None)
            rate, said = 1e6 / tick, f"tick of the {source} ({tick:g} µs)"
            if len(ticks) > 1:
                warnings.append(
                    f"The data groups of the {source} state different ticks; {tick:g} µs is used."
                )
        else:
            rate, said = self._rate_without_tick(blocks)
            warnings.append(f"The file does not state its sampling rate; {rate:g} Hz is used ({said}).")
        if not RATE_RANGE_HZ[0] <= rate <= RATE_RANGE_HZ[1]:
            warnings.append(f"A sampling rate of {rate:g} Hz is unusual ({said}): check the file.")
        return rate, said, warnings

    def _rate_without_tick(self, blocks: Sequence[Block]) -> tuple[float, str]:
        samples = sum(block.n_samples for block in blocks)
        spans = [block.to_us - block.from_us for block in blocks if block.from_us is not None and block.to_us]
        stated = positive(attribute(self._root, mcs.RECORDING_DURATION))
        recorded_us = sum(spans) if spans and len(spans) == len(blocks) else stated
        if samples and recorded_us and recorded_us > 0:
            return samples / recorded_us * 1e6, "number of samples / recorded duration"
        if self._fallback_rate is not None and usable_rate(self._fallback_rate[0]):
            return self._fallback_rate
        return DEFAULT_RATE_HZ, "assumed, because no file states it"

    def _duration(self, segments: npt.NDArray[np.int64], rate: float) -> tuple[float, list[str]]:
        """Seconds to the end of the recording, and warnings if the statements contradict each other."""
        span = float(segments[:, 1].max() / rate) if len(segments) else 0.0
        recorded = float(np.sum(segments[:, 1] - segments[:, 0]) / rate)
        extent = span - float(segments[:, 0].min() / rate) if len(segments) else 0.0
        stated = positive(attribute(self._root, mcs.RECORDING_DURATION)) / 1e6
        end = positive(attribute(self._acquisition, "To")) / 1e6
        warnings = []
        agrees = any(abs(stated - value) <= DURATION_TOLERANCE_S for value in (span, recorded, extent, end))
        if stated and (span or end) and not agrees:
            warnings.append(
                f"The file states a duration of {stated:.3f} s, but its channels end at {span or end:.3f} s; "
                f"{max(span, stated, end):.3f} s is used."
            )
        return max(span, stated, end), warnings

    def _describe_streams(self) -> list[StreamInfo]:
        described = []
        for name, node in children(self._acquisition).items():
            if not isinstance(node, h5py.Group):
                continue
            kind = next(
                (label for guid, label in mcs.KIND_NAMES.items() if is_kind(node, guid)), "unknown kind"
            )
            blocks = tuple(
                f"{member} {item.shape} {item.dtype}"
                if item.dtype.names is None
                else f"{member} ({len(item)} rows)"
                for member, item in children(node).items()
                if isinstance(item, h5py.Dataset) and item.ndim
            )
            described.append(StreamInfo(name, kind, str(attribute(node, mcs.SUBTYPE, "")), blocks))
        return described

    # -- data ----------------------------------------------------------------------------------------

    def read_light(
        self, channel: int, start: int = 0, stop: int | None = None, progress: Progress | None = None
    ) -> npt.NDArray[np.float32]:
        """One analog channel on the acquisition clock.

        Parameters
        ----------
        channel
            Number of the channel, from 1 (light intensity is 1, frame sync is 2).
        start, stop
            Samples of the clock, half-open; by default the whole recording.
        progress
            Called with the fraction done after every slice; may raise to stop.

        Returns
        -------
        numpy.ndarray
            float32 (stop - start,) counts; NaN where nothing was recorded. Besides the result, memory
            for one slice only is used.
        """
        info = self.info
        if not 1 <= channel <= info.n_light_channels:
            raise ValidationError(
                f"{self.path} has no analog channel {channel}; its channels are 1 to "
                f"{info.n_light_channels}.",
                path=self.path,
                fix=Either((SetParameter("light_channel"), SetParameter("sync_channel"))),
            )
        stop = info.n_samples if stop is None else stop
        out = np.empty(max(stop - start, 0), dtype=np.float32)
        written = start
        for (first, last), block in zip(info.segments.tolist(), self._light_blocks, strict=True):
            low, high = max(first, start), min(last, stop)
            if low >= high:
                continue
            out[max(written - start, 0) : max(low - start, 0)] = np.nan
            with reading(self.path, f"analog channel {channel}", block.dataset):
                check_backed(block.dataset)
                self._copy(
                    block, channel - 1, low - first, out[low - start : high - start], progress, len(out)
                )
            written = high
        out[max(written - start, 0) :] = np.nan
        return out

    @staticmethod
    def _copy(
        block: Block,
        row: int,
        first: int,
        out: npt.NDArray[np.float32],
        progress: Progress | None,
        total: int,
    ) -> None:
        """Read samples from `first` on into `out`, slice by slice through one small buffer."""
        dataset = block.dataset
        buffer = np.empty(min(SLICE_SAMPLES, len(out)), dtype=dataset.dtype)
        for low in range(0, len(out), SLICE_SAMPLES):
            size = min(SLICE_SAMPLES, len(out) - low)
            span = np.s_[first + low : first + low + size]
            dataset.read_direct(buffer, span if dataset.ndim == 1 else (row, span), np.s_[:size])
            out[low : low + size] = buffer[:size]
            if progress is not None:
                progress((low + size) / total)

    def read_digital(self, bit: int, progress: Progress | None = None) -> npt.NDArray[np.float32] | None:
        """Return one line of the digital port, see `SignalSource`."""
        with reading(self.path, "the digital port"):
            blocks = self._digital_blocks()
            segments, _ = segments_of(blocks, 1e6 / self.info.sampling_rate)
        if not blocks:
            return None
        out = np.full(self.info.n_samples, np.nan, dtype=np.float32)
        for (first, last), block in zip(segments.tolist(), blocks, strict=True):
            with reading(self.path, "the digital port", block.dataset):
                check_backed(block.dataset)
                for low in range(first, min(last, out.size), SLICE_SAMPLES):
                    high = min(low + SLICE_SAMPLES, last, out.size)
                    span = np.s_[low - first : high - first]
                    word = np.asarray(block.dataset[span if block.dataset.ndim == 1 else (0, span)])
                    out[low:high] = (word.astype(np.int64) >> bit) & 1
                    if progress is not None:
                        progress(high / out.size)
        return out

    def digital_events(self) -> DigitalEvents:
        """Events of the digital port, in the order of time; empty where there are none."""
        with reading(self.path, "the digital events"):
            stream = self._stream(mcs.EVENT_STREAM, mcs.SUBTYPE_EVENTS, mcs.EVENT_NAMES)
            data = Table(None if stream is None else find_child(stream, mcs.EVENT_DATA, "EventData"))
            meta = Table(None if stream is None else find_child(stream, mcs.EVENT_META, "EventMeta"))
        times, kinds = data.column("TimeStamp"), data.column("EventID")
        if times is None:
            return DigitalEvents(np.empty(0, np.int64), np.empty(0, np.int64), ())
        kinds = np.zeros(len(times)) if kinds is None else kinds
        order = np.argsort(times, kind="stable")
        names = {meta.value(row, "EventID"): str(meta.value(row, "Label") or "") for row in range(len(meta))}
        event_id = kinds.astype(np.int64)[order]
        return DigitalEvents(
            times.astype(np.int64)[order], event_id, tuple(names.get(kind, "") for kind in event_id.tolist())
        )

    def online_spikes(self) -> OnlineSpikes:
        """Return the spikes that were found while recording, in the order of time; empty without any."""
        times, numbers = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        with reading(self.path, "the online spikes"):
            for stream in children(self._acquisition).values():
                if isinstance(stream, h5py.Group) and is_kind(stream, mcs.SPIKE_STREAM):
                    for node in children(stream).values():
                        for sensor, time in _spikes_in(node):
                            numbers.append(sensor)
                            times.append(time)
        time_us, sensors = np.concatenate(times), np.concatenate(numbers)
        known = (time_us >= 0) & (sensors >= 1) & (sensors <= mcs.CHIP_EDGE**2)
        time_us, sensors = time_us[known], sensors[known]
        order = np.argsort(time_us, kind="stable")
        return OnlineSpikes(time_us[order], np.stack(mcs.sensor_position(sensors[order]), axis=1))

    @cached_property
    def sensor_regions(self) -> tuple[SensorRegion, ...]:
        """Recorded regions of the chip, by number; empty where no sensor data were recorded.

        Axis orders are decided by shape or default here; `axis_order` tests them on the data.
        """
        stream = self._stream(mcs.SENSOR_STREAM, mcs.SUBTYPE_SENSOR, mcs.SENSOR_NAMES)
        if stream is None:
            return ()
        with reading(self.path, "the sensor data"):
            return read_regions(stream, 1e6 / self.info.sampling_rate)

    @cached_property
    def sensor(self) -> Electrodes | None:
        """All recorded electrodes as one set, None where no sensor data were recorded."""
        return join_regions(self.sensor_regions)


def _spikes_in(node: object) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Yield sensors and times of a table of spikes, slice by slice and without their cut-outs."""
    if not isinstance(node, h5py.Dataset) or node.ndim != 1 or not node.dtype.names:
        return
    named = {name_key(name): name for name in node.dtype.names}
    fields = [named.get(name_key(name)) for name in ("SensorID", "TimeStamp")]
    if None in fields:
        return
    check_backed(node)
    table = node.fields(fields)
    for start in range(0, len(node), SPIKES_AT_ONCE):
        rows = table[start : start + SPIKES_AT_ONCE]
        yield rows[fields[0]].astype(np.int64), rows[fields[1]].astype(np.int64)


def _n_channels(block: Block) -> int:
    return 1 if block.dataset.ndim == 1 else int(block.dataset.shape[0])


def _other_rates(sampled: dict[str, list[Block]], rate: float) -> list[str]:
    warnings = []
    for name, blocks in sampled.items():
        tick = next((block.tick_us for block in blocks if block.tick_us is not None), None)
        if tick is not None and abs(1e6 / tick - rate) > 1e-6 * rate:
            warnings.append(f"The {name} run at {1e6 / tick:g} Hz, the acquisition clock at {rate:g} Hz.")
    return warnings
