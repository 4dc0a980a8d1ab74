"""Import path of older scripts: ``from hdmea.features.sta import compute_sta``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hdmea.pipeline import compute_sta

__all__ = ["compute_sta"]


def __getattr__(name: str) -> Any:
    """Hand `compute_sta` on from `hdmea.pipeline` when it is asked for."""
    if name == "compute_sta":
        from hdmea.pipeline import compute_sta

        return compute_sta
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
