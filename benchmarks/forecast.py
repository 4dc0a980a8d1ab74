"""Forecast of the memory of each step beside what is then measured, on recordings of two sizes.

``python -m benchmarks.forecast [--units 12 48]``

Each recording has the complete protocol and raw data, and is run in a process of its own. "Session" is what
stays, as the session counts it, which the forecast is about; "traced" the same as ``tracemalloc`` sees it.
"Peak" is what the step took on the way.
"""

from __future__ import annotations

import argparse
import gc
import logging
import multiprocessing
import shutil
import tempfile
import tracemalloc
from pathlib import Path

from hdmea.pipeline import create_session, run_step
from hdmea.pipeline.flows import load_flow
from hdmea.pipeline.forecast import forecast_step, forecast_steps
from hdmea.simulate import Experiment, simulate_recording
from hdmea.utils.exceptions import MissingInputError

_ALLOWED = 0.25
# Below this nobody decides anything by a forecast.
_SMALL_NBYTES = 100_000


def text(nbytes: float | None) -> str:
    """Return a size in MB."""
    return "      –" if nbytes is None else f"{nbytes / 1e6:7.2f}"


def verdict(expected: float | None, measured: float) -> str:
    """Say whether a forecast is good enough."""
    if expected is None:
        return "not known" if abs(measured) > _SMALL_NBYTES else "nothing to speak of"
    if max(abs(measured), abs(expected)) < _SMALL_NBYTES:
        return "nothing to speak of"
    error = expected / measured - 1 if measured > 0 else float("inf")
    return f"{100 * error:+.0f} %" + ("" if abs(error) <= _ALLOWED else "  OFF")


def measure(folder: Path, units: int) -> None:
    """Run the standard flow on one recording and print a line per step."""
    logging.getLogger("hdmea").setLevel(logging.ERROR)
    made = simulate_recording(folder, Experiment.demo(n_units=units))
    flow = load_flow("standard")
    requests = [(item.step, dict(item.params)) for item in flow.steps]
    session = create_session(None, made.cmcr_path, made.cmtr_path, folder)
    together = forecast_steps(session, requests)
    print(f"\n{f'{units} units':36s} forecast  session  traced     peak   forecast off by")
    tracemalloc.start()
    begin = None
    after_load: float | None = None
    for name, params in requests:
        gc.collect()
        expected, before = forecast_step(session, name, params), session.memory_estimate_gb * 1e9
        traced = tracemalloc.get_traced_memory()[0]
        begin = traced if begin is None else begin
        tracemalloc.reset_peak()
        try:
            run_step(session, name, params)
        except MissingInputError as error:
            print(f"  {name:34s} skipped: {str(error)[:60]}")
            continue
        peak = tracemalloc.get_traced_memory()[1] - traced
        gc.collect()
        kept = session.memory_estimate_gb * 1e9 - before
        stays = tracemalloc.get_traced_memory()[0] - traced
        line = f"  {name:34s} {text(expected)}  {text(kept)} {text(stays)}  {text(peak)}"
        print(f"{line}   {verdict(expected, kept)}", flush=True)
        if after_load is None:
            rest = forecast_steps(session, requests)
            after_load = session.memory_estimate_gb * 1e9 + rest.nbytes
    whole = session.memory_estimate_gb * 1e9
    stays = tracemalloc.get_traced_memory()[0] - (begin or 0)
    left_out = ", ".join(together.unknown) or "none"
    line = f"  {'all steps, before loading':34s} {text(together.nbytes)}  {text(whole)} {text(stays)}"
    print(f"{line}            {verdict(together.nbytes, whole)}  (left out: {left_out})")
    if after_load is not None:
        line = f"  {'all steps, after loading':34s} {text(after_load)}  {text(whole)}"
        print(f"{line}                    {verdict(after_load, whole)}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--units", type=int, nargs="+", default=[12, 48])
    options = parser.parse_args()
    for units in options.units:
        folder = Path(tempfile.mkdtemp(prefix="hdmea-benchmark-"))
        try:
            process = multiprocessing.get_context("spawn").Process(target=measure, args=(folder, units))
            process.start()
            process.join()
            if process.exitcode:
                raise SystemExit(process.exitcode)
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
