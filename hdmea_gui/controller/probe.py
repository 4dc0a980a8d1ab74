"""What the self-test looks at: a few numbers of the session, and whether the compiled kernels ran."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession
    from hdmea_gui.controller.workspace import Workspace

__all__ = ["Probe", "ProbeQuery", "compiled"]

_KERNELS = ("hdmea.features._sta_kernels", "hdmea.features._eimage_kernels")


@dataclass(frozen=True)
class Probe:
    """Numbers of the session by name, and for each module with kernels whether compiled ones ran."""

    values: dict[str, float]
    kernels: dict[str, bool]


@dataclass(frozen=True)
class ProbeQuery:
    """Look at the session after the demo flow."""

    def answer(self, bench: Workspace) -> Probe:
        """Return the numbers; SessionError if nothing is open."""
        values = _numbers(bench.require())
        return Probe(values, {name: compiled(sys.modules.get(name)) for name in _KERNELS})


def compiled(module: ModuleType | None) -> bool:
    """Return whether a function of a module was compiled to machine code and called."""
    functions = [] if module is None else [getattr(module, name) for name in module.__all__]
    return any(getattr(function, "nopython_signatures", ()) for function in functions)


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
