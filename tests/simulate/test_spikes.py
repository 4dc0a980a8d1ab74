"""Spike trains keep to their rates, their dead time and what the file says of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdmea.simulate import Experiment, SimulatedRecording, recipe, simulate_recording
from hdmea.simulate.population import draw_population
from hdmea.simulate.spikes import bin_rates, poisson_samples, with_dead_time
from hdmea.simulate.timeline import make_timeline
from tests.simulate.files import accepted_samples, table


@given(st.lists(st.integers(0, 400), max_size=80), st.integers(1, 60))
def test_dead_time_keeps_a_spike_iff_the_last_kept_one_is_far_enough(times: list[int], dead: int) -> None:
    kept: list[int] = []
    for time in sorted(times):
        if not kept or time - kept[-1] >= dead:
            kept.append(time)
    assert with_dead_time(np.sort(np.array(times, np.int64)), dead).tolist() == kept


def test_poisson_counts_follow_the_rate_of_each_bin() -> None:
    edges = np.array([0, 1_000_000, 3_000_000, 4_000_000])
    rates = np.array([5.0, 40.0, 0.0])
    spikes = poisson_samples(np.random.default_rng(3), rates, edges, 20_000.0)
    counts = np.histogram(spikes, edges)[0]
    expected = rates * np.diff(edges) / 20_000
    assert np.all(np.abs(counts - expected) <= 5 * np.sqrt(expected))
    assert np.all(np.diff(spikes) >= 0)


def expected_and_drawn(seeds: range) -> list[tuple[float, int]]:
    """Return expected and drawn number of spikes of an ON sustained cell for each seed."""
    found = []
    for seed in seeds:
        experiment = Experiment.tiny(n_units=1, kinds=("on_sustained",), seed=seed)
        timeline = make_timeline(experiment, np.random.default_rng(seed))
        unit = next(draw_population(experiment, timeline, np.random.SeedSequence(seed)))
        rates = bin_rates(unit.cell, timeline, experiment.lead_hz)
        expected = float(np.sum(rates * np.diff(timeline.bin_edges)) / timeline.rate_hz)
        found.append((expected, len(unit.spike_samples)))
    return found


def test_mean_rate_is_kept_in_spite_of_the_dead_time() -> None:
    expected, drawn = (sum(values) for values in zip(*expected_and_drawn(range(30)), strict=True))
    assert drawn == pytest.approx(expected, abs=4 * np.sqrt(expected))


def test_intervals_obey_the_cells_nature(tmp_path: Path) -> None:
    kinds = ("on_transient", "poisson", "burst_violator")
    experiment = Experiment.tiny(n_units=3, kinds=kinds, raw_seconds=0.0, min_duration_s=600.0)
    truth = simulate_recording(tmp_path, experiment).truth
    normal, poisson, bursting = (np.diff(truth.spikes(number)) for number in (1, 2, 3))
    assert normal.min() >= 40
    rate = 20_000 / poisson.mean()
    expected_violations = 1.0 - np.exp(-rate * 1.5e-3)
    assert np.mean(poisson < 30) == pytest.approx(expected_violations, abs=0.006)
    assert 0.5 < np.mean(bursting < 30) < 0.8
    short = bursting[bursting < 30]
    assert np.median(short) == pytest.approx(18, abs=2)


def test_files_hold_the_true_spikes_and_rejected_peaks(tiny: SimulatedRecording) -> None:
    for unit in tiny.truth.units:
        assert np.array_equal(accepted_samples(tiny.cmtr_path, unit.number), unit.spike_samples)
        peaks = table(tiny.cmtr_path, f"Spike Sorter/Unit {unit.number}/Peaks")
        rejected = peaks["IncludePeak"] == 0
        assert 0.15 < rejected.mean() < 0.55
        assert np.array_equal(peaks["Timestamp"][rejected] // 50, unit.rejected_samples)
        assert np.all(np.diff(peaks["Timestamp"]) >= 0)


def test_cutouts_have_their_trough_at_index_10(tiny: SimulatedRecording) -> None:
    peaks = table(tiny.cmtr_path, "Spike Sorter/Unit 1/Peaks")
    traces = np.stack([peaks[str(index)] for index in range(1, 22)], axis=1)
    accepted = peaks["IncludePeak"] == 1
    assert np.argmin(traces[accepted].mean(axis=0)) == 10
    assert traces[accepted].mean(axis=0)[10] == pytest.approx(-9.0, abs=0.4)
    assert traces[~accepted].mean(axis=0)[10] == pytest.approx(-4.5, abs=0.4)
    assert np.array_equal(peaks["PeakAmplitude"], -traces[:, 10])


def test_units_with_no_and_with_one_spike(tmp_path: Path) -> None:
    recording = simulate_recording(tmp_path, recipe("odd_units"))
    assert [unit.number for unit in recording.truth.units] == [2, 5, 17, 103, 1000]
    assert len(recording.truth.spikes(17)) == 0
    assert len(recording.truth.spikes(103)) == 1
    assert len(table(recording.cmtr_path, "Spike Sorter/Unit 17/Peaks")) > 0
    assert accepted_samples(recording.cmtr_path, 17).tolist() == []


def test_cells_fire_when_their_kind_says(tmp_path: Path) -> None:
    kinds = ("on_transient", "off_transient") * 12
    truth = simulate_recording(tmp_path, Experiment.tiny(n_units=24, kinds=kinds, raw_seconds=0.0)).truth
    frames, content = truth.frame_timestamps, truth.content_frames("step_up_1s_2i_b0_2x")[0]

    def spikes_after(kind: str, frame: int) -> int:
        starts = [content + 60 + trial * 180 + frame for trial in range(2)]
        edges = [[frames[start], frames[start + 20]] for start in starts]
        trains = [unit.spike_samples for unit in truth.units if unit.cell.kind == kind]
        return sum(int(np.diff(np.searchsorted(train, edges), axis=1).sum()) for train in trains)

    light_on, light_off = 60, 120
    assert spikes_after("on_transient", light_on) > 10 * spikes_after("on_transient", light_off) > 0
    assert spikes_after("off_transient", light_off) > 4 * spikes_after("off_transient", light_on) > 0
