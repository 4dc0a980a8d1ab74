"""The store on 500 units after all steps: saving, opening, updating, automatic checkpoints, memory.

``python -m benchmarks.store [--units 500] [--rounds 5] [--folder FOLDER]``

The demo recording is simulated, all steps of the flow *standard* are run on it, and its units are repeated
until there are enough. Everything is measured in processes of its own. What the drive needs for as many bytes
is measured in the same run, alternating with what is compared with it.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import json
import logging
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py

from hdmea.pipeline import PipelineSession, run_flow, run_step
from hdmea.results.sectioned import SectionedSpikes
from hdmea.simulate import write_demo

_FEATURE = "baseline"


def make(folder: Path, n_units: int) -> Path:
    """Return a result file with `n_units` units after all steps, made once for each folder."""
    path = folder / f"source-{n_units}.h5"
    if path.exists():
        return path
    demo = folder / "demo.h5"
    if not demo.exists():
        recording = write_demo(folder / "demo", overwrite=True)
        result = run_flow("standard", recording.cmcr_path, recording.cmtr_path, output_dir=folder / "out")
        assert result.hdf5_path is not None, result.error
        os.replace(result.hdf5_path, demo)
    session = PipelineSession.load(demo)
    models = list(session.units.values())
    session.units.clear()
    for number in range(n_units):
        unit = {name: value if name == "spike_times_sectioned" else copy.deepcopy(value)
                for name, value in models[number % len(models)].items()}  # fmt: skip
        unit["spike_times_sectioned"] = {
            movie: SectionedSpikes(trials.ranges, unit["spike_times"], session.stimulus["trial_time"][movie])
            for movie, trials in unit["spike_times_sectioned"].items()
        }
        session.add_units({f"unit_{number + 1:03d}": unit})
    session.save(path)
    return path


def seconds(work: Callable[[], object]) -> float:
    """Return how long one call takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def write_and_sync(path: Path, block: bytes) -> None:
    """Write bytes, sync them, and let them take the place of a file, as fast as the drive can."""
    part = path.with_suffix(".part")
    with open(part, "wb", buffering=0) as file:
        view = memoryview(block)
        while view:
            view = view[file.write(view[: 8 << 20]) :]
        os.fsync(file.fileno())
    os.replace(part, path)


def copy_and_sync(path: Path, target: Path) -> None:
    """Copy a file, sync the copy, and let it take the place of another."""
    part = target.with_suffix(".part")
    shutil.copyfile(path, part)
    with open(part, "rb+") as file:
        os.fsync(file.fileno())
    os.replace(part, target)


def measure_save(source: Path, folder: Path, rounds: int) -> dict[str, float]:
    """Time saving beside the drive, and count what is in the file."""
    from hdmea.results.writing import Writer

    session = PipelineSession.load(source)
    path, raw = folder / "save.h5", folder / "raw"
    verified: list[float] = []
    plain = Writer.verify

    def verify(self: Writer, *args: Any) -> None:
        verified.append(seconds(lambda: plain(self, *args)))

    Writer.verify = verify  # type: ignore[method-assign]
    first = seconds(lambda: session.save(path))
    block = path.read_bytes()
    write_and_sync(raw, block)
    saves, drive, blind = [], [], []
    for _ in range(rounds):
        drive.append(seconds(lambda: write_and_sync(raw, block)))
        saves.append(seconds(lambda: session.save(path)))
        Writer.verify = lambda *args: None  # type: ignore[method-assign]
        blind.append(seconds(lambda: session.save(path)))
        Writer.verify = verify  # type: ignore[method-assign]
    save, written = statistics.median(saves), statistics.median(drive)
    return {
        "size of the session, MB": session.memory_estimate_gb * 1e3,
        "size of the file, MB": len(block) / 1e6,
        **counts(path),
        "save, first, s": first,
        "save, s": save,
        "the drive writes, syncs and replaces as much, s": written,
        "save, share of what the drive does": written / save,
        "verification, beside the sync, s": statistics.median(verified),
        "verification, what it adds to the save": 1 - statistics.median(blind) / save,
    }


def counts(path: Path) -> dict[str, float]:
    """Return how many groups, datasets and attributes a file has."""
    found = {"groups": 1, "datasets": 0, "attributes": 0}

    def count(name: str, item: h5py.Group | h5py.Dataset) -> None:
        found["groups" if isinstance(item, h5py.Group) else "datasets"] += 1
        found["attributes"] += len(item.attrs)

    with h5py.File(path) as file:
        found["attributes"] += len(file.attrs)
        file.visititems(count)
    return dict(found)


