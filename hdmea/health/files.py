"""Lights of the files: whether the two belong together, space on the drive, memory."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from hdmea.health.lights import Light, above, below, grey
from hdmea.health.limits import HealthLimits
from hdmea.pipeline.flows import load_flow
from hdmea.pipeline.forecast import forecast_steps
from hdmea.recordings.pairing import linked_name, same_name
from hdmea.utils.exceptions import HDMEAError

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession

__all__ = ["disk_light", "memory_light", "pairing_light"]

_FULL_CHIP_GB_PER_MINUTE = 65 * 65 * 20_000 * 2 * 60 / 1e9
_FLOW = "standard"


def pairing_light(session: PipelineSession, problem: str) -> Light:
    """Judge whether spikes and raw data belong together.

    Parameters
    ----------
    session
        With what was found at loading.
    problem
        Why the other file of the pair could not be loaded; empty if it could, or there is none.
    """
    name, unit = "pairing", "%"
    if problem:
        return Light(name, "red", 0.0, unit, problem)
    files = [Path(str(path)) for key in ("cmcr_path", "cmtr_path") if (path := session.source_files.get(key))]
    if len(files) < 2:
        return grey(name, unit, "There is only one of the two files of a recording.")
    system = session.metadata.get("sys_meta") or {}
    verdict, evidence = str(system.get("spikes_in_raw", "")), str(system.get("spikes_in_raw_evidence", ""))
    link = linked_name((session.metadata.get("cmtr_meta") or {}).get("linked_recording") or None)
    other = "" if link is None or same_name(link, files[0].name) else f"; its link names {link}"
    share = float(system.get("spikes_in_raw_share", math.nan))
    if verdict == "does not fit":
        why = str(system.get("spikes_in_raw_problem", ""))
        said = f"The spikes do not fit the raw data: {why} ({evidence}){other}"
        return Light(name, "red", 0.0 if math.isnan(share) else 100 * share, unit, said)
    if verdict == "fits":
        value = 100.0 if math.isnan(share) else 100 * share
        return Light(name, "amber" if other else "green", value, unit, f"The spikes fit: {evidence}{other}")
    return grey(name, unit, f"It cannot be checked: {evidence or 'the raw data were not there'}{other}.")


def disk_light(folder: Path, limits: HealthLimits) -> Light:
    """Judge the free space on the drive of a recording."""
    try:
        free = shutil.disk_usage(folder).free / 1e9
    except OSError as error:
        return grey("disk", "GB", f"The drive of {folder} does not report its free space: {error.strerror}.")
    minutes = free / _FULL_CHIP_GB_PER_MINUTE
    return Light(
        "disk",
        below(free, limits.disk_gb),
        free,
        "GB",
        f"Free on the drive of the recording: {minutes:.0f} min of raw data of the whole chip at 20 kHz",
    )


def memory_light(session: PipelineSession, limits: HealthLimits) -> Light:
    """Judge whether the memory suffices for all steps of the standard flow."""
    try:
        steps = [(item.step, item.params) for item in load_flow(_FLOW).completed().steps]
        steps = [step for step in steps if step[0] not in session.completed_steps]
        ahead = forecast_steps(session, steps)
    except HDMEAError as error:
        return grey("memory", "GB", f"The memory that the steps need is not known: {error.message}")
    held = session.memory_estimate_gb
    needed = held + ahead.nbytes / 1e9
    free = psutil.virtual_memory().available / 1e9 + held
    return Light(
        "memory",
        above(needed / max(free, 1e-9), limits.memory_part),
        needed,
        "GB",
        f"Memory that the recording and the results of all steps take, of {free:.1f} GB",
    )
