"""What readers of the laboratory's layouts look for, made from results of this program.

Their table builders read the models of a receptive field under ``sta_geometry`` and spikes sorted by
direction under ``direction_section``. These are made when a file is written, and are not read back.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdmea.results.content import SessionContent, StepProvenance
from hdmea.results.lab.patches import Patch, set_to
from hdmea.results.nodes import Dataset, Group
from hdmea.results.unread import Unread

__all__ = [
    "FRIF_AXIS",
    "Facts",
    "correct",
    "direction_sections",
    "metadata_words",
    "of_feature",
    "pixel_of_bar",
    "rf_center",
    "sections_feature",
]

_STA, _GEOMETRY, _LNL = "sta_", "sta_geometry", "lnl"
_SECTIONS = "direction_sections_"
_PIXELS = 20
"""Pixels of the bar's movie for each pixel of the noise."""
FRIF_AXIS = "FRIF_x_axis"
_FLAT = "none"
"""Model of a field that does not exist."""


@dataclass
class Facts:
    """What features need of the rest of the session.

    Parameters
    ----------
    content
        The session.
    """

    content: SessionContent

    def frame_samples(self) -> NDArray[np.int64] | None:
        """Return the sample of each display frame, None where they are not known."""
        frames = _read(dict.get(self.content.metadata, "frame_timestamps"))
        return np.asarray(frames).astype(np.int64) if isinstance(frames, np.ndarray) else None

    def attrs(self, tree: str, movie: str) -> Mapping[str, Any]:
        """Return the attributes of the array of a movie in one part of the stimulus."""
        below: Any = _read(dict.get(self.content.stimulus, tree))
        array = _read(dict.get(below, movie)) if isinstance(below, dict) else None
        found: Mapping[str, Any] = getattr(array, "attrs", {})
        return found


def _read(value: Any) -> Any:
    return value.read() if isinstance(value, Unread) else value


def _entry(values: Any, name: str) -> Any:
    """Return an entry of a dictionary as it is, perhaps unread."""
    return dict.get(values, name) if isinstance(values, dict) else None


def _below(values: Any, *names: str) -> Any:
    for name in names:
        values = _read(values)
        values = dict.get(values, name) if isinstance(values, dict) else None
    return _read(values)


def of_feature(name: str, entry: dict[Any, Any], features: Mapping[str, Any], facts: Facts) -> dict[str, Any]:
    """Return what is added to the group of a feature for readers of the layout."""
    geometry = _below(entry, _GEOMETRY)
    if not name.startswith(_STA) or not isinstance(geometry, dict) or "gaussian_amplitude" not in geometry:
        return {}
    found = {
        "gaussian_fit": _gaussian(geometry),
        "DoG": _difference_of_gaussians(geometry),
        "ONOFF_model": _on_off(geometry),
    }
    model = _read(dict.get(features, _LNL)) if isinstance(features, dict) else None
    if _below(model, "metadata", "movie_name") == name.removeprefix(_STA):
        found["lnl"] = _linear_nonlinear(_below(model, "data"), _n_frames(entry, name, facts))
    return {_GEOMETRY: {**_extent(geometry), **{key: value for key, value in found.items() if value}}}


def frif_axis(name: str, entry: dict[Any, Any], facts: Facts) -> NDArray[np.float64] | None:
    """Return the times of the bins of a rate in display frames, which their scripts look for beside it."""
    if name != "frif":
        return None
    axis = _read(dict.get(facts.content.stimulus, FRIF_AXIS))
    data = _read(dict.get(entry, "data"))
    if not isinstance(axis, np.ndarray) or not isinstance(data, dict) or FRIF_AXIS in data:
        return None
    return axis if getattr(dict.get(data, "FRIF"), "shape", ()) == axis.shape else None


