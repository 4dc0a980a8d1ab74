"""Which version runs, of which libraries, on what: for “About” and for reports of problems."""

from __future__ import annotations

import importlib.metadata
import platform

from PySide6.QtCore import qVersion
from PySide6.QtGui import QGuiApplication

from hdmea._version import __version__

__all__ = [
    "LIBRARIES",
    "PROJECT",
    "library_version",
    "release_page",
    "version_lines",
]

PROJECT = "hdmea-studio"
LIBRARIES = ("PySide6-Essentials", "pyqtgraph", "numpy", "h5py", "scipy", "numba", "pandas", "pydantic")

# Names under which a project tells where its releases are, the best first.
_RELEASE_LABELS = ("releases", "download", "homepage", "repository", "source")


def library_version(name: str) -> str:
    """Return the installed version of a library, empty if it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def version_lines() -> tuple[str, ...]:
    """Return version, system and libraries, one line each."""
    screen = QGuiApplication.primaryScreen()
    size = screen.size()
    found = ", ".join(f"{name} {library_version(name) or '(unknown)'}" for name in LIBRARIES)
    return (
        f"HD-MEA Studio {__version__}",
        f"System: {platform.platform()}, {platform.machine()}",
        f"Python {platform.python_version()}, Qt {qVersion()} ({QGuiApplication.platformName()})",
        f"Screen: {size.width()} × {size.height()}, scale {screen.devicePixelRatio():g}",
        f"Libraries: {found}",
    )


def release_page() -> str:
    """Return the address of the page with the releases, as the package names it; empty if it does not."""
    try:
        entries = importlib.metadata.metadata(PROJECT).get_all("Project-URL") or []
    except importlib.metadata.PackageNotFoundError:
        return ""
    pairs = [entry.partition(",")[::2] for entry in entries]
    found = {label.strip().casefold(): url.strip() for label, url in pairs}
    return next((found[label] for label in _RELEASE_LABELS if found.get(label, "").startswith("http")), "")
