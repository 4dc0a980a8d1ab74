"""The part of the science page that is made from the declarations of the features; tables for others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from hdmea.declare import Extractor, Output
from hdmea.features.science.movie_trials import OptionalFeature
from hdmea.utils.exceptions import ConfigurationError

__all__ = [
    "BEGIN",
    "END",
    "features_markdown",
    "output_table",
    "parameter_table",
    "update_page",
    "update_part",
]

BEGIN = "<!-- features: made from the declarations, do not edit -->"
END = "<!-- end of features -->"


def features_markdown(extractors: Iterable[Extractor]) -> str:
    """Describe features in Markdown: what each is, needs, can be set to, and gives.

    Parameters
    ----------
    extractors
        Their order is that of the sections.
    """
    return "\n\n".join(_section(extractor) for extractor in extractors)


def update_page(path: str | Path, extractors: Iterable[Extractor]) -> str:
    """Return the text of a page with its features brought up to date.

    Parameters
    ----------
    path
        A Markdown file that has the lines `BEGIN` and `END`.
    extractors
        Features to describe between them.

    Raises
    ------
    ConfigurationError
        If the page does not have these lines.
    """
    return update_part(path, BEGIN, END, features_markdown(extractors))


def update_part(path: str | Path, begin: str, end: str, fresh: str) -> str:
    """Return the text of a page with the part between two lines replaced.

    Parameters
    ----------
    path
        A Markdown file that has both lines.
    begin, end
        The lines; they stay.
    fresh
        What is to be between them.

    Raises
    ------
    ConfigurationError
        If the page does not have these lines.
    """
    text = Path(path).read_text(encoding="utf-8")
    before, first, rest = text.partition(begin)
    _, last, after = rest.partition(end)
    if not (first and last):
        raise ConfigurationError(f"{path} does not have the lines {begin!r} and {end!r}.")
    return f"{before}{begin}\n\n{fresh}\n\n{end}{after}"


def parameter_table(fields: Mapping[str, FieldInfo]) -> list[str]:
    """Lines of a Markdown table of parameters; none without parameters."""
    rows = [_parameter(name, field) for name, field in fields.items()]
    return ["| parameter | default | meaning |", "|---|---|---|", *rows] if rows else []


def output_table(outputs: Iterable[Output]) -> list[str]:
    """Lines of a Markdown table of outputs, each with its interval, p value and count."""
    given = tuple(outputs)
    limits = {limit for output in given for limit in output.limits}
    head = ["| output | unit | range | shape | interval, p, n | definition |", "|---|---|---|---|---|---|"]
    return head + [_output(output) for output in given if output.name not in limits]


def _section(extractor: Extractor) -> str:
    names = ", ".join(f"`{alias}`" for alias in extractor.aliases)
    lines = [f"### `{extractor.name}` — {extractor.title}", "", " ".join(extractor.description.split()), ""]
    if names:
        lines += [f"Also known as {names}.", ""]
    optional = [need for need in extractor.requires if isinstance(need, OptionalFeature)]
    needs = dict.fromkeys(need.source for need in extractor.requires if need not in optional)
    uses = f" Uses if there: {'; '.join(need.source for need in optional)}." if optional else ""
    lines += [f"Needs: {'; '.join(needs) or 'nothing'}.{uses} Version {extractor.version}.", ""]
    parameters = parameter_table(extractor.params.model_fields)
    lines += [*parameters, ""] if parameters else []
    return "\n".join([*lines, *output_table(extractor.outputs)])


def _parameter(name: str, field: FieldInfo) -> str:
    extra: dict[str, Any] = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    default = "required" if field.default is PydanticUndefined else _value(field.default)
    unit = f" {extra['unit']}" if extra.get("unit") and field.default is not None else ""
    meaning = ": ".join(part for part in (field.title, field.description) if part)
    return f"| `{name}` | {default}{unit} | {_cell(meaning or name)} |"


def _output(output: Output) -> str:
    low, high = output.range
    limits = "" if low is None and high is None else f"{_limit(low, '−∞')} … {_limit(high, '∞')}"
    shape = " × ".join(map(str, output.shape)) or "one"
    interval = ["`_low` … `_high`"] if output.interval else []
    beside = ", ".join([*interval, *(f"`{name}`" for name in (output.p, output.n) if name)])
    per = ", one for the recording" if output.per == "recording" else ""
    return (
        f"| `{output.name}` | {output.unit or '–'} | {limits or '–'} | {shape}{per} "
        f"| {beside or '–'} | {_cell(output.definition)} |"
    )


def _value(value: object) -> str:
    return "–" if value is None else str(value)


def _limit(value: float | None, none: str) -> str:
    return none if value is None else f"{value:.4g}".replace("-", "−")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
