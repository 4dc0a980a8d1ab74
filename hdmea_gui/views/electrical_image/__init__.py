"""View: the electrical image of a unit."""

from hdmea_gui.views.electrical_image.view import ElectricalImagePreview
from hdmea_gui.views.parts.base import ViewSpec

VIEW = ViewSpec(ElectricalImagePreview, order=50)
