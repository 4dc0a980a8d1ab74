"""Ten recordings by several processes (SC-001): deferred, immediate and in place; and `hdmea batch`.

``python -m benchmarks.batch [--recordings 10] [--units 60] [--minutes 15] [--processes 1 2]``

The ways are those of `benchmarks.pipeline`. Each process has one thread, as a process of a batch has. What is
printed depends on the drive, the number of processors and what else runs.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import shutil
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from benchmarks.pipeline import deferred, immediate, in_place
from hdmea.simulate import Experiment, SimulatedRecording, simulate_recording
from hdmea.study import BatchOptions, run_batch

WAYS = {"deferred": deferred, "immediate": immediate, "in place": in_place}


def _one(way: str, recording: SimulatedRecording, folder: Path) -> None:
    logging.getLogger("hdmea").setLevel(logging.ERROR)
    WAYS[way](recording, folder, "columns")


def _seconds(way: str, recordings: list[SimulatedRecording], root: Path, processes: int) -> float:
    shutil.rmtree(root / way, ignore_errors=True)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=spawn) as pool:
        # Starting a process and importing the engine is not counted.
        list(pool.map(time.sleep, [0.5] * processes))
        started = time.perf_counter()
        work = [
            pool.submit(_one, way, recording, root / way / str(number))
            for number, recording in enumerate(recordings)
        ]
        for each in work:
            each.result()
        return time.perf_counter() - started


def _batch_seconds(source: Path, root: Path, processes: int) -> float:
    shutil.rmtree(root / "batch", ignore_errors=True)
    started = time.perf_counter()
    options = BatchOptions(jobs=processes, health=False)
    result = run_batch(source, "quick", output_dir=root / "batch", options=options)
    assert result.success, [outcome.message for outcome in result.outcomes]
    return time.perf_counter() - started


def main() -> None:
    """Print seconds, and how much faster several processes are."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recordings", type=int, default=10)
    parser.add_argument("--units", type=int, default=60)
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    os.environ |= {"HDMEA_WORKERS": "1", "NUMBA_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    root = Path(tempfile.mkdtemp(prefix="hdmea-benchmark-"))
    try:
        experiment = Experiment.large(n_units=options.units, minutes=options.minutes)
        first = simulate_recording(root / "source", experiment)
        for number in range(1, options.recordings):
            for path in (first.cmcr_path, first.cmtr_path):
                os.link(path, path.with_name(f"copy{number:02d}-{path.name}"))
        recordings = [first] * options.recordings
        print(f"{options.recordings} recordings of {options.units} units, {options.minutes:g} min")
        for way in (*WAYS, "hdmea batch"):
            found = {
                processes: _batch_seconds(root / "source", root, processes)
                if way == "hdmea batch"
                else _seconds(way, recordings, root, processes)
                for processes in options.processes
            }
            base = found[options.processes[0]]
            shown = "  ".join(
                f"{n}: {seconds:6.1f} s ({base / seconds:.2f} ×)" for n, seconds in found.items()
            )
            print(f"  {way:12s} {shown}")
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
