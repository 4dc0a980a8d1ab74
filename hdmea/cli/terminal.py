"""What a command shows on the terminal: progress, log lines, errors; and how Ctrl-C stops it."""

from __future__ import annotations

import contextlib
import logging
import signal
import sys
import threading
import types
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import typer
from tqdm import tqdm

from hdmea.cli.words import COMMAND_LINE
from hdmea.utils.exceptions import HDMEAError, ResultsRescuedError, StepCancelled
from hdmea.utils.notices import log_text, said, told

if TYPE_CHECKING:
    from hdmea.pipeline.context import ProgressEvent

__all__ = [
    "EXIT_FAILED",
    "EXIT_INTERRUPTED",
    "EXIT_RESCUED",
    "EXIT_UNREADABLE",
    "Bars",
    "cancel_on_interrupt",
    "errors_told",
]

EXIT_FAILED = 1
EXIT_UNREADABLE = 2
"""`hdmea health` could not read the file."""
EXIT_RESCUED = 3
"""The results could not be saved where they were asked for; the message says where they are."""
EXIT_INTERRUPTED = 130


class Bars:
    """One progress bar per step on standard error; plain lines where that is not a terminal."""

    def __init__(self) -> None:
        self._bar: tqdm[Any] | None = None
        self._step = ""

    def __enter__(self) -> Bars:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def show(self, event: ProgressEvent) -> None:
        """Show how far a step is."""
        self.update(event.step, event.title, event.fraction, event.text)

    def update(self, step: str, title: str, fraction: float, text: str) -> None:
        """Show how far something is; another step closes the bar of the one before."""
        if step != self._step:
            self.close()
            self._step = step
            if sys.stderr.isatty():
                self._bar = tqdm(
                    total=100,
                    desc=title,
                    bar_format="{desc:28s} {percentage:3.0f}% |{bar:30}| {elapsed} {postfix}",
                )
            else:
                typer.echo(f"{title} …", err=True)
        if self._bar is not None:
            self._bar.set_postfix_str(text, refresh=False)
            self._bar.update(fraction * 100 - self._bar.n)

    def close(self) -> None:
        """Leave the bar as it is, and begin a new one next time."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        self._step = ""


@contextlib.contextmanager
def cancel_on_interrupt() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C into a request to stop at the next safe place; the second stops at once."""
    cancel = threading.Event()

    def handle(signum: int, frame: types.FrameType | None) -> None:
        if cancel.is_set():
            raise KeyboardInterrupt
        cancel.set()

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield cancel
    finally:
        signal.signal(signal.SIGINT, before)


class _LogHandler(logging.Handler):
    """Log lines on standard error that do not tear progress bars apart."""

    def emit(self, record: logging.LogRecord) -> None:
        if self.level <= logging.DEBUG:
            tqdm.write(self.format(record), file=sys.stderr)
        elif not record.exc_info:  # the error itself is shown once, at the end
            tqdm.write(f"{record.levelname.lower()}: {log_text(record, COMMAND_LINE)}", file=sys.stderr)


@contextlib.contextmanager
def errors_told(debug: bool, failed: int = EXIT_FAILED) -> Iterator[None]:
    """Show errors as one message and an exit code, usually `failed`; with `debug` with their traceback."""
    handler = _LogHandler(level=logging.DEBUG if debug else logging.WARNING)
    root = logging.getLogger("hdmea")
    root.addHandler(handler)
    try:
        yield
    except (StepCancelled, KeyboardInterrupt):
        typer.echo("stopped; no file was changed", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    except (HDMEAError, OSError, MemoryError) as error:
        if debug:
            raise
        typer.echo(f"error: {said(error, COMMAND_LINE)}", err=True)
        code = EXIT_RESCUED if isinstance(error, ResultsRescuedError) else failed
        raise typer.Exit(code) from None
    except (typer.Exit, typer.Abort, typer.BadParameter):
        raise
    except Exception as error:
        if debug:
            raise
        typer.echo(f"error: {told(error, COMMAND_LINE)} --debug shows the details.", err=True)
        raise typer.Exit(failed) from None
    finally:
        root.removeHandler(handler)
