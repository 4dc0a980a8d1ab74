"""Labels and tooltips that show a text as it is.

Qt guesses whether a text is HTML. A channel called `<img src=…>` would then be opened when its name is shown:
a file on a share of someone else's would be asked for with the user's account, and a named pipe would hang
the window. Texts from files are therefore never left to that guess.
"""

from __future__ import annotations

import html

from PySide6.QtGui import Qt
from PySide6.QtWidgets import QLabel, QWidget

__all__ = ["Label", "RichLabel", "plain_tip"]


class Label(QLabel):
    """A label that shows its text as it is.

    Parameters
    ----------
    text
        What it shows; may be left out, as with `QLabel`.
    parent
        Qt parent.
    """

    _format = Qt.TextFormat.PlainText

    def __init__(self, text: str | QWidget | None = None, parent: QWidget | None = None) -> None:
        given = text if isinstance(text, str) else ""
        super().__init__(parent if isinstance(text, str) or text is None else text)
        # Before the text: Qt would look into it otherwise.
        self.setTextFormat(self._format)
        self.setText(given)

    def setToolTip(self, text: str) -> None:
        """Set a tooltip that is shown as it is."""
        super().setToolTip(plain_tip(text))


class RichLabel(Label):
    """A label for HTML that the program makes; everything else in it is escaped by whoever sets its text."""

    _format = Qt.TextFormat.RichText


def plain_tip(text: str) -> str:
    """Return what a tooltip has to be set to so that this text is shown as it is."""
    if not Qt.mightBeRichText(text):
        return text
    return f'<p style="white-space: pre-wrap">{html.escape(text)}</p>'
