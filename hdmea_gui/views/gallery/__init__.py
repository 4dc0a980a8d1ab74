"""View: all units as small pictures."""

from hdmea_gui.views.gallery.view import GalleryPreview
from hdmea_gui.views.parts.base import ViewSpec

VIEW = ViewSpec(GalleryPreview, order=32)
