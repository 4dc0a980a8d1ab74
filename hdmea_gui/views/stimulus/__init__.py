"""View: light channels, display frames and sections over time."""

from hdmea_gui.views.parts.base import ViewSpec
from hdmea_gui.views.stimulus.view import StimulusPreview

VIEW = ViewSpec(StimulusPreview, order=60)
