"""Some phrases are forbidden in the texts of the window, of the command line and of the user guide."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from hdmea.utils import exceptions

ROOT = Path(__file__).parents[1]
FORBIDDEN = re.compile(
    r"\bthe person\b|\banew\b|\bfor good\b|\bby itself\b|\bleft behind\b|\b(is|are) not there\b|\bgoes on\b"
    r"|\btake back\b|\btaken? over\b|\b(lies|lie)\b|\blooked for\b|\bcomputed? again\b"
)
PAGES = [
    ROOT / "README.md",
    ROOT / "docs/index.md",
    ROOT / "docs/first_steps.md",
    ROOT / "docs/quickstart.md",
]
PAGES += sorted((ROOT / "docs/user_guide").glob("*.md"))
MODULES = sorted([*(ROOT / "hdmea_gui").rglob("*.py"), *(ROOT / "hdmea/cli").glob("*.py")])


def _texts(path: Path) -> Iterator[str]:
    """Yield the strings of a module that are no docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
            yield node.value


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_has_no_forbidden_phrase(path: Path) -> None:
    text = " ".join(path.read_text(encoding="utf-8").split())
    assert [found[0] for found in FORBIDDEN.finditer(text)] == []


def test_no_text_of_the_window_or_the_command_line_has_a_forbidden_phrase() -> None:
    said = [(path.name, text) for path in MODULES for text in _texts(path)]
    assert len(said) > 1000
    assert [entry for entry in said if FORBIDDEN.search(entry[1])] == []


ERRORS = {name for name in exceptions.__all__ if name != "StepCancelled"}


def _unexplained(path: Path) -> Iterator[str]:
    """Yield where a module makes an error that does not say what to do; a list of problems says it itself."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS:
            if not {"fix", "problems"} & {keyword.arg for keyword in node.keywords}:
                yield f"{path.relative_to(ROOT)}:{node.lineno}"


def test_every_error_says_what_to_do() -> None:
    sources = [path for package in ("hdmea", "hdmea_gui") for path in (ROOT / package).rglob("*.py")]
    assert [place for path in sources for place in _unexplained(path)] == []
