"""What is shown as files, pictures and tables: written on the worker, whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hdmea.utils.atomic import exclusive, refuse_irregular, remove_leftovers
from hdmea.utils.spreadsheet import column_name, write_csv
from hdmea.utils.whole_file import write_whole
from hdmea_gui.engine.blocked import refuse_if_blocked
from hdmea_gui.engine.jobs import Failure, JobContext, Query
from hdmea_gui.engine.snapshot import Choice, StepSpec

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession
    from hdmea_gui.engine.workspace import Workspace

__all__ = [
    "Columns",
    "DrawFigure",
    "ExportJob",
    "ExportKind",
    "Exported",
    "LateTable",
    "ListExportKinds",
    "ReadRecipe",
    "Table",
    "WriteRecipe",
    "WriteTable",
    "outcome",
    "reasons",
    "rows_of",
]

_FULL = (errno.ENOSPC, errno.EDQUOT)
_LOOK_S = 0.03
_JOIN_S = 5.0
_GONE = (errno.ENOENT, errno.ENOTDIR)


def outcome(answer: object) -> str:
    """Return what to say when a file was written, or was not."""
    return f"Not exported: {answer.reason}" if isinstance(answer, Failure) else f"Exported: {answer}"


@contextlib.contextmanager
def reasons(path: Path) -> Iterator[None]:
    """Have an error while `path` is written say which file it is about, why it failed and what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            why, advice = "the drive is full", "Free some space, or choose another folder."
        elif error.errno in _GONE:
            why, advice = "its folder does not exist", "Reconnect the drive, or choose another folder."
        else:
            why = error.strerror or str(error)
            advice = "Choose another folder, or close the program that uses it."
        raise OSError(
            f"{path} cannot be written ({why}). The existing file is unchanged. {advice}"
        ) from error


@dataclass(frozen=True)
class DrawFigure:
    """Draw the figure that the exporter `figure` writes with these options, as a PNG picture."""

    options: Mapping[str, Any]
    dpi: int

    def answer(self, workspace: Workspace) -> bytes:
        """Return the picture; HDMEAError if there is nothing to draw, or it does not fit."""
        from hdmea.declare.parameters import make_params
        from hdmea.exporters.figure import FigureOptions, preview

        options = make_params(FigureOptions, self.options, "figure")
        return preview(workspace.require(), options, self.dpi)


@dataclass(frozen=True)
class ReadRecipe:
    """Read the recipe of a figure."""

    path: Path
    title: str = "Reading a recipe"

    def answer(self, workspace: Workspace) -> dict[str, Any]:
        """Return its options; OSError or HDMEAError if it cannot be read."""
        from hdmea.utils.text_files import read_options

        found = read_options(self.path)
        found.pop("kind", None)
        return found


@dataclass(frozen=True)
class WriteRecipe:
    """Write the recipe of a figure; an existing one is replaced."""

    path: Path
    options: Mapping[str, Any]
    title: str = "Writing a recipe"

    def answer(self, workspace: Workspace) -> Path:
        """Return the file; OSError if it cannot be written."""
        import yaml

        text = yaml.safe_dump({"kind": "figure", **self.options}, sort_keys=False, allow_unicode=True)
        with reasons(self.path):
            write_whole(self.path, text)
        return self.path


Columns = tuple[tuple[str, NDArray[Any]], ...]
"""Titles with units, and values."""


def rows_of(columns: Columns) -> Iterator[tuple[Any, ...]]:
    """Return the rows of columns; None where one has ended or has no number."""
    lists = [[None if value != value else value for value in values.tolist()] for _, values in columns]
    return zip_longest(*lists)


