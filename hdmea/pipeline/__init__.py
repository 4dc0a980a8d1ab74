"""The pipeline: a session in memory, and the steps that work on it.

Every step is a function of this module (`load_recording`, `add_section_time`, …); they are made from the
declarations in `hdmea.pipeline.steps` when they are first asked for.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from hdmea.declare import StepDefinition, calls_go_to
from hdmea.pipeline.results import ExtractionResult as ExtractionResult
from hdmea.pipeline.results import FlowResult as FlowResult
from hdmea.pipeline.results import LoadResult as LoadResult
from hdmea.pipeline.results import LoadWithEImageSTAResult as LoadWithEImageSTAResult
from hdmea.pipeline.results import SectionResult as SectionResult
from hdmea.pipeline.results import STAResult as STAResult
from hdmea.pipeline.session import PipelineSession as PipelineSession
from hdmea.pipeline.session import SaveState as SaveState
from hdmea.pipeline.session import create_session as create_session

_LAZY = {
    "all_steps": "hdmea.declare",
    "get_step": "hdmea.declare",
    "run_step": "hdmea.pipeline.run",
    "load_recording_with_eimage_sta": "hdmea.pipeline.combined",
    "load_session_from_hdf5": "hdmea.pipeline.loader",
    "run_flow": "hdmea.pipeline.flows",
    "list_available_flows": "hdmea.pipeline.flows",
}
_OWN = ("hdmea.pipeline.results", "hdmea.pipeline.session")


def _call(definition: StepDefinition[Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    from hdmea.pipeline.calls import step_function

    return step_function(definition)(*args, **kwargs)


calls_go_to(_call)


def __getattr__(name: str) -> Any:
    if name == "__all__":
        # ``from hdmea.pipeline import *`` asks for it.
        return __dir__()
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    # ``from hdmea.pipeline import run`` asks here first: a module must not make the registry look for steps.
    if not name.startswith("_") and importlib.util.find_spec(f"{__name__}.{name}") is None:
        from hdmea.declare import STEPS

        if name in STEPS:
            from hdmea.pipeline.calls import step_function

            return step_function(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    from hdmea.declare import all_steps

    here = {name for name, value in globals().items() if getattr(value, "__module__", "") in _OWN}
    return sorted({*here, *_LAZY, *all_steps()})