def _extent(geometry: Mapping[str, Any]) -> dict[str, Any]:
    """Return map and size of the field: the box around its ellipse, the circle with its area."""
    area = float(geometry.get("area", math.nan))
    found: dict[str, Any] = {"size_x": math.nan, "size_y": math.nan}
    found["equivalent_diameter"] = 2 * math.sqrt(area / math.pi) if area >= 0 else math.nan
    for part in ("gaussian", "dog_center", "on", "off"):
        major, minor, angle = (
            float(geometry.get(f"{part}_{name}", math.nan))
            for name in ("sigma_major", "sigma_minor", "orientation")
        )
        if math.isclose(math.pi * major * minor, area, rel_tol=1e-6):
            along, across = math.cos(math.radians(angle)), math.sin(math.radians(angle))
            found["size_x"] = 2 * math.hypot(major * along, minor * across)
            found["size_y"] = 2 * math.hypot(major * across, minor * along)
            break
    spatial = _read(dict.get(geometry, "spatial_map")) if isinstance(geometry, dict) else None
    if isinstance(spatial, np.ndarray):
        found["diff_map"] = np.abs(spatial.astype(np.float64))
    return found


def _gaussian(geometry: Mapping[str, Any]) -> dict[str, float]:
    return _chosen(
        geometry,
        center_x="gaussian_x",
        center_y="gaussian_y",
        sigma_x="gaussian_sigma_major",
        sigma_y="gaussian_sigma_minor",
        amplitude="gaussian_amplitude",
        offset="gaussian_offset",
        r_squared="gaussian_r2",
    ) | {"theta": math.radians(float(geometry.get("gaussian_orientation", math.nan)))}


def _chosen(values: Mapping[str, Any], **names: str) -> dict[str, float]:
    return {word: float(values.get(name, math.nan)) for word, name in names.items()}


def _difference_of_gaussians(geometry: Mapping[str, Any]) -> dict[str, float]:
    """Return centre and surround as circles of the same area; the surround is subtracted there."""
    known = _chosen(
        geometry,
        amp_exc="dog_center_amplitude",
        center_x="dog_center_x",
        center_y="dog_center_y",
        offset="dog_offset",
        r_squared="dog_r2",
    )
    sizes = {}
    for word, part in (("sigma_exc", "center"), ("sigma_inh", "surround")):
        major, minor = (
            float(geometry.get(f"dog_{part}_sigma_{axis}", math.nan)) for axis in ("major", "minor")
        )
        sizes[word] = math.sqrt(major * minor) if major * minor >= 0 else math.nan
    return {**known, **sizes, "amp_inh": -float(geometry.get("dog_surround_amplitude", math.nan))}


def _on_off(geometry: Mapping[str, Any]) -> dict[str, float]:
    found: dict[str, float] = {}
    for part in ("on", "off"):
        words = {f"{part}_amplitude": f"{part}_amplitude"}
        words |= {f"{part}_center_{axis}": f"{part}_{axis}" for axis in "xy"}
        words |= {f"{part}_sigma_x": f"{part}_sigma_major", f"{part}_sigma_y": f"{part}_sigma_minor"}
        found |= _chosen(geometry, **words)
    return found


def _n_frames(entry: dict[Any, Any], name: str, facts: Facts) -> int | None:
    """Return how many frames of the noise the model was fitted to."""
    frames = facts.attrs("trial_time", name.removeprefix(_STA)).get("frames")
    cover = _below(entry, "metadata", "cover_range")
    if frames is None or cover is None:
        return None
    shown = np.atleast_2d(np.asarray(frames))
    if _below(entry, "metadata", "trials") == "first":
        shown = shown[:1]
    window = int(cover[1]) - int(cover[0])
    return int(np.maximum(shown[:, 1] - shown[:, 0] - window, 0).sum())


