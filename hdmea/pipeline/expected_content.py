"""What steps and exports rely on in a session, to name the place in a damaged file that made one fail.

A session may hold anything that can be stored, and each step reads what it needs. Only when one has failed
with an error of Python is it asked what in the session is not what it is in every result.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np

from hdmea.pipeline.session import PipelineSession

__all__ = ["odd_place"]

_GROUP: Final = "a group"
_NUMBER: Final = "a positive number"
_PLACE: Final = "a number"
_SERIES: Final = "a series of numbers"
_PAIRS: Final = "a table of pairs of whole numbers"
_ARRAY: Final = "an array of numbers"
_EXPECTED: Final[tuple[tuple[tuple[str, ...], str], ...]] = (
    (("metadata", "acquisition_rate"), _NUMBER),
    (("metadata", "recording_duration_s"), _NUMBER),
    (("metadata", "segments"), _PAIRS),
    (("metadata", "frame_timestamps"), _SERIES),
    (("metadata", "frame_time"), _SERIES),
    (("metadata", "sys_meta"), _GROUP),
    (("metadata", "frame_detection"), _GROUP),
    (("stimulus", "*"), _GROUP),
    (("stimulus", "light_reference", "*"), _SERIES),
    (("stimulus", "light_template", "*"), _SERIES),
    (("stimulus", "frame_times", "*"), _SERIES),
    (("stimulus", "section_time", "*"), _PAIRS),
    (("stimulus", "trial_time", "*"), _PAIRS),
    (("units", "*"), _GROUP),
    (("units", "*", "spike_times"), _SERIES),
    (("units", "*", "row"), _PLACE),
    (("units", "*", "col"), _PLACE),
    (("units", "*", "waveform"), _ARRAY),
    (("units", "*", "firing_rate_10hz"), _SERIES),
    (("units", "*", "spike_amplitudes"), _SERIES),
    (("units", "*", "unit_meta"), _GROUP),
    (("units", "*", "features"), _GROUP),
    (("units", "*", "features", "*"), _GROUP),
    (("units", "*", "spike_times_sectioned"), _GROUP),
)


def odd_place(session: PipelineSession) -> str:
    """Return which place of a session is not what it is in every result, as a sentence; empty if none."""
    trees = {"units": session.units, "metadata": session.metadata, "stimulus": session.stimulus}
    for pattern, wanted in _EXPECTED:
        for place, value in _found(trees, pattern):
            if not _is(value, wanted):
                return f"{'/'.join(place)} is not {wanted}"
    return ""


def _found(
    node: Any, pattern: tuple[str, ...], above: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not pattern:
        yield above, node
        return
    if not isinstance(node, Mapping):
        return
    first, *rest = pattern
    for name in list(node) if first == "*" else [first] if first in node else []:
        yield from _found(node[name], tuple(rest), (*above, str(name)))


def _is(value: Any, wanted: str) -> bool:
    if wanted == _GROUP:
        return isinstance(value, Mapping)
    array = np.asarray(value) if not isinstance(value, Mapping) else np.empty(0, object)
    if array.dtype.kind not in "biuf":
        return False
    if wanted in (_NUMBER, _PLACE):
        return array.size == 1 and bool(np.isfinite(array).all() and (wanted == _PLACE or (array > 0).all()))
    if wanted == _SERIES:
        return array.ndim == 1
    if wanted == _PAIRS:
        return array.ndim == 2 and array.shape[1] == 2 and array.dtype.kind in "iu"
    return True
