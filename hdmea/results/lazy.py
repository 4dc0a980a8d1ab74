"""Arrays that are read from the result file on first use, and the dictionaries that hide them."""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, ValuesView
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hdmea.results.decode import decode_dataset
from hdmea.utils import h5
from hdmea.utils.exceptions import CheckpointError
from hdmea.utils.giving_way import at_end, give_way

__all__ = [
    "LazyArray",
    "LazyDict",
    "LazyEntry",
    "LazySource",
    "LazyTrials",
    "detach_readers",
    "lazy_entries",
    "reading",
]

_held: weakref.WeakSet[LazySource] = weakref.WeakSet()


class LazySource:
    """The file from which a session reads on first use; shared by all its arrays.

    The file is opened for each read and closed again, so nothing stays open between uses.

    Parameters
    ----------
    path
        The result file, as it is now: if another program replaces it, reads raise CheckpointError.
    """

    before_reading: Callable[[LazySource], None] = staticmethod(lambda source: None)
    """Called with the source before each read; may raise, where the read would wait without end."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(os.path.abspath(path))
        self._identity = _identity(self.path)
        self._lock = threading.RLock()
        self._file: h5.FileID | None = None
        self._users = 0

    def __repr__(self) -> str:
        return f"LazySource({str(self.path)!r})"

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "identity": self._identity}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.path = state["path"]
        self._identity = state["identity"]
        self._lock = threading.RLock()
        self._file = None
        self._users = 0

    @contextlib.contextmanager
    def open_for_reading(self) -> Iterator[h5.FileID]:
        """Keep the file open while many arrays are read, e.g. during a step.

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
            file = self._file
        try:
            yield file
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

    @property
    def is_held(self) -> bool:
        """Whether another thread opens the file at this moment."""
        if not self._lock.acquire(blocking=False):
            return True
        self._lock.release()
        return False

    def is_file(self, path: Path) -> bool:
        """Return whether `path` is the very file that this source was loaded from."""
        try:
            return os.path.realpath(path) == os.path.realpath(self.path) and _identity(path) == self._identity
        except OSError:
            return False

    def _open(self) -> h5.FileID:
        try:
            file = h5.open_file(self.path)
            unchanged = _identity(self.path) == self._identity
        except OSError as error:
            raise CheckpointError(
                f"{self.path} cannot be read any more ({error}). The session reads from it on first use: "
                f"put the file back, or load the session again."
            ) from error
        if not unchanged:
            file.close()
            raise CheckpointError(
                f"{self.path} was replaced by another program since this session was loaded from it. "
                f"Load it again: PipelineSession.load(path)."
            )
        return file


class LazyEntry:
    """Something in a dictionary that is read when it is first asked for.

    Asked of each of the hundred thousands of values of a session, so it is no abstract class of `abc`.
    """

    __slots__ = ("path", "source")

    source: LazySource
    path: str

    @property
    def nbytes(self) -> int:
        """Bytes that reading it will take in memory, as far as known."""
        raise NotImplementedError

    def read(self) -> Any:
        """Return the value, read now."""
        raise NotImplementedError


class LazyArray(LazyEntry):
    """An array that is still in the file; holds names and numbers only, never an open file.

    Parameters
    ----------
    source
        The file.
    path
        Where in the file.
    shape, dtype
        Of the array that `read` returns.
    plain
        Whether attributes of the dataset belong to something else than the array.
    mark
        The word that says how the array is stored.
    """

    __slots__ = ("__weakref__", "_loaded", "dtype", "mark", "plain", "shape")

    def __init__(
        self,
        source: LazySource,
        path: str,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        *,
        plain: bool = False,
        mark: str = "",
    ) -> None:
        self.source = source
        self.path = path
        self.shape = shape
        self.dtype = dtype
        self.plain = plain
        self.mark = mark
        self._loaded: weakref.ref[NDArray[Any]] | None = None

    def __repr__(self) -> str:
        return f"LazyArray({self.path!r}, shape={self.shape}, dtype={self.dtype})"

    def __getstate__(self) -> tuple[Any, ...]:
        return self.source, self.path, self.shape, self.dtype, self.plain, self.mark

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.source, self.path, self.shape, self.dtype, self.plain, self.mark = state
        self._loaded = None

    @property
    def nbytes(self) -> int:
        """Bytes of the array."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    @property
    def loaded(self) -> NDArray[Any] | None:
        """The array if it was read and is still in use somewhere."""
        return None if self._loaded is None else self._loaded()

    def read(self) -> Any:
        """Return the array; the same object as long as anyone holds it."""
        array = self.loaded
        if array is None:
            give_way()
            with self.source.open_for_reading() as file:
                array = decode_dataset(h5.open_dataset(file, self.path), plain=self.plain)
            self._loaded = weakref.ref(array)
        return array


class LazyTrials(LazyEntry):
    """Trials of one unit and movie that are still in a file of whatever layout."""

    __slots__ = ()


class LazyDict(dict[Any, Any]):
    """A dictionary whose unread arrays are read when they are first asked for.

    It is a `dict` in every respect: lookups, iteration over values, comparison, copies and unpacking see
    arrays only. `dict.items(self)` shows what is inside without reading.

    Attributes
    ----------
    edits : int
        How many times entries were set or removed; reading does not count.
    """

    __slots__ = ("edits",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        dict.update(self, *args, **kwargs)
        self.edits = 0

    def __getitem__(self, key: Any) -> Any:
        value = dict.__getitem__(self, key)
        if isinstance(value, LazyEntry):
            value = value.read()
            dict.__setitem__(self, key, value)
        return value

    def __iter__(self) -> Iterator[Any]:
        return dict.__iter__(self)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.edits += 1
        dict.__setitem__(self, key, value)

    def __delitem__(self, key: Any) -> None:
        dict.__delitem__(self, key)
        self.edits += 1

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
        """Return a shallow copy; unread arrays stay unread."""
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
        """Return the value of `key`, which is set to `default` if it is not there."""
        if key not in self:
            self[key] = default
        return self[key]

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Set the entries of another dictionary or of pairs."""
        self.edits += 1
        dict.update(self, *args, **kwargs)

    def clear(self) -> None:
        """Remove everything."""
        self.edits += 1
        dict.clear(self)


def lazy_entries(tree: Any) -> Iterator[tuple[dict[Any, Any], Any, LazyEntry]]:
    """Yield every unread entry below `tree` with its dictionary and key, without reading it."""
    waiting = [tree] if isinstance(tree, dict) else []
    while waiting:
        give_way()
        holder = waiting.pop()
        for key, value in dict.items(holder):
            if isinstance(value, dict):
                waiting.append(value)
            elif isinstance(value, LazyEntry):
                yield holder, key, value


@contextlib.contextmanager
def reading(trees: Iterable[Mapping[Any, Any]]) -> Iterator[None]:
    """Keep the files of all unread arrays below `trees` open, so that each is opened once.

    Raises
    ------
    CheckpointError
        If such a file is gone or was replaced.
    """
    sources = {entry.source for tree in trees for _, _, entry in lazy_entries(tree)}
    with contextlib.ExitStack() as stack:
        for source in sources:
            stack.enter_context(source.open_for_reading())
        yield


def detach_readers(path: Path) -> None:
    """Close the handles that our own readers hold on `path` (Windows cannot replace an open file)."""
    target = os.path.realpath(path)
    for source in [source for source in _held if os.path.realpath(source.path) == target]:
        source.detach()


def _identity(path: Path) -> tuple[int, int, int]:
    stat = os.stat(path)
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
