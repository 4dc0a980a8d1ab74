"""The table of units as Parquet: types, titles, units and definitions in one file."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from hdmea.exporters.exporter import ExportOptions, exporter
from hdmea.pipeline.alignment_table import SECTION_COLUMNS, section_alignment
from hdmea.pipeline.feature_table import feature_columns
from hdmea.utils.exceptions import ConfigurationError
from hdmea.utils.fixes import Advice, Either

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession

__all__ = ["parquet_table"]


@exporter(name="parquet", title="Table of units (Parquet)", suffixes=(".parquet",))
def parquet_table(session: PipelineSession, target: Path, options: ExportOptions) -> None:
    """Write all numbers of the units as a table whose columns have title, unit and definition as metadata.

    So are the names of the columns of a number's 95 % interval, p value and count.
    ``<name>_sections.parquet`` beside it says where each movie was shown and what the recorded light says of
    that.
    """
    try:
        arrow, parquet = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise ConfigurationError(
            f"{target.name} cannot be written: the Python package pyarrow is not installed.",
            path=target,
            fix=Either((Advice("Install it: pip install pyarrow."), Advice("Write a .csv file."))),
        ) from error
    columns = feature_columns(session)
    arrays = [arrow.array(list(session.units)), *(arrow.array(list(column.values)) for column in columns)]
    fields = [arrow.field("unit_id", arrays[0].type)]
    for column, array in zip(columns, arrays[1:], strict=True):
        facts = {"title": column.title, "unit": column.unit, "definition": column.definition}
        facts |= {"interval": " ".join(column.interval), "p": column.p, "n": column.n}
        fields.append(arrow.field(column.name, array.type, metadata=facts))
    parquet.write_table(arrow.table(arrays, schema=arrow.schema(fields)), target)
    sections = section_alignment(session)
    if sections:
        lines = [arrow.array(values) for values in zip(*(section.row for section in sections), strict=True)]
        named = [
            arrow.field(name, array.type, metadata={"unit": unit, "definition": definition})
            for (name, unit, definition), array in zip(SECTION_COLUMNS, lines, strict=True)
        ]
        beside = target.with_name(f"{target.stem}_sections.parquet")
        parquet.write_table(arrow.table(lines, schema=arrow.schema(named)), beside)
