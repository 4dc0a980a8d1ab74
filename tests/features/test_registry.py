"""The registry of features: names, aliases, a person's own file, entry points, and what is not there."""

from __future__ import annotations

import importlib.metadata
import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import hdmea.features
from hdmea.declare import (
    FEATURES,
    Extractor,
    FeatureParams,
    FeatureTable,
    Output,
    Recording,
    Registry,
    Requirement,
    extractor,
)
from hdmea.declare import registry as registry_module
from hdmea.features.science.movie_trials import trials_requirement
from hdmea.utils.exceptions import ConfigurationError, FeatureExtractionError
from tests.features.recordings import recording

USER_FILE = '''
import numpy as np
from pydantic import Field

from hdmea.declare import FeatureParams, FeatureTable, Output, Requirement, extractor


class Params(FeatureParams):
    factor: float = Field(2.0, gt=0)


@extractor(
    name="first_spike",
    title="First spike",
    version="3",
    params=Params,
    aliases=("first_spike_time",),
    requires=(Requirement("unit", "spike_times", "load_recording"),),
    outputs=(Output("first", "First", "samples", (0, None), "sample of the first spike"),),
)
def first_spike(recording, params):
    """Find the first spike."""
    first = [train[0] * params.factor if train.size else np.nan for train in recording.spike_trains]
    return FeatureTable(units={"first": np.array(first)})
'''


def fresh(package: str = "") -> Registry[Extractor]:
    return Registry("hdmea.features", Extractor, package, "feature")


def make(name: str = "thing", *aliases: str, result: FeatureTable | None = None) -> Extractor:
    @extractor(
        name=name,
        title="Thing",
        version="1",
        aliases=aliases,
        outputs=(
            Output("value", "Value", "Hz", (None, None), "a value"),
            Output("pair", "Pair", "", (None, None), "two numbers", dtype="int64", shape=(2,)),
        ),
    )
    def thing(recording: Recording, params: FeatureParams) -> FeatureTable:
        """Give what the test wants."""
        return result or FeatureTable(units={"value": np.zeros(1), "pair": np.zeros((1, 2), np.int64)})

    return thing


class TestNames:
    def test_the_packages_own_extractors_are_found(self) -> None:
        assert {"frif", "baseline"} <= {found.name for found in FEATURES}

    def test_alias_leads_to_the_canonical_feature(self) -> None:
        assert FEATURES.get("baseline_127").name == "baseline"
        assert FEATURES.canonical_name("baseline_127") == "baseline"

    @pytest.mark.parametrize(
        ("typo", "meant"), [("firf", "frif"), ("base_line", "baseline"), ("on_of", "on_off")]
    )
    def test_unknown_name_is_answered_with_what_was_meant(self, typo: str, meant: str) -> None:
        with pytest.raises(ConfigurationError, match=f"Did you mean .*'{meant}'"):
            FEATURES.get(typo)

    def test_unknown_name_lists_the_features(self) -> None:
        with pytest.raises(ConfigurationError, match=r"Known: baseline, .*frif"):
            FEATURES.get("xyzzy")

    def test_name_that_is_taken_is_refused(self) -> None:
        registry = fresh()
        registry.register(make("a", "b"))

        with pytest.raises(ConfigurationError, match="'b' belongs to the feature 'a'"):
            registry.register(make("c", "b"))
        assert "c" not in registry

    def test_every_declaration_is_complete(self) -> None:
        for found in FEATURES:
            assert found.title
            assert found.description
            assert found.outputs
            for output in found.outputs:
                assert output.definition
                np.dtype(output.dtype)
            for need in found.requires:
                assert need.provided_by


class TestUnavailable:
    def test_every_name_of_older_scripts_has_its_extractor(self) -> None:
        names = {
            "baseline_127": "baseline",
            "step_up_5s_5i_3x": "on_off",
            "step_up_5s_5i_b0_3x": "on_off",
            "step_up_5s_5i_b0_30x": "on_off",
            "green_blue_3s_3i_3x": "green_blue",
            "freq_step_5st_3x": "chirp",
            "moving_h_bar_s5_d8_3x": "moving_bar",
            "perfect_dense_noise_15x15_15hz_r42_3min": "dense_noise",
            "cell_type_classifier": "cell_type",
        }
        registry = FEATURES
        assert {name: registry.get(name).name for name in names} == names


