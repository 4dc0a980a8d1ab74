"""The rules of the house: who may import whom, and what must stay off the way to the window."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from statistics import quantiles

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted([*(ROOT / "hdmea").rglob("*.py"), *(ROOT / "hdmea_gui").rglob("*.py")])


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in an interpreter of its own, where nothing is imported yet."""
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )


def test_imports_go_one_way() -> None:
    done = run_python("from importlinter.cli import lint_imports_command; lint_imports_command()")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_module_of_the_engine_can_be_imported_without_qt() -> None:
    done = run_python(
        "import importlib, pkgutil, sys\n"
        "for name in ('PySide6', 'shiboken6', 'pyqtgraph'): sys.modules[name] = None\n"
        "import hdmea\n"
        "names = [m.name for m in pkgutil.walk_packages(hdmea.__path__, 'hdmea.')]\n"
        "for name in names:\n"
        "    if not name.endswith('__main__'): importlib.import_module(name)\n"
        "print(len(names))\n"
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 40


@pytest.mark.parametrize(
    "start",
    [
        "import hdmea.pipeline",
        "import hdmea.cli",
        "from hdmea.declare import all_steps; all_steps()",
        "import hdmea_gui.shell.app, hdmea_gui.shell.main_window, hdmea_gui.engine",
    ],
)
def test_what_is_slow_to_import_is_not_on_the_way_to_the_window(start: str) -> None:
    slow = {"scipy", "numba", "matplotlib", "pandas", "pyarrow", "pynwb"}
    done = run_python(f"{start}\nimport sys; print(*sys.modules)")
    assert done.returncode == 0, done.stderr
    assert slow & set(done.stdout.split()) == set()


def test_modules_and_functions_are_small() -> None:
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}
    files = [len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES if path.stat().st_size]
    functions = [
        (node.end_lineno or node.lineno) - node.lineno + 1
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert quantiles(files, n=20)[-1] <= 450
    assert quantiles(functions, n=20)[-1] <= 40
