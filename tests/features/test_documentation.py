"""The science page says what the declarations say."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.tools.feature_tables import features_markdown, update_page
from docs.tools.science_tables import steps_markdown, update_steps
from hdmea.declare import FEATURES
from hdmea.features.science.axon_outputs import AXON_OUTPUTS
from hdmea.features.science.soma_geometry import SOMA_OUTPUTS
from hdmea.pipeline.steps.fit_lnl import LNL_OUTPUTS
from hdmea.utils.exceptions import ConfigurationError

PAGE = Path(__file__).resolve().parents[2] / "docs" / "science.md"


def own() -> list:
    return [found for found in FEATURES if found.function.__module__.startswith("hdmea.")]


def test_the_page_is_current() -> None:
    fresh = update_page(PAGE, own())

    current = PAGE.read_text(encoding="utf-8")

    assert current == fresh, "write docs.tools.feature_tables.update_page(PAGE, own()) to docs/science.md"


def test_the_steps_on_the_page_are_current() -> None:
    fresh = update_steps(PAGE)

    current = PAGE.read_text(encoding="utf-8")

    assert current == fresh, "write docs.tools.science_tables.update_steps(PAGE) to docs/science.md"


@pytest.mark.parametrize(
    "number", ["equivalent_diameter", "velocity_low_m_s", "dog_surround_sigma_major", "bits_per_spike"]
)
def test_every_step_says_what_it_stores(number: str) -> None:
    assert f"| `{number}` |" in steps_markdown()


def test_the_file_format_names_what_steps_store() -> None:
    page = PAGE.with_name("file_format.md").read_text(encoding="utf-8")

    for output in (*SOMA_OUTPUTS, *AXON_OUTPUTS, *LNL_OUTPUTS):
        assert f"`{output.name}`" in page


def test_every_number_is_explained() -> None:
    text = features_markdown(own())

    for found in own():
        assert f"### `{found.name}`" in text
        limits = {limit for output in found.outputs for limit in output.limits}
        for name in {*found.params.model_fields, *(output.name for output in found.outputs)} - limits:
            assert f"| `{name}` |" in text


def test_every_estimate_names_its_interval_its_p_and_its_count() -> None:
    text = features_markdown(own())

    for name, p, n in (("on_transience", "quality_p", "n_trials"), ("sigma_long", "rf_p", "n_spikes")):
        line = next(line for line in text.splitlines() if line.startswith(f"| `{name}` |"))
        assert f"| `_low` … `_high`, `{p}`, `{n}` |" in line
        assert f"| `{name}_low` |" not in text


def test_a_page_without_its_marks_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing", encoding="utf-8")

    with pytest.raises(ConfigurationError, match="does not have the lines"):
        update_page(page, own())
    with pytest.raises(ConfigurationError, match="does not have the lines"):
        update_steps(page)
