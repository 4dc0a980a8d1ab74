"""The licences of what the program is made of: complete, with their texts, in a checkout and in a package."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hdmea._version import __version__
from hdmea_gui.diagnostics.licences import Component, components, read_collected

from .scripts import ROOT


def by_name() -> dict[str, Component]:
    return {found.name.lower(): found for found in components()}


def test_the_program_and_python_come_first() -> None:
    first, second, *_ = components()
    assert (first.name, first.version, first.licence) == ("HD-MEA Studio", __version__, "MIT")
    assert "Permission is hereby granted" in first.text()
    assert (second.name, second.version) == ("Python", sys.version.split()[0])


def test_what_the_program_needs_is_listed_with_version_licence_and_text() -> None:
    found = by_name()
    needed = {
        "numpy",
        "scipy",
        "h5py",
        "numba",
        "llvmlite",
        "pydantic",
        "pydantic_core",
        "pyqtgraph",
    }
    assert needed <= set(found)
    for name in needed:
        assert found[name].version
        assert found[name].licence not in {"", "see the text"}
        assert len(found[name].text()) > 200


def test_tools_of_developers_are_not_listed() -> None:
    assert {"pytest", "mypy", "ruff", "hypothesis", "pyinstaller"} & set(by_name()) == set()


def test_qt_is_said_to_be_replaceable_under_the_lgpl() -> None:
    qt = by_name()["pyside6_essentials"]
    assert qt.licence == "LGPL-3.0-only"
    assert "replace" in qt.note


def test_a_package_says_what_was_collected_when_it_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "licences"
    folder.mkdir()
    (folder / "one.txt").write_text("You may use it.\n", encoding="utf-8")
    (folder / "two.txt").write_text("Without warranty.\n", encoding="utf-8")
    item = {
        "name": "HDF5",
        "version": "2.0",
        "licence": "BSD-3-Clause",
        "note": "",
        "texts": ["one.txt", "two.txt"],
    }
    (folder / "licences.json").write_text(json.dumps([item]), encoding="utf-8")
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    (only,) = components()
    assert (only.name, only.version, only.licence) == ("HDF5", "2.0", "BSD-3-Clause")
    assert only.text() == "You may use it.\n\nWithout warranty."
    assert components() == read_collected(folder)


def test_the_list_costs_nothing_at_the_start() -> None:
    code = "import hdmea_gui.diagnostics.licences, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {"importlib.metadata", "PySide6", "numpy"} & set(done.stdout.split()) == set()
