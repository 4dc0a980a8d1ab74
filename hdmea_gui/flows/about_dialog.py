"""What this program is: version, libraries, and the licences of what is shipped with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QListWidget,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from hdmea._version import __version__
from hdmea_gui.diagnostics.licences import Component
from hdmea_gui.diagnostics.versions import version_lines
from hdmea_gui.engine.file_lookup import Lookup
from hdmea_gui.shell.icons import application_icon
from hdmea_gui.widgets.label import Label

__all__ = ["AboutDialog"]


class AboutDialog(QDialog):
    """Version at the top, what is shipped below, with the licence of the selected part beside it.

    Parameters
    ----------
    read
        Returns everything that is shipped, in the order to show; called beside the GUI thread.
    parent
        Qt parent.
    """

    def __init__(self, read: Callable[[], Sequence[Component]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("About HD-MEA Studio")
        self.resize(720, 520)
        self._shipped: tuple[Component, ...] = ()
        self._lookup = Lookup(self)
        self._lookup.answered.connect(self._on_read)
        self.list = QListWidget(self)
        self.list.setAccessibleName("Libraries")
        self.list.setToolTip("Libraries that this program uses, with version and licence")
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setSpacing(2)
        self.text = QPlainTextEdit(self)
        self.text.setReadOnly(True)
        self.text.setTabChangesFocus(True)
        self.text.setAccessibleName("Licence")
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        lists = QHBoxLayout()
        lists.addWidget(self.list, 2)
        lists.addWidget(self.text, 3)
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        copy = QPushButton("Copy versions", self)
        copy.setToolTip("Copy the versions of the program, the system and all libraries")
        copy.setAutoDefault(False)
        copy.clicked.connect(self.copy)
        box.addButton(copy, QDialogButtonBox.ButtonRole.ActionRole)
        box.rejected.connect(self.reject)
        heading = Label("Libraries and licences", self)
        heading.setProperty("role", "heading")
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        layout.addLayout(self._top())
        layout.addWidget(heading)
        layout.addLayout(lists, 1)
        layout.addWidget(box)
        self.list.currentRowChanged.connect(self._show_licence)
        self.text.setPlainText("Reading the list of libraries…")
        self.list.setFocus()
        self._lookup.ask(lambda: tuple(read()))

    @property
    def is_reading(self) -> bool:
        """Whether the list is still being read."""
        return self._lookup.is_waiting

    def copy(self) -> None:
        """Put versions and licences on the clipboard."""
        parts = [f"{part.name} {part.version} ({part.licence})" for part in self._shipped]
        QGuiApplication.clipboard().setText("\n".join([*version_lines(), "", *parts]))

    def _top(self) -> QHBoxLayout:
        picture = Label(self)
        picture.setPixmap(application_icon().pixmap(72, 72))
        title = Label("HD-MEA Studio", self)
        title.setProperty("role", "title")
        about = Label(
            f"Version {__version__}  ·  MIT licence\n"
            f"From CMOS-MEA5000 recordings of the retina to results that can be published.",
            self,
        )
        system = Label("\n".join(version_lines()[1:3]), self)
        system.setProperty("role", "muted")
        words = QVBoxLayout()
        words.setSpacing(4)
        for label in (title, about, system):
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            words.addWidget(label)
        top = QHBoxLayout()
        top.setSpacing(16)
        top.addWidget(picture, 0, Qt.AlignmentFlag.AlignTop)
        top.addLayout(words, 1)
        return top

    def _on_read(self, found: object) -> None:
        if not isinstance(found, tuple):
            self.text.setPlainText(f"The list of libraries could not be read.\n\n{found}")
            return
        self._shipped = found
        for part in self._shipped:
            self.list.addItem("  ·  ".join((f"{part.name} {part.version}".strip(), part.licence)))
        self.list.setCurrentRow(0)

    def _show_licence(self, row: int) -> None:
        if 0 <= row < len(self._shipped):
            part = self._shipped[row]
            heading = f"{part.name} {part.version}\n{part.licence}"
            self.text.setPlainText("\n\n".join(filter(None, (heading, part.note, _text_of(part)))))


def _text_of(part: Component) -> str:
    try:
        return part.text()
    except OSError as error:
        where = ", ".join(map(str, part.texts))
        return f"The text of the licence could not be read ({error.strerror or error}): {where}"
