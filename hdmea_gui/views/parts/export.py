"""Where a view's data are written, and its picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtGui import QImage
from PySide6.QtWidgets import QWidget

from hdmea_gui.dialogs.files import ask_target
from hdmea_gui.engine.controller import Controller
from hdmea_gui.engine.file_lookup import file_start

__all__ = ["ask_export_path", "picture_of"]

_SCALE = 2
_FILTERS = {
    "csv": "Table (*.csv)",
    "pdf": "Document (*.pdf)",
    "svg": "Drawing (*.svg)",
    "png": "Picture (*.png)",
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
        What may be chosen of ``csv``, ``pdf``, ``svg``, ``png``; the first one is proposed.
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
