"""Functions that numba compiles, kept on the drive where that is possible and in memory otherwise."""

from __future__ import annotations

import contextlib
import functools
import importlib
import logging
import os
import pickle
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

__all__ = ["AHEAD", "compiled", "compiled_for", "compiling_ahead"]

logger = logging.getLogger(__name__)

# Otherwise numba, where colorama is installed, exchanges sys.stdout and sys.stderr for a moment while it
# compiles: on a thread of its own that takes away what another one has just put there.
os.environ.setdefault("NUMBA_DISABLE_ERROR_MESSAGE_HIGHLIGHTING", "1")

F = TypeVar("F", bound=Callable[..., Any])

_MODULES = ("sta", "eimage", "theil_sen", "rf_model", "direction", "generator")
"""What the usual steps need, in their order."""

AHEAD: list[tuple[Any, str]] = []
"""Functions of the modules that were imported so far, and what they can be compiled for before a call."""

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


def compiled_for(signature: str) -> Callable[[F], F]:
    """Return `compiled` for a function that usually gets arguments of the types that numba calls so."""

    def decorate(function: F) -> F:
        kernel = compiled(function)
        AHEAD.append((kernel, signature))
        return kernel

    return decorate


@contextlib.contextmanager
def compiling_ahead() -> Iterator[None]:
    """Compile the functions that the usual steps need, on a thread of its own, while the block runs.

    What is kept from an earlier start is read. The first run of a program so hardly waits for the compiler; a
    function that is needed sooner is compiled where it is called.
    """
    ends = threading.Event()
    threading.Thread(target=_compile, args=(ends,), name="compiles ahead").start()
    try:
        yield
    finally:
        ends.set()


def _compile(ends: threading.Event) -> None:
    for name in _MODULES:
        before = len(AHEAD)
        importlib.import_module(f"hdmea.features.science.{name}_kernels")
        for kernel, signature in AHEAD[before:]:
            if ends.is_set():
                return
            kernel.compile(signature)


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
