"""Independent blocks of work on a few threads, with progress and a prompt stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

__all__ = ["Progress", "no_progress", "run_blocks", "split_evenly"]

Progress = Callable[[float], None]
"""Called with the fraction done, 0 to 1; may raise to stop the work."""


def no_progress(fraction: float) -> None:
    """Report to nobody."""


def split_evenly(n: int, size: int) -> list[range]:
    """Consecutive ranges of at most `size` that cover ``range(n)``."""
    return [range(start, min(start + size, n)) for start in range(0, n, size)]


def run_blocks(
    work: Callable[[range], None],
    blocks: Sequence[range],
    *,
    workers: int = 1,
    progress: Progress = no_progress,
) -> None:
    """Call `work` once per block.

    Parameters
    ----------
    work
        Writes its block's share of the result; blocks must not overlap, so that the result
        does not depend on the number of threads.
    blocks
        Parts of the work.
    workers
        Threads (>= 1).
    progress
        Called on the calling thread after every block. If it raises, blocks that have not begun are dropped.
    """
    if workers <= 1 or len(blocks) <= 1:
        for done, block in enumerate(blocks, start=1):
            work(block)
            progress(done / len(blocks))
        return
    with ThreadPoolExecutor(max_workers=workers) as pool:
        futures = [pool.submit(work, block) for block in blocks]
        try:
            for done, future in enumerate(as_completed(futures), start=1):
                future.result()
                progress(done / len(blocks))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
