"""Draw the icons of the packages from ``resources/icons/hdmea-studio.svg`` into ``resources/desktop``.

``python installer/make_icons.py [FOLDER]``, with PySide6; needed only after the drawing changed.
"""

from __future__ import annotations

import os
import struct
import sys
from pathlib import Path

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, Qt
from PySide6.QtGui import QGuiApplication, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

__all__ = ["icns_file", "ico_file", "main"]

RESOURCES = Path(__file__).resolve().parents[1] / "resources"
NAME = "hdmea-studio"

_ICO_SIZES = (16, 20, 24, 32, 40, 48, 64, 256)
# Kinds of entries that hold a PNG file, by their pixels; ic11 … ic14 are for screens with double resolution.
_ICNS_KINDS = {b"ic11": 32, b"ic12": 64, b"ic07": 128, b"ic08": 256, b"ic13": 256, b"ic09": 512, b"ic14": 512}


def draw(size: int) -> QImage:
    """Return the icon with `size` × `size` pixels."""
    image = QImage(size, size, QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    QSvgRenderer(str(RESOURCES / "icons" / f"{NAME}.svg")).render(painter)
    painter.end()
    return image


def png(image: QImage) -> bytes:
    """Return a picture as the contents of a PNG file."""
    content = QByteArray()
    buffer = QBuffer(content)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")
    return bytes(content.data())


def _bitmap(image: QImage) -> bytes:
    """Return a picture as a bitmap in an icon: header, rows from the bottom, an empty mask."""
    size = image.width()
    header = struct.pack("<IiiHHIIiiII", 40, size, 2 * size, 1, 32, 0, 0, 0, 0, 0, 0)
    pixels = bytes(image.constBits())
    rows = [pixels[4 * size * y : 4 * size * (y + 1)] for y in reversed(range(size))]
    return header + b"".join(rows) + bytes((size + 31) // 32 * 4 * size)


def ico_file() -> bytes:
    """Return an icon file of Windows: bitmaps, and a PNG for the largest size."""
    images = [draw(size) for size in _ICO_SIZES]
    bodies = [png(image) if image.width() == 256 else _bitmap(image) for image in images]
    content = struct.pack("<HHH", 0, 1, len(bodies))
    offset = len(content) + 16 * len(bodies)
    for image, body in zip(images, bodies, strict=True):
        side = image.width() % 256
        content += struct.pack("<BBBBHHII", side, side, 0, 0, 1, 32, len(body), offset)
        offset += len(body)
    return content + b"".join(bodies)


def icns_file() -> bytes:
    """Return an icon file of macOS."""
    body = b""
    for kind, size in _ICNS_KINDS.items():
        picture = png(draw(size))
        body += kind + struct.pack(">I", len(picture) + 8) + picture
    return b"icns" + struct.pack(">I", len(body) + 8) + body


def main(folder: Path) -> None:
    """Write all icons."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{NAME}.png").write_bytes(png(draw(256)))
    (folder / f"{NAME}.ico").write_bytes(ico_file())
    (folder / f"{NAME}.icns").write_bytes(icns_file())


if __name__ == "__main__":
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    application = QGuiApplication(sys.argv[:1])
    main(Path(sys.argv[1]) if sys.argv[1:] else RESOURCES / "desktop")
