"""What a user sends to report a problem: versions, log, steps done; nothing of what is in the files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hdmea_gui.diagnostics.versions import version_lines
from hdmea_gui.engine.snapshot import StateView
from hdmea_gui.models.steps import StepItem

__all__ = ["error_report", "without_home"]

_N_CRASH_CHARACTERS = 6000


def error_report(
    state: StateView,
    steps: Sequence[StepItem],
    lines: Sequence[str],
    *,
    failure: str = "",
    crash: Path | None = None,
) -> str:
    """Return the report as text.

    Parameters
    ----------
    state
        The session: how many units, how much memory.
    steps
        All steps with their states.
    lines
        The last lines of the log.
    failure
        What failed, with its traceback; empty if the report is not about one failure.
    crash
        File with the evidence of the last crash, if there was one.
    """
    parts = [
        ("HD-MEA Studio: report of a problem", "\n".join(version_lines())),
        ("What failed", failure.strip()),
        ("Session", _session_text(state)),
        ("Steps", "\n".join(_step_line(item, state) for item in steps)),
        ("Crash of an earlier session", _crash_text(crash)),
        ("Last lines of the log", "\n".join(lines)),
    ]
    text = "\n\n".join(f"## {title}\n{content}" for title, content in parts if content)
    return without_home(text) + "\n"


def without_home(text: str, home: Path | None = None) -> str:
    """Return a text in which the home folder is written ``~``."""
    home = home or Path.home()
    for name in {str(home), home.as_posix(), str(home).replace("\\", "\\\\")}:
        text = text.replace(name, "~") if len(name) > 1 else text
    return text


def _session_text(state: StateView) -> str:
    if not state.is_open:
        return "No recording is open."
    kept = "with unsaved changes" if state.unsaved else "no unsaved changes"
    return f"{len(state.unit_ids)} units, {state.memory_gb:.2f} GB in memory, {kept}"


def _step_line(item: StepItem, state: StateView) -> str:
    record = state.steps.get(item.spec.name)
    duration = f", {record.duration_s:.1f} s" if record is not None else ""
    reason = f": {item.reason}" if item.reason else ""
    return f"{item.spec.name}: {item.state.value}{duration}{reason}"


def _crash_text(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        return path.read_text(encoding="utf-8", errors="replace")[:_N_CRASH_CHARACTERS]
    except OSError as error:
        return f"{path.name} could not be read: {error}"
