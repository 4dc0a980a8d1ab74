"""Parameters of steps and features: frozen pydantic models whose errors a person can act on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

import pydantic
from pydantic.fields import FieldInfo

from hdmea.utils.exceptions import ValidationError
from hdmea.utils.validation import Problem, problems_of

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


def field_extra(info: FieldInfo) -> Mapping[str, Any]:
    """Return what a field declares beside type, default, limits, title and description."""
    return info.json_schema_extra if isinstance(info.json_schema_extra, Mapping) else {}


def make_params(model: type[P], values: Mapping[str, Any], owner: str) -> P:
    """Return validated parameters.

    Parameters
    ----------
    model
        Class of the parameters.
    values
        Parameters by name.
    owner
        Name of the step or feature that they belong to.

    Raises
    ------
    ValidationError
        With one line for each value that is not allowed.
    """
    try:
        return model(**values)
    except pydantic.ValidationError as error:
        problems = tuple(_with_known_names(problem, model) for problem in problems_of(error, model, owner))
        raise ValidationError(problems=problems, step=owner) from None


def _with_known_names(problem: Problem, model: type[Params]) -> Problem:
    """Name the parameters that there are where one was named that is not."""
    if problem.name.partition(".")[0] in model.model_fields or not problem.name:
        return problem
    known = ", ".join(model.model_fields) or "none"
    return replace(problem, reason=f"is not a parameter; there are: {known}")
