"""Readers: which files and folders of recordings can be read, and which data they offer.

```python
from hdmea.recordings import Reader

READER = Reader(
    name="spike_table",
    title="Spike table",
    recognises=lambda path: path.suffix == ".spikes",
    open_units=SpikeTable,
)
```

What a recording offers is data, not a file name: ``"units"`` (sorted units), ``"light"`` (light channels and
display flips) and ``"sensors"`` (raw data of the electrodes).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hdmea.declare.registry import Registry
from hdmea.recordings.signals import SignalSource
from hdmea.recordings.units import UnitOptions, UnitSource
from hdmea.utils.exceptions import DataLoadError, StepCancelled
from hdmea.utils.fixes import Advice

if TYPE_CHECKING:
    from hdmea.recordings.inspection import Inspection

__all__ = [
    "READERS",
    "Data",
    "Reader",
    "find_reader",
    "open_signals",
    "open_units",
    "source_files",
    "source_stamp",
    "suffixes",
]

logger = logging.getLogger(__name__)

Data = Literal["units", "light", "sensors"]
FallbackRate = tuple[float, str] | None

_SIGNALS: tuple[Data, ...] = ("light", "sensors")


def _itself(path: Path) -> Sequence[Path]:
    return (path,)


@dataclass(frozen=True, eq=False)
class Reader:
    """How one kind of file or folder is recognised, inspected and opened.

    Parameters
    ----------
    name
        Short name, the same for ever.
    title
        What a user reads: ``"Spike-sorted file"``.
    recognises
        Whether a path is of this kind: by its name, or a short look. It must not raise, and a path need not
        exist.
    open_units
        Opens the sorted units, of those that have some: called with the path and what the user said about
        units.
    open_signals
        Opens the raw recording, of those that have one: called with the path, and the sampling rate and its
        source in words that apply if the file states none, or None.
    inspect
        What ``hdmea info`` tells; by default what the opened source says about itself.
    suffixes
        Endings of the names of files, with the dot and in lower case; empty for folders.
    files
        The files that decide the content; by default the path itself.
    """

    name: str
    title: str
    recognises: Callable[[Path], bool]
    open_units: Callable[[Path, UnitOptions], UnitSource] | None = None
    open_signals: Callable[[Path, FallbackRate], SignalSource] | None = None
    inspect: Callable[[Path], Inspection] | None = None
    suffixes: tuple[str, ...] = ()
    files: Callable[[Path], Sequence[Path]] = _itself

    @property
    def offers(self) -> tuple[Data, ...]:
        """The data that files of this kind may hold."""
        units: tuple[Data, ...] = () if self.open_units is None else ("units",)
        return units if self.open_signals is None else (*units, *_SIGNALS)

    @property
    def module(self) -> str:
        """Name of the module that declares it."""
        return self.recognises.__module__


READERS: Registry[Reader] = Registry("hdmea.readers", Reader, "hdmea.recordings", "reader")
"""Every reader: ours, those of installed packages, and those of a user's own files."""


def find_reader(path: str | Path, data: Data | None = None) -> Reader | None:
    """Return the reader that recognises a path, None if none does; an added one before one of ours.

    Parameters
    ----------
    path
        A file or folder.
    data
        What the reader has to offer; None: anything.
    """
    path = Path(path)
    found = [reader for reader in READERS if data is None or data in reader.offers]
    found.sort(key=lambda reader: not READERS.origin(reader.name))
    return next((reader for reader in found if _recognises(reader, path)), None)


def _recognises(reader: Reader, path: Path) -> bool:
    try:
        return reader.recognises(path)
    except StepCancelled:
        # The drive of the path does not answer, and nobody waits for it any more.
        raise
    except Exception as error:  # noqa: BLE001 - a broken reader of others must not stop the rest
        logger.warning("The reader %r is not used for %s: %s", reader.name, path, error)
        return False


def open_units(path: str | Path, options: UnitOptions | None = None) -> UnitSource:
    """Open the sorted units of a file or folder; use it in a `with` block.

    Parameters
    ----------
    path
        What a reader recognises that offers units.
    options
        What the user said about units.

    Raises
    ------
    FileNotFoundError
        If the path does not exist.
    DataLoadError
        If no reader recognises it, or it cannot be read.
    """
    path = Path(path)
    reader = find_reader(path, "units") or _otherwise(path, "cmtr", "sorted units")
    assert reader.open_units is not None
    return reader.open_units(path, options or UnitOptions())


def open_signals(path: str | Path, fallback_rate: FallbackRate = None) -> SignalSource:
    """Open the light channels, events and sensor data of a file or folder; use it in a `with` block.

    Parameters
    ----------
    path
        What a reader recognises that offers light and sensors.
    fallback_rate
        Sampling rate in Hz and its source in words, used only if the file states none.

    Raises
    ------
    FileNotFoundError
        If the path does not exist.
    DataLoadError
        If no reader recognises it, or it cannot be read.
    """
    path = Path(path)
    reader = find_reader(path, "light") or _otherwise(path, "cmcr", "light channels or sensor data")
    assert reader.open_signals is not None
    return reader.open_signals(path, fallback_rate)


def _otherwise(path: Path, name: str, wanted: str) -> Reader:
    """Return the reader of the vendor's files, which says what is wrong with a path that is not one."""
    other = find_reader(path)
    if other is not None and not other.suffixes:
        raise DataLoadError(
            f"{path} is a {other.title}, which does not contain {wanted}.",
            path,
            fix=Advice("Give each path as what it is: a raw recording, or sorted units."),
        )
    return READERS.get(name)


def source_files(path: str | Path) -> list[Path]:
    """Return the files that decide the content of a file or folder, in a fixed order."""
    reader = find_reader(path)
    return list(reader.files(Path(path))) if reader is not None else [Path(path)]


def source_stamp(path: str | Path) -> tuple[int, float]:
    """Return the size in bytes and the latest modification time of all files of a source.

    Raises
    ------
    OSError
        If a file does not exist or cannot be asked.
    """
    stats = [file.stat() for file in source_files(path)] or [Path(path).stat()]
    return sum(stat.st_size for stat in stats), max(stat.st_mtime for stat in stats)


def suffixes(data: Data | None = None) -> tuple[str, ...]:
    """Return the endings of the files that readers name which offer some data, or any; without repetition."""
    found = [
        suffix for reader in READERS if data is None or data in reader.offers for suffix in reader.suffixes
    ]
    return tuple(dict.fromkeys(found))
