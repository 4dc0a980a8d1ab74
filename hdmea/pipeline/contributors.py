"""What takes the memory of a session, the largest first."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from hdmea.results.sizes import estimate_nbytes

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession

__all__ = ["contributors"]


def contributors(session: PipelineSession) -> tuple[tuple[str, int], ...]:
    """Return (name, bytes) of each kind of data in memory, the largest first; unread data count nothing.

    Names are those of the result file: ``stimulus/light_reference``, ``units/spike_times``; a feature of all
    units together is ``features/sta_noise``.
    """
    sizes: Counter[str] = Counter()
    for root in ("metadata", "stimulus"):
        for name, value in dict.items(getattr(session, root)):
            sizes[f"{root}/{name}"] += estimate_nbytes(value)
    for unit in session.units.values():
        for name, value in dict.items(unit):
            if name == "features" and isinstance(value, dict):
                for feature, entry in dict.items(value):
                    sizes[f"features/{feature}"] += estimate_nbytes(entry)
            else:
                sizes[f"units/{name}"] += estimate_nbytes(value)
    return tuple((name, nbytes) for name, nbytes in sizes.most_common() if nbytes)
