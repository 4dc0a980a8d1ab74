"""What is seen while files are held over the window: that they can be dropped, or why not now."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QDragEnterEvent
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from hdmea_gui.widgets.label import Label

__all__ = ["DropSign"]


class DropSign(QFrame):
    """Covers a window while files are dragged over it; what is dropped reaches the window itself.

    Parameters
    ----------
    window
        Takes the drop.
    refusal
        Returns why nothing can be opened now, None if something can.
    """

    def __init__(self, window: QWidget, refusal: Callable[[], str | None]) -> None:
        super().__init__(window)
        self._window = window
        self._refusal = refusal
        self._title = Label(self)
        self._title.setProperty("role", "title")
        self._note = Label(self)
        self._note.setProperty("role", "muted")
        self.setProperty("role", "drop")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        layout = QVBoxLayout(self)
        layout.addStretch(1)
        for label in (self._title, self._note):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            layout.addWidget(label)
        layout.addStretch(1)
        self.hide()
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Come and go with what is dragged over the window."""
        if event.type() == QEvent.Type.DragEnter and isinstance(event, QDragEnterEvent):
            urls = event.mimeData().urls()
            if urls:
                self._show([url.fileName() or url.path() for url in urls])
        elif event.type() in {QEvent.Type.DragLeave, QEvent.Type.Drop, QEvent.Type.Hide}:
            self.hide()
        return super().eventFilter(watched, event)

    def _show(self, names: list[str]) -> None:
        refusal = self._refusal()
        self._title.setText("Drop to open" if refusal is None else "Not now")
        more = f" and {len(names) - 2} more" if len(names) > 2 else ""
        self._note.setText(", ".join(names[:2]) + more if refusal is None else f"{refusal.capitalize()}.")
        self.setGeometry(self._window.rect())
        self.raise_()
        self.show()
