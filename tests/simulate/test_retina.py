"""Three recordings of one retina: the same cells, other spikes, and what the drug changes."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from hdmea.cli import app
from hdmea.simulate import SimulatedRetina, write_retina
from hdmea.simulate.cells import Cell, Treatment, treated
from hdmea.study.recordings import collect
from hdmea.utils.exceptions import ConfigurationError, ExistingFileError


@pytest.fixture(scope="module")
def retina(tmp_path_factory: pytest.TempPathFactory) -> SimulatedRetina:
    return write_retina(tmp_path_factory.mktemp("retina"), size="tiny")


def test_cells_are_the_same_and_spikes_and_numbers_are_not(retina: SimulatedRetina) -> None:
    before, drug, after = (recording.truth for recording in retina.recordings.values())

    for other in (drug, after):
        for one, same in zip(before.units, other.units, strict=True):
            assert one.morphology == same.morphology
            assert one.cell.kind == same.cell.kind
            assert not np.array_equal(one.spike_samples, same.spike_samples)
        assert np.array_equal(before.conversion_nv, other.conversion_nv)
        numbers = [unit.number for unit in other.units]
        assert sorted(numbers) == [unit.number for unit in before.units]
        assert numbers != sorted(numbers)


def test_the_drug_changes_rates_and_polarities_and_they_recover(retina: SimulatedRetina) -> None:
    with retina.truth_path.open(encoding="utf-8", newline="") as file:
        cells = list(csv.DictReader(file))

    assert len(cells) == 8
    for cell in cells:
        base = [float(cell[f"base_hz_{name}"]) for name in ("before", "drug", "after")]
        assert base[0] <= base[2] <= base[1]
        polarity = tuple(int(cell[f"polarity_{name}"]) for name in ("before", "drug", "after"))
        expected = {"on_off": (1, -1, 1), "direction_selective": (1, -1, 1)}
        if cell["kind"] in expected:
            assert polarity == expected[cell["kind"]]
        else:
            assert len(set(polarity)) == 1
    for name, recording in retina.recordings.items():
        units = {cell[f"unit_id_{name}"]: cell for cell in cells}
        for unit in recording.truth.units:
            assert float(units[unit.unit_id][f"base_hz_{name}"]) == pytest.approx(unit.cell.base_hz, abs=1e-3)


def test_spikes_follow_the_truth(retina: SimulatedRetina) -> None:
    counts = {}
    for name, recording in retina.recordings.items():
        truth = recording.truth
        run = next(run for run in truth.timeline.runs if run.movie.kind == "step")
        on = truth.timeline.trials(run)[:, 0] + round(1.05 * truth.rate_hz)
        (unit,) = [unit for unit in truth.units if unit.cell.kind == "on_transient"]
        windows = [(unit.spike_samples >= at) & (unit.spike_samples < at + 6000) for at in on]
        counts[name] = int(np.sum(windows))

    assert counts["drug"] < counts["after"]
    assert counts["drug"] < counts["before"]


def test_the_table_names_the_recordings_for_a_batch(retina: SimulatedRetina, tmp_path: Path) -> None:
    found = collect([retina.table_path], tmp_path).recordings

    assert [(each.name, each.sheet["condition"]) for each in found] == [
        ("before", "before"),
        ("drug", "drug"),
        ("after", "after"),
    ]
    assert all(each.cmcr is not None and each.cmtr is not None for each in found)
    assert found[1].sheet["drug"] == "L-AP4 (simulated)"


def test_what_is_there_is_not_replaced_and_sizes_are_named(retina: SimulatedRetina) -> None:
    with pytest.raises(ExistingFileError):
        write_retina(retina.table_path.parent, size="tiny")
    with pytest.raises(ConfigurationError, match="large"):
        write_retina(retina.table_path.parent, size="large")


def test_a_cell_without_responses_only_changes_its_rate() -> None:
    cell = Cell("poisson", base_hz=8.0, noise_hz=8.0)
    changed = treated(cell, Treatment(rate=2.0, on=0.0, off=3.0))
    assert (changed.base_hz, changed.noise_hz, changed.on_hz, changed.rf_polarity) == (16.0, 16.0, 0.0, 0)


def test_the_command_says_what_to_run_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def tiny(folder: Path, *, seed: int) -> SimulatedRetina:
        return write_retina(folder, seed=seed, size="tiny")

    monkeypatch.setattr("hdmea.simulate.write_retina", tiny)
    done = CliRunner().invoke(app, ["demo", str(tmp_path / "r"), "--drug"], catch_exceptions=False)

    lines = done.stdout.splitlines()
    assert done.exit_code == 0
    assert [Path(line).is_file() for line in lines[:-1]] == [True] * 6
    assert lines[-1] == f'Next: hdmea batch "{tmp_path / "r" / "retina.csv"}" --output results'
