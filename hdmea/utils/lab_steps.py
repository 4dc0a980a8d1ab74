"""Which steps of the laboratory's scripts a file shows that does not list them."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

__all__ = ["steps_by_data"]


def steps_by_data(
    attrs: Mapping[str, Any], stimulus: Container[str], unit: Container[str], features: Iterable[str]
) -> list[str]:
    """Return the steps of a file in the layout ``lab-steps``, as far as its data tell.

    Parameters
    ----------
    attrs
        Attributes of the root.
    stimulus, unit, features
        Names in the group of the stimulus, in that of a unit, and of the features of a unit.
    """
    found = ["load_recording"] if attrs.get("stage1_completed") in (True, 1) else []
    if "section_time" in stimulus:
        found.append("add_section_time")
    if "spike_times_sectioned" in unit:
        found.append("section_spike_times")
    names = list(features)
    if any(name.startswith("sta_") for name in names):
        found.append("compute_sta")
    if "eimage_sta" in names:
        found.append("compute_eimage_sta")
    if "features_extracted" in attrs:
        found.append("extract_features")
    return found
