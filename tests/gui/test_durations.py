"""How long a step will take, from how long it took before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdmea_gui.models.steps import duration_text, time_left_text
from hdmea_gui.store.durations import Durations, MeasuredRun, read_durations, time_left, write_durations

positive = st.floats(0.01, 1e4)


def test_nothing_is_said_when_nothing_is_known() -> None:
    assert Durations().estimate("compute_sta", 100.0) is None
    assert time_left(0.5, 0.0) is None
    assert time_left(0.2, 0.9) is None, "a fraction means nothing in the first second"


def test_a_run_is_scaled_by_the_size_of_the_work() -> None:
    durations = Durations({"sta": [MeasuredRun(10.0, 100.0)]})
    assert durations.estimate("sta", 300.0) == pytest.approx(30.0)
    assert durations.estimate("sta", 50.0) == pytest.approx(5.0)
    assert durations.estimate("features", 100.0) is None


@pytest.mark.parametrize("size", [0.0, -1.0, float("nan"), float("inf"), 9.0, 1001.0])
def test_sizes_that_cannot_be_compared_say_nothing(size: float) -> None:
    assert Durations({"sta": [MeasuredRun(10.0, 100.0)]}).estimate("sta", size) is None


def test_runs_with_the_same_parameters_count_before_others() -> None:
    runs = [MeasuredRun(10.0, 1.0, "short"), MeasuredRun(90.0, 1.0, "long"), MeasuredRun(80.0, 1.0, "long")]
    durations = Durations({"sta": runs})
    assert durations.estimate("sta", 1.0, "short") == 10.0
    assert durations.estimate("sta", 1.0, "long") == 85.0
    assert durations.estimate("sta", 1.0, "never") == 80.0


def test_one_slow_run_among_many_does_not_count() -> None:
    runs = [MeasuredRun(seconds, 1.0) for seconds in (10.0, 10.0, 300.0, 10.0, 10.0)]
    assert Durations({"sta": runs}).estimate("sta", 1.0) == 10.0


def test_old_runs_are_forgotten() -> None:
    durations = Durations()
    for number in range(1, 100):
        durations.note("sta", MeasuredRun(float(number), 1.0))
    assert len(json.loads(durations.to_json())["runs"]["sta"]) == 20
    assert durations.estimate("sta", 1.0) == 97.0


@given(
    st.dictionaries(st.text(), st.lists(st.builds(MeasuredRun, positive, positive, st.text()), max_size=5))
)
def test_what_was_written_is_read(runs: dict[str, list[MeasuredRun]]) -> None:
    durations = Durations(runs)
    assert json.loads(Durations.from_json(durations.to_json()).to_json()) == {
        "version": 1,
        "runs": {step: past for step, past in json.loads(durations.to_json())["runs"].items() if past},
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"version": 2, "runs": {"sta": []}}',
        '{"version": 1}',
        '{"version": 1, "runs": []}',
        '{"version": 1, "runs": {"sta": 3}}',
        '{"version": 1, "runs": {"sta": [null, 3, {}, {"seconds": "x"}]}}',
        '{"version": 1, "runs": {"sta": [{"seconds": -1, "size": 1}, {"seconds": NaN, "size": 1}]}}',
    ],
)
def test_a_damaged_file_never_stops_the_start(tmp_path: Path, text: str) -> None:
    path = tmp_path / "durations.json"
    path.write_text(text)
    assert read_durations(path).estimate("sta", 1.0) is None


def test_a_folder_in_the_way_stops_nothing(tmp_path: Path) -> None:
    assert read_durations(tmp_path).estimate("sta", 1.0) is None
    (tmp_path / "file").write_text("")
    write_durations(tmp_path / "file" / "below.json", "{}")
    write_durations(tmp_path / "new" / "durations.json", Durations({"s": [MeasuredRun(1, 1)]}).to_json())
    assert read_durations(tmp_path / "new" / "durations.json").estimate("s", 1.0) == 1.0


@given(positive, st.floats(0.02, 0.99), positive)
def test_a_run_as_before_needs_what_is_left_of_it(total: float, fraction: float, other: float) -> None:
    elapsed = total * fraction
    left = time_left(elapsed, fraction, total)
    assert left == pytest.approx(total - elapsed)
    if elapsed >= 1:
        assert time_left(elapsed, fraction) == pytest.approx(total - elapsed)
        mixed = time_left(elapsed, fraction, other)
        by_history = other - elapsed if other > elapsed else total - elapsed
        low, high = sorted((total - elapsed, by_history))
        assert mixed is not None
        assert low * 0.999 <= mixed <= high * 1.001


def test_a_run_that_takes_longer_than_before_is_left_to_its_fraction() -> None:
    assert time_left(20.0, 0.5, 10.0) == pytest.approx(20.0)
    assert time_left(20.0, 0.0, 10.0) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "0:01 left"),
        (18.0, "0:18 left"),
        (59.9, "1:00 left"),
        (185.0, "3:05 left"),
        (3661.0, "1:01:01 left"),
    ],
)
def test_time_left_reads_like_a_clock(seconds: float, text: str) -> None:
    assert time_left_text(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.01, "< 0.1 s"), (0.12, "0.1 s"), (12.3, "12 s"), (59.7, "1:00"), (185, "3:05"), (3661, "1:01:01")],
)
def test_durations_read_well(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
