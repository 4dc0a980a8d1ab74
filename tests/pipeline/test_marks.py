"""Marks: from sections to features, from features to those that use them, and as text per unit."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from hdmea.pipeline.marks import (
    add_inherited_marks,
    add_section_marks,
    marks_of,
    marks_text,
    section_marks,
)
from hdmea.utils.arrays import AttrArray

LATE = {"mark": "not aligned", "cause": "the light fits 4 frames (67 ms) later"}
LOST = {"mark": "flips lost", "cause": "1 before it"}
STIMULUS = {
    "section_time": {
        "bars": AttrArray(np.zeros((2, 2)), {"marks": [json.dumps([LATE]), json.dumps([LATE, LOST])]}),
        "grey": AttrArray(np.zeros((1, 2)), {"marks": ["[]"]}),
        "old": AttrArray(np.zeros((1, 2)), {}),
    }
}


def feature(**metadata: Any) -> dict[str, Any]:
    return {"data": {}, "metadata": metadata}


def test_marks_of_all_showings_count_once() -> None:
    assert section_marks(STIMULUS, "bars") == [LATE, LOST]
    assert section_marks(STIMULUS, "grey") == section_marks(STIMULUS, "old") == []
    assert section_marks({}, "bars") == []


def test_a_feature_gets_the_marks_of_its_movie_beside_its_own() -> None:
    own = {"mark": "drifts", "cause": "the rate falls"}
    for named in ({"movie": "bars"}, {"movie_name": "bars"}, {"baseline_source": "section bars"}):
        entry = feature(**named, marks=json.dumps([own]))
        add_section_marks(entry, STIMULUS)
        add_section_marks(entry, STIMULUS)
        assert marks_of(entry) == [own, LATE, LOST]
    for named in ({}, {"movie": "grey"}, {"baseline_source": "whole recording"}):
        entry = feature(**named)
        add_section_marks(entry, STIMULUS)
        assert "marks" not in entry["metadata"]


def test_a_feature_inherits_the_marks_of_what_it_uses() -> None:
    features = {"on_off": feature(marks=json.dumps([LATE])), "frif": feature(marks=json.dumps([LOST]))}
    entry = feature()

    add_inherited_marks(entry, features, ["on_*", "moving_bar"])

    assert marks_of(entry) == [LATE]


def test_the_text_names_each_mark_with_its_features() -> None:
    features = {
        "on_off": feature(marks=json.dumps([LATE])),
        "moving_bar": feature(marks=json.dumps([LOST, LATE]), stale=True),
        "frif": feature(stale=False),
        "sta": {"data": 1},
    }

    text = marks_text({"features": features})

    assert text == "not aligned (on_off, moving_bar); flips lost (moving_bar); stale (moving_bar)"
    assert marks_text({"features": {"frif": feature()}}) is None
    assert marks_text({}) is None
