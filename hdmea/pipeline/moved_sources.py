"""Source files of a result that was moved together with them: they are beside it, not at their old place."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path, PureWindowsPath
from typing import Any

__all__ = ["find_moved_sources"]


def find_moved_sources(source_files: Mapping[str, Any], result: Path) -> tuple[dict[str, str], list[str]]:
    """Find source files beside a result file whose old place is gone.

    Parameters
    ----------
    source_files
        As the result has them: ``cmcr_path``, ``cmtr_path``, and their sizes.
    result
        The result file. Its folder is looked into, then the one above.

    Returns
    -------
    tuple
        New paths by key, and one sentence for each. A file of the same name but another size is another
        file, and not taken.
    """
    found: dict[str, str] = {}
    said = []
    folder = result.absolute().parent
    for kind in ("cmcr", "cmtr"):
        old = str(source_files.get(f"{kind}_path") or "")
        if not old or _is_file(Path(old)):
            continue
        # A result may come from another system: its paths then have backslashes.
        name = PureWindowsPath(old).name if "\\" in old and os.sep == "/" else Path(old).name
        size = source_files.get(f"{kind}_size")
        for place in (folder, folder.parent):
            new = place / name
            if _is_file(new) and (size is None or new.stat().st_size == int(size)):
                found[f"{kind}_path"] = str(new)
                said.append(f"{old} no longer exists; {new} beside the result is used.")
                break
    return found, said


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False
