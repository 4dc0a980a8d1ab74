"""A view as a file: its picture as PNG, SVG or PDF, its data as CSV."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pyqtgraph as pg
from PySide6.QtCore import QBuffer, QIODevice, QMarginsF, QPoint, QSize, QSizeF
from PySide6.QtGui import QImage, QImageWriter, QPageLayout, QPageSize, QPainter, QPdfWriter
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QGraphicsView, QWidget

from hdmea_gui.dialogs.files import ask_target
from hdmea_gui.engine.controller import Controller
from hdmea_gui.engine.file_lookup import file_start

__all__ = ["PICTURES", "ask_export_path", "drawn", "picture_of"]

PICTURES = ("png", "svg", "pdf")
"""Kinds of pictures."""

_SCALE = 2
_FILTERS = {
    "png": "Picture (*.png)",
    "svg": "Drawing (*.svg)",
    "pdf": "Document (*.pdf)",
    "csv": "Table (*.csv)",
}


def ask_export_path(parent: QWidget, controller: Controller, kinds: Sequence[str], name: str) -> Path | None:
    """Return where to write; None if the user cancelled.

    Parameters
    ----------
    parent
        What is exported.
    controller
        Remembers the folder.
    kinds
        What may be chosen of ``png``, ``svg``, ``pdf``, ``csv``.
    name
        Proposed name of the file, without its suffix.
    """
    folder = Path(controller.export_folder or Path.home())
    proposed = str(file_start(folder / f"{name}.{kinds[0]}"))
    filters = [_FILTERS[kind] for kind in kinds]
    title = f"Export as {kinds[0].upper()}" if len(kinds) == 1 else "Export"

    def complete(path: Path, picked: str) -> Path:
        if path.suffix.lower().lstrip(".") in kinds:
            return path
        kind = kinds[filters.index(picked)] if picked in filters else kinds[0]
        return path.with_name(f"{path.name}.{kind}")

    path = ask_target(parent, title, proposed, ";;".join(filters), complete)
    if path is not None:
        controller.export_folder = str(path.parent)
    return path


def picture_of(widget: QWidget) -> QImage:
    """Return a widget as a picture with twice its logical pixels in each direction."""
    image = QImage(widget.size() * _SCALE, QImage.Format.Format_ARGB32)
    image.setDevicePixelRatio(_SCALE)
    image.fill(widget.palette().color(widget.backgroundRole()))
    QWidget.render(widget, image)
    return image


def drawn(widget: QWidget, kind: str) -> Callable[[], bytes]:
    """Draw a widget; return what gives the content of its file, empty if nothing was drawn, in any thread.

    Parameters
    ----------
    widget
        What is to be seen.
    kind
        ``png``, ``svg``, otherwise ``pdf``.
    """
    if widget.size().isEmpty():
        return lambda: b""
    if kind == "png":
        # To compress it takes longer than to draw it.
        return partial(_as_png, picture_of(widget))
    content = _as_svg(widget) if kind == "svg" else _as_pdf(widget)
    return lambda: content


def _as_png(picture: QImage) -> bytes:
    buffer = _open_buffer()
    QImageWriter(buffer, b"png").write(picture)
    return bytes(buffer.data().data())


def _as_svg(widget: QWidget) -> bytes:
    buffer, generator = _open_buffer(), QSvgGenerator()
    generator.setOutputDevice(buffer)
    generator.setSize(widget.size())
    generator.setViewBox(widget.rect())
    # Else letters have three quarters of their size.
    generator.setResolution(widget.logicalDpiX())
    generator.setTitle(widget.accessibleName() or widget.objectName())
    return bytes(buffer.data().data()) if _paint(widget, generator, 1.0) else b""


def _as_pdf(widget: QWidget) -> bytes:
    buffer = _open_buffer()
    writer = QPdfWriter(buffer)
    size: QSize = widget.size()
    # A page of the view's own size: one logical pixel is 1/96 inch, 0.75 points.
    page = QPageSize(QSizeF(size.width() * 0.75, size.height() * 0.75), QPageSize.Unit.Point)
    writer.setPageLayout(QPageLayout(page, QPageLayout.Orientation.Portrait, QMarginsF()))
    writer.setResolution(96 * _SCALE)
    return bytes(buffer.data().data()) if _paint(widget, writer, float(_SCALE)) else b""


def _open_buffer() -> QBuffer:
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    return buffer


def _paint(widget: QWidget, device: QSvgGenerator | QPdfWriter, scale: float) -> bool:
    painter = QPainter()
    if not painter.begin(device):
        return False
    painter.scale(scale, scale)
    painter.fillRect(widget.rect(), widget.palette().color(widget.backgroundRole()))
    with _points_as_shapes(widget):
        # A plot's own `render` is another one: that of its scene.
        QWidget.render(widget, painter, QPoint())
    return painter.end()


@contextmanager
def _points_as_shapes(widget: QWidget) -> Iterator[None]:
    """Have points drawn one by one: on screen each is cut out of one picture, which SVG files cannot say."""
    views = [*([widget] if isinstance(widget, QGraphicsView) else []), *widget.findChildren(QGraphicsView)]
    items = [item for view in views if view.scene() is not None for item in view.scene().items()]
    points = [item for item in items if isinstance(item, pg.ScatterPlotItem)]
    for item in points:
        item.setExportMode(True)
    try:
        yield
    finally:
        for item in points:
            item.setExportMode(False)
