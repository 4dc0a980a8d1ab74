"""The table of features: a row per unit, a described column per number, and its files."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hdmea.pipeline.feature_table import (
    feature_columns,
    feature_table,
    missing_reasons,
)
from hdmea.pipeline.session import PipelineSession


@pytest.fixture
def session() -> PipelineSession:
    """Two units; the second has no soma geometry and a NaN."""
    session = PipelineSession("table")
    session.add_units(
        {
            "unit_001": {
                "row": 3,
                "col": 4,
                "spike_count": 100,
                "original_name": "1",
                "spike_times": np.arange(100, dtype=np.uint64),
                "unit_meta": {"snr": 7.5},
            },
            "unit_002": {
                "row": 5,
                "col": 6,
                "spike_count": 3,
                "original_name": "2",
                "unit_meta": {"snr": 1.5},
            },
        }
    )
    for unit, rate in (("unit_001", 2.5), ("unit_002", math.nan)):
        session.add_feature(unit, "baseline", {"baseline_rate": rate, "missing": "{}"})
        session.add_feature(unit, "own", {"score": 3, "label": "good", "curve": np.zeros(5)})
    image = {
        "data": np.zeros((2, 2, 2)),
        "metadata": {},
        "geometry": {"size_x_um": 48.0, "diff_map": np.ones((2, 2))},
    }
    session.units["unit_001"]["features"]["eimage_sta"] = image
    return session


def by_name(session: PipelineSession) -> dict[str, tuple[object, ...]]:
    return {column.name: column.values for column in feature_columns(session)}


class TestColumns:
    def test_facts_sorter_and_features_are_there(self, session: PipelineSession) -> None:
        found = by_name(session)

        assert found["row"] == (3, 5)
        assert found["sorter.snr"] == (7.5, 1.5)
        assert found["baseline.baseline_rate"][0] == 2.5
        assert found["own.score"] == (3, 3)
        assert found["own.label"] == ("good", "good")

    def test_of_some_units_in_the_order_asked_for(self, session: PipelineSession) -> None:
        columns = {
            column.name: column.values for column in feature_columns(session, ["unit_002", "unit_001"])
        }

        assert columns["row"] == (5, 3)
        assert feature_columns(session, ["unit_002"])[0].values == (5,)

    def test_reasons_have_the_names_of_the_columns(self) -> None:
        why = {"missing": '{"x": "too few spikes"}'}
        features = {
            "on_off": {"data": {}, "metadata": why},
            "eimage_sta": {"data": 0, "metadata": {}, "geometry": why, "axon": why},
            "sta_a": {"data": 0, "sta_geometry": why},
        }

        assert set(missing_reasons({"features": features})) == {"on_off.x", "soma.x", "axon.x", "rf.x"}
        features["sta_b"] = {"data": 0, "sta_geometry": why}
        assert missing_reasons({"features": features})["rf[b].x"] == "too few spikes"
        assert missing_reasons({}) == {}

    def test_arrays_and_bookkeeping_are_not(self, session: PipelineSession) -> None:
        found = by_name(session)

        assert not {"spike_times", "own.curve", "soma.diff_map", "baseline.missing"} & found.keys()

    def test_unit_without_a_feature_has_none(self, session: PipelineSession) -> None:
        assert by_name(session)["soma.size_x_um"] == (48.0, None)

    def test_units_and_definitions_are_those_of_the_declarations(self, session: PipelineSession) -> None:
        columns = {column.name: column for column in feature_columns(session)}

        assert columns["baseline.baseline_rate"].unit == "Hz"
        assert columns["soma.size_x_um"].unit == "µm"
        assert columns["soma.size_x_um"].definition

    def test_voltages_have_the_unit_of_the_electrical_images(self, session: PipelineSession) -> None:
        image = session.units["unit_001"]["features"]["eimage_sta"]
        image["geometry"]["peak_to_peak"] = 120.0
        image["metadata"]["unit"] = "µV"

        columns = {column.name: column for column in feature_columns(session)}

        assert columns["soma.peak_to_peak"].unit == "µV"

    def test_several_noise_movies_are_told_apart(self, session: PipelineSession) -> None:
        for movie in ("a", "b"):
            entry = {"data": np.zeros(3), "metadata": {}, "sta_geometry": {"rf_x": 1.0}}
            session.units["unit_001"]["features"][f"sta_{movie}"] = entry

        assert {"rf[a].rf_x", "rf[b].rf_x"} <= by_name(session).keys()

    def test_session_without_units_has_no_rows(self) -> None:
        assert all(column.values == () for column in feature_columns(PipelineSession("empty")))


def test_data_frame_has_a_row_per_unit_and_described_columns(session: PipelineSession) -> None:
    pytest.importorskip("pandas", reason="pandas makes data frames")

    table = feature_table(session)

    assert table.index.tolist() == ["unit_001", "unit_002"]
    assert table.loc["unit_001", "baseline.baseline_rate"] == 2.5
    assert table["row"].dtype == np.int64
    assert table.attrs["units"]["soma.size_x_um"] == "µm"
    assert set(table.attrs["definitions"]) == set(table.columns)


def test_each_p_value_of_all_units_has_a_q() -> None:
    session = PipelineSession("q")
    session.add_units({f"unit_{k:03d}": {"spike_times": np.arange(3, dtype=np.uint64)} for k in (1, 2, 3)})
    for unit, p in (("unit_001", 0.01), ("unit_002", 0.04), ("unit_003", math.nan)):
        session.add_feature(unit, "dense_noise", {"rf_p": p})

    found = by_name(session)

    assert found["dense_noise.rf_q"][:2] == pytest.approx((0.02, 0.04))
    assert math.isnan(found["dense_noise.rf_q"][2])
    assert "dense_noise.rf_q" not in {c.name for c in feature_columns(session, ["unit_001"])}


def test_an_estimate_names_its_interval_its_p_and_what_it_is_measured_in() -> None:
    session = PipelineSession("n")
    session.add_units({"unit_001": {"spike_times": np.arange(3, dtype=np.uint64)}})
    numbers = {"on_off_index": 0.5, "on_off_index_low": 0.2, "on_off_index_high": 0.7, "n_trials": 30.0}
    session.add_feature("unit_001", "on_off", {**numbers, "quality_p": 0.001})

    columns = {column.name: column for column in feature_columns(session)}

    index = columns["on_off.on_off_index"]
    assert index.interval == ("on_off.on_off_index_low", "on_off.on_off_index_high")
    assert (index.p, index.n) == ("on_off.quality_p", "on_off.n_trials")
    assert columns["on_off.on_off_index_n"].values == (30.0,)
