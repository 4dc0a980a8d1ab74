"""Pages of the site that stand elsewhere in the project: how to contribute, the changelog, the packages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

_ROOT = Path(__file__).resolve().parents[1]
_PAGES = {
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
    "packages.md": "installer/README.md",
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is written once, outside of ``docs/``."""
    for page, source in _PAGES.items():
        files.append(File.generated(config, page, content=(_ROOT / source).read_text(encoding="utf-8")))
    logo = (_ROOT / "resources/icons/hdmea-studio.svg").read_bytes()
    files.append(File.generated(config, "images/logo.svg", content=logo))
    return files


def on_page_markdown(markdown: str, **_context: Any) -> str:
    """Turn links that are right in the project's folder into links of the site."""
    for page, source in _PAGES.items():
        for link in (source, f"../{source}"):
            markdown = markdown.replace(f"]({link}", f"]({page}")
    for readme in ("](README.md", "](../README.md"):
        markdown = markdown.replace(readme, "](index.md")
    return markdown.replace("](docs/", "](").replace("](../docs/", "](")
