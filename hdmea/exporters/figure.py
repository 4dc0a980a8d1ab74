"""Figures for print: chosen panels of chosen units on a page with letters, sizes in mm, lines in points."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import Field, field_validator

from hdmea.exporters.exporter import ExportOptions, ExportProgress, exporter
from hdmea.exporters.figure_panels import PANELS, Cell, draw_panel
from hdmea.exporters.figure_style import STYLE_FIELD, FigureStyle, print_style, read_style
from hdmea.pipeline.feature_table import feature_columns
from hdmea.pipeline.marks import marks_text
from hdmea.pipeline.unit_outputs import chosen_units
from hdmea.utils.citation import TITLE
from hdmea.utils.exceptions import ConfigurationError, ValidationError
from hdmea.utils.fixes import Advice, SetParameter
from hdmea.utils.optional import optional_module

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hdmea.pipeline.session import PipelineSession

__all__ = ["MOST_UNITS", "FigureOptions", "figure", "preview", "unit_title", "write_figure"]

T = TypeVar("T")

MOST_UNITS = 12
"""As many units as a figure shows."""

_MM = 1 / 25.4
_NARROWEST_MM = 27.0
_HEADING_MM = 6.0


class FigureOptions(ExportOptions):
    """Options of `figure`: a recipe that can be applied to any recording."""

    unit_ids: tuple[str | int, ...] | None = Field(
        None,
        title="Units",
        description=f"Unit ids or numbers, at most {MOST_UNITS}; by default the first ones.",
        json_schema_extra={"names": "unit", "of_recording": True, "of_selection": True},
    )
    panels: tuple[str, ...] = Field(
        ("raster", "tuning", "receptive_field", "electrical_image"),
        min_length=1,
        title="Panels",
        description=f"{', '.join(PANELS)}; raster:MOVIE is the raster of another movie.",
        json_schema_extra={"names": "panel"},
    )
    movie: str = Field(
        "",
        title="Movie",
        description="Movie of rasters; by default the one with most trials.",
        json_schema_extra={"names": "movie"},
    )
    width_mm: float | None = Field(
        None,
        ge=40,
        le=600,
        title="Width",
        description="89 and 183 mm are one and two columns of Nature; by default as the style says.",
        json_schema_extra={"unit": "mm"},
    )
    height_mm: float | None = Field(
        None,
        ge=20,
        le=900,
        title="Height",
        description="By default as high as its rows need.",
        json_schema_extra={"unit": "mm"},
    )
    letters: bool = Field(True, title="Letters", description="Name the panels A, B, C, …")
    style: Path | None = STYLE_FIELD
    font_size: float | None = Field(
        None,
        ge=3,
        le=24,
        title="Font size",
        description="By default as the style says.",
        json_schema_extra={"unit": "pt"},
    )
    line_width: float | None = Field(
        None,
        ge=0.1,
        le=5,
        title="Line width",
        description="By default as the style says.",
        json_schema_extra={"unit": "pt", "advanced": True},
    )
    font: str | None = Field(
        None,
        title="Font",
        description="By default as the style says.",
        json_schema_extra={"advanced": True},
    )
    rank_by: str = Field(
        "",
        title="Choose units by",
        description="Column of the table, such as moving_bar.dsi: without units, those with its highest "
        "values.",
        json_schema_extra={"advanced": True},
    )
    n_units: int = Field(
        3,
        ge=1,
        le=MOST_UNITS,
        title="Number of units",
        description="How many are shown if none are chosen.",
        json_schema_extra={"advanced": True},
    )
    time_s: tuple[float, float] | None = Field(
        None,
        title="Time",
        description="Stretch of the recording in panels over time; by default all.",
        json_schema_extra={"unit": "s", "advanced": True, "of_recording": True},
    )
    moment_ms: float | None = Field(
        None,
        title="Moment",
        description="Frame of the average or of the electrical image, relative to the spike; by default its "
        "peak.",
        json_schema_extra={"unit": "ms", "advanced": True},
    )
    place: tuple[int, int] | None = Field(
        None,
        title="Place",
        description="Row and column: pixel of the time course, electrode of the traces; by default the peak.",
        json_schema_extra={"advanced": True, "of_recording": True},
    )
    dpi: int | None = Field(
        None,
        ge=72,
        le=1200,
        title="Resolution of PNG files",
        description="By default as the style says.",
        json_schema_extra={"unit": "dpi", "advanced": True},
    )
    editable_text: bool = Field(
        False,
        title="Text as letters in SVG files",
        description="Otherwise letters are outlines, which look the same in every program.",
        json_schema_extra={"advanced": True},
    )

    @field_validator("panels")
    @classmethod
    def _are_known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in value if name.partition(":")[0] not in PANELS]
        if unknown:
            raise ValueError(f"must be among {', '.join(PANELS)}, not {', '.join(unknown)}")
        return value

    @property
    def look(self) -> FigureStyle:
        """The style, with what is given here."""
        given = {name: getattr(self, name) for name in ("width_mm", "font_size", "line_width", "font", "dpi")}
        return read_style(self.style).model_copy(
            update={name: value for name, value in given.items() if value is not None}
        )


@dataclass(frozen=True)
class _Row:
    """Panels beside and below one another under a title; `lines` of `across` panels."""

    title: str
    panels: list[tuple[str, Cell]]
    across: int

    @property
    def lines(self) -> int:
        return -(-len(self.panels) // self.across)


@exporter(name="figure", title="Figure", suffixes=(".svg", ".pdf", ".png"), options=FigureOptions)
def figure(session: PipelineSession, target: Path, options: FigureOptions, progress: ExportProgress) -> None:
    """Draw panels of the recording, and a row of panels for each unit, as a page in mm and points."""

    def write(page: Figure, style: FigureStyle) -> None:
        progress(0.9, "Writing the figure")
        write_figure(page, target, session.dataset_id, style.dpi)

    _drawn(session, options, progress, write)


def preview(session: PipelineSession, options: FigureOptions, dpi: int) -> bytes:
    """Return the page that `figure` writes as a PNG picture.

    Raises
    ------
    ConfigurationError, ValidationError
        As of `figure`.
    """

    def write(page: Figure, _style: FigureStyle) -> bytes:
        content = io.BytesIO()
        page.savefig(content, format="png", dpi=dpi)
        return content.getvalue()

    return _drawn(session, options, lambda _fraction, _text: None, write)


def _drawn(
    session: PipelineSession,
    options: FigureOptions,
    progress: ExportProgress,
    write: Callable[[Figure, FigureStyle], T],
) -> T:
    """Draw the page, and return what `write` makes of it while matplotlib has the style."""
    optional_module("matplotlib", "figures", "A figure")
    style = options.look
    rows = _rows(session, options, style)
    with print_style(style, editable=options.editable_text), warnings.catch_warnings():
        warnings.filterwarnings("error", "constrained_layout not applied")
        try:
            return write(_page(rows, options, style, progress), style)
        except UserWarning as error:
            raise ValidationError(
                "The panels do not fit into this figure.",
                parameter="width_mm",
                fix=Advice("Make it larger, choose fewer panels, or a smaller font."),
            ) from error


def _rows(session: PipelineSession, options: FigureOptions, style: FigureStyle) -> list[_Row]:
    names = [name.partition(":") for name in options.panels]
    shared = Cell(session, "", options.movie, style, options.time_s, options.moment_ms, options.place)
    of_all = [name for name, _, _ in names if not PANELS[name].of_unit]
    of_unit = [(name, movie) for name, _, movie in names if PANELS[name].of_unit]
    widest = max(1, int(style.width_mm // _NARROWEST_MM))
    square = [(name, shared) for name in of_all if not PANELS[name].wide]
    rows = [_Row("", [(name, shared)], 1) for name in of_all if PANELS[name].wide]
    rows += [_Row("", square, min(len(square), max(1, int(style.width_mm // 60))))] if square else []
    if rows:
        rows[0] = replace(rows[0], title=session.dataset_id)
    for unit_id in _units(session, options) if of_unit else ():
        cell = replace(shared, unit_id=unit_id)
        panels = [(name, replace(cell, movie=movie) if movie else cell) for name, movie in of_unit]
        narrow = [panel for panel in panels if not PANELS[panel[0]].wide]
        own = [_Row("", narrow, min(len(narrow), widest))] if narrow else []
        own += [_Row("", [panel], 1) for panel in panels if PANELS[panel[0]].wide]
        rows += [replace(own[0], title=unit_title(session, unit_id)), *own[1:]]
    return rows


def _units(session: PipelineSession, options: FigureOptions) -> list[str]:
    units = chosen_units(session, options.unit_ids)
    if not options.unit_ids and options.rank_by:
        units = _ranked(session, options.rank_by)
    units = units if options.unit_ids else units[: options.n_units]
    if not units or len(units) > MOST_UNITS:
        raise ValidationError(
            f"A figure shows 1 to {MOST_UNITS} units, not {len(units)}.",
            parameter="unit_ids",
            fix=Advice("Choose the units."),
        )
    return units


def _ranked(session: PipelineSession, name: str) -> list[str]:
    """Return the units that have a number, from its highest value to its lowest."""
    column = next((column for column in feature_columns(session) if column.name == name), None)
    if column is None:
        raise ConfigurationError(
            f"The table of units has no column {name!r}.", parameter="rank_by", fix=SetParameter("rank_by")
        )
    numbers = {
        unit_id: float(value)
        for unit_id, value in zip(session.units, column.values, strict=True)
        if isinstance(value, (int, float)) and math.isfinite(value)
    }
    return sorted(numbers, key=lambda unit_id: -numbers[unit_id])


def _page(rows: list[_Row], options: FigureOptions, style: FigureStyle, progress: ExportProgress) -> Figure:
    from matplotlib.figure import Figure

    heights = [style.row_mm * row.lines + (_HEADING_MM if row.title else 0) for row in rows]
    size = (style.width_mm * _MM, (options.height_mm or sum(heights)) * _MM)
    page = Figure(figsize=size, layout="constrained")
    parts = page.subfigures(len(rows), 1, squeeze=False, height_ratios=heights)[:, 0]
    count = sum(len(row.panels) for row in rows)
    letters = iter("ABCDEFGHIJKLMNOPQRSTUVWXYZ" if options.letters and 1 < count <= 26 else "")
    for at, (row, part) in enumerate(zip(rows, parts, strict=True)):
        progress(0.9 * at / len(rows), f"Drawing {row.title}")
        if row.title:
            part.suptitle(row.title, x=0.01, ha="left", fontsize=style.font_size)
        grid = part.add_gridspec(row.lines, row.across)
        for place, (name, cell) in enumerate(row.panels):
            before = len(part.axes)
            draw_panel(part, grid[divmod(place, row.across)], name, cell)
            _add_letter(part.axes[before], next(letters, ""), style)
    return page


def _add_letter(axes: Any, letter: str, style: FigureStyle) -> None:
    if letter:
        axes.annotate(
            letter,
            (0, 1),
            (-3, 2),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="right",
            fontweight="bold",
            fontsize=style.font_size + 2,
        )


def unit_title(session: PipelineSession, unit_id: str) -> str:
    """Return what stands above a unit: its id, type, recording, and what to know before it is used."""
    unit = session.units[unit_id]
    kind = ((unit.get("features") or {}).get("cell_type") or {}).get("data") or {}
    marks = marks_text(unit)
    parts = [unit_id, str(kind.get("cell_type", "")), session.dataset_id, f"({marks})" if marks else ""]
    return "  ".join(part for part in parts if part)


def write_figure(page: Figure, target: Path, recording: str, dpi: int) -> None:
    """Write a page in the format of the file's ending, without the time of day."""
    kind = target.suffix.lower().lstrip(".")
    facts: dict[str, Any] = {"Title": recording, "Software" if kind == "png" else "Creator": TITLE}
    if kind != "png":
        facts["Date" if kind == "svg" else "CreationDate"] = None
    page.savefig(target, format=kind, dpi=dpi, metadata=facts)
