"""Deferred mode against three other ways on ten recordings (SC-001), in two layouts of the file.

``python -m benchmarks.pipeline [--recordings 10] [--units 60] [--minutes 15]``

All ways compute the same steps with the same functions. They differ in when the file is written and read:
*deferred* writes once at the end; *immediate* writes after every step, safely (copy, change, sync, replace);
*in place* changes the file with ``h5py`` in mode ``r+`` after every step, without safety or sync, and reads
before each step what that needs, as plain scripts do; *in place, kept* keeps everything in memory instead.

Elapsed seconds depend on the drive and on what else runs; the seconds of the processor, beside them, do not.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from hdmea.pipeline import PipelineSession, create_session, get_step, run_step
from hdmea.simulate import Experiment, SimulatedRecording, simulate_recording

STEPS: tuple[tuple[str, dict[str, object]], ...] = (
    ("add_section_time", {}),
    ("section_spike_times", {}),
    ("compute_sta", {}),
    ("extract_features", {"features": ["frif", "baseline"]}),
)


LAYOUTS = ("columns", "lab")
# What a script reads again before a step, besides what it is about to write.
_LIGHT, _FRAMES = "stimulus/light_reference/raw_ch1", "metadata/frame_timestamps"
NEEDS = {
    "add_section_time": (_LIGHT, _FRAMES),
    "section_spike_times": ("spike_times", _FRAMES, "stimulus/section_time"),
    "compute_sta": ("spike_times", _FRAMES, "stimulus/section_time"),
    "extract_features": ("spike_times", _FRAMES, "stimulus/section_time"),
}


def deferred(recording: SimulatedRecording, folder: Path, layout: str) -> Path:
    session = create_session(cmcr_path=recording.cmcr_path, cmtr_path=recording.cmtr_path, output_dir=folder)
    run_step(session, "load_recording", _sources(recording))
    for name, params in STEPS:
        run_step(session, name, params)
    return session.save(layout=layout)


def immediate(recording: SimulatedRecording, folder: Path, layout: str) -> Path:
    load = get_step("load_recording")
    path: Path = load(**_sources(recording), output_dir=folder, layout=layout).hdf5_path
    for name, params in STEPS:
        get_step(name)(hdf5_path=path, **params)
    return path


def in_place(recording: SimulatedRecording, folder: Path, layout: str) -> Path:
    return _in_place(recording, folder, layout, reads=True)


def in_place_kept(recording: SimulatedRecording, folder: Path, layout: str) -> Path:
    return _in_place(recording, folder, layout, reads=False)


def _in_place(recording: SimulatedRecording, folder: Path, layout: str, *, reads: bool) -> Path:
    session = create_session(cmcr_path=recording.cmcr_path, cmtr_path=recording.cmtr_path, output_dir=folder)
    run_step(session, "load_recording", _sources(recording))
    path = session.save(layout=layout)
    for name, params in STEPS:
        if reads:
            with h5py.File(path) as file:
                for need in NEEDS[name]:
                    _read(file, need)
        changed = run_step(session, name, params).changed
        with h5py.File(path, "r+", libver=("v110", "v110")) as file:
            if layout == "columns":
                _rewrite_columns(file, session, changed)
            else:
                for place in changed:
                    _rewrite(file, "/".join(place), _value(session, place))
    return path


def _read(file: h5py.File, need: str) -> None:
    if need == "spike_times" and f"units/{need}" not in file:
        for unit in file["units"].values():
            _ = unit[need][()]
        return
    item = file[f"units/{need}" if need == "spike_times" else need]
    for dataset in item.values() if isinstance(item, h5py.Group) else [item]:
        _ = dataset[()]


def _value(session: PipelineSession, place: tuple[str, ...]) -> Any:
    value: Any = getattr(session, place[0])
    for key in place[1:]:
        value = value[key]
    return value


def _rewrite(file: h5py.File, name: str, value: Any) -> None:
    """Write a value in place of what is there: a group for a dictionary, with texts as attributes."""
    if name in file:
        del file[name]
    if isinstance(value, Mapping):
        group = file.require_group(name)
        for key, item in value.items():
            if isinstance(item, (str, list, type(None))):
                group.attrs[str(key)] = "" if item is None else item
            else:
                _rewrite(file, f"{name}/{key}", item)
    else:
        file[name] = value


def _rewrite_columns(file: h5py.File, session: PipelineSession, changed: list[tuple[str, ...]]) -> None:
    """Write what changed with one dataset for all units, as the layout ``columns`` has it."""
    per_unit = dict.fromkeys(place[2:] for place in changed if place[0] == "units")
    for place in changed:
        if place[0] != "units":
            _rewrite(file, "/".join(place), _value(session, place))
    for place in per_unit:
        name = "units/" + "/".join(place)
        values = [_value(session, ("units", unit, *place)) for unit in session.units]
        first = values[0]
        if hasattr(first, "ranges"):
            _rewrite(file, name, np.stack([value.ranges for value in values]))
            continue
        outputs = first["data"] if isinstance(first["data"], dict) else {"data": first["data"]}
        for key in outputs:
            column = [
                value["data"] if outputs is not first["data"] else value["data"][key] for value in values
            ]
            if isinstance(column[0], str):
                file.require_group(name).attrs[key] = column
            else:
                _rewrite(file, f"{name}/{key}", np.stack(column))


def _sources(recording: SimulatedRecording) -> dict[str, str]:
    return {"cmcr_path": str(recording.cmcr_path), "cmtr_path": str(recording.cmtr_path)}


def _same(first: Path, second: Path) -> bool:
    """Return whether two result files hold the same datasets, bit for bit."""
    with h5py.File(first) as one, h5py.File(second) as other:
        names: list[set[str]] = [set(), set()]
        for file, found in zip((one, other), names, strict=True):
            file.visititems(
                lambda name, item, found=found: found.add(name) if hasattr(item, "dtype") else None
            )
        keep = [{name for name in found if not name.startswith("pipeline")} for found in names]
        return keep[0] == keep[1] and all(
            one[name][()].tobytes() == other[name][()].tobytes()
            for name in keep[0]
            if one[name].dtype.kind != "O"
        )


def _time(
    run: Callable[[SimulatedRecording, Path, str], Path],
    recordings: list[SimulatedRecording],
    folder: Path,
    layout: str,
) -> tuple[float, float, list[Path]]:
    started, used = time.perf_counter(), time.process_time()
    paths = [run(recording, folder / str(number), layout) for number, recording in enumerate(recordings)]
    return time.perf_counter() - started, time.process_time() - used, paths


def main() -> None:
    """Print seconds and ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recordings", type=int, default=10)
    parser.add_argument("--units", type=int, default=60)
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    logging.getLogger("hdmea").setLevel(logging.ERROR)
    root = Path(tempfile.mkdtemp(prefix="hdmea-benchmark-"))
    ways = {
        "deferred": deferred,
        "immediate": immediate,
        "in place": in_place,
        "in place, kept": in_place_kept,
    }
    try:
        experiment = Experiment.large(n_units=options.units, minutes=options.minutes)
        recordings = [simulate_recording(root / "source", experiment)] * options.recordings
        for layout in LAYOUTS:
            best: dict[str, float] = {}
            least: dict[str, float] = {}
            made: dict[str, list[Path]] = {}
            for _ in range(options.rounds):
                for name, run in ways.items():
                    shutil.rmtree(root / name, ignore_errors=True)
                    seconds, used, made[name] = _time(run, recordings, root / name, layout)
                    best[name] = min(seconds, best.get(name, np.inf))
                    least[name] = min(used, least.get(name, np.inf))
            size = made["deferred"][0].stat().st_size / 1e6
            print(
                f"{layout}: {options.recordings} recordings of {options.units} units, "
                f"{options.minutes:g} min, {size:.0f} MB each"
            )
            for name, seconds in best.items():
                share, own = best["deferred"] / seconds, least["deferred"] / least[name]
                print(
                    f"  {name:14s} {seconds:7.2f} s; deferred takes {share:4.2f} of that; "
                    f"processor {least[name]:6.2f} s, {own:4.2f}"
                )
            print(f"  same content: deferred = immediate: {_same(made['deferred'][0], made['immediate'][0])}")
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
