"""Help as the user meets it: palette, F1, pages, reports of problems."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QUrl, Signal
from PySide6.QtGui import QGuiApplication, QShortcut
from PySide6.QtWidgets import QDialog, QWidget

from hdmea_gui.diagnostics import uncaught
from hdmea_gui.diagnostics.error_report import error_report, without_home
from hdmea_gui.diagnostics.licences import components
from hdmea_gui.diagnostics.logfile import LogFiles, default_log_folder
from hdmea_gui.diagnostics.versions import release_page
from hdmea_gui.dialogs.host import DialogHost
from hdmea_gui.dialogs.message import MessageDialog
from hdmea_gui.engine.controller import Controller
from hdmea_gui.engine.file_lookup import is_folder
from hdmea_gui.flows.about_dialog import AboutDialog
from hdmea_gui.flows.desktop_services import open_outside
from hdmea_gui.flows.flow import Flow
from hdmea_gui.flows.help_dialog import HelpPage, TopicDialog
from hdmea_gui.flows.palette_dialog import Command, CommandPalette
from hdmea_gui.shell.actions import ActionSet, plain_text
from hdmea_gui.shell.theme import Theme
from hdmea_gui.text.help_topics import HelpTopic, topic_of
from hdmea_gui.text.keyboard import groups

__all__ = ["HelpFlow"]

_UNEXPECTED = "Unexpected error"


class HelpFlow(Flow):
    """Explains, finds commands, and makes reports of problems.

    Parameters
    ----------
    controller, dialogs, window
        As `Flow`.
    logs
        The log files of this program; None if it writes none.

    Signals
    -------
    found(str)
        What was chosen in the palette that is not an action: ``"unit:unit_001"``.
    """

    found = Signal(str)
    _broke = Signal(str, str)

    def __init__(
        self, controller: Controller, dialogs: DialogHost, logs: LogFiles | None, window: QWidget
    ) -> None:
        super().__init__(controller, dialogs, window)
        self._logs = logs
        self._actions: ActionSet | None = None
        self._views: tuple[tuple[str, str], ...] = ()
        self._lines: Callable[[], Sequence[str]] = tuple
        self._finds: Callable[[], Sequence[Command]] = tuple
        self._theme: Theme | None = None
        dialogs.opened.connect(self._on_dialog)
        self._broke.connect(self._show_unexpected)
        self._listener = self._broke.emit
        uncaught.subscribe(self._listener)

    def attach(
        self,
        actions: ActionSet,
        views: Sequence[tuple[str, str]],
        lines: Callable[[], Sequence[str]],
        finds: Callable[[], Sequence[Command]] = tuple,
    ) -> None:
        """Take what is explained and found.

        Parameters
        ----------
        actions, views
            The actions, and titles and texts of the views.
        lines
            Returns the log's last lines.
        finds
            Returns what the palette finds besides actions; `found` gives its name.
        """
        self._actions, self._views, self._lines, self._finds = actions, tuple(views), lines, finds
        self.offer_updates()

    def apply_theme(self, theme: Theme) -> None:
        """Draw what is opened from now on in the colours of a theme."""
        self._theme = theme

    def close(self) -> None:
        """Listen no more for errors that nobody expected."""
        uncaught.forget(self._listener)

    @property
    def log_folder(self) -> Path:
        """Folder of the log files."""
        return default_log_folder() if self._logs is None else self._logs.folder

    # -- help ----------------------------------------------------------------------------------------

    def show_palette(self) -> None:
        """Show all commands, to find one by a few letters."""
        assert self._theme is not None
        palette = CommandPalette((*self._commands(), *self._finds()), self._theme, self._window)
        palette.run_asked.connect(self._run)
        self._dialogs.open(palette)

    def explain_focus(self) -> None:
        """Explain what has the focus; without any help for it, show the page with all commands."""
        self._explain(self._window)

    def show_topic(self, topic: HelpTopic) -> None:
        """Show the help for one thing."""
        dialog = TopicDialog(topic, self._dialogs.current or self._window)
        dialog.page_asked.connect(self.show_page)
        self._dialogs.open(dialog)

    def show_page(self) -> None:
        """Show all commands with their keys, and what the views show."""
        assert self._theme is not None
        actions = self._known_actions
        offered = tuple(spec for spec in actions.specs.values() if actions[spec.id].isVisible())
        found = groups(offered, lambda spec: actions.keys(spec.id))
        parent = self._dialogs.current or self._window
        self._dialogs.open(HelpPage(found, self._views, self._theme, parent))

    def show_about(self) -> None:
        """Show version, libraries and licences."""
        self._dialogs.open(AboutDialog(components, self._window))

    def offer_updates(self) -> None:
        """Offer to look for updates if this copy of the program names a page with its releases."""
        self._known_actions["check_updates"].setVisible(bool(release_page()))

    def check_updates(self) -> None:
        """Open the page with the releases in the browser."""
        page = release_page()
        if open_outside(QUrl(page)):
            self.told.emit(f"Opened in the browser: {page}")
        else:
            self.told.emit(f"No browser could be opened. The releases are at {page}")

    # -- reports -------------------------------------------------------------------------------------

    def report(self, failure: str = "") -> str:
        """Return a report of a problem; `failure` is what failed, with details."""
        crashes = {} if self._logs is None else self._logs.crashes
        return error_report(
            self._controller.state,
            self._controller.steps.items,
            tuple(self._lines()),
            failure=failure,
            crash=next(iter(crashes.values()), None),
        )

    def copy_report(self) -> None:
        """Put a report on the clipboard."""
        self._copy("")

    def open_log_folder(self) -> None:
        """Show the log files in the file manager."""
        folder = self.log_folder
        opened = is_folder(folder) and open_outside(QUrl.fromLocalFile(str(folder)))
        verb = "Log folder" if opened else "The log folder could not be opened. It is"
        self.told.emit(f"{verb}: {folder}")

    def mention_crashes(self) -> None:
        """Say in the log what earlier runs that broke down left behind, and whether there is a log file."""
        if self._logs is None:
            return
        if self._logs.problem:
            self.noted.emit(logging.WARNING, self._logs.problem)
        for path in self._logs.crashes.values():
            text = (
                "The program crashed in an earlier session. What it was doing is recorded in "
                f"{without_home(str(path))}"
            )
            self.noted.emit(logging.WARNING, f"{text}; “Copy error report” in the Help menu includes it.")

    # -- inside --------------------------------------------------------------------------------------

    @property
    def _known_actions(self) -> ActionSet:
        assert self._actions is not None
        return self._actions

    def _commands(self) -> list[Command]:
        actions = self._known_actions
        return [
            Command(
                spec.id,
                f"{plain_text(spec.menu)}: {plain_text(spec.text)}",
                spec.tooltip,
                actions.keys(spec.id),
                actions.refusal(spec.id),
                actions[spec.id].isChecked(),
            )
            for spec in actions.specs.values()
            if spec.id != "palette" and actions[spec.id].isVisible()
        ]

    def _run(self, action_id: str) -> None:
        if action_id in self._known_actions.specs:
            self._known_actions[action_id].trigger()
        else:
            self.found.emit(action_id)

    def _copy(self, failure: str) -> None:
        QGuiApplication.clipboard().setText(self.report(failure))
        self.told.emit("The error report was copied. Paste it into a message.")

    def _explain(self, window: QWidget) -> None:
        topic = topic_of(window.focusWidget())
        if topic is None:
            self.show_page()
        else:
            self.show_topic(topic)

    def _on_dialog(self, dialog: QDialog) -> None:
        if not isinstance(dialog, TopicDialog | HelpPage):
            # The key of the window does not reach its dialogs.
            key = QShortcut(self._known_actions["help_focus"].shortcut(), dialog)
            key.activated.connect(lambda: self._explain(dialog))
        if isinstance(dialog, MessageDialog):
            dialog.report_asked.connect(self._copy)

    def _show_unexpected(self, sentence: str, details: str) -> None:
        """Show it once: what fails at each repaint would bury the window in messages."""
        current = self._dialogs.current
        if isinstance(current, MessageDialog) and current.title == _UNEXPECTED:
            return
        sentences = (
            sentence,
            "The program continues, but your last action may be incomplete. Save your work under a new "
            "name, then restart the program.",
        )
        self._dialogs.open(MessageDialog(_UNEXPECTED, sentences, details=details, parent=self._window))
