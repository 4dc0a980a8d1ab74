"""The whole result as a file of its own, in the current layout or in that of the lab's earlier scripts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hdmea.exporters.exporter import ExportOptions, ExportProgress, exporter

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession

__all__ = ["lab_file", "result_file"]


@exporter(name="hdf5", title="Result file (HDF5)", suffixes=(".h5", ".hdf5"))
def result_file(
    session: PipelineSession, target: Path, options: ExportOptions, progress: ExportProgress
) -> None:
    """Write everything as a result file of the current layout."""
    _write(session, target, "columns", progress)


@exporter(name="lab", title="Result file, layout of the lab's earlier scripts (HDF5)", suffixes=(".h5",))
def lab_file(
    session: PipelineSession, target: Path, options: ExportOptions, progress: ExportProgress
) -> None:
    """Write everything as the lab's earlier scripts save their sessions."""
    _write(session, target, "lab", progress)


def _write(
    session: PipelineSession, target: Path, layout: Literal["columns", "lab"], progress: ExportProgress
) -> None:
    from hdmea.pipeline.session import SaveState
    from hdmea.results import files

    content = session.content(SaveState.SAVED, checkpoint_name=None)
    files.write_session(target, content, layout=layout, progress=progress)
