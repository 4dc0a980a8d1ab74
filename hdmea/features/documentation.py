"""The part of the science page that is made from the declarations of the features."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from hdmea.features.extractor import Extractor, Output
from hdmea.features.movie_trials import OptionalFeature
from hdmea.utils.exceptions import ConfigurationError

__all__ = ["BEGIN", "END", "features_markdown", "update_page"]

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
    text = Path(path).read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ConfigurationError(f"{path} does not have the lines {BEGIN!r} and {END!r}.")
    return f"{before}{BEGIN}\n\n{features_markdown(extractors)}\n\n{END}{after}"


def _section(extractor: Extractor) -> str:
    names = ", ".join(f"`{alias}`" for alias in extractor.aliases)
    lines = [f"### `{extractor.name}` — {extractor.title}", "", " ".join(extractor.description.split()), ""]
    if names:
        lines += [f"Also known as {names}.", ""]
    optional = [need for need in extractor.requires if isinstance(need, OptionalFeature)]
    needs = dict.fromkeys(need.provided_by for need in extractor.requires if need not in optional)
    uses = f" Uses if there: {'; '.join(need.provided_by for need in optional)}." if optional else ""
    lines += [f"Needs: {'; '.join(needs) or 'nothing'}.{uses} Version {extractor.version}.", ""]
    fields = extractor.params.model_fields
    if fields:
        lines += ["| parameter | default | meaning |", "|---|---|---|"]
        lines += [_parameter(name, field) for name, field in fields.items()] + [""]
    lines += ["| output | unit | range | shape | definition |", "|---|---|---|---|---|"]
    lines += [_output(output) for output in extractor.outputs]
    return "\n".join(lines)


def _parameter(name: str, field: FieldInfo) -> str:
    extra: dict[str, Any] = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    default = "required" if field.default is PydanticUndefined else _value(field.default)
    unit = f" {extra['unit']}" if extra.get("unit") else ""
    meaning = ": ".join(part for part in (field.title, field.description) if part)
    return f"| `{name}` | {default}{unit} | {_cell(meaning or name)} |"


def _output(output: Output) -> str:
    low, high = output.range
    limits = "" if low is None and high is None else f"{_limit(low, '−∞')} … {_limit(high, '∞')}"
    shape = " × ".join(map(str, output.shape)) or "one"
    per = ", one for the recording" if output.per == "recording" else ""
    return (
        f"| `{output.name}` | {output.unit or '–'} | {limits or '–'} | {shape}{per} "
        f"| {_cell(output.definition)} |"
    )


def _value(value: object) -> str:
    return "–" if value is None else str(value)


def _limit(value: float | None, none: str) -> str:
    return none if value is None else f"{value:.4g}".replace("-", "−")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
