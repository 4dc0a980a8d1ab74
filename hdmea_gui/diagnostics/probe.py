"""What the self-test looks at: a few numbers of the session, and how the compiled kernels ran."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession
    from hdmea_gui.engine.workspace import Workspace

__all__ = ["Probe", "ProbeQuery", "compiled", "loaded"]

_KERNELS = ("hdmea.features.science.sta_kernels", "hdmea.features.science.eimage_kernels")


_NO_STATS = SimpleNamespace(cache_hits={})


@dataclass(frozen=True)
class Probe:
    """What was found.

    Attributes
    ----------
    values
        Numbers of the session by name.
    kernels, from_cache
        For each module with kernels, whether compiled ones ran, and whether an earlier start compiled them.
    """

    values: dict[str, float]
    kernels: dict[str, bool]
    from_cache: dict[str, bool]


@dataclass(frozen=True)
class ProbeQuery:
    """Look at the session after the demo flow."""

    def answer(self, workspace: Workspace) -> Probe:
        """Return the numbers; SessionError if nothing is open."""
        values = _numbers(workspace.require())
        modules = {name: sys.modules.get(name) for name in _KERNELS}
        return Probe(
            values,
            {name: compiled(module) for name, module in modules.items()},
            {name: loaded(module) for name, module in modules.items()},
        )


def compiled(module: ModuleType | None) -> bool:
    """Return whether a function of a module was compiled to machine code and called."""
    return any(getattr(function, "nopython_signatures", ()) for function in _functions(module))


def loaded(module: ModuleType | None) -> bool:
    """Return whether a compiled function of a module was read from a file instead of being compiled."""
    return any(getattr(function, "stats", _NO_STATS).cache_hits for function in _functions(module))


def _functions(module: ModuleType | None) -> list[Any]:
    return [] if module is None else [getattr(module, name) for name in module.__all__]


def _numbers(session: PipelineSession) -> dict[str, float]:
    units = list(session.units.values())
    features = {name for unit in units for name in unit.get("features", {})}
    averages = sorted(name for name in features if name.startswith("sta_"))
    return {
        "units": float(len(units)),
        "spikes": float(sum(unit["spike_count"] for unit in units)),
        "sections": float(len(session.stimulus.get("section_time", {}))),
        "sta_energy": sum(_energy(units, name) for name in averages),
        "eimage_energy": _energy(units, "eimage_sta"),
        "median_rate_hz": float(np.median([unit["spike_count"] / session.duration_s for unit in units])),
    }


def _energy(units: list[Mapping[str, Any]], feature: str) -> float:
    """Return the sum of squares of an array feature over all units; 0 where it was not computed."""
    arrays = [unit["features"][feature]["data"] for unit in units if feature in unit.get("features", {})]
    return float(sum(np.sum(np.square(np.nan_to_num(array), dtype=np.float64)) for array in arrays))
