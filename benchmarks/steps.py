"""Whole steps on a large recording beside the reference figures.

``python -m benchmarks.steps [--units 500] [--minutes 30]``

Makes a recording of that size first, which takes some time and disk. The reference figures are those of the
lab's public scripts and of quick prototypes with equal results, on two cores of another machine: compare
orders of magnitude.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hdmea.pipeline import PipelineSession, create_session, run_step
from hdmea.results.sectioned import SectionedSpikes
from hdmea.simulate import Experiment, simulate_recording
from hdmea.stimuli.light import light_template


def seconds(work: Callable[[], object]) -> float:
    """Return how long one call takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def show(what: str, ours: float, scripts: str, prototype: str) -> None:
    """Print one line of the table."""
    print(f"{what:58s} {ours:9.3f} s   scripts {scripts:>8s}   prototype {prototype:>8s}", flush=True)


def steps(folder: Path, units: int, minutes: float) -> None:
    """Time the steps of the flow that need no raw data."""
    recording = simulate_recording(folder, Experiment.large(n_units=units, minutes=minutes))
    session = create_session(cmcr_path=recording.cmcr_path, cmtr_path=recording.cmtr_path, output_dir=folder)
    sources = {"cmcr_path": str(recording.cmcr_path), "cmtr_path": str(recording.cmtr_path)}
    size = f"{units} units, {minutes:g} min"
    took = seconds(lambda: run_step(session, "load_recording", sources))
    show(f"load_recording, {size}", took, "41 s", "1.4 s")
    repeats = {"repeats": recording.truth.experiment.repeats}
    show("add_section_time", seconds(lambda: run_step(session, "add_section_time", repeats)), "", "")
    took = seconds(lambda: run_step(session, "section_spike_times"))
    show(f"section_spike_times, {units} units", took, "1.1 s", "8 ms")
    run_step(session, "compute_sta")
    took = seconds(lambda: run_step(session, "compute_sta", force=True))
    show(f"compute_sta, {units} units", took, "4.0 s", "0.08 s")
    for feature, scripts, prototype in (("frif", f"{2.6 * units:.0f} s", f"{0.0003 * units:.2f} s"),
                                        ("baseline", "", "")):  # fmt: skip
        took = seconds(lambda name=feature: run_step(session, "extract_features", {"features": [name]}))
        show(f"extract_features: {feature}, {units} units", took, scripts, prototype)
    gigabytes = session.memory_estimate_gb
    show(f"save of this session, {gigabytes:.2f} GB", seconds(session.save), "", "")
    path = session.default_path
    show("load of it, eager", seconds(lambda: PipelineSession.load(path)), "", "")
    show("load of it, lazy", seconds(lambda: PipelineSession.load(path, lazy=True)), "", "")


def store(folder: Path) -> None:
    """Time save and load of 500 units × 10 movies, about 1 GB in all."""
    rng = np.random.default_rng(1)
    session = create_session("store", output_dir=folder)
    windows = np.stack([np.arange(10) * 1000, np.arange(10) * 1000 + 900], axis=1)
    movies = [f"movie_{number}" for number in range(10)]
    session.add_stimulus({"trial_time": dict.fromkeys(movies, windows)})
    for number in range(1, 501):
        spikes = np.sort(rng.integers(0, 36_000_000, 10_000)).astype(np.uint64)
        ranges = np.searchsorted(spikes, windows)
        unit = {
            "row": 1, "col": 2, "spike_count": len(spikes), "spike_times": spikes,
            "waveform": rng.random(21, dtype=np.float32),
            "firing_rate_10hz": rng.random(18_000, dtype=np.float32),
            "spike_times_sectioned": {movie: SectionedSpikes(ranges, spikes, windows) for movie in movies},
        }  # fmt: skip
        session.add_units({f"unit_{number:03d}": unit})
        session.add_feature(f"unit_{number:03d}", "eimage_sta", rng.random((50, 95, 95), dtype=np.float32))
    session.mark_step_complete("load_recording")
    gigabytes = session.memory_estimate_gb
    show(f"save, 500 units × 10 movies, {gigabytes:.2f} GB", seconds(session.save), "8.1 s", "0.6 s")
    path = session.default_path
    show("load of it, eager", seconds(lambda: PipelineSession.load(path)), "10.0 s", "0.2 s")
    show("load of it, lazy", seconds(lambda: PipelineSession.load(path, lazy=True)), "", "")


def template() -> None:
    """Time the light template of 10 million samples."""
    light = np.random.default_rng(0).random(10_000_000, dtype=np.float32)
    section = np.array([[0, light.size]])
    light_template(light, section)
    show("light template, 10 M samples", seconds(lambda: light_template(light, section)), "5.6 s", "4 ms")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--units", type=int, default=500)
    parser.add_argument("--minutes", type=float, default=30.0)
    options = parser.parse_args()
    logging.getLogger("hdmea").setLevel(logging.ERROR)
    folder = Path(tempfile.mkdtemp(prefix="hdmea-benchmark-"))
    try:
        template()
        store(folder)
        steps(folder, options.units, options.minutes)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
