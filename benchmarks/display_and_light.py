"""What is said of spoilt sync channels and of playlists that were not shown as stated.

Run ``python -m benchmarks.display_and_light``; with ``--write docs/science.md`` the tables there are renewed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from hdmea.simulate.light_faults import LIGHT_FAULTS, courses_of, shown_light
from hdmea.simulate.sync_faults import SYNC_FAULTS, sync_channel
from hdmea.stimuli.alignment import align_sections, irregular_flips
from hdmea.stimuli.alignment_report import FlipDecision, report
from hdmea.stimuli.frames import detect_frames

BEGIN, END = "<!-- display and light -->", "<!-- end of display and light -->"
FS = 20_000.0


def sync_row(kind: str) -> tuple[str, str, str]:
    """Return kind, flips found of those shown with the largest error, and what is said."""
    channel = sync_channel(kind)
    found = detect_frames(channel.signal, None, FS, drop_first=0)
    shown = "none" if channel.flips is None else str(channel.flips.size)
    result = (
        f"{found.frames.size} of {shown}" if channel.flips is not None else f"{found.frames.size}, none there"
    )
    if channel.flips is not None and found.frames.size == channel.flips.size:
        error = int(np.abs(found.frames.astype(np.int64) - channel.flips).max()) / FS * 1000
        result += f", {error:.2f} ms"
    return kind, result, " ".join((*found.warnings, *found.information))


def light_row(kind: str) -> tuple[str, str, str]:
    """Return kind, sections placed rightly and wrongly of those the light can tell, and what is said."""
    showing = LIGHT_FAULTS[kind]
    shown = shown_light(showing)
    courses = courses_of(showing.stated)
    sections = align_sections(
        shown.light, shown.sections, courses, lambda: courses_of().values(), shown.breaks
    )
    decided = irregular_flips(shown.light, shown.breaks, shown.missing, sections, courses)
    flips = [
        FlipDecision(int(frame), int(count), said, frame * shown.light.interval_s)
        for frame, count, said in zip(shown.breaks, shown.missing, decided, strict=True)
    ]
    said = report(sections, interval_s=shown.light.interval_s, pad_frame=showing.stated_pad, flips=flips)
    right = wrong = 0
    for entry in sections:
        lag = said.lags.get((entry.section.movie, entry.section.occurrence))
        if lag is not None and entry.state in ("checked", "lag", "elsewhere"):
            true = shown.true_content.get(entry.section.movie)
            fits = true == entry.section.content + lag
            right, wrong = right + fits, wrong + (not fits)
    told = [*said.warnings, *(text for text in said.information if "Late display" in text)]
    return kind, f"{right} / {wrong}", " ".join(told)


def tables() -> str:
    """Return both tables as Markdown."""
    sync = ["| sync channel | flips found, largest error | what is said |", "|---|---|---|"]
    sync += [_line(sync_row(kind)) for kind in SYNC_FAULTS]
    light = ["| playlist and light | places right / wrong | what is said |", "|---|---|---|"]
    light += [_line(light_row(kind)) for kind in LIGHT_FAULTS]
    return "\n".join([*sync, "", *light])


def _line(cells: tuple[str, str, str]) -> str:
    kind, result, said = cells
    return f"| {kind} | {result} | {said or '–'} |"


def with_tables(page: str) -> str:
    """Return a page with the tables between its marks renewed."""
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{after}"


def main() -> None:
    """Print the tables, or renew them in the page that is named."""
    if len(sys.argv) == 3 and sys.argv[1] == "--write":
        page = Path(sys.argv[2])
        page.write_text(with_tables(page.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        sys.stdout.write(tables() + "\n")


if __name__ == "__main__":
    main()
