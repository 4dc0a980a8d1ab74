"""Which views there are: each in a folder here, or announced by an installed package."""

from __future__ import annotations

from hdmea.declare.registry import Registry
from hdmea_gui.views.parts.base import ViewSpec

__all__ = ["VIEWS", "views_in_order"]

VIEWS: Registry[ViewSpec] = Registry("hdmea_gui.views", ViewSpec, "hdmea_gui.views", "view")
"""All views: the folders of this package, and the entry points of the group ``hdmea_gui.views``."""


def views_in_order() -> tuple[ViewSpec, ...]:
    """Return all views in the order of their tabs."""
    return tuple(sorted(VIEWS, key=lambda view: (view.order, view.title)))
