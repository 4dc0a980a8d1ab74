"""The lights of the recording that is open; made on the worker thread."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from hdmea.health import Health
    from hdmea.health.check import Asked, Findings
    from hdmea_gui.engine.workspace import Workspace

__all__ = ["HealthQuery", "HealthView"]

_MEASURED = "being measured"


@dataclass(frozen=True, eq=False)
class HealthView:
    """What the page of health draws.

    Attributes
    ----------
    health
        The lights.
    key
        Tells apart what has to be measured; the same as long as the answer would be.
    request
        Folder with a request for the process that measures; None if everything is known.
    """

    health: Health
    key: str
    request: Path | None


@dataclass(frozen=True, eq=False)
class HealthQuery:
    """All lights, as far as they are known.

    Attributes
    ----------
    key, found, reason
        What was measured for that key; or why it could not be. The view learns it before it asks.
    """

    key: str = ""
    found: Findings | None = None
    reason: str = ""

    def answer(self, workspace: Workspace) -> HealthView | None:
        """Return them; None before a recording was loaded."""
        session = workspace.session
        if session is None or "acquisition_rate" not in session.metadata:
            return None
        from hdmea.health.check import Findings, prepare
        from hdmea.health.worker import write_request
        from hdmea.pipeline.run import available_workers

        # One processor is the window's.
        workers = max(1, available_workers() - 1)
        asked: Asked = workspace.remember("health", lambda: prepare(session, workers=workers))
        key = _key(asked)
        if self.key:
            workspace.of_session["health"] = self.key, self.found, self.reason
        known_key, found, reason = workspace.of_session.get("health", ("", None, ""))
        request = None
        if known_key != key:
            found, reason = None, f"The raw data are {_MEASURED}."
            request = Path(tempfile.mkdtemp(prefix="hdmea-health-"))
            write_request(request, asked.request)
        if found is None:
            found = Findings.not_yet(asked.request, reason)
        return HealthView(asked.judge(found), key, request)


def _key(asked: Asked) -> str:
    """Return what tells apart raw data, spikes and section times."""
    request = asked.request
    parts: list[Any] = [request.name, request.source_files.get("cmcr_path")]
    parts += [request.source_files.get("cmcr_mtime"), len(request.units)]
    parts.append(sum(unit["spike_times"].size for unit in request.units.values()))
    for movie, section in request.stimulus["section_time"].items():
        parts += [movie, np.asarray(section).tolist()]
    return repr(parts)
