"""Files that exporters write: their content, how they come into place, and how an exporter is chosen."""

from __future__ import annotations

import csv
import errno
import math
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from pydantic import Field

import hdmea
from hdmea.exporters import EXPORTERS, ExportOptions, export, exporter
from hdmea.exporters.unit_table import unit_table
from hdmea.pipeline.session import PipelineSession
from hdmea.utils.exceptions import ConfigurationError, DriveError, ExistingFileError, ValidationError


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

        table, described = hdmea.export(session, "csv", tmp_path / "t.csv")

        with table.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["unit_id"] for row in rows] == ["unit_001", "unit_002"]
        assert [row["recording"] for row in rows] == ["table", "table"]
        assert [row["row"] for row in rows] == ["3", "5"]
        assert float(rows[0]["baseline.baseline_rate_hz"]) == 1 / 3
        assert rows[1]["baseline.baseline_rate_hz"] == rows[1]["soma.size_x_um"] == ""
        with described.open(encoding="utf-8-sig", newline="") as file:
            columns = {row["column"]: row for row in csv.DictReader(file)}
        assert columns.keys() == set(rows[0])
        assert columns["soma.size_x_um"]["unit"] == "µm"
        assert columns["baseline.baseline_rate_hz"]["smallest"] == "0"
        assert columns["baseline.baseline_rate_hz"]["name_in_program"] == "baseline.baseline_rate"

    def test_every_name_is_one_that_any_program_takes(self, session: PipelineSession) -> None:
        for unit in session.units.values():
            unit["features"]["meine µ-Größe"] = {"data": {"a b": 1, "a-b": 2, "recording": 3}, "metadata": {}}
        names = [column.name for column in unit_table(session)]
        assert all(re.fullmatch(r"[A-Za-z0-9_.]+", name) for name in names)
        assert len(set(names)) == len(names)
        assert {"meine_u_Groe.a_b", "meine_u_Groe.a_b_2"} <= set(names)

    def test_stale_results_are_marked_in_table_and_description(self, session: PipelineSession) -> None:
        session.units["unit_001"]["features"]["baseline"]["metadata"]["stale"] = True
        columns = {column.name: column for column in unit_table(session)}
        assert columns["baseline.baseline_rate_hz"].stale
        assert not columns["soma.size_x_um"].stale
        assert columns["marks"].values == ("stale (baseline)", None)

    def test_p_q_n_and_interval_are_named_as_the_columns_are(self) -> None:
        session = PipelineSession("pq")
        session.add_units({f"unit_{n:03d}": {"spike_times": np.zeros(1, np.uint64)} for n in range(3)})
        for unit, p in zip(session.units, (0.01, 0.04, 0.5), strict=True):
            data = {"dsi": 0.5, "dsi_low": 0.4, "dsi_high": 0.6, "dsi_p": p, "n_sweeps": 24}
            session.add_feature(unit, "moving_bar", data)
        columns = {column.name: column for column in unit_table(session)}
        dsi = columns["moving_bar.dsi"]
        assert (dsi.p, dsi.q) == ("moving_bar.dsi_p", "moving_bar.dsi_q")
        assert dsi.interval == ("moving_bar.dsi_low", "moving_bar.dsi_high")
        np.testing.assert_allclose(columns[dsi.q].values, (0.03, 0.06, 0.5))

    def test_parquet_has_values_types_and_descriptions(
        self, session: PipelineSession, tmp_path: Path
    ) -> None:
        pytest.importorskip("pyarrow", reason="pyarrow is optional")
        pandas = pytest.importorskip("pandas")

        path, described = export(session, None, tmp_path / "t.parquet")

        table = pandas.read_parquet(path)
        assert table["recording"].tolist() == ["table", "table"]
        assert table["row"].tolist() == [3, 5]
        assert table["row"].dtype == np.int64
        assert table["soma.size_x_um"][0] == 48.0
        assert np.isnan(table["soma.size_x_um"][1])
        assert pandas.read_csv(described)["column"].tolist() == list(table)

    def test_excel_has_numbers_as_numbers_and_never_a_formula(self, tmp_path: Path) -> None:
        openpyxl = pytest.importorskip("openpyxl", reason="openpyxl is optional")
        session = PipelineSession("=HYPERLINK(1)")
        facts = {"row": 3, "original_name": "+1-2", "spike_times": np.zeros(2, np.uint64)}
        session.add_units({"unit_001": facts, "unit_002": {**facts, "original_name": "@\x07x"}})
        session.add_feature("unit_001", "baseline", {"baseline_rate": 1 / 3})
        session.add_feature("unit_002", "baseline", {"baseline_rate": math.inf})

        (path,) = export(session, None, tmp_path / "t.xlsx")

        book = openpyxl.load_workbook(path)
        assert book.sheetnames == ["units", "columns"]
        titles, first, second = book["units"].iter_rows()
        cells = {title.value: cell for title, cell in zip(titles, first, strict=True)}
        assert (cells["recording"].value, cells["recording"].data_type) == ("=HYPERLINK(1)", "s")
        assert (cells["row"].value, cells["row"].data_type) == (3, "n")
        assert cells["baseline.baseline_rate_hz"].value == 1 / 3
        assert (cells["original_name"].value, cells["original_name"].data_type) == ("+1-2", "s")
        assert {"@x", "inf"} <= {cell.value for cell in second}
        described = [row[0] for row in book["columns"].iter_rows(min_row=2, values_only=True)]
        assert described == list(cells)

    @pytest.mark.parametrize(
        ("package", "name", "extra"), [("pyarrow", "t.parquet", "parquet"), ("openpyxl", "t.xlsx", "excel")]
    )
    def test_a_missing_package_says_which_extra_to_install(
        self,
        session: PipelineSession,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        package: str,
        name: str,
        extra: str,
    ) -> None:
        monkeypatch.setitem(sys.modules, package, None)

        with pytest.raises(ConfigurationError, match=rf"hdmea-studio\[{extra}\]"):
            export(session, None, tmp_path / name)
        assert names(tmp_path) == []


