"""Declarations: every number has a title, a unit and a definition that can stand in a table."""

from __future__ import annotations

import re
from collections import Counter
from typing import Literal

import pydantic
import pytest

from hdmea.declare import FEATURES, STEPS, Output, all_steps, with_limits
from hdmea.declare.parameters import Params
from hdmea.pipeline.requirements import providers

DECLARED = [
    *((extractor.name, output) for extractor in FEATURES for output in extractor.outputs),
    *((definition.name, output) for definition in STEPS for output in definition.outputs),
]


@pytest.mark.parametrize(("owner", "output"), DECLARED, ids=lambda value: getattr(value, "name", value))
def test_a_title_reads_as_the_field_writes_it(owner: str, output: Output) -> None:
    assert re.match(r"[A-Zσpτ]", output.title), output.title
    assert "_" not in output.title
    assert not re.search(r"\b(cv|isi|dsi|osi|rf|snr|sta)\b", output.title), output.title
    assert output.definition
    assert not output.definition.endswith(".")


@pytest.mark.parametrize("owner", sorted({owner for owner, _ in DECLARED}))
def test_titles_and_units_tell_the_numbers_of_one_feature_apart(owner: str) -> None:
    scalars = [output for name, output in DECLARED if name == owner and output.shape == ()]
    counts = Counter((output.title, output.unit) for output in scalars)
    assert [title for title, count in counts.items() if count > 1] == []


def test_what_a_step_requires_is_provided_by_a_step() -> None:
    lonely = [
        (name, data)
        for name, definition in all_steps().items()
        for data in (*definition.requires, *definition.uses)
        if not providers(data)
    ]
    assert lonely == []


def test_a_declaration_that_cannot_be_one_is_refused_where_it_is_made() -> None:
    with pytest.raises(TypeError, match="first"):
        Output("first", "First", (), "s", (0, None))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="smallest"):
        Output("second", "Second", "s", (0, 1, 2), "x")  # type: ignore[arg-type]


def test_an_interval_declares_its_limits() -> None:
    p = Output("width_p", "p of the width", "", (0, 1), "p value")
    width = Output("width", "Width", "ms", (0, None), "of it", standard="Width", interval=True, test=True)

    low, high = with_limits(width, p)[1:3]

    assert (low.name, high.name, width.p) == ("width_low", "width_high", "width_p")
    assert (low.title, low.unit, low.standard) == ("Width, lower limit", "ms", "")
    assert with_limits(*with_limits(width, p)) == with_limits(width, p)


def test_a_p_value_that_is_not_declared_is_refused() -> None:
    with pytest.raises(TypeError, match="quality_p"):
        with_limits(Output("width", "Width", "ms", (0, None), "of it", test="quality_p"))


@pytest.mark.parametrize("text", ["150.5", "150,5", " 150,5 "])
def test_numbers_given_as_text_have_a_point_or_a_comma(text: str) -> None:
    class Given(Params):
        cutoff: float = 1.0
        delay: Literal["none"] | float = "none"
        pitch: float | None = None
        name: str = ""

    given = Given(cutoff=text, delay=text, pitch=text, name=text)

    assert (given.cutoff, given.delay, given.pitch, given.name) == (150.5, 150.5, 150.5, text)
    assert Given(delay="none").delay == "none"


@pytest.mark.parametrize("text", ["1,500.5", "1.500,5", "1_500", "1 500", "1'500", ""])
def test_marks_between_thousands_are_refused(text: str) -> None:
    class Given(Params):
        cutoff: float = 1.0
        count: int = 1

    for name in ("cutoff", "count"):
        with pytest.raises(pydantic.ValidationError):
            Given(**{name: text})
