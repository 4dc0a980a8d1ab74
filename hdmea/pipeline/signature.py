"""Signature and docstring of a step's public function, made from its declaration."""

from __future__ import annotations

import inspect
import textwrap
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from hdmea.declare import StepDefinition, field_extra
from hdmea.pipeline.session import PipelineSession

__all__ = ["MECHANISM", "docstring", "result_type", "signature", "type_hints"]

_EVERYWHERE = {
    "hdf5_path": "Result file to work on, or a session, which is saved first if it has no file yet.",
    "output_dir": "Folder of the result file, ``<dataset_id>.h5``.",
    "force": "Recompute existing results.",
    "allow_overwrite": "Replace a file in the way, even of another recording or with other parameters.",
    "config": "Further parameters by name; they count in place of those given directly.",
    "session": "Session to work on, in memory; it is returned and nothing is written.",
    "defer_save": "Return a new session that contains the data; nothing is written.",
    "strict": "Raise an error where the step cannot run, in place of a logged warning and False.",
    "layout": (
        "Layout of the file: ``columns``, ``lab`` or ``lab-steps``. Default: that which the file has; "
        "``lab-steps`` for a new one."
    ),
}


MECHANISM: dict[str, tuple[Any, Any]] = {
    "hdf5_path": (None, str | Path | PipelineSession | None),
    "output_dir": ("artifacts", str | Path),
    "force": (False, bool),
    "allow_overwrite": (False, bool),
    "config": (None, Mapping[str, Any] | None),
    "session": (None, PipelineSession | None),
    "defer_save": (False, bool),
    "strict": (False, bool),
    "layout": (None, str | None),
}
"""Parameters that public functions have, whatever the step: default and type."""


def signature(definition: StepDefinition[Any]) -> inspect.Signature:
    """Return the signature of the public function, with the types of all its parameters and its result."""
    fields = definition.params.model_fields
    named = [name for name in fields if name not in definition.positional]
    plain = [name for name in named if not _is_advanced(fields[name])]
    advanced = [name for name in named if _is_advanced(fields[name])]
    parameters = [] if definition.creates else [_mechanism("hdf5_path", positional=True)]
    fields = {name: _with_default(info, name, definition.on_calls) for name, info in fields.items()}
    parameters += [_from_field(name, fields[name], positional=True) for name in definition.positional]
    if definition.creates:
        parameters += [_mechanism(name) for name in ("output_dir", "force", "allow_overwrite", "config")]
        parameters += [_from_field(name, fields[name]) for name in plain]
    else:
        parameters += [_from_field(name, fields[name]) for name in plain]
        parameters += [_mechanism("force")]
    if definition.refusals:
        parameters += [_mechanism("strict")]
    parameters += [_mechanism(name) for name in ("session", "defer_save", "layout")]
    parameters += [_from_field(name, fields[name]) for name in advanced]
    return inspect.Signature(parameters, return_annotation=PipelineSession | result_type(definition))


def type_hints(definition: StepDefinition[Any]) -> dict[str, Any]:
    """Return the types of the public function's parameters and of its result, as `signature` has them."""
    made = signature(definition)
    return {name: one.annotation for name, one in made.parameters.items()} | {
        "return": made.return_annotation
    }


def result_type(definition: StepDefinition[Any]) -> Any:
    """Return the type of the documented result of a step on a file."""
    return get_type_hints(definition.result).get("return", Any)


def docstring(definition: StepDefinition[Any]) -> str:
    """Return the step's docstring with a section on every parameter."""
    intro, _, rest = inspect.cleandoc(definition.function.__doc__ or definition.title).partition("\n\nRaises")
    lines = [intro, "", "Parameters", "----------"]
    for name in signature(definition).parameters:
        info = definition.params.model_fields.get(name)
        if info is None:
            lines += [name, _indented(_EVERYWHERE[name])]
            continue
        unit = field_extra(info).get("unit")
        text = info.description or info.title or name
        head = f"{name} : {_type_name(info.annotation)}" + (f", in {unit}" if unit else "")
        lines += [head, _indented(text)]
    return "\n".join(lines) + (f"\n\nRaises{rest}" if rest else "")


def _indented(text: str) -> str:
    return textwrap.fill(text, width=100, initial_indent="    ", subsequent_indent="    ")


def _is_advanced(info: FieldInfo) -> bool:
    return bool(field_extra(info).get("advanced"))


def _mechanism(name: str, *, positional: bool = False) -> inspect.Parameter:
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD if positional else inspect.Parameter.KEYWORD_ONLY
    default, annotation = MECHANISM[name]
    return inspect.Parameter(name, kind, default=default, annotation=annotation)


def _from_field(name: str, info: FieldInfo, *, positional: bool = False) -> inspect.Parameter:
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD if positional else inspect.Parameter.KEYWORD_ONLY
    default = info.get_default(call_default_factory=True)
    if default is PydanticUndefined:
        default = None if positional else inspect.Parameter.empty
    return inspect.Parameter(name, kind, default=default, annotation=_accepted(info.annotation))


def _with_default(info: FieldInfo, name: str, defaults: Mapping[str, Any]) -> FieldInfo:
    """Return a field with the default that calls have."""
    return FieldInfo.merge_field_infos(info, default=defaults[name]) if name in defaults else info


def _accepted(annotation: Any) -> Any:
    """Return the type that a caller may give: where a tuple is kept, any sequence is taken."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return Union[tuple(map(_accepted, arguments))]  # noqa: UP007 - made from a list of types
    if origin is tuple:
        items = [one for one in dict.fromkeys(arguments) if one is not Ellipsis]
        return Sequence[Union[tuple(map(_accepted, items))]]  # type: ignore[misc]  # noqa: UP007
    return annotation


def _type_name(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        return " | ".join(map(_type_name, get_args(annotation)))
    if annotation is type(None):
        return "None"
    return getattr(annotation, "__name__", str(annotation)) if origin is None else str(annotation)
