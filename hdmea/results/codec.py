"""The layouts of result files: what a codec is, and the register of them.

A codec is a list of parts. A part of a result (its identity, the units, the light, the record of the steps)
has its writer, its reader and its updater in one class.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

from hdmea.results.content import FileSummary, Keys, SessionContent
from hdmea.results.nodes import Group
from hdmea.results.reading import Place
from hdmea.results.unread import Source
from hdmea.results.writing import Writer
from hdmea.utils.exceptions import CheckpointError
from hdmea.utils.fixes import Advice

__all__ = ["Codec", "Part", "codec", "codec_of", "register"]


class Part(Protocol):
    """One part of a result in one layout.

    Attributes
    ----------
    name
        Its name in messages and in the register.
    """

    name: str

    def plan(self, content: SessionContent, root: Group) -> None:
        """Add what is to be written below the root of the file; nothing may be wrong with it later.

        Raises
        ------
        ValidationError
            If a value cannot be stored; the message names its path.
        """
        ...

    def read(self, file: Place, content: SessionContent, source: Source | None) -> None:
        """Put what the file holds into `content`; with `source`, leave large arrays unread."""
        ...

    def update(self, writer: Writer, content: SessionContent, changed: Collection[Keys]) -> bool:
        """Bring this part of an open file up to date.

        Parameters
        ----------
        writer
            Writes into a copy of the file.
        content
            The session as it is now.
        changed
            Where it differs from the file.

        Returns
        -------
        bool
            False if the file must be rewritten completely.
        """
        ...


@runtime_checkable
class Finishing(Protocol):
    """A part that writes something when everything else has been written, such as checksums."""

    def finish(self, writer: Writer, content: SessionContent, root: Group | None) -> None:
        """Write it; in `root`, the plan of a file that is written as a whole, it is added as well."""
        ...


Trains: TypeAlias = "tuple[Mapping[str, Any], Mapping[str, Any]]"


class Summarizer(Protocol):
    """Reads what a file says about itself."""

    def __call__(self, file: Place, path: Path) -> FileSummary:
        """Return it."""
        ...


@dataclass(frozen=True)
class Codec:
    """A layout of result files.

    Attributes
    ----------
    name
        ``columns``, ``lab`` or ``lab-steps``.
    parts
        Its parts, in the order in which they are written and read.
    recognises
        Says whether an open file has this layout; may raise CheckpointError for one that cannot be read.
    summarize
        Returns what a file says about itself.
    revision
        Returns what identifies the state of an open file.
    marks
        Path of the group whose attributes are ours alone; empty for the file itself.
    stamp
        Called with a file that is complete, and what it holds, before it takes its place.
    """

    name: str
    parts: Sequence[Part]
    recognises: Any
    summarize: Summarizer
    revision: Any
    marks: str = ""
    stamp: Callable[[Path, SessionContent], None] | None = None

    def plan(self, content: SessionContent) -> Group:
        """Return the whole file as it is to be written.

        Raises
        ------
        ValidationError
            If a value cannot be stored; the message names its path.
        """
        root = Group()
        for part in self.parts:
            part.plan(content, root)
        return root

    def read(self, file: Place, source: Source | None, trains: Trains | None = None) -> SessionContent:
        """Return what an open file holds; `trains`: units and stimulus that its trials are cut from."""
        content = SessionContent("", layout=self.name, trains=trains)
        for part in self.parts:
            part.read(file, content, source)
        return content

    def update(self, writer: Writer, content: SessionContent, changed: Collection[Keys]) -> bool:
        """Bring an open file up to date; False if it must be rewritten completely."""
        return all(part.update(writer, content, changed) for part in self.parts)

    def finish(self, writer: Writer, content: SessionContent, root: Group | None) -> None:
        """Write what is only known when all else has been written; `root`: the plan of a whole file."""
        for part in self.parts:
            if isinstance(part, Finishing):
                part.finish(writer, content, root)


_codecs: dict[str, Codec] = {}


def register(codec: Codec) -> Codec:
    """Make a layout known."""
    _codecs[codec.name] = codec
    return codec


def codec(name: str) -> Codec:
    """Return the codec of a layout; CheckpointError if there is none of that name."""
    if name not in _codecs:
        raise CheckpointError(
            f"There is no layout {name!r}. Layouts: {', '.join(_codecs)}.", fix=Advice("Choose one of these.")
        )
    return _codecs[name]


def codec_of(file: Place, path: Path) -> Codec:
    """Return the codec of an open file.

    Raises
    ------
    CheckpointError
        If it is not a result file, or one that cannot be read.
    """
    for known in _codecs.values():
        if known.recognises(file, path):
            return known
    raise CheckpointError(
        f"{path} is an HDF5 file, but not a result file: it has no units.",
        path=path,
        fix=Advice("Choose a file that this program saved."),
    )
