"""Whether spikes belong to raw data: simulated spikes of the same retina, of another one, late, elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hdmea.recordings.mcs.axis_order import UnitPosition
from hdmea.recordings.mcs.cmcr import CmcrReader
from hdmea.recordings.mcs.partner_check import PartnerCheck, check_partner
from hdmea.recordings.mcs.sensor import ROW_COLUMN, AxisOrder
from tests.recordings.vendor_files import SensorBlock, write_cmcr

FS = 20_000
EDGE = 9
SECONDS = 4
PLACES = [(1, 2), (3, 7), (6, 1), (7, 5), (2, 4), (5, 8)]
WAVE = np.array([-0.3, -1.0, -0.6, 0.1, 0.3, 0.2])
FIRST_ROW, FIRST_COLUMN = 21, 31


def trains(seed: int) -> list[np.ndarray]:
    """Spikes of cells that are driven together, some in bursts of 2 ms."""
    rng = np.random.default_rng(seed)
    n = SECONDS * FS
    drive = 60 * (np.sin(np.arange(n) * 2 * np.pi / FS * 3) > 0.3) + 15
    found = []
    for _ in PLACES:
        spikes = np.flatnonzero(rng.random(n) < drive / FS)
        bursts = spikes[::4] + 40
        spikes = np.unique(np.concatenate([spikes, bursts]))
        spikes = spikes[(spikes > 50) & (spikes < n - 50)]
        found.append(spikes[np.concatenate([[True], np.diff(spikes) > 20])])
    return found


def recorded(seed: int, tmp_path: Path, depth: float = 80.0) -> tuple[Path, list[np.ndarray]]:
    rng = np.random.default_rng(seed + 100)
    n = SECONDS * FS
    signal = rng.normal(0, 10, (n, EDGE, EDGE)) + 200 * np.sin(np.arange(n) / 2000)[:, None, None]
    units = trains(seed)
    for (row, column), spikes in zip(PLACES, units, strict=True):
        for k, height in enumerate(WAVE):
            signal[spikes + k - 1, column, row] += depth * height
    block = SensorBlock(np.rint(signal + 3000).astype(np.uint16), left=FIRST_COLUMN, top=FIRST_ROW)
    return write_cmcr(tmp_path / f"{seed}.cmcr", sensor=[block]), units


def checked(
    path: Path, units: list[np.ndarray], *, shift: tuple[int, int] = (0, 0), lag: int = 0, **how: object
) -> PartnerCheck:
    positions = [
        UnitPosition(FIRST_ROW + row + shift[0], FIRST_COLUMN + column + shift[1], spikes + lag)
        for (row, column), spikes in zip(PLACES, units, strict=True)
    ]
    with CmcrReader(path) as reader:
        sensor = reader.sensor
        assert sensor is not None
        if how.pop("exchanged", False):
            sensor = sensor.with_axis_order(AxisOrder(ROW_COLUMN, "default", ""))
        return check_partner(sensor, positions, **how)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def retina(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[np.ndarray]]:
    return recorded(1, tmp_path_factory.mktemp("retina"))


def test_its_own_spikes_fit(retina: tuple[Path, list[np.ndarray]]) -> None:
    found = checked(*retina)
    assert (found.verdict, found.problem) == ("fits", "")
    assert "6 of 6 units" in found.evidence


def test_small_spikes_fit(tmp_path: Path) -> None:
    """Given spikes as large as the noise, then 200 of them are enough: z is about 14."""
    assert checked(*recorded(2, tmp_path, depth=10.0)).verdict == "fits"


def test_another_retina_is_told(retina: tuple[Path, list[np.ndarray]]) -> None:
    found = checked(retina[0], trains(7))
    assert found.verdict == "does not fit"
    assert "belongs to another recording" in found.problem
    assert found.lag_samples == 0


@pytest.mark.parametrize(
    ("lag", "said"), [(40, "2.00 ms late"), (2000, "100.00 ms late"), (-14, "0.70 ms early")]
)
def test_late_times_are_told_to_the_sample(
    retina: tuple[Path, list[np.ndarray]], lag: int, said: str
) -> None:
    found = checked(*retina, lag=lag)
    assert found.verdict == "does not fit"
    assert f"the times of the spikes are {said}" in found.problem
    assert found.lag_samples == -lag


def test_times_that_count_from_a_later_copy(retina: tuple[Path, list[np.ndarray]]) -> None:
    found = checked(*retina, lag=-10_000, offsets=(10_000,))
    assert "0.500 s later" in found.problem
    assert "copy that begins so much later" in found.problem
    assert found.lag_samples == 10_000


def test_times_at_another_rate_are_told(retina: tuple[Path, list[np.ndarray]]) -> None:
    """Given times in samples of 25 kHz for 20 kHz, then the ratio of the rates is what is said."""
    units = [np.rint(spikes * 0.8).astype(np.int64) for spikes in retina[1]]
    found = checked(retina[0], units, scales=(0.8, 1.25))
    assert "multiplied by 1.25" in found.problem
    assert found.scale == 1.25


def test_exchanged_axes_are_told(retina: tuple[Path, list[np.ndarray]]) -> None:
    found = checked(*retina, exchanged=True)
    assert found.verdict == "does not fit"
    assert "rows and columns are exchanged" in found.problem


def test_a_region_elsewhere_is_told(retina: tuple[Path, list[np.ndarray]]) -> None:
    found = checked(*retina, shift=(1, -1))
    assert "-1 rows and +1 columns from the electrodes" in found.problem


def test_too_few_spikes_cannot_be_checked(retina: tuple[Path, list[np.ndarray]]) -> None:
    few = [spikes[:49] for spikes in retina[1][:4]] + retina[1][4:]
    found = checked(retina[0], few)
    assert found.verdict == "cannot be checked"
    assert "2 units have 50 spikes or more" in found.evidence


def test_units_outside_of_the_region_cannot_be_checked(retina: tuple[Path, list[np.ndarray]]) -> None:
    assert checked(*retina, shift=(20, 20)).verdict == "cannot be checked"


def test_without_raw_data_nothing_can_be_checked() -> None:
    assert check_partner(None, []).verdict == "cannot be checked"


def test_progress_rises(retina: tuple[Path, list[np.ndarray]]) -> None:
    fractions: list[float] = []
    checked(retina[0], trains(7), progress=fractions.append)
    assert fractions == sorted(fractions)
    assert 0 <= fractions[0] < 0.1
    assert 0.9 <= fractions[-1] <= 1
