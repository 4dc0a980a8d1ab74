"""What the site shows beyond ``docs/``: pages from elsewhere, step functions, pictures by theme."""

from __future__ import annotations

import inspect
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_ROOT = Path(__file__).resolve().parents[1]
_PAGES = {
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
    "roadmap.md": "ROADMAP.md",
    "security.md": "SECURITY.md",
    "code_of_conduct.md": "CODE_OF_CONDUCT.md",
    "packages.md": "installer/README.md",
    "packages_windows.md": "installer/win/README.md",
    "test_data.md": "tests/data/README.md",
}
_FROM = {**{source: page for page, source in _PAGES.items()}, "README.md": "index.md"}
_LINK = re.compile(r"\]\((?![a-z]+:|#)([^)#\s]+)")
# A page names the picture in light colours only: so it is right where the page is read without the site.
_PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)_light\.png\)")
# On a small screen a click shows it in its own size.
_BOTH = "".join(rf"[![\1](\2_{name}.png#only-{name})](\2_{name}.png)" for name in ("light", "dark"))

_STEPS = "hdmea_steps"
_STEPS_FOLDER = _ROOT / "build" / "docs"


def on_startup(**_context: Any) -> None:
    """Write the step functions as a module that can be read without importing it.

    They are made from the declarations of the steps when they are first asked for: their signatures and
    docstrings are in no source file, where mkdocstrings looks for them.
    """
    from hdmea.pipeline import all_steps
    from hdmea.pipeline.calls import step_function

    functions = [_as_source(name, step_function(name)) for name in all_steps()]
    _STEPS_FOLDER.mkdir(parents=True, exist_ok=True)
    (_STEPS_FOLDER / f"{_STEPS}.py").write_text("\n\n".join(functions), encoding="utf-8")


def _as_source(name: str, function: Any) -> str:
    signature = str(inspect.signature(function)).replace("pathlib.Path", "Path")
    text = (inspect.getdoc(function) or "").replace("\n", "\n    ")
    return f'def {name}{signature}:\n    r"""{text}"""\n'


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is written once, outside of ``docs/``."""
    for page, source in _PAGES.items():
        files.append(File.generated(config, page, content=(_ROOT / source).read_text(encoding="utf-8")))
    logo = (_ROOT / "resources/icons/hdmea-studio.svg").read_bytes()
    files.append(File.generated(config, "images/logo.svg", content=logo))
    return files


def on_page_markdown(markdown: str, page: Page, **_context: Any) -> str:
    """Turn links that are right in the project's folder into links of the site; show pictures by theme."""
    own = page.file.src_uri
    if own == "api.md":
        from hdmea.pipeline import all_steps

        markdown = markdown.replace(
            "<!-- steps -->", "\n\n".join(f"::: {_STEPS}.{name}" for name in all_steps())
        )
    folder = posixpath.dirname(_PAGES.get(own, f"docs/{own}"))

    def of_the_site(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, link[1]))
        found = _FROM.get(target, target.removeprefix("docs/") if target.startswith("docs/") else None)
        return link[0] if found is None else f"]({posixpath.relpath(found, posixpath.dirname(own) or '.')}"

    return _PICTURE.sub(_BOTH, _LINK.sub(of_the_site, markdown))
