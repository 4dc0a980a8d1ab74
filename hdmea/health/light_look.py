"""What the light alone tells before a recording is loaded: its display, and whether the movies fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hdmea.health.check import place_sections
from hdmea.health.lights import Light
from hdmea.health.limits import HealthLimits
from hdmea.health.measure import Report
from hdmea.health.stimulus import alignment_lights, frame_lights
from hdmea.pipeline.run import run_step
from hdmea.pipeline.session import create_session

__all__ = ["LightLook"]


@dataclass(frozen=True)
class LightLook:
    """A look at the light channels of a raw recording; it can be sent to another process.

    Attributes
    ----------
    cmcr
        The raw recording.
    parameters
        Of `add_section_time`: playlist and lengths that were chosen.
    """

    cmcr: Path
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def run(self, report: Report) -> tuple[Light, ...]:
        """Return the lights of display and alignment, as of `hdmea.health.health`.

        Raises
        ------
        DataLoadError
            If the recording cannot be read.
        """
        session = create_session(None, self.cmcr)
        source = {"cmcr_path": self.cmcr, "find_partner": False}
        run_step(
            session,
            "load_recording",
            source,
            progress=lambda event: report(event.fraction, event.text),
            logged=False,
        )
        unknown = place_sections(session, report, None, self.parameters)
        return (*frame_lights(session, HealthLimits.from_settings()), *alignment_lights(session, unknown))
