"""The table of units as Parquet: types, titles, units and definitions in one file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hdmea.exporters.csv_table import write_descriptions
from hdmea.exporters.exporter import ExportOptions, exporter
from hdmea.exporters.unit_table import TableColumn, sections_table, unit_table
from hdmea.utils.optional import optional_module

if TYPE_CHECKING:
    import pyarrow as pa

    from hdmea.pipeline.session import PipelineSession

__all__ = ["arrow_table", "parquet_table"]


@exporter(name="parquet", title="Table of units (Parquet)", suffixes=(".parquet",))
def parquet_table(session: PipelineSession, target: Path, options: ExportOptions) -> None:
    """Write all numbers of the units as a table whose columns have title, unit and definition as metadata.

    So are the names of the columns of a number's 95 % interval, p value and count; ``<name>_columns.csv``
    beside it says the same. ``<name>_sections.parquet`` says where each movie was shown and what the recorded
    light says of that.
    """
    columns = unit_table(session)
    _write(target, columns)
    write_descriptions(target, columns)
    sections = sections_table(session)
    if sections:
        _write(target.with_name(f"{target.stem}_sections.parquet"), sections)


def arrow_table(columns: Sequence[TableColumn]) -> pa.Table:
    """Return columns as a table of Arrow; what there is to know of each is metadata of its field.

    Raises
    ------
    ConfigurationError
        If the package pyarrow is not installed.
    """
    arrow = optional_module("pyarrow", "parquet", "A Parquet file")
    arrays = [arrow.array(list(column.values)) for column in columns]
    fields = [
        arrow.field(
            column.name,
            array.type,
            metadata={
                "title": column.title,
                "unit": column.unit,
                "definition": column.definition,
                "interval": " ".join(column.interval),
                "p": column.p,
                "n": column.n,
                "stale": str(column.stale).lower(),
            },
        )
        for column, array in zip(columns, arrays, strict=True)
    ]
    return arrow.table(arrays, schema=arrow.schema(fields))


def _write(path: Path, columns: Sequence[TableColumn]) -> None:
    table = arrow_table(columns)
    optional_module("pyarrow.parquet", "parquet", "A Parquet file").write_table(table, path)
