"""What a pydantic model refuses, in sentences with titles, units and limits; names of recordings."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pydantic
from pydantic.fields import FieldInfo

from hdmea.utils.exceptions import MissingFileError, ValidationError
from hdmea.utils.fixes import ChooseFile, Either, SetParameter, Words

__all__ = [
    "Problem",
    "check_dataset_id",
    "parse_number",
    "problems_in_file",
    "problems_of",
    "validate_dataset_id",
    "validate_input_files",
]

_LONGEST_VALUE = 60
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?", re.ASCII)
_FORBIDDEN = re.compile(r'[/\\:*?"<>|\x00-\x1f]')

# What a value must be, by the type of pydantic's error.
_WANTED: Final = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dict_type": "a set of named values",
    "float_parsing": "a number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "frozen_set_type": "a list",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number",
    "int_type": "a whole number",
    "iterable_type": "a list",
    "list_type": "a list",
    "mapping_type": "a set of named values",
    "model_attributes_type": "a set of named values",
    "model_type": "a set of named values",
    "path_type": "a path",
    "set_type": "a list",
    "string_type": "text",
    "string_unicode": "text",
    "tuple_type": "a list",
}
_LIMITS: Final = {
    "greater_than": ("gt", "greater than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


@dataclass(frozen=True)
class Problem:
    """A value that is not allowed.

    Attributes
    ----------
    name
        Name of the field, with dots and numbers below it: ``"events.0.end_frame"``; empty for a model as a
        whole.
    title
        How a user calls it: ``"Events, entry 1, End frame"``.
    reason
        Why, from the verb on: ``"must be at least 0 frames, not -3"``; for a model as a whole a whole clause.
    owner
        What has the field, where that is not the step that failed: the name of a feature.
    """

    name: str
    title: str
    reason: str
    owner: str = ""

    @property
    def sentence(self) -> str:
        """What is wrong in neutral words."""
        return (
            f"“{self.title}” {self.reason}." if self.name else f"{self.reason[:1].upper()}{self.reason[1:]}."
        )

    @property
    def field(self) -> str:
        """Name of the field of the model in which it is; empty for a model as a whole."""
        return self.name.partition(".")[0]

    @property
    def is_of_field(self) -> bool:
        """Whether it is about a field as a whole, not about something inside of it, nor about the model."""
        return bool(self.name) and self.field == self.name

    def text(self, words: Words, step: str) -> str:
        """Return what is wrong in the words of a front end."""
        if not self.name:
            return self.sentence
        return f"{words.parameter(self.name, self.title, self.owner or step)} {self.reason}."


def problems_of(
    error: pydantic.ValidationError, model: type[pydantic.BaseModel], owner: str = ""
) -> tuple[Problem, ...]:
    """Return what a model refused, one entry for each value.

    Parameters
    ----------
    error
        What pydantic raised.
    model
        The model that raised it.
    owner
        See `Problem`.
    """
    found: dict[tuple[str | int, ...], list[tuple[_Place, Mapping[str, Any]]]] = {}
    for detail in error.errors(include_url=False):
        place = _Place.of(model, detail["loc"])
        found.setdefault(place.path, []).append((place, typing.cast(Mapping[str, Any], detail)))
    return tuple(
        Problem(
            ".".join(map(str, place.path)),
            place.title,
            _reason(place, [detail for _, detail in entries]),
            owner,
        )
        for entries in found.values()
        for place in [entries[0][0]]
    )


def problems_in_file(error: pydantic.ValidationError, model: type[pydantic.BaseModel]) -> str:
    """Return what a model refused in a file, in one line that names the entries as the file does."""
    found = problems_of(error, model)
    return "; ".join(
        f"{problem.name} {problem.reason}" if problem.name else problem.reason for problem in found
    )


@dataclass(frozen=True)
class _Place:
    """Where in a model a value is: names and numbers, what a user calls it, and its field."""

    path: tuple[str | int, ...]
    title: str
    field: FieldInfo | None
    model: type[pydantic.BaseModel]

    @classmethod
    def of(cls, model: type[pydantic.BaseModel], loc: tuple[str | int, ...]) -> _Place:
        """Return the place of an error, without the tags that pydantic gives to members of a union."""
        path: list[str | int] = []
        titles: list[str] = []
        field: FieldInfo | None = None
        owner: type[pydantic.BaseModel] | None = model
        for step in loc:
            if owner is not None and isinstance(step, str) and (not path or step in owner.model_fields):
                field = owner.model_fields.get(step)
                titles.append(_title(step, field))
                model = owner
            elif isinstance(step, int):
                titles.append(f"entry {step + 1}")
            elif field is not None and _holds_names(field.annotation):
                titles.append(step)
            else:
                continue
            path.append(step)
            inner = None if field is None else next(_models_in(field.annotation), None)
            owner = inner if inner is not None else (None if path else owner)
        is_field = bool(path) and isinstance(path[-1], str)
        return cls(tuple(path), ", ".join(titles), field if is_field else None, model)

    @property
    def unit(self) -> str:
        extra = None if self.field is None else self.field.json_schema_extra
        unit = str(extra.get("unit", "")) if isinstance(extra, Mapping) else ""
        return f" {unit}" if unit else ""


def _title(name: str, field: FieldInfo | None) -> str:
    if field is None:
        return name
    return field.title or name.replace("_", " ").capitalize()


def _members(annotation: Any) -> Iterator[Any]:
    yield annotation
    for argument in typing.get_args(annotation):
        yield from _members(argument)


def _models_in(annotation: Any) -> Iterator[type[pydantic.BaseModel]]:
    for member in _members(annotation):
        if isinstance(member, type) and issubclass(member, pydantic.BaseModel):
            yield member


def _holds_names(annotation: Any) -> bool:
    return any(member is dict or typing.get_origin(member) is dict for member in _members(annotation))


def _reason(place: _Place, details: list[Mapping[str, Any]]) -> str:
    """Return why a value is refused; of a union, what one of its members says, or what all of them want."""
    wanted = list(dict.fromkeys(_WANTED[each["type"]] for each in details if each["type"] in _WANTED))
    other = [each for each in details if each["type"] not in _WANTED]
    if other:
        return _other_reason(place, other[0])
    if "a path" in wanted:
        wanted = [each for each in wanted if each != "text"]
    return f"must be {' or '.join(wanted)}{_but(details[0]['input'])}"


def _other_reason(place: _Place, detail: Mapping[str, Any]) -> str:
    kind, context, value = detail["type"], detail.get("ctx", {}), detail["input"]
    if kind in _LIMITS:
        return f"must be {_limits(place, kind, context)}{place.unit}{_but(value)}"
    if kind in {"value_error", "assertion_error"}:
        return str(context["error"]).rstrip(".")
    if kind in {"literal_error", "enum"}:
        return f"must be {context['expected']}{_but(value)}"
    if kind in {"too_short", "too_long"}:
        return _length(place, kind, context)
    if kind == "string_too_short":
        least = context["min_length"]
        return "must not be empty" if least == 1 else f"must have at least {least} characters"
    if kind == "string_too_long":
        return f"must have at most {context['max_length']} characters"
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        return f"is not known; known are {', '.join(place.model.model_fields) or 'none'}"
    if kind == "json_invalid":
        return "the file is not JSON text"
    return f"must not be {_short(value)}"


def _limits(place: _Place, kind: str, context: Mapping[str, Any]) -> str:
    known = {} if place.field is None else _declared_limits(place.field)
    if {"ge", "le"} <= known.keys():
        return f"between {known['ge']:g} and {known['le']:g}"
    if len(known) == 2:
        return " and ".join(f"{phrase} {known[key]:g}" for key, phrase in _LIMITS.values() if key in known)
    key, phrase = _LIMITS[kind]
    return f"{phrase} {context[key]:g}"


def _declared_limits(field: FieldInfo) -> dict[str, float]:
    found: dict[str, float] = {}
    for constraint in field.metadata:
        for name in ("ge", "gt", "le", "lt"):
            limit = getattr(constraint, name, None)
            if limit is not None:
                found[name] = limit
    return found


def _length(place: _Place, kind: str, context: Mapping[str, Any]) -> str:
    shortest, longest = context.get("min_length"), context.get("max_length")
    if kind == "too_short":
        return "must not be empty" if shortest == 1 else f"must have at least {shortest} values"
    # A tuple of fixed length says only that it is too long.
    fixed = place.field is not None and any(
        typing.get_origin(member) is tuple and Ellipsis not in typing.get_args(member)
        for member in _members(place.field.annotation)
    )
    actual = context.get("actual_length")
    but = "" if actual is None else f", not {actual}"
    return f"must have {longest} values{but}" if fixed else f"must have at most {longest} values{but}"


def _but(value: Any) -> str:
    return "; nothing was given" if value is None else f", not {_short(value)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def parse_number(text: str) -> float:
    """Return the number that a text states: point and comma are both the decimal sign.

    Raises
    ------
    ValueError
        If it is anything else, as a number with marks between thousands.
    """
    typed = text.strip().replace("\N{MINUS SIGN}", "-")
    if not _NUMBER.fullmatch(typed):
        raise ValueError(f"must be a number without marks between thousands, not {text!r}")
    return float(typed.replace(",", "."))


def check_dataset_id(dataset_id: str) -> str:
    """Return `dataset_id` if it can name a recording and its file, else raise ValidationError."""
    if not isinstance(dataset_id, str) or not dataset_id.strip():
        raise ValidationError(
            "The name of the recording must not be empty.",
            parameter="dataset_id",
            fix=SetParameter("dataset_id"),
        )
    if _FORBIDDEN.search(dataset_id) or dataset_id in {".", ".."}:
        raise ValidationError(
            f'The name {dataset_id!r} cannot be the name of a file: it must not contain / \\ : * ? " < > | '
            "or control characters.",
            parameter="dataset_id",
            fix=SetParameter("dataset_id"),
        )
    return dataset_id


def validate_dataset_id(dataset_id: str) -> str:
    """Return the name of a recording without trailing hyphens.

    Raises
    ------
    ValidationError
        If it is empty, or cannot be the name of a file.
    """
    return check_dataset_id(dataset_id.rstrip("-"))


def validate_input_files(
    cmcr_path: str | Path | None, cmtr_path: str | Path | None
) -> tuple[Path | None, Path | None]:
    """Return both paths of a recording as `pathlib.Path`, None for one that is not given.

    Raises
    ------
    ValidationError
        If neither is given.
    FileNotFoundError
        If one does not exist.
    """
    if cmcr_path is None and cmtr_path is None:
        raise ValidationError(
            "A recording needs at least one of its files.",
            fix=Either((ChooseFile("cmcr_path"), ChooseFile("cmtr_path"))),
        )
    for name, path in (("cmcr_path", cmcr_path), ("cmtr_path", cmtr_path)):
        if path is not None and not Path(path).exists():
            raise MissingFileError(f"{path} does not exist.", parameter=name, path=path, fix=ChooseFile(name))
    cmcr, cmtr = (None if path is None else Path(path) for path in (cmcr_path, cmtr_path))
    return cmcr, cmtr
