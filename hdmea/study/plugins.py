"""Python files of a user that add steps, features, readers or exporters."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hdmea.utils.exceptions import ConfigurationError
from hdmea.utils.fixes import Advice

__all__ = ["register_files"]

_run: dict[Path, bytes] = {}
"""Files that were run in this process, with their content: the same one need not be run again."""


def register_files(files: Iterable[Path]) -> None:
    """Run Python files and register what they declare.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ConfigurationError
        If it cannot be run, or declares nothing.
    """
    from hdmea.declare import FEATURES, STEPS
    from hdmea.declare.registry import run_file
    from hdmea.exporters import EXPORTERS
    from hdmea.recordings import READERS

    for path in files:
        if path.is_file() and _run.get(path.resolve()) == path.read_bytes():
            continue
        module = run_file(path)
        found = [each.register_module(module, str(path)) for each in (STEPS, FEATURES, READERS, EXPORTERS)]
        if not any(found):
            raise ConfigurationError(
                f"{path} declares no step, feature, reader or exporter.",
                path=path,
                fix=Advice("The documentation has a page on how to write each of them."),
            )
        _run[path.resolve()] = path.read_bytes()
