"""Spike-triggered averages and electrical images as films: GIF, and MP4 where there is an encoder."""

from __future__ import annotations

import contextlib
import importlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from hdmea.analysis.images import centre_value
from hdmea.exporters.exporter import ExportOptions, ExportProgress, exporter
from hdmea.exporters.figure import unit_title
from hdmea.exporters.figure_panels import Cell, frame_times_ms
from hdmea.exporters.figure_style import STYLE_FIELD, print_style, read_style
from hdmea.pipeline.unit_outputs import chosen_units
from hdmea.utils.exceptions import ConfigurationError, MissingInputError
from hdmea.utils.fixes import Advice, RunStep
from hdmea.utils.optional import optional_module

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession

__all__ = ["MovieOptions", "movie"]

_INCHES = 3.2


class MovieOptions(ExportOptions):
    """Options of `movie`."""

    unit_ids: tuple[str | int, ...] | None = Field(
        None,
        min_length=1,
        title="Unit",
        description="Unit id or number; the first one is shown, by default the first of the recording.",
        json_schema_extra={"names": "unit", "of_recording": True, "of_selection": True},
    )
    content: Literal["receptive_field", "electrical_image"] = Field(
        "receptive_field",
        title="Content",
        description="The spike-triggered average, or the electrical image.",
    )
    speed: float = Field(
        10.0,
        gt=0,
        le=60,
        title="Speed",
        description="Frames per second of the film.",
        json_schema_extra={"unit": "1/s"},
    )
    style: Path | None = STYLE_FIELD
    dpi: int = Field(150, ge=50, le=400, title="Resolution", json_schema_extra={"unit": "dpi"})


@exporter(name="movie", title="Film of a unit", suffixes=(".gif", ".mp4"), options=MovieOptions)
def movie(session: PipelineSession, target: Path, options: MovieOptions, progress: ExportProgress) -> None:
    """Draw the spike-triggered average or the electrical image of a unit as a film with the time on it."""
    animation = optional_module("matplotlib.animation", "figures", "A film")
    import matplotlib
    from matplotlib.figure import Figure

    units = chosen_units(session, options.unit_ids)
    if not units:
        raise MissingInputError("There is no unit.", fix=RunStep("load_recording"))
    cell = Cell(session, units[0])
    frames, times, levels = _content(cell, options.content)
    is_gif = target.suffix.lower() == ".gif"
    encoder: Any = {} if is_gif else {"animation.ffmpeg_path": _encoder()}
    style = read_style(options.style)
    with print_style(style), matplotlib.rc_context(encoder):
        if is_gif:
            writer = animation.PillowWriter(fps=options.speed)
        else:
            facts = {"title": session.dataset_id}
            writer = animation.FFMpegWriter(fps=options.speed, codec="h264", metadata=facts)
        figure = Figure(figsize=(_INCHES, _INCHES * 1.1), layout="constrained")
        axes = figure.add_subplot()
        image = axes.imshow(frames[0], cmap=style.difference_map, interpolation="nearest")
        image.set_clim(*levels)
        axes.set_axis_off()
        figure.suptitle(unit_title(session, units[0]))
        with writer.saving(figure, str(target), options.dpi):
            for at, (frame, time) in enumerate(zip(frames, times, strict=True)):
                progress(at / len(frames), f"Frame {at + 1} of {len(frames)}")
                image.set_data(frame)
                axes.set_title(f"{time:.2f} ms".replace("-", "−"))
                writer.grab_frame()


def _encoder() -> str:
    """Return the program ffmpeg: that of the system, otherwise that of the package imageio-ffmpeg."""
    found = shutil.which("ffmpeg")
    if found is None:
        with contextlib.suppress(ImportError, RuntimeError):
            found = importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe()
    if found is None:
        raise ConfigurationError(
            "An MP4 film needs the program ffmpeg, which is not installed.",
            fix=Advice("Install ffmpeg or the Python package imageio-ffmpeg, or write a .gif file."),
        )
    return found


def _content(cell: Cell, content: str) -> tuple[Any, Any, tuple[float, float]]:
    """Return frames, their times in ms, and the lowest and highest level."""
    if content == "receptive_field":
        name, feature = cell.average
        frames = np.asarray(feature["data"], np.float64) if name else np.zeros(0)
        step = "compute_sta"
    else:
        feature = cell.feature("eimage_sta")
        frames = np.asarray(feature.get("data", np.zeros(0)), np.float64)
        step = "compute_eimage_sta"
    if frames.ndim != 3 or not np.isfinite(frames).any():
        raise MissingInputError(f"{cell.unit_id} has nothing to show as a film.", fix=RunStep(step))
    centre = centre_value(frames)
    spread = float(np.nanmax(np.abs(frames - centre))) or 1.0
    if content == "receptive_field":
        times = frame_times_ms(cell, feature)
    else:
        first = int(np.ravel((feature.get("metadata") or {}).get("window_range", (0, 0)))[0])
        times = (first + np.arange(len(frames))) * 1000.0 / cell.session.acquisition_rate
    return frames, times, (centre - spread, centre + spread)
