"""Fixtures that every part of the test suite shares."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with recordings that were not made by this project's code."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the shared sample recordings are not beside this checkout (they are optional)")
    return SHARED_DATA
