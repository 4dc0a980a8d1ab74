"""``hdmea health``: whether a recording is good, and those of a folder as they are recorded."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hdmea.cli.settings import Debug, Plugins, register_plugins
from hdmea.cli.terminal import EXIT_UNREADABLE, Bars, cancel_on_interrupt, errors_told
from hdmea.utils.exceptions import ExistingFileError, ValidationError
from hdmea.utils.fixes import Advice

if TYPE_CHECKING:
    from hdmea.health import Watched

__all__ = ["health", "health_worker"]


def health(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A recording or a result; the other file of a pair is found in the same folder. "
            "With --watch, a folder.",
        ),
    ],
    watch: Annotated[
        bool, typer.Option("--watch", help="Judge each recording of the folder when it is complete.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON; with --watch, one line each.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write a page to this file as well.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing page.")] = False,
    seconds: Annotated[
        float,
        typer.Option(min=0, help="Seconds of the noise movie to read of a recording without sorted units."),
    ] = 60.0,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Number of threads; default: all processors.")
    ] = None,
    plugins: Plugins = None,
    debug: Debug = False,
) -> None:
    """Show whether a recording is good: electrodes, spikes, light, alignment, files."""
    with errors_told(debug, EXIT_UNREADABLE), cancel_on_interrupt() as cancel:
        from hdmea.health import health as judge
        from hdmea.health import health_page
        from hdmea.pipeline.destination import check_target
        from hdmea.utils.notices import of_system
        from hdmea.utils.whole_file import write_whole

        register_plugins(plugins)
        if watch:
            # Later it may go and come back; a name that was never there is a mistake.
            if html is not None or not file.is_dir():
                raise ValidationError(
                    f"There is no folder {file}." if html is None else "A watch does not write a page.",
                    fix=Advice("Name a folder after --watch, and no page."),
                )
            _watch(file, cancel, seconds, as_json=as_json)
            return
        if html is not None:
            if os.path.exists(html) and not overwrite:
                fix = Advice("Name another page after --html, or pass --overwrite to replace it.")
                raise ExistingFileError(f"{html} already exists.", path=html, fix=fix)
            check_target(html)
        with Bars() as bars:
            found = judge(
                file,
                seconds=seconds,
                progress=lambda fraction, text: bars.update("health", "Health", fraction, text),
                cancel=cancel,
                workers=workers,
            )
        if html is not None:
            try:
                write_whole(html, health_page(found))
            except OSError as error:
                raise of_system(error, f"Writing {html} failed") from error
        typer.echo(json.dumps(found.as_list(), indent=2, ensure_ascii=False) if as_json else found.as_text())


def _watch(folder: Path, cancel: threading.Event, seconds: float, *, as_json: bool) -> None:
    """Say what changes in a folder until it is stopped; as JSON also that it was looked at again."""
    from hdmea.health import watch

    shown: dict[Path, Watched] = {}
    problems = [""]

    def tell(problem: str, recordings: list[Watched]) -> None:
        if problem != problems[-1]:
            problems.append(problem)
            say({"event": "folder", "problem": problem}, problem or f"{folder} can be read again.")
        there = {entry.path: entry for entry in recordings}
        for path in [path for path in shown if path not in there]:
            name = shown.pop(path).name
            say({"event": "gone", "path": str(path)}, f"{name}: no longer there")
        for entry in recordings:
            before = shown.get(entry.path)
            if before == entry:
                continue
            shown[entry.path] = entry
            new = before is None or (before.state, before.units) != (entry.state, entry.units)
            say({"event": "recording", **entry.as_dict()}, _watched_text(entry) if new else "")
        say({"event": "look"}, "")

    def say(event: dict[str, Any], text: str) -> None:
        if as_json:
            typer.echo(json.dumps(event, ensure_ascii=False))
        elif text:
            typer.echo(text)
        sys.stdout.flush()

    if not as_json:
        typer.echo(f"Watching {folder}. Ctrl-C ends it.", err=True)
    watch(folder, tell, cancel, seconds=seconds)


def _watched_text(entry: Watched) -> str:
    if entry.state != "judged" or entry.health is None:
        return f"{entry.name}: {entry.said}"
    bad = [
        f"  {light.light:<5}  {light.name}  {light.number}  {light.sentence}"
        for light in entry.health.lights
        if light.light in ("red", "amber")
    ]
    return "\n".join([f"{entry.light:<5}  {entry.name}: {entry.said}", *bad])


def health_worker(folder: Annotated[Path, typer.Argument(metavar="FOLDER")]) -> None:
    """Find out what takes long; the window starts this."""
    from hdmea.health.worker import main as find_out

    raise typer.Exit(find_out(str(folder)))
