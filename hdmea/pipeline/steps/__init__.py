"""The steps of the pipeline, one file each; a new file is found without being listed anywhere."""

from __future__ import annotations

import functools
import importlib
import pkgutil

__all__ = ["discover"]


@functools.cache
def discover() -> tuple[str, ...]:
    """Import every module of this package, which registers its steps; return the modules' names."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name[0] != "_")
    for name in names:
        importlib.import_module(f"{__name__}.{name}")
    return tuple(names)
