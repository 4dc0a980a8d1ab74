"""Units of a folder that Kilosort or Phy wrote, compared with what was put into it."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hdmea.recordings import READERS, find_reader
from hdmea.recordings.phy.folder import PhyFolder
from hdmea.recordings.phy.places import chip_places
from hdmea.recordings.phy.tables import read_params
from hdmea.recordings.units import UnitOptions
from hdmea.utils.exceptions import DataLoadError
from tests.recordings.phy_folders import RATE_HZ, Sorting, make_sorting, write_labels, write_phy


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "kilosort4"


def read(folder: Path, options: UnitOptions | None = None) -> dict[int, dict[str, object]]:
    with PhyFolder(folder, options) as source:
        return {
            unit.unit_id: {**vars(unit), **vars(source.read_unit(unit, RATE_HZ))} for unit in source.units
        }


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_spikes_waveforms_and_places_are_those_of_the_folder(folder: Path, sparse: bool) -> None:
    truth = write_phy(folder, sparse=sparse)

    units = read(folder)

    assert list(units) == sorted(set(truth.clusters.tolist()))
    for number, unit in units.items():
        mine = truth.clusters == number
        np.testing.assert_array_equal(unit["samples"], np.sort(truth.times[mine]))
        np.testing.assert_allclose(unit["amplitudes"], truth.amplitudes[mine])
        template = truth.templates[np.bincount(truth.templates_of[mine]).argmax()]
        best = int(np.argmax(template.max(axis=0) - template.min(axis=0)))
        np.testing.assert_allclose(unit["waveform"], template[:, best])
        column, row = (truth.positions[best] / 16 + 1).astype(int)
        assert (unit["row"], unit["column"], unit["sensor_id"]) == (row, column, 65 * (column - 1) + row)
        assert unit["measures"]["channel"] == 100 + best  # by channel_map.npy


def test_what_the_folder_says_of_itself(folder: Path) -> None:
    write_phy(folder)
    (folder.parent / "X-Rec.dat").write_bytes(bytes(36 * 2 * 200_000))
    with PhyFolder(folder) as source:
        info = source.info
        assert (info.sampling_rate, info.duration_s, info.n_units) == (RATE_HZ, 10.0, 4)
        assert info.linked_recording == "X-Rec.dat"
        assert info.counts_from == "first sample"
        assert info.metadata["n_channels_dat"] == 36
        assert source.n_peaks == 4000
        assert not info.warnings


def test_templates_stored_by_columns_are_the_same(folder: Path) -> None:
    truth = write_phy(folder)
    before = read(folder)
    np.save(folder / "templates.npy", np.asfortranarray(truth.templates))
    after = read(folder)
    for number, unit in before.items():
        np.testing.assert_array_equal(unit["waveform"], after[number]["waveform"])
        assert unit["row"] == after[number]["row"]


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_whitening_is_undone_as_phy_does(folder: Path, sparse: bool) -> None:
    truth = make_sorting()
    rng = np.random.default_rng(3)
    mixing = np.eye(36) + 0.02 * rng.normal(size=(36, 36))
    write_phy(folder, truth, sparse=sparse)
    np.save(folder / "whitening_mat_inv.npy", mixing)

    units = read(folder)

    for number in (0, 1, 2):
        plain = truth.templates[number].astype(float) @ mixing
        channels = np.flatnonzero(truth.templates[number].any(axis=0)) if sparse else np.arange(36)
        best = channels[np.argmax(np.ptp(plain[:, channels], axis=0))]
        np.testing.assert_allclose(units[number]["waveform"], plain[:, best], rtol=1e-5, atol=1e-7)


def test_another_clock_rate_rescales_the_samples(folder: Path) -> None:
    truth = write_phy(folder)
    with PhyFolder(folder) as source:
        spikes = source.read_unit(source.units[0], 2 * RATE_HZ)
    np.testing.assert_array_equal(spikes.samples, 2 * np.sort(truth.times[truth.clusters == 0]))


def test_spikes_after_the_end_and_duplicates_are_left_out_on_request(folder: Path) -> None:
    truth = write_phy(folder)
    mine = np.sort(truth.times[truth.clusters == 1])
    with PhyFolder(folder) as source:
        spikes = source.read_unit(source.units[1], RATE_HZ, end_sample=100_000, drop_duplicates_ms=1.0)
    within = mine[mine < 100_000]
    kept = within[np.concatenate([[True], np.diff(within) > 20])]
    np.testing.assert_array_equal(spikes.samples, kept)
    assert spikes.n_left_out == np.count_nonzero(mine >= 100_000)
    assert spikes.n_dropped == len(within) - len(kept)
    assert "after the end" in spikes.warnings[0]


# -- labels --------------------------------------------------------------------------------------------


def test_noise_is_left_out_and_said_and_kept_on_request(folder: Path) -> None:
    write_phy(folder)
    write_labels(folder, "cluster_KSLabel.tsv", "KSLabel", {0: "good", 1: "mua", 2: "good", 9: "mua"})
    write_labels(folder, "cluster_group.tsv", "group", {1: "noise", 2: "mua", 77: "good"})  # 77: no spikes
    with PhyFolder(folder) as source:
        assert [unit.unit_id for unit in source.units] == [0, 2, 9]
        assert [unit.measures["label"] for unit in source.units] == ["good", "mua", "mua"]
        (said,) = source.info.warnings
        assert "labelled as noise are skipped: 1 (" in said
        assert "keep_noise=True" in said
    assert read(folder, UnitOptions(keep_noise=True))[1]["measures"]["label"] == "noise"


def test_the_table_of_phy_gives_measures(folder: Path) -> None:
    write_phy(folder)
    (folder / "cluster_info.tsv").write_text(
        "cluster_id\tAmplitude\tContamPct\tKSLabel\tgroup\n0\t12.5\t3\tgood\t\n2\tnan\t\tmua\tgood\n"
    )
    units = read(folder)
    assert units[0]["measures"]["Amplitude"] == 12.5
    assert units[0]["measures"]["ContamPct"] == 3
    assert units[0]["measures"]["label"] == "good"
    assert "Amplitude" not in units[2]["measures"]
    assert units[2]["measures"]["label"] == "good"
    assert units[9]["measures"]["label"] == "unsorted"


# -- places --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pitch", [16.0, 32.0])
@pytest.mark.parametrize("origin", [0.0, 0.5])
def test_positions_on_the_grid_of_a_chip_give_rows_and_columns(pitch: float, origin: float) -> None:
    columns, rows = np.meshgrid(np.arange(65), np.arange(65))
    places = chip_places((np.column_stack([columns.ravel(), rows.ravel()]) + origin) * pitch)
    assert not isinstance(places, str)
    np.testing.assert_array_equal(places.columns, columns.ravel() + 1)
    np.testing.assert_array_equal(places.rows, rows.ravel() + 1)


def test_positions_that_count_from_one_are_taken_so_where_it_is_certain() -> None:
    places = chip_places(np.array([[16.0, 16.0], [65 * 16.0, 32.0]]))
    assert not isinstance(places, str)
    assert (places.columns.tolist(), places.rows.tolist()) == ([1, 65], [1, 2])


def test_a_pitch_can_be_given() -> None:
    steps = np.array([[0, 0], [1, 0], [3, 7]])
    assert isinstance(chip_places(steps * 50.0), str)
    places = chip_places(steps * 50.0, 50.0)
    assert not isinstance(places, str)
    assert places.columns.tolist() == [1, 2, 4]


@pytest.mark.parametrize(
    "positions",
    [[[11.0, 0.0], [43.0, 20.0]], [[0, 16.0], [0, 66 * 16.0]], [[np.nan, 0]], [[-16, 0]]],
    ids=["other probe", "beyond the chip", "NaN", "negative"],
)
def test_other_positions_give_none(positions: list[list[float]]) -> None:
    assert isinstance(chip_places(np.array(positions, float)), str)


def test_units_of_another_probe_have_positions_but_no_row(folder: Path) -> None:
    truth = make_sorting()
    write_phy(folder, Sorting(**{**vars(truth), "positions": truth.positions * 1.3}))
    with PhyFolder(folder) as source:
        unit = source.units[0]
        assert (unit.row, unit.column, unit.sensor_id) == (None, None, None)
        assert unit.measures["x_um"] == pytest.approx(truth.positions[0, 0] * 1.3)
        assert any("no row and column" in text for text in source.info.warnings)


# -- what may be missing -------------------------------------------------------------------------------


def test_times_and_templates_of_the_spikes_are_enough(folder: Path) -> None:
    truth = write_phy(folder)
    for name in ("spike_clusters", "templates", "amplitudes", "channel_positions", "channel_map"):
        (folder / f"{name}.npy").unlink()
    units = read(folder)
    assert list(units) == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(units[3]["samples"], np.sort(truth.times[truth.templates_of == 3]))
    assert units[3]["waveform"].size == 0
    assert units[3]["amplitudes"] is None
    assert units[3]["row"] is None


def test_a_folder_without_spikes_has_no_units(folder: Path) -> None:
    truth = make_sorting()
    none = {name: getattr(truth, name)[:0] for name in ("times", "clusters", "templates_of", "amplitudes")}
    write_phy(folder, Sorting(**{**vars(truth), **none}))
    assert read(folder) == {}


def test_only_folders_with_these_files_are_recognised(folder: Path) -> None:
    folder.mkdir()
    assert find_reader(folder) is None
    np.save(folder / "spike_times.npy", np.arange(3))
    assert find_reader(folder) is None
    (folder / "params.py").touch()
    assert find_reader(folder) is READERS.get("phy")
    assert find_reader(folder / "params.py") is None


# -- damaged and hostile folders -----------------------------------------------------------------------


def header(path: Path, text: str, data: bytes = b"") -> None:
    filled = text.encode().ljust(117) + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(filled)) + filled + data)


def pickled(path: Path) -> None:
    np.save(path, np.array([{"harm": 1}], dtype=object), allow_pickle=True)


def saved(make: Callable[[], object]) -> Callable[[Path], None]:
    return lambda path: np.save(path, make())


def text(content: str | bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content.encode() if isinstance(content, str) else content)


def stated(shape: str) -> Callable[[Path], None]:
    return lambda path: header(
        path, f"{{'descr': '<i8', 'fortran_order': False, 'shape': {shape}}}", bytes(64)
    )


def remove(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


NOT_NPY, OBJECTS, NO_RECORDING = "not a .npy file", "Python objects", "no recording"
CODE = "{'descr': __import__('os').system('false')}"
LAST = (1 << 64) - 1
DAMAGE: list[tuple[str, str, Callable[[Path], object], str]] = [
    ("missing times", "spike_times.npy", remove, "no such file"),
    ("empty file", "spike_times.npy", text(""), NOT_NPY),
    ("cut short", "spike_times.npy", cut, "truncated"),
    ("float times", "spike_times.npy", saved(lambda: np.arange(4000) / 2), "whole numbers"),
    ("negative", "spike_times.npy", saved(lambda: np.arange(4000) - 5), "before the first"),
    ("late", "spike_times.npy", saved(lambda: np.arange(4000) + (1 << 60)), "later than any"),
    ("last number", "spike_times.npy", saved(lambda: np.full(4000, LAST, np.uint64)), "later than any"),
    ("two columns", "spike_times.npy", saved(lambda: np.ones((4000, 2), int)), "one value"),
    ("pickled times", "spike_times.npy", pickled, OBJECTS),
    ("table", "spike_times.npy", saved(lambda: np.zeros(4000, [("a", "i8")])), OBJECTS),
    ("huge shape", "spike_times.npy", stated("(100000000000000,)"), NO_RECORDING),
    ("huge empty shape", "spike_times.npy", stated("(0, 100000000000000)"), NO_RECORDING),
    ("shape beyond the file", "spike_times.npy", stated("(1000000,)"), "truncated"),
    ("negative shape", "spike_times.npy", stated("(-4,)"), NO_RECORDING),
    ("code in the header", "spike_times.npy", lambda path: header(path, CODE), NOT_NPY),
    ("open brackets", "spike_times.npy", lambda path: header(path, "(" * 110), NOT_NPY),
    ("text", "spike_clusters.npy", text("hello" * 99), NOT_NPY),
    ("few clusters", "spike_clusters.npy", saved(lambda: np.arange(10)), "10 values"),
    ("float clusters", "spike_clusters.npy", saved(lambda: np.ones(4000)), "cluster"),
    ("negative cluster", "spike_clusters.npy", saved(lambda: np.arange(4000) - 1), "from 0"),
    ("few amplitudes", "amplitudes.npy", saved(lambda: np.ones(10)), "10 values"),
    ("few templates of", "spike_templates.npy", saved(lambda: np.arange(10)), "10 values"),
    ("fewer templates", "templates.npy", saved(lambda: np.ones((2, 41, 36))), "2 templates"),
    ("flat templates", "templates.npy", saved(lambda: np.ones((5, 41))), "templates"),
    ("NaN templates", "templates.npy", saved(lambda: np.full((5, 41, 36), np.nan)), "not numbers"),
    ("pickled templates", "templates.npy", pickled, OBJECTS),
    ("huge templates", "templates.npy", stated("(100000, 100000, 100000)"), NO_RECORDING),
    ("short template_ind", "template_ind.npy", saved(lambda: np.ones((5, 3), int)), "shape"),
    ("few positions", "channel_positions.npy", saved(lambda: np.zeros((1, 2))), "1 channels"),
    ("3-d positions", "channel_positions.npy", saved(lambda: np.zeros((36, 3))), "x and y"),
    ("few channels", "channel_map.npy", saved(lambda: np.arange(1)), "1 channels"),
    ("whitening", "whitening_mat_inv.npy", saved(lambda: np.eye(3)), "3 channels"),
    ("whitening not square", "whitening_mat_inv.npy", saved(lambda: np.ones((36, 3))), "square"),
    ("missing params", "params.py", remove, "no such file"),
    ("no rate", "params.py", text("dtype = 'int16'\n"), "no sample_rate"),
    ("text rate", "params.py", text("sample_rate = 'fast'\n"), "'fast'"),
    ("zero rate", "params.py", text("sample_rate = 0\n"), "sample_rate 0"),
    ("infinite rate", "params.py", text("sample_rate = 1e999\n"), "sample_rate inf"),
    ("computed rate", "params.py", text("sample_rate = int('20000')\n"), "no sample_rate"),
    ("not Python", "params.py", text("sample_rate: : 20000"), "settings"),
    ("NUL", "params.py", text(b"sample_rate = 2\0"), "settings"),
    ("deep nesting", "params.py", text("a = " + "(" * 5000), "settings"),
    ("no cluster_id", "cluster_group.tsv", text("a\tb\n1\t2\n"), "cluster_id"),
    ("text as cluster_id", "cluster_group.tsv", text("cluster_id\tgroup\nx\tgood\n"), "'x'"),
]


@pytest.mark.parametrize(
    ("name", "damage", "said"), [case[1:] for case in DAMAGE], ids=[case[0] for case in DAMAGE]
)
def test_damage_is_an_error_that_names_the_file(
    folder: Path, name: str, damage: Callable[[Path], object], said: str
) -> None:
    write_phy(folder)
    damage(folder / name)
    with pytest.raises(DataLoadError) as caught:
        read(folder)
    assert caught.value.file_path == folder / name
    assert str(folder / name) in str(caught.value)
    assert said in str(caught.value)


def test_the_settings_are_read_as_literals_and_never_run(tmp_path: Path) -> None:
    mark = tmp_path / "was_run"
    (tmp_path / "params.py").write_text(
        f"import pathlib\npathlib.Path({str(mark)!r}).touch()\nsample_rate = 25000.\n"
        f"dat_path = open({str(mark)!r}, 'w')\ndtype = 'int16'\n"
    )
    assert read_params(tmp_path) == {"sample_rate": 25000.0, "dtype": "int16"}
    assert not mark.exists()


def test_a_path_that_is_not_there_or_not_a_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="does not exist"):
        PhyFolder(tmp_path / "away")
    (tmp_path / "file").touch()
    with pytest.raises(DataLoadError, match="not a folder"):
        PhyFolder(tmp_path / "file")
