"""Signature and docstring of a step's public function, made from its declaration."""

from __future__ import annotations

import inspect
import types
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

if TYPE_CHECKING:
    from hdmea.pipeline.step import StepDefinition

__all__ = ["docstring", "signature"]

_EVERYWHERE = {
    "hdf5_path": "Result file to work on, or a session, which is saved first if it has no file yet.",
    "output_dir": "Folder of the result file, ``<dataset_id>.h5``.",
    "force": "Compute again what is there already.",
    "allow_overwrite": "Replace a file in the way, even of another recording or with other parameters.",
    "config": "Further parameters by name; those given directly count.",
    "session": "Session to work on, in memory; it is returned and nothing is written.",
    "defer_save": "Return a new session that holds the data; nothing is written.",
}


def signature(definition: StepDefinition[Any]) -> inspect.Signature:
    """Return the signature of the public function."""
    fields = definition.params.model_fields
    named = [name for name in fields if name not in definition.positional]
    plain = [name for name in named if not _is_advanced(fields[name])]
    advanced = [name for name in named if _is_advanced(fields[name])]
    parameters = [] if definition.creates else [_fixed("hdf5_path", None, positional=True)]
    parameters += [_from_field(name, fields[name], positional=True) for name in definition.positional]
    if definition.creates:
        parameters += [_fixed("output_dir", "artifacts"), _fixed("force", False)]
        parameters += [_fixed("allow_overwrite", False), _fixed("config", None)]
        parameters += [_from_field(name, fields[name]) for name in plain]
    else:
        parameters += [_from_field(name, fields[name]) for name in plain]
        parameters += [_fixed("force", False)]
    parameters += [_fixed("session", None), _fixed("defer_save", False)]
    parameters += [_from_field(name, fields[name]) for name in advanced]
    return inspect.Signature(parameters)


def docstring(definition: StepDefinition[Any]) -> str:
    """Return the step's docstring with a section on every parameter."""
    intro, _, rest = inspect.cleandoc(definition.function.__doc__ or definition.title).partition("\n\nRaises")
    lines = [intro, "", "Parameters", "----------"]
    for name in signature(definition).parameters:
        info = definition.params.model_fields.get(name)
        if info is None:
            lines += [name, f"    {_EVERYWHERE[name]}"]
            continue
        unit = _extra(info).get("unit")
        text = info.description or info.title or name
        lines += [f"{name} : {_type_name(info.annotation)}" + (f", in {unit}" if unit else ""), f"    {text}"]
    return "\n".join(lines) + (f"\n\nRaises{rest}" if rest else "")


def _extra(info: FieldInfo) -> dict[str, Any]:
    return info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}


def _is_advanced(info: FieldInfo) -> bool:
    return bool(_extra(info).get("advanced"))


def _fixed(name: str, default: object, *, positional: bool = False) -> inspect.Parameter:
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD if positional else inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=default)


def _from_field(name: str, info: FieldInfo, *, positional: bool = False) -> inspect.Parameter:
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD if positional else inspect.Parameter.KEYWORD_ONLY
    default = info.get_default(call_default_factory=True)
    if default is PydanticUndefined:
        default = None if positional else inspect.Parameter.empty
    return inspect.Parameter(name, kind, default=default, annotation=info.annotation)


def _type_name(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        return " | ".join(map(_type_name, get_args(annotation)))
    if annotation is type(None):
        return "None"
    return getattr(annotation, "__name__", str(annotation)) if origin is None else str(annotation)
