"""What a batch did: a table for programs and a page for people."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from hdmea.study.job import Outcome
from hdmea.utils.html_page import html_page
from hdmea.utils.spreadsheet import write_csv
from hdmea.utils.whole_file import write_whole

__all__ = ["write_summary"]

_TITLES: Final = (
    "recording", "state", "units", "seconds", "started_at", "warnings", "health", "step", "message",
    "skipped_steps", "concerns", "stimuli", "result", "log",
)  # fmt: skip
_COLOURS: Final = {"done": "#1b7f3b", "kept": "#4d6b57", "other parameters": "#9a6700", "stopped": "#9a6700"}
_LIGHTS: Final = {"green": "#1b7f3b", "amber": "#9a6700", "red": "#b42318"}


def write_summary(folder: Path, outcomes: Sequence[Outcome], left_out: Mapping[Path, str]) -> Path:
    """Write ``summary.csv`` and ``summary.html`` into a folder; return the former."""
    table = folder / "summary.csv"
    write_csv(table, _TITLES, [_row(outcome, folder) for outcome in outcomes])
    write_whole(folder / "summary.html", _page(folder, outcomes, left_out))
    return table


def _row(outcome: Outcome, folder: Path) -> list[object]:
    return [
        outcome.key,
        outcome.state,
        "" if outcome.units is None else outcome.units,
        outcome.seconds,
        outcome.started_at,
        len(outcome.warnings),
        outcome.light,
        outcome.step,
        outcome.message,
        "; ".join(outcome.skipped),
        " ".join(outcome.concerns),
        outcome.stimuli,
        _near(outcome.target, folder) if outcome.good else "",
        _near(outcome.log, folder),
    ]


def _near(path: str, folder: Path) -> str:
    place = Path(path)
    return place.relative_to(folder).as_posix() if place.is_relative_to(folder) else path


def _page(folder: Path, outcomes: Sequence[Outcome], left_out: Mapping[Path, str]) -> str:
    counts = Counter(outcome.state for outcome in outcomes)
    said = ", ".join(f"{count} {state}" for state, count in counts.items())
    rows = "\n".join(_html_row(outcome, folder) for outcome in outcomes)
    warned = [outcome for outcome in outcomes if outcome.notes]
    parts = [
        f"<h1>{html.escape(folder.name)}</h1>",
        f"<p>{len(outcomes)} recordings: {html.escape(said)}.</p>",
        *_tables(folder),
        "<table><tr><th>Recording</th><th>State</th><th>Health</th><th>Units</th><th>Time (s)</th>"
        f"<th>Warnings</th><th>What happened</th></tr>\n{rows}\n</table>",
    ]
    if left_out:
        items = "".join(f"<li>{html.escape(f'{path} {reason}')}</li>" for path, reason in left_out.items())
        parts.append(f"<h2>Left out</h2><ul>{items}</ul>")
    for outcome in warned:
        items = "".join(f"<li>{html.escape(note)}</li>" for note in outcome.notes)
        parts.append(f"<h2>{html.escape(outcome.key)}</h2><ul>{items}</ul>")
    return html_page(f"Batch {folder.name}", "\n".join(parts))


def _tables(folder: Path) -> list[str]:
    """Return a line with the tables of all units and traces, if there are some."""
    names = [name for name in ("units.csv", "units.parquet", "traces.parquet") if (folder / name).exists()]
    links = ", ".join(f'<a href="{name}">{name}</a>' for name in names)
    return [f"<p>All units and their mean traces: {links}.</p>"] if links else []


def _html_row(outcome: Outcome, folder: Path) -> str:
    colour = _COLOURS.get(outcome.state, "#b42318")
    log = html.escape(_near(outcome.log, folder), quote=True)
    what = outcome.message if not outcome.good else ""
    link = f' <a href="{log}">Log</a>' if Path(outcome.log).exists() else ""
    units = "" if outcome.units is None else str(outcome.units)
    return (
        f'<tr><td>{html.escape(outcome.key)}</td><td style="color:{colour}">{outcome.state}</td>'
        f'<td style="color:{_LIGHTS.get(outcome.light, "inherit")}">{html.escape(outcome.light)}</td>'
        f'<td class="number">{units}</td><td class="number">{outcome.seconds:.1f}</td>'
        f'<td class="number">{len(outcome.warnings) or ""}</td><td>{html.escape(what)}{link}</td></tr>'
    )
