"""Garbage collection that does not look through the whole program and the whole session each time.

A collection blocks every thread for about half a microsecond per object. What has lasted until the end of a
step, imported code and results, is therefore set aside: later collections, on whichever thread, only see what
is new.
"""

from __future__ import annotations

import gc

__all__ = ["set_aside", "sweep", "sweep_everything", "sweep_if_much"]

# In thousands of new objects: about 10 ms, and more than may be looked through at once.
_MUCH, _TOO_MUCH = 15, 40
# No collection of all that is new but those that are asked for here.
_NEVER = 1_000_000


def set_aside() -> None:
    """Take everything that there is out of later collections; it still goes when nothing refers to it."""
    size, rounds, _ = gc.get_threshold()
    gc.set_threshold(size, rounds, _NEVER)
    gc.freeze()


def sweep() -> None:
    """Collect cycles among what is new, and set the rest aside.

    Called on the worker: what cycles hold, files above all, must not be released on the GUI thread.
    """
    if _thousands() < _TOO_MUCH:
        gc.collect()
    gc.freeze()


def sweep_if_much() -> None:
    """Do the same as soon as it would take long, in the middle of something."""
    if _thousands() >= _MUCH:
        sweep()


def _thousands() -> float:
    """Return about how many objects were made and kept since the last collection of all, in thousands."""
    size, rounds, _ = gc.get_threshold()
    return gc.get_count()[2] * size * (rounds + 1) / 1000


def sweep_everything() -> None:
    """Collect cycles among what was set aside as well; takes a moment."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
