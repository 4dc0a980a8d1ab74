"""One table of many recordings: a row per unit, with what the recording sheets say; and their mean traces.

What one result contributes is kept in a small file of its own, a *part*, so that only results that changed
are read again. The process that computes a result writes its part as well; the rest is putting together.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hdmea.analysis.psth import psth
from hdmea.analysis.trials import trial_span, unit_trials
from hdmea.exporters.csv_table import write_descriptions
from hdmea.exporters.parquet_table import arrow_table
from hdmea.exporters.unit_table import TableColumn, unit_table
from hdmea.pipeline.session import PipelineSession
from hdmea.results import files
from hdmea.study.recordings import Recording, join_sheet
from hdmea.utils.atomic import replacing
from hdmea.utils.exceptions import CheckpointError, HDMEAError, MissingFileError, ValidationError
from hdmea.utils.fixes import PYTHON, Advice, SetParameter
from hdmea.utils.notices import said
from hdmea.utils.optional import optional_module
from hdmea.utils.spreadsheet import as_written, column_name

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["TRACE_HZ", "Pooled", "find_results", "pool_results", "write_part"]

logger = logging.getLogger(__name__)

TRACE_HZ: Final = 60
"""Values per second of the mean traces."""

Sheet = Mapping[str, str | float | int]

_PARTS: Final = "parts"
_KEY: Final = b"hdmea"
_FORM: Final = 1
"""Changes when parts are written differently."""
_RECORDING: Final = "name of the recording, with its folder"
_PURPOSE: Final = "A table of many recordings"


@dataclass(frozen=True)
class Pooled:
    """The tables that were written.

    Attributes
    ----------
    units
        ``units.parquet``; beside it ``units.csv``, and ``units_columns.csv``, which describes the columns.
    traces
        ``traces.parquet``.
    n_recordings, n_units
        How much is in them.
    rebuilt
        Recordings that were read again because their results changed.
    left_out
        File to the reason why it is not in them.
    """

    units: Path
    traces: Path
    n_recordings: int
    n_units: int
    rebuilt: tuple[str, ...]
    left_out: dict[Path, str] = field(default_factory=dict)


def find_results(folder: Path) -> dict[str, Path]:
    """Return the result files in a folder and below it, by path and name without suffix.

    Hidden folders, and results that were interrupted, are left out.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    """
    if not folder.is_dir():
        raise MissingFileError(
            f"There is no folder {folder}.", path=folder, fix=Advice("Name a folder with results.")
        )
    found: dict[str, Path] = {}
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(place) / name
            if path.suffix.lower() in (".h5", ".hdf5") and not name.startswith("."):
                if not path.stem.endswith(".partial"):
                    found[path.relative_to(folder).with_suffix("").as_posix()] = path
    return found


def pool_results(
    results: Path | str | Mapping[str, Path],
    folder: Path | str | None = None,
    *,
    sheet: Path | None = None,
    sheets: Mapping[str, Sheet] | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> Pooled:
    """Write one table of the units of many results, and one of their mean traces.

    ``units.parquet`` and ``units.csv`` have a row per unit: ``recording``, ``unit_id``, the columns of the
    recording sheets, then all numbers. ``traces.parquet`` has, of each unit and movie, the mean firing rate
    over the trials in bins of 1/60 s: ``recording``, ``unit_id``, ``movie``, ``time_s`` (begin of the bin,
    from the begin of the trial), ``rate_hz``, ``n_trials``. Only results that changed are read.

    Parameters
    ----------
    results
        A folder with results, or what each recording is called and its result.
    folder
        Where the tables go; default: the folder with the results.
    sheet
        Table with one row per recording, CSV or Excel; it counts more than the sheets in the results.
    sheets
        Sheets of single recordings, which count more than those in the results, too.
    progress
        Called with the part that is done, 0 … 1, and the recording.

    Raises
    ------
    FileNotFoundError
        If there is no such folder or sheet.
    ValidationError
        If there is no result, or the sheet names none of them.
    ConfigurationError
        If the package pyarrow is not installed.
    OSError
        If the tables cannot be written.
    """
    arrow = optional_module("pyarrow", "parquet", _PURPOSE)
    parquet = optional_module("pyarrow.parquet", "parquet", _PURPOSE)
    if not isinstance(results, Mapping):
        source = Path(results)
        results, folder = find_results(source), source if folder is None else folder
    if folder is None:
        raise ValidationError("No folder for the tables was given.", fix=SetParameter("folder"))
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    left_out: dict[Path, str] = {}
    rebuilt: list[str] = []
    stamps: dict[str, _Stamp] = {}
    for number, (key, path) in enumerate(results.items()):
        if progress is not None:
            progress(number / len(results), key)
        try:
            stamp, fresh = _current_part(path, target, key)
        except (HDMEAError, OSError) as error:
            left_out[path] = said(error, PYTHON)
            continue
        stamps[key] = stamp
        if fresh:
            rebuilt.append(key)
    if not stamps:
        reasons = "".join(f" {reason}" for reason in list(left_out.values())[:3])
        raise ValidationError(
            f"No result was found.{reasons}", path=target, fix=Advice("Name a folder with results.")
        )
    told = _sheets(stamps, sheets or {}, sheet)
    units, traces = target / "units.parquet", target / "traces.parquet"
    essence = {key: [stamp.revision, told.get(key, {})] for key, stamp in stamps.items()}
    n_units = _rows_if_current(units, essence)
    if n_units is None or not (traces.exists() and units.with_suffix(".csv").exists()):
        tables = {key: _read_units(_units_part(target, key)) for key in stamps}
        pooled = _joined(tables, told).replace_schema_metadata({_KEY: json.dumps(essence)})
        n_units = pooled.num_rows
        write_descriptions(units, _described(pooled))
        with ThreadPoolExecutor(2) as threads:
            # Arrow lets go of the interpreter: the two longest take the time of one.
            table = threads.submit(_write_csv, units.with_suffix(".csv"), pooled)
            _write_traces(traces, [_traces_part(target, key) for key in stamps])
            table.result()
        # Last: it is by this one that the others are known to be complete.
        texts = [one.name for one in pooled.schema if arrow.types.is_string(one.type)]
        with replacing(units) as part:
            parquet.write_table(pooled, part, use_dictionary=texts)
    return Pooled(units, traces, len(stamps), n_units, tuple(rebuilt), left_out)


def write_part(session: PipelineSession, result: Path, folder: Path, key: str) -> None:
    """Write what a result contributes to the tables in a folder.

    Parameters
    ----------
    session
        What `result` holds.
    result
        The result file.
    folder
        Folder of the tables.
    key
        What the recording is called in them.

    Raises
    ------
    ConfigurationError
        If the package pyarrow is not installed.
    """
    arrow = optional_module("pyarrow", "parquet", _PURPOSE)
    parquet = optional_module("pyarrow.parquet", "parquet", _PURPOSE)
    sheet = session.metadata.get("sheet")
    sheet = {str(name): value for name, value in sheet.items()} if isinstance(sheet, Mapping) else {}
    stat = result.stat()
    facts = {
        "form": _FORM,
        "revision": files.summarize(result).revision,
        "seen": [stat.st_mtime_ns, stat.st_size],
        "sheet": sheet,
    }
    columns = unit_table(session)
    columns[0] = TableColumn("recording", (key,) * len(session.units), "Recording", definition=_RECORDING)
    units = arrow_table(columns).replace_schema_metadata({_KEY: json.dumps(facts, default=str)})
    traces = arrow.table(_traces(session, key))
    _units_part(folder, key).parent.mkdir(parents=True, exist_ok=True)
    with replacing(_traces_part(folder, key)) as part:
        parquet.write_table(traces, part)
    # Hundreds of columns of a few rows: Arrow's own files are read ten times faster than Parquet.
    with replacing(_units_part(folder, key)) as part, arrow.ipc.new_file(str(part), units.schema) as writer:
        writer.write_table(units)


@dataclass(frozen=True)
class _Stamp:
    """Which state of a result a part is of, and the sheet in it."""

    revision: str
    sheet: Sheet


def _units_part(folder: Path, key: str) -> Path:
    return folder / _PARTS / f"{key}.units.arrow"


def _traces_part(folder: Path, key: str) -> Path:
    return folder / _PARTS / f"{key}.traces.parquet"


def _read_units(path: Path) -> pa.Table:
    arrow = optional_module("pyarrow", "parquet", _PURPOSE)
    with arrow.OSFile(str(path)) as file:
        return arrow.ipc.open_file(file).read_all()


def _current_part(result: Path, folder: Path, key: str) -> tuple[_Stamp, bool]:
    """Have the part of a result up to date; return its stamp, and whether the result was read for that."""
    stat = result.stat()
    facts = _facts_of_part(folder, key)
    if facts is None or facts["seen"] != [stat.st_mtime_ns, stat.st_size]:
        summary = files.summarize(result)
        if summary.checkpoint_name is not None:
            raise CheckpointError(
                "It is a checkpoint, not a result.", path=result, fix=Advice("Open and save it.")
            )
        if facts is None or not summary.revision or facts["revision"] != summary.revision:
            write_part(PipelineSession.load(result, lazy=True), result, folder, key)
            facts = _facts_of_part(folder, key)
            assert facts is not None
            return _Stamp(str(facts["revision"]), facts["sheet"]), True
    return _Stamp(str(facts["revision"]), facts["sheet"]), False


def _facts_of_part(folder: Path, key: str) -> dict[str, Any] | None:
    """Return what the part of a recording says of its result; None if there is none that can be used."""
    arrow = optional_module("pyarrow", "parquet", _PURPOSE)
    if not _traces_part(folder, key).exists():
        return None
    try:
        with arrow.OSFile(str(_units_part(folder, key))) as file:
            facts = json.loads(arrow.ipc.open_file(file).schema.metadata[_KEY])
    except (OSError, KeyError, ValueError, TypeError, arrow.ArrowException):
        return None
    return facts if isinstance(facts, dict) and facts.get("form") == _FORM else None


def _rows_if_current(table: Path, essence: Mapping[str, Any]) -> int | None:
    """Return the number of rows of the table that exists if it is of these results; else None."""
    arrow = optional_module("pyarrow", "parquet", _PURPOSE)
    parquet = optional_module("pyarrow.parquet", "parquet", _PURPOSE)
    try:
        facts = parquet.read_metadata(table)
        current = json.loads(facts.metadata[_KEY]) == json.loads(json.dumps(essence))
    except (OSError, KeyError, ValueError, TypeError, arrow.ArrowException):
        return None
    return int(facts.num_rows) if current else None


def _sheets(
    stamps: Mapping[str, _Stamp], given: Mapping[str, Sheet], table: Path | None
) -> dict[str, dict[str, str | float | int]]:
    """Return the sheet of each recording that has one."""
    found = {key: {**stamp.sheet, **given.get(key, {})} for key, stamp in stamps.items()}
    if table is not None:
        named = [Recording(Path(key).name, None, None, Path(key).parent) for key in stamps]
        for recording in join_sheet(named, table):
            found[recording.key] = {**found[recording.key], **recording.sheet}
    return {key: sheet for key, sheet in found.items() if sheet}


# -- putting together ----------------------------------------------------------------------------------


def _joined(tables: Mapping[str, pa.Table], sheets: Mapping[str, Sheet]) -> pa.Table:
    """Return one table of all: identity, sheets, numbers; what a recording does not have is missing."""
    arrow = optional_module("pyarrow", "parquet", _PURPOSE)
    fields = {one.name: one for table in tables.values() for one in table.schema}
    identity = ("recording", "unit_id")
    of_sheets = {
        name: column_name(name) or name
        for name in dict.fromkeys(n for sheet in sheets.values() for n in sheet)
    }
    parts = [dict(zip(table.column_names, table.columns, strict=True)) for table in tables.values()]
    sizes = [table.num_rows for table in tables.values()]
    columns: dict[str, Any] = {name: _column(parts, sizes, name) for name in identity}
    metadata = {name: fields[name].metadata for name in identity}
    for name, wanted in of_sheets.items():
        shown = f"sheet_{wanted}" if wanted in fields or wanted in columns else wanted
        values = {key: sheets.get(key, {}).get(name) for key in tables}
        columns[shown] = _repeated(values, tables)
        metadata[shown] = {"title": name, "definition": "from the recording sheet"}
    for name in fields:
        if name not in identity:
            columns[name] = _column(parts, sizes, name)
            metadata[name] = fields[name].metadata
    schema = arrow.schema(
        [arrow.field(name, column.type, metadata=metadata[name]) for name, column in columns.items()]
    )
    return arrow.table(list(columns.values()), schema=schema)


def _column(parts: Sequence[Mapping[str, Any]], sizes: Sequence[int], name: str) -> pa.ChunkedArray:
    """Return one column of all tables, in a type that holds the values of each."""
    arrow = optional_module("pyarrow", "parquet", _PURPOSE)
    found = [part.get(name) for part in parts]
    kind = _common_type({column.type for column in found if column is not None})
    chunks: list[Any] = []
    for column, size in zip(found, sizes, strict=True):
        if column is None:
            chunks.append(arrow.nulls(size, kind))
        else:
            chunks += (column if column.type == kind else column.cast(kind)).chunks
    return arrow.chunked_array(chunks, kind)


def _common_type(types: set[Any]) -> Any:
    arrow = optional_module("pyarrow", "parquet", _PURPOSE)
    known = {kind for kind in types if not arrow.types.is_null(kind)}
    if any(arrow.types.is_string(kind) for kind in known):
        return arrow.string()
    if len(known) < 2:
        return known.pop() if known else arrow.float64()
    return arrow.float64() if any(map(arrow.types.is_floating, known)) else arrow.int64()


def _repeated(values: Mapping[str, str | float | int | None], tables: Mapping[str, pa.Table]) -> Any:
    """Return the value of each recording once for each of its units; text if one of them is a text."""
    arrow = optional_module("pyarrow", "parquet", _PURPOSE)
    known = {key: arrow.scalar(value) for key, value in values.items() if value is not None}
    kind = _common_type({value.type for value in known.values()})
    chunks = [
        arrow.repeat(known[key].cast(kind), table.num_rows)
        if key in known
        else arrow.nulls(table.num_rows, kind)
        for key, table in tables.items()
    ]
    return arrow.chunked_array(chunks, kind)


def _write_csv(path: Path, table: pa.Table) -> None:
    """Write a table as `hdmea.utils.spreadsheet.write_csv` does; that takes a minute for a study."""
    arrow = optional_module("pyarrow", "parquet", _PURPOSE)
    arrow_csv = optional_module("pyarrow.csv", "parquet", _PURPOSE)
    for index, one in enumerate(table.schema):
        if arrow.types.is_string(one.type):
            coded = table.column(index).combine_chunks().dictionary_encode()
            safe = [as_written(text) for text in coded.dictionary.to_pylist()]
            plain = arrow.DictionaryArray.from_arrays(coded.indices, arrow.array(safe, arrow.string()))
            table = table.set_column(index, one, plain.cast(arrow.string()))
    with replacing(path) as part, part.open("wb") as file:
        file.write(b"\xef\xbb\xbf")
        arrow_csv.write_csv(table, file, arrow_csv.WriteOptions(quoting_style="needed"))


def _described(table: pa.Table) -> list[TableColumn]:
    """Return the columns of a table without values, for the file that describes them."""
    found = []
    for one in table.schema:
        facts = {key.decode(): value.decode() for key, value in (one.metadata or {}).items()}
        found.append(
            TableColumn(
                one.name,
                (),
                facts.get("title", one.name),
                facts.get("unit", ""),
                facts.get("definition", ""),
                interval=tuple(facts.get("interval", "").split()),
                p=facts.get("p", ""),
                n=facts.get("n", ""),
                stale=facts.get("stale") == "true",
            )
        )
    return found


# -- mean traces ---------------------------------------------------------------------------------------


def _traces(session: PipelineSession, key: str) -> dict[str, Any]:
    """Return the mean rates of all units and movies as columns."""
    arrow = optional_module("pyarrow", "parquet", _PURPOSE)
    units: list[str] = []
    movies: list[str] = []
    sizes: list[int] = []
    counts: list[int] = []
    times: list[Any] = []
    rates: list[Any] = []
    for movie, samples in session.stimulus.get("trial_time", {}).items():
        if not len(samples):
            continue
        start, stop = trial_span(samples, session.acquisition_rate)
        # The begin of the trial is an edge.
        first = int(np.ceil(np.round(start * TRACE_HZ, 6)))
        if int(np.floor(np.round(stop * TRACE_HZ, 6))) <= first:
            continue
        for unit_id, unit in session.units.items():
            trials = unit_trials(unit, movie, session.acquisition_rate)
            found = psth(trials, first / TRACE_HZ, stop, 1 / TRACE_HZ)
            units.append(unit_id)
            movies.append(movie)
            sizes.append(found.rate.size)
            counts.append(found.n_trials)
            times.append(((first + np.arange(found.rate.size)) / TRACE_HZ).astype(np.float32))
            rates.append(found.rate.astype(np.float32))
    n_rows = sum(sizes)

    def repeated(names: Sequence[str]) -> Any:
        known = list(dict.fromkeys(names))
        places = {name: place for place, name in enumerate(known)}
        codes = np.repeat(np.array([places[name] for name in names], np.int32), sizes)
        return arrow.DictionaryArray.from_arrays(codes, arrow.array(known, arrow.string()))

    nothing = [np.zeros(0, np.float32)]
    return {
        "recording": repeated([key] * len(units)),
        "unit_id": repeated(units),
        "movie": repeated(movies),
        "time_s": arrow.array(np.concatenate(times or nothing)),
        "rate_hz": arrow.array(np.concatenate(rates or nothing)),
        "n_trials": arrow.array(
            np.repeat(np.array(counts, np.int32), sizes) if n_rows else np.zeros(0, np.int32)
        ),
    }


def _write_traces(path: Path, parts: Sequence[Path]) -> None:
    """Write the traces of all recordings one after the other: all together may not fit into memory."""
    parquet = optional_module("pyarrow.parquet", "parquet", _PURPOSE)
    schema = parquet.read_schema(parts[0]).remove_metadata()
    with (
        ThreadPoolExecutor(1) as reader,
        replacing(path) as target,
        # Statistics of a column cost a quarter of the time; those of the recording serve to choose some.
        parquet.ParquetWriter(target, schema, compression="zstd", write_statistics=["recording"]) as writer,
    ):
        # The next one is read while one is written.
        coming = reader.submit(parquet.read_table, parts[0])
        for following in (*parts[1:], None):
            table = coming.result()
            if following is not None:
                coming = reader.submit(parquet.read_table, following)
            writer.write_table(table.replace_schema_metadata(None))
