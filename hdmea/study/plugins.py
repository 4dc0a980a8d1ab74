"""Python files of a user that add steps, features, readers or exporters."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

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
    from hdmea.declare.registry import Registry, run_file
    from hdmea.exporters import EXPORTERS
    from hdmea.recordings import READERS

    registries: tuple[Registry[Any], ...] = (STEPS, FEATURES, READERS, EXPORTERS)
    for path in files:
        if path.is_file() and _run.get(path.resolve()) == path.read_bytes():
            continue
        module = run_file(path)
        if path.resolve() in _run:
            # It was edited since: what it declared before is replaced.
            for each in registries:
                for name in each.names():
                    if each.origin(name) and Path(each.origin(name)).resolve() == path.resolve():
                        each.remove(name)
        found = [each.register_module(module, str(path)) for each in registries]
        if not any(found):
            raise ConfigurationError(
                f"{path} declares no step, feature, reader or exporter.",
                path=path,
                fix=Advice("The documentation has a page on how to write each of them."),
            )
        _run[path.resolve()] = path.read_bytes()
