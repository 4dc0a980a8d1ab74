"""Values that are read from the result file on first use, and the dictionaries that hide them."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import threading
import weakref
from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, ValuesView
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hdmea.results.reading import Place, naming
from hdmea.utils import h5
from hdmea.utils.arrays import AttrArray
from hdmea.utils.exceptions import CheckpointError
from hdmea.utils.fixes import Advice
from hdmea.utils.giving_way import at_end, give_way
from hdmea.utils.notices import reason_of

__all__ = [
    "LazyDict",
    "Source",
    "Unread",
    "UnreadArray",
    "detach_readers",
    "dict_nbytes",
    "has_unread",
    "reading",
    "unread_entries",
]

logger = logging.getLogger(__name__)

_held: weakref.WeakSet[Source] = weakref.WeakSet()
_known: weakref.WeakSet[Source] = weakref.WeakSet()
"""All sources that there are: without one nothing is unread, and nothing needs to be looked through."""

Identity = tuple[int, int, int, int]
Keys = tuple[Any, ...]


class Source:
    """The file from which a session reads on first use; shared by all its unread values.

    The file is opened for each read and closed again, so nothing stays open between uses. Its `revision`
    says whether it is still the same file; device, number, size and time of change only save reading that.

    Parameters
    ----------
    path
        The result file.
    revision
        Its revision, empty for a file that does not have one.
    read_revision
        Reads the revision of an open file.
    """

    before_reading: Callable[[Source], None] = staticmethod(lambda source: None)
    """Called with the source before each read; may raise, where the read would wait without end."""

    def __init__(self, path: str | Path, revision: str, read_revision: Callable[[Place], str]) -> None:
        self.path = Path(os.path.abspath(path))
        self.revision = revision
        self._read_revision = read_revision
        self._identity: Identity | None = _identity(self.path)
        self._lock = threading.RLock()
        self._file: h5.FileID | None = None
        self._users = 0
        _known.add(self)

    def __repr__(self) -> str:
        return f"Source({str(self.path)!r})"

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __getstate__(self) -> dict[str, Any]:
        return {
            "path": self.path,
            "revision": self.revision,
            "_read_revision": self._read_revision,
            "_identity": self._identity,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.RLock()
        self._file = None
        self._users = 0
        _known.add(self)

    @contextlib.contextmanager
    def open_for_reading(self) -> Iterator[Place]:
        """Keep the file open while many values are read, e.g. during a step.

        Raises
        ------
        CheckpointError
            If the file is gone, or was replaced since it was loaded.
        """
        self.before_reading(self)
        with self._lock:
            if self._file is None:
                self._file = self._open()
                _held.add(self)
            self._users += 1
            place = Place(self._file, file_nbytes=self._identity[2] if self._identity else 0)
        try:
            with naming(self.path):
                yield place
        finally:
            with self._lock:
                self._users -= 1
            # A view reads many arrays one by one: opening the file for each takes longer than reading them.
            if not at_end(self._detach_unused):
                self._detach_unused()

    def _detach_unused(self) -> None:
        with self._lock:
            if self._users == 0:
                self.detach()

    def detach(self) -> None:
        """Close the file if it is held open; the next read opens it again."""
        with self._lock:
            file, self._file = self._file, None
            _held.discard(self)
            if file is not None:
                file.close()

    def moved_to(self, path: Path) -> None:
        """Read from `path` from now on: the file was renamed."""
        with self._lock:
            self.detach()
            self.path = Path(os.path.abspath(path))
            self._identity = None

    @property
    def is_held(self) -> bool:
        """Whether another thread opens the file at this moment."""
        if not self._lock.acquire(blocking=False):
            return True
        self._lock.release()
        return False

    def is_at(self, path: Path) -> bool:
        """Return whether this source reads from `path`."""
        return os.path.realpath(path) == os.path.realpath(self.path)

    def _open(self) -> h5.FileID:
        try:
            file = h5.open_file(self.path)
        except OSError as error:
            raise CheckpointError(
                f"{self.path} can no longer be read: {reason_of(error)}. The session reads from it on first "
                "use.",
                path=self.path,
                fix=Advice("Put the file back, or load the session again."),
            ) from error
        try:
            found = _identity(self.path)
            if found != self._identity:
                self._check_revision(file, found)
                self._identity = found
        except BaseException:
            file.close()
            raise
        return file

    def _check_revision(self, file: h5.FileID, found: Identity) -> None:
        same = self._read_revision(Place(file, file_nbytes=found[2])) == self.revision
        if not same or not (self.revision or self._identity is None):
            raise CheckpointError(
                f"{self.path} was replaced by another program after this session was loaded from it.",
                path=self.path,
                fix=Advice("Load it again."),
            )


class Unread:
    """Something in a dictionary that is read when it is first asked for.

    Asked of each of the hundred thousands of values of a session, so it is not an abstract class of `abc`.

    Attributes
    ----------
    source
        The file.
    pristine
        What `hdmea.results.tracking` remembers of a dictionary that was read, to notice changes in it.
    """

    __slots__ = ("__weakref__", "_loaded", "pristine", "source")

    gives_dict = False
    """Whether the value will be a dictionary."""
    refers = False
    """Whether it is made of other unread values, which have to be told of another file first."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.pristine: Any = None
        self._loaded: weakref.ref[Any] | None = None

    @property
    def nbytes(self) -> int:
        """Bytes that reading it will take in memory."""
        raise NotImplementedError

    def make(self, file: Place) -> Any:
        """Return the value, read from an open file."""
        raise NotImplementedError

    def adopt(self, other: Unread) -> None:
        """Be read from where `other` is read from: the file was rewritten."""
        raise NotImplementedError

    @property
    def place(self) -> str:
        """Path of the group or dataset that it is read from; empty if it is made of other values."""
        return ""

    def follow(self, source: Source) -> None:
        """Be read from the same place of another file, which has the same there."""
        self.source = source

    @property
    def loaded(self) -> Any:
        """The value if it was read and is still in use somewhere, else None."""
        return None if self._loaded is None else self._loaded()

    def read(self) -> Any:
        """Return the value; the same object as long as anyone holds it."""
        value = self.loaded
        if value is None:
            give_way()
            with self.source.open_for_reading() as file, naming(self.source.path, file.tick, file):
                value = self.make(file)
            try:
                self._loaded = weakref.ref(value)
            except TypeError:
                self._loaded = None
        return value

    def twin(self) -> Unread:
        """Return another entry for the same place, which a second session may read and change for itself."""
        other = object.__new__(type(self))
        Unread.__init__(other, self.source)
        other.adopt(self)
        return other

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self._state())

    def __deepcopy__(self, memo: dict[int, Any]) -> Unread:
        return self.twin()

    def _told(self, part: Any, fresh: Any) -> Any:
        """Return a part of this value, which was told of another file, or is `fresh` in that.

        A part that was read and is in use stays what it is; so does one that was told itself.
        """
        if not isinstance(part, Unread) or part.source is self.source:
            return part
        return fresh if part.loaded is None else part.loaded

    def _state(self) -> dict[str, Any]:
        names = [name for kind in type(self).__mro__ for name in getattr(kind, "__slots__", ())]
        left_out = ("__weakref__", "_loaded", "pristine")
        return {name: getattr(self, name) for name in names if name not in left_out}


