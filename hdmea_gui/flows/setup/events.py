"""Blocks around digital events: spikes around something that no movie describes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QWidget

from hdmea.stimuli.playlist import movie_name_of
from hdmea.stimulus_setup import Block
from hdmea_gui.widgets.focused_wheel import ComboBox
from hdmea_gui.widgets.label import Label
from hdmea_gui.widgets.number_boxes import NumberBox

if TYPE_CHECKING:
    from hdmea.stimulus_setup import RecordedStimulus

__all__ = ["EventsBar"]

_ALL = "all events"


class EventsBar(QWidget):
    """Asks which events, and how long before and after them.

    Signals
    -------
    made(tuple, dict)
        Blocks around the events, and the definition of their trials.
    """

    made = Signal(object, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._known: RecordedStimulus | None = None
        self.kinds = ComboBox(self)
        self.kinds.setToolTip("Which digital events")
        self.kinds.setAccessibleName("Events")
        self.name = QLineEdit("events", self)
        self.name.setToolTip("Name under which the trials are found")
        self.name.setAccessibleName("Name of the trials")
        self.name.setMaximumWidth(160)
        self.before = NumberBox(2, self)
        self.after = NumberBox(2, self)
        for box, value, tip in (
            (self.before, 0.5, "Seconds of a trial before its event"),
            (self.after, 2.0, "Seconds of a trial after its event"),
        ):
            box.setRange(0.0, 3600.0)
            box.setValue(value)
            box.setSuffix(" s")
            box.setToolTip(tip)
            box.setAccessibleName(tip)
        self.button = QPushButton("Make blocks", self)
        self.button.setAutoDefault(False)
        self.button.setToolTip("Make one block, with one trial, around each event")
        self.button.clicked.connect(lambda _checked=False: self._make())
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for text, part in (
            ("Trials around", self.kinds),
            ("named", self.name),
            ("from", self.before),
            ("before to", self.after),
            ("after", self.button),
        ):
            row.addWidget(Label(text, self))
            row.addWidget(part)
        row.addStretch(1)

    def show_events(self, known: RecordedStimulus) -> None:
        """Offer the kinds of events that there are."""
        self._known = known
        self.kinds.clear()
        labels = dict.fromkeys(known.event_labels)
        for label in ([_ALL] if len(labels) != 1 else []) + list(labels):
            count = known.event_labels.count(label) if label in labels else len(known.event_labels)
            self.kinds.addItem(f"{label} ({count})", label)

    def _make(self) -> None:
        known = self._known
        name = movie_name_of(self.name.text())
        if known is None or not name:
            return
        before, after = (round(box.value() / known.light.interval_s) for box in (self.before, self.after))
        kind = self.kinds.currentData()
        wanted = np.array([kind in (_ALL, label) for label in known.event_labels], bool)
        length = max(before + after, 1)
        blocks = tuple(
            Block(name, max(int(frame) - before, 0), length, "events") for frame in known.events[wanted]
        )
        apart = tuple(
            block
            for number, block in enumerate(blocks)
            if number == 0 or block.content_frame >= blocks[number - 1].end_frame
        )
        if apart:
            self.made.emit(apart, _definition(name, before, length))


def _definition(name: str, before: int, length: int) -> Mapping[str, Any]:
    trials = {"start_frame": 0, "trial_length_frame": length, "repeat": 1}
    definition: dict[str, Any] = {"name": name, "kind": "events", "section_kwargs": trials}
    if before:
        definition["baseline_frames"] = [0, before]
    if before < length:
        definition["events"] = [{"type": "event", "start_frame": before, "end_frame": length}]
    return definition
