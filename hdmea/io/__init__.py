"""Import paths of older scripts; the code is in `hdmea.pipeline`, `hdmea.recordings` and `hdmea.results`."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from types import ModuleType
from typing import Any

_MODULES = ("section_time", "spike_sectioning", "cmcr", "cmtr", "hdf5_store")


def _modules() -> Iterator[ModuleType]:
    return (importlib.import_module(f"{__name__}.{name}") for name in _MODULES)


def __getattr__(name: str) -> Any:
    """Return a name of one of the modules here, which older scripts import from the package as well."""
    for module in _modules() if name not in _MODULES and not name.startswith("_") else ():
        if name in module.__all__:
            return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(name for module in _modules() for name in module.__all__)
