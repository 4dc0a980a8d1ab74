"""Slider and play button for the frames of a movie."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QToolButton, QWidget

from hdmea_gui.shell.icons import icon
from hdmea_gui.shell.theme import Theme

__all__ = ["FramePlayer"]

_INTERVAL_MS = 80


class FramePlayer(QWidget):
    """Chooses a frame; `frame_changed` gives its index. Plays in a loop until it is stopped or hidden."""

    frame_changed = Signal(int)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._times: NDArray[np.float64] = np.zeros(0)
        self.button = QToolButton(self)
        self.button.setCheckable(True)
        self.button.setAutoRaise(True)
        self.button.setToolTip("Play the frames in a loop")
        self.button.setAccessibleName("Play")
        self.slider = QSlider(Qt.Orientation.Horizontal, self)
        self.slider.setAccessibleName("Frame")
        self.slider.setToolTip("Frame; arrow keys go one frame on or back")
        self._label = QLabel(self)
        self._label.setMinimumWidth(self.fontMetrics().horizontalAdvance("−1000.00 ms"))
        self._label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._timer = QTimer(self)
        self._timer.setInterval(_INTERVAL_MS)
        self._timer.timeout.connect(self._advance)
        self.button.toggled.connect(self._on_toggled)
        self.slider.valueChanged.connect(self._on_frame)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.button)
        layout.addWidget(self.slider, 1)
        layout.addWidget(self._label)
        self.apply_theme(theme)

    @property
    def frame(self) -> int:
        """Index of the chosen frame."""
        return self.slider.value()

    @property
    def playing(self) -> bool:
        """Whether the frames are played."""
        return self._timer.isActive()

    def set_times(self, time_ms: NDArray[np.float64], frame: int) -> None:
        """Set the time of each frame in milliseconds, and the chosen frame, without a signal."""
        self._times = time_ms
        with QSignalBlocker(self.slider):
            self.slider.setRange(0, max(0, time_ms.size - 1))
            self.slider.setValue(frame)
        self._show_time()

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        self._theme = theme
        self.button.setIcon(icon("stop" if self.button.isChecked() else "run", theme))

    def hideEvent(self, event: QHideEvent) -> None:
        """Stop playing what nobody sees."""
        super().hideEvent(event)
        self.button.setChecked(False)

    def _on_toggled(self, playing: bool) -> None:
        if playing:
            self._timer.start()
        else:
            self._timer.stop()
        self.button.setAccessibleName("Stop playing" if playing else "Play")
        self.apply_theme(self._theme)

    def _advance(self) -> None:
        self.slider.setValue((self.slider.value() + 1) % max(1, self._times.size))

    def _on_frame(self, frame: int) -> None:
        self._show_time()
        self.frame_changed.emit(frame)

    def _show_time(self) -> None:
        known = self.frame < self._times.size
        text = f"{self._times[self.frame]:.{self._decimals()}f} ms" if known else ""
        self._label.setText(text.replace("-", "−"))

    def _decimals(self) -> int:
        step = abs(float(self._times[1] - self._times[0])) if self._times.size > 1 else 1.0
        return 0 if step >= 5 else 2
