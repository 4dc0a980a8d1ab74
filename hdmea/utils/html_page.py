"""The one template of all pages that the program writes: health, reports, summaries of batches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["html_page", "html_table"]

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 14px/1.45 system-ui, sans-serif; max-width: 75em; margin: 2em auto; padding: 0 1em; }}
h1 {{ font-size: 1.4em; }} h2 {{ font-size: 1.1em; margin-top: 2em; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; padding: .35em .7em; border-top: 1px solid #8884; vertical-align: top; }}
th {{ font-weight: 600; opacity: .75; }}
td.number {{ text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }}
td.name {{ white-space: nowrap; }}
li {{ margin: .2em 0; }}
span.light {{ display: inline-block; min-width: 4.2em; padding: 0 .5em; border-radius: .7em; color: #fff;
  text-align: center; }}
.green {{ background: #1a7f43; }} .amber {{ background: #9a6200; }}
.red {{ background: #c0262d; }} .grey {{ background: #6b6f76; }}
figure {{ margin: 0; }} figcaption {{ opacity: .8; }}
img, svg {{ max-width: 100%; }}
img {{ background: #fff; }}
@media print {{ section {{ break-before: page; }} }}
</style>
</head>
<body>
{body}
</body>
</html>
"""


def html_page(title: str, body: str) -> str:
    """Return a page that needs no other file.

    Parameters
    ----------
    title
        Plain text.
    body
        HTML.
    """
    return _PAGE.format(title=escape(title), body=body)


def html_table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of plain texts; empty if it has no rows."""
    lines = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows]
    head = "".join(f"<th>{escape(title)}</th>" for title in titles)
    body = "\n".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table><tr>{head}</tr>\n{body}\n</table>" if lines else ""
