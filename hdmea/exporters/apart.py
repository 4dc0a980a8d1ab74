"""An export in a process of its own, which leaves the one that asks free; see `hdmea.health.worker`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hdmea.exporters.exporter import ExportProgress, export
from hdmea.pipeline.session import PipelineSession
from hdmea.utils.exceptions import HDMEAError

__all__ = ["ExportRequest"]


@dataclass(frozen=True)
class ExportRequest:
    """Write a result file in another format.

    Attributes
    ----------
    source
        The result file.
    kind, target, overwrite, options
        As of `hdmea.exporters.export`.
    """

    source: Path
    kind: str
    target: Path
    overwrite: bool
    options: Mapping[str, Any]

    def run(self, report: ExportProgress) -> list[Path] | HDMEAError | OSError:
        """Return the files that were written, or why none was."""
        try:
            session = PipelineSession.load(self.source, lazy=True)
            return export(
                session, self.kind, self.target, overwrite=self.overwrite, progress=report, **self.options
            )
        except (HDMEAError, OSError) as error:
            return error
