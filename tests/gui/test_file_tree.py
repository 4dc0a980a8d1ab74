"""The File tab: the tree that will be saved, filled from the worker; what changed; search; what leaves it."""

from __future__ import annotations

import csv
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PySide6.QtCore import QItemSelectionModel, QModelIndex, Qt
from PySide6.QtGui import QGuiApplication

from hdmea_gui.engine.snapshot import StateView
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.views.file.model import FileTreeModel
from hdmea_gui.views.file.query import FileEntry
from hdmea_gui.views.file.view import FilePreview, file_sentence

Loaded = tuple[MainWindow, tuple[Path, Path]]


def entry(*path: str, kind: str = "group", n_below: int = 1, changed: bool = False) -> FileEntry:
    shape = None if kind == "group" else (3, 4)
    dtype = "" if kind == "group" else "float32"
    return FileEntry(path, kind, shape, dtype, 1500, 48, "", n_below if kind == "group" else 0, changed)


@pytest.fixture
def file_tab(qtbot: Any, loaded: Loaded) -> FilePreview:
    window, _ = loaded
    window.tabs.setCurrentWidget(window.views["file"])
    qtbot.waitUntil(lambda: window.views["file"].model.rowCount() > 0, timeout=20_000)
    return window.views["file"]


def names(model: FileTreeModel, above: QModelIndex | None = None) -> list[str]:
    parent = QModelIndex() if above is None else above
    return [model.index(row, 0, parent).data() for row in range(model.rowCount(parent))]


# -- the model ---------------------------------------------------------------------------------------


def test_what_is_below_is_asked_for_once_and_comes_late() -> None:
    model = FileTreeModel()
    asked: list[tuple[str, ...]] = []
    model.wanted.connect(asked.append)
    model.set_root([entry("units"), entry("metadata", n_below=0)])
    units = model.index(0, 0)

    assert [model.canFetchMore(model.index(row, 0)) for row in (0, 1)] == [True, False]
    assert [model.hasChildren(model.index(row, 0)) for row in (0, 1)] == [True, False]
    model.fetchMore(units)
    model.fetchMore(units)
    assert asked == [("units",)]
    assert model.rowCount(units) == 0

    assert model.set_below(("units",), [entry("units", "unit_001")]) == units
    assert names(model, units) == ["unit_001"]
    assert model.parent(model.index(0, 0, units)) == units


def test_cells_show_shape_type_and_sizes_with_units() -> None:
    model = FileTreeModel()
    model.set_root([entry("data", kind="dataset", changed=True)])
    cells = [model.index(0, column).data() for column in range(model.columnCount())]

    assert cells == ["data ●", "", "3 × 4", "float32", "1.5 kB", "48 B"]
    assert "since the last save" in model.index(0, 0).data(Qt.ItemDataRole.ToolTipRole)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (StateView(), ""),
        (StateView(completed=("a",), unsaved=True, default_path=Path("x.h5")), "Save asks for a name"),
        (StateView(completed=("a",), saved_path=Path("x.h5")), "Saved: this is the content of x.h5"),
        (StateView(completed=("a",), unsaved=True, saved_path=Path("x.h5")), "(2 entries marked ●)"),
        (StateView(completed=("a",), checkpoint_name="noon"), "“noon”"),
    ],
)
def test_a_sentence_says_whether_it_is_saved_and_where(state: StateView, words: str) -> None:
    assert words in file_sentence(state, 2)


# -- the tab -----------------------------------------------------------------------------------------


def test_without_a_recording_it_says_what_to_run(window: MainWindow) -> None:
    window.tabs.setCurrentWidget(window.views["file"])

    assert "run “Load recording”" in window.views["file"]._message.text()
    assert not window.views["file"].has_data()


def test_the_tree_shown_is_the_file_that_is_written(
    qtbot: Any, file_tab: FilePreview, idle: Callable[[], None], loaded: Loaded, tmp_path: Path
) -> None:
    window, _ = loaded
    model = file_tab.model
    units = model.find(("units",))
    file_tab.tree.expand(units)
    qtbot.waitUntil(lambda: model.rowCount(units) > 0, timeout=20_000)
    shown = {
        row.path: row for row in (model.entry(model.index(n, 0, units)) for n in range(model.rowCount(units)))
    }

    window.controller.save(tmp_path / "result.h5", overwrite=True)
    idle()

    with h5py.File(tmp_path / "result.h5") as file:
        group = file["units"]
        assert {path[-1] for path in shown} == {*group, *group.attrs}
        for name, item in group.items():
            if isinstance(item, h5py.Dataset) and not h5py.check_string_dtype(item.dtype):
                row = shown["units", name]
                assert (row.shape, row.dtype) == (item.shape, str(item.dtype))
        row_text = str(group["row"][0])
    assert shown["units", "row"].value.split(", ")[0] == row_text


