"""The layouts of the laboratory's scripts: saved sessions (``lab``) and files of steps (``lab-steps``).

What they have a word for is written exactly as theirs; what they have none for in one group of ours,
``/pipeline/hdmea`` (`hdmea.results.lab.record`).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from hdmea.results.codec import Codec, register
from hdmea.results.lab import layout
from hdmea.results.lab.layout import Layout
from hdmea.results.lab.record import RECORD
from hdmea.results.lab.recording import Opening, Recording, Tree, layout_of, revision_of, stamp, summarize
from hdmea.results.lab.units import Units
from hdmea.results.reading import Place

__all__ = ["LAB", "LAB_STEPS"]


def _codec(known: Layout) -> Codec:
    def recognises(file: Place, path: Path) -> bool:
        return not file.has_attr("schema_version") and file.has("units") and layout_of(file) == known.name

    return register(
        Codec(
            known.name,
            # Trials refer to the stimulus, images to the metadata: both are read before the units.
            (
                Opening(known),
                Tree("metadata", known),
                Tree("stimulus", known),
                Units(known),
                Recording(known),
            ),
            recognises,
            partial(summarize, layout=known),
            revision_of,
            marks=RECORD,
            stamp=stamp,
        )
    )


LAB, LAB_STEPS = _codec(layout.LAB), _codec(layout.LAB_STEPS)
