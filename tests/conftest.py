"""Fixtures that every part of the test suite shares."""

from __future__ import annotations

import uuid
from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

# How long one example takes says something about the machine, not about the law that is tested.
settings.register_profile("hdmea", deadline=None, derandomize=True)
# A change is not refused for what it did not cause: new examples are tried every week.
settings.register_profile("search", deadline=None)
settings.load_profile("hdmea")

DATA = Path(__file__).resolve().parent / "data"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fail-on-skip",
        action="store_true",
        help="A skipped test is a failure: for installations that have everything a test can need.",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and item.config.getoption("--fail-on-skip"):
        report.outcome = "failed"
        report.longrepr = f"skipped, with --fail-on-skip: {report.longreprtext}"
    return report


@pytest.fixture(autouse=True)
def data_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have results that cannot be saved kept in a folder of the test, not of the user."""
    folder = tmp_path_factory.getbasetemp() / f"data of the user {uuid.uuid4()}"
    monkeypatch.setattr("platformdirs.user_data_path", lambda *_args, **_named: folder)
    monkeypatch.setattr("hdmea.pipeline.destination._temporary", lambda: folder / "temporary")
    return folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder with recordings that were not made by this project's code; do not change them."""
    return DATA


@pytest.fixture(scope="session")
def sample_raw(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a raw recording of 1.5 s with the footprints of the sample's units at their spikes.

    The sample itself is cut to 0.25 s of raw data, too few spikes for an electrical image.
    """
    from tests.recordings.vendor_files import SensorBlock, write_cmcr

    n_samples = 30_000
    with np.load(shared_data / "sample" / "sample_truth.npz") as truth:
        footprints, before = truth["footprint_uv"].astype(np.float64), int(truth["footprint_pre"])
        trains = np.split(truth["spike_samples"], truth["spike_offsets"][1:-1])
        factors_uv = truth["conversion_nv"].astype(np.float64) / 1000
    length = footprints.shape[1]
    voltage = np.zeros((n_samples + 2 * length, *factors_uv.shape))
    for footprint, train in zip(footprints, trains, strict=True):
        for spike in train[train < n_samples].astype(int):
            voltage[length + spike - before :][:length] += footprint
    # Noise and offset have the size of those in the sample.
    rng = np.random.default_rng(2026)
    counts = voltage[length:-length] / factors_uv + rng.normal(0, 13, (n_samples, *factors_uv.shape))
    counts += rng.normal(0, 25, factors_uv.shape)
    block = SensorBlock(counts.round().astype(np.int16), left=25, top=25, factors=factors_uv.T * 1000)
    return write_cmcr(
        tmp_path_factory.mktemp("sample") / "sample.cmcr", sensor=[block], duration_us=1_500_000
    )
