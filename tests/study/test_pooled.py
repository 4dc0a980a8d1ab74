"""One table of many recordings, and their mean traces."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from typer.testing import CliRunner

from hdmea.cli import app
from hdmea.exporters.unit_table import unit_table
from hdmea.pipeline import PipelineSession
from hdmea.study import BatchOptions, BatchResult, pool_results, run_batch
from hdmea.utils.exceptions import ConfigurationError, ValidationError
from tests.study.days import make_day


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> BatchResult:
    day = make_day(tmp_path_factory.mktemp("day") / "Tag ä", 2)
    shutil.copytree(day, day / "zweite Netzhaut")
    for path in (day / "zweite Netzhaut").glob("ret01*"):
        path.unlink()
    sheet = day / "sheet.csv"
    sheet.write_text("recording;Animal;dose;row\nret00-Rec;007;0,5;=1+1\nret01-Rec;8;2;b\n", encoding="utf-8")
    out = tmp_path_factory.mktemp("results") / "out"
    return run_batch(day, "standard", output_dir=out, options=BatchOptions(sheet=sheet))


@pytest.fixture
def results(batch: BatchResult, tmp_path: Path) -> Path:
    """Return a folder with the results of the batch alone, to be changed."""
    folder = tmp_path / "results"
    for outcome in batch.outcomes:
        target = folder / f"{outcome.key}.h5"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(outcome.target, target)
    return folder


def test_a_batch_writes_a_row_per_unit_of_all_recordings(batch: BatchResult) -> None:
    assert batch.success
    assert batch.units is not None
    table = pd.read_parquet(batch.units)
    keys = [outcome.key for outcome in batch.outcomes]
    assert keys == ["ret00-Rec", "ret01-Rec", "zweite Netzhaut/ret00-Rec"]
    assert list(table["recording"]) == [key for key in keys for _ in range(5)]
    assert list(table.columns[:5]) == ["recording", "unit_id", "subject_id", "dose", "sheet_row"]
    first, second, _ = (table[table["recording"] == key].iloc[0] for key in keys)
    assert (first["subject_id"], first["dose"], first["sheet_row"]) == ("007", 0.5, "=1+1")
    assert (second["subject_id"], second["dose"]) == ("8", 2.0)
    for outcome in batch.outcomes:
        rows = table[table["recording"] == outcome.key]
        for column in unit_table(PipelineSession.load(Path(outcome.target)))[1:]:
            expected = pd.Series(list(column.values)).astype(rows[column.name].dtype)
            assert rows[column.name].reset_index(drop=True).equals(expected.rename(column.name)), column.name


def test_the_csv_says_the_same_and_its_columns_are_described(batch: BatchResult) -> None:
    assert batch.units is not None
    table = pd.read_parquet(batch.units)
    text = pd.read_csv(batch.units.with_suffix(".csv"), encoding="utf-8-sig", dtype={"subject_id": str})
    assert list(text.columns) == list(table.columns)
    for name in table.select_dtypes("number"):
        np.testing.assert_array_equal(text[name].to_numpy(float), table[name].to_numpy(float), name)
    assert text["sheet_row"][0] == "'=1+1", "a spreadsheet must not run it"
    described = pd.read_csv(batch.units.with_name("units_columns.csv"), encoding="utf-8-sig")
    assert list(described["column"]) == list(table.columns)
    assert described.set_index("column")["title"]["subject_id"] == "subject_id"


def test_mean_traces_are_those_of_the_trials(batch: BatchResult) -> None:
    assert batch.units is not None
    table = pd.read_parquet(batch.units.with_name("traces.parquet"))
    outcome = batch.outcomes[2]
    session = PipelineSession.load(Path(outcome.target))
    rate = session.acquisition_rate
    for movie, times in session.stimulus["trial_time"].items():
        for unit_id, unit in session.units.items():
            rows = table[
                (table["recording"] == outcome.key)
                & (table["unit_id"] == unit_id)
                & (table["movie"] == movie)
            ]
            starts = np.asarray(times, np.int64)[:, 0]
            edges = np.arange(len(rows) + 1) / 60 + rows["time_s"].iloc[0]
            assert rows["time_s"].iloc[-1] < (times[0, 1] - times[0, 0]) / rate + 1
            spikes = np.asarray(unit["spike_times"]).astype(np.int64)
            counts = np.zeros(len(rows))
            for begin in starts:
                seconds = (spikes - begin) / rate
                counts += np.histogram(seconds[np.isfinite(seconds)] + 1e-7, edges)[0]
            np.testing.assert_allclose(rows["rate_hz"], counts * 60 / len(starts), rtol=1e-5)
            assert set(rows["n_trials"]) == {len(starts)}


def test_only_what_changed_is_read_again(results: Path) -> None:
    first = pool_results(results)
    assert (first.n_recordings, first.n_units, len(first.rebuilt)) == (3, 15, 3)
    stamp = first.units.stat().st_mtime_ns
    again = pool_results(results)
    assert (again.rebuilt, again.n_units) == ((), 15)
    assert again.units.stat().st_mtime_ns == stamp, "nothing is written again"

    session = PipelineSession.load(results / "ret01-Rec.h5")
    session.add_feature("unit_001", "mine", {"answer": 42.0}, {})
    session.save()
    assert pool_results(results).rebuilt == ("ret01-Rec",)
    table = pd.read_parquet(first.units)
    assert list(table["mine.answer"].dropna()) == [42.0]
    (results / "ret00-Rec.h5").unlink()
    assert pool_results(results).n_recordings == 2
    assert set(pd.read_parquet(first.units)["recording"]) == {"ret01-Rec", "zweite Netzhaut/ret00-Rec"}


def test_numbers_of_different_kinds_make_one_column(results: Path) -> None:
    values = {"ret00-Rec": 3, "ret01-Rec": "unknown", "zweite Netzhaut/ret00-Rec": 0.5}
    for key, value in values.items():
        session = PipelineSession.load(results / f"{key}.h5")
        other = None if isinstance(value, str) else value
        session.add_feature("unit_001", "mine", {"mixed": value, "number": other, "yes": True}, {})
        session.save()
    table = pd.read_parquet(pool_results(results).units)
    assert list(table["mine.mixed"].dropna()) == ["3", "unknown", "0.5"]
    assert list(table["mine.number"].dropna()) == [3.0, 0.5]
    assert list(table["mine.yes"].dropna()) == [True] * 3


def test_a_folder_of_results_gets_its_sheet_from_a_workbook(results: Path, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["recording", "Genotype", "animal"])
    book.active.append(["zweite Netzhaut/ret00-Rec", "wt", "m9"])
    book.save(tmp_path / "animals.xlsx")
    outcome = CliRunner().invoke(
        app,
        ["study", str(results), "--sheet", str(tmp_path / "animals.xlsx"), "-o", str(tmp_path / "tables")],
        catch_exceptions=False,
    )
    assert outcome.exit_code == 0, outcome.output
    assert "15 units of 3 recordings" in outcome.output
    assert not (results / "units.csv").exists()
    table = pd.read_parquet(tmp_path / "tables" / "units.parquet").groupby("recording").first()
    assert table["genotype"]["zweite Netzhaut/ret00-Rec"] == "wt"
    assert list(table["subject_id"]) == ["007", "8", "m9"], "the others have what their results say"


def test_what_is_no_result_is_left_out_and_named(results: Path, tmp_path: Path) -> None:
    (results / "broken.h5").write_bytes(b"nothing")
    (results / "ret00-Rec.partial.h5").write_bytes(b"nothing")
    PipelineSession.load(results / "ret00-Rec.h5").checkpoint(results / "snapshot.h5")
    found = pool_results(results)
    assert {path.name for path in found.left_out} == {"broken.h5", "snapshot.h5"}
    assert found.n_recordings == 3
    with pytest.raises(ValidationError, match="No result was found"):
        pool_results(tmp_path / "results" / "parts")


def test_a_damaged_part_is_made_again(results: Path) -> None:
    first = pool_results(results)
    part = results / "parts" / "ret00-Rec.units.arrow"
    part.write_bytes(part.read_bytes()[:100])
    assert pool_results(results).rebuilt == ("ret00-Rec",)
    first.traces.unlink()
    assert pool_results(results).traces.exists()


def test_without_the_library_a_batch_goes_on_and_says_so(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ConfigurationError, match="pyarrow"):
        pool_results(results)
