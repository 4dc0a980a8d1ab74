"""What other libraries read of our files and objects: the same spikes, to the sample."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import hdmea
from hdmea.pipeline.script import notebook_cell
from hdmea.pipeline.session import PipelineSession
from hdmea.recordings import open_signals, open_units
from hdmea.utils.arrays import AttrArray
from hdmea.utils.exceptions import ConfigurationError, ExistingFileError, MissingInputError, SessionError
from tests.exporters.recordings import FRAMES, RATE, SHEET, STARTS_S, recording


@pytest.fixture
def session(tmp_path: Path) -> PipelineSession:
    return recording(tmp_path)


@pytest.fixture
def foreign() -> Iterator[None]:
    """Let the warnings of other libraries be theirs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


# -- openretina ----------------------------------------------------------------------------------------


def test_openretina_gets_the_rate_during_each_frame_of_the_movie(
    session: PipelineSession, tmp_path: Path
) -> None:
    movie = np.random.default_rng(1).integers(0, 255, (500, 4, 5), np.uint8)
    np.save(tmp_path / "steps.npy", movie)
    # The second showing ends after the recording, so it does not count.
    session.stimulus["section_time"]["steps"].attrs["content_frame"] = np.array([30, 300])

    (folder,) = hdmea.export(
        session, None, tmp_path / "x.openretina", stimuli_dir=tmp_path, unit_ids=("unit_002", "unit_003")
    )

    # What openretina's own reader takes: movies by name, and a file for each session.
    assert np.load(folder / "stimuli" / "steps.npy").shape == (1, 500, 4, 5)
    np.testing.assert_array_equal(np.load(folder / "stimuli" / "steps.npy")[0], movie)
    with h5py.File(folder / "2026.11.29-Rec.h5") as file:
        found = file["responses_steps"][:]
        info = {name: np.array(item) for name, item in file["session_info"].items()}
    assert [name.decode() for name in info["unit_id"]] == ["unit_002", "unit_003"]
    assert (info["row"].tolist(), info["showings_steps"]) == ([22, 20], 1)
    assert info["frame_rate_hz_steps"] == pytest.approx(RATE / 333, rel=0.01)
    frames, spikes = FRAMES.astype(np.int64), session.units["unit_002"]["spike_times"].astype(np.int64)
    for at in (0, 17, 499):
        first, stop = frames[30 + at], frames[31 + at]
        n = np.count_nonzero((spikes >= first) & (spikes < stop))
        assert found[0, at] == pytest.approx(n / ((stop - first) / RATE))
    assert not found[1].any()
    assert found.shape == (2, 500)


def test_what_openretina_cannot_read_is_told(session: PipelineSession, tmp_path: Path) -> None:
    sections = session.stimulus["section_time"]
    sections["noise"] = AttrArray(np.asarray(sections["steps"]), {"content_frame": np.array([500])})
    np.save(tmp_path / "steps.npy", np.zeros((90, 4, 5), np.uint8))
    given = {"stimuli_dir": tmp_path}
    with pytest.raises(FileNotFoundError, match=r"noise\.npy"):
        hdmea.export(session, None, tmp_path / "x.openretina", **given)
    np.save(tmp_path / "noise.npy", np.zeros((90, 8, 8), np.uint8))
    with pytest.raises(ConfigurationError, match="steps 4 × 5, noise 8 × 8"):
        hdmea.export(session, None, tmp_path / "x.openretina", **given)
    with pytest.raises(ConfigurationError, match="bars"):
        hdmea.export(session, None, tmp_path / "x.openretina", movies=("bars",), **given)
    np.save(tmp_path / "noise.npy", np.zeros((150, 8, 8), np.uint8))
    with pytest.raises(MissingInputError, match="noise was recorded to its end"):
        hdmea.export(session, None, tmp_path / "x.openretina", movies=("noise",), **given)
    assert not (tmp_path / "x.openretina").exists()


# -- MATLAB and notebooks ------------------------------------------------------------------------------


