"""Sessions from result files, as older scripts load them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hdmea.pipeline.session import PipelineSession, SaveState
from hdmea.results import files
from hdmea.utils.validation import check_dataset_id

__all__ = ["load_session_from_hdf5"]


def load_session_from_hdf5(
    hdf5_path: str | Path,
    *,
    dataset_id: str | None = None,
    load_features: Sequence[str] | None = None,
) -> PipelineSession:
    """Open a result file of any layout, or a checkpoint, as a SAVED session.

    Parameters
    ----------
    hdf5_path
        The file.
    dataset_id
        Name of the recording in place of that in the file.
    load_features
        Names of the features to load; None: all. A session without some of them cannot be saved onto the
        file, which would lose them.

    Returns
    -------
    PipelineSession
        With `hdf5_path` set. With `load_features` arrays are read on first use, otherwise now.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CheckpointError
        If it is not a result file, or is damaged.
    """
    path = Path(hdf5_path)
    session = PipelineSession.load(path, lazy=load_features is not None)
    if session.hdf5_path is None:
        summary = files.summarize(path)
        session.save_state, session.hdf5_path = SaveState.SAVED, path
        session.held = files.Held(path, summary.revision, summary.layout)
    if dataset_id is not None:
        session.dataset_id = check_dataset_id(dataset_id)
    if load_features is not None and _remove_others(session, set(load_features)):
        session.read_only_reason = (
            f"Only some features of {path} were loaded. If the session were saved there, the others would be "
            "lost."
        )
    session.mark_clean()
    return session


def _remove_others(session: PipelineSession, names: set[str]) -> bool:
    """Remove the features that are not named; return whether there were any."""
    found = False
    for unit in session.units.values():
        features = unit.get("features") or {}
        for name in [name for name in features if name not in names]:
            del features[name]
            found = True
    return found
