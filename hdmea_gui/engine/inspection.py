"""The card of a recording: what is inside its files, before anything is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hdmea.utils.notices import said
from hdmea_gui.engine.snapshot import Card, Refused
from hdmea_gui.engine.words import WINDOW
from hdmea_gui.text.formats import size_text

if TYPE_CHECKING:
    from hdmea.recordings.mcs.sensor import Electrodes
    from hdmea.recordings.signals import RecordingInfo

__all__ = ["inspect_sources"]

_Lines = list[tuple[str, str]]


def inspect_sources(
    cmcr: Path | None, cmtr: Path | None, refused: list[Refused]
) -> tuple[Path | None, Path | None, Card | None]:
    """Return the files that can be read, and what is inside; None where nothing can be read.

    Parameters
    ----------
    cmcr, cmtr
        The files, None where there is none.
    refused
        Gets those that cannot be read, with the reason.
    """
    from hdmea.recordings.pairing import recording_name

    lines: _Lines = [("Folder", str((cmcr or cmtr or Path()).absolute().parent))]
    warnings: list[str] = []
    info = None
    if cmcr is not None:
        info = _look_into_raw(cmcr, lines, warnings, refused)
        cmcr = cmcr if info is not None else None
    found = _look_into_sorted(cmtr, info, lines, warnings, refused) if cmtr is not None else None
    cmtr = cmtr if found is not None else None
    if cmcr is None and cmtr is None:
        return None, None, None
    needed, n_units, duration_s = found or (_needed_gb(info), 0, 0.0)
    _tell_memory(needed, lines, warnings)
    if cmcr is None:
        warnings.append(
            "Without the .cmcr file there are no light channels, so section times and averages cannot be "
            "computed."
        )
    elif info is not None and not info.n_light_channels:
        warnings.append(
            "There are no light channels, so section times and averages over trials cannot be computed."
        )
    if cmtr is None:
        warnings.append("Without the .cmtr file there are no units.")
    elif not n_units:
        warnings.append(f"{cmtr.name} does not contain sorted units. Sort its spikes first.")
    title = recording_name(cmcr, cmtr)
    missing = ".cmcr" if cmcr is None else ".cmtr" if cmtr is None else ""
    announced = (n_units, duration_s if info is None else info.duration_s)
    return cmcr, cmtr, Card(title, tuple(lines), tuple(warnings), missing, announced)


def _electrodes(sensor: Electrodes) -> str:
    if sensor.is_complete:
        return f"{sensor.rows} × {sensor.cols} electrodes"
    return f"{sensor.n_electrodes:,} electrodes within {sensor.rows} × {sensor.cols}"


def _look_into_raw(
    path: Path, lines: _Lines, warnings: list[str], refused: list[Refused]
) -> RecordingInfo | None:
    from hdmea.recordings.reader import open_signals
    from hdmea.utils.exceptions import HDMEAError

    try:
        with open_signals(path) as raw:
            info = raw.info
            sensor = raw.sensor
        described = _described(path)
    except (HDMEAError, OSError) as error:
        refused.append(Refused(path, said(error, WINDOW)))
        return None
    lights = ", ".join(info.light_labels) or str(info.n_light_channels)
    recorded = info.metadata.get("DateTime")
    lines += [
        described,
        *([("Recorded", str(recorded))] if recorded else []),
        ("Duration", f"{info.duration_s:,.1f} s at {info.sampling_rate:,.0f} Hz"),
        ("Sensors", "not recorded" if sensor is None else _electrodes(sensor)),
        ("Light channels", f"{info.n_light_channels} ({lights})" if info.n_light_channels else "none"),
    ]
    warnings += [said(warning, WINDOW) for warning in info.warnings]
    return info


def _look_into_sorted(
    path: Path, info: RecordingInfo | None, lines: _Lines, warnings: list[str], refused: list[Refused]
) -> tuple[float, int, float] | None:
    """Return memory in GB for both files, units and seconds; None if the sorted one cannot be read."""
    from hdmea.pipeline.loading import memory_estimate_gb
    from hdmea.recordings.reader import open_units
    from hdmea.utils.exceptions import HDMEAError

    try:
        with open_units(path) as sorting:
            found = sorting.info
            needed = memory_estimate_gb(info, sorting)
            # The sorter may have rejected some of them, which is known only when all were read.
            peaks = sorting.n_peaks
        described = _described(path)
    except (HDMEAError, OSError) as error:
        refused.append(Refused(path, said(error, WINDOW)))
        return None
    lines += [
        described,
        ("Sorted units", f"{found.n_units} with {peaks:,} detected peaks" if found.n_units else "none"),
    ]
    if info is None and found.duration_s:
        lines.append(("Duration", f"{found.duration_s:,.1f} s"))
    warnings += [said(warning, WINDOW) for warning in found.warnings]
    return needed, found.n_units, float(found.duration_s or 0.0)


def _described(path: Path) -> tuple[str, str]:
    """Return what kind of file or folder this is, and its name with the size."""
    from hdmea.recordings.reader import find_reader, source_stamp

    reader = find_reader(path)
    title = "File" if reader is None else reader.title
    return title, f"{path.name} ({size_text(source_stamp(path)[0])})"


def _needed_gb(info: RecordingInfo | None) -> float:
    from hdmea.pipeline.loading import memory_estimate_gb

    return memory_estimate_gb(info, None)


def _tell_memory(needed_gb: float, lines: _Lines, warnings: list[str]) -> None:
    import psutil

    free_gb = psutil.virtual_memory().available / 1e9
    lines.append(("Memory", f"needs about {size_text(needed_gb * 1e9)} of {free_gb:.1f} GB free"))
    if needed_gb > free_gb:
        warnings.append(
            "This does not fit into the free memory. Close other programs, or use a computer with more "
            "memory."
        )
