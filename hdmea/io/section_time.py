"""Hands on the step functions for section times, for scripts that import them from here."""

from __future__ import annotations

from typing import Any

__all__ = ["add_section_time", "add_section_time_analog"]  # noqa: F822 - found when they are asked for


def __getattr__(name: str) -> Any:
    if name in __all__:
        import hdmea.pipeline

        return getattr(hdmea.pipeline, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
