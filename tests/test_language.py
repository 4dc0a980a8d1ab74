"""Some phrases are forbidden in what a user reads; errors say what to do."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from hdmea.utils import exceptions

ROOT = Path(__file__).parents[1]
EVERYWHERE = (
    r"\banew\b|\b(lies|lie)\b|\b(the|a) person\b|\bgoes on\b|\btaken? (back|over)\b|\blooked for\b"
    r"|\bcomputed? again\b|\bfor good\b|\bat hand\b|\b(is|are) (there already|not there)\b"
    r"|(?<![Tt]here )\b(is|are) no (?!longer\b)"
)
IN_TEXTS = re.compile(rf"{EVERYWHERE}|\bby itself\b|\bleft behind\b")
IN_DOCSTRINGS = re.compile(EVERYWHERE)
PAGES = [
    page
    for page in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
    if page.name != "CODE_OF_CONDUCT.md"
]
MODULES = [path for package in ("hdmea", "hdmea_gui") for path in sorted((ROOT / package).rglob("*.py"))]


def _strings(tree: ast.AST) -> Iterator[tuple[str, bool]]:
    """Yield the strings of a module, and whether they are docstrings."""
    documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield " ".join(node.value.split()), id(node) in documents


@pytest.fixture(scope="module")
def trees() -> dict[str, ast.AST]:
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8")) for path in MODULES}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_has_no_forbidden_phrase(path: Path) -> None:
    text = " ".join(path.read_text(encoding="utf-8").split())
    assert [found[0] for found in IN_TEXTS.finditer(text)] == []


def test_no_text_and_no_docstring_has_a_forbidden_phrase(trees: dict[str, ast.AST]) -> None:
    said = [(name, *string) for name, tree in trees.items() for string in _strings(tree)]
    assert len(said) > 10_000
    assert [
        (name, found[0], text)
        for name, text, is_docstring in said
        if (found := (IN_DOCSTRINGS if is_docstring else IN_TEXTS).search(text))
    ] == []


ERRORS = {name for name in exceptions.__all__ if name != "StepCancelled"}


def test_every_error_says_what_to_do(trees: dict[str, ast.AST]) -> None:
    """A list of problems (`problems=`) says of each value what it must be."""
    made = [
        (f"{name}:{node.lineno}", {keyword.arg for keyword in node.keywords})
        for name, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS
    ]
    assert len(made) > 300
    assert [place for place, fields in made if not fields & {"fix", "problems"}] == []


def test_no_text_of_pydantic_reaches_a_user(trees: dict[str, ast.AST]) -> None:
    """What a model refuses is only handed to what makes sentences of it."""
    handlers = [
        (name, node)
        for name, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and "pydantic" in ast.dump(node.type or node)
    ]
    assert len(handlers) > 10
    shown = []
    for name, handler in handlers:
        allowed: set[int] = set()
        for node in ast.walk(handler):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                if node.func.id in {"problems_of", "problems_in_file"}:
                    allowed |= {id(argument) for argument in node.args}
            elif isinstance(node, ast.Raise):
                allowed.add(id(node.cause))
        shown += [
            f"{name}:{node.lineno}"
            for node in ast.walk(handler)
            if isinstance(node, ast.Name) and node.id == handler.name and id(node) not in allowed
        ]
    assert shown == []
