"""Re-exports the step functions for sectioned spikes, for scripts that import them from here."""

from __future__ import annotations

from typing import Any

__all__ = ["SectionResult", "section_spike_times"]  # noqa: F822 - found when they are asked for


def __getattr__(name: str) -> Any:
    if name in __all__:
        import hdmea.pipeline

        return getattr(hdmea.pipeline, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
