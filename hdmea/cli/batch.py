"""``hdmea batch``: a flow on many recordings."""

from __future__ import annotations

import enum
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from tqdm import tqdm

from hdmea.cli.settings import Debug, Plugins, parse_settings
from hdmea.cli.terminal import EXIT_FAILED, EXIT_INTERRUPTED, Bars, cancel_on_interrupt, errors_told

if TYPE_CHECKING:
    from hdmea.study.job import Outcome

__all__ = ["batch", "batch_worker", "study"]

_WHAT = "A folder with recordings, a CSV or Excel table of them, or their files."
_SHEET = "CSV or Excel table with one row per recording: animal, eye, condition, notes, …"

_STIMULI = (
    "A recording or its list of stimuli: where nothing says what was shown in another recording, its movies "
    "are searched for in the light."
)


class Exists(enum.StrEnum):
    """What to do about results that exist."""

    SKIP = "skip"
    REDO = "redo"
    ERROR = "error"


def batch(
    recordings: Annotated[list[Path], typer.Argument(metavar="FOLDER | TABLE | FILES...", help=_WHAT)],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of results, logs and summary.")],
    flow: Annotated[str, typer.Option(help="Name of a flow, or a JSON file.")] = "standard",
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Recordings at a time; default: one per processor, as memory admits."),
    ] = None,
    exists: Annotated[
        Exists,
        typer.Option(
            help="Results that exist: keep complete ones and report others (skip), replace those that were "
            "made with other parameters (redo), or start nothing (error)."
        ),
    ] = Exists.SKIP,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Work only on the recordings that failed before.")
    ] = False,
    memory: Annotated[
        float | None, typer.Option(min=0.1, help="Memory to use at most, in GB; default: what is free.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="STEP.PARAM=VALUE", help="Set a parameter of a step.")
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(help=_SHEET),
    ] = None,
    stimuli_of: Annotated[Path | None, typer.Option("--stimuli-of", metavar="FILE", help=_STIMULI)] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="tcp://HOST:PORT", help="Run on the Dask cluster at this address.")
    ] = None,
    health: Annotated[
        bool, typer.Option("--health/--no-health", help="Judge the health of each recording as well.")
    ] = True,
    plugins: Plugins = None,
    debug: Debug = False,
) -> None:
    """Run a flow on many recordings; run the same command again after an interruption."""
    with errors_told(debug), cancel_on_interrupt() as cancel, _Lines() as lines:
        from hdmea.study.batch import BatchOptions, run_batch
        from hdmea.study.cluster import cluster

        options = BatchOptions(
            exists=exists.value,
            retry_failed=retry_failed,
            jobs=jobs,
            memory_nbytes=None if memory is None else round(memory * 1e9),
            parameters=parse_settings(settings or []),
            sheet=sheet,
            stimuli_of=stimuli_of,
            health=health,
            plugins=plugins or [],
            progress=lines.show,
            cancel=cancel,
        )
        source = recordings[0] if len(recordings) == 1 else recordings
        with cluster(scheduler) as executor:
            result = run_batch(source, flow, executor, output_dir=output, options=options)
        lines.close()
        for path, reason in result.left_out.items():
            typer.echo(f"left out: {path} {reason}", err=True)
        good = sum(outcome.good for outcome in result.outcomes)
        typer.echo(f"{good} of {len(result.outcomes)} results are complete; {result.summary}")
        if result.stopped:
            typer.echo("stopped; run the same command again to continue", err=True)
            raise typer.Exit(EXIT_INTERRUPTED)
        if not result.success:
            raise typer.Exit(EXIT_FAILED)


def batch_worker(job: Annotated[Path, typer.Argument(metavar="JOB.json")]) -> None:
    """Work on one recording of a batch; `hdmea batch` starts this."""
    from hdmea.study.worker import main

    raise typer.Exit(main(str(job)))


def study(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder with results.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder of the tables; default: that of the results."),
    ] = None,
    sheet: Annotated[Path | None, typer.Option(help=_SHEET)] = None,
    debug: Debug = False,
) -> None:
    """Write one table of the units of many results (units.parquet, units.csv), and of their mean traces."""
    with errors_told(debug), Bars() as bars:
        from hdmea.study.pooled import pool_results

        found = pool_results(
            folder,
            output,
            sheet=sheet,
            progress=lambda fraction, text: bars.update("study", "Results", fraction, text),
        )
        bars.close()
        for path, reason in found.left_out.items():
            typer.echo(f"left out: {path}: {reason}", err=True)
        typer.echo(f"{found.n_units} units of {found.n_recordings} recordings; {found.units}")


class _Lines:
    """A line for each recording that ended, and a bar of all on a terminal."""

    def __init__(self) -> None:
        self._states: dict[str, Outcome] = {}
        self._bar: tqdm[Any] | None = None

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def show(self, outcome: Outcome) -> None:
        """Show what became of a recording, or how far it is."""
        before = self._states.get(outcome.key)
        self._states[outcome.key] = outcome
        if outcome.ended and (before is None or not before.ended):
            self._write(self._line(outcome))
        elif outcome.state == "running" and (before is None or before.state != "running"):
            self._write(f"{outcome.key}: started")
        if sys.stderr.isatty():
            self._draw(outcome)

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _line(self, outcome: Outcome) -> str:
        ended = sum(each.ended for each in self._states.values())
        units = "" if outcome.units is None else f", {outcome.units} units"
        took = f", {outcome.seconds:.0f} s" if outcome.state == "done" else ""
        why = "" if outcome.good else f": {outcome.message}"
        line = f"[{ended}/{len(self._states)}] {outcome.key}: {outcome.state}{units}{took}{why}"
        return f"{line}\n    stimuli: {outcome.stimuli}" if outcome.stimuli else line

    def _write(self, line: str) -> None:
        tqdm.write(line, file=sys.stderr)

    def _draw(self, outcome: Outcome) -> None:
        if self._bar is None:
            self._bar = tqdm(bar_format="{percentage:3.0f}% |{bar:30}| {elapsed} {postfix}")
        bar, states = self._bar, self._states.values()
        bar.total = len(states)
        done = sum(1.0 if each.ended else each.overall for each in states)
        bar.set_postfix_str(f"{outcome.name}: {outcome.step}"[:50], refresh=False)
        bar.update(done - bar.n)
