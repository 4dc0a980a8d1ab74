from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.pipeline import toy_steps


@pytest.fixture
def toys() -> Iterator[None]:
    with toy_steps.registered():
        yield