def test_what_changed_since_the_save_is_marked_and_open_places_stay_open(
    qtbot: Any, file_tab: FilePreview, idle: Callable[[], None], loaded: Loaded, tmp_path: Path
) -> None:
    window, _ = loaded
    assert "not saved yet" in file_tab.sentence.text()
    assert not any("●" in name for name in names(file_tab.model))
    file_tab.tree.expand(file_tab.model.find(("units",)))
    window.controller.save(tmp_path / "result.h5", overwrite=True)
    idle()
    qtbot.waitUntil(lambda: "Saved" in file_tab.sentence.text(), timeout=20_000)

    window.controller.run_step("add_section_time")
    idle()

    qtbot.waitUntil(lambda: "stimulus ●" in names(file_tab.model), timeout=20_000)
    assert "units" in names(file_tab.model)
    assert "marked ●" in file_tab.sentence.text()
    units = file_tab.model.find(("units",))
    qtbot.waitUntil(lambda: file_tab.model.rowCount(units) > 0, timeout=20_000)
    assert file_tab.tree.isExpanded(units)


def test_a_name_is_found_and_revealed_in_the_tree(qtbot: Any, file_tab: FilePreview) -> None:
    file_tab.search.setText("spike_tim")
    file_tab.show_found()
    qtbot.waitUntil(lambda: file_tab.tree.model() is file_tab.found, timeout=20_000)
    assert "/units/spike_times" in names(file_tab.found)
    assert "found" in file_tab.hits.text()

    file_tab.reveal(("units", "spike_times"))

    def is_there() -> bool:
        chosen = file_tab.model.entry(file_tab.tree.currentIndex())
        return chosen is not None and chosen.path == ("units", "spike_times")

    assert file_tab.tree.model() is file_tab.model
    qtbot.waitUntil(is_there, timeout=20_000)


def test_values_of_the_chosen_entry_are_shown_and_copied(
    qtbot: Any, file_tab: FilePreview, loaded: Loaded
) -> None:
    file_tab.reveal(("units", "spike_times"))
    qtbot.waitUntil(lambda: file_tab.values.grid.isVisible(), timeout=20_000)

    file_tab.copy_path()
    assert QGuiApplication.clipboard().text() == "/units/spike_times"
    file_tab.copy_value()
    values = [int(line) for line in QGuiApplication.clipboard().text().splitlines()]
    assert values == sorted(values)[: len(values)]
    assert "uint64" in file_tab.values.note.text()

    file_tab.reveal(("dataset_id",), attribute=True)
    qtbot.waitUntil(lambda: file_tab.values.text.isVisible(), timeout=20_000)
    assert file_tab.values.shown_text() == loaded[0].controller.state.dataset_id


def test_the_tree_is_exported_as_csv(qtbot: Any, file_tab: FilePreview, tmp_path: Path) -> None:
    path = tmp_path / "Baum µ.csv"

    with qtbot.waitSignal(file_tab.told, timeout=20_000):
        file_tab.export_to(path)

    rows = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))
    found = {row["path"]: row for row in rows}
    assert found["/units/spike_times"]["dtype"] == "uint64"
    assert found["/units/sorter"]["kind"] == "group"
    assert int(found["/units"]["file_bytes"]) > int(found["/units/sorter"]["file_bytes"]) > 0


def test_a_large_array_shows_its_first_plane(file_tab: FilePreview) -> None:
    from hdmea_gui.views.file.query import ValuesView

    values = np.arange(6.0).reshape(2, 3)
    file_tab.values.show_values(ValuesView(("a",), "dataset", (9, 2, 3), "float64", values, "plane 0"))

    assert file_tab.values.shown_text() == "0.0\t1.0\t2.0\n3.0\t4.0\t5.0"
    assert file_tab.values.note.text() == "float64, 9 × 2 × 3, plane 0"


def test_searching_leaves_nothing_behind(qtbot: Any, file_tab: FilePreview) -> None:
    for text in ("spike", "", "units", ""):
        file_tab.search.setText(text)
        file_tab.show_found()
        wanted = file_tab.found if text else file_tab.model
        qtbot.waitUntil(lambda wanted=wanted: file_tab.tree.model() is wanted, timeout=20_000)

    qtbot.waitUntil(lambda: len(file_tab.tree.findChildren(QItemSelectionModel)) == 1, timeout=20_000)


class _Hang:
    def __init__(self) -> None:
        self.entered, self.go_on = threading.Event(), threading.Event()

    def answer(self, workspace: object) -> None:
        """Keep the worker from answering anything else."""
        self.entered.set()
        assert self.go_on.wait(30)


def test_a_branch_that_an_earlier_tree_asked_for_gets_no_answer(
    qtbot: Any, file_tab: FilePreview, loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller, hang = loaded[0].controller, _Hang()
    added: list[object] = []
    monkeypatch.setattr(file_tab.model, "set_below", lambda path, _entries: added.append(path))
    controller.ask(hang, lambda _answer: None)
    qtbot.waitUntil(hang.entered.is_set, timeout=20_000)
    file_tab.tree.expand(file_tab.model.find(("units",)))

    file_tab.show_problem("Gone.")
    hang.go_on.set()
    qtbot.waitUntil(lambda: not controller.owes_answers, timeout=20_000)

    assert added == []
