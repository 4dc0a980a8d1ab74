"""All scalar numbers of a recording as one table: a row per unit, a described column per number."""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hdmea.features.extractor import Output
from hdmea.features.registry import default_registry
from hdmea.features.science.axon_outputs import AXON_OUTPUTS
from hdmea.features.science.image_quality import IMAGE_OUTPUTS
from hdmea.features.science.rf_outputs import RF_OUTPUTS
from hdmea.features.science.soma_geometry import SOMA_OUTPUTS
from hdmea.pipeline.marks import marks_text
from hdmea.pipeline.session import PipelineSession
from hdmea.results.lazy import reading
from hdmea.utils.exceptions import ConfigurationError
from hdmea.utils.giving_way import giving_way
from hdmea.utils.spreadsheet import write_csv

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FeatureColumn", "feature_columns", "feature_table", "missing_reasons", "write_feature_table"]

Scalar = float | int | bool | str | None

_FACTS = (
    Output("row", "int64", (), "electrodes", (None, None), "row of the unit's electrode, from the sorter"),
    Output("col", "int64", (), "electrodes", (None, None), "column of the unit's electrode, from the sorter"),
    Output("sensor_id", "int64", (), "", (None, None), "number of the unit's electrode"),
    Output("unit_num", "int64", (), "", (None, None), "number of the unit in the spike-sorted file"),
    Output("original_name", "str", (), "", (None, None), "name of the unit in the spike-sorted file"),
    Output("spike_count", "int64", (), "spikes", (0, None), "accepted spikes of the whole recording"),
)
_EIMAGE, _STA = "eimage_sta", "sta_"
_OF_IMAGE = {"soma.": "geometry", "axon.": "axon"}


@dataclass(frozen=True)
class FeatureColumn:
    """One column of the table.

    Attributes
    ----------
    name
        ``feature.output``; facts of the unit have no dot.
    unit
        Physical unit, empty for a pure number or where none is declared.
    definition
        What the number is, from the declaration of the feature.
    values
        One per unit, in the order of the units: numbers, texts; None where the unit has none.
    """

    name: str
    unit: str
    definition: str
    values: tuple[Scalar, ...]


def _marks_column(values: tuple[str | None, ...]) -> FeatureColumn:
    definition = (
        "what to know before numbers are used, with the features concerned: not aligned, flips lost, …"
    )
    return FeatureColumn("marks", "", definition, values)


def feature_columns(session: PipelineSession, unit_ids: Sequence[str] | None = None) -> list[FeatureColumn]:
    """Return every scalar that is known of the units, with its unit and definition.

    Parameters
    ----------
    session
        A session; what has not been computed has no column.
    unit_ids
        Units that the columns are to have, in this order; None for all.

    Returns
    -------
    list of FeatureColumn
        Facts of the units, what the sorter said (``sorter.*``), features in the order in which they were
        stored, then ``soma.*``, ``axon.*`` and ``rf.*`` (``rf[movie].*`` with several noise movies), and
        ``marks`` if a feature of a unit has any.
    """
    units = list(session.units.values()) if unit_ids is None else [session.units[name] for name in unit_ids]
    with reading((session.units,)):
        groups = [_Group("", _FACTS, units), _sorter(units), *_features(units)]
        columns = [column for group in groups for column in group.columns()]
        marks = tuple(marks_text(unit) for unit in units)
        return [*columns, _marks_column(marks)] if any(marks) else columns


def missing_reasons(unit: Mapping[str, Any]) -> dict[str, str]:
    """Return why numbers of a unit are missing: name of the column, as `feature_columns` has it, to reason.

    Parameters
    ----------
    unit
        A unit of a session.
    """
    features: Mapping[str, Any] = unit.get("features") or {}
    averages = [name for name in features if name.startswith(_STA)]
    sources = [(f"{name}.", _mapping(entry, "metadata")) for name, entry in features.items()]
    sources += [(prefix, _mapping(features.get(_EIMAGE), key)) for prefix, key in _OF_IMAGE.items()]
    sources += [(_rf_prefix(name, averages), _mapping(features[name], "sta_geometry")) for name in averages]
    return {
        prefix + name: reason
        for prefix, stored in sources
        for name, reason in json.loads(str((stored or {}).get("missing", "{}"))).items()
    }


def feature_table(session: PipelineSession) -> pd.DataFrame:
    """Return all scalars of the units as a table.

    Parameters
    ----------
    session
        A session.

    Returns
    -------
    pandas.DataFrame
        One row per unit, indexed by ``unit_id``; see `feature_columns` for the columns. Units and definitions
        of the columns are in ``table.attrs["units"]`` and ``table.attrs["definitions"]``.
    """
    import pandas as pd

    columns = feature_columns(session)
    index = pd.Index(list(session.units), name="unit_id")
    table = pd.DataFrame({column.name: list(column.values) for column in columns}, index=index)
    table.attrs["units"] = {column.name: column.unit for column in columns}
    table.attrs["definitions"] = {column.name: column.definition for column in columns}
    return table


def write_feature_table(session: PipelineSession, path: str | Path) -> list[Path]:
    """Write the table as CSV or Parquet, by the ending of the name.

    Parameters
    ----------
    session
        A session.
    path
        ``.csv``: the table, with empty cells for what is missing, and ``<name>_columns.csv`` beside it, which
        has unit and definition of every column. ``.parquet``: the same in one file, units and definitions as
        metadata of the columns.

    Returns
    -------
    list of pathlib.Path
        The files that were written.

    Raises
    ------
    ConfigurationError
        If the name ends otherwise, or pyarrow, which Parquet needs, is not installed.
    """
    path = Path(path)
    columns = feature_columns(session)
    if path.suffix.lower() == ".csv":
        return _write_csv(path, list(session.units), columns)
    if path.suffix.lower() == ".parquet":
        return _write_parquet(path, list(session.units), columns)
    raise ConfigurationError(f"{path.name} must end in .csv or .parquet: the name chooses the format.")


