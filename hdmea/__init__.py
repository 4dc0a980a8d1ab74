"""The engine of HD-MEA Studio: recordings of the CMOS-MEA5000 in, results that can be published out."""

import logging

from hdmea._version import __version__

__all__ = ["__version__"]

# At level DEBUG, which scripts set for the root logger, Numba logs every instruction that it compiles.
if logging.getLogger("numba").level == logging.NOTSET:
    logging.getLogger("numba").setLevel(logging.WARNING)
