"""What the step functions return when they work on a file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hdmea.pipeline.context import StepRun

__all__ = [
    "ExtractionResult",
    "FlowResult",
    "LoadResult",
    "LoadWithEImageSTAResult",
    "STAResult",
    "SectionResult",
]


@dataclass
class LoadResult:
    """Result of `load_recording`."""

    hdf5_path: Path
    dataset_id: str
    num_units: int
    stage1_completed: bool
    warnings: list[str] = field(default_factory=list)


@dataclass
class LoadWithEImageSTAResult:
    """Result of `load_recording_with_eimage_sta` and `compute_eimage_sta`; times in seconds."""

    hdf5_path: Path
    dataset_id: str
    num_units: int
    units_with_sta: int
    stage1_completed: bool
    elapsed_seconds: float
    filter_time_seconds: float
    warnings: list[str] = field(default_factory=list)


@dataclass
class ExtractionResult:
    """Result of `extract_features`; names are those that were asked for."""

    hdf5_path: Path
    features_extracted: list[str] = field(default_factory=list)
    features_skipped: list[str] = field(default_factory=list)
    features_failed: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass
class SectionResult:
    """Result of `section_spike_times`; pads in seconds and in samples."""

    success: bool
    units_processed: int
    movies_processed: list[str]
    trial_repeats: int
    pad_margin: tuple[float, float]
    pre_samples: int
    post_samples: int
    warnings: list[str] = field(default_factory=list)


@dataclass
class STAResult:
    """Result of `compute_sta`; `cover_range` in display frames."""

    hdf5_path: Path
    movie_name: str
    units_processed: int
    units_failed: int
    cover_range: tuple[int, int]
    elapsed_seconds: float
    warnings: list[str] = field(default_factory=list)
    failed_units: list[str] = field(default_factory=list)


@dataclass
class FlowResult:
    """Result of `run_flow`.

    `hdf5_path` is None while a session that was passed is deferred. `steps_completed`,
    `steps_cached` and `steps_skipped` name the steps; a step is skipped when the recording lacks what
    it needs and the flow says that it may be. `results` has each step's documented result (while the session
    is deferred, with the path where a save will write it), `runs` what every step did.
    """

    hdf5_path: Path | None
    load_result: LoadResult | None
    extraction_result: ExtractionResult | None
    success: bool
    flow_name: str = ""
    steps_completed: list[str] = field(default_factory=list)
    steps_cached: list[str] = field(default_factory=list)
    steps_skipped: dict[str, str] = field(default_factory=dict)
    failed_step: str | None = None
    error: BaseException | None = None
    warnings: list[str] = field(default_factory=list)
    results: dict[str, Any] = field(default_factory=dict)
    runs: list[StepRun] = field(default_factory=list, repr=False)
