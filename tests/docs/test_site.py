"""The documentation builds into a site that needs nothing from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import hdmea.pipeline
from hdmea.pipeline import all_steps
from tests.docs.blocks import ROOT

_FETCHED = re.compile(r"<(?:script|img|link)\b[^>]*?(?:src|href)=\"(https?://[^\"]+)\"")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as strictly as it is published: a link that leads nowhere is an error."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_each_page_of_the_project_is_a_page_of_the_site(site: Path) -> None:
    pages = {path.stem for path in (ROOT / "docs").rglob("*.md")} | {
        "contributing",
        "changelog",
        "packages",
        "roadmap",
    }

    built = {path.stem for path in site.rglob("*.html")}

    assert pages <= built


def test_the_site_fetches_nothing_from_elsewhere(site: Path) -> None:
    pages = {path: _FETCHED.findall(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}

    assert pages
    assert {path: found for path, found in pages.items() if found} == {}


def test_the_reference_shows_every_public_function_of_the_pipeline(site: Path) -> None:
    page = (site / "api.html").read_text(encoding="utf-8")
    shown = {name.rsplit(".", 1)[-1] for name in re.findall(r'id="(hdmea[\w.]+)"', page)}

    assert {*hdmea.pipeline.__all__, *all_steps()} - {"all_steps", "get_step"} <= shown


def test_the_reference_shows_parameters_with_their_meaning(site: Path) -> None:
    page = re.sub(r"<[^>]+>", "", (site / "api.html").read_text(encoding="utf-8"))

    assert "Frames of a section before its movie." in page
    assert "pre_margin_frame_num: int = 60" in page