def test_matlab_reads_result_files_as_they_are(session: PipelineSession, tmp_path: Path) -> None:
    path = session.save(tmp_path / "r.h5")

    # MATLAB has HDF5 1.10 since R2021b: its superblocks, its own filters, no virtual and no external data.
    assert path.read_bytes()[8] <= 3
    filters, kinds = set(), set()

    def look(_name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            create = item.id.get_create_plist()
            filters.update(create.get_filter(at)[0] for at in range(create.get_nfilters()))
            kinds.add(item.id.get_type().get_class())
            assert create.get_layout() in (h5py.h5d.COMPACT, h5py.h5d.CONTIGUOUS, h5py.h5d.CHUNKED)
            assert create.get_external_count() == 0
        assert all(value is not None for value in item.attrs.values())

    with h5py.File(path) as file:
        file.visititems(look)
        # The lines of the documentation: h5read gives the axes in reverse order and counts from 1.
        ids = [name.decode() for name in file["units/id"][:]]
        spikes, index = file["units/spike_times"][:], file["units/spike_times%index"][:]
        mine = spikes[int(index[1]) : int(index[2])]
    assert filters <= {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}
    assert kinds <= {h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.STRING, h5py.h5t.ENUM}
    np.testing.assert_array_equal(mine, session.units[ids[1]]["spike_times"])


def test_a_cell_for_a_notebook_reads_the_unit_from_the_file(session: PipelineSession, tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="no file yet"):
        notebook_cell(session, "unit_002")
    session.save(tmp_path / "it's µ.h5")
    found: dict[str, Any] = {}

    exec(notebook_cell(session, "unit_002"), found)

    stored = session.units["unit_002"]["spike_times"]
    np.testing.assert_allclose(found["spikes_s"], stored / RATE)
    assert found["numbers"]["moving_bar.dsi"] == 0.5
    session.metadata["notes"] = "new"
    text = notebook_cell(session, "unit_002", "steps")
    assert text.startswith("# Changes since the last save")
    assert "eventplot(trials_s" in text
    drawn = [line for line in text.splitlines() if "plt" not in line]
    exec("\n".join(drawn), found)
    assert [len(trial) for trial in found["trials_s"]] == [
        np.count_nonzero((stored >= start * RATE) & (stored < (start + 2) * RATE)) for start in STARTS_S
    ]


# -- Phy -----------------------------------------------------------------------------------------------


def test_a_phy_folder_is_read_back_with_the_same_units(session: PipelineSession, tmp_path: Path) -> None:
    (folder,) = hdmea.export(session, "phy", tmp_path / "x.phy")

    with open_units(folder) as source:
        units = {unit.unit_id: unit for unit in source.units}
        assert list(units) == [1, 2], "a unit without spikes is not a cluster"
        for name in ("unit_001", "unit_002"):
            stored = session.units[name]
            unit = units[stored["unit_num"]]
            found = source.read_unit(unit, RATE)
            np.testing.assert_array_equal(found.samples, stored["spike_times"])
            np.testing.assert_allclose(found.waveform, stored["waveform"])
            assert (unit.row, unit.column) == (stored["row"], stored["col"])
            assert unit.measures["unit_id"] == name


def test_phy_counts_recorded_samples(session: PipelineSession, tmp_path: Path) -> None:
    session.metadata["segments"] = np.array([[1000, 50_000], [80_000, 200_000]])
    for unit in session.units.values():
        train = unit["spike_times"].astype(np.int64)
        inside = ((train >= 1000) & (train < 50_000)) | (train >= 80_000)
        unit["spike_times"] = train[inside].astype(np.uint64)

    (folder,) = hdmea.export(session, "phy", tmp_path / "x.phy")

    times, clusters = (np.load(folder / f"spike_{name}.npy") for name in ("times", "clusters"))
    train = session.units["unit_001"]["spike_times"].astype(np.int64)
    expected = np.where(train < 50_000, train - 1000, train - 80_000 + 49_000)
    np.testing.assert_array_equal(times[clusters == 1], expected)


def test_a_folder_is_never_replaced_and_a_pitch_is_asked_for(
    session: PipelineSession, tmp_path: Path
) -> None:
    hdmea.export(session, "phy", tmp_path / "x.phy")
    with pytest.raises(ExistingFileError, match="is a folder and is not replaced"):
        hdmea.export(session, "phy", tmp_path / "x.phy", overwrite=True)
    del session.metadata["sensor_pitch_um"]
    with pytest.raises(MissingInputError, match="pitch"):
        hdmea.export(session, "phy", tmp_path / "y.phy")
    (folder,) = hdmea.export(session, "phy", tmp_path / "y.phy", electrode_pitch_um=16)
    assert np.load(folder / "channel_positions.npy").max() == 33 * 16


# -- pynapple and SpikeInterface -----------------------------------------------------------------------


@pytest.mark.usefixtures("foreign")
def test_pynapple_has_the_same_spikes(session: PipelineSession) -> None:
    pytest.importorskip("pynapple", reason="pynapple is optional")
    group = session.to_pynapple()

    for at, unit in enumerate(session.units.values()):
        np.testing.assert_array_equal(np.rint(group[at].t * RATE), unit["spike_times"])
    assert list(group["unit_id"]) == list(session.units)
    assert group["moving_bar_dsi"].tolist()[:2] == [0.25, 0.5]


@pytest.mark.usefixtures("foreign")
def test_spikeinterface_has_the_same_spikes(session: PipelineSession) -> None:
    pytest.importorskip("spikeinterface", reason="spikeinterface is optional")
    sorting = session.to_spikeinterface()

    assert sorting.get_sampling_frequency() == RATE
    assert list(sorting.unit_ids) == list(session.units)
    for name, unit in session.units.items():
        np.testing.assert_array_equal(sorting.get_unit_spike_train(name), unit["spike_times"])
    assert sorting.get_property("cell_type_cell_type").tolist() == ["DS", "DS", ""]


def _nwb(session: PipelineSession, tmp_path: Path) -> Path:
    pytest.importorskip("pynwb", reason="pynwb is optional")
    session.add_metadata({"sheet": SHEET})
    (path,) = hdmea.export(session, "nwb", tmp_path / "x.nwb")
    return path


@pytest.mark.usefixtures("foreign")
def test_pynapple_opens_the_nwb_file(session: PipelineSession, tmp_path: Path) -> None:
    pynapple = pytest.importorskip("pynapple", reason="pynapple is optional")
    data: Any = pynapple.load_file(str(_nwb(session, tmp_path)))

    for at, unit in enumerate(session.units.values()):
        np.testing.assert_array_equal(np.rint(data["units"][at].t * RATE), unit["spike_times"])
    assert data["trials"].start.tolist() == list(STARTS_S)


@pytest.mark.usefixtures("foreign")
def test_spikeinterface_opens_the_nwb_file(session: PipelineSession, tmp_path: Path) -> None:
    extractors = pytest.importorskip("spikeinterface.extractors", reason="spikeinterface is optional")
    sorting = extractors.read_nwb_sorting(_nwb(session, tmp_path), sampling_frequency=RATE, t_start=0.0)

    for unit_id, unit in zip(sorting.unit_ids, session.units.values(), strict=True):
        np.testing.assert_array_equal(sorting.get_unit_spike_train(unit_id), unit["spike_times"])


def test_a_missing_library_says_which_extra_to_install(
    session: PipelineSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pynapple", "spikeinterface", "spikeinterface.core"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigurationError, match=r"hdmea-studio\[bridges\]"):
        session.to_pynapple()
    with pytest.raises(ConfigurationError, match=r"hdmea-studio\[bridges\]"):
        session.to_spikeinterface()


# -- raw data ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("foreign")
def test_spikeinterface_reads_the_raw_data(tmp_path: Path) -> None:
    pytest.importorskip("spikeinterface", reason="spikeinterface is optional")
    from hdmea.spikeinterface import CmcrRecording

    path = Path(__file__).parents[1] / "data" / "sample" / "sample.cmcr"
    with open_signals(path) as source:
        (region,) = source.sensor_regions
        counts = region.read_counts(0, 100, 400).astype(np.float64)
        microvolts = (counts - region.adzero) * region.factors_uv
        index = region.electrode_index(region.first_row + 1, region.first_column + 2)

        raw = CmcrRecording(path, electrode_pitch_um=16)
        assert raw.get_num_channels() == region.n_electrodes
        assert raw.get_num_samples(0) == region.segments[0, 1] - region.segments[0, 0]
        np.testing.assert_array_equal(raw.get_traces(0, 100, 400), counts)
        np.testing.assert_allclose(raw.get_traces(0, 100, 400, return_in_uV=True), microvolts, rtol=1e-5)
        name = f"{region.first_row + 1}-{region.first_column + 2}"
        np.testing.assert_array_equal(raw.get_traces(0, 100, 400, channel_ids=[name])[:, 0], counts[:, index])
        place = raw.get_channel_locations()[list(raw.channel_ids).index(name)]
        assert place.tolist() == [16 * (region.first_column + 1), 16 * region.first_row]
        again = spikeinterface_load(raw.to_dict())
        np.testing.assert_array_equal(again.get_traces(0, 0, 50), raw.get_traces(0, 0, 50))
    with pytest.raises(ConfigurationError, match="there is no 7"):
        CmcrRecording(path, region=7)


def spikeinterface_load(stated: Any) -> Any:
    from spikeinterface.core import load

    return load(stated)
