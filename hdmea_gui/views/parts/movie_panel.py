"""A movie frame by frame: picture, slider and play button."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QHBoxLayout, QSlider, QToolButton, QVBoxLayout, QWidget

from hdmea_gui.shell.icons import icon
from hdmea_gui.shell.theme import Theme
from hdmea_gui.views.parts.plot_panel import ImagePanel
from hdmea_gui.widgets.label import Label

__all__ = ["FramePlayer", "MoviePanel"]

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
        self.slider.setToolTip("Frame; arrow keys move one frame forward or back")
        self._label = Label(self)
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
        """Index of the selected frame."""
        return self.slider.value()

    @property
    def playing(self) -> bool:
        """Whether the frames are played."""
        return self._timer.isActive()

    def set_times(self, time_ms: NDArray[np.float64], frame: int) -> None:
        """Set the time of each frame in milliseconds, and the selected frame, without a signal."""
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


class MoviePanel(QWidget):
    """Frames around a centre in a diverging map; `frame_changed` gives the index of the one that is shown.

    Parameters
    ----------
    title, theme, x_label, y_label, parent
        As `ImagePanel`.

    Attributes
    ----------
    panel, player
        The picture, and what chooses its frame.
    """

    frame_changed = Signal(int)

    def __init__(
        self, title: str, theme: Theme, x_label: str, y_label: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.panel = ImagePanel(title, theme, x_label, y_label, self)
        self.player = FramePlayer(theme, self)
        self._theme = theme
        self._frames: NDArray[np.floating] | None = None
        self._levels, self._centre = (0.0, 1.0), 0.5
        self._unit = self._note = ""
        self._origin = (0.0, 0.0)
        self.player.frame_changed.connect(self._on_frame)
        controls = QHBoxLayout()
        controls.setContentsMargins(8, 0, 8, 0)
        controls.addWidget(self.player)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.panel, 1)
        layout.addLayout(controls)

    @property
    def frame(self) -> int:
        """Index of the frame that is shown."""
        return self.player.frame

    def show_movie(
        self,
        frames: NDArray[np.floating],
        time_ms: NDArray[np.float64],
        frame: int,
        *,
        centre: float,
        spread: float,
        unit: str,
        origin: tuple[float, float] = (0.0, 0.0),
        note: str = "",
    ) -> None:
        """Show a movie; one that is played continues at its frame if the new one has as many.

        Parameters
        ----------
        frames
            (frames, rows, columns).
        time_ms
            float64 (frames,).
        frame
            The frame to begin with.
        centre, spread
            Value in the middle of the colour map, and the distance of its ends.
        unit
            Label of the colour bar.
        origin
            Coordinates (column, row) of the first pixel's centre.
        note
            Remark beside the title.
        """
        as_long = self._frames is not None and len(self._frames) == len(frames)
        self._frames = frames
        self._centre = centre
        self._levels = (centre - (spread or 1.0), centre + (spread or 1.0))
        self._unit, self._origin, self._note = unit, origin, note
        self.player.setVisible(True)
        keeps = self.player.playing and as_long
        self.player.set_times(time_ms, self.player.frame if keeps else frame)
        self._on_frame(self.player.frame)

    def show_empty(self, reason: str) -> None:
        """Say why there is nothing to show."""
        self._frames = None
        self.player.setVisible(False)
        self.panel.show_empty(reason)

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        self._theme = theme
        self.panel.apply_theme(theme)
        self.player.apply_theme(theme)
        self._draw()

    def _on_frame(self, frame: int) -> None:
        self._draw()
        self.frame_changed.emit(frame)

    def _draw(self) -> None:
        if self._frames is not None:
            self.panel.show_image(
                self._frames[self.frame],
                self._levels,
                self._theme.diverging,
                self._unit,
                origin=self._origin,
                note=self._note,
                centre=self._centre,
                of=self._frames,
            )
