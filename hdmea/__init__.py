"""The engine of HD-MEA Studio: recordings of the CMOS-MEA5000 in, results that can be published out."""

from hdmea._version import __version__

__all__ = ["__version__"]
