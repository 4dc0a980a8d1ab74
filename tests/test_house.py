"""The rules of the house: who may import whom, and what must stay off the way to the window."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

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
        "names.remove('hdmea.spikeinterface')  # is a class of SpikeInterface, which is optional\n"
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


# -- nearness ------------------------------------------------------------------------------------------

# Modules with one user that do not lie in its folder, and why.
ONE_USER_ELSEWHERE = {
    "hdmea.study.cluster": "a place where batches run; the command line chooses it",
    "hdmea.study.worker": "a process of a batch; packaged programs start it as a command",
    "hdmea.exporters.*": "one way out each; files that a registry finds",
    "hdmea.features.science.*": "one method each; extractors and steps are files that a registry finds",
    "hdmea.stimuli.*": "what was shown, computed from arrays; a step is one file that a registry finds",
    "hdmea.recordings.*": "what files hold and how the field names it; tables and the command line show it",
    "hdmea.utils.hashing": "where older scripts import it from",
    "hdmea.utils.notices": "how warnings are told; the command line prints them",
    "hdmea_gui.diagnostics.*": "evidence and self-test of the program; flows and the program show them",
    "hdmea_gui.flows.*": "what a user sets out to do, one file each; the main window begins each",
    "hdmea_gui.models.units": "one of the models that the controller owns",
    "hdmea_gui.shell.app": "the program itself",
    "hdmea_gui.views.registry": "lists the folders beside it",
}


@pytest.fixture(scope="module")
def imports() -> dict[str, set[str]]:
    """Return which modules of both packages each module imports, also inside functions."""
    modules = {_module_name(path): path for path in SOURCES}
    return {
        name: {found for found in _imported(path, set(modules)) if found != name}
        for name, path in modules.items()
    }


def _module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(path: Path, modules: set[str]) -> Iterator[str]:
    for node in _statements(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                if whole in modules or node.module in modules:
                    yield whole if whole in modules else node.module


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield everything below a node that runs: not what only type checkers read."""
    for child in ast.iter_child_nodes(node):
        yield child
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            for other in child.orelse:
                yield from (other, *_statements(other))
        else:
            yield from _statements(child)


def _users(imports: dict[str, set[str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {name: set() for name in imports}
    for user, used in imports.items():
        for name in used:
            found[name].add(user)
    return found


def test_no_modules_import_each_other_in_a_circle(imports: dict[str, set[str]]) -> None:
    left = dict(imports)
    # Whatever imports nothing that is left cannot be part of a circle.
    while free := [name for name, used in left.items() if not used & left.keys()]:
        for name in free:
            del left[name]
    while free := [name for name in left if not any(name in used for used in left.values())]:
        for name in free:
            del left[name]

    assert {name: sorted(used & left.keys()) for name, used in left.items()} == {}


def test_a_module_with_one_user_lies_in_its_folder(imports: dict[str, set[str]]) -> None:
    found = {}
    packages = {_module_name(path) for path in SOURCES if path.name == "__init__.py"}
    for name, users in _users(imports).items():
        if len(users) == 1 and name not in packages:
            (user,) = users
            # The window, like scripts, uses the engine from outside.
            same_package = user.partition(".")[0] == name.partition(".")[0]
            if (
                same_package
                and user.rpartition(".")[0] != name.rpartition(".")[0]
                and user not in _above(name)
            ):
                found[name] = user

    def listed(name: str) -> bool:
        return any(fnmatch(name, pattern) for pattern in ONE_USER_ELSEWHERE)

    assert {name: user for name, user in found.items() if not listed(name)} == {}


def _above(name: str) -> set[str]:
    """Return the packages that a module is part of: those may hand it on."""
    parts = name.split(".")
    return {".".join(parts[:depth]) for depth in range(1, len(parts))}


def test_a_view_and_its_query_lie_in_one_folder(imports: dict[str, set[str]]) -> None:
    users = _users(imports)
    queries = [name for name in imports if name.startswith("hdmea_gui.views.") and name.endswith("query")]
    own = [name for name in queries if not name.startswith("hdmea_gui.views.parts.")]

    assert len(own) >= 6
    for name in own:
        folder = name.rpartition(".")[0]
        assert {user.rpartition(".")[0] for user in users[name]} == {folder}, name
        assert f"{folder}.view" in imports, name


def test_no_view_uses_another(imports: dict[str, set[str]]) -> None:
    folders = {
        name.rpartition(".")[0] for name in imports if re.fullmatch(r"hdmea_gui\.views\.\w+\.view", name)
    }
    crossing = [
        f"{user} imports {name}"
        for user, used in imports.items()
        for name in used
        for folder in folders
        if name.startswith(f"{folder}.")
        and user.startswith("hdmea_gui.views.")
        and not user.startswith(folder)
    ]
    assert crossing == []
