"""A report of a recording: health, stimuli, population, a page per unit, methods; HTML or PDF."""

from __future__ import annotations

import base64
import io
import math
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from hdmea._version import __version__
from hdmea.declare import all_steps
from hdmea.exporters.exporter import ExportOptions, ExportProgress, exporter
from hdmea.exporters.figure import unit_title
from hdmea.exporters.figure_panels import Cell, draw_panel, movies_of
from hdmea.exporters.figure_style import STYLE_FIELD, FigureStyle, print_style, read_style
from hdmea.exporters.unit_numbers import NUMBER_TITLES, number_rows, number_text
from hdmea.pipeline.alignment_table import section_alignment
from hdmea.pipeline.recording_sheet import SHEET_FIELDS, recording_sheet
from hdmea.pipeline.unit_outputs import chosen_units
from hdmea.utils.citation import TITLE, citation
from hdmea.utils.exceptions import HDMEAError, StepCancelled
from hdmea.utils.html_page import html_page, html_table
from hdmea.utils.optional import optional_module
from hdmea.utils.whole_file import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hdmea.health import Light
    from hdmea.pipeline.session import PipelineSession

__all__ = ["ReportOptions", "report"]

_PAPERS = {"A4": (210.0, 297.0), "Letter": (215.9, 279.4)}
_MM = 1 / 25.4
_CARD = (
    *("waveform", "autocorrelogram", "rate", "chip"),
    *("electrical_image", "receptive_field", "time_course", "tuning", "frequency"),
)
_ACROSS = 4
_ROW_MM = 38.0
_CARD_MM = 183.0
_LINES_PER_PAGE = 62


class ReportOptions(ExportOptions):
    """Options of `report`."""

    unit_ids: tuple[str | int, ...] | None = Field(
        None,
        title="Units",
        description="Unit ids or numbers that get a page of their own; by default all units.",
        json_schema_extra={"names": "unit", "of_recording": True},
    )
    paper: Literal["A4", "Letter"] = Field(
        "A4", title="Paper", description="Size of the pages of a PDF file."
    )
    style: Path | None = STYLE_FIELD
    health: bool = Field(
        True, title="Health", description="Judge the recording; this reads raw data where they exist."
    )


@dataclass(frozen=True)
class _Content:
    """What a report says, whatever its format."""

    session: PipelineSession
    style: FigureStyle
    units: list[str]
    facts: list[tuple[str, str]]
    lights: Sequence[Light]
    sections: list[tuple[str, ...]]
    kinds: list[tuple[str, ...]]
    numbers: dict[str, list[tuple[str, ...]]]
    methods: list[str]


_SECTION_TITLES = ("Movie", "Showing", "Start (s)", "Stop (s)", "Light", "r", "Marks")


@exporter(
    name="report",
    title="Report of the recording",
    suffixes=(".html", ".pdf"),
    options=ReportOptions,
    apart=True,
)
def report(session: PipelineSession, target: Path, options: ReportOptions, progress: ExportProgress) -> None:
    """Write health, stimuli and alignment, the population, a page per unit and methods as a document."""
    optional_module("matplotlib", "figures", "A report")
    content = _content(session, options, progress)
    with print_style(content.style):
        if target.suffix.lower() == ".pdf":
            _write_pdf(content, target, _PAPERS[options.paper], progress)
        else:
            write_whole(target, _html(content, progress))


def _content(session: PipelineSession, options: ReportOptions, progress: ExportProgress) -> _Content:
    units = chosen_units(session, options.unit_ids)
    lights: Sequence[Light] = ()
    if options.health:
        from hdmea.health import health_of

        try:
            lights = health_of(session, progress=lambda part, text: progress(0.2 * part, text)).lights
        except StepCancelled:
            raise
        except (HDMEAError, OSError):
            lights = ()
    return _Content(
        session,
        read_style(options.style),
        units,
        _facts(session),
        lights,
        [
            (
                section.movie,
                str(section.occurrence),
                f"{section.start_s:.1f}",
                f"{section.stop_s:.1f}",
                section.verdict,
                "" if math.isnan(section.alignment_r) else f"{section.alignment_r:.2f}",
                section.marks,
            )
            for section in section_alignment(session)
        ],
        _kinds(session),
        number_rows(session, units),
        _methods(session),
    )


def _facts(session: PipelineSession) -> list[tuple[str, str]]:
    sheet = recording_sheet(session)
    titles = {field.name: field.title for field in SHEET_FIELDS}
    spikes = sum(len(unit["spike_times"]) for unit in session.units.values())
    recorded = (session.metadata.get("cmcr_meta") or session.metadata.get("cmtr_meta") or {}).get("DateTime")
    known = [
        ("Recorded", str(recorded or "")),
        ("Duration", f"{session.duration_s:.0f} s" if "acquisition_rate" in session.metadata else ""),
        ("Units", f"{session.unit_count}, {spikes} spikes"),
        *((titles.get(name, name), value) for name, value in sheet.items()),
        ("Stale", ", ".join(name for name, step in session.steps.items() if step.stale)),
    ]
    return [(title, text) for title, text in known if text]


