"""Parameter declarations of the engine's steps as plain field descriptions for the form."""

from __future__ import annotations

import types
import typing
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hdmea_gui.engine.snapshot import FieldSpec, StepSpec

if TYPE_CHECKING:
    import pydantic
    from pydantic.fields import FieldInfo

    from hdmea.declare import StepDefinition
    from hdmea.exporters import Exporter

__all__ = ["chip_edge", "describe_fields", "describe_options", "describe_step"]

_KINDS = {bool: "bool", int: "int", float: "float", str: "text"}


def chip_edge() -> int:
    """Return how many electrodes there are along an edge of the chip."""
    from hdmea.recordings.mcs.vocabulary import CHIP_EDGE

    return CHIP_EDGE


def describe_step(definition: StepDefinition[Any]) -> StepSpec:
    """Return what the window needs to know of a step: names, help, fields and the model that validates."""
    from hdmea.pipeline.requirements import steps_before, steps_used

    return StepSpec(
        name=definition.name,
        title=definition.title,
        help=definition.summary,
        requires=steps_before(definition),
        fields=describe_fields(definition.params, definition.selectors),
        model=definition.params,
        creates=definition.creates,
        uses=steps_used(definition),
    )


def describe_options(exporter: Exporter) -> StepSpec:
    """Return what the window needs to know of an exporter: title, description, fields of its options."""
    return StepSpec(
        name=exporter.name,
        title=exporter.title,
        help=exporter.description,
        requires=(),
        fields=describe_fields(exporter.options),
        model=exporter.options,
    )


def describe_fields(
    model: type[pydantic.BaseModel], selectors: Collection[str] = ()
) -> tuple[FieldSpec, ...]:
    """Return the fields of a declaration, without those that are only kept for older scripts.

    Parameters
    ----------
    model
        The declaration.
    selectors
        Names of those that say which parts to compute.
    """
    return tuple(
        _describe(name, info, selectors)
        for name, info in model.model_fields.items()
        if not _extra(info).get("deprecated", False)
    )


def _describe(name: str, info: FieldInfo, selectors: Collection[str]) -> FieldSpec:
    kind, choices, optional = _kind(info.annotation, name)
    extra = _extra(info)
    minimum, maximum = _limits(info)
    return FieldSpec(
        name=name,
        title=info.title or name.replace("_", " ").capitalize(),
        help=info.description or "",
        kind=kind,
        default=None if info.is_required() else info.get_default(call_default_factory=True),
        unit=str(extra.get("unit", "")),
        minimum=minimum,
        maximum=maximum,
        choices=choices,
        optional=optional,
        advanced=bool(extra.get("advanced", False)),
        required=info.is_required(),
        decimals=extra.get("decimals"),
        names=str(extra.get("names", "")),
        of_recording=bool(extra.get("of_recording", False)),
        # Which parts there are decides no number; what is said of single parts does.
        affects_result=extra.get("affects_result", True) and (name not in selectors or kind == "settings"),
        of_selection=bool(extra.get("of_selection", False)),
        whole=int in typing.get_args(info.annotation),
    )


def _extra(info: FieldInfo) -> Mapping[str, Any]:
    return info.json_schema_extra if isinstance(info.json_schema_extra, Mapping) else {}


def _kind(annotation: Any, name: str) -> tuple[str, tuple[Any, ...], bool]:
    """Return the kind of editor, the choices, and whether nothing may be given."""
    origin = typing.get_origin(annotation)
    arguments = typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        rest = [argument for argument in arguments if argument is not type(None)]
        words = next((found for found in rest if typing.get_origin(found) is Literal), None)
        if words is not None and {int, float} & set(rest):
            return "choice or number", typing.get_args(words), len(rest) < len(arguments)
        kind, choices, _ = _kind(Path if Path in rest else rest[0], name)
        return kind, choices, len(rest) < len(arguments)
    if origin is typing.Annotated:
        return _kind(arguments[0], name)
    if origin is Literal:
        return "choice", arguments, False
    if annotation is Path or (annotation is str and name.endswith(("_path", "_dir"))):
        return ("folder" if name.endswith("_dir") else "file"), (), False
    if annotation in _KINDS:
        return _KINDS[annotation], (), False
    if origin is tuple and arguments in ((int, int), (float, float)):
        return "pair", (), False
    if origin is tuple and arguments == (tuple[int, int], ...):
        return "places", (), False
    if origin is dict:
        return ("numbers" if arguments == (str, int) else "settings"), (), False
    return ("list" if origin in (tuple, list, frozenset, set) else "value"), (), False


def _limits(info: FieldInfo) -> tuple[float | None, float | None]:
    """Return the smallest and the largest allowed number, None where there is no such limit."""
    minimum: float | None = None
    maximum: float | None = None
    for constraint in info.metadata:
        for attribute in ("ge", "gt"):
            minimum = getattr(constraint, attribute, None) if minimum is None else minimum
        for attribute in ("le", "lt"):
            maximum = getattr(constraint, attribute, None) if maximum is None else maximum
    return minimum, maximum
