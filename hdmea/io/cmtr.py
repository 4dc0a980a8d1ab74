"""Sorted units for scripts that read them themselves; the reader is `hdmea.recordings`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hdmea.pipeline import loading
from hdmea.recordings.reader import open_units
from hdmea.recordings.signals import DEFAULT_RATE_HZ
from hdmea.utils.exceptions import MissingInputError
from hdmea.utils.fixes import ChooseFile, Either, SetParameter

if TYPE_CHECKING:
    from hdmea.pipeline import PipelineSession

__all__ = ["add_cmtr_unit_info", "load_cmtr_data"]


def load_cmtr_data(cmtr_path: str | Path) -> dict[str, Any]:
    """Return what a spike-sorted file contains.

    Returns
    -------
    dict
        ``units``: unit id to its data, with ``spike_times`` as uint64 microseconds, ``waveform``, ``row``,
        ``col``, ``unit_num``, ``original_name`` and ``unit_meta``; ``metadata``; ``acquisition_rate`` in Hz,
        None where the file does not state it; ``source_path``.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    DataLoadError
        If it cannot be read.
    """
    with open_units(cmtr_path) as source:
        rate = source.info.sampling_rate
        counted = rate or DEFAULT_RATE_HZ
        units = loading.read_units(source, counted, _silent).units
        for unit in units.values():
            unit["spike_times"] = np.rint(np.asarray(unit["spike_times"]) * 1e6 / counted).astype(np.uint64)
        metadata = dict(source.info.metadata)
    return {
        "units": units,
        "metadata": metadata,
        "acquisition_rate": rate,
        "source_path": str(cmtr_path),
    }


def add_cmtr_unit_info(
    session: PipelineSession | None = None,
    hdf5_path: str | Path | None = None,
    cmtr_path: str | Path | None = None,
    *,
    force: bool = False,
) -> PipelineSession | bool:
    """Add what the sorter reported of each unit, as ``unit_meta``, to a session or a file.

    Parameters
    ----------
    session, hdf5_path
        Where to: a session, which is returned, or a result file, which is changed.
    cmtr_path
        The spike-sorted file; by default the one that the recording was loaded from.
    force
        Replace what a unit has under these names; otherwise it is kept.

    Raises
    ------
    MissingInputError
        If neither a session nor a file is given, or no spike-sorted file is known.
    FileNotFoundError
        If a file does not exist.
    """

    def add(target: PipelineSession) -> None:
        with open_units(source_of(target, "cmtr", cmtr_path)) as source:
            rate = source.info.sampling_rate or DEFAULT_RATE_HZ
            reported = loading.read_units(source, rate, _silent).units
        for unit_id, unit in target.units.items():
            found = reported.get(unit_id, {}).get("unit_meta", {})
            known = {} if force else unit.get("unit_meta", {})
            unit["unit_meta"] = {**unit.get("unit_meta", {}), **found, **known}
        target.mark_step_complete("add_cmtr_unit_info")

    return on_session(session, hdf5_path, add)


def source_of(session: PipelineSession, kind: str, given: str | Path | None) -> Path:
    """Return a source file of a recording: the one that is given, otherwise the one it was loaded from.

    Raises
    ------
    MissingInputError
        If none is known.
    """
    path = given or session.source_files.get(f"{kind}_path")
    if not path:
        raise MissingInputError(f"No .{kind} file of the recording is known.", fix=ChooseFile(f"{kind}_path"))
    return Path(path)


def on_session(
    session: PipelineSession | None,
    hdf5_path: str | Path | None,
    change: Callable[[PipelineSession], None],
) -> PipelineSession | bool:
    """Change a session, which is returned, or a result file; True is returned then.

    Raises
    ------
    MissingInputError
        If neither is given.
    """
    from hdmea.pipeline import PipelineSession
    from hdmea.results import files

    if session is not None:
        change(session)
        session.touch()
        return session
    if hdf5_path is None:
        raise MissingInputError(
            "Neither a session nor a result file is given.",
            fix=Either((SetParameter("session"), SetParameter("hdf5_path"))),
        )
    with files.writing(Path(hdf5_path)):
        held = PipelineSession.load(hdf5_path, lazy=True)
        change(held)
        held.save(hdf5_path)
    return True


def _silent(part: float, text: str) -> None:
    """Take reports of progress that nobody sees."""