def _linear_nonlinear(data: Any, n_frames: int | None) -> dict[str, Any]:
    """Return the model with a generator of mean 0 and SD 1 over the bins, and Poisson likelihoods per frame.

    ``a`` is the rate at the mean generator in Hz and ``a_norm`` the same as a part of the mean rate;
    ``threshold_g`` is where the model reaches the mean rate. A silent unit, or one without a model, has NaN.
    """
    if not isinstance(data, dict):
        return {}
    known = _chosen(
        data,
        bits_per_spike="bits_per_spike",
        r_squared="r2",
        rectification_index="rectification_index",
    )
    generator, rate = (np.asarray(data.get(name, ()), float) for name in ("bin_generator", "bin_rate"))
    spikes = float(data.get("n_spikes", math.nan))
    found: dict[str, Any] = {**known, "n_spikes": 0 if math.isnan(spikes) else int(spikes)}
    names = ("a", "b", "a_norm", "threshold_g", "nonlinearity_index", "log_likelihood", "null_log_likelihood")
    found |= dict.fromkeys(names, math.nan)
    found["n_frames"] = n_frames or 0
    if generator.size < 2 or generator.size != rate.size or not np.isfinite(generator).all():
        return found
    mean, spread = float(generator.mean()), float(generator.std())
    log_rate, gain = float(data.get("log_rate", math.nan)), float(data.get("gain", math.nan))
    found["b"] = gain * spread
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        found["a"] = float(np.exp(log_rate + gain * mean))
        mean_rate = float(rate.mean())
        found["a_norm"] = found["a"] / mean_rate if mean_rate else math.nan
        if found["a_norm"] > 0 and found["b"]:
            found["threshold_g"] = -math.log(found["a_norm"]) / found["b"]
    total = float(((rate - mean_rate) ** 2).sum())
    if total and spread:
        line = np.polyval(np.polyfit(generator, rate, 1), generator)
        found["nonlinearity_index"] = float(((rate - line) ** 2).sum()) / total
    if n_frames and spikes > 0:
        null = spikes * math.log(spikes / n_frames) - spikes
        found["null_log_likelihood"] = null
        found["log_likelihood"] = null + known["bits_per_spike"] * spikes * math.log(2)
    scaled = (generator - mean) / spread if spread else generator
    return {**found, "g_bin_centers": scaled.astype(np.float32), "rate_vs_g": rate.astype(np.float32)}


def correct(group: Group, patch: Patch) -> None:
    """Give numbers of a geometry the types that they have in the layout."""
    geometry = group.children.get(_GEOMETRY)
    if not isinstance(geometry, Group):
        return
    entries = patch.setdefault("entries", {}).setdefault(_GEOMETRY, {}).setdefault("entries", {})
    frame = geometry.children.get("peak_frame")
    if isinstance(frame, Dataset) and frame.dtype == np.float64 and not frame.shape:
        value = float(np.asarray(frame.source))
        if value.is_integer():
            geometry.children["peak_frame"] = Dataset((), np.dtype(np.int64), np.array(int(value)))
            entries["peak_frame"] = set_to(value, ())
    course = geometry.children.get("sta_time_course")
    if isinstance(course, Dataset) and course.dtype == np.float32 and isinstance(course.source, np.ndarray):
        double = course.source.astype(np.float64)
        geometry.children["sta_time_course"] = Dataset(double.shape, double.dtype, double)
        entries["sta_time_course"] = {**entries.get("sta_time_course", {}), "dtype": course.dtype.str}


def sections_feature(movie: str) -> str:
    """Return the name of the feature that direction sections are made from."""
    return f"{_SECTIONS}{movie}"


def direction_sections(movie: str, unit: Mapping[str, Any], facts: Facts) -> dict[str, Any]:
    """Return the spikes of a movie by direction and repetition: frames, counted from the movie's first.

    Empty where the step did not run.
    """
    feature = _below(_entry(unit, "features"), sections_feature(movie))
    data = _below(feature, "data")
    spikes, samples = _read(_entry(unit, "spike_times")), facts.frame_samples()
    swept = facts.attrs("direction_time", movie)
    sweeps, starts = swept.get("frames"), _starts(swept, facts.attrs("section_time", movie))
    if not isinstance(data, dict) or spikes is None or samples is None or starts is None or sweeps is None:
        return {}
    directions = [round(float(angle)) for angle in np.asarray(data["directions_deg"])]
    windows = "rf_window_frames" in data
    frames = np.asarray(data["rf_window_frames"] if windows else sweeps).astype(np.int64)
    ranges = np.asarray(data["rf_window_spike_ranges" if windows else "spike_ranges"])
    found: dict[str, Any] = {}
    for number, direction in enumerate(directions):
        trials = {}
        for repetition, (first, stop) in enumerate(ranges[number].tolist()):
            during = np.searchsorted(samples, np.asarray(spikes[first:stop]).astype(np.int64), "right") - 1
            trials[str(repetition)] = during.astype(np.int64) - starts[number, repetition]
        found[str(direction)] = {
            # First and last frame there.
            "section_bounds": frames[number] - starts[number][:, None] - np.array([0, 1]),
            "trials": trials,
        }
    params = json.loads(str(_below(feature, "metadata", "params") or "{}"))
    found["_attrs"] = {
        "direction_list": np.array(directions, np.int64),
        "n_directions": len(directions),
        "n_repetitions": int(ranges.shape[1]),
        "padding_frames": int(params.get("padding_frames", 0)) if windows else 0,
        **_center(unit),
    }
    return found


