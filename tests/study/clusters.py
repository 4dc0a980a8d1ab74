"""A Dask cluster on this machine: a scheduler and two workers."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

__all__ = ["LAYOUT_OF_WORKERS", "cluster_of_two", "free_port"]

LAYOUT_OF_WORKERS = "lab"
"""Results of the workers are told by it from those that were made without them."""


def free_port() -> int:
    """Return a port that nothing listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextlib.contextmanager
def cluster_of_two(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """Yield the address of the scheduler, and the processes of the workers."""
    address = f"tcp://127.0.0.1:{free_port()}"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    environment = {
        **os.environ,
        "DASK_TEMPORARY_DIRECTORY": str(tmp_path / "dask"),
        "HDMEA_LAYOUT": LAYOUT_OF_WORKERS,
    }
    run = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--no-dashboard"]
    port = address.rpartition(":")[2]
    scheduler = subprocess.Popen([*run, "--port", port], env=environment, **quiet)  # type: ignore[call-overload]
    work = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-nanny"]
    work += ["--no-dashboard", "--host", "127.0.0.1", "--resources", "memory=20e9"]
    workers = [subprocess.Popen(work, env=environment, **quiet) for _ in range(2)]  # type: ignore[call-overload]
    try:
        from distributed import Client

        connect: object = Client
        with connect(address, timeout=30, set_as_default=False) as client:  # type: ignore[operator]
            client.wait_for_workers(2, timeout=30)
        yield address, workers
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait(10)
