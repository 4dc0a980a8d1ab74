"""The parts of a result in the layout ``columns``: how each is written, read and updated."""

from __future__ import annotations

from hdmea.results.codec import Codec, register
from hdmea.results.parts.record import Identity, Record, Tree, is_columns, revision_of, summarize
from hdmea.results.parts.units import Units

__all__ = ["COLUMNS"]

COLUMNS = register(
    Codec(
        name="columns",
        # Trials refer to the stimulus, which is read before the units.
        parts=(Identity(), Tree("metadata"), Tree("stimulus"), Tree("source_files"), Units(), Record()),
        recognises=is_columns,
        summarize=summarize,
        revision=revision_of,
    )
)
