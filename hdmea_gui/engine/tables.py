"""Data of a view as a CSV file, written on the worker thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hdmea.utils.spreadsheet import write_csv
from hdmea_gui.engine.exports import reasons

if TYPE_CHECKING:
    from hdmea_gui.engine.jobs import Query
    from hdmea_gui.engine.workspace import Workspace

__all__ = ["Columns", "LateTable", "Table", "WriteTable"]

Columns = tuple[tuple[str, NDArray[Any]], ...]
"""Titles with units, and values."""


@dataclass(frozen=True)
class Table:
    """What a view shows as columns of (title with unit, values); shorter columns end earlier."""

    columns: Columns

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Return the rows; empty text where a column has ended or has no number."""
        lists = [["" if value != value else value for value in values.tolist()] for _, values in self.columns]
        return zip_longest(*lists, fillvalue="")

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
    """A table of more than its view holds: columns of the answer to a query, made by whoever writes it."""

    query: Query
    columns: Callable[[Any], Columns]

    def made(self, bench: Workspace) -> Table:
        """Return the table; LookupError if what it is about is not in memory any more."""
        found = self.query.answer(bench)
        if found is None:
            raise LookupError("What was to be written is not in memory any more: open the recording again.")
        return Table(self.columns(found))


@dataclass(frozen=True)
class WriteTable:
    """Write a table."""

    path: Path
    table: Table | LateTable

    def answer(self, bench: Workspace) -> Path:
        """Return the file that was written; OSError if it cannot be."""
        table = self.table if isinstance(self.table, Table) else self.table.made(bench)
        with reasons(self.path):
            write_csv(self.path, [title for title, _ in table.columns], table.rows())
        return self.path
