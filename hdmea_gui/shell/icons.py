"""Line icons: SVG files in one colour, drawn in the colour of the theme."""

from __future__ import annotations

import functools

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap, QPixmapCache
from PySide6.QtSvg import QSvgRenderer

from hdmea.utils.resources import resource_path
from hdmea_gui.shell.theme import Theme

__all__ = ["application_icon", "icon", "pixmap"]

_SIZES = (16, 20, 32, 48)


def icon(name: str, theme: Theme) -> QIcon:
    """Return an icon in the text colour of the theme, paler where it is disabled."""
    made = QIcon()
    for size in _SIZES:
        made.addPixmap(pixmap(name, theme.text, size), QIcon.Mode.Normal)
        made.addPixmap(pixmap(name, theme.border, size), QIcon.Mode.Disabled)
    return made


def pixmap(name: str, colour: str, size: int, ratio: float = 1.0) -> QPixmap:
    """Return an icon in one colour; `size` in logical pixels, `ratio` physical pixels for each."""
    key = f"{name}/{colour}/{size}/{ratio}"
    cached = QPixmap()
    if QPixmapCache.find(key, cached):
        return cached
    renderer = QSvgRenderer(QByteArray(_source(name).replace("currentColor", colour).encode()))
    drawn = QPixmap(round(size * ratio), round(size * ratio))
    drawn.fill(Qt.GlobalColor.transparent)
    painter = QPainter(drawn)
    renderer.render(painter, QRectF(0, 0, drawn.width(), drawn.height()))
    painter.end()
    drawn.setDevicePixelRatio(ratio)
    QPixmapCache.insert(key, drawn)
    return drawn


@functools.cache
def _source(name: str) -> str:
    return resource_path("icons", f"{name}.svg").read_text(encoding="utf-8")


def application_icon() -> QIcon:
    """Return the icon of the program."""
    return QIcon(str(resource_path("icons", "hdmea-studio.svg")))
