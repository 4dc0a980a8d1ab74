"""Spikes by direction as older scripts ask for them; the step is `hdmea.pipeline.section_by_direction`."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["DIRECTION_LIST", "DirectionSectionResult", "section_by_direction"]

DIRECTION_LIST = [0, 45, 90, 135, 180, 225, 270, 315]
"""Directions of motion in degrees, in the order in which they are shown."""


@dataclass
class DirectionSectionResult:
    """Result of `section_by_direction`; units without a receptive field or a known pixel are skipped."""

    hdf5_path: Path
    movie_name: str
    units_processed: int
    units_skipped: int
    padding_frames: int
    elapsed_seconds: float
    warnings: list[str] = field(default_factory=list)
    skipped_units: list[str] = field(default_factory=list)


def section_by_direction(
    hdf5_path: str | Path,
    *,
    movie_name: str = "moving_h_bar_s5_d8_3x",
    on_off_dict_path: str | Path | None = None,
    padding_frames: int = 10,
    force: bool = False,
    output_path: str | Path | None = None,
    unit_ids: Sequence[str | int] | None = None,
) -> DirectionSectionResult:
    """Sort the spikes of a moving bar by direction with the step of the same name.

    Parameters
    ----------
    hdf5_path
        Result file; it is changed unless `output_path` is given.
    movie_name, on_off_dict_path, padding_frames, force, unit_ids
        As of the step.
    output_path
        Copy of the file that is changed in its place.

    Raises
    ------
    FileNotFoundError
        If a file does not exist.
    MissingInputError
        If the movie has no trials.
    DataLoadError
        If `on_off_dict_path` is not a table of crossings.
    ValidationError
        If a parameter is not allowed.
    """
    from hdmea import pipeline

    target = Path(hdf5_path)
    if output_path is not None:
        Path(output_path).parent.mkdir(parents=True, exist_ok=True)
        target = Path(shutil.copy2(hdf5_path, output_path))
    result = pipeline.section_by_direction(
        target,
        movie_names=(movie_name,),
        on_off_dict_path=on_off_dict_path,
        padding_frames=padding_frames,
        unit_ids=None if unit_ids is None else tuple(unit_ids),
        force=force,
    )
    return DirectionSectionResult(
        hdf5_path=result.hdf5_path,
        movie_name=movie_name,
        units_processed=result.units_processed,
        units_skipped=len(result.units_missing),
        padding_frames=padding_frames,
        elapsed_seconds=result.elapsed_seconds,
        warnings=result.warnings,
        skipped_units=result.units_missing,
    )
