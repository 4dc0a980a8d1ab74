"""Figures for print: chosen panels of chosen units on a page with letters, sizes in mm, lines in points."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from hdmea.exporters.exporter import ExportOptions, ExportProgress, exporter
from hdmea.exporters.figure_panels import Cell, draw_panel
from hdmea.pipeline.marks import marks_text
from hdmea.pipeline.unit_outputs import chosen_units
from hdmea.utils.citation import TITLE
from hdmea.utils.exceptions import ValidationError
from hdmea.utils.fixes import Advice
from hdmea.utils.optional import optional_module

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hdmea.pipeline.session import PipelineSession

__all__ = ["FigureOptions", "figure", "print_style", "unit_title", "write_figure"]

PanelName = Literal[
    "waveform",
    "autocorrelogram",
    "rate",
    "raster",
    "tuning",
    "frequency",
    "receptive_field",
    "time_course",
    "electrical_image",
    "chip",
]
_MM = 1 / 25.4
_MOST_UNITS = 12
_ROW_MM = 36.0
_NARROWEST_MM = 27.0


class FigureOptions(ExportOptions):
    """Options of `figure`: a recipe that can be applied to any recording."""

    unit_ids: tuple[str | int, ...] | None = Field(
        None,
        title="Units",
        description=f"Unit ids or numbers, at most {_MOST_UNITS}; by default the first three.",
        json_schema_extra={"names": "unit", "of_recording": True, "of_selection": True},
    )
    panels: tuple[PanelName, ...] = Field(
        ("raster", "tuning", "receptive_field", "electrical_image"),
        min_length=1,
        title="Panels",
        description="waveform, autocorrelogram, rate, raster, tuning, frequency, receptive_field, "
        "time_course, electrical_image, chip.",
    )
    movie: str = Field(
        "", title="Movie", description="Movie of rasters; by default the one with most trials."
    )
    width_mm: float = Field(
        183.0,
        ge=40,
        le=600,
        title="Width",
        description="89 and 183 mm are one and two columns of Nature.",
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
    font: str = Field("Arial", title="Font", description="DejaVu Sans where it is not installed.")
    font_size: float = Field(6.0, ge=3, le=24, title="Font size", json_schema_extra={"unit": "pt"})
    line_width: float = Field(0.75, ge=0.1, le=5, title="Line width", json_schema_extra={"unit": "pt"})
    letters: bool = Field(True, title="Letters", description="Name the panels A, B, C, …")
    dpi: int = Field(600, ge=72, le=1200, title="Resolution of PNG files", json_schema_extra={"unit": "dpi"})
    editable_text: bool = Field(
        False,
        title="Text as letters in SVG files",
        description="Otherwise letters are outlines, which look the same in every program.",
    )


@exporter(name="figure", title="Figure of units", suffixes=(".svg", ".pdf", ".png"), options=FigureOptions)
def figure(session: PipelineSession, target: Path, options: FigureOptions, progress: ExportProgress) -> None:
    """Draw chosen panels of chosen units as a page for print: a row of panels per unit, in mm and points."""
    optional_module("matplotlib", "figures", "A figure")
    units = chosen_units(session, options.unit_ids)[: None if options.unit_ids else 3]
    if not units or len(units) > _MOST_UNITS:
        raise ValidationError(
            f"A figure shows 1 to {_MOST_UNITS} units, not {len(units)}.",
            parameter="unit_ids",
            fix=Advice("Choose the units."),
        )
    with print_style(options.font, options.font_size, options.line_width, editable=options.editable_text):
        page = _page(session, units, options, progress)
        progress(0.9, "Writing the figure")
        write_figure(page, target, session.dataset_id, options.dpi)


def _page(
    session: PipelineSession, units: list[str], options: FigureOptions, progress: ExportProgress
) -> Figure:
    from matplotlib.figure import Figure

    across = min(len(options.panels), max(1, int(options.width_mm // _NARROWEST_MM)))
    lines = -(-len(options.panels) // across)
    height = options.height_mm or (_ROW_MM * lines + 6) * len(units)
    page = Figure(figsize=(options.width_mm * _MM, height * _MM), layout="constrained")
    rows = page.subfigures(len(units), 1, squeeze=False)[:, 0]
    letter = iter("ABCDEFGHIJKLMNOPQRSTUVWXYZ" if len(units) * len(options.panels) <= 26 else "")
    for at, (unit_id, row) in enumerate(zip(units, rows, strict=True)):
        progress(0.9 * at / len(units), f"Drawing {unit_id}")
        row.suptitle(unit_title(session, unit_id), x=0.01, ha="left", fontsize=options.font_size)
        cell = Cell(session, unit_id, options.movie, options.line_width)
        grid = row.add_gridspec(lines, across)
        for place, name in enumerate(options.panels):
            before = len(row.axes)
            draw_panel(row, grid[divmod(place, across)], name, cell)
            sign = next(letter, "") if options.letters else ""
            if sign:
                row.axes[before].annotate(
                    sign,
                    (0, 1),
                    (-3, 2),
                    xycoords="axes fraction",
                    textcoords="offset points",
                    ha="right",
                    fontweight="bold",
                    fontsize=options.font_size + 2,
                )
    return page


def unit_title(session: PipelineSession, unit_id: str) -> str:
    """Return what stands above a unit: its id, type, recording, and what to know before it is used."""
    unit = session.units[unit_id]
    kind = ((unit.get("features") or {}).get("cell_type") or {}).get("data") or {}
    marks = marks_text(unit)
    parts = [unit_id, str(kind.get("cell_type", "")), session.dataset_id, f"({marks})" if marks else ""]
    return "  ".join(part for part in parts if part)


@contextlib.contextmanager
def print_style(font: str, size: float, line: float, *, editable: bool = False) -> Iterator[None]:
    """Have matplotlib draw for print: white, embedded TrueType fonts, ticks outside, no frame."""
    import matplotlib
    from matplotlib.font_manager import get_font_names

    fonts = [name for name in (font, "Liberation Sans", "DejaVu Sans") if name in get_font_names()]
    style: Any = {
        "font.family": fonts or ["sans-serif"],
        "font.size": size,
        "axes.titlesize": size,
        "axes.labelsize": size,
        "xtick.labelsize": size,
        "ytick.labelsize": size,
        "legend.fontsize": size,
        "axes.linewidth": line * 0.75,
        "lines.linewidth": line,
        "patch.linewidth": line,
        "xtick.major.width": line * 0.75,
        "ytick.major.width": line * 0.75,
        "xtick.major.size": 2.0,
        "ytick.major.size": 2.0,
        "xtick.direction": "out",
        "ytick.direction": "out",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlelocation": "left",
        "axes.titlepad": 3.0,
        "axes.labelpad": 1.0,
        "figure.facecolor": "white",
        "savefig.facecolor": "white",
        # TrueType outlines, which journals ask for; Type 3 fonts cannot be edited.
        "pdf.fonttype": 42,
        "ps.fonttype": 42,
        "svg.fonttype": "none" if editable else "path",
    }
    with matplotlib.rc_context(style):
        yield


def write_figure(page: Figure, target: Path, recording: str, dpi: int) -> None:
    """Write a page in the format of the file's ending, without the time of day."""
    kind = target.suffix.lower().lstrip(".")
    facts: dict[str, Any] = {"Title": recording, "Software" if kind == "png" else "Creator": TITLE}
    if kind != "png":
        facts["Date" if kind == "svg" else "CreationDate"] = None
    page.savefig(target, format=kind, dpi=dpi, metadata=facts)
