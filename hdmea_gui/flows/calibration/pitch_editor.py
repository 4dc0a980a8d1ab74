"""Edits the pitch of the electrodes: one of the chips that are sold, another, or not known."""

from __future__ import annotations

import pydantic
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QWidget

__all__ = ["PitchEditor"]

_KNOWN = (16.0, 32.0)
_UNKNOWN = "not known"


class PitchEditor(QComboBox):
    """A list that can be typed into.

    Parameters
    ----------
    model
        Declaration of the step that takes the pitch; checks it.
    name
        Its parameter there.
    parent
        Qt parent.

    Signals
    -------
    edited()
        The user chose or typed something.
    """

    edited = Signal()

    def __init__(self, model: type[pydantic.BaseModel], name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._name = name
        self.setEditable(True)
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.addItems([_UNKNOWN, *map(_text, _KNOWN)])
        self.editTextChanged.connect(lambda _text: self.edited.emit())

    def value(self) -> float | None:
        """Return the pitch in µm, None if it is not known; ValueError if it is not allowed."""
        text = self.currentText().strip()
        if text in {"", _UNKNOWN}:
            return None
        number = text.removesuffix("µm").removesuffix("um").strip()
        try:
            return float(getattr(self._model.model_validate({self._name: number}), self._name))
        except pydantic.ValidationError as error:
            raise ValueError(
                "Enter the distance between neighbouring electrodes in µm, greater than 0."
            ) from error

    def show_value(self, pitch_um: float | None) -> None:
        """Show a pitch without telling that it was edited."""
        self.blockSignals(True)
        self.setEditText(_UNKNOWN if pitch_um is None else _text(pitch_um))
        self.blockSignals(False)


def _text(pitch_um: float) -> str:
    return f"{pitch_um:g} µm"
