"""Features of units, spike-triggered averages and electrical images: pure functions of arrays.

Names are imported when they are used, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hdmea.features.extractor import (
        Extractor,
        FeatureParams,
        FeatureTable,
        Output,
        Recording,
        Requirement,
    )
    from hdmea.features.registry import Registry, default_registry, register_file
    from hdmea.features.science.electrical_image import ElectricalImages, electrical_images
    from hdmea.features.science.spike_triggered_average import (
        SpikeTriggeredAverages,
        spike_triggered_averages,
    )
    from hdmea.features.sta import compute_sta

__all__ = [
    "ElectricalImages",
    "Extractor",
    "FeatureParams",
    "FeatureTable",
    "Output",
    "Recording",
    "Registry",
    "Requirement",
    "SpikeTriggeredAverages",
    "compute_sta",
    "default_registry",
    "electrical_images",
    "register_file",
    "spike_triggered_averages",
]

_MODULES = {
    "science.electrical_image": ("ElectricalImages", "electrical_images"),
    "extractor": ("Extractor", "FeatureParams", "FeatureTable", "Output", "Recording", "Requirement"),
    "registry": ("Registry", "default_registry", "register_file"),
    "science.spike_triggered_average": ("SpikeTriggeredAverages", "spike_triggered_averages"),
    "sta": ("compute_sta",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a public name from its module."""
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
