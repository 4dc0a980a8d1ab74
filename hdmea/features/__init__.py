"""Features of units, spike-triggered averages and electrical images: pure functions of arrays.

Names are imported when they are used, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hdmea.declare import (
        FEATURES,
        Extractor,
        FeatureParams,
        FeatureTable,
        Output,
        Recording,
        Requirement,
        extractor,
    )
    from hdmea.features.dsgc_direction import DIRECTION_LIST, section_by_direction
    from hdmea.features.registry import FeatureExtractor, FeatureRegistry
    from hdmea.features.science.electrical_image import ElectricalImages, electrical_images
    from hdmea.features.science.spike_triggered_average import (
        SpikeTriggeredAverages,
        spike_triggered_averages,
    )
    from hdmea.features.sta import compute_sta

__all__ = [
    "DIRECTION_LIST",
    "FEATURES",
    "ElectricalImages",
    "Extractor",
    "FeatureExtractor",
    "FeatureParams",
    "FeatureRegistry",
    "FeatureTable",
    "Output",
    "Recording",
    "Requirement",
    "SpikeTriggeredAverages",
    "compute_sta",
    "electrical_images",
    "extractor",
    "section_by_direction",
    "spike_triggered_averages",
]

_DECLARED = (
    "FEATURES",
    "Extractor",
    "FeatureParams",
    "FeatureTable",
    "Output",
    "Recording",
    "Requirement",
    "extractor",
)
_MODULES = {
    "hdmea.declare": _DECLARED,
    "hdmea.features.dsgc_direction": ("DIRECTION_LIST", "section_by_direction"),
    "hdmea.features.registry": ("FeatureExtractor", "FeatureRegistry"),
    "hdmea.features.science.electrical_image": ("ElectricalImages", "electrical_images"),
    "hdmea.features.science.spike_triggered_average": ("SpikeTriggeredAverages", "spike_triggered_averages"),
    "hdmea.features.sta": ("compute_sta",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a public name from its module."""
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
