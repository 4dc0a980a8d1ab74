"""The step that starts a recording: sorted units, light reference, display frames, metadata."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import psutil
from pydantic import Field

from hdmea.declare import StepParams, step
from hdmea.pipeline import loading
from hdmea.pipeline.context import StepContext, StepRun
from hdmea.pipeline.forecast import load_nbytes
from hdmea.pipeline.light_check import LightCheck, check_default_playlist
from hdmea.pipeline.results import LoadResult
from hdmea.pipeline.session import PipelineSession
from hdmea.recordings.mcs.partner_check import PartnerCheck
from hdmea.recordings.pairing import compare_durations, linked_name, same_name
from hdmea.recordings.reader import open_signals, open_units, source_files
from hdmea.recordings.signals import DEFAULT_RATE_HZ, SignalSource
from hdmea.recordings.units import UnitOptions, UnitSource
from hdmea.stimuli.frames import FrameDetection
from hdmea.utils.arrays import AttrArray
from hdmea.utils.exceptions import DataLoadError, NotEnoughMemoryError, ValidationError
from hdmea.utils.fixes import Advice, ChooseFile, Either, SetParameter

__all__ = ["LoadRecordingParams", "load_recording"]

_ADVANCED: dict[str, Any] = {"advanced": True}
# The files decide the result by what they are, not by where they are or who found them.
_BY_ITS_CONTENT: dict[str, Any] = {"affects_result": False, "of_recording": True}
_FROM_AN_EARLIER_LOAD = (
    *(("source_files", f"{kind}_{fact}") for kind in ("cmcr", "cmtr") for fact in ("path", "size", "mtime")),
    *(("metadata", name) for name in ("frame_timestamps", "frame_time", "frame_detection", "segments")),
    *(("metadata", name) for name in ("sys_meta", "cmcr_meta", "cmtr_meta")),
    *(("stimulus", name) for name in ("light_reference", "frame_times", "digital_events")),
)

_SORT = Advice("Sort the spikes in CMOS-MEA-Tools, and save the file again.")


class LoadRecordingParams(StepParams):
    """Parameters of `load_recording`."""

    cmcr_path: str | Path | None = Field(
        None,
        title="Raw recording",
        description="The .cmcr file, or another file that a reader recognises and that offers light "
        "channels, display frames and raw data.",
        json_schema_extra=_BY_ITS_CONTENT,
    )
    cmtr_path: str | Path | None = Field(
        None,
        title="Spike-sorted file",
        description="The .cmtr file, a Phy or Kilosort folder, or whatever a reader recognises that offers "
        "sorted units.",
        json_schema_extra=_BY_ITS_CONTENT,
    )
    dataset_id: str | None = Field(
        None,
        title="Name",
        description="Name of the recording; by default that of the .cmtr, otherwise of the .cmcr.",
        json_schema_extra=_BY_ITS_CONTENT,
    )
    find_partner: bool = Field(
        True,
        title="Find the other file",
        description="If only one file of the pair is given, load the other one if it is beside it.",
        json_schema_extra={**_ADVANCED, **_BY_ITS_CONTENT},
    )
    frame_correction: bool = Field(
        False,
        title="Correct frames",
        description="Insert display flips that were lost and remove double ones, on the grid; frames that "
        "the light shows to be late are left as they are.",
        json_schema_extra=_ADVANCED,
    )
    light_channel: int = Field(
        1,
        ge=1,
        title="Light channel",
        description="Analog channel of the light intensity, from 1.",
        json_schema_extra=_ADVANCED,
    )
    sync_channel: int = Field(
        2,
        ge=1,
        title="Sync channel",
        description="Analog channel of the display flips, from 1.",
        json_schema_extra=_ADVANCED,
    )
    frame_clock: Literal["analog", "digital port", "digital events"] = Field(
        "analog",
        title="Frame clock",
        description="Where display frames are marked: on the analog sync channel, on a line of the digital "
        "port, or by digital events. Of a digital clock no first frames are left out.",
        json_schema_extra=_ADVANCED,
    )
    digital_bit: int = Field(
        0,
        ge=0,
        le=31,
        title="Digital line",
        description="Line of the digital port that marks display frames, from 0.",
        json_schema_extra=_ADVANCED,
    )
    digital_event: int | None = Field(
        None,
        title="Digital event",
        description="Number of the kind of digital events that mark display frames; by default the most "
        "frequent one.",
        json_schema_extra=_ADVANCED,
    )
    memory_warning_gb: float = Field(
        8.0,
        gt=0,
        title="Memory warning",
        description="Warn before loading more than this.",
        json_schema_extra={"advanced": True, "unit": "GB", "affects_result": False},
    )
    display_rate_hz: float | None = Field(
        None,
        gt=0,
        title="Display rate",
        description="Refresh rate of the display, if it is not within 24 to 130 per second; by default it is "
        "found.",
        json_schema_extra={"advanced": True, "unit": "Hz"},
    )
    drop_duplicates: float | None = Field(
        None,
        gt=0,
        le=10,
        title="Drop duplicates",
        description="Of spikes of a unit that follow each other within so many milliseconds keep only the "
        "first; by default all are kept.",
        json_schema_extra={"advanced": True, "unit": "ms"},
    )
    keep_noise: bool = Field(
        False,
        title="Keep noise",
        description="Load units that were labelled as noise in Phy as well.",
        json_schema_extra=_ADVANCED,
    )
    electrode_pitch_um: float | None = Field(
        None,
        gt=0,
        title="Electrode pitch",
        description="Distance of neighbouring electrodes, to find rows and columns of units of a Phy folder; "
        "by default 16 or 32 µm, by the positions.",
        json_schema_extra={"advanced": True, "unit": "µm"},
    )


def _sources(session: PipelineSession, params: LoadRecordingParams) -> loading.Sources:
    return loading.resolve_sources(
        params.cmcr_path, params.cmtr_path, session.source_files, params.find_partner
    )


def _inputs(session: PipelineSession, params: LoadRecordingParams) -> Iterable[Path]:
    sources = _sources(session, params)
    return [file for path in (sources.cmcr, sources.cmtr) if path is not None for file in source_files(path)]


def _forecast(session: PipelineSession, params: LoadRecordingParams) -> int:
    sources = _sources(session, params)
    return load_nbytes(sources.cmcr, sources.cmtr)


def _result(run: StepRun) -> LoadResult:
    assert run.hdf5_path is not None
    return LoadResult(
        hdf5_path=run.hdf5_path,
        dataset_id=run.session.dataset_id,
        num_units=run.session.unit_count,
        stage1_completed="load_recording" in run.session.completed_steps,
        warnings=list(run.session.warnings if run.cached else run.warnings),
    )


@step(
    "load_recording",
    title="Load recording",
    params=LoadRecordingParams,
    provides=("units", "light", "sensors", "metadata", "stimulus/frame_times"),
    version="1",
    positional=("cmcr_path", "cmtr_path", "dataset_id"),
    creates=True,
    inputs=_inputs,
    forecast=_forecast,
    result=_result,
)
def load_recording(session: PipelineSession, params: LoadRecordingParams, ctx: StepContext) -> None:
    """Load a raw recording and / or its sorted units.

    Reads every sorted unit (accepted spikes, mean waveform, firing rate, what the sorter reported), the
    light channels with their block means, and the display frames from the frame-sync channel. Everything
    is on the acquisition clock: sample = timestamp / tick, through gaps. The files are opened read-only.

    Raises
    ------
    FileNotFoundError
        If a file does not exist.
    DataLoadError
        If a file cannot be read, is not what it should be, or contains nothing that can be loaded.
    MismatchError
        If the two files cannot be of one recording.
    """
    sources = _sources(session, params)
    for note in sources.notes:
        ctx.warn(note)
    with ExitStack() as stack:
        options = UnitOptions(params.keep_noise, params.electrode_pitch_um)
        cmtr = None if sources.cmtr is None else stack.enter_context(open_units(sources.cmtr, options))
        if cmtr is not None:
            cmtr.list_units(lambda part: ctx.checkpoint(0.1 * part, "list of units"))
        fallback = None if cmtr is None else _rate_of(cmtr)
        cmcr = None if sources.cmcr is None else stack.enter_context(open_signals(sources.cmcr, fallback))
        for path in _FROM_AN_EARLIER_LOAD:
            ctx.remove(*path)
        _Load(session, params, ctx, cmcr, cmtr).run()
    for name, value in loading.source_facts(sources).items():
        ctx.put(value, "source_files", name)


def _rate_of(cmtr: UnitSource) -> tuple[float, str] | None:
    info = cmtr.info
    return None if info.sampling_rate is None else (info.sampling_rate, info.sampling_rate_source)


class _Load:
    """One run of the step with both files open."""

    def __init__(
        self,
        session: PipelineSession,
        params: LoadRecordingParams,
        ctx: StepContext,
        cmcr: SignalSource | None,
        cmtr: UnitSource | None,
    ) -> None:
        self.session = session
        self.params = params
        self.ctx = ctx
        self.cmcr = cmcr
        self.cmtr = cmtr

    def run(self) -> None:
        self._refuse_nothing()
        self._warn_of_memory()
        rate, rate_source = self._rate()
        units: dict[str, dict[str, Any]] = {}
        last_spike_s: float | None = None
        stated_s = self._stated_duration()
        if self.cmtr is not None:
            loaded = loading.read_units(
                self.cmtr,
                rate,
                self._report(0.1, 0.5),
                segments=self._segments(),
                end_sample=math.ceil(round(stated_s * rate, 6)) if stated_s else None,
                drop_duplicates_ms=self.params.drop_duplicates,
            )
            self._warn(loaded.warnings)
            units = loaded.units
            last_spike_s = None if loaded.last_sample is None else loaded.last_sample / rate
        self._check_pair(last_spike_s)
        duration_s = stated_s or self._assumed_duration(last_spike_s)
        self._put_units(units, rate, duration_s)
        self._put_metadata(rate, rate_source, duration_s)
        system: dict[str, Any] = {}
        if self.cmcr is not None:
            system = self._put_recording(self.cmcr, rate)
            if self.cmcr.sensor is not None and self.cmcr.sensor.unreadable:
                self.ctx.warn(
                    f"{self.cmcr.path.name}: the sensor data cannot be read, so there will be no electrical "
                    f"images: {self.cmcr.sensor.unreadable}"
                )
            sorting = None if self.cmtr is None else self.cmtr.info
            facts, fit = loading.sensor_facts(
                self.cmcr, list(units.values()), self._report(0.9, 0.98), sorting
            )
            system |= facts
            self._say_whether_spikes_fit(self.cmcr, fit)
        self.ctx.put(system, "metadata", "sys_meta")

    def _segments(self) -> npt.NDArray[np.int64] | None:
        """Return the recorded ranges of the clock; says so if times of spikes are moved by them."""
        if self.cmcr is None or self.cmtr is None or not len(self.cmcr.info.segments):
            return None
        segments = self.cmcr.info.segments
        if self.cmtr.info.counts_from == "first sample" and (len(segments) > 1 or segments[0, 0] != 0):
            self.ctx.inform(
                f"Times of spikes in {self.cmtr.path.name} count recorded samples; they were moved to the "
                f"clock of {self.cmcr.path.name}, which begins at "
                f"{segments[0, 0] / self.cmcr.info.sampling_rate:.3f} s and has {len(segments) - 1} gaps."
            )
        return segments

    def _report(self, low: float, high: float) -> loading.Report:
        return lambda part, text: self.ctx.checkpoint(low + (high - low) * part, text)

    def _warn(self, messages: Iterable[str]) -> None:
        for message in messages:
            self.ctx.warn(message)

    def _refuse_nothing(self) -> None:
        n_units = 0 if self.cmtr is None else len(self.cmtr.units)
        if self.cmtr is not None and not n_units:
            there = ", ".join(self.cmtr.info.tools) or "no tool"
            said = f"{self.cmtr.path.name} has no sorted units (it contains results of: {there})"
            if self.cmcr is None:
                raise DataLoadError(
                    f"There is nothing to load: {said}.",
                    self.cmtr.path,
                    fix=Either((_SORT, ChooseFile("cmcr_path"))),
                )
            self.ctx.warn(f"There are no sorted units: {said}.", fix=_SORT)
        if self.cmcr is not None and not n_units and not len(self.cmcr.info.segments):
            raise DataLoadError(
                f"There is nothing to load: {self.cmcr.path.name} does not contain samples, and there are no "
                "sorted units.",
                self.cmcr.path,
                fix=Advice("Check that the recording was not stopped at once."),
            )

    def _warn_of_memory(self) -> None:
        needed = loading.memory_estimate_gb(None if self.cmcr is None else self.cmcr.info, self.cmtr)
        free = psutil.virtual_memory().available / 1e9
        if needed > free + psutil.swap_memory().free / 1e9:
            raise NotEnoughMemoryError(
                f"This recording needs about {needed:.1f} GB of memory, but only {free:.1f} GB are free.",
                fix=Advice("Close other programs, or use a computer with more memory."),
            )
        if needed > free:
            self.ctx.warn(
                f"This recording needs about {needed:.1f} GB of memory, but only {free:.1f} GB are free.",
                fix=Advice("Close other programs, or use a computer with more memory."),
            )
        elif needed > self.params.memory_warning_gb:
            self.ctx.warn(f"This recording needs about {needed:.1f} GB of memory ({free:.1f} GB are free).")
        self.ctx.log_now()

    def _rate(self) -> tuple[float, str]:
        stated = None if self.cmtr is None else _rate_of(self.cmtr)
        if self.cmcr is not None:
            info = self.cmcr.info
            self._warn(info.warnings)
            if stated is not None and abs(stated[0] - info.sampling_rate) > 1e-6 * info.sampling_rate:
                self.ctx.warn(
                    f"The sampling rate of the raw recording is {info.sampling_rate:g} Hz, but the "
                    f"spike-sorted file states {stated[0]:g} Hz; the former is used."
                )
            return info.sampling_rate, info.sampling_rate_source
        if stated is not None:
            return stated
        self.ctx.warn(f"No file states the sampling rate; {DEFAULT_RATE_HZ:g} Hz is assumed.")
        return DEFAULT_RATE_HZ, "assumed, because no file states it"

    def _check_pair(self, last_spike_s: float | None) -> None:
        if self.cmtr is None:
            return
        sorting = self.cmtr.info
        self._warn(sorting.warnings)
        if self.cmcr is not None:
            info = self.cmcr.info
            recorded = float(np.sum(info.segments[:, 1] - info.segments[:, 0]) / info.sampling_rate)
            durations = [value for value in (info.duration_s, recorded) if value > 0]
            link = sorting.linked_recording
            self._warn(
                compare_durations(
                    self.cmcr.path, self.cmtr.path, durations, sorting.duration_s, last_spike_s, link
                )
            )

    def _say_whether_spikes_fit(self, cmcr: SignalSource, fit: PartnerCheck) -> None:
        if self.cmtr is None or not self.cmtr.units:
            return
        link = self.cmtr.info.linked_recording
        other = linked_name(link)
        said = "" if other is None or same_name(other, cmcr.path.name) else f" Its link names {other}."
        if fit.verdict == "does not fit":
            moved = fit.lag_samples != 0 or fit.scale != 1
            needed = "" if moved else " The spike-sorted file of this recording is needed."
            self.ctx.warn(
                f"The spikes of {self.cmtr.path.name} do not fit the raw data of {cmcr.path.name}: "
                f"{fit.problem} ({fit.evidence}).{said} No spike was moved.{needed}",
                fix=Advice("Correct the times, or sort the recording again.")
                if moved
                else ChooseFile("cmtr_path"),
            )
        elif cmcr.sensor is not None or said:
            self.ctx.inform(
                f"Whether the spikes of {self.cmtr.path.name} belong to {cmcr.path.name}, by the raw data: "
                f"{fit.verdict} ({fit.evidence}).{said}"
            )

    def _stated_duration(self) -> float:
        """Seconds that the recording lasts by what the files state, 0 where they do not."""
        recorded = 0.0 if self.cmcr is None else self.cmcr.info.duration_s
        if not recorded and self.cmtr is not None:
            recorded = self.cmtr.info.duration_s or 0.0
        return recorded

    def _assumed_duration(self, last_spike_s: float | None) -> float:
        self.ctx.warn(
            "No file states the duration of the recording; it is assumed to end 1 s after the last spike."
        )
        return (last_spike_s or 0.0) + 1.0

    def _put_units(self, units: dict[str, dict[str, Any]], rate: float, duration_s: float) -> None:
        if self.cmcr is not None:
            self._warn(loading.spikes_outside(units, self.cmcr.info.segments, rate))
        for unit_id, unit in units.items():
            unit["firing_rate_10hz"] = loading.firing_rate(unit["spike_times"], rate, duration_s)
            self.ctx.put(unit, "units", unit_id)
        if self.cmtr is not None:
            info = self.cmtr.info
            stated = {**info.metadata, "tools": list(info.tools), "linked_recording": info.linked_recording}
            self.ctx.put(stated, "metadata", "cmtr_meta")

    def _put_metadata(self, rate: float, rate_source: str, duration_s: float) -> None:
        put = self.ctx.put
        put(rate, "metadata", "acquisition_rate")
        put(1.0 / rate, "metadata", "sample_interval")
        put(duration_s, "metadata", "recording_duration_s")
        put(self.session.dataset_id, "metadata", "dataset_id")
        put(rate_source, "metadata", "acquisition_rate_source")

    def _put_recording(self, cmcr: SignalSource, rate: float) -> dict[str, Any]:
        """Put everything of the raw recording; return the channels that were used."""
        info = cmcr.info
        self.ctx.put(info.segments, "metadata", "segments")
        self.ctx.put(loading.recording_facts(info), "metadata", "cmcr_meta")
        self._put_events(cmcr, rate)
        if self.params.frame_clock != "analog":
            return self._put_digital_clock(cmcr, rate)
        channels = self._channels(info.n_light_channels)
        if not channels:
            self.ctx.warn(
                f"{cmcr.path.name} has no analog channels, so there are no light signal and no display "
                "frames, and steps that need them cannot run."
            )
            return {}
        self._put_light(cmcr, channels, rate)
        return {"light_channel": channels["ch1"], "sync_channel": channels.get("ch2", channels["ch1"])}

    def _put_light(self, cmcr: SignalSource, channels: dict[str, int], rate: float) -> None:
        # The frames are found before the other channel is read: what that takes in memory for a moment
        # is then less than what comes after it.
        role = "ch2" if "ch2" in channels else "ch1"
        light = loading.light_reference(cmcr, {role: channels[role]}, self._report(0.5, 0.65))
        self.ctx.checkpoint(0.66, "display frames")
        sync, segments = np.asarray(light[f"raw_{role}"]), cmcr.info.segments
        found = loading.find_frames(sync, segments, rate, self.params.display_rate_hz)
        rest = {name: number for name, number in channels.items() if name != role}
        light = loading.light_reference(cmcr, rest, self._report(0.7, 0.9)) | light
        if not self._put_frames(found, light, sync, segments, rate) and role == "ch2":
            self._warn(loading.exchanged_channels(np.asarray(light["raw_ch1"]), segments, rate, channels))

    def _put_digital_clock(self, cmcr: SignalSource, rate: float) -> dict[str, Any]:
        """Put light, and display frames that the digital port marks; return the channels that were used."""
        params, segments = self.params, cmcr.info.segments
        sync = loading.digital_clock(
            cmcr, params.frame_clock, params.digital_bit, params.digital_event, self._report(0.5, 0.65)
        )
        if sync is None:
            raise ValidationError(
                f"{cmcr.path.name} has no {params.frame_clock} that can mark display frames.",
                parameter="frame_clock",
                fix=SetParameter("frame_clock", value="analog"),
            )
        self.ctx.checkpoint(0.66, "display frames")
        found = loading.find_frames(sync, segments, rate, params.display_rate_hz, drop_first=0)
        channel = params.light_channel if params.light_channel <= cmcr.info.n_light_channels else None
        channels = {} if channel is None else {"ch1": channel}
        light = loading.light_reference(cmcr, channels, self._report(0.7, 0.9))
        light["raw_ch2"] = AttrArray(sync, {"unit": "digital", "sampling_rate": rate})
        self._put_frames(found, light, sync, segments, rate)
        used = {} if channel is None else {"light_channel": channel}
        return {**used, "sync_channel": 0, "frame_clock": params.frame_clock}

    def _put_frames(
        self,
        found: FrameDetection,
        light: Mapping[str, AttrArray],
        sync: npt.NDArray[np.float32],
        segments: npt.NDArray[np.int64],
        rate: float,
    ) -> bool:
        """Put light channels and display frames; return whether there are frames."""
        frames = loading.settle_frames(
            found, sync, segments, rate, self.params.frame_correction, self._judge(light, segments, rate)
        )
        self._warn(frames.warnings)
        for message in frames.information:
            self.ctx.inform(message)
        self.ctx.put(light, "stimulus", "light_reference")
        if frames.samples.size:
            self.ctx.put(frames.samples, "metadata", "frame_timestamps")
            self.ctx.put(frames.samples / rate, "metadata", "frame_time")
            self.ctx.put(frames.samples, "stimulus", "frame_times", "default")
        self.ctx.put(frames.facts, "metadata", "frame_detection")
        return bool(frames.samples.size)

    def _judge(
        self, light: Mapping[str, AttrArray], segments: npt.NDArray[np.int64], rate: float
    ) -> loading.Judge:
        """Return what compares the light with the playlist; nothing is known without a light channel."""
        files = {
            f"{kind}_path": str(reader.path)
            for kind, reader in (("cmcr", self.cmcr), ("cmtr", self.cmtr))
            if reader is not None
        }

        def judge(frames: npt.NDArray[np.uint64]) -> LightCheck:
            if "raw_ch1" not in light or "raw_ch2" not in light:
                return LightCheck()
            self.ctx.checkpoint(0.9, "light against movies")
            return check_default_playlist(np.asarray(light["raw_ch1"]), frames, segments, rate, files)

        return judge

    def _channels(self, n_channels: int) -> dict[str, int]:
        """Roles of the analog channels; a single channel is light and sync in one."""
        light, sync = self.params.light_channel, self.params.sync_channel
        if n_channels == 0:
            return {}
        if n_channels == 1 and light == 1:
            self.ctx.warn("There is only one analog channel: it is searched for display frames.")
            return {"ch1": 1}
        wrong = [channel for channel in (light, sync) if channel > n_channels]
        if wrong:
            raise ValidationError(
                f"There is no analog channel {wrong[0]}; the recording has channels 1 to {n_channels}.",
                parameter="light_channel" if light > n_channels else "sync_channel",
                fix=SetParameter("light_channel" if light > n_channels else "sync_channel"),
            )
        return {"ch1": light, "ch2": sync}

    def _put_events(self, cmcr: SignalSource, rate: float) -> None:
        events = cmcr.digital_events()
        if len(events):
            found = {"time_us": events.time_us, "event_id": events.event_id, "label": list(events.labels)}
            self.ctx.put(found, "stimulus", "digital_events")
