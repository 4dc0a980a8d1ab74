"""The table of units as an Excel workbook: numbers as numbers, whatever the language of the spreadsheet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hdmea.exporters.exporter import ExportOptions, exporter
from hdmea.exporters.unit_table import DESCRIPTION_COLUMNS, TableColumn, sections_table, unit_table
from hdmea.utils.spreadsheet import write_xlsx

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession

__all__ = ["excel_table"]


@exporter(name="xlsx", title="Table of units (Excel)", suffixes=(".xlsx",))
def excel_table(session: PipelineSession, target: Path, options: ExportOptions) -> None:
    """Write all numbers of the units as a workbook with the sheets "units", "columns" and "sections".

    The second says what every column is; the third says where each movie was shown and what the recorded
    light says of that.
    """
    columns = unit_table(session)
    described = (column.description for column in columns)
    sheets = {"units": _sheet(columns), "columns": (DESCRIPTION_COLUMNS, described)}
    sections = sections_table(session)
    if sections:
        sheets["sections"] = _sheet(sections)
    write_xlsx(target, sheets)


def _sheet(columns: Sequence[TableColumn]) -> tuple[list[str], Iterator[tuple[object, ...]]]:
    return [column.name for column in columns], zip(*(column.values for column in columns), strict=True)
