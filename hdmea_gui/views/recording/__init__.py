"""View: the recording at a glance."""

from hdmea_gui.views.parts.base import ViewSpec
from hdmea_gui.views.recording.view import RecordingPreview

VIEW = ViewSpec(RecordingPreview, order=10)
