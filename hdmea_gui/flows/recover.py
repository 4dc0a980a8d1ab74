"""Automatic checkpoints as the user meets them: in the title, in the log, and after a crash."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QPushButton, QVBoxLayout, QWidget

from hdmea_gui.dialogs.host import DialogHost
from hdmea_gui.engine.auto_checkpoint import Keeper, Kept, NotKept, RecoveryOffer, RecoveryQuery
from hdmea_gui.engine.controller import Controller
from hdmea_gui.engine.jobs import Failure
from hdmea_gui.engine.snapshot import OpenResult
from hdmea_gui.flows.close_guard import CloseGuard
from hdmea_gui.flows.flow import Flow
from hdmea_gui.store.settings import Settings
from hdmea_gui.text.formats import date_text, size_text
from hdmea_gui.text.window_title import CheckpointNote
from hdmea_gui.widgets.focused_wheel import ComboBox
from hdmea_gui.widgets.label import Label

__all__ = ["KeptWork", "RecoveryDialog", "RecoveryFlow", "make_keeper", "recovery_folder"]


def make_keeper(settings: Settings) -> Keeper:
    """Return what writes automatic checkpoints, as the settings say."""
    return Keeper(recovery_folder(settings), settings.recovery_share, settings.auto_checkpoint)


def recovery_folder(settings: Settings) -> Path:
    """Return where automatic checkpoints are."""
    chosen = settings.recovery_folder
    data = Path(platformdirs.user_data_dir("hdmea-studio", appauthor=False))
    return Path(chosen) if chosen else data / "recovery"


class RecoveryFlow(Flow):
    """Tells of automatic checkpoints, and offers what a crash left behind.

    Parameters
    ----------
    controller, dialogs, window
        As `Flow`.
    close_guard
        Asks before another session is dropped.

    Attributes
    ----------
    crashes
        Files with the evidence of crashes, by the process that broke; set before `offer`.

    Signals
    -------
    changed()
        What the title says may have changed.
    """

    changed = Signal()

    def __init__(
        self,
        controller: Controller,
        close_guard: CloseGuard,
        dialogs: DialogHost,
        window: QWidget,
    ) -> None:
        super().__init__(controller, dialogs, window)
        self._close_guard = close_guard
        self.too_large = False
        self.crashes: Mapping[int, Path] = {}
        self._note: CheckpointNote | None = None
        self._reason = ""
        controller.kept.connect(self._on_kept)
        controller.opened.connect(self._on_opened)
        controller.saved.connect(self._on_saved)

    def offer(self) -> None:
        """Look for what a crash left behind, and offer it."""
        if self._controller.keeper is not None:
            self._controller.ask(RecoveryQuery(), self._on_found)

    def set_enabled(self, enabled: bool) -> None:
        """Have checkpoints written after each step, or not."""
        if self._controller.keeper is not None:
            self._controller.keeper.enabled = enabled

    def heed(self, settings: Settings) -> None:
        """Write the next checkpoint as the settings say: whether, where, and how much they may take."""
        keeper = self._controller.keeper
        if keeper is not None:
            keeper.enabled = settings.auto_checkpoint
            keeper.folder = recovery_folder(settings)
            keeper.share = settings.recovery_share

    def latest(self, other: CheckpointNote | None) -> CheckpointNote | None:
        """Return the later one of the automatic checkpoint and another, None without any."""
        notes = [note for note in (other, self._note) if note is not None]
        return max(notes, key=lambda note: note.revision, default=None)

    def _on_opened(self, result: OpenResult) -> None:
        if result.state is not None:
            self._note, self.too_large = None, False
            self.changed.emit()

    def _on_saved(self, _path: Path, kind: str) -> None:
        if kind == "result":
            self._note = None
            self.changed.emit()

    def _on_kept(self, event: Kept | NotKept) -> None:
        if isinstance(event, Kept):
            self.too_large, self._reason = False, ""
            self._note = CheckpointNote(event.revision, event.clock)
        else:
            if not (event.too_large and self.too_large) and event.reason != self._reason:
                self.noted.emit(
                    logging.WARNING, f"No automatic checkpoint: {event.reason}. Save, or write a checkpoint."
                )
            self.too_large, self._reason = event.too_large, event.reason
        self.changed.emit()

    def show(self) -> None:
        """Offer all that is kept, or say that there is nothing."""
        if self._controller.keeper is None:
            self.told.emit("Automatic checkpoints are not available in this window.")
            return
        self._controller.ask(RecoveryQuery(), self._show_all)

    def _show_all(self, offers: tuple[RecoveryOffer, ...] | Failure) -> None:
        if offers == ():
            self.told.emit("There is no unsaved work to recover.")
        self._on_found(offers)

    def _on_found(self, offers: tuple[RecoveryOffer, ...] | Failure) -> None:
        if isinstance(offers, Failure):
            self.noted.emit(
                logging.WARNING, f"Automatic checkpoints could not be searched for: {offers.reason}"
            )
        elif offers:
            titles = {item.spec.name: item.spec.title for item in self._controller.steps.items}
            shown = tuple(
                KeptWork(
                    f"{offer.dataset_id}, {date_text(_written(offer))}",
                    _RESCUED if offer.is_rescued else _CRASHED,
                    _lines(offer, titles, self.crashes.get(offer.pid)),
                )
                for offer in offers
            )
            dialog = RecoveryDialog(shown, self._window)
            dialog.recover_asked.connect(lambda place: self._recover(offers[place]))
            dialog.discard_asked.connect(lambda place: self._controller.discard(offers[place]))
            self._dialogs.open(dialog)

    def _recover(self, offer: RecoveryOffer) -> None:
        question = f"Recover {offer.dataset_id}?"
        self._close_guard.unless_lost(question, lambda: self._controller.recover(offer))


_CRASHED = "The program ended before your work was saved"
_RESCUED = "Results were kept in another place"


def _written(offer: RecoveryOffer) -> str:
    return datetime.datetime.fromtimestamp(offer.written_at, datetime.UTC).isoformat()


def _lines(offer: RecoveryOffer, titles: Mapping[str, str], crash: Path | None) -> tuple[str, ...]:
    written = _written(offer)
    if offer.is_rescued:
        lead = (
            f"Results of {offer.dataset_id} could not be saved where they were asked for, "
            f"{date_text(written)} ({offer.n_units} units, {size_text(offer.size_bytes)}). "
            f"They are kept in {offer.file}."
        )
    else:
        lead = (
            f"There is an automatic checkpoint of {offer.dataset_id}, written {date_text(written)} "
            f"({offer.n_units} units, {size_text(offer.size_bytes)})."
        )
    evidence = f"What the program was doing when it crashed is recorded in {crash}." if crash else ""
    lines = (
        lead,
        f"It contains: {', '.join(titles.get(step, step) for step in offer.steps)}.",
        evidence,
    )
    return tuple(filter(None, lines))


@dataclass(frozen=True)
class KeptWork:
    """Something that can be recovered, as the user reads it.

    Attributes
    ----------
    name
        Recording and time, for the list.
    heading
        What happened.
    lines
        What it contains, one sentence each.
    """

    name: str
    heading: str
    lines: tuple[str, ...]


class RecoveryDialog(QDialog):
    """Offers what is kept, one at a time; closing the dialog means "later".

    Parameters
    ----------
    offers
        What is kept, the newest first; at least one.
    parent
        Qt parent.

    Signals
    -------
    recover_asked(int), discard_asked(int)
        The answer, with the place of the offer; none of them for "later".
    """

    recover_asked = Signal(int)
    discard_asked = Signal(int)

    def __init__(self, offers: Sequence[KeptWork], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Recover unsaved work")
        self.setMinimumWidth(460)
        self._offers = offers
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        self.choice = ComboBox(self)
        self.choice.setAccessibleName("Kept sessions")
        self.choice.setSizeAdjustPolicy(ComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        for place, offer in enumerate(offers):
            self.choice.addItem(offer.name, place)
        self.choice.setVisible(len(offers) > 1)
        self._heading = Label("", self)
        self._heading.setProperty("role", "heading")
        self._text = Label("", self)
        layout.addWidget(self.choice)
        for label in (self._heading, self._text):
            label.setWordWrap(True)
            layout.addWidget(label)
        layout.addStretch(1)
        self.recover_button = QPushButton("&Recover", self)
        self.discard_button = QPushButton("&Discard", self)
        self.later_button = QPushButton("&Later", self)
        box = QDialogButtonBox(self)
        box.addButton(self.discard_button, QDialogButtonBox.ButtonRole.DestructiveRole)
        box.addButton(self.later_button, QDialogButtonBox.ButtonRole.RejectRole)
        box.addButton(self.recover_button, QDialogButtonBox.ButtonRole.AcceptRole)
        self.discard_button.setAutoDefault(False)
        self.discard_button.setToolTip("Delete this checkpoint permanently")
        self.later_button.setToolTip("Ask again at the next start; File → Recover unsaved work… asks at once")
        self.recover_button.setDefault(True)
        self.recover_button.clicked.connect(self._on_recover)
        self.discard_button.clicked.connect(self._on_discard)
        self.later_button.clicked.connect(self.reject)
        layout.addWidget(box)
        self.choice.currentIndexChanged.connect(self._show)
        self._show()

    def _show(self) -> None:
        place = self.choice.currentData()
        if place is None:
            return
        offer = self._offers[place]
        several = f"{self.choice.count()} sessions are kept. " if self.choice.count() > 1 else ""
        self._heading.setText(f"{several}{offer.heading}")
        self._text.setText("\n\n".join(offer.lines))

    def _on_recover(self) -> None:
        self.accept()
        self.recover_asked.emit(self.choice.currentData())

    def _on_discard(self) -> None:
        place = self.choice.currentData()
        if self.choice.count() == 1:
            self.accept()
        else:
            self.choice.removeItem(self.choice.currentIndex())
            self.choice.setVisible(self.choice.count() > 1)
            self._show()
        self.discard_asked.emit(place)