def _kinds(session: PipelineSession) -> list[tuple[str, ...]]:
    """Return each cell type with its count and share."""
    counts = Counter(
        str(Cell(session, name).numbers("cell_type").get("cell_type", "")) or "no type"
        for name in session.units
    )
    total = max(session.unit_count, 1)
    return [(kind, str(count), f"{100 * count / total:.0f} %") for kind, count in counts.most_common()]


def _parameter(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_parameter, value))
    return number_text(value)


def _methods(session: PipelineSession) -> list[str]:
    """Return the paragraph of methods: what was done with which parameters, by which version."""
    known = all_steps()
    lines = [
        f"The recording {session.dataset_id} was analysed with {TITLE} {__version__}. Steps, in their order:"
    ]
    for name in session.completed_steps:
        step = session.steps.get(name)
        definition = known.get(name)
        title = definition.title if definition is not None else name
        said = []
        for key, value in (step.params if step is not None else {}).items():
            field = definition.params.model_fields.get(key) if definition is not None else None
            if value is None or value in ({}, []) or key.endswith(("_path", "_dir", "multiprocessing")):
                continue
            extra = field.json_schema_extra if field is not None else None
            unit = str(extra.get("unit", "")) if isinstance(extra, dict) else ""
            said.append(
                f"{(field.title if field is not None else '') or key}: {_parameter(value)} {unit}".strip()
            )
        stale = (
            ", stale: something that it was computed from has changed since" if step and step.stale else ""
        )
        given = f" ({'; '.join(said)})" if said else ""
        lines.append(f"{title}{given}{stale}.")
    return [
        *lines,
        "Definitions and references of all numbers: the page Science of the documentation.",
        citation(),
    ]


# -- drawings --------------------------------------------------------------------------------------------


