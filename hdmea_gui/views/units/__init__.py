"""View: responses of the selected units to a movie, side by side."""

from hdmea_gui.views.parts.base import ViewSpec
from hdmea_gui.views.units.view import UnitsPreview

VIEW = ViewSpec(UnitsPreview, order=20)
