"""Deferred against immediate mode on ten recordings (SC-001), and a plain in-place file beside them.

``python -m benchmarks.pipeline [--recordings 10] [--units 60] [--minutes 15]``

All three compute the same steps with the same functions. They differ in when the file is written:
*deferred* once at the end; *immediate* after every step, safely (copy, change, sync, replace);
*in place* after every step with ``h5py`` in mode ``r+``, without any safety, as plain scripts do.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from hdmea.pipeline import PipelineSession, create_session, get_step, run_step
from hdmea.results import files
from hdmea.simulate import Experiment, SimulatedRecording, simulate_recording

STEPS: tuple[tuple[str, dict[str, object]], ...] = (
    ("add_section_time", {}),
    ("section_spike_times", {}),
    ("compute_sta", {}),
    ("extract_features", {"features": ["frif", "baseline"]}),
)


def deferred(recording: SimulatedRecording, folder: Path) -> Path:
    session = create_session(cmcr_path=recording.cmcr_path, cmtr_path=recording.cmtr_path, output_dir=folder)
    run_step(session, "load_recording", _sources(recording))
    for name, params in STEPS:
        run_step(session, name, params)
    return session.save()


def immediate(recording: SimulatedRecording, folder: Path) -> Path:
    path: Path = get_step("load_recording")(**_sources(recording), output_dir=folder).hdf5_path
    for name, params in STEPS:
        get_step(name)(hdf5_path=path, **params)
    return path


def in_place(recording: SimulatedRecording, folder: Path) -> Path:
    """Write after each step into the open file, as a script without any safety does.

    The session stays in memory between the steps, which is more than such a script saves.
    """
    session = create_session(cmcr_path=recording.cmcr_path, cmtr_path=recording.cmtr_path, output_dir=folder)
    run_step(session, "load_recording", _sources(recording))
    path = session.save()
    for name, params in STEPS:
        changed = run_step(session, name, params).changed
        with h5py.File(path, "r+", libver=("v110", "v110")) as file:
            for place in changed:
                _rewrite(file, session, place)
    return path


def _rewrite(file: h5py.File, session: PipelineSession, place: tuple[str, ...]) -> None:
    value = getattr(session, place[0])
    for key in place[1:]:
        value = value[key]
    name = "/".join(place)
    if name in file:
        del file[name]
    value = getattr(value, "ranges", value)
    values = value if isinstance(value, dict) else {"": value}
    for key, item in values.items():
        if isinstance(item, dict):
            group = file.require_group(f"{name}/{key}")
            for attribute, content in item.items():
                group.attrs[attribute] = np.asarray(content) if not isinstance(content, str) else content
        else:
            file[f"{name}/{key}" if key else name] = item


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
    run: Callable[[SimulatedRecording, Path], Path], recordings: list[SimulatedRecording], folder: Path
) -> tuple[float, list[Path]]:
    folder.mkdir()
    started = time.perf_counter()
    paths = [run(recording, folder) for recording in recordings]
    return time.perf_counter() - started, paths


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
    try:
        experiment = Experiment.large(n_units=options.units, minutes=options.minutes)
        first = simulate_recording(root / "source", experiment)
        recordings = [first] * options.recordings
        ways = {"deferred": deferred, "immediate": immediate, "in place": in_place}
        best: dict[str, float] = {}
        made: dict[str, list[Path]] = {}
        for round_ in range(options.rounds):
            for name, run in ways.items():
                folder = root / f"{name} {round_}"
                seconds, made[name] = _time(_each_in_its_folder(run), recordings, folder)
                best[name] = min(seconds, best.get(name, np.inf))
        size = made["deferred"][0].stat().st_size / 1e6
        print(
            f"{options.recordings} recordings of {options.units} units, {options.minutes:g} min, "
            f"{size:.0f} MB each"
        )
        for name, seconds in best.items():
            print(f"  {name:10s} {seconds:7.2f} s; deferred takes {best['deferred'] / seconds:4.2f} of that")
        print(f"  same content: deferred = immediate: {_same(made['deferred'][0], made['immediate'][0])}")
        print(f"  stored bytes of a session: {files.summarize(made['deferred'][0]).size / 1e6:.0f} MB")
    finally:
        shutil.rmtree(root)


def _each_in_its_folder(
    run: Callable[[SimulatedRecording, Path], Path],
) -> Callable[[SimulatedRecording, Path], Path]:
    count = iter(range(10**6))

    def wrapped(recording: SimulatedRecording, folder: Path) -> Path:
        target = folder / str(next(count))
        target.mkdir()
        return run(recording, target)

    return wrapped


if __name__ == "__main__":
    main()
