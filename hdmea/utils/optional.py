"""Packages that are installed only with an extra, such as ``hdmea-studio[nwb]``."""

from __future__ import annotations

import importlib
from types import ModuleType

from hdmea.utils.exceptions import ConfigurationError
from hdmea.utils.fixes import Advice

__all__ = ["optional_module"]


def optional_module(name: str, extra: str, purpose: str) -> ModuleType:
    """Import a module of an optional package.

    Parameters
    ----------
    name
        The module, such as ``"pyarrow.parquet"``.
    extra
        Extra of this project that installs it.
    purpose
        What needs it, as the subject of a sentence: ``"A Parquet file"``.

    Raises
    ------
    ConfigurationError
        If the package is not installed; says which extra to install.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise ConfigurationError(
            f"{purpose} needs the Python package {package}, which is not installed.",
            fix=Advice(f'Install the extra “{extra}”: pip install "hdmea-studio[{extra}]".'),
        ) from error
