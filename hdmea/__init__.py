"""The engine of HD-MEA Studio: recordings of the CMOS-MEA5000 in, results that can be published out."""

import importlib
import logging
from typing import Any

from hdmea._version import __version__

__all__ = ["__version__", "export"]

# At level DEBUG, which scripts set for the root logger, Numba logs every instruction that it compiles.
if logging.getLogger("numba").level == logging.NOTSET:
    logging.getLogger("numba").setLevel(logging.WARNING)


def __getattr__(name: str) -> Any:
    """Import `hdmea.exporters.export` when it is first asked for."""
    if name == "export":
        return importlib.import_module("hdmea.exporters").export
    raise AttributeError(f"module 'hdmea' has no attribute {name!r}")
