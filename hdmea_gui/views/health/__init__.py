"""View: whether the recording is good."""

from hdmea_gui.views.health.view import HealthPreview
from hdmea_gui.views.parts.base import ViewSpec

VIEW = ViewSpec(HealthPreview, order=5)
