"""Import paths of older scripts; the code is in `hdmea.pipeline`, `hdmea.recordings` and `hdmea.results`."""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    "SectionResult": "hdmea.pipeline",
    "section_spike_times": "hdmea.pipeline",
    **dict.fromkeys(
        ("add_section_time", "add_section_time_analog", "convert_sample_index_to_frame"),
        "hdmea.io.section_time",
    ),
    **dict.fromkeys(("load_cmcr_data", "add_sys_meta_info"), "hdmea.io.cmcr"),
    **dict.fromkeys(("load_cmtr_data", "add_cmtr_unit_info"), "hdmea.io.cmtr"),
    **dict.fromkeys(
        (
            "create_recording_hdf5",
            "get_stage1_status",
            "list_features",
            "list_units",
            "mark_stage1_complete",
            "open_recording_hdf5",
            "write_feature_to_unit",
            "write_metadata",
            "write_source_files",
            "write_stimulus",
            "write_units",
        ),
        "hdmea.io.hdf5_store",
    ),
}


def __getattr__(name: str) -> Any:
    """Import a name that older scripts import from here."""
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(_HOME)
