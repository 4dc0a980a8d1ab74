"""Where the files are that come with the program: stimulus definitions, icons, presets."""

from __future__ import annotations

import sys
from pathlib import Path

import hdmea
from hdmea.utils.exceptions import MissingFileError
from hdmea.utils.fixes import Advice

__all__ = ["packaged_command", "resource_path"]


def resource_path(*parts: str) -> Path:
    """Return the path of a packaged file or folder.

    Works from a source tree (``resources/`` beside the package), an installed wheel
    (``hdmea/resources/``) and a frozen program.

    Parameters
    ----------
    *parts
        Names below the resource folder, e.g. ``"stimuli", "baseline_127.json"``; none for the folder.

    Returns
    -------
    pathlib.Path
        The path; it is not checked that something exists.

    Raises
    ------
    FileNotFoundError
        If the installation has no resource folder.
    """
    package = Path(hdmea.__file__).resolve().parent
    frozen = getattr(sys, "_MEIPASS", None)
    roots = [package / "resources", package.parent / "resources"]
    if frozen is not None:
        roots = [Path(frozen) / "hdmea" / "resources", Path(frozen) / "resources", *roots]
    for root in roots:
        if root.is_dir():
            return root.joinpath(*parts)
    raise MissingFileError(
        f"The resource folder of the program is missing (looked in {', '.join(map(str, roots))}).",
        fix=Advice("Install the program again."),
    )


def packaged_command(*arguments: str) -> list[str]:
    """Return how a packaged program starts itself as a command line; empty if it is not packaged.

    Parameters
    ----------
    *arguments
        What it is called with.
    """
    if not getattr(sys, "frozen", False):
        return []
    program = Path(sys.executable)
    return [str(program.with_name("hdmea" + program.suffix)), *arguments]
