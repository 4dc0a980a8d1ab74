"""What the recording's page shows before there is anything to draw: how to begin, or what is inside."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from hdmea_gui.engine.snapshot import Card
from hdmea_gui.shell.icons import pixmap
from hdmea_gui.shell.theme import Theme
from hdmea_gui.views.recording.stimulus_query import StimulusLine
from hdmea_gui.widgets.label import Label, plain_tip

__all__ = ["CardPage", "WelcomePage"]

# Widths of values in the card, in logical pixels.
_VALUE, _BESIDE_BUTTON = 300, 220
_MOST_RECENT = 4
_FIRST_STEPS = (
    "Open a recording: the program shows what is inside",
    "Run all steps, or only “Load recording” to look first",
    "Look at the units, and save the result",
)
_LOADED = "Loaded. There are no sorted units to draw here;\n“Stimulus” shows light channels and frames."


class WelcomePage(QWidget):
    """First thing that a user sees: drop files, open, or try the demo."""

    open_asked = Signal()
    demo_asked = Signal()
    recent_asked = Signal(object)
    drug_demo_asked = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._picture = Label(self)
        self._picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        title = Label("Drop a recording here", self)
        title.setProperty("role", "title")
        title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        text = Label(
            "a .cmcr and/or its .cmtr, a folder, a saved .h5 or a checkpoint\n"
            "The other file of a pair is found beside it. Source files are never changed.",
            self,
        )
        text.setProperty("role", "muted")
        text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.open_button = QPushButton("Open…", self)
        self.demo_button = QPushButton("Open demo recording", self)
        self.drug_button = QPushButton("Open demo of a drug", self)
        self._buttons = (self.open_button, self.demo_button, self.drug_button)
        for button in self._buttons:
            # Return presses the button that has the focus, as Space does.
            button.setAutoDefault(True)
        self.open_button.setToolTip("Choose a recording, a saved result or a checkpoint")
        self.demo_button.setToolTip("Create and open a small simulated recording to try everything")
        self.drug_button.setToolTip(
            "Create three simulated recordings of one retina, before, with and after a drug, for the batch"
        )
        self.open_button.clicked.connect(self.open_asked)
        self.demo_button.clicked.connect(self.demo_asked)
        self.drug_button.clicked.connect(self.drug_demo_asked)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        for button in self._buttons:
            buttons.addWidget(button)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setSpacing(12)
        layout.addStretch(1)
        layout.addWidget(self._picture)
        layout.addWidget(title)
        layout.addWidget(text)
        layout.addLayout(buttons)
        layout.addSpacing(8)
        for number, words in enumerate(_FIRST_STEPS, 1):
            line = Label(f"{number}.  {words}", self)
            line.setProperty("role", "muted")
            layout.addWidget(line, 0, Qt.AlignmentFlag.AlignHCenter)
        self._recent = QVBoxLayout()
        self._recent.setSpacing(0)
        layout.addLayout(self._recent)
        layout.addStretch(1)
        self._seen = False
        self._left: QPushButton | None = None
        self.apply_theme(theme)

    def showEvent(self, event: QShowEvent) -> None:
        """Put the focus on the first thing to do, at the start."""
        super().showEvent(event)
        if not self._seen:
            self._seen = True
            self.open_button.setFocus()

    def set_enabled(self, enabled: bool) -> None:
        """Enable or disable the buttons; the one that had the focus gets it back if nothing else took it."""
        for button in self._buttons:
            if button.hasFocus() and not enabled:
                # Else Qt would pass it on to whatever comes next.
                self._left = button
                button.clearFocus()
            button.setEnabled(enabled)
        if enabled and self._left is not None:
            if self.isVisible() and self.window().focusWidget() is None:
                self._left.setFocus()
            self._left = None

    def show_recent(self, paths: Sequence[Path]) -> None:
        """Offer files that were open before; whether they are still there is looked up when one is chosen."""
        while self._recent.count():
            item = self._recent.takeAt(0)
            if item is not None and (widget := item.widget()) is not None:
                widget.deleteLater()
        if paths:
            heading = Label("Recent", self)
            heading.setProperty("role", "heading")
            self._recent.addWidget(heading, 0, Qt.AlignmentFlag.AlignHCenter)
        for path in paths[:_MOST_RECENT]:
            button = QToolButton(self)
            button.setText(f"{path.name}  ({path.parent.name})")
            button.setToolTip(plain_tip(str(path)))
            button.setAutoRaise(True)
            button.clicked.connect(lambda _checked=False, path=path: self.recent_asked.emit(path))
            self._recent.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        self._picture.setPixmap(pixmap("chip", theme.muted, 56, self.devicePixelRatioF()))


class CardPage(QWidget):
    """What is inside the source files, and what to do next."""

    load_asked = Signal()
    run_all_asked = Signal()
    partner_asked = Signal(str)
    choice_asked = Signal(str)
    setup_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._fresh = False
        self._grid: QGridLayout | None = None
        self._first = 0
        self._stimulus: list[QWidget] = []
        self.choose_buttons: dict[str, QPushButton] = {}
        self.setup_buttons: list[QPushButton] = []
        area, inside = QScrollArea(self), QWidget(self)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(inside)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(area)
        self._layout = QVBoxLayout(inside)
        self._layout.addStretch(1)
        self._frame = QFrame(inside)
        self._layout.addWidget(self._frame, 0, Qt.AlignmentFlag.AlignHCenter)
        self._layout.addStretch(1)
        self._loaded_note: Label | None = None
        self.load_button: QPushButton | None = None
        self.run_button: QPushButton | None = None
        self.partner_button: QPushButton | None = None

    def show_card(self, card: Card) -> None:
        """Show the contents of a recording."""
        fresh = QFrame(self)
        fresh.setProperty("role", "card")
        fresh.setMinimumWidth(460)
        fresh.setMaximumWidth(640)
        inside = QVBoxLayout(fresh)
        inside.setContentsMargins(20, 16, 20, 16)
        inside.setSpacing(10)
        title = Label(card.title, fresh)
        title.setProperty("role", "title")
        title.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        inside.addWidget(title)
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        for row, (label, value) in enumerate(card.lines):
            name = Label(label, fresh)
            name.setProperty("role", "muted")
            text = Label(value, fresh)
            text.setWordWrap(True)
            # A centred frame does not ask how high its lines are.
            text.setMinimumWidth(_VALUE)
            text.setMinimumHeight(text.heightForWidth(_VALUE))
            grid.addWidget(name, row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(text, row, 1)
        inside.addLayout(grid)
        self._grid, self._first = grid, len(card.lines)
        self._stimulus = []
        self.choose_buttons, self.setup_buttons = {}, []
        for warning in card.warnings:
            note = Label(f"⚠ {warning}", fresh)
            note.setProperty("role", "warning")
            note.setWordWrap(True)
            inside.addWidget(note)
        self._loaded_note = Label(_LOADED, fresh)
        self._loaded_note.hide()
        inside.addWidget(self._loaded_note)
        inside.addLayout(self._buttons(fresh, card.missing))
        self._layout.replaceWidget(self._frame, fresh)
        self._frame.deleteLater()
        self._frame = fresh
        self._fresh = True
        self._offer_next()

    def show_stimulus(self, lines: Sequence[StimulusLine]) -> None:
        """Show what is known of the stimulus; what is missing can be chosen."""
        grid = self._grid
        if grid is None:
            return
        for widget in self._stimulus:
            grid.removeWidget(widget)
            widget.hide()
            widget.deleteLater()
        self._stimulus = []
        self.choose_buttons, self.setup_buttons = {}, []
        for row, line in enumerate(lines, start=self._first):
            name = Label(line.label, self._frame)
            name.setProperty("role", "muted")
            mark = "" if line.good is None else "✔ " if line.good else "⚠ "
            text = Label(f"{mark}{line.value}", self._frame)
            text.setWordWrap(True)
            if line.good is False:
                text.setProperty("role", "warning")
            grid.addWidget(name, row, 0, Qt.AlignmentFlag.AlignTop)
            # A centred frame does not ask how high its lines are.
            width = _BESIDE_BUTTON if line.choose or line.setup else _VALUE
            text.setMinimumWidth(width)
            text.setMinimumHeight(text.heightForWidth(width))
            grid.addWidget(text, row, 1, Qt.AlignmentFlag.AlignTop)
            self._stimulus += [name, text]
            if line.choose:
                button = self._line_button("Choose…", f"Choose {line.label.lower()}", row, 2 + line.setup)
                button.setToolTip("Choose a file or folder for this recording; the next one does not use it")
                button.clicked.connect(partial(self._on_choose, line.choose))
                self.choose_buttons[line.choose] = button
            if line.setup:
                button = self._line_button("Set up…", f"Set up {line.label.lower()}", row, 2)
                button.setToolTip("Find out from the recorded light what was shown, and say what it was")
                button.clicked.connect(lambda _checked=False: self.setup_asked.emit())
                self.setup_buttons.append(button)

    def _line_button(self, text: str, name: str, row: int, column: int) -> QPushButton:
        assert self._grid is not None
        button = QPushButton(text, self._frame)
        button.setAutoDefault(True)
        button.setAccessibleName(name)
        self._grid.addWidget(button, row, column, Qt.AlignmentFlag.AlignTop)
        self._stimulus.append(button)
        return button

    def _on_choose(self, parameter: str, _checked: bool = False) -> None:
        self.choice_asked.emit(parameter)

    def set_loaded(self, loaded: bool) -> None:
        """Say that what is described here is in memory, though there are no units to draw."""
        if self.load_button is not None and self._loaded_note is not None:
            self.load_button.setVisible(not loaded)
            self._loaded_note.setVisible(loaded)

    def showEvent(self, event: QShowEvent) -> None:
        """Put the focus on what is done next, once for each recording."""
        super().showEvent(event)
        self._offer_next()

    def set_enabled(self, enabled: bool) -> None:
        """Enable or disable the buttons."""
        of_lines = (*self.choose_buttons.values(), *self.setup_buttons)
        for button in (self.load_button, self.run_button, self.partner_button, *of_lines):
            if button is not None:
                button.setEnabled(enabled)

    def _offer_next(self) -> None:
        if self._fresh and self.isVisible() and self.run_button is not None:
            self._fresh = False
            self.run_button.setFocus()

    def _buttons(self, parent: QWidget, missing: str) -> QHBoxLayout:
        self.run_button = QPushButton("Run all steps", parent)
        self.run_button.setDefault(True)
        self.load_button = QPushButton("Only load", parent)
        self.load_button.setAutoDefault(True)
        self.run_button.clicked.connect(self.run_all_asked)
        self.load_button.clicked.connect(self.load_asked)
        self.run_button.setToolTip("Run the steps of the selected flow one after another")
        self.load_button.setToolTip("Run only “Load recording” to look at the recording first")
        row = QHBoxLayout()
        self.partner_button = None
        if missing:
            self.partner_button = QPushButton(f"Choose the {missing} file…", parent)
            self.partner_button.setAutoDefault(True)
            self.partner_button.setToolTip("It was not found beside the other file")
            self.partner_button.clicked.connect(lambda _checked=False: self.partner_asked.emit(missing))
            row.addWidget(self.partner_button)
        row.addStretch(1)
        row.addWidget(self.load_button)
        row.addWidget(self.run_button)
        return row
