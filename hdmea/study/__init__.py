"""Many recordings: batches, and the sheets that say what is known of each."""

from hdmea.study.batch import BatchOptions, BatchResult, run_batch
from hdmea.study.job import Outcome
from hdmea.study.pooled import Pooled, pool_results
from hdmea.study.recordings import (
    Found,
    Recording,
    collect,
    find_recordings,
    join_sheet,
    pair_files,
    read_table,
)

__all__ = [
    "BatchOptions",
    "BatchResult",
    "Found",
    "Outcome",
    "Pooled",
    "Recording",
    "collect",
    "find_recordings",
    "join_sheet",
    "pair_files",
    "pool_results",
    "read_table",
    "run_batch",
]
