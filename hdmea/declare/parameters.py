"""Parameters of steps and features: frozen pydantic models whose errors a user can act on."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

import pydantic
from pydantic.fields import FieldInfo

from hdmea.utils.exceptions import ValidationError
from hdmea.utils.validation import parse_number, problems_of

__all__ = ["Params", "field_extra"]

P = TypeVar("P", bound="Params")


class Params(pydantic.BaseModel):
    """Base of the parameters of a step or a feature: frozen, unknown names refused.

    A field declares type, default, limits, title and description. ``json_schema_extra`` may hold
    ``unit`` (text), ``advanced`` (bool), ``affects_result`` (False for what changes only time or memory),
    ``names`` (what it names, one of `hdmea.pipeline.choices.KINDS`), ``of_recording`` (True for what
    makes no sense for another recording) and ``deprecated`` (True for what is accepted and ignored).
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    @pydantic.field_validator("*", mode="before")
    @classmethod
    def _read_numbers(cls, value: Any, info: pydantic.ValidationInfo) -> Any:
        """Numbers that a user typed, or a table holds as text, as the window reads them."""
        if not isinstance(value, str) or info.field_name not in cls.model_fields:
            return value
        kinds = _kinds(cls.model_fields[info.field_name].annotation)
        if kinds.isdisjoint({int, float}) or not kinds <= {int, float, bool, type(None), Literal}:
            return value
        try:
            return parse_number(value)
        except ValueError:
            # Other words are for pydantic to judge, which would take 1_000 for a number.
            if "_" in value and Literal not in kinds:
                raise
            return value


def _kinds(annotation: Any) -> set[Any]:
    """Return the types of a union, or the one type."""
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        return set().union(*map(_kinds, typing.get_args(annotation)))
    return {annotation if origin is None else origin}


def field_extra(info: FieldInfo) -> Mapping[str, Any]:
    """Return what a field declares beside type, default, limits, title and description."""
    return info.json_schema_extra if isinstance(info.json_schema_extra, Mapping) else {}


def make_params(model: type[P], values: Mapping[str, Any], step: str, feature: str = "") -> P:
    """Return validated parameters.

    Parameters
    ----------
    model
        Class of the parameters.
    values
        Parameters by name.
    step, feature
        Name of the step that they belong to; for those of a feature also its name.

    Raises
    ------
    ValidationError
        With one line for each value that is not allowed.
    """
    try:
        return model(**values)
    except pydantic.ValidationError as error:
        raise ValidationError(problems=problems_of(error, model, feature), step=step) from None
