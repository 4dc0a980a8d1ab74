"""What is shown as files, pictures and tables: written on the worker, whole or not at all."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hdmea.utils.atomic import replacing
from hdmea.utils.spreadsheet import column_name, write_csv
from hdmea_gui.engine.blocked import refuse_if_blocked
from hdmea_gui.engine.jobs import Failure, JobContext, Query
from hdmea_gui.engine.snapshot import StepSpec

if TYPE_CHECKING:
    from hdmea_gui.engine.workspace import Workspace

__all__ = [
    "Columns",
    "ExportJob",
    "ExportKind",
    "Exported",
    "LateTable",
    "ListExportKinds",
    "Table",
    "WritePicture",
    "WriteTable",
    "outcome",
    "reasons",
    "rows_of",
]

_FULL = (errno.ENOSPC, errno.EDQUOT)
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
class WritePicture:
    """Write a picture.

    Attributes
    ----------
    path
        The file; an existing one is replaced.
    content
        Returns what is written, empty if there was nothing to draw; called on the worker.
    """

    path: Path
    content: Callable[[], bytes]

    @property
    def title(self) -> str:
        """What the user reads while the drive does not respond."""
        return f"Exporting {self.path.name}"

    def answer(self, workspace: Workspace) -> Path:
        """Return the file that was written; OSError if it cannot be."""
        content = self.content()
        if not content:
            raise OSError(f"{self.path} was not written because the view is too small. Make it larger.")
        with reasons(self.path), replacing(self.path) as part:
            part.write_bytes(content)
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

    `known` has those options that the recording sheet answers.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    options: StepSpec
    known: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ListExportKinds:
    """Ask for all exporters; on the worker, as those of other packages may take long to import."""

    title: str = "Listing the exporters"

    def answer(self, workspace: Workspace) -> tuple[ExportKind, ...]:
        """Return the exporters, those of tables first."""
        from hdmea.exporters import EXPORTERS
        from hdmea.pipeline.recording_sheet import recording_sheet
        from hdmea_gui.engine.forms import describe_options

        session = workspace.session
        sheet = {} if session is None else recording_sheet(session)
        kinds = []
        for found in EXPORTERS:
            options = describe_options(found)
            known = {each.name: sheet[each.name] for each in options.fields if each.name in sheet}
            kinds.append(ExportKind(found.name, found.title, found.suffixes, options, known))
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
        from hdmea.exporters import export

        refuse_if_blocked()
        session = workspace.require()
        with reasons(self.path):
            written = export(
                session,
                self.kind,
                self.path,
                overwrite=self.path.exists(),
                progress=ctx.progress_or_stop,
                **self.options,
            )
        return Exported(written[0])


@dataclass(frozen=True)
class Exported:
    """Result of an export: the file that was written."""

    path: Path
