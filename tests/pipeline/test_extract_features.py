"""The step extract_features: names, skipping, failing, caching."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdmea.declare import FEATURES, FeatureTable, Output, Recording, Requirement, extractor, stored_as
from hdmea.pipeline.run import run_step
from hdmea.utils.exceptions import ConfigurationError, FeatureExtractionError, MissingInputError
from hdmea.utils.fixes import RunStep
from hdmea.utils.notices import Notice
from tests.pipeline.computed import RATE, session_of

TRAINS = ([6000, 6100, 9000], [], list(range(0, 700_000, 7000)))


def run(session: Any, *features: str, force: bool = False, **params: Any) -> Any:
    return run_step(session, "extract_features", {"features": features, **params}, force=force)


def result_of(outcome: Any) -> Any:
    outcome.hdf5_path = Path("x.h5")
    return outcome.definition.result(outcome)


@pytest.fixture
def more_features() -> Iterator[None]:
    """Features that fail, and that need each other."""
    value = (Output("value", "Value", "", (None, None), "a number"),)

    @extractor(name="t_failing", title="Failing", version="1", outputs=value)
    def failing(recording: Recording, params: Any) -> FeatureTable:
        """Fail."""
        raise FeatureExtractionError("the fit did not converge")

    @extractor(
        name="t_second",
        title="Second",
        version="1",
        outputs=value,
        requires=(Requirement("feature", "t_first", "extract_features(['t_first'])"),),
    )
    def second(recording: Recording, params: Any) -> FeatureTable:
        """Double the first."""
        first = [u["features"]["t_first"]["data"]["value"] for u in recording.units.values()]
        return FeatureTable(units={"value": np.array(first) * 2})

    @extractor(name="t_first", title="First", version="1", outputs=value)
    def first(recording: Recording, params: Any) -> FeatureTable:
        """Count spikes."""
        return FeatureTable(units={"value": np.array([float(t.size) for t in recording.spike_trains])})

    toys = (failing, second, first)
    for made in toys:
        FEATURES.register(made)
    yield
    for made in toys:
        FEATURES.remove(made.name)


def test_numbers_their_reasons_and_their_parameters_are_stored() -> None:
    session = session_of(*TRAINS)

    result = result_of(run(session, "frif", "baseline"))

    assert result.features_extracted == ["frif", "baseline"]
    frif = session.units["unit_001"]["features"]["frif"]["data"]["FRIF"]
    assert frif.dtype == np.float32
    assert frif.attrs["unit"] == "Hz"
    assert frif[3] == pytest.approx(2 * RATE / 333)
    assert session.stimulus["FRIF_x_axis"].shape == frif.shape == (999,)
    entry = session.units["unit_001"]["features"]["baseline"]
    assert entry["data"]["spike_count"] == 3
    assert type(entry["data"]["spike_count"]) is int
    assert np.isnan(entry["data"]["cv_isi"])
    assert "fewer than 20" in json.loads(entry["metadata"]["missing"])["cv_isi"]
    assert json.loads(entry["metadata"]["params"])["refractory_ms"] == 1.5
    assert entry["metadata"]["baseline_source"] == "whole recording"


def test_feature_is_stored_and_reported_under_the_name_that_was_asked_for() -> None:
    session = session_of(*TRAINS)

    result = result_of(run(session, "baseline_127", "baseline"))

    assert result.features_extracted == ["baseline_127"]
    features = session.units["unit_001"]["features"]
    assert set(features) == {"baseline_127"}
    assert stored_as(features, "baseline") == "baseline_127"
    assert "baseline_127.spike_count" in session.to_dataframe()


def test_feature_whose_inputs_are_missing_is_skipped_with_the_way_out() -> None:
    session = session_of(*TRAINS, with_frames=False)

    outcome = run(session, "frif", "baseline")

    result = result_of(outcome)
    assert result.features_skipped == ["frif"]
    assert result.features_extracted == ["baseline"]
    (message,) = [m for m in outcome.warnings if FEATURES.get("frif").title in m]
    assert "The display frames are missing." in message
    assert "a .cmcr file that has a frame sync channel" in message
    assert message in session.warnings


@pytest.mark.parametrize(
    "asked", [("frif", "on_off"), ("dense_noise", "moving_bar", "chirp"), ("eimage_sta",)]
)
def test_features_of_scripts_that_are_not_here_are_skipped_truthfully(asked: tuple[str, ...]) -> None:
    session = session_of(*TRAINS)
    available = [name for name in asked if name in FEATURES]

    result = result_of(run(session, *asked))

    assert not result.features_failed
    assert set(result.features_extracted) | set(result.features_skipped) == set(asked)
    assert set(result.features_extracted) <= set(available)
    for name in result.features_skipped:
        title = FEATURES.get(name).title if name in FEATURES else name
        assert any(f"The feature “{title}” was skipped." in message for message in result.warnings)


def test_where_all_features_are_asked_for_stimuli_that_were_not_shown_are_no_warning() -> None:
    session = session_of(*TRAINS)
    session.stimulus["trial_time"] = {"steps_of_another_kind": np.zeros((1, 2), np.int64)}

    run(session, *FEATURES.names())

    told = [message for message in session.information if "is of the kind 'grating'" in message]
    assert len(told) == 1
    assert not any("is of the kind" in message for message in session.warnings)
    # Nor is what would be computed from their responses.
    assert not any("Cell type" in message for message in session.warnings)
    assert any("Cell type" in message for message in session.information)


def test_without_noise_the_receptive_field_is_not_missed() -> None:
    session = session_of(*TRAINS, movies={"steps": [10]})

    run(session, *FEATURES.names())

    said = [message for message in session.information if "“Receptive field” was skipped" in message]
    assert "None of the movies (steps) is noise by its name." in said[0]
    assert "“Receptive field” was skipped" not in " ".join(session.warnings)


def test_without_sections_all_features_of_movies_are_one_warning() -> None:
    session = session_of(*TRAINS)

    run(session, *FEATURES.names())

    told = [message for message in session.warnings if "section times" in message.lower()]
    assert told == [
        Notice(
            "There are no section times, so features of responses to movies were skipped.",
            fix=RunStep("add_section_time"),
            step="extract_features",
        )
    ]
    assert any(
        "“ON and OFF response” was skipped. No movie has trials." in text for text in session.information
    )


def test_without_display_frames_features_of_stimuli_are_no_warning_each() -> None:
    session = session_of(*TRAINS, with_frames=False)

    run(session, *FEATURES.names())

    skipped = [message for message in session.information if "The display frames are missing." in message]
    assert len(skipped) > 5
    assert not any("display frames" in message or "Cell type" in message for message in session.warnings)


def test_what_was_skipped_is_computed_as_soon_as_it_can_be() -> None:
    session = session_of(*TRAINS, with_frames=False)
    run(session, "frif")
    session.add_metadata({"frame_timestamps": np.arange(10, dtype=np.uint64) * 333})

    result = result_of(run(session, "frif"))

    assert result.features_extracted == ["frif"]
    assert "frif" in session.units["unit_001"]["features"]


def test_second_call_keeps_what_is_there() -> None:
    session = session_of(*TRAINS)
    run(session, "frif")
    kept = session.units["unit_001"]["features"]["frif"]

    again = run(session, "frif", "baseline")

    assert again.cached_items == ("frif",)
    assert session.units["unit_001"]["features"]["frif"] is kept
    assert result_of(again).features_extracted == ["frif", "baseline"]
    assert run(session, "frif").cached


def test_unknown_name_is_skipped_with_a_suggestion_and_strict_is_an_error() -> None:
    session = session_of(*TRAINS)

    with pytest.raises(MissingInputError, match="Did you mean 'frif'"):
        run(session, "baseline", "friff", strict=True)
    assert "features" not in session.units["unit_001"]
    result = result_of(run(session, "baseline", "friff"))
    assert result.features_extracted == ["baseline"]
    assert result.features_skipped == ["friff"]
    assert any("Did you mean 'frif'" in message for message in session.warnings)


def test_overrides_reach_the_feature_and_are_checked() -> None:
    session = session_of([0, 40, 100])

    run(session, "baseline", config_overrides={"baseline_127": {"refractory_ms": 2.5}})

    entry = session.units["unit_001"]["features"]["baseline"]
    assert entry["data"]["isi_violation_fraction"] == 0.5
    assert json.loads(entry["metadata"]["params"])["refractory_ms"] == 2.5
    for wrong in ({"baseline": {"refractory": 2}}, {"baseline": 3}, {"no_such": {}}):
        with pytest.raises(ConfigurationError):
            run(session, "baseline", config_overrides=wrong, force=True)


@pytest.mark.usefixtures("more_features")
class TestSeveral:
    def test_failing_feature_leaves_the_others_and_is_tried_again(self) -> None:
        session = session_of(*TRAINS)

        result = result_of(run(session, "t_failing", "t_first"))

        assert result.features_failed == ["t_failing"]
        assert result.features_extracted == ["t_first"]
        assert any("did not converge" in message for message in result.warnings)
        assert run(session, "t_failing").items == ("t_failing",)

    def test_needed_feature_is_computed_first(self) -> None:
        session = session_of(*TRAINS)

        result = result_of(run(session, "t_second", "t_first"))

        assert result.features_extracted == ["t_first", "t_second"]
        assert session.units["unit_001"]["features"]["t_second"]["data"]["value"] == 6

    def test_strict_raises_and_keeps_nothing(self) -> None:
        session = session_of(*TRAINS)

        with pytest.raises(MissingInputError, match="t_first"):
            run(session, "frif", "t_second", strict=True)
        with pytest.raises(FeatureExtractionError, match="did not converge"):
            run(session, "frif", "t_failing", strict=True)
        assert "features" not in session.units["unit_001"]
