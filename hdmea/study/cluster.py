"""An existing Dask cluster as the place where the recordings of a batch are worked on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from typing import Any

from hdmea.utils.exceptions import ConfigurationError
from hdmea.utils.fixes import Advice

__all__ = ["ClusterExecutor", "cluster"]


class ClusterExecutor(Executor):
    """Schedules functions on a Dask cluster.

    A worker that dies has its work done again on another one; how often is the scheduler's setting
    ``distributed.scheduler.allowed-failures``. Where workers have the resource ``memory`` (bytes), no more
    work is put on one than that admits.

    Parameters
    ----------
    client
        Connected to the scheduler.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        workers = client.scheduler_info(n_workers=-1).get("workers", {})
        self._memory = bool(workers) and all(
            "memory" in each.get("resources", {}) for each in workers.values()
        )

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Have a function called on one of the workers."""
        return self._submitted(function, args, kwargs, None)

    def submit_with_memory(self, function: Callable[..., Any], argument: Any, nbytes: int) -> Future[Any]:
        """Have a function called on a worker that has so much memory left."""
        resources = {"memory": nbytes} if self._memory else None
        return self._submitted(function, (argument,), {}, resources)

    def _submitted(
        self, function: Callable[..., Any], args: Any, kwargs: Any, resources: dict[str, int] | None
    ) -> Future[Any]:
        found = _Following()
        future: Any = self._client.submit(function, *args, pure=False, resources=resources, **kwargs)
        found.set_running_or_notify_cancel()

        def follow(done: Any) -> None:
            # Called from a thread of the client.
            if done.status == "finished":
                found.set_result(done.result())
            else:
                error = done.exception() if done.status == "error" else RuntimeError("the cluster dropped it")
                found.set_exception(error)

        found.remote = future
        future.add_done_callback(follow)
        return found


class _Following(Future[Any]):
    """A future of this process that follows one of the cluster; it keeps that one alive."""

    remote: Any = None


@contextlib.contextmanager
def cluster(address: str | None) -> Iterator[Executor | None]:
    """Yield an executor on the cluster at an address; None without an address.

    Raises
    ------
    ConfigurationError
        If there is no cluster at this address, or the library for it is not installed.
    """
    if address is None:
        yield None
        return
    try:
        import distributed
    except ImportError as error:
        raise ConfigurationError(
            "Clusters need the package “distributed”, which is not installed.",
            fix=Advice("Install it: pip install hdmea-studio[cluster]."),
        ) from error
    try:
        connect: Any = distributed.Client
        client = connect(address, timeout=10, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"There is no Dask scheduler at {address}: {error}.",
            fix=Advice("Name the address that dask scheduler prints, such as tcp://host:8786."),
        ) from error
    with client:
        yield ClusterExecutor(client)
