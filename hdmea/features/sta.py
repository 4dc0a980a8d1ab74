"""Import path of older scripts: ``from hdmea.features.sta import compute_sta``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from hdmea.pipeline import STAResult, compute_sta

    DEFAULT_STIMULI_DIR: Path

__all__ = ["DEFAULT_STIMULI_DIR", "STAResult", "compute_sta"]


def __getattr__(name: str) -> Any:
    """Hand names on from `hdmea.pipeline`; the folder of movies is that of the stimulus library."""
    if name == "DEFAULT_STIMULI_DIR":
        from hdmea.stimuli.library import user_library
        from hdmea.utils.resources import resource_path

        return user_library() or resource_path("stimuli")
    if name in __all__:
        import hdmea.pipeline

        return getattr(hdmea.pipeline, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
