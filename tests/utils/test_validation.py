"""What pydantic refuses is said in our words, with titles, units and limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pydantic
import pytest
from pydantic import Field

from hdmea.utils.fixes import PYTHON
from hdmea.utils.validation import Problem, problems_of


class _Part(pydantic.BaseModel):
    end_frame: int = Field(1, ge=1, title="End frame", json_schema_extra={"unit": "frames"})


class _Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")

    width: int = Field(1, ge=0, title="Padding", json_schema_extra={"unit": "frames"})
    share: float = Field(0.5, gt=0, lt=1, title="Share", allow_inf_nan=False)
    bins: int = Field(20, ge=6, le=200, title="Bins")
    percent: float = Field(0.0, le=100, title="Percentile", json_schema_extra={"unit": "%"})
    file: str | Path | None = Field(None, title="Movie file")
    pair: tuple[int, int] = Field((0, 1), title="Window")
    units: tuple[str | int, ...] | None = Field(None, title="Units")
    mode: Literal["first", "all"] = Field("first", title="Showings")
    anchors: dict[str, int] | None = Field(None, title="Anchors")
    parts: tuple[_Part, ...] = Field((), title="Parts")
    name: str = Field("x", min_length=1, max_length=4, title="Name")
    on: bool = Field(False, title="Corrected")
    without_title: int = 0

    @pydantic.field_validator("pair")
    @classmethod
    def _ascending(cls, value: tuple[int, int]) -> tuple[int, int]:
        if value[0] > value[1]:
            raise ValueError("must begin before it ends.")
        return value

    @pydantic.model_validator(mode="after")
    def _fits(self) -> _Model:
        if self.width > 1000:
            raise ValueError("the padding is longer than a recording")
        return self


def _refused(**values: Any) -> tuple[Problem, ...]:
    with pytest.raises(pydantic.ValidationError) as caught:
        _Model(**values)
    return problems_of(caught.value, _Model)


@pytest.mark.parametrize(
    ("values", "name", "sentence"),
    [
        ({"width": -3}, "width", "“Padding” must be at least 0 frames, not -3."),
        ({"width": 1.5}, "width", "“Padding” must be a whole number, not 1.5."),
        ({"width": "many"}, "width", "“Padding” must be a whole number, not 'many'."),
        ({"width": None}, "width", "“Padding” must be a whole number; nothing was given."),
        ({"share": 1}, "share", "“Share” must be greater than 0 and less than 1, not 1."),
        ({"bins": 5}, "bins", "“Bins” must be between 6 and 200, not 5."),
        ({"share": float("nan")}, "share", "“Share” must be a finite number, not nan."),
        ({"percent": 101}, "percent", "“Percentile” must be at most 100 %, not 101."),
        ({"file": 3}, "file", "“Movie file” must be a path, not 3."),
        ({"pair": (1, 2, 3)}, "pair", "“Window” must have 2 values, not 3."),
        ({"pair": (1,)}, "pair.1", "“Window, entry 2” is missing."),
        ({"pair": 4}, "pair", "“Window” must be a list, not 4."),
        ({"pair": (2, 1)}, "pair", "“Window” must begin before it ends."),
        ({"units": (1.5,)}, "units.0", "“Units, entry 1” must be text or a whole number, not 1.5."),
        ({"mode": "last"}, "mode", "“Showings” must be 'first' or 'all', not 'last'."),
        ({"anchors": {"a": "b"}}, "anchors.a", "“Anchors, a” must be a whole number, not 'b'."),
        ({"anchors": 3}, "anchors", "“Anchors” must be a set of named values, not 3."),
        (
            {"parts": [{"end_frame": 1}, {"end_frame": 0}]},
            "parts.1.end_frame",
            "“Parts, entry 2, End frame” must be at least 1 frames, not 0.",
        ),
        ({"parts": [3]}, "parts.0", "“Parts, entry 1” must be a set of named values, not 3."),
        ({"name": ""}, "name", "“Name” must not be empty."),
        ({"name": "12345"}, "name", "“Name” must have at most 4 characters."),
        ({"on": "perhaps"}, "on", "“Corrected” must be true or false, not 'perhaps'."),
        ({"without_title": "x"}, "without_title", "“Without title” must be a whole number, not 'x'."),
        ({"width": 2000}, "", "The padding is longer than a recording."),
    ],
)
def test_each_refusal_is_a_sentence(values: dict[str, Any], name: str, sentence: str) -> None:
    (problem,) = _refused(**values)
    assert (problem.name, problem.sentence) == (name, sentence)


def test_an_unknown_name_lists_the_known_ones() -> None:
    (problem,) = _refused(widht=3)
    assert problem.sentence.startswith("“widht” is not known; known are width, share,")


def test_python_names_the_field_and_what_has_it() -> None:
    (problem,) = _refused(width=-3)
    assert problem.text(PYTHON, "a_step") == "width of a_step must be at least 0 frames, not -3."
    with pytest.raises(pydantic.ValidationError) as caught:
        _Model(width=-1)
    (owned,) = problems_of(caught.value, _Model, "a_feature")
    assert owned.text(PYTHON, "a_step") == "width of a_feature must be at least 0 frames, not -1."


def test_several_values_are_several_problems() -> None:
    assert [problem.name for problem in _refused(width=-1, on="perhaps")] == ["width", "on"]


def test_json_that_is_not_json_is_said_so() -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        _Model.model_validate_json("{")
    (problem,) = problems_of(caught.value, _Model)
    assert problem.sentence == "The file is not JSON text."


def test_an_error_that_is_not_known_here_has_no_text_of_pydantic() -> None:
    class _Odd(pydantic.BaseModel):
        call: type[int] = Field(int, title="Kind")

    with pytest.raises(pydantic.ValidationError) as caught:
        _Odd(call=3)
    (problem,) = problems_of(caught.value, _Odd)
    assert problem.sentence == "“Kind” must not be 3."
