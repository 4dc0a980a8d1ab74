"""The layout ``columns``: exact, verified, atomic."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hdmea.results import files
from hdmea.results.content import SessionContent
from tests.results.arbitrary import sessions, texts, trees
from tests.results.exact import assert_exact

_THOROUGH = settings(deadline=None, suppress_health_check=list(HealthCheck))


@_THOROUGH
@given(sessions(), trees, trees, st.lists(texts, max_size=3), st.booleans())
def test_any_session_round_trips_exactly(
    session: tuple[dict[str, Any], dict[str, Any]],
    metadata: dict[str, Any],
    extra: dict[str, Any],
    warnings: list[str],
    lazy: bool,
) -> None:
    units, stimulus = session
    content = SessionContent(
        "recording", units=units, stimulus=stimulus, metadata=metadata, extra=extra, warnings=warnings
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.h5"
        held = files.write_session(path, content)
        found = files.read_session(path, lazy=lazy)
        assert found.revision == held.revision
        for name in ("units", "stimulus", "metadata", "extra", "warnings"):
            assert_exact(getattr(found, name), getattr(content, name), name)
