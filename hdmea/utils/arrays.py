"""Arrays that carry attributes: a unit, the content frames of a section, the rate of a block mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["AttrArray"]


class AttrArray(np.ndarray[Any, np.dtype[Any]]):
    """An array with named attributes, which are stored beside it in the result file.

    Attributes belong to this very array. Views, copies made by numpy and results of arithmetic are plain
    arrays, so that a number never inherits a unit that it no longer has.

    Parameters
    ----------
    array
        The values; not copied if they are an array already.
    attrs
        Attribute name to value (scalars, text, lists or arrays).

    Attributes
    ----------
    attrs : dict
        The attributes.
    """

    attrs: dict[str, Any]

    def __new__(cls, array: ArrayLike, attrs: Mapping[str, Any] | None = None) -> Self:
        """Return `array` with `attrs`, sharing its memory."""
        self = np.asarray(array).view(cls)
        self.attrs = dict(attrs or {})
        return self

    def __array_finalize__(self, obj: Any) -> None:
        self.attrs = {}

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        plain = np.asarray(array)
        return plain[()] if return_scalar else plain

    def __getitem__(self, key: Any) -> Any:
        return self.view(np.ndarray)[key]

    def __copy__(self) -> Self:
        return type(self)(self.view(np.ndarray).copy(), self.attrs)

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        from copy import deepcopy

        return type(self)(deepcopy(self.view(np.ndarray), memo), deepcopy(self.attrs, memo))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.view(np.ndarray), self.attrs)
