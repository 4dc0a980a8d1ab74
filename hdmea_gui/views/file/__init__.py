"""View: the file that will be saved."""

from hdmea_gui.views.file.view import FilePreview
from hdmea_gui.views.parts.base import ViewSpec

VIEW = ViewSpec(FilePreview, order=70)
