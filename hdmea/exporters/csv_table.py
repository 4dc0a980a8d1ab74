"""The table of units as CSV: one row per unit, every column described in a second file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hdmea.exporters.exporter import ExportOptions, exporter
from hdmea.exporters.unit_table import DESCRIPTION_COLUMNS, TableColumn, sections_table, unit_table
from hdmea.utils.spreadsheet import write_csv

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession

__all__ = ["csv_table", "write_descriptions"]


@exporter(name="csv", title="Table of units (CSV)", suffixes=(".csv",))
def csv_table(session: PipelineSession, target: Path, options: ExportOptions) -> None:
    """Write all numbers of the units as a table with empty cells for what is missing.

    ``<name>_columns.csv`` beside it has title, unit, range and definition of every column, and the columns of
    its 95 % interval, of its p and q value and of what it is measured in; ``<name>_sections.csv`` says where
    each movie was shown and what the recorded light says of that.
    """
    columns = unit_table(session)
    _write(target, columns)
    write_descriptions(target, columns)
    sections = sections_table(session)
    if sections:
        _write(target.with_name(f"{target.stem}_sections.csv"), sections)


def write_descriptions(target: Path, columns: Sequence[TableColumn]) -> None:
    """Write ``<name>_columns.csv`` beside a table: a row per column, which says what it is."""
    beside = target.with_name(f"{target.stem}_columns.csv")
    write_csv(beside, DESCRIPTION_COLUMNS, (column.description for column in columns))


def _write(path: Path, columns: Sequence[TableColumn]) -> None:
    rows = zip(*(column.values for column in columns), strict=True)
    write_csv(path, [column.name for column in columns], rows)
