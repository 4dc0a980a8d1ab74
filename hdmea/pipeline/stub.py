"""The stub of `hdmea.pipeline`: every public function with its parameters, for editors and type checkers.

``python -m hdmea.pipeline.stub`` writes ``__init__.pyi`` again; a test keeps it current.
"""

from __future__ import annotations

import inspect
import re
import textwrap
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Union

from hdmea.declare import StepDefinition, all_steps
from hdmea.pipeline.signature import docstring, result_type, signature

__all__ = ["PATH", "stub"]

PATH = Path(__file__).with_name("__init__.pyi")
"""Where the stub is."""

_HEAD = '''"""Made from the declarations of the steps by ``python -m hdmea.pipeline.stub``; do not edit."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, overload

from hdmea.declare import StepDefinition as StepDefinition
from hdmea.declare import all_steps as all_steps
from hdmea.declare import get_step as get_step
{imports}
__all__: list[str]
'''
_PLAIN = {
    "hdmea.pipeline.combined": ("load_recording_with_eimage_sta",),
    "hdmea.pipeline.flows": ("list_available_flows", "run_flow"),
    "hdmea.pipeline.loader": ("load_session_from_hdf5",),
    "hdmea.pipeline.results": (
        "ExtractionResult",
        "FlowResult",
        "LoadResult",
        "LoadWithEImageSTAResult",
        "SectionResult",
        "STAResult",
    ),
    "hdmea.pipeline.run": ("run_step",),
    "hdmea.pipeline.session": ("PipelineSession", "SaveState", "create_session"),
}
# What a call with these two arguments returns: a session, or what the step documents for a file.
_CALLS = (
    ({"session": "PipelineSession"}, None),
    ({"session": "None = None", "defer_save": "Literal[True]"}, None),
    ({"session": "None = None", "defer_save": "Literal[False] = False"}, "result"),
)


def stub() -> str:
    """Return the text of the stub."""
    steps = [definition for definition in all_steps().values() if definition.module.startswith("hdmea.")]
    names = {module: {*found} for module, found in _PLAIN.items()}
    for definition in steps:
        made = result_type(definition)
        if isinstance(made, type) and made.__module__.startswith("hdmea."):
            names.setdefault(made.__module__, set()).add(made.__name__)
    imports = "".join(
        _import(module, name, public=name in _PLAIN.get(module, ()))
        for module in sorted(names)
        for name in sorted(names[module])
    )
    return "\n".join([_HEAD.format(imports=imports), *(part for one in steps for part in _function(one))])


def _import(module: str, name: str, *, public: bool) -> str:
    # A stub re-exports only what it imports under a name of its own.
    return f"from {module} import {name} as {name}\n" if public else f"from {module} import {name}\n"


def _function(definition: StepDefinition[Any]) -> Iterator[str]:
    for replaced, returns in _CALLS:
        returned = _type(result_type(definition)) if returns else "PipelineSession"
        first = not returns and "defer_save" not in replaced
        body = f"\n{textwrap.indent(_documented(definition), '    ')}\n    ..." if first else " ..."
        yield f"@overload\ndef {definition.name}({_parameters(definition, replaced)}) -> {returned}:{body}"


def _documented(definition: StepDefinition[Any]) -> str:
    return '"""' + docstring(definition).replace('"""', "'''") + '\n"""'


def _parameters(definition: StepDefinition[Any], replaced: dict[str, str]) -> str:
    said = []
    keyword_only = False
    for name, parameter in signature(definition).parameters.items():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and not keyword_only:
            keyword_only = True
            said.append("*")
        if name in replaced:
            said.append(f"{name}: {replaced[name]}")
        else:
            default = "" if parameter.default is inspect.Parameter.empty else " = ..."
            said.append(f"{name}: {_type(parameter.annotation)}{default}")
    return "\n    " + ",\n    ".join(said) + ",\n"


def _type(annotation: Any) -> str:
    """Return a type as source."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is type(None):
        return "None"
    if annotation is Any:
        return "Any"
    if origin in (Union, types.UnionType):
        return " | ".join(map(_type, arguments))
    if origin is Literal:
        return f"Literal[{', '.join(map(repr, arguments))}]"
    if origin is not None:
        inner = ", ".join("..." if one is Ellipsis else _type(one) for one in arguments)
        return f"{origin.__name__}[{inner}]"
    return re.sub(r"^.*\.", "", getattr(annotation, "__name__", str(annotation)))


if __name__ == "__main__":
    PATH.write_text(stub(), encoding="utf-8")
