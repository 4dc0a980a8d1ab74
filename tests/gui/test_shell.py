"""Start, settings, themes, actions and texts."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtGui import QColor, QIcon, QKeySequence, QPalette
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog, QLineEdit, QToolButton

from hdmea.utils.resources import resource_path
from hdmea_gui.engine.controller import Controller
from hdmea_gui.engine.snapshot import StateView
from hdmea_gui.shell.actions import ACTIONS, ActionSet, ActionSpec
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.shell.own_file_dialog import finish_file_dialog
from hdmea_gui.shell.theme import DARK, LIGHT, Theme, contrast, stylesheet
from hdmea_gui.store.settings import Settings, SettingsStore
from hdmea_gui.text.window_title import CheckpointNote, window_title

HEAVY = (
    *("scipy", "numba", "matplotlib", "pandas", "pyarrow", "pynwb", "h5py", "distributed", "asyncio"),
    *(f"hdmea.{part}" for part in ("pipeline", "analysis", "features", "stimulus", "simulate", "cli")),
    *("pyqtgraph.opengl", "pyqtgraph.exporters", "pyqtgraph.flowchart", "multiprocessing.pool"),
)


def test_nothing_heavy_is_imported_on_the_way_to_the_window(tmp_path: Path) -> None:
    program = (
        "import os, sys; os.environ['QT_QPA_PLATFORM'] = 'offscreen'\n"
        "import hdmea_gui.shell.app as app\n"
        "before = set(sys.modules)\n"
        "assert 'PySide6' not in before and 'numpy' not in before\n"
        "from hdmea_gui.shell.application import make_application\n"
        "application = make_application()\n"
        f"window = app.make_window(app._parse(['--settings', {str(tmp_path / 's.json')!r}]))\n"
        "window.show()\n"
        "application.processEvents()\n"
        "assert window.isVisible()\n"
        "views = [name for name in sys.modules if name == 'hdmea_gui.views.recording.view']\n"
        f"print(views, [name for name in {HEAVY!r} if name in sys.modules])\n"
        "window.close_without_question()"
    )

    own = {name: str(tmp_path) for name in ("XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")}

    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **own},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip().splitlines()[-1] == "['hdmea_gui.views.recording.view'] []"


class _WithoutTypes(ast.NodeTransformer):
    def visit_If(self, node: ast.If) -> ast.AST | None:
        """Drop what only type checkers read."""
        return None if "TYPE_CHECKING" in ast.dump(node.test) else node


def _without_types(tree: ast.Module) -> ast.AST:
    return _WithoutTypes().visit(tree)


def test_only_queries_and_the_meeting_point_call_the_engine() -> None:
    import hdmea_gui

    package = Path(hdmea_gui.__file__).parent
    # What knows nothing of sessions and files of results.
    allowed = ("hdmea.utils.", "hdmea._version", "hdmea.declare.registry")
    # Blocks and forms of a set-up, what follows from them alone, and the thread that compiles ahead.
    values = {
        "hdmea.features.science.compiled": {"compiling_ahead"},
        "hdmea.stimulus_setup": {
            "Block",
            "WrittenSetup",
            "blocks_of_playlist",
            "numbered",
            "playlist_note",
            "trial_frames",
        },
        "hdmea.stimulus_setup.forms": {"FORMS", "StimulusForm"},
        "hdmea.stimuli.playlist": {"movie_name_of"},
    }
    found = []
    for path in package.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        # A query runs on the worker; what it imports stands in its functions.
        has_query = path.stem.endswith("query") or "def answer(self, workspace" in text
        if path.parent.name == "engine" or has_query:
            continue
        for node in ast.walk(_without_types(ast.parse(text))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if names and {alias.name for alias in node.names} <= values.get(names[0], set()):
                continue
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            engine = [name for name in names if name.split(".")[0] == "hdmea"]
            found += [f"{path.name}: {name}" for name in engine if not name.startswith(allowed)]
    assert not found


# -- themes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
@pytest.mark.parametrize("text", ["text", "muted", "good", "warning", "bad"])
@pytest.mark.parametrize("background", ["window", "base", "raised"])
def test_text_stands_out(theme: Theme, text: str, background: str) -> None:
    assert contrast(getattr(theme, text), getattr(theme, background)) >= 4.5


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
def test_text_on_the_selection_stands_out(theme: Theme) -> None:
    assert contrast(theme.on_accent, theme.accent) >= 4.5


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("name", ["light", "dark"])
def test_a_theme_reaches_plots_and_is_remembered(qtbot: Any, window: MainWindow, name: str) -> None:
    window.actions_[f"theme_{name}"].trigger()

    theme = {"light": LIGHT, "dark": DARK}[name]
    background = window.recording.graphics.backgroundBrush
    qtbot.waitUntil(lambda: background().color().name() == theme.base, timeout=20_000)
    assert window.palette().window().color().name() == theme.window
    assert window.settings.values.theme == name
    themes = ("light", "dark", "system")
    assert [other for other in themes if window.actions_[f"theme_{other}"].isChecked()] == [name]
    window.actions_[f"theme_{name}"].trigger()
    assert window.actions_[f"theme_{name}"].isChecked(), "one of them is always on"


def test_the_log_is_seen_when_it_is_shown_after_a_restart_that_hid_it(
    qtbot: Any, window: MainWindow, settings: SettingsStore
) -> None:
    window.resize(1280, 720)
    assert window.log.isHidden()
    window.frame.remember(settings.values)
    window.frame.restore(settings.values)

    window.actions_["log"].trigger()

    qtbot.waitUntil(
        lambda: window.log.height() > 60 and not window.log.visibleRegion().isEmpty(), timeout=20_000
    )


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_the_arrows_of_qt_s_own_file_dialog_are_seen_in_both_themes(
    qtbot: Any, theme: Theme, tmp_path: Path
) -> None:
    dialog = QFileDialog(None, "Open", str(tmp_path))
    qtbot.addWidget(dialog)
    dialog.setOption(QFileDialog.Option.DontUseNativeDialog)
    palette = dialog.palette()
    palette.setColor(QPalette.ColorRole.ButtonText, QColor(theme.text))
    dialog.setPalette(palette)
    dialog.show()

    finish_file_dialog(None, dialog.findChild(QLineEdit, "fileNameEdit"))

    for name in ("backButton", "forwardButton", "toParentButton"):
        button = dialog.findChild(QToolButton, name)
        assert isinstance(button, QToolButton)
        picture = button.icon().pixmap(16, 16, QIcon.Mode.Normal).toImage()
        points = [picture.pixelColor(x, y) for x in range(picture.width()) for y in range(picture.height())]
        assert {point.name() for point in points if point.alpha() == 255} == {theme.text}


# -- settings ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    ["", "{", "[1, 2]", "null", '{"theme": "pink", "recent": 7}', "\x00\xff", '{"geometry": "%%%"}'],
)
def test_broken_settings_never_stop_the_start(
    qtbot: Any, no_leaks: None, tmp_path: Path, content: str
) -> None:
    path = tmp_path / "settings.json"
    path.write_text(content, encoding="latin-1")

    window = MainWindow(Controller(), SettingsStore(path))
    window.show()

    assert window.isVisible()
    window.close_without_question()
    assert isinstance(json.loads(path.read_text(encoding="utf-8")), dict)


def test_bad_settings_are_dropped_and_the_others_kept(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"theme": "pink", "open_folder": "/data", "unknown": 1}))

    store = SettingsStore(path)

    assert store.values.theme == Settings().theme
    assert store.values.open_folder == "/data"
    assert "theme" in store.problems[0]


def test_settings_survive_a_restart(tmp_path: Path) -> None:
    store = SettingsStore(tmp_path / "folder" / "settings.json")
    store.values.log_visible = True
    store.note_recent(Path("/data/a.cmcr"))
    store.note_recent(Path("/data/b.cmcr"))
    store.note_recent(Path("/data/a.cmcr"))
    store.write()

    again = SettingsStore(store.path).values
    assert again.log_visible is True
    assert again.recent == [str(Path("/data/a.cmcr")), str(Path("/data/b.cmcr"))]


def test_a_settings_folder_that_cannot_be_written_is_only_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("x")

    SettingsStore(blocked / "settings.json").write()

    assert "could not be written" in caplog.text


# -- actions -----------------------------------------------------------------------------------------


def test_every_action_is_possible_or_says_why_not(window: MainWindow) -> None:
    for action_id in window.actions_:
        action = window.actions_[action_id]
        shown = action.isVisible()
        assert not shown or action.isEnabled() or window.actions_.refusal(action_id), action_id
        assert action.toolTip(), action_id


class _Recorder(QObject):
    """Has every method, in itself and in its parts, and remembers which one was called."""

    def __init__(self, called: list[str], path: str = "") -> None:
        super().__init__()
        self._called, self._path = called, path

    def __getattr__(self, name: str) -> Any:
        return _Recorder(self._called, f"{self._path}.{name}".strip("."))

    def __call__(self) -> None:
        self._called.append(self._path)


def test_each_action_triggers_its_handler(qapp: QApplication) -> None:
    called: list[str] = []
    recorder = _Recorder(called)
    actions = ActionSet(recorder)

    for spec in ACTIONS:
        actions[spec.id].trigger()

    assert called == [spec.handler for spec in ACTIONS]


def test_shortcuts_are_valid_and_used_once() -> None:
    shortcuts = [spec.key for spec in ACTIONS if spec.key]

    assert len(shortcuts) == len(set(shortcuts))
    assert all(not QKeySequence(keys).isEmpty() for keys in shortcuts)


def test_each_icon_is_there() -> None:
    from hdmea_gui.models.steps import StepState

    names = {spec.icon for spec in ACTIONS if spec.icon} | {f"state_{s.name.lower()}" for s in StepState}
    assert not [name for name in names if not resource_path("icons", f"{name}.svg").is_file()]


def test_a_wrong_handler_is_answered_with_the_nearest(window: MainWindow) -> None:
    with pytest.raises(AttributeError, match="did you mean 'run_all'"):
        ActionSet(window, (ActionSpec("x", "X", "controller.run_al", "x"),))


# -- title -------------------------------------------------------------------------------------------

_DATA: dict[str, Any] = {"dataset_id": "Rec", "unit_ids": ("unit_001",), "revision": 3}


@pytest.mark.parametrize(
    ("state", "note", "expected"),
    [
        (StateView(), None, "HD-MEA Studio"),
        (StateView(dataset_id="Rec"), None, "Rec, not loaded yet"),
        (StateView(**_DATA, unsaved=True), None, "Rec ● in memory, not saved"),
        (StateView(**_DATA, unsaved=True), CheckpointNote(3, "11:42"), "Rec ● in memory, checkpointed 11:42"),
        (StateView(**_DATA, unsaved=True), CheckpointNote(2, "11:42"), "checkpoint of 11:42 is older"),
        (StateView(**_DATA, saved_path=Path("a.h5")), None, "Rec, saved"),
        (StateView(**_DATA, saved_path=Path("a.h5"), unsaved=True), None, "Rec ● changed since it was saved"),
    ],
)
def test_the_title_says_where_the_data_are(
    state: StateView, note: CheckpointNote | None, expected: str
) -> None:
    assert expected in window_title(state, note)


def test_a_long_text_in_the_status_line_does_not_widen_the_window(window: MainWindow) -> None:
    width = window.minimumSizeHint().width()

    window.status.say("a very long sentence " * 40)

    assert window.minimumSizeHint().width() == width


def test_colours_that_are_there_already_are_not_drawn_again(window: MainWindow) -> None:
    window.use_theme("dark", at_once=True)

    window.use_theme("dark")
    assert window.updatesEnabled()

    window.use_theme("light")
    assert not window.updatesEnabled()
    window.use_theme("light", at_once=True)
    assert window.updatesEnabled()


def test_the_colours_follow_the_desktop_only_if_they_are_to(
    window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "hdmea_gui.shell.colour_scheme.theme_of", lambda name: LIGHT if name == "light" else DARK
    )
    changed = QApplication.styleHints().colorSchemeChanged
    window.use_theme("light", at_once=True)
    changed.emit(Qt.ColorScheme.Dark)
    assert window.colours.theme is LIGHT

    window.settings.values.theme = "system"
    changed.emit(Qt.ColorScheme.Dark)

    assert window.colours.theme is DARK
    window.use_theme("system", at_once=True)
    assert window.panel.styleSheet() == stylesheet(DARK)


def test_a_theme_reaches_every_part_and_open_dialogs_while_the_event_loop_goes_round(
    qtbot: Any, window: MainWindow
) -> None:
    window.table.choose_columns()
    window.helping.show_page()
    dialogs = [*window.findChildren(QDialog), *window.table.findChildren(QDialog)]
    rounds: list[bool] = []
    timer = QTimer(interval=0)
    timer.timeout.connect(lambda: rounds.append(window.updatesEnabled()))

    window.use_theme("dark")
    timer.start()
    qtbot.waitUntil(window.updatesEnabled, timeout=20_000)
    timer.stop()

    assert rounds.count(False) >= 5, "the event loop stood still"
    parts = (window.panel, window.table, window.log, window.status, window.recording, window.drop_sign)
    assert dialogs
    assert {part.styleSheet() for part in (*parts, *dialogs)} == {stylesheet(DARK)}
    window.helping.show_about()
    assert window.dialog is not None
    assert window.dialog.styleSheet() == stylesheet(DARK)


def test_views_are_made_when_they_are_wanted_and_then_in_the_colours_of_the_time(
    qtbot: Any, window: MainWindow
) -> None:
    assert window.views.so_far == (window.recording,)
    window.use_theme("dark")

    titles = [window.tabs.tabText(index) for index in range(window.tabs.count())]
    window.tabs.setCurrentIndex(titles.index("Receptive field"))

    assert window.tabs.currentWidget() is window.views["receptive_field"]
    assert window.views["receptive_field"].isVisible()
    assert window.views.so_far == (window.recording, window.views["receptive_field"])
    assert window.views["receptive_field"]._theme is DARK


def test_the_other_views_are_made_while_the_worker_is_idle(qtbot: Any, window: MainWindow) -> None:
    window.tabs.setCurrentWidget(window.recording)

    window.views.make_the_rest()

    qtbot.waitUntil(lambda: len(window.views.so_far) == window.tabs.count(), timeout=20_000)
    assert window.tabs.currentWidget() is window.recording
    assert [window.tabs.widget(index) for index in range(window.tabs.count())] == list(window.views.all)
