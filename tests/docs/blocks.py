"""Code blocks of documentation pages."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def python_blocks(page: str) -> dict[str, str]:
    """Return the Python blocks of a page by the heading above them, line numbers kept."""
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = {}
    for found in _BLOCK.finditer(text):
        before = text[: found.start()]
        headings = [line.lstrip("# ") for line in before.splitlines() if line.startswith("#")]
        blocks[headings[-1]] = "\n" * (before.count("\n") + 1) + found[1]
    return blocks


def run(block: str) -> dict[str, Any]:
    """Run a block as a script does; return its names."""
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(block, "documentation", "exec"), names)
    return names


def run_by_statement(block: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Run a block statement by statement; yield the text of each after it ran, and the names so far."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for statement in ast.parse(block).body:
        exec(compile(ast.Module([statement], []), "documentation", "exec"), names)
        yield ast.unparse(statement), names