def _population(content: _Content, size_mm: tuple[float, float]) -> Figure:
    """Draw the population into the upper 150 mm of a page."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    width, height = size_mm
    used = 150 / height
    room = (8 / width, 1 - used, 1 - 16 / width, used - (16 / height if used < 1 else 0))
    figure = Figure(figsize=(width * _MM, height * _MM), layout=ConstrainedLayoutEngine(rect=room))
    if used < 1:
        figure.text(8 / width, 1 - 7 / height, "Population", fontsize=8, fontweight="bold")
    grid = figure.add_gridspec(2, 2, height_ratios=(1, 1))
    cell = Cell(content.session, "", style=content.style)
    places = (("population", grid[0, :]), ("units_on_chip", grid[1, 0]), ("fields", grid[1, 1]))
    for name, place in places:
        draw_panel(figure, place, name, cell)
    return figure


def _card(content: _Content, unit_id: str, figure: Any) -> None:
    """Draw all panels of a unit into the upper part of a figure, which is `_card_mm` high."""
    cell = Cell(content.session, unit_id, style=content.style)
    panels = [(name, cell) for name in _CARD]
    panels += [("raster", replace(cell, movie=movie)) for movie in movies_of(cell)]
    rows = -(-len(panels) // _ACROSS)
    width, height = figure.get_size_inches() / _MM
    top = 12.0
    grid = figure.add_gridspec(
        rows,
        _ACROSS,
        left=14 / width,
        right=1 - 8 / width,
        top=1 - (top + 5) / height,
        bottom=1 - (top + rows * _ROW_MM - 8) / height,
        wspace=0.45,
        hspace=0.65,
    )
    figure.text(
        8 / width, 1 - 7 / height, unit_title(content.session, unit_id), fontsize=8, fontweight="bold"
    )
    for place, (name, of) in enumerate(panels):
        draw_panel(figure, grid[divmod(place, _ACROSS)], name, of)


def _card_mm(content: _Content, unit_id: str) -> float:
    """Return how much of a page the panels of a unit need."""
    movies = movies_of(Cell(content.session, unit_id))
    return 14.0 + _ROW_MM * -(-(len(_CARD) + len(movies)) // _ACROSS)


# -- HTML ------------------------------------------------------------------------------------------------


def _html(content: _Content, progress: ExportProgress) -> str:
    from matplotlib.figure import Figure

    name = content.session.dataset_id
    parts = [f"<h1>{escape(name)}</h1>", html_table(("", ""), content.facts)]
    if content.lights:
        from hdmea.health import lights_table

        parts += ["<h2>Health</h2>", lights_table(content.lights)]
    if content.sections:
        parts += ["<h2>Stimuli</h2>", html_table(_SECTION_TITLES, content.sections)]
    parts += ["<section><h2>Population</h2>", _image(_population(content, (240.0, 150.0)), "The population")]
    parts += [html_table(("Cell type", "Units", "Share"), content.kinds), "</section>"]
    for at, unit_id in enumerate(content.units):
        progress(0.2 + 0.75 * at / len(content.units), f"Unit {unit_id}")
        figure = Figure(figsize=(_CARD_MM * _MM, _card_mm(content, unit_id) * _MM))
        _card(content, unit_id, figure)
        parts += [f'<section id="{unit_id}">', _image(figure, f"Panels of {unit_id}")]
        parts += [html_table(NUMBER_TITLES, content.numbers[unit_id]), "</section>"]
    methods = "\n".join(f"<p>{escape(line)}</p>" for line in content.methods)
    parts += [f"<section><h2>Methods</h2>\n{methods}</section>"]
    return html_page(f"Report of {name}", "\n".join(part for part in parts if part))


def _image(figure: Figure, text: str) -> str:
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=150)
    data = base64.b64encode(content.getvalue()).decode("ascii")
    return f'<figure><img alt="{escape(text)}" src="data:image/png;base64,{data}"></figure>'


# -- PDF -------------------------------------------------------------------------------------------------


def _write_pdf(content: _Content, target: Path, paper: tuple[float, float], progress: ExportProgress) -> None:
    from matplotlib.backends.backend_pdf import PdfPages
    from matplotlib.figure import Figure

    size = (paper[0] * _MM, paper[1] * _MM)
    facts = {"Title": f"Report of {content.session.dataset_id}", "Creator": TITLE}
    with PdfPages(target, metadata=facts) as pages:
        for lines in _pages(_first_lines(content)):
            pages.savefig(_text_page(lines, size))
        pages.savefig(_population(content, paper))
        for at, unit_id in enumerate(content.units):
            progress(0.2 + 0.75 * at / len(content.units), f"Unit {unit_id}")
            # As high as its panels and numbers need, but never smaller than the paper.
            used = _card_mm(content, unit_id)
            rows = content.numbers[unit_id]
            height = max(paper[1], used + 12 + 3.6 * (len(rows) + 1))
            figure = Figure(figsize=(paper[0] * _MM, height * _MM))
            _card(content, unit_id, figure)
            _number_table(figure, rows, used)
            pages.savefig(figure)
        methods = [part for line in content.methods for part in (*textwrap.wrap(line, 105), "")]
        for lines in _pages(["Methods", "", *methods]):
            pages.savefig(_text_page(lines, size))


def _first_lines(content: _Content) -> list[str]:
    lines = [content.session.dataset_id, ""]
    lines += [f"{title}: {text}" for title, text in content.facts]
    if content.lights:
        lines += ["", "Health", ""]
        for light in content.lights:
            head = f"{light.light.upper():7s}{light.name}  {light.number}"
            lines += [head, *(f"       {part}" for part in textwrap.wrap(light.sentence, 95))]
    if content.sections:
        lines += ["", "Stimuli", ""]
        for movie, showing, start, stop, verdict, r, marks in content.sections:
            said = ", ".join(part for part in (verdict, f"r {r}" if r else "", marks) if part)
            lines += textwrap.wrap(f"{movie} ({showing}): {start} to {stop} s, {said}", 100)
    lines += ["", "Cell types", ""]
    return lines + [f"{kind}: {count} units, {share}" for kind, count, share in content.kinds]


def _pages(lines: list[str]) -> Iterator[list[str]]:
    for first in range(0, len(lines), _LINES_PER_PAGE):
        yield lines[first : first + _LINES_PER_PAGE]


def _text_page(lines: list[str], size: tuple[float, float]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=size)
    left, top, step = 18 * _MM / size[0], 1 - 16 * _MM / size[1], 4.2 * _MM / size[1]
    headings = {"Health", "Stimuli", "Cell types", "Methods", lines[0]}
    for at, line in enumerate(lines):
        weight = "bold" if line in headings else "normal"
        figure.text(left, top - at * step, line, fontsize=8, fontweight=weight, va="top")
    return figure


def _number_table(figure: Figure, rows: Sequence[Sequence[str]], used_mm: float) -> None:
    width, height = figure.get_size_inches() / _MM
    columns = (14.0, 100.0, 122.0, 158.0, 172.0, 186.0)
    for at, row in enumerate((NUMBER_TITLES, *rows)):
        y = 1 - (used_mm + 6 + 3.6 * at) / height
        for x, text in zip(columns, row, strict=True):
            figure.text(x / width, y, text, fontsize=6, fontweight="bold" if at == 0 else "normal", va="top")
