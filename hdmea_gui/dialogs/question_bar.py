"""A problem or a question inside a dialog: no second window, nothing hidden."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from hdmea_gui.widgets.label import Label

__all__ = ["QuestionBar"]


class QuestionBar(QWidget):
    """Text with answers beside it; hidden while there is nothing to say."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._label = Label(self)
        self._label.setWordWrap(True)
        self._layout.addWidget(self._label, 1)
        self.buttons: list[QPushButton] = []
        self.hide()

    @property
    def text(self) -> str:
        """What is said; empty for nothing."""
        return self._label.text()

    @property
    def asks(self) -> bool:
        """Whether an answer is waited for."""
        return bool(self.buttons)

    def say(self, problem: str) -> None:
        """Show a problem; empty: nothing."""
        self._show(problem, "bad")

    def ask(self, question: str, answers: dict[str, Callable[[], None]]) -> None:
        """Show a question; an answer hides it and then calls what belongs to it. The last is "cancel"."""
        self._show(question, "warning")
        for text, answer in {**answers, "Cancel": lambda: None}.items():
            button = QPushButton(text, self)
            button.setAutoDefault(False)
            button.clicked.connect(lambda _checked=False, answer=answer: self._answer(answer))
            self._layout.addWidget(button)
            self.buttons.append(button)
        self.buttons[-1].setFocus()

    def _answer(self, answer: Callable[[], None]) -> None:
        self.say("")
        answer()

    def _show(self, text: str, role: str) -> None:
        for button in self.buttons:
            button.deleteLater()
        self.buttons = []
        self._label.setProperty("role", role)
        self._label.style().unpolish(self._label)
        self._label.style().polish(self._label)
        self._label.setText(text)
        self.setVisible(bool(text))
