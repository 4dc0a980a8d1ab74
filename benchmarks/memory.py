"""Peak memory of load + save of a session of about 2 GB, measured in a process of its own.

``python -m benchmarks.memory [--gb 2]``
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

_CHILD = """
import resource, sys
import numpy as np
from hdmea.pipeline import PipelineSession
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
source, target = sys.argv[1:]
import hdmea.results.files
start = peak()
session = PipelineSession.load(source)
size = session.memory_estimate_gb
loaded = peak() - start
session.save(target)
print(size, loaded, peak() - start)
"""


def make(path: Path, gigabytes: float) -> None:
    """Write a result file of a typical shape: long light channels, many units with images and movies."""
    import numpy as np

    from hdmea.pipeline import create_session

    rng = np.random.default_rng(1)
    session = create_session("memory")
    share = gigabytes * 1e9 / 2
    session.add_stimulus(
        {"light_reference": {f"raw_ch{n}": rng.random(int(share / 8), dtype=np.float32) for n in (1, 2)}}
    )
    image = (50, 65, 65)
    n_units = max(1, int(share / (4 * np.prod(image) + 80_000)))
    for number in range(1, n_units + 1):
        unit = {"spike_times": np.sort(rng.integers(0, 10**7, 10_000)).astype(np.uint64), "row": 1}
        session.add_units({f"unit_{number:03d}": unit})
        session.add_feature(f"unit_{number:03d}", "eimage_sta", rng.random(image, dtype=np.float32), {})
    session.mark_step_complete("load_recording")
    session.save(path)


def main() -> None:
    """Print the session's size, and the peak above the process as it was before, as ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gb", type=float, default=2.0)
    parser.add_argument("--make", type=Path, help="only write a result file of that size")
    options = parser.parse_args()
    if options.make is not None:
        make(options.make, options.gb)
        return
    folder = Path(tempfile.mkdtemp(prefix="hdmea-benchmark-"))
    try:
        # A process inherits the peak of the one that starts it, so this one must stay small.
        maker = [sys.executable, "-m", "benchmarks.memory", "--gb", str(options.gb)]
        subprocess.run([*maker, "--make", str(folder / "source.h5")], check=True)
        child = subprocess.run(
            [sys.executable, "-c", _CHILD, str(folder / "source.h5"), str(folder / "target.h5")],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        size, loaded, saved = map(float, child.stdout.split())
        print(f"session {size:.2f} GB; peak after load {loaded:.2f} GB = {loaded / size:.2f} x;")
        print(f"peak of load + save {saved:.2f} GB = {saved / size:.2f} x (aim: at most 1.3 x)")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
