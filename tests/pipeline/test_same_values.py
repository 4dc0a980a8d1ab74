"""What counts as the same result of a step that ran again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hdmea.pipeline.same_values import same_values

_ARRAY = np.array([1.0, np.nan, -0.0])


class _WithAttributes(dict[str, Any]):
    def __init__(self, content: dict[str, Any], **attrs: Any) -> None:
        super().__init__(content)
        self.attrs = attrs


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (_ARRAY, _ARRAY.copy(), True),
        (_ARRAY, np.array([1.0, np.nan, 0.0]), False),
        (_ARRAY, _ARRAY.astype("float32"), False),
        (_ARRAY, _ARRAY[:, None], False),
        (np.arange(6).reshape(2, 3).T, np.ascontiguousarray(np.arange(6).reshape(2, 3).T), True),
        (np.array(["a", np.nan], object), np.array(["a", np.nan], object), True),
        (np.array(["a", "b"], object), np.array(["a", "c"], object), False),
        (float("nan"), float("nan"), True),
        (1, 1.0, False),
        (True, 1, False),
        (None, None, True),
        (None, {}, False),
        ("text", "text", True),
        ((1, 2), [1, 2], False),
        ([1, [2]], [1, [2]], True),
        ({"a": 1, "b": _ARRAY}, {"b": _ARRAY.copy(), "a": 1}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"a": {"when": "now", "x": 2}}, {"a": {"when": "then", "x": 2}}, True),
        (_WithAttributes({"a": 1}, rate=60.0), _WithAttributes({"a": 1}, rate=60.0), True),
        (_WithAttributes({"a": 1}, rate=60.0), _WithAttributes({"a": 1}, rate=59.9), False),
        (_WithAttributes({"a": 1}, rate=60.0), {"a": 1}, False),
    ],
)
def test_same_values(one: Any, other: Any, same: bool) -> None:
    assert same_values(one, other, ignored=("when",)) is same
    assert same_values(other, one, ignored=("when",)) is same
