"""The tables of spoilt sync channels and light in the documentation are what the program says."""

from __future__ import annotations

from pathlib import Path

from benchmarks.display_and_light import with_tables

PAGE = Path(__file__).resolve().parents[2] / "docs" / "science.md"


def test_the_tables_are_current() -> None:
    """Renew them with ``python -m benchmarks.display_and_light --write docs/science.md``."""
    page = PAGE.read_text(encoding="utf-8")

    assert with_tables(page) == page
