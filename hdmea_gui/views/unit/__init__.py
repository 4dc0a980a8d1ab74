"""View: one unit."""

from hdmea_gui.views.parts.base import ViewSpec
from hdmea_gui.views.unit.view import UnitPreview

VIEW = ViewSpec(UnitPreview, order=30)
