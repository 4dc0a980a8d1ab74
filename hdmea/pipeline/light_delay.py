"""Latencies of responses, corrected for the delay of the light behind the flips of the display."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from hdmea.declare import Output

__all__ = ["light_delay_ms", "without_light_delay"]


def light_delay_ms(stimulus: Mapping[str, Any], movie: object) -> float:
    """Return by how many milliseconds latencies of a movie are to be corrected.

    Parameters
    ----------
    stimulus
        ``session.stimulus``.
    movie
        Name of the movie; None: of no movie.
    """
    section = stimulus.get("section_time", {}).get(movie)
    return float(getattr(section, "attrs", {}).get("light_delay_taken_off_ms", 0.0))


def without_light_delay(
    values: Mapping[str, Any], outputs: Iterable[Output], delay_ms: float
) -> dict[str, Any]:
    """Return numbers with the delay taken off every latency: what is called so and counts in milliseconds.

    Parameters
    ----------
    values
        Output name to a number, or an array of one per unit.
    outputs
        Their declarations.
    delay_ms
        Delay of the light behind its flip.
    """
    latencies = {output.name for output in outputs if "latency" in output.name and output.unit == "ms"}
    return {
        name: np.asarray(value, dtype=np.float64) - delay_ms if delay_ms and name in latencies else value
        for name, value in values.items()
    }
