"""What the light says of each section, as one row for each showing, in views and exports."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from hdmea.exporters import export
from hdmea.pipeline import run_step
from hdmea.pipeline.alignment_table import SECTION_COLUMNS, section_alignment
from tests.pipeline.test_alignment import LENGTHS, recording

WRONG = {**LENGTHS, "chequer_noise": 396}


def test_a_playlist_that_fits_has_rows_that_say_so(tmp_path: Path) -> None:
    session = recording(tmp_path)
    run_step(session, "add_section_time")

    rows = section_alignment(session)

    assert [row.movie for row in rows] == ["flicker", "chequer_noise", "late_steps"]
    assert {row.verdict for row in rows} == {"the light fits"}
    assert not any(row.can_be_shifted or row.marks for row in rows)
    assert [row.content_frame for row in rows] == [180, 861, 1622]


def test_a_lag_is_told_with_its_mark_until_it_is_mended(tmp_path: Path) -> None:
    session = recording(tmp_path, lengths=WRONG)
    run_step(session, "add_section_time")

    late = section_alignment(session)[-1]
    assert (late.alignment_lag, late.can_be_shifted) == (4, True)
    assert late.verdict == "the light fits 4 frames later"
    assert "not aligned" in late.marks

    run_step(session, "add_section_time", {"align": "light"}, force=True)
    mended = section_alignment(session)[-1]
    assert mended.verdict == "shifted by the light, 4 frames later"
    assert (mended.can_be_shifted, mended.marks) == (False, "")
    assert mended.content_frame == late.content_frame + 4  # type: ignore[operator]


def test_csv_has_the_sections_in_a_file_beside_the_table(tmp_path: Path) -> None:
    session = recording(tmp_path, lengths=WRONG)
    run_step(session, "add_section_time")
    target = tmp_path / "out"
    target.mkdir()

    written = export(session, None, target / "t.csv")

    assert [path.name for path in written] == ["t.csv", "t_columns.csv", "t_sections.csv"]
    with written[-1].open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["recording", *(name for name, _, _ in SECTION_COLUMNS)]
    assert [row["alignment_lag"] for row in rows] == ["0", "0", "4"]
    assert "not aligned" in rows[-1]["marks"]


def test_parquet_has_them_in_a_file_of_its_own(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is optional")
    session = recording(tmp_path, lengths=WRONG)
    run_step(session, "add_section_time")
    target = tmp_path / "out"
    target.mkdir()

    written = export(session, None, target / "t.parquet")

    table = parquet.read_table(written[-1])
    assert written[-1].name == "t_sections.parquet"
    assert table.column("alignment_lag").to_pylist() == [0, 0, 4]
    assert table.schema.field("alignment_lag").metadata[b"unit"] == b"frames"