class UnreadArray(Unread):
    """An array of which kind, shape and type are known before it is read."""

    __slots__ = ()

    @property
    def kind(self) -> str:
        """What it is; see `hdmea.results.leaves.Leaf`."""
        raise NotImplementedError

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        raise NotImplementedError

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the array as it is stored."""
        raise NotImplementedError

    @property
    def attrs(self) -> dict[str, Any]:
        """Attributes of the array."""
        raise NotImplementedError

    @property
    def nbytes(self) -> int:
        """Bytes of the array."""
        return math.prod(self.shape) * self.dtype.itemsize

    def read_plain(self) -> NDArray[Any]:
        """Return the numbers as they are stored, from memory where they are loaded."""
        raise NotImplementedError


def dict_nbytes(values: dict[Any, Any]) -> int:
    """Return how many bytes the values of a dictionary take in memory, those included that are unread."""
    total = 0
    for value in dict.values(values):
        if isinstance(value, dict):
            total += dict_nbytes(value)
        else:
            total += value.nbytes if isinstance(value, (Unread, np.ndarray)) else 8
    return total


def _restored(kind: type[Unread], state: dict[str, Any]) -> Unread:
    entry = object.__new__(kind)
    Unread.__init__(entry, state.pop("source"))
    for name, value in state.items():
        setattr(entry, name, value)
    return entry


class LazyDict(dict[Any, Any]):
    """A dictionary whose unread values are read when they are first asked for.

    It is a `dict` in every respect: lookups, iteration over values, comparison, copies and unpacking see
    values only. `dict.items(self)` shows what is inside without reading.
    """

    __slots__ = ("__weakref__",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        dict.update(self, *args, **kwargs)

    def __getitem__(self, key: Any) -> Any:
        value = dict.__getitem__(self, key)
        if isinstance(value, Unread):
            value = value.read()
            dict.__setitem__(self, key, value)
        return value

    def __iter__(self) -> Iterator[Any]:
        return dict.__iter__(self)

    def __eq__(self, other: object) -> bool:
        return dict(self) == (dict(other) if isinstance(other, LazyDict) else other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None

    def __repr__(self) -> str:
        return f"LazyDict({dict.__repr__(self)})"

    def __or__(self, other: Any) -> Any:
        if not isinstance(other, dict):
            return NotImplemented
        merged = self.copy()
        merged.update(other)
        return merged

    def __ror__(self, other: Any) -> Any:
        if not isinstance(other, dict):
            return NotImplemented
        return {**other, **self}

    def __ior__(self, other: Any) -> Self:
        self.update(other)
        return self

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return type(self), (dict(dict.items(self)),)

    def __copy__(self) -> Self:
        return self.copy()

    def copy(self) -> Self:
        """Return a shallow copy; unread values stay unread."""
        return type(self)(dict.items(self))

    def get(self, key: Any, default: Any = None) -> Any:
        """Return the value of `key`, else `default`."""
        return self[key] if key in self else default

    def items(self) -> ItemsView[Any, Any]:  # type: ignore[override]
        """Return keys and values; values are read while iterating."""
        return ItemsView(self)

    def values(self) -> ValuesView[Any]:  # type: ignore[override]
        """Return the values; they are read while iterating."""
        return ValuesView(self)

    def pop(self, key: Any, *default: Any) -> Any:
        """Remove `key` and return its value."""
        if key not in self:
            return dict.pop(self, key, *default)
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[Any, Any]:
        """Remove the last entry and return it."""
        if not self:
            raise KeyError("popitem(): dictionary is empty")
        key = next(reversed(self))
        return key, self.pop(key)

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Return the value of `key`, which is set to `default` if it does not exist."""
        if key not in self:
            self[key] = default
        return self[key]


