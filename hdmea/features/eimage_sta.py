"""Electrical images as older scripts ask for them; the step is `hdmea.pipeline.compute_eimage_sta`."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["EImageSTAResult", "compute_eimage_sta"]

logger = logging.getLogger(__name__)


@dataclass
class EImageSTAResult:
    """Result of `compute_eimage_sta`; times in seconds. Units without a usable spike have failed."""

    hdf5_path: Path
    cmcr_path: Path
    units_processed: int
    units_failed: int
    units_skipped: int
    elapsed_seconds: float
    filter_time_seconds: float
    warnings: list[str] = field(default_factory=list)


def compute_eimage_sta(
    hdf5_path: str | Path,
    cmcr_path: str | Path,
    *,
    cutoff_hz: float = 100.0,
    filter_order: int = 2,
    pre_samples: int = 10,
    post_samples: int = 40,
    spike_limit: int = 10_000,
    duration_s: float | None = None,
    skip_highpass: bool = False,
    use_cache: bool = False,
    cache_path: str | Path | None = None,
    force: bool = False,
) -> EImageSTAResult:
    """Compute the electrical images of all units of a result file with the step of the same name.

    Parameters
    ----------
    hdf5_path, cmcr_path
        Result file and raw recording.
    cutoff_hz, filter_order, skip_highpass, force
        As of the step.
    pre_samples, post_samples
        Samples of the window before the spike, and from it on.
    spike_limit
        Only the first so many spikes of a unit are used; 0 or less: all.
    duration_s
        Spikes of the first so many seconds are used; None: of the whole recording.
    use_cache, cache_path
        Without effect: the raw data are filtered while they are read, and nothing is cached.

    Raises
    ------
    MissingInputError
        If there are no units, or the recording does not contain sensor data.
    FileNotFoundError
        If a file does not exist.
    """
    from hdmea import pipeline

    if use_cache or cache_path is not None:
        logger.warning("Filtered raw data are not cached: use_cache and cache_path have no effect.")
    result = pipeline.compute_eimage_sta(
        hdf5_path,
        cmcr_path,
        duration_s=duration_s,
        spike_limit=max(0, spike_limit),
        window_range=(-pre_samples, post_samples),
        cutoff_hz=cutoff_hz,
        filter_order=filter_order,
        skip_highpass=skip_highpass,
        force=force,
    )
    return EImageSTAResult(
        hdf5_path=result.hdf5_path,
        cmcr_path=Path(cmcr_path),
        units_processed=result.units_with_sta,
        units_failed=result.num_units - result.units_with_sta,
        units_skipped=0,
        elapsed_seconds=result.elapsed_seconds,
        filter_time_seconds=result.filter_time_seconds,
        warnings=result.warnings,
    )
