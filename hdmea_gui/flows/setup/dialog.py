"""Stimulus set-up: blocks on the recorded light, proposed by the engine, named and moved by the user."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QMenu,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from hdmea.stimulus_setup import Block, WrittenSetup, blocks_of_playlist, playlist_note
from hdmea_gui.dialogs import files
from hdmea_gui.dialogs.question_bar import QuestionBar
from hdmea_gui.engine.controller import Controller
from hdmea_gui.engine.jobs import Failure, Job, JobProgress
from hdmea_gui.flows.setup.definition_query import RenewQuery
from hdmea_gui.flows.setup.events import EventsBar
from hdmea_gui.flows.setup.model import SetupModel
from hdmea_gui.flows.setup.plot import SetupPlot
from hdmea_gui.flows.setup.query import (
    CheckQuery,
    LookJob,
    Occupied,
    ProposeJob,
    ReadQuery,
    SetupFound,
    WriteQuery,
)
from hdmea_gui.flows.setup.table import FOUND, BlockTable
from hdmea_gui.shell.theme import Theme
from hdmea_gui.widgets.focused_wheel import ComboBox
from hdmea_gui.widgets.label import Label, RichLabel, plain_tip
from hdmea_gui.widgets.number_boxes import WholeNumberBox

if TYPE_CHECKING:
    from hdmea.stimulus_setup import BlockCheck, RecordedStimulus
    from hdmea.stimulus_setup.log import PlacedLog

__all__ = ["SetupDialog"]

_SIZE = QSize(1180, 660)
_CHECK_MS = 120
_FITS = 0.3
# Kinds of errors of a folder that may not be written to, or has no room.
_DRIVE_ERRORS = {
    "DriveError",
    "FileExistsError",
    "FileNotFoundError",
    "NoAccessError",
    "NotADirectoryError",
    "OSError",
    "PermissionError",
}
_MOST = 2_000_000_000


class SetupDialog(QDialog):
    """Looks at the open recording, and writes what was shown.

    Parameters
    ----------
    controller
        Its engine has started, a recording is open, nothing runs.
    theme
        Colours of the plot.
    job
        What is done first; None if `found` is given.
    found
        What is shown at once.
    parent
        Qt parent.

    Signals
    -------
    told(str)
        What was done, for the status line.
    written(Path)
        The set-up was written: its list of stimuli.
    define_asked(str)
        The user wants to say what the stimulus of this name is.
    """

    told = Signal(str)
    written = Signal(object)
    define_asked = Signal(str)

    def __init__(
        self,
        controller: Controller,
        theme: Theme,
        job: LookJob | None = None,
        found: SetupFound | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Stimulus set-up[*]")
        self._controller = controller
        self._job: LookJob | ProposeJob | None = None
        self._playlist = ""
        self._chosen = {} if job is None else dict(job.chosen)
        self._definitions: dict[str, Mapping[str, Any]] = {}
        self.model = SetupModel(self)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_CHECK_MS)
        self._soon.timeout.connect(self._check)
        self._build(theme)
        self._connect()
        if found is not None:
            self._show_found(found)
        elif job is not None:
            self._run(job)
        self._refresh()

    @property
    def is_busy(self) -> bool:
        """Whether the recording is being looked at."""
        return self._job is not None

    # -- parts ---------------------------------------------------------------------------------------

    def _build(self, theme: Theme) -> None:
        self.plot = SetupPlot(self.model, theme, self)
        self.table = BlockTable(self.model, theme, self)
        self.events_bar = EventsBar(self)
        self.events_bar.hide()
        self.question = QuestionBar(self)
        self.source = Label(self)
        self.source.setProperty("role", "muted")
        self.source.setWordWrap(True)
        self.note = Label(self)
        self.note.setWordWrap(True)
        below = QHBoxLayout()
        below.setSpacing(12)
        below.addWidget(self.table, 3)
        below.addWidget(self._build_editor(), 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 8, 10, 8)
        layout.setSpacing(6)
        layout.addLayout(self._build_tools())
        layout.addWidget(self.source)
        layout.addWidget(self.plot, 3)
        layout.addWidget(self.events_bar)
        layout.addLayout(below, 2)
        layout.addWidget(self.question)
        layout.addLayout(self._build_progress())
        layout.addLayout(self._build_footer())
        self.legend.setText(
            f'<span style="color: {theme.text}">━</span> recorded light &nbsp; '
            f'<span style="color: {theme.bad}">━</span> movie &nbsp; '
            f'<span style="color: {theme.warning}">┃</span> digital event'
        )
        self.resize(_SIZE)

    def _build_tools(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(4)
        self.propose_button = self._tool("Propose", "Compare the recorded light with all movies again")
        self.playlist_button = self._tool("Playlist", "Take the movies of a known playlist")
        self.playlist_menu = QMenu(self.playlist_button)
        self.playlist_button.setMenu(self.playlist_menu)
        self.playlist_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.import_button = self._tool("Import…", "Take what was shown from a list, a table or a log")
        self.events_button = self._tool("Events…", "Make a block at each digital event, without any movie")
        self.events_button.setCheckable(True)
        self.add_button = self._tool("Add", "Add a block at the last click into the plot")
        self.split_button = self._tool("Split", "Split the selected block at the last click or in the middle")
        self.remove_button = self._tool("Remove", "Remove the selected block (Delete)")
        self.undo_button = self._tool("Undo", "Undo the last change")
        self.redo_button = self._tool("Redo", "Redo the last undone change")
        self.whole_button = self._tool("Zoom out", "Show the whole recording; or double-click in the plot")
        groups = (
            (self.propose_button, self.playlist_button, self.import_button, self.events_button),
            (self.add_button, self.split_button, self.remove_button),
            (self.undo_button, self.redo_button),
        )
        for group in groups:
            for button in group:
                row.addWidget(button)
            row.addSpacing(12)
        row.addStretch(1)
        self.legend = RichLabel(self)
        row.addWidget(self.legend)
        row.addSpacing(12)
        row.addWidget(self.whole_button)
        return row

    def _tool(self, text: str, tip: str) -> QToolButton:
        button = QToolButton(self)
        button.setText(text)
        button.setToolTip(tip)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        return button

    def _build_editor(self) -> QWidget:
        editor = QWidget(self)
        editor.setMinimumWidth(380)
        self.heading = Label(editor)
        self.heading.setProperty("role", "heading")
        self.movie = ComboBox(editor)
        self.movie.setEditable(True)
        self.movie.setInsertPolicy(ComboBox.InsertPolicy.NoInsert)
        self.movie.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.movie.setMinimumContentsLength(16)
        self.movie.setToolTip("Movie that was shown, or a name of your own")
        self.movie.setAccessibleName("Movie")
        self.first = WholeNumberBox(editor)
        self.first.setToolTip("Display frame of the first image; arrow keys move it by one")
        self.first.setAccessibleName("First frame")
        self.length = WholeNumberBox(editor)
        self.length.setToolTip("Number of display frames")
        self.length.setAccessibleName("Length")
        for box, low in ((self.first, 0), (self.length, 1)):
            box.setRange(low, _MOST)
        self.whole_movie = QPushButton("As the movie", editor)
        self.whole_movie.setToolTip("Set the length to that of the movie")
        self.follow = QPushButton("Follow the light", editor)
        self.follow.setToolTip("Move the block to where the light fits best")
        for button in (self.whole_movie, self.follow):
            button.setAutoDefault(False)
        self.trials = Label(editor)
        self.define_button = QPushButton("Define…", editor)
        self.define_button.setToolTip("Say in a form what this stimulus is, and how it is cut into trials")
        self.define_button.setAutoDefault(False)
        self.verdict = Label(editor)
        self.verdict.setWordWrap(True)
        self.verdict.setMinimumHeight(3 * self.fontMetrics().lineSpacing())
        self.verdict.setAlignment(Qt.AlignmentFlag.AlignTop)
        lengths = QHBoxLayout()
        lengths.addWidget(self.length, 1)
        lengths.addWidget(self.whole_movie)
        begins = QHBoxLayout()
        begins.addWidget(self.first, 1)
        begins.addWidget(self.follow)
        form = QFormLayout(editor)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(5)
        form.addRow(self.heading)
        form.addRow("&Movie", self.movie)
        form.addRow("First &frame", begins)
        form.addRow("&Length", lengths)
        trials = QHBoxLayout()
        trials.addWidget(self.trials, 1)
        trials.addWidget(self.define_button)
        form.addRow("Trials", trials)
        form.addRow(self.verdict)
        for layout, box in ((begins, self.first), (lengths, self.length)):
            label = form.labelForField(layout)
            assert isinstance(label, QLabel)
            label.setBuddy(box)
        return editor

    def _build_progress(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self.progress = QProgressBar(self)
        self.progress.setRange(0, 1000)
        self.progress.setTextVisible(False)
        self.doing = Label(self)
        self.doing.setProperty("role", "muted")
        self.stop_button = QPushButton("Stop", self)
        self.stop_button.setAutoDefault(False)
        self.stop_button.setToolTip("Stop reading and comparing; what is known stays")
        row.addWidget(self.doing, 1)
        row.addWidget(self.progress, 1)
        row.addWidget(self.stop_button)
        return row

    def _build_footer(self) -> QHBoxLayout:
        self.place = ComboBox(self)
        self.place.addItem("Beside the recording", False)
        self.place.addItem("In the stimulus library", True)
        self.place.setToolTip("Where the list of stimuli is written; every step finds it in both places")
        self.place.setAccessibleName("Save to")
        self.save_button = QPushButton("&Save", self)
        self.save_button.setDefault(True)
        self.close_button = QPushButton("&Close", self)
        self.close_button.setAutoDefault(False)
        caption = Label("Save to", self)
        row = QHBoxLayout()
        row.addWidget(self.note, 1)
        row.addWidget(caption)
        row.addWidget(self.place)
        row.addWidget(self.save_button)
        row.addWidget(self.close_button)
        return row

    def _connect(self) -> None:
        controller, model = self._controller, self.model
        controller.progressed.connect(self._on_progress)
        controller.job_finished.connect(self._on_finished)
        controller.failed.connect(self._on_job_ended)
        controller.stopped.connect(self._on_job_ended)
        model.changed.connect(self._on_changed)
        model.checked.connect(self._show_editor)
        model.selected.connect(self._show_editor)
        model.history.indexChanged.connect(self._on_index)
        self.plot.clicked.connect(model.select_at)
        self.table.zoom_asked.connect(self.plot.show_row)
        self.table.remove_asked.connect(model.remove)
        for button, act in (
            (self.propose_button, self.propose),
            (self.import_button, self.import_list),
            (self.add_button, model.add),
            (self.split_button, model.split),
            (self.remove_button, model.remove),
            (self.undo_button, model.history.undo),
            (self.redo_button, model.history.redo),
            (self.whole_button, self.plot.show_all),
            (self.whole_movie, self._take_length),
            (self.define_button, self.define),
            (self.follow, model.follow_light),
            (self.stop_button, controller.stop),
            (self.save_button, self.save),
            (self.close_button, self.reject),
        ):
            button.clicked.connect(lambda _checked=False, act=act: act())
        self.events_button.toggled.connect(self.events_bar.setVisible)
        self.events_bar.made.connect(self._make_events)
        self.movie.textActivated.connect(model.name)
        line = self.movie.lineEdit()
        assert line is not None
        line.editingFinished.connect(lambda: self._name(line.text()))
        self.first.valueChanged.connect(lambda value: model.place(value, self.length.value()))
        self.length.valueChanged.connect(lambda value: model.place(self.first.value(), value, text="Length"))
        for keys, act in (
            (QKeySequence.StandardKey.Undo, model.history.undo),
            (QKeySequence.StandardKey.Redo, model.history.redo),
            (QKeySequence.StandardKey.Save, self.save),
        ):
            QShortcut(keys, self).activated.connect(act)

    # -- what can be done ----------------------------------------------------------------------------

    def propose(self) -> None:
        """Compare the light with all movies, and take what is found as one change."""
        if self.model.known is not None and not self.is_busy:
            self._run(ProposeJob(self.model.known))

    def import_list(self) -> None:
        """Ask for a list of stimuli or the log of a stimulus program, and take what it says."""
        known = self.model.known
        if known is None:
            return
        path = files.ask_shown(self, str(known.recording.parent))
        if path is not None:
            self._controller.ask(ReadQuery(path, known), partial(self._on_read, path.name))

    def take_playlist(self, name: str) -> None:
        """Take the movies of a known playlist, where the formula of playlists puts them."""
        known = self.model.known
        if known is None:
            return
        playlist = next(found for found in known.playlists if found.name == name)
        unknown = [movie for movie in playlist.movies if known.length_of(movie) is None]
        if unknown:
            self.question.say(f"The length of {', '.join(dict.fromkeys(unknown))} is not known.")
            return
        self._playlist = name
        self.model.set_blocks(blocks_of_playlist(known, playlist), f"Playlist {name}")

    def define(self) -> None:
        """Ask for the form of the selected block's stimulus."""
        block = self.model.block
        if block is not None:
            self.define_asked.emit(block.movie)

    def renew(self, movie: str) -> None:
        """Read a movie and its definition again: they were written."""
        if self.model.known is not None:
            self._controller.ask(RenewQuery(self.model.known, movie, self._chosen), self._on_renewed)

    def save(self, *, overwrite: bool = False, replace_tables: bool = False) -> None:
        """Write the set-up; asks before anything is replaced."""
        known = self.model.known
        if known is None or not self.save_button.isEnabled():
            return
        self._take_typed()
        names = {block.movie for block in self.model.blocks}
        query = WriteQuery(
            known,
            self.model.blocks,
            in_library=bool(self.place.currentData()),
            playlist=self._playlist,
            definitions={name: values for name, values in self._definitions.items() if name in names},
            overwrite=overwrite,
            replace_tables=replace_tables,
        )
        self._controller.ask(query, self._on_written)

    def reject(self) -> None:
        """Close; asks first if changes would be lost."""
        if self.is_busy:
            self._controller.stop()
            self._job = None
        if self.isWindowModified() and not self.question.asks:
            self.question.ask("The set-up is not saved.", {"Close without saving": super().reject})
            return
        super().reject()

    # -- jobs ----------------------------------------------------------------------------------------

    def _run(self, job: LookJob | ProposeJob) -> None:
        self._job = job
        self._controller.submit(job)
        self._refresh()

    def _on_progress(self, progress: JobProgress) -> None:
        if self._job is not None:
            self.progress.setValue(round(1000 * progress.fraction))
            self.doing.setText(progress.text)

    def _on_finished(self, job: Job, result: object) -> None:
        if job is not self._job or not isinstance(result, SetupFound):
            return
        again = isinstance(job, ProposeJob)
        self._job = None
        self._show_found(result, keep=again)

    def _on_job_ended(self, *_: object) -> None:
        if self._job is not None:
            self._job = None
            self._refresh()

    def _show_found(self, found: SetupFound, *, keep: bool = False) -> None:
        known = found.known
        fresh = self.model.known is not known
        self._playlist = found.playlist
        self.source.setText(_source_text(found))
        if fresh:
            movies = [self.movie.itemText(k) for k in range(self.movie.count())]
            if movies != list(known.movies):
                self.movie.clear()
                self.movie.addItems(known.movies)
            self.playlist_menu.clear()
            for playlist in known.playlists:
                action = self.playlist_menu.addAction(playlist.name.replace("&", "&&"))
                action.triggered.connect(partial(self._on_playlist, playlist.name))
            self.events_bar.show_events(known)
            unit = " frames" if known.clock == "display" else " ms"
            self.first.setSuffix("" if known.clock == "display" else " ms")
            self.length.setSuffix(unit)
        self.model.show_found(found, keep=keep)
        if fresh:
            self.plot.show_recording(known)
        self._refresh()

    def _on_playlist(self, name: str, _checked: bool = False) -> None:
        self.take_playlist(name)

    def _on_read(self, name: str, answer: PlacedLog | Failure) -> None:
        if isinstance(answer, Failure):
            self.question.say(answer.reason)
        else:
            self.model.set_blocks(answer.blocks, f"Import {name}")
            self.source.setText(f"{name}: {answer.said}.")

    def _on_renewed(self, answer: RecordedStimulus | Failure) -> None:
        if not isinstance(answer, Failure):
            self.model.take_known(answer)
            for movie in answer.movies:
                if self.movie.findText(movie) < 0:
                    self.movie.addItem(movie)

    def _make_events(self, blocks: tuple[Block, ...], definition: Mapping[str, Any]) -> None:
        self.events_button.setChecked(False)
        name = blocks[0].movie
        kept = tuple(block for block in self.model.blocks if block.movie != name)
        free = tuple(block for block in blocks if not any(block.overlaps(other) for other in kept))
        self._definitions[name] = definition
        self.model.set_blocks((*kept, *free), "Events")
        left_out = len(blocks) - len(free)
        if left_out:
            self.question.say(f"{left_out} of {len(blocks)} events are inside of other blocks and left out.")

    def _on_written(self, answer: WrittenSetup | Occupied | Failure) -> None:
        if isinstance(answer, Failure):
            if self.place.currentData() or answer.kind not in _DRIVE_ERRORS:
                self.question.say(answer.reason)
            else:
                self.question.ask(answer.reason, {"Save in the library": self._save_in_library})
            return
        if isinstance(answer, Occupied):
            self.question.ask(
                f"“{answer.path.name}” already exists in {answer.path.parent}.",
                {"Replace": partial(self.save, overwrite=True)},
            )
            return
        self.model.history.setClean()
        self._refresh()
        self.told.emit(f"Stimulus set-up saved: {answer.written[0]}")
        self.written.emit(answer.written[0])
        if answer.kept:
            names = " and ".join(path.name for path in answer.kept)
            self.question.ask(
                f"Saved. {names} beside it, which older scripts use, says something else.",
                {
                    f"Replace {names}": partial(self.save, overwrite=True, replace_tables=True),
                    "Keep": self.accept,
                },
            )
            return
        self.accept()

    def _save_in_library(self) -> None:
        self.place.setCurrentIndex(self.place.findData(True))
        self.save()

    # -- the selected block --------------------------------------------------------------------------

    def _name(self, movie: str) -> None:
        row = self.model.current
        if row is not None and row.block is not None and movie.strip():
            self.model.name(movie)

    def _take_length(self) -> None:
        block, known = self.model.block, self.model.known
        length = None if block is None or known is None else known.length_of(block.movie)
        if block is not None and length is not None:
            self.model.place(block.content_frame, length, text="Length")

    def _take_typed(self) -> None:
        focus = self.focusWidget()
        if focus is not None and not isinstance(focus, QPushButton):
            focus.clearFocus()

    def _on_index(self, _index: int) -> None:
        self._refresh()

    def _on_changed(self) -> None:
        self._soon.start()
        self._refresh()

    def _check(self) -> None:
        known = self.model.known
        if known is not None and self.model.blocks:
            self._controller.ask(CheckQuery(known, self.model.blocks), self._on_checked)

    def _on_checked(self, answer: tuple[BlockCheck, ...] | Failure) -> None:
        if not isinstance(answer, Failure):
            self.model.take_checks(answer)

    def _show_editor(self) -> None:
        row, known = self.model.current, self.model.known
        block = None if row is None else row.block
        for part in (self.first, self.length):
            part.setEnabled(block is not None)
        self.movie.setEnabled(row is not None)
        self.split_button.setEnabled(block is not None)
        self.remove_button.setEnabled(block is not None)
        check = None if block is None else self.model.check_of(block)
        movie_length = None if block is None or known is None else known.length_of(block.movie)
        self.whole_movie.setEnabled(
            block is not None and movie_length is not None and movie_length != block.length
        )
        self.follow.setEnabled(check is not None and bool(check.best_lag) and check.best_r >= _FITS)
        self.define_button.setEnabled(block is not None and known is not None and known.clock == "display")
        self.trials.setText(_trials(block, known))
        self.heading.setText(_heading(block, row is not None))
        text = "" if block is None else block.movie
        if self.movie.currentText() != text:
            self.movie.setCurrentText(text)
        if row is not None and known is not None:
            for box, value in ((self.first, max(row.first, 0)), (self.length, max(row.stop - row.first, 1))):
                box.blockSignals(True)
                box.setValue(value)
                box.blockSignals(False)
        good, said = _verdict(block, check, known)
        self.verdict.setText(said)
        role = "" if good is None else "good" if good else "warning"
        if self.verdict.property("role") != role:
            self.verdict.setProperty("role", role)
            self.verdict.style().unpolish(self.verdict)
            self.verdict.style().polish(self.verdict)

    def _refresh(self) -> None:
        model, busy = self.model, self.is_busy
        known, history = model.known, model.history
        for part in (self.progress, self.doing, self.stop_button):
            part.setVisible(busy)
        ready = known is not None and not busy
        can_propose = ready and known is not None and not known.problem
        self.propose_button.setEnabled(can_propose)
        if known is not None and known.problem:
            self.propose_button.setToolTip(plain_tip(f"Not available: {known.problem}"))
        self.playlist_button.setEnabled(
            ready and known is not None and bool(known.playlists) and known.clock == "display"
        )
        self.import_button.setEnabled(ready)
        self.events_button.setEnabled(ready and known is not None and bool(known.events.size))
        self.add_button.setEnabled(ready)
        self.undo_button.setEnabled(history.canUndo())
        self.undo_button.setToolTip(f"Undo: {history.undoText()}" if history.canUndo() else "Nothing to undo")
        self.redo_button.setEnabled(history.canRedo())
        self.redo_button.setToolTip(f"Redo: {history.redoText()}" if history.canRedo() else "Nothing to redo")
        self.setWindowModified(not history.isClean())
        self.save_button.setEnabled(ready and bool(model.blocks))
        self.note.setText("" if known is None else playlist_note(model.blocks, known.clock))
        self._show_editor()


