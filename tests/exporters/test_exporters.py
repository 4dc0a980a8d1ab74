"""Files that exporters write: their content, how they come into place, and how an exporter is chosen."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from pydantic import Field

from hdmea.exporters import EXPORTERS, ExportOptions, export, exporter
from hdmea.pipeline.session import PipelineSession
from hdmea.utils.exceptions import ConfigurationError, ExistingFileError, ValidationError


@pytest.fixture
def session() -> PipelineSession:
    """Two units; the second has no soma geometry and a NaN."""
    session = PipelineSession("table")
    session.add_units(
        {
            "unit_001": {"row": 3, "spike_times": np.arange(100, dtype=np.uint64)},
            "unit_002": {"row": 5, "spike_times": np.arange(3, dtype=np.uint64)},
        }
    )
    for unit, rate in (("unit_001", 2.5), ("unit_002", math.nan)):
        session.add_feature(unit, "baseline", {"baseline_rate": rate, "missing": "{}"})
    image = {"data": np.zeros((2, 2, 2)), "metadata": {}, "geometry": {"size_x_um": 48.0}}
    session.units["unit_001"]["features"]["eimage_sta"] = image
    return session


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


class TestTables:
    def test_csv_has_every_value_to_the_last_digit(self, session: PipelineSession, tmp_path: Path) -> None:
        session.units["unit_001"]["features"]["baseline"]["data"]["baseline_rate"] = 1 / 3

        table, described = export(session, tmp_path / "t.csv")

        with table.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["unit_id"] for row in rows] == ["unit_001", "unit_002"]
        assert float(rows[0]["baseline.baseline_rate"]) == 1 / 3
        assert rows[1]["baseline.baseline_rate"] == rows[1]["soma.size_x_um"] == ""
        with described.open(encoding="utf-8-sig", newline="") as file:
            columns = {row["column"]: row for row in csv.DictReader(file)}
        assert columns.keys() == set(rows[0]) - {"unit_id"}
        assert columns["soma.size_x_um"]["unit"] == "µm"

    def test_parquet_has_values_types_and_descriptions(
        self, session: PipelineSession, tmp_path: Path
    ) -> None:
        parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is optional")

        (path,) = export(session, tmp_path / "t.parquet")

        table = parquet.read_table(path)
        assert table["row"].to_pylist() == [3, 5]
        assert table["soma.size_x_um"].to_pylist() == [48.0, None]
        assert table.schema.field("baseline.baseline_rate").metadata[b"unit"] == b"Hz"

    def test_parquet_without_pyarrow_says_what_to_do(
        self, session: PipelineSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)

        with pytest.raises(ConfigurationError, match="pip install pyarrow"):
            export(session, tmp_path / "t.parquet")


class TestResultFiles:
    @pytest.mark.parametrize("name", ["hdf5", "lab"])
    def test_the_whole_result_can_be_read_again(
        self, session: PipelineSession, tmp_path: Path, name: str
    ) -> None:
        (path,) = export(session, tmp_path / "copy.h5", to=name)
        copy = PipelineSession.load(path)
        assert list(copy.units) == list(session.units)
        np.testing.assert_array_equal(copy.units["unit_001"]["spike_times"], np.arange(100))
        assert copy.read_only_reason is None
        assert copy.held is not None
        assert copy.held.layout == ("lab" if name == "lab" else "columns")
        assert not session.is_saved


class Options(ExportOptions):
    """Options of a toy exporter."""

    n_files: int = Field(1, ge=1, title="Files")
    fail: bool = False


@exporter(name="toy", title="Toy files", suffixes=(".toy",), options=Options)
def toy(session: PipelineSession, target: Path, options: Options) -> None:
    """Write the name of the recording."""
    target.write_text(session.dataset_id)
    for number in range(1, options.n_files):
        target.with_name(f"{target.stem}_{number}.toy").write_text(str(number))
    if options.fail:
        raise OSError("the drive is full")


@exporter(name="idle", title="Nothing", suffixes=(".nothing",))
def idle(session: PipelineSession, target: Path, options: ExportOptions) -> None:
    """Write nothing."""


@pytest.fixture
def toys() -> object:
    EXPORTERS.register(toy)
    EXPORTERS.register(idle)
    yield
    EXPORTERS.remove("toy")
    EXPORTERS.remove("idle")


@pytest.mark.usefixtures("toys")
class TestMechanism:
    def test_the_ending_chooses_the_exporter(self, session: PipelineSession, tmp_path: Path) -> None:
        assert export(session, tmp_path / "a.TOY", options={"n_files": 3}) == [
            tmp_path / name for name in ("a.TOY", "a_1.toy", "a_2.toy")
        ]
        assert (tmp_path / "a.TOY").read_text() == "table"
        assert names(tmp_path) == ["a.TOY", "a_1.toy", "a_2.toy"]

    def test_an_error_leaves_what_was_there(self, session: PipelineSession, tmp_path: Path) -> None:
        (tmp_path / "a.toy").write_text("precious")
        with pytest.raises(OSError, match="drive is full"):
            export(session, tmp_path / "a.toy", overwrite=True, options={"fail": True, "n_files": 2})
        assert names(tmp_path) == ["a.toy"]
        assert (tmp_path / "a.toy").read_text() == "precious"

    @pytest.mark.parametrize("existing", ["a.toy", "a_1.toy"])
    def test_files_are_replaced_only_on_request(
        self, session: PipelineSession, tmp_path: Path, existing: str
    ) -> None:
        (tmp_path / existing).write_text("precious")
        with pytest.raises(ExistingFileError, match=existing):
            export(session, tmp_path / "a.toy", options={"n_files": 2})
        assert names(tmp_path) == [existing]
        assert (tmp_path / existing).read_text() == "precious"
        export(session, tmp_path / "a.toy", options={"n_files": 2}, overwrite=True)
        assert (tmp_path / existing).read_text() != "precious"

    def test_an_exporter_that_writes_nothing_is_told(self, session: PipelineSession, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="did not write"):
            export(session, tmp_path / "a.nothing")

    def test_options_are_checked(self, session: PipelineSession, tmp_path: Path) -> None:
        with pytest.raises(ValidationError, match="n_files of toy must be at least 1"):
            export(session, tmp_path / "a.toy", options={"n_files": 0})
        with pytest.raises(ValidationError, match="n_files, fail"):
            export(session, tmp_path / "a.toy", options={"files": 1})


class TestChoice:
    def test_an_ending_of_several_needs_a_name(self, session: PipelineSession, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="hdf5, lab"):
            export(session, tmp_path / "a.h5")

    def test_an_ending_of_none_is_told(self, session: PipelineSession, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match=r"\.csv, .*\.parquet"):
            export(session, tmp_path / "a.xls")

    def test_name_and_ending_must_fit(self, session: PipelineSession, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match=r"end in \.csv"):
            export(session, tmp_path / "a.parquet", to="csv")

    def test_a_misspelt_name_is_told(self, session: PipelineSession, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="Did you mean 'parquet'"):
            export(session, tmp_path / "a.parquet", to="parket")

    def test_every_exporter_says_what_it_is(self) -> None:
        for found in EXPORTERS:
            assert found.title
            assert found.description.endswith(".")
            assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in found.suffixes)
