"""Files of the Multi Channel Systems CMOS-MEA5000: `.cmcr` (raw) and `.cmtr` (spike-sorted)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hdmea.recordings.mcs.kind import RAW, SORTED, kind_of_file
from hdmea.recordings.mcs.vocabulary import RAW_SUFFIX, SORTED_SUFFIX
from hdmea.recordings.reader import Reader

if TYPE_CHECKING:
    from hdmea.recordings.inspection import Inspection
    from hdmea.recordings.signals import SignalSource
    from hdmea.recordings.units import UnitOptions, UnitSource

__all__ = ["CMCR", "CMTR"]


def _is_raw(path: Path) -> bool:
    return kind_of_file(path) == RAW


def _is_sorted(path: Path) -> bool:
    return kind_of_file(path) == SORTED


def _open_raw(path: Path, fallback_rate: tuple[float, str] | None) -> SignalSource:
    from hdmea.recordings.mcs.cmcr import CmcrReader

    return CmcrReader(path, fallback_rate)


def _open_sorted(path: Path, options: UnitOptions) -> UnitSource:
    from hdmea.recordings.mcs.cmtr import CmtrReader

    return CmtrReader(path)


def _inspect(path: Path) -> Inspection:
    from hdmea.recordings.mcs.inspect import inspect_mcs

    return inspect_mcs(path)


CMCR = Reader(
    name="cmcr",
    title="Raw recording",
    recognises=_is_raw,
    open_signals=_open_raw,
    inspect=_inspect,
    suffixes=(RAW_SUFFIX,),
)
CMTR = Reader(
    name="cmtr",
    title="Spike-sorted file",
    recognises=_is_sorted,
    open_units=_open_sorted,
    inspect=_inspect,
    suffixes=(SORTED_SUFFIX,),
)
