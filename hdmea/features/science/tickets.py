"""Numbers that are given only where a test says that there is something to measure.

A ratio, an index, an angle or a latency of nothing is a number of noise. It is missing, with the reason; the
p value, the number of repetitions and the responses it would come from stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["EVERYTHING", "Withheld", "granted"]

EVERYTHING = 1.0
"""Level at which every number is given, tested or not."""


def granted(p: ArrayLike, alpha: float) -> NDArray[np.bool_]:
    """Whether a p value is small enough; a p value that is not known is not, unless `alpha` is 1."""
    p = np.asarray(p, np.float64)
    if alpha >= EVERYTHING:
        return np.ones(p.shape, np.bool_)
    with np.errstate(invalid="ignore"):
        return np.asarray(p <= alpha)


class Withheld:
    """Reasons for what is missing, as it is taken out of columns.

    Parameters
    ----------
    unit_ids
        Names of the rows.
    """

    def __init__(self, unit_ids: Iterable[str]) -> None:
        self._units = list(unit_ids)
        self.reasons: dict[str, str | dict[str, str]] = {}

    def hide(
        self,
        columns: dict[str, Any],
        names: Iterable[str],
        kept: NDArray[np.bool_],
        why: str | Sequence[str],
    ) -> None:
        """Make values NaN, and note why; a reason that exists already stays.

        Parameters
        ----------
        columns
            Output name to values, first axis the units; changed. Columns of whole numbers and flags become
            floating point only if something is taken out.
        names
            Outputs concerned.
        kept
            (units,), or the shape of the values: where they stay.
        why
            One text for all units, or one per unit.
        """
        for name in names:
            values = np.array(columns[name], np.float64)
            keep = kept if kept.ndim == values.ndim else kept.reshape(len(kept), *[1] * (values.ndim - 1))
            values[~np.broadcast_to(keep, values.shape)] = np.nan
            columns[name] = values
            gone = np.asarray(~np.broadcast_to(keep, values.shape).all(axis=tuple(range(1, values.ndim))))
            self._note(name, gone, why)

    def explain(self, columns: Mapping[str, Any], texts: Mapping[str, str]) -> None:
        """Give every other NaN its reason.

        Parameters
        ----------
        columns
            Output name to values, first axis the units.
        texts
            Beginning or end of an output's name to the reason; the first that fits is taken.
        """
        for name, values in columns.items():
            array = np.asarray(values)
            fits = (why for part, why in texts.items() if name.startswith(part) or name.endswith(part))
            text = next(fits, None)
            if text is not None and array.dtype.kind == "f":
                missing = np.isnan(array)
                self._note(name, missing.any(axis=tuple(range(1, missing.ndim))), text)

    def _note(self, name: str, gone: NDArray[np.bool_], why: str | Sequence[str]) -> None:
        entry = self.reasons.get(name, {})
        assert isinstance(entry, dict)
        for index in np.flatnonzero(gone).tolist():
            entry.setdefault(self._units[index], why if isinstance(why, str) else why[index])
        if entry:
            self.reasons[name] = entry