def _starts(swept: Mapping[str, Any], section: Mapping[str, Any]) -> NDArray[np.int64] | None:
    """Return the movie's first frame for each sweep; version 1 of the step did not store it."""
    if "content_frame" in swept:
        return np.asarray(swept["content_frame"]).astype(np.int64)
    if "frames" not in swept or "content_frame" not in section:
        return None
    content = np.atleast_1d(np.asarray(section["content_frame"])).astype(np.int64)
    before = np.searchsorted(content, np.asarray(swept["frames"])[..., 0], side="right") - 1
    return content[np.maximum(before, 0)]


def _center(unit: Mapping[str, Any]) -> dict[str, int]:
    features = _read(_entry(unit, "features"))
    for name in features if isinstance(features, dict) else ():
        center = rf_center(_below(features, name, _GEOMETRY)) if name.startswith(_STA) else None
        if center is not None:
            row, col = pixel_of_bar(*center, np.shape(_below(features, name, "data"))[-2:])
            return {"cell_center_col": col, "cell_center_row": row}
    return {}


def rf_center(geometry: Any) -> tuple[float, float] | None:
    """Return the centre (column, row) of a receptive field as this program or the laboratory's stored it.

    Parameters
    ----------
    geometry
        ``sta_geometry`` of a unit: ours, or with their Gaussian, else their centre; None where there is none.

    Returns
    -------
    tuple or None
        In pixels of the noise, whole numbers at their centres; None where no field was found.
    """
    if not isinstance(geometry, Mapping):
        return None
    if "model" in geometry:
        x, y = (float(geometry.get(name, math.nan)) for name in ("rf_x", "rf_y"))
        found = geometry["model"] != _FLAT
    else:
        fit = _below(geometry, "gaussian_fit")
        fitted = [_chosen(fit or {}, at=name)["at"] for name in ("center_x", "center_y")]
        rough = [_chosen(geometry, at=name)["at"] for name in ("center_col", "center_row")]
        x, y = fitted if all(map(math.isfinite, fitted)) else rough
        found = True
    return (x, y) if found and math.isfinite(x) and math.isfinite(y) else None


def pixel_of_bar(x: float, y: float, shape: tuple[int, ...]) -> tuple[int, int]:
    """Return row and column of a place of the noise in the bar's movie, whose pixels are 20 times smaller.

    Parameters
    ----------
    x, y
        Column and row in pixels of the noise, whole numbers at their centres.
    shape
        Rows and columns of the noise.
    """
    row, col = (
        min(max(int((at + 0.5) * _PIXELS), 0), length * _PIXELS - 1)
        for at, length in zip((y, x), shape, strict=True)
    )
    return row, col


def metadata_words(content: SessionContent) -> dict[str, Any]:
    """Return what the scripts note of the sections: name of the playlist, and how often it was shown."""
    sections: Any = _read(dict.get(content.stimulus, "section_time"))
    for movie in sections if isinstance(sections, dict) else ():
        attrs = getattr(_read(dict.get(sections, movie)), "attrs", {})
        if isinstance(attrs.get("playlist"), str):
            step = content.steps.get("add_section_time", StepProvenance())
            return {
                "section_time_playlist": attrs["playlist"],
                "section_time_repeats": int(step.params.get("repeats", 1)),
            }
    return {}