@dataclass(frozen=True)
class _Group:
    """Numbers of one feature: a mapping per unit, None for a unit that does not have it."""

    prefix: str
    declared: Sequence[Output]
    values: Sequence[Mapping[str, Any] | None]

    def columns(self) -> Iterator[FeatureColumn]:
        scalar = {output.name: output for output in self.declared if output.shape == ()}
        arrays = {output.name for output in self.declared} - scalar.keys()
        stored = dict.fromkeys(name for unit in self.values for name in unit or {})
        # What is declared comes first, in its order; facts of the units are only what is declared.
        extra = [name for name in stored if name not in scalar and name not in arrays] if self.prefix else []
        for name in giving_way([*(name for name in scalar if name in stored), *extra]):
            cells = [None if unit is None else unit.get(name) for unit in self.values]
            if name == "missing" or not all(map(_is_scalar, cells)):
                continue
            output = scalar.get(name)
            yield FeatureColumn(
                self.prefix + name,
                output.unit if output else "",
                output.definition if output else "",
                tuple(map(_plain, cells)),
            )


def _sorter(units: Sequence[Mapping[str, Any]]) -> _Group:
    return _Group("sorter.", (), [unit.get("unit_meta") for unit in units])


def _features(units: Sequence[Mapping[str, Any]]) -> Iterator[_Group]:
    stored = [unit.get("features") or {} for unit in units]
    names = list(dict.fromkeys(name for features in stored for name in features))
    declared: dict[str, Sequence[Output]] = {
        extractor.name: extractor.outputs for extractor in default_registry()
    }
    declared["lnl"] = _lnl_outputs()
    averages = [name for name in names if name.startswith(_STA)]
    for name in names:
        if name != _EIMAGE and name not in averages:
            data = [_mapping(features.get(name), "data") for features in stored]
            yield _Group(f"{name}.", declared.get(name, ()), data)
    images = [_mapping(features.get(_EIMAGE), "metadata") for features in stored]
    names_of_image = [output.name for output in IMAGE_OUTPUTS]
    facts = [entry and {name: entry[name] for name in names_of_image if name in entry} for entry in images]
    yield _Group("eimage.", IMAGE_OUTPUTS, facts)
    for (prefix, key), outputs in zip(_OF_IMAGE.items(), (SOMA_OUTPUTS, AXON_OUTPUTS), strict=True):
        data = [_mapping(features.get(_EIMAGE), key) for features in stored]
        yield _Group(prefix, _in_unit_of_image(outputs, stored), data)
    for name in averages:
        data = [_mapping(features.get(name), "sta_geometry") for features in stored]
        yield _Group(_rf_prefix(name, averages), RF_OUTPUTS, data)


def _rf_prefix(average: str, averages: Sequence[str]) -> str:
    return "rf." if len(averages) == 1 else f"rf[{average.removeprefix(_STA)}]."


def _in_unit_of_image(outputs: Sequence[Output], stored: Sequence[Mapping[str, Any]]) -> Sequence[Output]:
    facts = [_mapping(features.get(_EIMAGE), "metadata") for features in stored]
    unit = next((str(entry["unit"]) for entry in facts if entry and "unit" in entry), "")
    return [replace(output, unit=unit) if output.unit == "image unit" else output for output in outputs]


def _lnl_outputs() -> Sequence[Output]:
    from hdmea.pipeline.steps.fit_lnl import LNL_OUTPUTS

    return LNL_OUTPUTS


def _mapping(entry: Any, key: str) -> Mapping[str, Any] | None:
    found = entry.get(key) if isinstance(entry, Mapping) else None
    return found if isinstance(found, Mapping) else None


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float, str, np.generic))


def _plain(value: Any) -> Scalar:
    plain: Scalar = value.item() if isinstance(value, np.generic) else value
    return plain


def _write_csv(path: Path, units: Sequence[str], columns: Sequence[FeatureColumn]) -> list[Path]:
    described = path.with_name(f"{path.stem}_columns.csv")
    header = ["unit_id", *(column.name for column in columns)]
    rows = ([unit, *(_cell(column.values[at]) for column in columns)] for at, unit in enumerate(units))
    write_csv(path, header, rows)
    write_csv(described, ["column", "unit", "definition"], ([c.name, c.unit, c.definition] for c in columns))
    return [path, described]


def _cell(value: Scalar) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return repr(value) if isinstance(value, float) else str(value)


def _write_parquet(path: Path, units: Sequence[str], columns: Sequence[FeatureColumn]) -> list[Path]:
    try:
        arrow, parquet = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise ConfigurationError(
            f"{path.name} cannot be written: Parquet needs pyarrow, which is not installed. Install it "
            "(pip install pyarrow), or write a .csv file."
        ) from error
    arrays = [arrow.array(list(units)), *(arrow.array(list(column.values)) for column in columns)]
    fields = [arrow.field("unit_id", arrays[0].type)]
    for column, array in zip(columns, arrays[1:], strict=True):
        facts = {"unit": column.unit, "definition": column.definition}
        fields.append(arrow.field(column.name, array.type, metadata=facts))
    parquet.write_table(arrow.table(arrays, schema=arrow.schema(fields)), path)
    return [path]
