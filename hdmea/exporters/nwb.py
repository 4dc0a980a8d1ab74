"""The recording as NWB 2 (https://nwb.org), the format of DANDI: spikes, stimuli, images and numbers.

The file is written with pynwb and validated before it comes into place.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, create_model

from hdmea._version import __version__
from hdmea.declare import FEATURES
from hdmea.exporters.exporter import ExportOptions, ExportProgress, exporter
from hdmea.exporters.nwb_subject import missing_entries, recorded_at, session_start, subject_facts
from hdmea.pipeline.alignment_table import SECTION_COLUMNS, section_alignment
from hdmea.pipeline.feature_table import FeatureColumn, feature_columns, physical_units
from hdmea.pipeline.recording_sheet import SHEET_FIELDS, recording_sheet
from hdmea.utils.citation import TITLE, citation
from hdmea.utils.exceptions import MissingInputError, ValidationError
from hdmea.utils.fixes import Advice
from hdmea.utils.optional import optional_module
from hdmea.utils.spreadsheet import column_name

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession

__all__ = ["NwbOptions", "nwb_file"]

_PURPOSE = "An NWB file"
_MODULES = {
    "ecephys": "Numbers of the units, a table per feature, and averages around their spikes.",
    "misc": "Frames of the display, events at the digital port, and how the results were made.",
}
_PLACES = {"row": "row on the chip, from 1", "column": "column on the chip, from 1"}


class _NwbOptions(ExportOptions):
    """Options of `nwb_file`; entries of the recording sheet count more than those of the result."""

    # Animals and chips have numbers: --set subject_id=7.
    model_config = ConfigDict(coerce_numbers_to_str=True)

    time_zone: str = Field(
        "",
        title="Time zone",
        description="Zone of times that do not state theirs, as in Europe/Berlin.",
    )
    images: bool = Field(
        True, title="Images", description="Include electrical images and spike-triggered averages."
    )
    full_rate_light: bool = Field(
        False,
        title="Light at full rate",
        description="Include the light channels at the rate of the recording.",
    )


NwbOptions = create_model(
    "NwbOptions",
    __base__=_NwbOptions,
    __doc__=_NwbOptions.__doc__,
    **{  # type: ignore[call-overload]
        field.name: (str, Field("", title=field.title, description=field.help)) for field in SHEET_FIELDS
    },
)
"""`_NwbOptions` with one text per entry of the recording sheet, empty: what the result says."""


@exporter(name="nwb", title="Neurodata Without Borders (NWB 2)", suffixes=(".nwb",), options=NwbOptions)
def nwb_file(session: PipelineSession, target: Path, options: Any, progress: ExportProgress) -> None:
    """Write units, trials, stimuli, light, images and all numbers as an NWB file, which is validated.

    Animal, start time and laboratory come from the recording sheet; what NWB needs and is not known is named.
    """
    pynwb = optional_module("pynwb", "nwb", _PURPOSE)
    sheet = recording_sheet(session, {field.name: getattr(options, field.name) for field in SHEET_FIELDS})
    progress(0.02, "Describing the recording")
    writer = _Writer(session, progress, *_described(session, sheet, options.time_zone))
    writer.add_units()
    writer.add_stimuli(full_rate=options.full_rate_light)
    writer.add_features()
    if options.images:
        writer.add_images()
    writer.add_provenance()
    with pynwb.NWBHDF5IO(str(target), "w") as file:
        file.write(writer.file)
    progress(0.95, "Validating the file")
    found = pynwb.validate(path=str(target))
    problems = list(found[0] if isinstance(found, tuple) else found)
    if problems:
        raise ValidationError(
            f"The NWB file would not be valid: {'; '.join(map(str, problems[:3]))}.",
            fix=Advice("Correct what is named, or report it."),
        )


def _described(
    session: PipelineSession, sheet: Mapping[str, str], time_zone: str
) -> tuple[Any, Mapping[str, str]]:
    """Return a file that says when and of what the recording is; MissingInputError with what is missing."""
    pynwb = optional_module("pynwb", "nwb", _PURPOSE)
    facts, _ = subject_facts(sheet)
    recorded = recorded_at(session)
    start = session_start(sheet, recorded, time_zone)
    missing = missing_entries(session, sheet, time_zone)
    if missing:
        helps = {field.name: field.help for field in SHEET_FIELDS}
        asked = " ".join(f"{name}: {helps[name]}" for name in missing)
        zone = (
            f" The recording says {recorded} without a time zone: time_zone (as in Europe/Berlin) is enough."
            if recorded and missing[0] == "session_start_time" and "session_start_time" not in sheet
            else ""
        )
        raise MissingInputError(
            f"NWB needs to know of the recording: {', '.join(missing)}.{zone}",
            fix=Advice(
                f"Give them as options, or in a recording sheet with one “name: value” per line. {asked}"
            ),
        )
    known = {field.name for field in SHEET_FIELDS}
    in_notes = [name for name in sheet if name in ("eye", "location") or name not in known]
    notes = [f"{name}: {sheet[name]}" for name in in_notes]
    people = [part.strip() for part in sheet.get("experimenter", "").split(";") if part.strip()]
    words = [part.strip() for part in sheet.get("keywords", "").replace(";", ",").split(",") if part.strip()]
    optional = {
        "experimenter": people or None,
        "lab": sheet.get("lab"),
        "institution": sheet.get("institution"),
        "keywords": words or ["retina", "multi-electrode array"],
        "pharmacology": sheet.get("drug"),
        "experiment_description": sheet.get("condition"),
        "notes": "; ".join([*notes, *([sheet["notes"]] if "notes" in sheet else [])]) or None,
    }
    file = pynwb.NWBFile(
        session_description=sheet.get("session_description")
        or f"Recording {session.dataset_id} of an isolated retina on a multi-electrode array.",
        identifier=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{session.dataset_id} {start and start.isoformat()}")),
        session_start_time=start,
        session_id=session.dataset_id,
        was_generated_by=[[TITLE, __version__]],
        data_collection=f"Analysed with {citation()}",
        **{name: value for name, value in optional.items() if value is not None},
    )
    described = "; ".join(f"{name}: {sheet[name]}" for name in ("eye", "location") if name in sheet)
    file.subject = pynwb.file.Subject(**facts, description=described or "Animal whose retina was recorded.")
    return file, sheet


class _Writer:
    """Fills an NWB file with the contents of a session.

    Parameters
    ----------
    session
        What is written; read only.
    progress
        Told how far it is.
    file
        A file that says of what the recording is.
    sheet
        The recording sheet.
    """

    def __init__(
        self, session: PipelineSession, progress: ExportProgress, file: Any, sheet: Mapping[str, str]
    ) -> None:
        self.session, self.progress, self.file = session, progress, file
        self.units = list(session.units.values())
        self.rate = session.acquisition_rate
        self._common = optional_module("hdmf.common", "nwb", _PURPOSE)
        self._pynwb = optional_module("pynwb", "nwb", _PURPOSE)
        self._electrodes: dict[tuple[int, int], int] = {}
        self._add_electrodes(sheet)

    # -- electrodes and units ----------------------------------------------------------------------------

    def _add_electrodes(self, sheet: Mapping[str, str]) -> None:
        places = self._places()
        device_module = optional_module("pynwb.device", "nwb", _PURPOSE)
        chip = f", chip {sheet['chip']}" if "chip" in sheet else ""
        model = device_module.DeviceModel(
            name="CMOS-MEA5000",
            manufacturer="Multi Channel Systems",
            description="CMOS multi-electrode array",
        )
        self.file.add_device_model(model)
        device = self.file.create_device(
            name="array",
            description=f"CMOS multi-electrode array below an isolated retina{chip}",
            model=model,
        )
        group = self.file.create_electrode_group(
            name="chip", description="electrodes of the recorded region", location="retina", device=device
        )
        if not places:
            return
        pitch = self.session.metadata.get("sensor_pitch_um")
        for name, description in _PLACES.items():
            self.file.add_electrode_column(name=name, description=description)
        self.file.add_electrode_column(
            name="noise_sd", description="standard deviation of the noise, NaN where it was not measured (µV)"
        )
        self.file.add_electrode_column(
            name="bad", description="whether the electrode was found or set as bad"
        )
        facts = self.session.metadata.get("electrodes") or {}
        noise, bad = facts.get("noise_sd"), {tuple(map(int, place)) for place in facts.get("bad", ())}
        in_volts = str(getattr(noise, "attrs", {}).get("unit", "")) == "uV"
        first = int(facts.get("first_row", 1)), int(facts.get("first_column", 1))
        for number, (row, col) in enumerate(places):
            at = row - first[0], col - first[1]
            inside = (
                noise is not None and in_volts and 0 <= at[0] < noise.shape[0] and 0 <= at[1] < noise.shape[1]
            )
            where = {}
            if pitch is not None:
                step = float(np.ravel(pitch)[0])
                where = {"rel_x": (col - 1) * step, "rel_y": (row - 1) * step}
            self.file.add_electrode(
                group=group,
                location="retina",
                row=row,
                column=col,
                noise_sd=float(noise[at]) if noise is not None and inside else float("nan"),
                bad=(row, col) in bad,
                **where,
            )
            self._electrodes[row, col] = number

    def _places(self) -> list[tuple[int, int]]:
        """Return rows and columns of all electrodes: those of the recorded region and of the units."""
        facts = self.session.metadata.get("sys_meta") or {}
        found = {
            (int(unit["row"]), int(unit["col"]))
            for unit in self.units
            if unit.get("row") is not None and unit.get("col") is not None
        }
        names = ("sensor_first_row", "sensor_first_column", "sensor_rows", "sensor_columns")
        if all(name in facts for name in names):
            row, col, n_rows, n_columns = (int(np.ravel(facts[name])[0]) for name in names)
            found |= {(row + i, col + j) for i in range(n_rows) for j in range(n_columns)}
        return sorted(found)

    def add_units(self) -> None:
        """Add spike times, waveforms, electrodes and what the sorter reported of each unit."""
        if not self.units:
            return
        misc = optional_module("pynwb.misc", "nwb", _PURPOSE)
        waveforms = [
            np.asarray(unit["waveform"], np.float64) if "waveform" in unit else None for unit in self.units
        ]
        in_volts = all(
            wave is None or str(getattr(unit["waveform"], "attrs", {}).get("unit", "")) == "uV"
            for wave, unit in zip(waveforms, self.units, strict=True)
        )
        lengths = {len(wave) for wave in waveforms if wave is not None}
        table = misc.Units(
            name="units",
            description="Spike-sorted units of the recording, in the order of their numbers.",
            electrode_table=self.file.electrodes,
            # The spike times are samples of the acquisition clock.
            resolution=1 / self.rate,
            **({"waveform_rate": self.rate} if in_volts and lengths else {}),
        )
        self.file.units = table
        columns = self._columns_of_units()
        table.add_column(name="unit_name", description="id of the unit in the result file")
        for column, description, _ in columns:
            table.add_column(name=column, description=description)
        segments = np.asarray(
            self.session.metadata.get("segments", [[0, self.session.duration_s * self.rate]])
        )
        observed = np.reshape(segments, (-1, 2)) / self.rate
        for at, (name, unit) in enumerate(self.session.units.items()):
            self.progress(0.05 + 0.2 * at / len(self.units), f"Unit {name}")
            place = (int(unit["row"]), int(unit["col"])) if "row" in unit and "col" in unit else None
            wave = waveforms[at]
            row: dict[str, Any] = {
                "spike_times": np.asarray(unit["spike_times"]).astype(np.float64) / self.rate,
                "obs_intervals": observed,
                "unit_name": name,
            }
            if self._electrodes:
                row["electrodes"] = [self._electrodes[place]] if place in self._electrodes else []
            if len(lengths) == 1 and in_volts:
                row["waveform_mean"] = np.full(max(lengths), np.nan) if wave is None else wave * 1e-6
            table.add_unit(**row, **{column: values[at] for column, _, values in columns})
        if len(lengths) == 1 and not in_volts:
            shape = np.full(max(lengths), np.nan)
            table.add_column(
                name="sorter_waveform",
                description="mean cut-out around the accepted spikes in the sorter's source signal (no unit)",
                data=np.array([shape if wave is None else wave for wave in waveforms]),
            )

    def _columns_of_units(self) -> list[tuple[str, str, Sequence[Any]]]:
        """Return name, description and values of what identifies the units and what the sorter said."""
        found: list[tuple[str, str, Sequence[Any]]] = []
        for column in feature_columns(self.session):
            if column.group in ("", "sorter") and column.name not in ("spike_count", "marks"):
                name = column_name(column.name.removeprefix("sorter."))
                about = column.definition or f"{column.title}, as reported by the spike sorter"
                found.append((f"sorter_{name}" if column.group else name, about, _values(column)))
        return found

    # -- what was shown ----------------------------------------------------------------------------------

    def add_stimuli(self, *, full_rate: bool) -> None:
        """Add trials, sections of movies, display frames and light channels."""
        self.progress(0.25, "Stimuli")
        self._add_trials()
        self._add_sections()
        self._add_sweeps()
        stimulus, series = self.session.stimulus, self._pynwb.TimeSeries
        prefix = "raw_ch" if full_rate else "1khz_ch"
        for name, channel in (stimulus.get("light_reference") or {}).items():
            if not name.startswith(prefix):
                continue
            facts = getattr(channel, "attrs", {})
            number = name.removeprefix(prefix)
            light = number == str(self.session.metadata.get("sys_meta", {}).get("light_channel", 1))
            self.file.add_acquisition(
                series(
                    name=f"light_channel_{number}",
                    description="light intensity" if light else "synchronisation signal of the display",
                    data=self._compressed(np.asarray(channel)),
                    unit=str(facts.get("unit", "")) or "n/a",
                    starting_time=0.0,
                    rate=float(facts.get("sampling_rate", self.rate)),
                )
            )
        frames = self.session.metadata.get("frame_timestamps")
        if frames is not None and len(frames):
            self._module("misc").add(
                series(
                    name="display_frames",
                    description="number of each frame of the display, and when it was shown",
                    data=np.arange(len(frames), dtype=np.int64),
                    unit="frame",
                    **self._times(np.asarray(frames)),
                )
            )
        events = stimulus.get("digital_events") or {}
        if len(events.get("label", ())):
            column = self._common.VectorData
            times = np.asarray(events["time_us"]) / 1e6
            labels = [str(label) or "event" for label in events["label"]]
            columns = [
                column(name="time", description="when it was (s)", data=times),
                column(name="label", description="name of the event", data=labels),
            ]
            about = "Events at the digital port."
            table = self._common.DynamicTable(name="digital_events", description=about, columns=columns)
            self._module("misc").add(table)

    def _add_trials(self) -> None:
        trials = [
            (float(start) / self.rate, float(stop) / self.rate, movie, int(number))
            for movie, times in (self.session.stimulus.get("trial_time") or {}).items()
            for (start, stop), number in zip(
                np.asarray(times), _attr(times, "number", np.arange(len(times))), strict=True
            )
        ]
        if not trials:
            return
        self.file.add_trial_column(name="movie", description="movie that was shown")
        self.file.add_trial_column(name="repetition", description="number of the trial of that movie, from 0")
        for start, stop, movie, number in sorted(trials):
            self.file.add_trial(start_time=start, stop_time=stop, movie=movie, repetition=number)

    def _add_sections(self) -> None:
        sections = section_alignment(self.session)
        if not sections:
            return
        table = self._intervals(
            "movies", "Showings of movies, with margins, and how the recorded light fits."
        )
        own = [column for column in SECTION_COLUMNS if column[0] not in ("start_s", "stop_s")]
        for name, unit, definition in own:
            table.add_column(name=name, description=f"{definition} ({unit})" if unit else definition)
        for section in sections:
            facts = {name: getattr(section, name) for name, _, _ in own}
            facts["content_frame"] = -1 if facts["content_frame"] is None else facts["content_frame"]
            table.add_interval(start_time=section.start_s, stop_time=section.stop_s, **facts)
        self.file.add_time_intervals(table)

    def _add_sweeps(self) -> None:
        rows = [
            (float(start) / self.rate, float(stop) / self.rate, movie, float(direction), repetition)
            for movie, times in (self.session.stimulus.get("direction_time") or {}).items()
            for direction, sweeps in zip(_attr(times, "directions_deg", ()), np.asarray(times), strict=False)
            for repetition, (start, stop) in enumerate(sweeps)
        ]
        if not rows:
            return
        table = self._intervals("bar_sweeps", "Sweeps of moving bars.")
        table.add_column(name="movie", description="movie that was shown")
        table.add_column(name="direction", description="direction of motion (degrees)")
        table.add_column(name="repetition", description="number of the sweep in that direction, from 0")
        for start, stop, movie, direction, repetition in sorted(rows):
            table.add_interval(
                start_time=start, stop_time=stop, movie=movie, direction=direction, repetition=repetition
            )
        self.file.add_time_intervals(table)

    # -- results -----------------------------------------------------------------------------------------

    def add_features(self) -> None:
        """Add a table per feature, one row per unit, with all its numbers and equally long arrays."""
        columns = feature_columns(self.session)
        units = physical_units(columns)
        groups: dict[str, list[FeatureColumn]] = {}
        for column in columns:
            if column.group not in ("", "sorter"):
                groups.setdefault(column.group, []).append(column)
        for group, members in groups.items():
            self.progress(0.3, f"Feature {members[0].group_title}")
            table = self._table_of_units(column_name(group), members[0].group_help or members[0].group_title)
            for column in members:
                if not any(_is_known(value) for value in column.values):
                    continue
                unit = units[column.name]
                name = column_name(column.name.removeprefix(f"{group}."), unit)
                about = column.definition or column.title
                self._add_column(table, name, f"{about} ({unit})" if unit else about, _values(column))
            for name, about, values in self._arrays_of(group):
                self._add_column(table, name, about, values)
            self._module("ecephys").add(table)

    def _arrays_of(self, feature: str) -> Iterator[tuple[str, str, NDArray[Any]]]:
        """Return the declared arrays of a feature that have one shape in all units that have them."""
        if feature not in FEATURES:
            return
        for output in FEATURES.get(feature).outputs:
            if output.shape == () or output.per != "unit" or output.dtype == "str":
                continue
            entries = [(unit.get("features") or {}).get(feature, {}).get("data", {}) for unit in self.units]
            found = [entry.get(output.name) if isinstance(entry, Mapping) else None for entry in entries]
            arrays = [None if value is None else np.asarray(value, np.float64) for value in found]
            shapes = {array.shape for array in arrays if array is not None}
            if len(shapes) != 1 or 0 in (shape := shapes.pop()):
                continue
            about = f"{output.definition} ({output.unit})" if output.unit else output.definition
            empty = np.full(shape, np.nan)
            stacked = np.array([empty if array is None else array for array in arrays])
            yield column_name(output.name, output.unit), about, stacked

    def add_images(self) -> None:
        """Add electrical images and spike-triggered averages, unit by unit."""
        names = dict.fromkeys(name for unit in self.units for name in unit.get("features") or {})
        for name in names:
            if name == "eimage_sta":
                about = "average raw voltage of all electrodes around the spikes: time, row, column"
                self._add_image(name, "electrical_images", about)
            elif name.startswith("sta_"):
                movie = name.removeprefix("sta_")
                about = (
                    f"average of the movie {movie} before the spikes, in stimulus units: frame, row, column"
                )
                self._add_image(name, column_name(name), about)

    def _add_image(self, feature: str, name: str, about: str) -> None:
        having = [
            (at, unit["features"][feature])
            for at, unit in enumerate(self.units)
            if isinstance((unit.get("features") or {}).get(feature), Mapping)
            and "data" in unit["features"][feature]
        ]
        shapes = {tuple(entry["data"].shape) for _, entry in having}
        if len(shapes) != 1:
            return
        metadata = having[0][1].get("metadata") or {}
        facts = {
            key: np.ravel(metadata[key]).tolist()
            for key in ("window_range", "cover_range", "first_row", "first_column", "unit", "cutoff_hz")
            if key in metadata
        }
        said = "; ".join(f"{key} {', '.join(map(str, value))}" for key, value in facts.items())
        table = self._table_of_units(name, f"{about}. {said}" if said else about, [at for at, _ in having])
        counts = [int((entry.get("metadata") or {}).get("n_spikes_used", -1)) for _, entry in having]
        self._add_column(table, "n_spikes", "number of spikes that were averaged, -1 if not known", counts)
        data_utils = optional_module("hdmf.data_utils", "nwb", _PURPOSE)

        def images() -> Iterator[NDArray[np.float32]]:
            for at, (_, entry) in enumerate(having):
                self.progress(0.4 + 0.5 * at / len(having), f"Images {at + 1} of {len(having)}")
                yield np.asarray(entry["data"], np.float32)

        shape = shapes.pop()
        data = data_utils.DataChunkIterator(
            data=images(), maxshape=(len(having), *shape), dtype=np.dtype(np.float32), buffer_size=1
        )
        chunked = self._pynwb.H5DataIO(data, chunks=(1, *shape))
        table.add_column(name="image", description=about, data=chunked)
        self._module("ecephys").add(table)

    def add_provenance(self) -> None:
        """Add how each step was run."""
        steps = self.session.steps
        if not steps:
            return
        table = self._common.DynamicTable(
            name="steps", description="Steps of the analysis and their parameters."
        )
        texts = {
            "step": "name of the step",
            "parameters": "its parameters",
            "version": "version of the program that ran it",
            "finished_at": "when it had ended",
        }
        for name, about in texts.items():
            table.add_column(name=name, description=about)
        table.add_column(
            name="stale", description="whether something that it was computed from has changed since"
        )
        for name, step in steps.items():
            params = ", ".join(
                f"{key} = {json.dumps(value, ensure_ascii=False)}"
                for key, value in step.params.items()
                # Paths name folders of the computer on which it ran.
                if not key.endswith(("_path", "_dir")) and value is not None
            )
            table.add_row(
                step=name,
                parameters=params or "none",
                version=step.hdmea_version or "not known",
                finished_at=step.finished_at or "not known",
                stale=step.stale,
            )
        self._module("misc").add(table)

    # -- parts -------------------------------------------------------------------------------------------

    def _module(self, name: str) -> Any:
        # Only names that NWB knows, which its inspector asks for.
        if name in self.file.processing:
            return self.file.processing[name]
        return self.file.create_processing_module(name=name, description=_MODULES[name])

    def _times(self, samples: NDArray[Any]) -> dict[str, Any]:
        """Return the times of samples as NWB wants them: start and rate if they are regular."""
        steps = np.diff(samples.astype(np.int64))
        if len(steps) and (steps == steps[0]).all():
            return {"starting_time": float(samples[0]) / self.rate, "rate": self.rate / float(steps[0])}
        return {"timestamps": samples.astype(np.float64) / self.rate}

    def _intervals(self, name: str, description: str) -> Any:
        return optional_module("pynwb.epoch", "nwb", _PURPOSE).TimeIntervals(
            name=name, description=description
        )

    def _compressed(self, values: NDArray[Any]) -> Any:
        return self._pynwb.H5DataIO(values, compression="gzip", compression_opts=4, shuffle=True)

    def _table_of_units(self, name: str, description: str, rows: Sequence[int] | None = None) -> Any:
        """Return a table whose first column says which unit a row is of; all units by default."""
        chosen = list(range(len(self.units))) if rows is None else list(rows)
        region = self._common.DynamicTableRegion(
            name="unit", data=chosen, description="unit that the row is of", table=self.file.units
        )
        return self._common.DynamicTable(name=name, description=description, columns=[region])

    def _add_column(self, table: Any, name: str, description: str, values: Any) -> None:
        taken, number, plain = set(table.colnames), 2, name
        while name in taken:
            name, number = f"{plain}_{number}", number + 1
        table.add_column(name=name, description=description, data=values)


def _attr(array: Any, name: str, default: Any) -> NDArray[Any]:
    return np.asarray(getattr(array, "attrs", {}).get(name, default))


def _is_known(value: object) -> bool:
    return value is not None and value == value and value != ""


def _values(column: FeatureColumn) -> list[Any]:
    """Return the values of a column in one type: text where one is text, else numbers, NaN where missing."""
    known = [value for value in column.values if value is not None]
    if any(isinstance(value, str) for value in known):
        return ["" if value is None else str(value) for value in column.values]
    if len(known) == len(column.values) and known:
        kinds = {type(value) for value in known}
        if kinds == {bool} or kinds == {int}:
            return known
    return [float("nan") if value is None else float(value) for value in column.values]
