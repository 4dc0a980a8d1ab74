"""Garbage collection that does not look through the whole program and the whole session each time.

A collection holds up every thread for about half a microsecond per object. What has lasted until the end of a
step, imported code and results, is therefore set aside: later collections, on whichever thread, only see what
is new.
"""

from __future__ import annotations

import gc

__all__ = ["set_aside", "sweep", "sweep_everything"]


def set_aside() -> None:
    """Take everything that there is out of later collections; it still goes when nothing refers to it."""
    gc.freeze()


def sweep() -> None:
    """Collect cycles among what is new, and set the rest aside.

    Called on the worker: what cycles hold, files above all, must not be released on the GUI thread.
    """
    gc.collect()
    gc.freeze()


def sweep_everything() -> None:
    """Collect cycles among what was set aside as well; takes a moment."""
    gc.unfreeze()
    sweep()