@dataclass(frozen=True)
class Table:
    """What a view shows as columns of (title with unit, values); shorter columns end earlier.

    `kinds` are the parts of a table of several things, each of which has rows of its own and becomes a file.
    """

    columns: Columns
    kinds: tuple[tuple[str, Columns], ...] = ()

    @staticmethod
    def of_kinds(*kinds: tuple[str, Columns]) -> Table:
        """Return a table of several things: name and columns of each; those without columns are left out."""
        there = tuple((name, columns) for name, columns in kinds if columns)
        return Table(tuple(column for _, columns in there for column in columns), there)

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Return the rows; None where a column has ended or has no number."""
        lists = [
            [None if value != value else value for value in values.tolist()] for _, values in self.columns
        ]
        return zip_longest(*lists)

    @staticmethod
    def of_images(
        titles: tuple[str, str, str, str],
        frames: NDArray[np.floating],
        times: NDArray[Any],
        first: tuple[int, int],
    ) -> Table:
        """Return a movie as one row per time and place.

        Parameters
        ----------
        titles
            Of time, row, column and value.
        frames
            (times, rows, columns).
        times
            (times,).
        first
            Row and column of the first pixel.
        """
        when, row, col = (places.ravel() for places in np.indices(frames.shape))
        columns = (np.asarray(times)[when], row + first[0], col + first[1], frames.ravel())
        return Table(tuple(zip(titles, columns, strict=True)))

    @staticmethod
    def of_image(titles: tuple[str, str, str], values: NDArray[np.floating], first: tuple[int, int]) -> Table:
        """Return a picture as one row per place; titles of row, column and value, the rest as `of_images`."""
        row, col = (places.ravel() for places in np.indices(values.shape))
        columns = (row + first[0], col + first[1], values.ravel())
        return Table(tuple(zip(titles, columns, strict=True)))


@dataclass(frozen=True)
class LateTable:
    """A table of more than its view contains: columns of the answer to a query, made by whoever writes it."""

    query: Query[Any]
    columns: Callable[[Any], Columns | Table]

    def made(self, workspace: Workspace) -> Table:
        """Return the table; LookupError if what it is about is not in memory any more."""
        found = self.query.answer(workspace)
        if found is None:
            raise LookupError("The data to write are no longer in memory. Open the recording again.")
        made = self.columns(found)
        return made if isinstance(made, Table) else Table(made)


@dataclass(frozen=True)
class WriteTable:
    """Write a table in tidy form: the name of the recording first, names that every program takes.

    Attributes
    ----------
    path
        The file; an existing one is replaced. A table of several kinds becomes ``<name>_<kind>`` beside it.
    table
        What is written.
    recording
        Name of the recording.
    unit
        The unit that all rows are of; empty where they say it themselves.
    """

    path: Path
    table: Table | LateTable
    recording: str
    unit: str = ""

    @property
    def title(self) -> str:
        """What the user reads while the drive does not respond."""
        return f"Exporting {self.path.name}"

    def answer(self, workspace: Workspace) -> Path:
        """Return the first file that was written; OSError if it cannot be, or one of the others exists."""
        table = self.table if isinstance(self.table, Table) else self.table.made(workspace)
        files = {self._path_of(kind): columns for kind, columns in table.kinds} or {self.path: table.columns}
        taken = next((path for path in files if path != self.path and path.exists()), None)
        if taken is not None:
            # The user was asked about another name.
            raise FileExistsError(f"{taken} already exists. Choose another name.")
        same = [("recording", self.recording), *([("unit_id", self.unit)] if self.unit else [])]
        with reasons(self.path):
            for path, columns in files.items():
                refuse_irregular(path)
                names = [*(name for name, _ in same), *(column_name(title) for title, _ in columns)]
                first = [value for _, value in same]
                write_csv(path, names, ([*first, *row] for row in rows_of(columns)))
        return next(iter(files))

    def _path_of(self, kind: str) -> Path:
        return self.path.with_name(f"{self.path.stem}_{kind}{self.path.suffix}")


# -- the whole recording ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class ExportKind:
    """An exporter of the registry: name, title, endings of its files, and its options for the form.

    `known` has those options that the recording sheet answers; `choices` what options that name something
    can name, by kind.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    options: StepSpec
    known: Mapping[str, str] = field(default_factory=dict)
    choices: Mapping[str, tuple[Choice, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class ListExportKinds:
    """Ask for all exporters; on the worker, as those of other packages may take long to import."""

    title: str = "Listing the exporters"

    def answer(self, workspace: Workspace) -> tuple[ExportKind, ...]:
        """Return the exporters, those of tables first."""
        from hdmea.exporters import EXPORTERS
        from hdmea.exporters.figure_panels import PANELS
        from hdmea.pipeline.choices import known_names
        from hdmea.pipeline.recording_sheet import recording_sheet
        from hdmea_gui.engine.forms import describe_options

        session = workspace.session
        sheet = {} if session is None else recording_sheet(session)
        choices = {
            kind: tuple(Choice(known.name, known.about) for known in known_names(session, kind))
            for kind in ("movie", "unit")
        }
        choices["panel"] = tuple(Choice(name, panel.title) for name, panel in PANELS.items())
        kinds = []
        for found in EXPORTERS:
            options = describe_options(found)
            known = {each.name: sheet[each.name] for each in options.fields if each.name in sheet}
            kinds.append(ExportKind(found.name, found.title, found.suffixes, options, known, choices))
        return tuple(sorted(kinds, key=lambda kind: kind.title, reverse=True))


@dataclass(frozen=True)
class ExportJob:
    """Write the session in memory with an exporter.

    Attributes
    ----------
    path
        The file; the user has confirmed that it is replaced if it exists.
    kind
        Name of the exporter.
    options
        Options of the exporter by name.
    """

    path: Path
    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Title shown to the user."""
        return f"Exporting {self.path.name}"

    def run(self, workspace: Workspace, ctx: JobContext) -> Exported:
        """Return the file that was written; OSError or HDMEAError if it cannot be."""
        from hdmea.exporters import EXPORTERS, export

        refuse_if_blocked()
        session = workspace.require()
        with reasons(self.path):
            if EXPORTERS.get(self.kind).apart:
                return Exported(self._apart(session, ctx))
            written = export(
                session,
                self.kind,
                self.path,
                overwrite=self.path.exists(),
                progress=ctx.progress_or_stop,
                **self.options,
            )
        return Exported(written[0])

    def _apart(self, session: PipelineSession, ctx: JobContext) -> Path:
        """Have a process of its own write the file; views are answered meanwhile, and it can be stopped."""
        from hdmea.exporters.apart import ExportRequest
        from hdmea.health.worker import write_request
        from hdmea.pipeline.session import SaveState
        from hdmea.results import files

        with tempfile.TemporaryDirectory(prefix="hdmea-export-") as name:
            folder = Path(name)
            source = session.hdf5_path
            if source is None or session.has_unsaved_changes or not session.is_current():
                ctx.progress_or_stop(0.0, "Handing the data over")
                source = folder / "session.h5"
                content = session.content(SaveState.SAVED, checkpoint_name=None)
                files.write_session(source, content, overwrite=False)
            exists = self.path.exists()
            write_request(folder, ExportRequest(source, self.kind, self.path, exists, dict(self.options)))
            found = _from_process(folder, ctx, self.path)
        if isinstance(found, Exception):
            raise found
        written: list[Path] = found
        return written[0]


def _from_process(folder: Path, ctx: JobContext, target: Path) -> Any:
    """Run the request in a folder, and return what came of it; stopping ends the process."""
    from hdmea.health.worker import command, read_result

    process = subprocess.Popen(
        command(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
        errors="replace",
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
    said = ["0 Starting"]

    def listen() -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                said[0] = line.strip()

    listener = threading.Thread(target=listen, name="export", daemon=True)
    listener.start()
    try:
        while process.poll() is None:
            number, _, text = said[0].partition(" ")
            ctx.progress_or_stop(float(number), text)
            time.sleep(_LOOK_S)
    except BaseException:
        process.kill()
        process.wait()
        place = Path(os.path.realpath(target.parent)) / target.name
        with exclusive(place):
            remove_leftovers(place)
        raise
    finally:
        listener.join(_JOIN_S)
    try:
        return read_result(folder)
    except OSError as error:
        raise OSError(
            f"The process that writes it ended unexpectedly (exit code {process.returncode})"
        ) from error


@dataclass(frozen=True)
class Exported:
    """Result of an export: the file that was written."""

    path: Path