class TestOwnFile:
    def test_extractors_of_a_file_are_added(self, tmp_path: Path) -> None:
        path = tmp_path / "my_feature.py"
        path.write_text(USER_FILE, encoding="utf-8")
        registry = fresh()

        (found,) = registry.register_file(path)

        assert registry.get("first_spike_time") is found
        table = found.compute(recording([7, 9], []), found.make_params({"factor": 3}))
        np.testing.assert_array_equal(table.units["first"], [21, np.nan])

    def test_file_that_is_not_there_or_defines_nothing(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match=r"nothing\.py"):
            fresh().register_file(tmp_path / "nothing.py")
        (tmp_path / "empty.py").write_text(
            "from hdmea.features.extractors.frif import frif\n", encoding="utf-8"
        )
        with pytest.raises(ConfigurationError, match="does not declare a feature"):
            fresh().register_file(tmp_path / "empty.py")
        (tmp_path / "feature.txt").write_text("", encoding="utf-8")
        with pytest.raises(ConfigurationError, match=r"ends in \.py"):
            fresh().register_file(tmp_path / "feature.txt")


class TestEntryPoints:
    @pytest.fixture
    def installed(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "lab_features.py").write_text(USER_FILE, encoding="utf-8")
        (tmp_path / "lab_broken.py").write_text("import surely_not_installed\n", encoding="utf-8")
        monkeypatch.syspath_prepend(tmp_path)
        group = FEATURES.group
        points = [
            importlib.metadata.EntryPoint("lab", "lab_features", group),
            importlib.metadata.EntryPoint("broken", "lab_broken", group),
            importlib.metadata.EntryPoint("number", "math:pi", group),
        ]
        monkeypatch.setattr(registry_module, "entry_points", lambda group: points)

    @pytest.mark.usefixtures("installed")
    def test_packages_add_features_and_broken_ones_are_reported(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.WARNING):
            registry = fresh("hdmea.features.extractors")
            list(registry)

        assert registry.get("first_spike").version == "3"
        assert "surely_not_installed" in caplog.text
        assert "neither a feature nor a module" in caplog.text


class TestContract:
    def test_result_must_be_what_was_declared(self) -> None:
        wrong = [
            FeatureTable(units={"value": np.zeros(1)}),
            FeatureTable(units={"value": np.zeros(2), "pair": np.zeros((2, 2), np.int64)}),
            FeatureTable(units={"value": np.zeros(1, np.float32), "pair": np.zeros((1, 2), np.int64)}),
            FeatureTable(units={"value": np.zeros(1), "pair": np.zeros((1, 3), np.int64)}),
        ]
        for table in wrong:
            with pytest.raises(FeatureExtractionError, match="thing"):
                make(result=table).compute(recording([1]))

    def test_requirements_look_into_every_part_of_a_recording(self) -> None:
        full = Recording(
            units={"unit_001": {"spike_times": np.array([1]), "features": {"sta_noise_15": {"data": 1}}}},
            metadata={"frame_timestamps": np.arange(3)},
            stimulus={"section_time": {"dense_noise_x": np.zeros((1, 2))}},
        )
        needs = [
            Requirement("unit", "spike_times", "x"),
            Requirement("feature", "sta_*noise*", "x"),
            Requirement("metadata", "frame_timestamps", "x"),
            Requirement("stimulus", "section_time/*noise*", "x"),
        ]

        for need in needs:
            assert need.missing_from(full) is None
            assert "provided by x." in str(need.missing_from(Recording({}, {}, {})))
        assert Requirement("stimulus", "section_time/*bar*", "y").missing_from(full)
        assert Requirement("metadata", "frame_timestamps/deeper", "y").missing_from(full)


def test_public_names_are_lazy_and_complete() -> None:
    for name in hdmea.features.__all__:
        assert name == "compute_sta" or getattr(hdmea.features, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = hdmea.features.nonsense


def test_extractors_load_without_scipy_and_numba() -> None:
    code = (
        "import sys; from hdmea.declare import FEATURES; list(FEATURES);"
        "sys.exit(bool({'scipy', 'numba', 'PySide6'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_why_trials_of_a_kind_are_missing_says_whether_there_are_others() -> None:
    need = trials_requirement("moving_bar")
    nothing = Recording({}, {}, {})
    others = Recording({}, {}, {"trial_time": {"step_up_1s": np.zeros((3, 2), np.int64)}})

    assert need.missing_from(nothing) == (
        "No movie has trials. Run add_section_time first. Run section_spike_times first."
    )
    assert need.missing_from(others) == (
        "None of the movies with trials (step_up_1s) is of the kind 'moving_bar' by its stimulus definition."
    )
