"""Electrical images are in the raw counts as the truth says, and run along the axon."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hdmea.simulate import Experiment, FileOptions, Region, SimulatedRecording, simulate_recording
from hdmea.simulate.footprints import PRE_SAMPLES, Morphology, make_footprint
from tests.simulate.files import sensor_counts, table

REGION = Region(rows=20, columns=30, first_row=10, first_column=5)


def brute_force(recording: SimulatedRecording, unit: int, columns_first: bool = True) -> NDArray[np.float64]:
    """Return the average voltage in µV around a unit's spikes, (80, columns, rows)."""
    counts = sensor_counts(recording.cmcr_path).astype(np.float64)
    counts = counts if columns_first else counts.transpose(0, 2, 1)
    microvolts = (counts - np.median(counts)) * recording.truth.conversion_nv * 1e-3
    spikes = recording.truth.spikes(unit)
    usable = spikes[(spikes >= PRE_SAMPLES) & (spikes + 60 <= len(counts))]
    assert len(usable) > 20
    return np.mean([microvolts[spike - PRE_SAMPLES : spike + 60] for spike in usable], axis=0)


@pytest.fixture(scope="module")
def lone(tmp_path_factory: pytest.TempPathFactory) -> SimulatedRecording:
    experiment = Experiment.tiny(n_units=1, raw_seconds=1.1, lead_hz=60.0)
    return simulate_recording(tmp_path_factory.mktemp("lone"), experiment)


def test_average_of_the_raw_counts_is_the_footprint_within_the_noise(lone: SimulatedRecording) -> None:
    n_spikes = np.sum(lone.truth.spikes(1) < 21_900)
    difference = brute_force(lone, 1) - lone.truth.footprint(1)
    assert difference.std() == pytest.approx(8.0 / np.sqrt(n_spikes), rel=0.1)
    assert np.abs(difference).max() < 6.0 * 8.0 / np.sqrt(n_spikes)


def test_the_trough_lies_on_the_sensor_of_the_unit_info(lone: SimulatedRecording) -> None:
    info = table(lone.cmtr_path, "Spike Sorter/Unit 1/Unit Info")[0]
    region = lone.truth.experiment.region
    sample, column, row = np.unravel_index(np.argmin(brute_force(lone, 1)), (80, region.columns, region.rows))
    assert (column + region.first_column, row + region.first_row) == (info["Column"], info["Row"])
    assert info["SensorID"] == 65 * (info["Column"] - 1) + info["Row"]
    assert abs(int(sample) - PRE_SAMPLES) <= 1


@pytest.mark.parametrize(
    "files",
    [
        FileOptions(axis_order="yx"),
        FileOptions(integer_type="uint16", ad_zero=32768),
        FileOptions(integer_type="uint16", offset_counts=32768),
        FileOptions(integer_type="int32"),
    ],
)
def test_every_layout_holds_the_same_signal(
    lone: SimulatedRecording, tmp_path: Path, files: FileOptions
) -> None:
    other = simulate_recording(tmp_path, replace(lone.truth.experiment, files=files))
    plain, counts = sensor_counts(lone.cmcr_path), sensor_counts(other.cmcr_path)
    assert counts.dtype == files.integer_type
    offset = files.offset_counts + (files.ad_zero or 0)
    restored = counts.transpose(0, 2, 1) if files.axis_order == "yx" else counts
    assert np.array_equal(restored.astype(np.int64) - offset, plain)


def test_conversion_factors_are_stated_with_the_column_fastest(lone: SimulatedRecording) -> None:
    text = table(lone.cmcr_path, "Acquisition/Sensor Data/SensorMeta")["Conversion Factors"][0]
    factors = np.array(text.split(), float).reshape(8, 9)
    assert text.endswith(b" ")
    assert np.array_equal(factors.T, lone.truth.conversion_nv)


@pytest.mark.parametrize("velocity", [0.6, 1.0])
@pytest.mark.parametrize("direction", [0.0, 35.0, 340.0])
def test_the_trough_runs_along_the_axon_with_its_velocity(velocity: float, direction: float) -> None:
    cell = Morphology(8.0, 20.0, 300.0, 1.0, 40.0, direction, velocity)
    image = make_footprint(cell, REGION, 20_000.0, 32.0).dense(REGION)
    east, south = cell.axon_step
    distances, times = [], []
    for distance in range(6, 16):
        column = round(8.0 + east * distance) - REGION.first_column
        row = round(20.0 + south * distance) - REGION.first_row
        if 0 <= column < REGION.columns and 0 <= row < REGION.rows:
            trace = image[:, column, row]
            true_column, true_row = column + REGION.first_column, row + REGION.first_row
            distances.append((true_column - 8.0) * east + (true_row - 20.0) * south)
            times.append(np.argmin(trace) - PRE_SAMPLES)
    samples_per_sensor = np.polyfit(distances, times, 1)[0]
    assert 32e-6 * 20_000 / samples_per_sensor == pytest.approx(velocity, rel=0.08)


def test_nothing_is_felt_far_from_soma_and_axon() -> None:
    cell = Morphology(10.0, 20.0, 300.0, 1.0, 40.0, 0.0, 0.8)
    image = make_footprint(cell, REGION, 20_000.0, 32.0).dense(REGION)
    strength = np.ptp(image, axis=0)
    assert np.unravel_index(np.argmax(strength), strength.shape) == (5, 10)
    assert np.all(strength[:, 16:] == 0)
    assert np.all(strength[0] == 0)
    assert np.all(strength[12:20, 10] > 30)