_NEITHER = frozenset((float, int, bool, str, type(None), np.ndarray, AttrArray))
"""Types of nearly all values of a session."""


def unread_entries(tree: Any) -> Iterator[tuple[Keys, dict[Any, Any], Unread]]:
    """Yield every unread entry below `tree` with its place and its dictionary, without reading it."""
    waiting: list[tuple[Keys, dict[Any, Any]]] = [((), tree)] if isinstance(tree, dict) and _known else []
    seen: set[int] = set()
    while waiting:
        give_way()
        place, holder = waiting.pop()
        if id(holder) in seen:
            continue
        seen.add(id(holder))
        for key, value in dict.items(holder):
            if type(value) in _NEITHER:
                continue
            if isinstance(value, dict):
                waiting.append(((*place, key), value))
            elif isinstance(value, Unread):
                yield (*place, key), holder, value


def has_unread(values: Iterable[Any]) -> bool:
    """Return whether one of the values is unread."""
    return any(isinstance(value, Unread) for value in values)


@contextlib.contextmanager
def reading(trees: Iterable[Mapping[Any, Any]]) -> Iterator[None]:
    """Keep the files of all unread values below `trees` open, so that each is opened once.

    Raises
    ------
    CheckpointError
        If such a file is gone or was replaced.
    """
    sources: set[Source] = set()
    for _, _, entry in (found for tree in trees for found in unread_entries(tree)):
        sources.add(entry.source)
        if len(sources) == len(_known):
            break  # There are no others, and a session has tens of thousands of entries.
    with contextlib.ExitStack() as stack:
        for source in sources:
            stack.enter_context(source.open_for_reading())
        yield


def detach_readers(path: Path) -> None:
    """Close the handles that our own readers hold on `path` (Windows cannot replace an open file)."""
    target = os.path.realpath(path)
    for source in [source for source in _held if os.path.realpath(source.path) == target]:
        source.detach()


def _identity(path: Path) -> Identity:
    stat = os.stat(path)
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns
