"""Two steps in one call, for the scripts that know them so."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hdmea.features.science.image_quality import MIN_IMAGE_SNR, MIN_SPIKES
from hdmea.pipeline.calls import step_function
from hdmea.pipeline.results import LoadWithEImageSTAResult
from hdmea.pipeline.run import run_step
from hdmea.pipeline.session import DEFAULT_OUTPUT_DIR, PipelineSession

__all__ = ["load_recording_with_eimage_sta"]


def load_recording_with_eimage_sta(
    cmcr_path: str | Path | None = None,
    cmtr_path: str | Path | None = None,
    dataset_id: str | None = None,
    *,
    output_dir: str | Path = DEFAULT_OUTPUT_DIR,
    force: bool = False,
    allow_overwrite: bool = False,
    config: Mapping[str, Any] | None = None,
    duration_s: float = 120.0,
    spike_limit: int = 10_000,
    unit_ids: Sequence[str] | None = None,
    window_range: tuple[int, int] = (-10, 40),
    cutoff_hz: float = 100.0,
    filter_order: int = 2,
    skip_highpass: bool = False,
    chunk_duration_s: float = 10.0,
    session: PipelineSession | None = None,
    defer_save: bool = False,
    layout: str | None = None,
    drop_duplicates: float | None = None,
    bad_electrodes: Sequence[tuple[int, int]] | None = None,
    min_spikes: int = MIN_SPIKES,
    min_image_snr: float = MIN_IMAGE_SNR,
) -> LoadWithEImageSTAResult | PipelineSession:
    """Load a recording and compute the electrical image of its units.

    The same as `load_recording` followed by `compute_eimage_sta`; the parameters are theirs.

    Returns
    -------
    LoadWithEImageSTAResult or PipelineSession
        The session with ``session=`` or ``defer_save=True``, otherwise the result of both steps.

    Raises
    ------
    DataLoadError
        If a file cannot be read.
    MissingInputError
        If there is no raw data or there are no sorted units.
    """
    started = time.perf_counter()
    image: dict[str, Any] = {
        "duration_s": duration_s,
        "spike_limit": spike_limit,
        "unit_ids": unit_ids,
        "window_range": window_range,
        "cutoff_hz": cutoff_hz,
        "filter_order": filter_order,
        "skip_highpass": skip_highpass,
        "chunk_duration_s": chunk_duration_s,
        "bad_electrodes": bad_electrodes,
        "min_spikes": min_spikes,
        "min_image_snr": min_image_snr,
    }
    load: dict[str, Any] = {
        "cmcr_path": cmcr_path,
        "cmtr_path": cmtr_path,
        "dataset_id": dataset_id,
        "config": config,
        "drop_duplicates": drop_duplicates,
    }
    load_step, image_step = step_function("load_recording"), step_function("compute_eimage_sta")
    if session is not None or defer_save:
        held = load_step(
            **load, output_dir=output_dir, force=force, session=session, defer_save=defer_save, layout=layout
        )
        assert isinstance(held, PipelineSession)
        run_step(held, image_step, image, force=force)
        # Scripts ask whether it is done under the name that it has for them.
        held.mark_step_complete("load_recording_with_eimage_sta")
        return held
    loaded = load_step(
        **load, output_dir=output_dir, force=force, allow_overwrite=allow_overwrite, layout=layout
    )
    result: LoadWithEImageSTAResult = image_step(hdf5_path=loaded.hdf5_path, **image, force=force)
    result.elapsed_seconds = time.perf_counter() - started
    result.warnings = [*loaded.warnings, *result.warnings]
    return result
