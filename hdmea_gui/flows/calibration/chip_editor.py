"""Edits what the sketch of the chip needs beside the calibration: the pitch, and the size of the movie."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QWidget

from hdmea_gui.engine.snapshot import FieldSpec, StepSpec
from hdmea_gui.flows.calibration.pitch_editor import PitchEditor
from hdmea_gui.widgets.label import Label
from hdmea_gui.widgets.number_boxes import WholeNumberBox

__all__ = ["ChipEditor"]

_LARGEST_FRAME = 10_000


class ChipEditor(QWidget):
    """Pitch of the electrodes, and width and height of the movie's frame; `edited` tells of every change.

    Parameters
    ----------
    spec, field
        Step that takes the pitch, and its parameter.
    frame
        Size of the frame to begin with, in pixels.
    parent
        Qt parent.
    """

    edited = Signal()

    def __init__(
        self, spec: StepSpec, field: FieldSpec, frame: tuple[int, int], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.pitch = PitchEditor(spec.model, field.name, self)
        self.pitch.setToolTip(field.help)
        self.pitch.edited.connect(self._on_edited)
        self.problem = Label(self)
        self.problem.setProperty("role", "bad")
        self.problem.setWordWrap(True)
        self.problem.hide()
        self.width_box = self._size_box("Width", frame[0])
        self.height_box = self._size_box("Height", frame[1])
        grid = QGridLayout(self)
        grid.setContentsMargins(10, 0, 10, 0)
        grid.setHorizontalSpacing(8)
        grid.setColumnMinimumWidth(0, 104)
        grid.setColumnStretch(1, 1)
        for row, text, buddy in ((0, f"&{field.title}", self.pitch), (2, "&Movie frame", self.width_box)):
            label = Label(text, self)
            label.setBuddy(buddy)
            label.setToolTip(buddy.toolTip())
            grid.addWidget(label, row, 0)
        grid.addWidget(self.pitch, 0, 1)
        grid.addWidget(self.problem, 1, 0, 1, 2)
        sizes = QHBoxLayout()
        sizes.setSpacing(6)
        sizes.addWidget(self.width_box, 1)
        sizes.addWidget(Label("×", self))
        sizes.addWidget(self.height_box, 1)
        sizes.addWidget(Label("pixels", self))
        grid.addLayout(sizes, 2, 1)

    @property
    def frame(self) -> tuple[int, int]:
        """Width and height of the frame in pixels."""
        return self.width_box.value(), self.height_box.value()

    @property
    def pitch_um(self) -> float | None:
        """Pitch of the electrodes in µm; None if it is not known, or not allowed."""
        try:
            return self.pitch.value()
        except ValueError:
            return None

    @property
    def is_edited(self) -> bool:
        """Whether something was chosen or typed as pitch."""
        return self.has_problem or self.pitch_um is not None

    @property
    def has_problem(self) -> bool:
        """Whether the pitch is not allowed."""
        return bool(self.problem.text())

    def show_frame(self, frame: tuple[int, int]) -> None:
        """Show another size of the frame."""
        self.width_box.setValue(frame[0])
        self.height_box.setValue(frame[1])

    def show_pitch(self, pitch_um: float | None) -> None:
        """Show another pitch."""
        self.pitch.show_value(pitch_um)
        self._on_edited()

    def _size_box(self, name: str, size: int) -> WholeNumberBox:
        box = WholeNumberBox(self)
        box.setRange(1, _LARGEST_FRAME)
        box.setValue(size)
        box.setAccessibleName(f"{name} of the movie frame")
        box.setToolTip("Size of the movie in the sketch; steps do not use it")
        box.valueChanged.connect(self.edited)
        return box

    def _on_edited(self) -> None:
        try:
            self.pitch.value()
        except ValueError as error:
            self.problem.setText(str(error))
        else:
            self.problem.clear()
        self.problem.setVisible(self.has_problem)
        self.edited.emit()
