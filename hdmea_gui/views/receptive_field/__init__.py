"""View: the receptive field of a unit."""

from hdmea_gui.views.parts.base import ViewSpec
from hdmea_gui.views.receptive_field.view import ReceptiveFieldPreview

VIEW = ViewSpec(ReceptiveFieldPreview, order=40)