def _source_text(found: SetupFound) -> str:
    known = found.known
    what = f"{known.recording.name}: " + (found.source or "nothing is known of what was shown")
    if found.blocks and found.path is None and known.playlists and not (found.playlist or known.problem):
        what += ", which no known playlist gives"
    movies = f"{len(known.courses)} movies compared" if known.courses else "no movie in the library"
    events = f", {known.events.size} digital events" if known.events.size else ""
    broken = [f"{name} ({why})" for name, why in known.unusable.items()]
    return f"{what}. {movies}{events}." + (f" Not usable: {'; '.join(broken)}" if broken else "")


def _heading(block: Block | None, is_row: bool) -> str:
    if block is None:
        return "Unknown stretch: choose the movie" if is_row else "No block selected"
    return f"{block.label}, {FOUND[block.by]}"


def _trials(block: Block | None, known: RecordedStimulus | None) -> str:
    if block is None or known is None:
        return ""
    if known.clock == "time":
        return "the whole block"
    definition = known.definitions.get(block.movie)
    if definition is None:
        return "none: no definition"
    layout = definition.section_kwargs
    return f"{layout.n_trials} of {layout.trial_length_frame / known.frame_rate_hz:.2f} s"


def _verdict(
    block: Block | None, check: BlockCheck | None, known: RecordedStimulus | None
) -> tuple[bool | None, str]:
    """Return whether the light agrees (None: it cannot tell), and what is said of it."""
    if block is None or known is None:
        return None, ""
    if check is None:
        return None, "…"
    if check.state == "checked":
        return True, f"r {check.r:.3f}, lag 0: the light is that of this movie."
    if check.state == "other movie":
        return False, f"The light is that of {' or '.join(check.shows)}."
    if check.state == "elsewhere":
        place = known.time_s(block.content_frame + check.lag)
        return False, f"The light of this movie is at {place:.2f} s (r {check.r:.3f})."
    if math.isfinite(check.best_r) and check.best_r >= _FITS and check.best_lag:
        side = "later" if check.best_lag > 0 else "earlier"
        return False, f"The light fits {abs(check.best_lag)} frames {side} (r {check.best_r:.3f})."
    why = f": {check.reason}" if check.reason else ""
    others = f" It could also be {' or '.join(block.others)}." if block.others else ""
    return None, f"The light cannot tell{why}.{others}"
