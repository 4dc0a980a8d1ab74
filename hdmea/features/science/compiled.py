"""Functions that numba compiles, kept on the drive where that is possible and in memory otherwise."""

from __future__ import annotations

import contextlib
import functools
import logging
import pickle
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

__all__ = ["compiled"]

logger = logging.getLogger(__name__)

F = TypeVar("F", bound=Callable[..., Any])

_NOT_KEPT = (OSError, EOFError, pickle.PickleError, ValueError, TypeError, LookupError, AttributeError)
"""What numba raises when its files cannot be read or written, or are damaged."""


def compiled(function: F) -> F:
    """Compile the decorated function when it is first called, without the interpreter's lock.

    Divisions by zero give infinity or NaN, as in numpy.

    What was compiled is kept where numba finds a folder: that of the variable NUMBA_CACHE_DIR, the one beside
    the source, the user's cache. Without one, or where its drive is full, it is compiled again in each
    process, which the log says once.
    """
    from numba import njit

    try:
        kernel: Any = njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError as error:
        _say_once(str(error))
        return cast("F", njit(nogil=True, error_model="numpy")(function))
    cache = kernel._cache
    guard = cache._guard_against_spurious_io_errors
    cache._guard_against_spurious_io_errors = lambda: _going_on(guard)
    return cast("F", kernel)


@contextlib.contextmanager
def _going_on(guard: Callable[[], contextlib.AbstractContextManager[None]]) -> Iterator[None]:
    try:
        with guard():
            yield
    except _NOT_KEPT as error:
        _say_once(str(error))


@functools.cache
def _say_once(why: str) -> None:
    if _say_once.cache_info().currsize == 0:
        logger.warning("Compiled functions cannot be kept and are compiled again at each start: %s", why)
