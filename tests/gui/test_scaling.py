"""Nothing is cut off at 1280×720 logical pixels, whatever the scale of the screen."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QTabBar,
    QToolButton,
    QTreeWidget,
    QWidget,
)

from tests.gui.scaling_probe import problems


@pytest.mark.parametrize("scale", ["1", "1.5", "2"])
def test_no_control_is_cut_off(scale: str) -> None:
    environment = {**os.environ, "QT_SCALE_FACTOR": scale, "QT_QPA_PLATFORM": "offscreen"}

    done = subprocess.run(
        [sys.executable, "-m", "tests.gui.scaling_probe"],
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )

    lines = done.stdout.splitlines()
    assert lines, done.stderr
    assert lines[0] == f"scale {float(scale):g}"
    assert lines[1:] == [], "\n".join(lines)
    assert done.returncode == 0, done.stderr


def control(kind: type[QWidget], root: QWidget, text: str) -> QWidget:
    """Return a control that shows a text."""
    made: Any = kind(root)
    if kind is QComboBox:
        made.addItem(text)
    elif kind is QTabBar:
        made.addTab(text)
    elif kind is QLineEdit:
        made.setPlaceholderText(text)
    elif kind is QSpinBox:
        made.setSuffix(text)
    elif kind is QTreeWidget:
        made.setHeaderLabels([text])
        made.header().setStretchLastSection(False)
        made.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        made.setColumnWidth(0, 90)
    else:
        made.setText(text)
    return made


@pytest.mark.parametrize(
    "kind", [QLabel, QPushButton, QToolButton, QComboBox, QTabBar, QLineEdit, QSpinBox, QTreeWidget]
)
def test_what_is_cut_off_is_noticed(qtbot: Any, kind: type[QWidget]) -> None:
    root = QWidget()
    qtbot.addWidget(root)
    root.resize(500, 200)
    short, long = (
        control(kind, root, text) for text in ("ab", "a text that has no room in so narrow a control")
    )
    for place, made in enumerate((short, long)):
        made.setGeometry(10, 10 + 90 * place, 100, 80)
    root.show()

    found = list(problems(root))

    assert found, "the long one"
    long.hide()
    assert list(problems(root)) == []


def test_what_lies_outside_is_noticed(qtbot: Any) -> None:
    root = QWidget()
    qtbot.addWidget(root)
    root.resize(300, 200)
    label = QLabel("ab", root)
    label.setGeometry(280, 10, 60, 30)
    root.show()

    assert any("lies outside" in problem for problem in problems(root))
