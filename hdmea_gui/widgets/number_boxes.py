"""Boxes for numbers that read point and comma alike, in every language of the system."""

from __future__ import annotations

from PySide6.QtGui import QValidator
from PySide6.QtWidgets import QDoubleSpinBox, QSpinBox, QWidget

from hdmea.utils.validation import parse_number
from hdmea_gui.widgets.focused_wheel import FocusedWheel

__all__ = ["NumberBox", "WholeNumberBox", "decimals_of"]

_MOST_DECIMALS = 6
_Verdict = tuple[QValidator.State, str, int]


def decimals_of(number: float) -> int:
    """Return with how many decimals a number is written, at most six."""
    return len(f"{number:.{_MOST_DECIMALS}f}".rstrip("0").partition(".")[2])


class WholeNumberBox(FocusedWheel, QSpinBox):
    """A whole number. Text that is not one is refused when the box is left, and the number stays."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setKeyboardTracking(False)
        self.leave_wheel()

    def fixup(self, text: str) -> str:
        """Leave a text as it is: Qt would remove the marks between thousands of the system's language."""
        return text

    def textFromValue(self, value: int) -> str:
        """Write a number without separators."""
        return str(value)

    def valueFromText(self, text: str) -> int:
        """Read a number."""
        return int(_read(self, text) or 0)

    def validate(self, text: str, place: int) -> _Verdict:
        """Say whether a text is a number within the limits; any other may still become one."""
        number = _read(self, text)
        fits = number is not None and number == round(number) and self.minimum() <= number <= self.maximum()
        return _verdict(fits), text, place


class NumberBox(FocusedWheel, QDoubleSpinBox):
    """A number with decimals. Text that is not one is refused when the box is left, and the number stays.

    Parameters
    ----------
    decimals
        How many are shown at least; those that were typed are kept.
    parent
        Qt parent.
    """

    def __init__(self, decimals: int = 0, parent: QWidget | None = None) -> None:
        self._shown = decimals
        super().__init__(parent)
        self.setDecimals(max(decimals, _MOST_DECIMALS))
        self.setKeyboardTracking(False)
        self.leave_wheel()

    def fixup(self, text: str) -> str:
        """Leave a text as it is: Qt would remove the marks between thousands of the system's language."""
        return text

    def textFromValue(self, value: float) -> str:
        """Write a number with a decimal point, without separators."""
        return f"{value:.{max(self._shown, decimals_of(value))}f}"

    def valueFromText(self, text: str) -> float:
        """Read a number."""
        return _read(self, text) or 0.0

    def validate(self, text: str, place: int) -> _Verdict:
        """Say whether a text is a number within the limits; any other may still become one."""
        number = _read(self, text)
        # What the box cannot hold would become another number.
        fits = number is not None and round(number, self.decimals()) == number
        return _verdict(fits and self.minimum() <= (number or 0.0) <= self.maximum()), text, place


def _read(box: QSpinBox | QDoubleSpinBox, text: str) -> float | None:
    """Return the number in the text of a box, None if there is none."""
    typed = text.removeprefix(box.prefix()).removesuffix(box.suffix()).removesuffix(box.suffix().strip())
    try:
        return parse_number(typed)
    except ValueError:
        return None


def _verdict(fits: bool) -> QValidator.State:
    # Never "invalid": Qt would drop the letter just typed, and what is left would be another number.
    return QValidator.State.Acceptable if fits else QValidator.State.Intermediate
