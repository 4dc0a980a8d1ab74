"""View: raw voltages of the electrodes."""

from hdmea_gui.views.parts.base import ViewSpec
from hdmea_gui.views.raw.view import RawPreview

VIEW = ViewSpec(RawPreview, order=55)
