"""Browser and file manager are started as from the desktop, not with the libraries of the package."""

from __future__ import annotations

import os
import sys

import pytest
from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices

from hdmea_gui.flows.desktop_services import open_outside


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """Where a program that is opened would look for libraries first."""
    found: list[str | None] = []

    def opened(url: QUrl) -> bool:
        found.append(os.environ.get("LD_LIBRARY_PATH"))
        return url.toString() == "https://x.org"

    monkeypatch.setattr(QDesktopServices, "openUrl", opened)
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/hdmea-studio/_internal")
    monkeypatch.delenv("LD_LIBRARY_PATH_ORIG", raising=False)
    return found


def test_a_package_keeps_its_libraries_to_itself(
    seen: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert open_outside(QUrl("https://x.org"))
    monkeypatch.setenv("LD_LIBRARY_PATH_ORIG", "/home/me/lib")
    assert not open_outside(QUrl("nothing"))
    assert seen == [None, "/home/me/lib"]
    assert os.environ["LD_LIBRARY_PATH"] == "/opt/hdmea-studio/_internal"


def test_a_checkout_leaves_the_environment_as_it_is(seen: list[str | None]) -> None:
    assert open_outside(QUrl("https://x.org"))
    assert seen == ["/opt/hdmea-studio/_internal"]
