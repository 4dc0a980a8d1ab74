"""Which files belong together: names, links and durations."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from hdmea.recordings.pairing import (
    base_stem,
    compare_durations,
    find_partner,
    kind_of,
    names_match,
    recording_name,
    sort_pair,
)
from hdmea.utils.exceptions import MismatchError, ValidationError
from tests.recordings.phy_folders import write_phy
from tests.recordings.vendor_files import write_cmcr, write_cmtr

CMCR = "2025.04.10-11.12.57-Rec.cmcr"


def touch(folder: Path, *names: str) -> list[Path]:
    paths = [folder / name for name in names]
    for path in paths:
        path.touch()
    return paths


@pytest.mark.parametrize(
    "name",
    [
        "2025.04.10-11.12.57-Rec.cmtr",
        "2025.04.10-11.12.57-Rec-.cmtr",
        "2025.04.10-11.12.57-Rec- (2).cmtr",
        "2025.04.10-11.12.57-Rec_sorted.cmtr",
        "2025.04.10-11.12.57-Rec_spikes.CMTR",
        "2025.04.10-11.12.57-rec-_sorted (3).cmtr",
        "2025.04.10-11.12.57-Rec(AnalysisSet1).cmtr",
        "2025.04.10-11.12.57-Rec (Analysis Set 2).cmtr",
        "2025.04.10-11.12.57-Rec- (second try).cmtr",
        "2025.04.10-11.12.57-Rec_appended_sorted_2.cmtr",
    ],
)
def test_the_usual_names_are_those_of_a_pair(name: str) -> None:
    assert names_match(Path(CMCR), Path(name))
    assert names_match(Path(CMCR.replace("Rec", "Rec_raw")), Path(name))


@pytest.mark.parametrize(
    "name", ["2025.04.10-11.12.58-Rec-.cmtr", "Rec.cmtr", "2025.04.10-11.12.57-Rec2.cmtr"]
)
def test_other_names_are_not(name: str) -> None:
    assert not names_match(Path(CMCR), Path(name))


def test_brackets_of_the_recording_itself_are_part_of_its_name() -> None:
    assert not names_match(Path("rec (left eye).cmcr"), Path("rec (right eye).cmtr"))
    assert names_match(Path("rec (left eye).cmcr"), Path("rec (left eye) (AnalysisSet1).cmtr"))


def test_accents_may_be_stored_apart(tmp_path: Path) -> None:
    """Given names of which one has ä as one character and one as a with dots, then they are one name."""
    one, apart = (unicodedata.normalize(form, "Rattenretinä") for form in ("NFC", "NFD"))
    assert one != apart
    cmcr, cmtr = touch(tmp_path, f"{one}.cmcr", f"{apart}-.cmtr")
    assert find_partner(cmcr).path == cmtr
    assert find_partner(cmtr).path == cmcr
    assert find_partner(cmtr, f"{apart}.cmcr").path == cmcr


def test_a_folder_for_sorted_files_is_looked_into(tmp_path: Path) -> None:
    for name in ("raw", "sorted", "elsewhere"):
        (tmp_path / name).mkdir()
    (cmcr,) = touch(tmp_path / "raw", "X_mod_f.cmcr")
    (cmtr,) = touch(tmp_path / "sorted", "X_mod_f_appended_20240101.cmtr")
    touch(tmp_path / "elsewhere", "X_mod_f.cmtr")
    assert find_partner(cmcr).path == cmtr
    assert "folder sorted" in find_partner(cmcr).reason
    assert find_partner(cmtr).path == cmcr


def test_a_link_may_name_a_folder(tmp_path: Path) -> None:
    for name in ("monday", "results"):
        (tmp_path / name).mkdir()
    (cmcr,) = touch(tmp_path / "monday", "X.cmcr")
    (cmtr,) = touch(tmp_path / "results", "sorted again.cmtr")
    assert find_partner(cmtr, r"..\monday\X.cmcr").path == tmp_path / "results" / ".." / "monday" / "X.cmcr"
    assert find_partner(cmtr, "../monday/X.cmcr").path.samefile(cmcr)  # type: ignore[union-attr]
    assert find_partner(cmtr, r"C:\elsewhere\X.cmcr").path is None


def test_a_folder_for_sorted_files_below_that_of_the_recording(tmp_path: Path) -> None:
    (tmp_path / "sorted").mkdir()
    (cmcr,) = touch(tmp_path, "X.cmcr")
    (cmtr,) = touch(tmp_path / "sorted", "X-.cmtr")
    assert find_partner(cmcr).path == cmtr
    assert find_partner(cmtr).path == cmcr


def test_the_link_of_a_sorted_file_beside_the_recording_is_read(tmp_path: Path) -> None:
    (cmcr,) = touch(tmp_path, "recorded.cmcr")
    cmtr = write_cmtr(tmp_path / "other name.cmtr", link=r"D:\data\recorded.cmcr")
    write_cmtr(tmp_path / "foreign.cmtr", link="another.cmcr")
    partner = find_partner(cmcr)
    assert partner.path == cmtr
    assert "its link names recorded.cmcr" in partner.reason


def test_a_recording_called_h5_is_told_by_its_content(tmp_path: Path) -> None:
    recording = write_cmcr(tmp_path / "X-Rec.h5")
    (result,) = touch(tmp_path, "result.h5")
    cmtr = write_cmtr(tmp_path / "X-Rec-.cmtr")
    assert kind_of(recording) == "cmcr"
    assert kind_of(result) is None
    assert find_partner(recording).path == cmtr
    assert find_partner(cmtr).path == recording


def test_a_stem_of_marks_only_stays_comparable() -> None:
    assert base_stem(Path("-.cmtr")) == ""
    assert kind_of(Path("X.CmTr")) == "cmtr"
    assert kind_of(Path("X.h5")) is None


def test_the_nearest_name_wins_and_the_others_are_named(tmp_path: Path) -> None:
    cmcr, second, first, plain = touch(tmp_path, "X-Rec.cmcr", "X-Rec- (2).cmtr", "X-Rec-.cmtr", "X-Rec.cmtr")
    partner = find_partner(cmcr)
    assert partner.path == first
    assert partner.others == (plain, second)


def test_the_link_is_tried_first_and_a_broken_one_does_no_harm(tmp_path: Path) -> None:
    cmtr, old, named = touch(tmp_path, "X-Rec-.cmtr", "recorded.cmcr", "X-Rec.cmcr")
    assert find_partner(cmtr, r"C:\data\recorded.cmcr").path == old
    assert find_partner(cmtr, "before_renaming.cmcr").path == named
    assert find_partner(cmtr).path == named


def test_without_a_partner_the_reason_is_given(tmp_path: Path) -> None:
    (cmcr, _) = touch(tmp_path, "X-Rec.cmcr", "Y-Rec-.cmtr")
    partner = find_partner(cmcr)
    assert partner.path is None
    assert "no .cmtr file" in partner.reason


def test_only_recordings_have_partners(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="neither"):
        find_partner(tmp_path / "result.h5")


def test_files_are_sorted_by_recording() -> None:
    paths = [Path(name) for name in ("A-.cmtr", "B.cmcr", "notes.txt", "A.cmcr", "C-.cmtr")]
    a_cmtr, b, _, a_cmcr, c = paths
    assert sort_pair(paths) == [(a_cmcr, a_cmtr), (b, None), (None, c)]


class TestDurations:
    def test_a_normal_pair_is_silent(self) -> None:
        assert (
            compare_durations(Path(CMCR), Path("2025.04.10-11.12.57-Rec-.cmtr"), [496.0], 496.0, 495.9) == []
        )

    def test_with_or_without_the_gaps_is_the_same(self) -> None:
        assert compare_durations(Path("X.cmcr"), Path("X-.cmtr"), [32.0, 30.0], 30.0, 29.0) == []

    def test_other_names_warn(self) -> None:
        (warning,) = compare_durations(Path("X.cmcr"), Path("Y.cmtr"), [32.0], 32.0, 31.0)
        assert "X.cmcr" in warning
        assert "Y.cmtr" in warning

    def test_other_names_with_a_link_say_so(self) -> None:
        (warning,) = compare_durations(Path("X.cmcr"), Path("Y.cmtr"), [32.0], 32.0, 31.0, "D:\\x.cmcr")
        assert "link names this recording" in warning

    def test_other_durations_of_one_name_warn(self) -> None:
        (warning,) = compare_durations(Path("X.cmcr"), Path("X-.cmtr"), [32.0], 40.0, 31.0)
        assert "32.000 s" in warning
        assert "40.000 s" in warning

    def test_other_durations_and_other_names_are_refused(self) -> None:
        with pytest.raises(MismatchError, match="not of one recording"):
            compare_durations(Path("X.cmcr"), Path("Y.cmtr"), [32.0], 40.0, 31.0)

    def test_spikes_after_the_end_are_refused(self) -> None:
        with pytest.raises(MismatchError, match=r"spikes up to 35\.000 s"):
            compare_durations(Path("X.cmcr"), Path("X-.cmtr"), [32.0], None, 35.0)

    def test_unknown_durations_are_no_contradiction(self) -> None:
        assert compare_durations(Path("X.cmcr"), Path("X-.cmtr"), [], 40.0, 35.0) == []
        assert compare_durations(Path("X.cmcr"), Path("X-.cmtr"), [32.0], None, None) == []


# -- folders of sorted units ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["2025.04.10-11.12.57-Rec_phy", "2025.04.10-11.12.57-Rec-kilosort4", "2025.04.10-11.12.57-Rec"]
)
def test_a_folder_of_the_same_name_and_its_recording_find_each_other(tmp_path: Path, name: str) -> None:
    write_phy(tmp_path / name)
    (cmcr, _) = touch(tmp_path, CMCR, "2025.04.10-15.00.00-Rec.cmcr")
    assert kind_of(tmp_path / name) == "cmtr"
    assert find_partner(tmp_path / name).path == cmcr
    assert find_partner(cmcr).path == tmp_path / name


@pytest.mark.parametrize("place", ["X-Rec/kilosort4", "X-Rec/sorter_output", "X-Rec_sorted/phy"])
def test_a_folder_named_after_its_sorter_belongs_to_what_is_around_it(tmp_path: Path, place: str) -> None:
    write_phy(tmp_path / place)
    (cmcr, _) = touch(tmp_path, "X-Rec.cmcr", "Y-Rec.cmcr")
    assert find_partner(tmp_path / place).path == cmcr
    assert find_partner(cmcr).path == tmp_path / place
    assert recording_name(None, tmp_path / place) == "X-Rec"


def test_the_only_recording_beside_a_folder_named_after_its_sorter_is_its_own(tmp_path: Path) -> None:
    write_phy(tmp_path / "kilosort4", params="sample_rate = 20000\n")
    (cmcr,) = touch(tmp_path, "X-Rec.cmcr")
    partner = find_partner(tmp_path / "kilosort4")
    assert (partner.path, partner.reason) == (cmcr, "the only raw recording beside kilosort4")
    assert find_partner(cmcr).path == tmp_path / "kilosort4"
    touch(tmp_path, "Y-Rec.cmcr")
    assert find_partner(tmp_path / "kilosort4").path is None
    assert find_partner(cmcr).path is None


def test_the_settings_name_the_recording(tmp_path: Path) -> None:
    write_phy(tmp_path / "kilosort4")
    (cmcr, _) = touch(tmp_path, "X-Rec.cmcr", "Y-Rec.cmcr")
    assert find_partner(tmp_path / "kilosort4", "X-Rec.dat").path == cmcr
    assert find_partner(cmcr).path == tmp_path / "kilosort4"


def test_a_spike_sorted_file_comes_before_a_folder(tmp_path: Path) -> None:
    write_phy(tmp_path / "X-Rec_phy")
    cmcr, cmtr = touch(tmp_path, "X-Rec.cmcr", "X-Rec-.cmtr")
    assert find_partner(cmcr).path == cmtr


def test_a_folder_and_its_recording_are_one_pair(tmp_path: Path) -> None:
    write_phy(tmp_path / "X-Rec_phy")
    (cmcr,) = touch(tmp_path, "X-Rec.cmcr")
    assert sort_pair([tmp_path / "X-Rec_phy", cmcr]) == [(cmcr, tmp_path / "X-Rec_phy")]
