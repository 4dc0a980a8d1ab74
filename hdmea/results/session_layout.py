"""Root attributes and pipeline records of a result file in the layout of the laboratory's scripts."""

from __future__ import annotations

from typing import Any

import numpy as np

from hdmea import __version__
from hdmea.results.lazy import LazyArray
from hdmea.results.plan import ArrayPlan, GroupPlan, Path, add_entry, plan_dict, plan_value
from hdmea.results.session_content import SCHEMA_VERSION, SessionContent
from hdmea.results.values import is_clean_text

__all__ = [
    "FEATURE_PREFIX",
    "LOAD_STEP",
    "plan_pipeline",
    "plan_root_attrs",
]

LOAD_STEP = "load_recording"
FEATURE_PREFIX = "hdmea_"
"""Beginning of the names of our own metadata of a feature."""


def plan_root_attrs(content: SessionContent) -> GroupPlan:
    """Plan the attributes of the file's root."""
    root = GroupPlan()
    attrs = {
        "dataset_id": content.dataset_id,
        "created_at": content.created_at,
        "updated_at": content.updated_at,
        "hdmea_version": __version__,
        "schema_version": SCHEMA_VERSION,
        "stage1_completed": LOAD_STEP in content.completed_steps,
    }
    for name, value in attrs.items():
        add_entry(root, name, value, (name,))
    return root


def plan_pipeline(content: SessionContent) -> GroupPlan:
    """Plan what the file says about how it was made."""
    loaded = LOAD_STEP in content.completed_steps
    finished = content.steps.get(LOAD_STEP, {}).get("finished_at", "") if loaded else ""
    group = plan_dict({"stage1_completed": loaded, "stage1_timestamp": finished}, ("pipeline",))
    info = {
        "saved_at": content.updated_at,
        "checkpoint_name": content.checkpoint_name,
        "save_state": content.save_state,
        "output_dir": content.output_dir,
        "extra": content.extra,
    }
    path = ("pipeline", "session_info")
    session_info = plan_dict(info, path)
    for name in ("completed_steps", "warnings"):
        session_info.children[name] = _plan_texts(getattr(content, name), (*path, name))
    group.children["session_info"] = session_info
    group.children["steps"] = plan_dict(content.steps, ("pipeline", "steps"))
    return group


def _is(found: Any, part: Any) -> bool:
    return found is part or (isinstance(part, LazyArray) and found is not None and found is part.loaded)


def _equals(found: Any, array: Any) -> bool:
    if isinstance(found, LazyArray):
        found = found.read()
    if not isinstance(found, np.ndarray) or found.dtype != array.dtype or found.shape != array.shape:
        return False
    return found.__array_interface__ == array.__array_interface__ or bool(np.array_equal(found, array))


def _plan_texts(texts: list[str], path: Path) -> GroupPlan | ArrayPlan:
    if all(type(text) is str and is_clean_text(text) for text in texts):
        return ArrayPlan(data=tuple(texts))
    return plan_value(np.array(texts, dtype=object), path)
