"""The table of units as CSV: one row per unit, every column described in a second file."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from hdmea.exporters.exporter import ExportOptions, exporter
from hdmea.pipeline.alignment_table import SECTION_COLUMNS, section_alignment
from hdmea.pipeline.feature_table import Scalar, feature_columns
from hdmea.utils.spreadsheet import write_csv

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession

__all__ = ["csv_table"]


@exporter(name="csv", title="Table of units (CSV)", suffixes=(".csv",))
def csv_table(session: PipelineSession, target: Path, options: ExportOptions) -> None:
    """Write all numbers of the units as a table with empty cells for what is missing.

    ``<name>_columns.csv`` beside it has title, unit and definition of every column, and the columns of its
    95 % interval, of its p value and of what it is measured in; ``<name>_sections.csv`` says where each movie
    was shown and what the recorded light says of that.
    """
    columns = feature_columns(session)
    header = ["unit_id", *(column.name for column in columns)]
    rows = (
        [unit, *(_cell(column.values[at]) for column in columns)] for at, unit in enumerate(session.units)
    )
    write_csv(target, header, rows)
    described = ([c.name, c.title, c.unit, c.definition, " ".join(c.interval), c.p, c.n] for c in columns)
    head = ["column", "title", "unit", "definition", "interval", "p", "n"]
    write_csv(target.with_name(f"{target.stem}_columns.csv"), head, described)
    sections = section_alignment(session)
    if sections:
        names = [name for name, _, _ in SECTION_COLUMNS]
        lines = ([_cell(value) for value in section.row] for section in sections)
        write_csv(target.with_name(f"{target.stem}_sections.csv"), names, lines)


def _cell(value: Scalar) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return repr(value) if isinstance(value, float) else str(value)
