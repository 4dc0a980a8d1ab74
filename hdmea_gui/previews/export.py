"""A view as a file: its picture as PNG, SVG or PDF, its data as CSV."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMarginsF, QPoint, QSize, QSizeF
from PySide6.QtGui import QImage, QPageLayout, QPageSize, QPainter, QPdfWriter
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QFileDialog, QWidget

__all__ = ["ask_export_path", "picture_of", "write_picture"]

_SCALE = 2
_FILTERS = {
    "png": "Picture (*.png)",
    "svg": "Drawing (*.svg)",
    "pdf": "Document (*.pdf)",
    "csv": "Table (*.csv)",
}


def ask_export_path(parent: QWidget, kind: str, name: str) -> Path | None:
    """Return where to write a file of this kind (``png``, ``svg``, ``pdf``, ``csv``); None if cancelled."""
    proposed = str(Path.home() / f"{name}.{kind}")
    chosen, _ = QFileDialog.getSaveFileName(parent, f"Export as {kind.upper()}", proposed, _FILTERS[kind])
    if not chosen:
        return None
    path = Path(chosen)
    return path if path.suffix.lower() == f".{kind}" else path.with_name(f"{path.name}.{kind}")


def picture_of(widget: QWidget) -> QImage:
    """Return a widget as a picture with twice its logical pixels in each direction."""
    image = QImage(widget.size() * _SCALE, QImage.Format.Format_ARGB32)
    image.setDevicePixelRatio(_SCALE)
    image.fill(widget.palette().color(widget.backgroundRole()))
    widget.render(image)
    return image


def write_picture(widget: QWidget, path: Path) -> None:
    """Write a widget as PNG, SVG or PDF, by the suffix of `path`.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    if path.suffix.lower() == ".png":
        written = picture_of(widget).save(str(path))
    elif path.suffix.lower() == ".svg":
        generator = QSvgGenerator()
        generator.setFileName(str(path))
        generator.setSize(widget.size())
        generator.setViewBox(widget.rect())
        generator.setTitle(widget.accessibleName() or widget.objectName())
        written = _paint(widget, generator, 1.0)
    else:
        written = _write_pdf(widget, path)
    if not written:
        raise OSError(f"{path} cannot be written: choose another folder, or close the program that uses it.")


def _write_pdf(widget: QWidget, path: Path) -> bool:
    writer = QPdfWriter(str(path))
    size: QSize = widget.size()
    # A page of the view's own size: one logical pixel is 1/96 inch, 0.75 points.
    page = QPageSize(QSizeF(size.width() * 0.75, size.height() * 0.75), QPageSize.Unit.Point)
    writer.setPageLayout(QPageLayout(page, QPageLayout.Orientation.Portrait, QMarginsF()))
    writer.setResolution(96 * _SCALE)
    return _paint(widget, writer, float(_SCALE))


def _paint(widget: QWidget, device: QSvgGenerator | QPdfWriter, scale: float) -> bool:
    painter = QPainter()
    if not painter.begin(device):
        return False
    painter.scale(scale, scale)
    painter.fillRect(widget.rect(), widget.palette().color(widget.backgroundRole()))
    widget.render(painter, QPoint())
    return painter.end()
