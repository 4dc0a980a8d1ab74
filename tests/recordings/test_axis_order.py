"""Order of axes and factors, settled on simulated raw data of known order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hdmea.recordings.mcs.axis_order import UnitPosition, decide_axis_order, decide_factor_order
from hdmea.recordings.mcs.cmcr import CmcrReader
from hdmea.recordings.mcs.cmtr import CmtrReader
from hdmea.recordings.mcs.sensor import Electrodes
from tests.recordings.vendor_files import SensorBlock, write_cmcr

EDGE = 8
UNITS = [(2, 5), (7, 3), (4, 4)]


def raw_data(
    order: str, *, depth: float = 200.0, n: int = 6000, offset: int = 0
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Noise with spikes of three units at (row, column) in chip coordinates from 1; one on the diagonal."""
    rng = np.random.default_rng(5)
    image = rng.normal(0, 20, (n, EDGE, EDGE))
    trains = []
    for row, column in UNITS:
        train = np.sort(rng.choice(np.arange(50, n - 50), 60, replace=False))
        for sample in train:
            image[sample : sample + 4, row - 1, column - 1] -= depth * np.array([1, 0.7, 0.4, 0.1])
        trains.append(train)
    stored = image.transpose(0, 2, 1) if order == "column,row" else image
    return np.rint(stored + offset).astype(np.int32), trains


def positions(trains: list[np.ndarray]) -> list[UnitPosition]:
    return [UnitPosition(row, column, train) for (row, column), train in zip(UNITS, trains, strict=True)]


@pytest.mark.parametrize("order", ["column,row", "row,column"])
def test_the_troughs_at_spikes_tell_the_axes(tmp_path: Path, order: str) -> None:
    counts, trains = raw_data(order, offset=32768)
    with CmcrReader(write_cmcr(tmp_path / "a.cmcr", sensor=[SensorBlock(counts)])) as reader:
        region = _sensor(reader)
        assert region.axis_order.source == "default"
        steps: list[float] = []
        found = decide_axis_order(region, positions(trains), steps.append)
    assert (found.order, found.source) == (order, "data")
    assert "2 of 2 units" in found.evidence
    assert steps == sorted(steps)
    assert steps[0] == 0


def test_the_clock_of_a_later_group_is_kept(tmp_path: Path) -> None:
    counts, trains = raw_data("row,column")
    start = 40_000
    blocks = [
        SensorBlock(np.zeros((500, EDGE, EDGE), np.int32)),
        SensorBlock(counts, group=2, from_us=start * 50),
    ]
    with CmcrReader(write_cmcr(tmp_path / "a.cmcr", sensor=blocks)) as reader:
        found = decide_axis_order(_sensor(reader), positions([train + start for train in trains]))
    assert (found.order, found.source) == ("row,column", "data")


@pytest.mark.parametrize(
    ("depth", "keep", "said"),
    [
        (0.0, slice(None), "not decided by"),
        (200.0, slice(2, 3), "no sorted unit can tell"),
        (200.0, slice(0, 0), "no sorted unit can tell"),
    ],
)
def test_without_evidence_the_default_stays(tmp_path: Path, depth: float, keep: slice, said: str) -> None:
    counts, trains = raw_data("row,column", depth=depth)
    with CmcrReader(write_cmcr(tmp_path / "a.cmcr", sensor=[SensorBlock(counts)])) as reader:
        found = decide_axis_order(_sensor(reader), positions(trains)[keep])
    assert (found.order, found.source) == ("column,row", "default")
    assert said in found.evidence


def test_too_few_spikes_decide_nothing(tmp_path: Path) -> None:
    counts, trains = raw_data("row,column")
    with CmcrReader(write_cmcr(tmp_path / "a.cmcr", sensor=[SensorBlock(counts)])) as reader:
        found = decide_axis_order(_sensor(reader), positions([train[:3] for train in trains]))
    assert found.source == "default"
    assert "too few spikes" in found.evidence


@pytest.mark.parametrize("listed", ["column fastest", "row fastest"])
def test_the_noise_tells_the_order_of_the_factors(tmp_path: Path, listed: str) -> None:
    rng = np.random.default_rng(3)
    factors = 1000 * rng.uniform(0.8, 1.2, (EDGE, EDGE))
    counts = np.rint(rng.normal(0, 60_000, (3000, EDGE, EDGE)) / factors).astype(np.int32)
    in_file = factors if listed == "column fastest" else factors.T
    block = SensorBlock(counts.transpose(0, 2, 1), factors=in_file)
    with CmcrReader(write_cmcr(tmp_path / "a.cmcr", sensor=[block])) as reader:
        sensor = _sensor(reader)
        found = decide_factor_order(sensor)
        assert found.verdict == listed
        # Each electrode then has its own factor, whatever the order in the file.
        scaled = sensor.with_factor_order(found)
        np.testing.assert_allclose(scaled.to_rows_cols(scaled.factors_uv), factors / 1000, rtol=1e-5)


def test_equal_factors_tell_nothing(tmp_path: Path) -> None:
    block = SensorBlock(np.zeros((500, 3, 4), np.int16), factors=np.full(12, 1000.0))
    with CmcrReader(write_cmcr(tmp_path / "a.cmcr", sensor=[block])) as reader:
        assert decide_factor_order(_sensor(reader)).verdict == "undecided"


@pytest.mark.parametrize("folder", ["sample", "variants/no_aux", "variants/two_groups_gap"])
def test_the_shared_recordings_are_column_row(shared_data: Path, folder: str) -> None:
    (cmcr,) = (shared_data / folder).glob("*.cmcr")
    (cmtr,) = (shared_data / folder).glob("*.cmtr")
    with CmcrReader(cmcr) as raw, CmtrReader(cmtr) as sorting:
        units = []
        for unit in sorting.units:
            assert unit.row is not None
            assert unit.column is not None
            units.append(UnitPosition(unit.row, unit.column, sorting.read_unit(unit, 20_000.0).samples))
        found = decide_axis_order(_sensor(raw), units)
        assert (found.order, found.source) == ("column,row", "data")
        assert decide_factor_order(_sensor(raw)).verdict == "column fastest"


def _sensor(reader: CmcrReader) -> Electrodes:
    assert reader.sensor is not None
    return reader.sensor
