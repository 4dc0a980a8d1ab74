"""Folders of Kilosort, Phy and of any sorter that exports to them: sorted units."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hdmea.recordings.reader import Reader

if TYPE_CHECKING:
    from hdmea.recordings.units import UnitOptions, UnitSource

__all__ = ["PHY"]

_SIGNS = ("spike_times.npy", "spike_clusters.npy", "spike_templates.npy", "templates.npy", "params.py")
_ALSO = (
    "template_ind.npy",
    "amplitudes.npy",
    "channel_positions.npy",
    "channel_map.npy",
    "whitening_mat_inv.npy",
)


def _looks_like_phy(path: Path) -> bool:
    """Return whether a folder contains at least two of the files by which Phy knows a sorting."""
    return os.path.isdir(path) and sum(os.path.isfile(path / name) for name in _SIGNS) >= 2


def _open(path: Path, options: UnitOptions) -> UnitSource:
    from hdmea.recordings.phy.folder import PhyFolder

    return PhyFolder(path, options)


def _files(path: Path) -> Sequence[Path]:
    from hdmea.recordings.phy.tables import label_tables

    arrays = [path / name for name in sorted((*_SIGNS, *_ALSO)) if os.path.isfile(path / name)]
    return [*arrays, *label_tables(path)]


PHY = Reader(name="phy", title="Phy folder", recognises=_looks_like_phy, open_units=_open, files=_files)