def measure_open(source: Path, folder: Path, rounds: int, *, lazy: bool) -> dict[str, float]:
    """Time opening, the first time in a process and later."""
    what = "lazy" if lazy else "eager"
    first = seconds(lambda: PipelineSession.load(source, lazy=lazy))
    later = [seconds(lambda: PipelineSession.load(source, lazy=lazy)) for _ in range(2 * rounds)]
    return {f"open, {what}, first, s": first, f"open, {what}, s": statistics.median(later)}


def measure_update(source: Path, folder: Path, rounds: int) -> dict[str, float]:
    """Time the rewriting of one feature in a file beside copying and syncing it."""
    path, twin = folder / "update.h5", folder / "twin.h5"
    shutil.copyfile(source, path)
    shutil.copyfile(source, twin)
    session = PipelineSession.load(path, lazy=True)
    updates, copies = [], []
    for _ in range(rounds):
        copies.append(seconds(lambda: copy_and_sync(path, twin)))
        changed = run_step(session, "extract_features", {"features": [_FEATURE]}, force=True).changed
        updates.append(seconds(lambda changed=changed: session.write_changes(path, changed)))
    update, copied = statistics.median(updates), statistics.median(copies)
    return {
        "one feature rewritten, s": update,
        "copy, sync and replacement of the file, s": copied,
        "one feature, times copy, sync, replacement": update / copied,
    }


def measure_checkpoint(source: Path, folder: Path, rounds: int) -> dict[str, float]:
    """Time automatic checkpoints: what changed in a step, found and written."""
    from hdmea.pipeline.increments import Baseline, write_increment

    session = PipelineSession.load(source)
    found: dict[str, float] = {}
    for name, params in (("extract_features", {"features": [_FEATURE]}), ("compute_sta", {})):
        times = []
        for number in range(rounds):
            baseline = Baseline(session)
            run_step(session, name, params, force=True)

            def keep(baseline: Baseline = baseline, number: int = number) -> None:
                write_increment(folder / f"increment-{number}.h5", session, baseline.changes(session))
                Baseline(session)

            times.append(seconds(keep))
        found[f"automatic checkpoint after {name}, s"] = statistics.median(times)
    return found


def measure_memory(source: Path, folder: Path, rounds: int) -> dict[str, float]:
    """Return the peak of memory of loading and saving as multiples of the session."""
    PipelineSession.load(source, lazy=True)
    start = _resident()
    session = PipelineSession.load(source)
    loaded = _resident()
    session.save(folder / "memory.h5")
    saved = _resident()
    del session
    tracemalloc.start()
    session = PipelineSession.load(source)
    size, peak = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    session.save(folder / "memory.h5")
    return {
        "peak of load, times the session (allocated)": peak / size,
        "peak of save, times the session (allocated)": tracemalloc.get_traced_memory()[1] / size,
        "peak of save, times that of load (resident)": (saved - start) / (loaded - start),
    }


def _resident() -> float:
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


MEASURES: dict[str, Callable[..., dict[str, float]]] = {
    "save": measure_save,
    "eager": lambda *args: measure_open(*args, lazy=False),
    "lazy": lambda *args: measure_open(*args, lazy=True),
    "update": measure_update,
    "checkpoint": measure_checkpoint,
    "memory": measure_memory,
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--units", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where the session is kept for the next time")
    parser.add_argument("--only", choices=MEASURES, nargs="*", default=list(MEASURES))
    parser.add_argument("--measure", choices=["make", *MEASURES], help=argparse.SUPPRESS)
    options = parser.parse_args()
    logging.getLogger("hdmea").setLevel(logging.ERROR)
    with contextlib.ExitStack() as stack:
        scratch = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="hdmea-benchmark-", dir=options.folder))
        )
        folder = options.folder or scratch
        if options.measure == "make":
            make(folder, options.units)
            return
        if options.measure is not None:
            source = make(folder, options.units)
            print(json.dumps(MEASURES[options.measure](source, scratch, options.rounds)))
            return
        # A process inherits the peak of the one that starts it, so this one stays small.
        call = [
            sys.executable,
            "-m",
            "benchmarks.store",
            "--folder",
            str(folder),
            "--units",
            str(options.units),
        ]
        subprocess.run([*call, "--measure", "make"], check=True)
        for name in options.only:
            child = subprocess.run(
                [*call, "--rounds", str(options.rounds), "--measure", name],
                check=True, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            for what, value in json.loads(child.stdout).items():
                print(f"{what:50s} {value:10.4g}", flush=True)


if __name__ == "__main__":
    main()