class TestResultFiles:
    @pytest.mark.parametrize("name", ["hdf5", "lab"])
    def test_the_whole_result_can_be_read_again(
        self, session: PipelineSession, tmp_path: Path, name: str
    ) -> None:
        (path,) = export(session, name, tmp_path / "copy.h5")
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
        assert export(session, None, tmp_path / "a.TOY", n_files=3) == [
            tmp_path / name for name in ("a.TOY", "a_1.toy", "a_2.toy")
        ]
        assert (tmp_path / "a.TOY").read_text() == "table"
        assert names(tmp_path) == ["a.TOY", "a_1.toy", "a_2.toy"]

    def test_an_error_leaves_what_was_there(self, session: PipelineSession, tmp_path: Path) -> None:
        (tmp_path / "a.toy").write_text("precious")
        with pytest.raises(OSError, match="drive is full"):
            export(session, None, tmp_path / "a.toy", overwrite=True, fail=True, n_files=2)
        assert names(tmp_path) == ["a.toy"]
        assert (tmp_path / "a.toy").read_text() == "precious"

    def test_what_the_system_refuses_is_told_with_what_to_do(
        self, session: PipelineSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(path: Path, *_rights: object) -> int:
            raise OSError(errno.EROFS, "Read-only file system", str(path))

        monkeypatch.setattr("hdmea.utils.atomic._open_lock", refuse)
        with pytest.raises(DriveError, match=r"x\.csv cannot be written.*the drive is read-only") as caught:
            export(session, None, tmp_path / "x.csv")
        assert caught.value.fix is not None

    @pytest.mark.parametrize("existing", ["a.toy", "a_1.toy"])
    def test_files_are_replaced_only_on_request(
        self, session: PipelineSession, tmp_path: Path, existing: str
    ) -> None:
        (tmp_path / existing).write_text("precious")
        with pytest.raises(ExistingFileError, match=existing):
            export(session, None, tmp_path / "a.toy", n_files=2)
        assert names(tmp_path) == [existing]
        assert (tmp_path / existing).read_text() == "precious"
        export(session, None, tmp_path / "a.toy", n_files=2, overwrite=True)
        assert (tmp_path / existing).read_text() != "precious"

    def test_a_description_is_shared_by_the_tables_that_it_is_true_of(
        self, session: PipelineSession, tmp_path: Path
    ) -> None:
        pytest.importorskip("pyarrow", reason="pyarrow is optional")
        export(session, None, tmp_path / "x.csv")
        described = (tmp_path / "x_columns.csv").read_bytes()
        export(session, None, tmp_path / "x.parquet")
        assert (tmp_path / "x_columns.csv").read_bytes() == described
        (tmp_path / "x.parquet").unlink()
        (tmp_path / "x_columns.csv").write_text("of another recording")
        with pytest.raises(ExistingFileError, match="x_columns"):
            export(session, None, tmp_path / "x.parquet")
        assert not (tmp_path / "x.parquet").exists()

    def test_an_exporter_that_writes_nothing_is_told(self, session: PipelineSession, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="did not write"):
            export(session, None, tmp_path / "a.nothing")

    def test_options_are_checked(self, session: PipelineSession, tmp_path: Path) -> None:
        with pytest.raises(ValidationError, match="n_files of toy must be at least 1"):
            export(session, None, tmp_path / "a.toy", n_files=0)
        with pytest.raises(ValidationError, match="n_files, fail"):
            export(session, None, tmp_path / "a.toy", files=1)


class TestChoice:
    def test_an_ending_of_several_needs_a_name(self, session: PipelineSession, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="hdf5, lab"):
            export(session, None, tmp_path / "a.h5")

    def test_an_ending_of_none_is_told(self, session: PipelineSession, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match=r"\.csv, .*\.parquet"):
            export(session, None, tmp_path / "a.xls")

    def test_name_and_ending_must_fit(self, session: PipelineSession, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match=r"end in \.csv"):
            export(session, "csv", tmp_path / "a.parquet")

    def test_a_misspelt_name_is_told(self, session: PipelineSession, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="Did you mean 'parquet'"):
            export(session, "parket", tmp_path / "a.parquet")

    def test_every_exporter_says_what_it_is(self) -> None:
        for found in EXPORTERS:
            assert found.title
            assert found.description.endswith(".")
            assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in found.suffixes)
