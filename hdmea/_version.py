"""The version of HD-MEA Studio, in its one place."""

__version__ = "0.1.0"
