"""Fixtures that every part of the test suite shares."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

# How long one example takes says something about the machine, not about the law that is tested.
settings.register_profile("hdmea", deadline=None)
settings.load_profile("hdmea")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fail-on-skip",
        action="store_true",
        help="A skipped test is a failure: for installations that have everything a test can need.",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and item.config.getoption("--fail-on-skip"):
        report.outcome = "failed"
        report.longrepr = f"skipped, with --fail-on-skip: {report.longreprtext}"
    return report


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with recordings that were not made by this project's code."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the shared sample recordings are not beside this checkout (they are optional)")
    return SHARED_DATA
