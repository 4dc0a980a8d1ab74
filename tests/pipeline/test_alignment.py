"""Sections against the recorded light: what `add_section_time` stores, tells, marks and shifts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from hdmea.declare import Output
from hdmea.pipeline import PipelineSession, create_session, run_step
from hdmea.pipeline.alignment_table import anchors_offered
from hdmea.pipeline.light_delay import light_delay_ms, without_light_delay
from hdmea.utils.exceptions import ConfigurationError, DataLoadError
from tests.pipeline.section_sessions import INTERVAL, grid, loaded_session, write_stimuli
from tests.recordings.vendor_files import write_cmcr

LENGTHS = {"flicker": 320, "chequer_noise": 400, "late_steps": 360}
PLAYLIST = ("flicker.mov", "chequer_noise.mov", "late_steps.mov")
LAYOUTS = {
    "flicker": {"start_frame": 0, "trial_length_frame": 160, "repeat": 2},
    "chequer_noise": {"start_frame": 0, "trial_length_frame": 400, "repeat": 1},
    "late_steps": {"start_frame": 0, "trial_length_frame": 120, "repeat": 3},
}


def movie(name: str) -> npt.NDArray[np.uint8]:
    """(frames, 4, 4): white noise of the whole field, of pixels in images of four frames, and steps."""
    rng = np.random.default_rng(sorted(LENGTHS).index(name))
    if name == "flicker":
        return rng.integers(0, 256, (320, 1, 1), dtype=np.uint8).repeat(4, 1).repeat(4, 2)
    if name == "chequer_noise":
        return (rng.integers(0, 2, (100, 4, 4), dtype=np.uint8) * 255).repeat(4, 0)
    levels = rng.permutation(np.arange(30, dtype=np.uint8) * 8).repeat(12)
    return levels[:, None, None].repeat(4, 1).repeat(4, 2)


def shown_levels(shown: tuple[str, ...], n_frames: int, latency: int = 0) -> npt.NDArray[np.float64]:
    """Level of each display frame of a playlist with paddings of 180 grey frames."""
    parts = [np.full(latency, 128.0)]
    for name in shown:
        grey = np.full(180, 128.0)
        parts += [grey, movie(name).mean(axis=(1, 2)), grey, grey[:1]]
    levels = np.concatenate(parts)
    return np.concatenate((levels, np.full(n_frames - levels.size, 128.0)))


def write_movies(folder: Path, lengths: Mapping[str, int] = LENGTHS) -> None:
    """Write playlist, lengths, definitions and movies as they lie beside a recording."""
    write_stimuli(folder, playlists={"demo": PLAYLIST}, lengths=lengths, layouts=LAYOUTS)
    (folder / "stimuli").mkdir()
    for name in LENGTHS:
        np.save(folder / "stimuli" / f"{name}.npy", movie(name))


def light_of(levels: npt.NDArray[np.float64], frames: npt.NDArray[np.uint64]) -> npt.NDArray[np.float32]:
    """Light channel that shows one level in each display frame, with a little noise."""
    light = np.full(int(frames[-1]) + 1_000, 128.0, np.float32)
    for frame, level in zip(frames.astype(np.int64), levels, strict=True):
        light[frame + 1 : frame + 1 + INTERVAL] = level
    return light + np.random.default_rng(9).normal(0, 0.5, light.size).astype(np.float32)


def recording(
    folder: Path,
    *,
    shown: tuple[str, ...] = tuple(LENGTHS),
    lengths: Mapping[str, int] = LENGTHS,
    latency: int = 0,
    lost: int | None = None,
    late: int | None = None,
) -> PipelineSession:
    """A loaded session whose light channel shows the movies of `shown` one after the other."""
    write_movies(folder, lengths)
    levels = shown_levels(shown, 2_300, latency)
    frames = grid(levels.size)
    if late is not None:
        levels = np.insert(levels, late, levels[late - 1])[: levels.size]
    light = light_of(levels, frames)
    missing = [index for index in (lost, late) if index is not None]
    session = loaded_session(folder, frames=np.delete(frames, missing), segments=[[0, light.size]])
    session.add_stimulus({"light_reference": {"raw_ch1": light}})
    session.metadata["frame_detection"] = {"rate_hz": 20_000 / INTERVAL}
    return session


def attrs(session: PipelineSession, name: str) -> dict[str, object]:
    return dict(session.stimulus["section_time"][name].attrs)


def marks(session: PipelineSession, name: str) -> list[str]:
    (stored,) = attrs(session, name)["marks"]
    return [entry["mark"] for entry in json.loads(stored)]


def test_where_all_fits_nothing_is_said_and_the_evidence_is_stored(tmp_path: Path) -> None:
    session = recording(tmp_path)

    run_step(session, "add_section_time")

    assert session.warnings == []
    for name in LENGTHS:
        stored = attrs(session, name)
        assert stored["alignment"] == ["checked"]
        assert stored["alignment_lag"].tolist() == [0]
        assert stored["alignment_r"][0] > 0.99
        assert stored["alignment_sharpness"][0] < 0.3
        assert stored["aligned_by"] == "none"
        assert marks(session, name) == []
    assert attrs(session, "flicker")["light_delay_ms"][0] == pytest.approx(0.0, abs=0.3)


def test_what_is_stored_survives_the_file(tmp_path: Path) -> None:
    session = recording(tmp_path, lengths={**LENGTHS, "chequer_noise": 396})
    run_step(session, "add_section_time")

    loaded = PipelineSession.load(session.save(tmp_path / "a.h5"))

    for name in LENGTHS:
        for key, value in attrs(session, name).items():
            np.testing.assert_array_equal(attrs(loaded, name)[key], value)
    assert loaded.information == session.information


def test_a_wrong_length_is_told_against_file_and_light_and_mended_by_the_light(tmp_path: Path) -> None:
    session = recording(tmp_path, lengths={**LENGTHS, "chequer_noise": 396})

    run_step(session, "add_section_time")

    assert any("chequer_noise.npy has 400 frames, but 396 are stated" in text for text in session.warnings)
    assert any(
        "the light fits 4 frames later" in text and "chequer_noise.npy has 400 frames" in text
        for text in session.warnings
    )
    assert marks(session, "late_steps") == ["not aligned"]
    assert marks(session, "flicker") == []
    counted = attrs(session, "late_steps")["content_frame"][0]

    run_step(session, "add_section_time", {"align": "light"}, force=True)

    mended = attrs(session, "late_steps")
    assert mended["content_frame"][0] == counted + 4 == 180 * 5 + 2 + 320 + 400
    assert mended["alignment_lag"].tolist() == [4]
    assert mended["aligned_by"] == "light"
    assert marks(session, "late_steps") == []


def test_the_wrong_movie_is_named(tmp_path: Path) -> None:
    session = recording(tmp_path, shown=("flicker", "late_steps"))
    run_step(session, "add_section_time")

    assert any(
        "Section of chequer_noise: the light is that of late_steps" in text for text in session.warnings
    )
    assert marks(session, "chequer_noise") == ["not aligned"]


def test_a_latency_of_the_display_is_one_fact_and_can_be_known(tmp_path: Path) -> None:
    session = recording(tmp_path, latency=3)
    run_step(session, "add_section_time")
    assert [text for text in session.warnings if "all movies comes 3 frames (50 ms) after" in text] == (
        session.warnings
    )
    assert marks(session, "flicker") == ["not aligned"]

    run_step(session, "add_section_time", {"display_latency_frames": 3}, force=True)

    assert session.warnings == []
    assert marks(session, "flicker") == []
    assert attrs(session, "flicker")["content_frame"].tolist() == [180]


def test_a_lost_flip_is_told_from_a_late_frame(tmp_path: Path) -> None:
    lost = recording(tmp_path / "lost", lost=180 + 100)
    run_step(lost, "add_section_time")
    assert any("Lost display flips: 1 " in text for text in lost.warnings)
    assert marks(lost, "flicker") == ["flips lost"]
    assert attrs(lost, "late_steps")["frame_shift"].tolist() == [1]

    late = recording(tmp_path / "late", late=180 + 100)
    run_step(late, "add_section_time")
    assert late.warnings == []
    assert any("Late display frames: 1 " in text for text in late.information)
    assert attrs(late, "late_steps")["frame_shift"].tolist() == [0]
    run_step(late, "section_spike_times")
    assert not any("shift" in text for text in late.warnings)


def test_light_shifts_a_section_after_a_lost_flip(tmp_path: Path) -> None:
    session = recording(tmp_path, lost=180 + 100)

    run_step(session, "add_section_time", {"align": "light"})

    stored = attrs(session, "late_steps")
    assert stored["content_frame"].tolist() == [180 * 5 + 2 + 320 + 400 - 1]
    assert stored["frame_shift"].tolist() == [0]
    assert marks(session, "late_steps") == []
    assert marks(session, "flicker") == ["flips lost"]


def test_one_channel_for_light_and_flips_cannot_be_checked(tmp_path: Path) -> None:
    session = recording(tmp_path, shown=("late_steps", "flicker"))
    session.metadata["sys_meta"] = {"light_channel": 1, "sync_channel": 1}

    run_step(session, "add_section_time")

    assert session.warnings == []
    assert attrs(session, "flicker")["alignment"] == ["not checkable"]


@pytest.mark.parametrize("named", [True, False])
def test_a_list_of_stimuli_comes_before_a_playlist(tmp_path: Path, named: bool) -> None:
    session = recording(tmp_path, shown=("late_steps", "flicker"))
    second = 180 * 3 + 1 + 360
    content = [
        {"movie": "flicker.mov", "time_s": float(grid(2_300)[second]) / 20_000, "source": "log"},
        {"movie": "late_steps", "content_frame": 180, "length": 360, "source": "hand"},
    ]
    path = tmp_path / ("rec.stimuli.json" if not named else "what was shown.json")
    path.write_text(json.dumps(content), encoding="utf-8")

    run_step(session, "add_section_time", {"stimuli_path": path} if named else {})

    assert session.warnings == []
    assert attrs(session, "late_steps")["content_frame"].tolist() == [180]
    assert attrs(session, "flicker")["content_frame"].tolist() == [second]
    assert attrs(session, "flicker")["alignment"] == ["checked"]
    assert attrs(session, "flicker")["source"] == str(path)
    assert "chequer_noise" not in session.stimulus["section_time"]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("{}", "is not a list of showings"),
        ("[1", "not JSON"),
        ('[{"movie": "flicker"}]', "showing 1: either content_frame or time_s"),
        ('[{"movie": "flicker", "time_s": 1, "source": "guess"}]', "showing 1: source"),
        ('[{"movie": "unknown", "time_s": 1}]', "unknown"),
        (
            '[{"movie": "flicker", "time_s": 1, "occurrence": 1}, '
            '{"movie": "flicker", "time_s": 9, "occurrence": 1}]',
            "number 1 twice",
        ),
    ],
)
def test_a_wrong_list_of_stimuli_is_refused(tmp_path: Path, content: str, what: str) -> None:
    session = recording(tmp_path)
    path = tmp_path / "list.json"
    path.write_text(content, encoding="utf-8")

    with pytest.raises(ConfigurationError, match=what):
        run_step(session, "add_section_time", {"stimuli_path": path})


def test_the_spot_that_the_photodiode_sees_is_taken_from_the_calibration(tmp_path: Path) -> None:
    session = recording(tmp_path)
    light = session.stimulus["light_reference"]["raw_ch1"].copy()
    content = 180 * 3 + 1 + 320
    frames = session.metadata["frame_timestamps"].astype(np.int64)
    for index, level in enumerate(movie("chequer_noise")[:, 0, 3]):
        light[frames[content + index] + 1 : frames[content + index + 1] + 1] = level
    session.add_stimulus({"light_reference": {"raw_ch1": light}})
    calibration = tmp_path / "calibration.json"
    calibration.write_text(json.dumps({"um_per_pixel": 20.0, "light_spot": [3, 0, 0.4]}), encoding="utf-8")

    run_step(session, "add_section_time", {"calibration_path": calibration})

    assert attrs(session, "chequer_noise")["alignment_r"][0] > 0.99


def raw_recording(folder: Path, *, lost: int | None = None, late: int | None = None) -> Path:
    """A raw recording of the playlist; the first four flips are extra."""
    write_movies(folder)
    levels = np.concatenate((np.full(4, 128.0), shown_levels(tuple(LENGTHS), 2_300)))
    frames = grid(levels.size)
    if late is not None:
        levels = np.insert(levels, late + 4, levels[late + 3])[: levels.size]
    light = light_of(levels, frames) * 1_000
    missing = [index + 4 for index in (lost, late) if index is not None]
    flips = np.delete(frames.astype(np.int64), missing)
    sync = np.zeros(light.size)
    for flip in flips:
        sync[flip + 1 : flip + 101] = 1e6
    channels = np.stack((np.rint(light), sync)).astype(np.int32)
    return write_cmcr(folder / "rec.cmcr", light=[(0, channels)])


def load(path: Path, **params: object) -> PipelineSession:
    session = create_session("rec", path)
    run_step(session, "load_recording", {"cmcr_path": path, "find_partner": False, **params})
    return session


def test_frame_correction_inserts_what_was_lost_and_leaves_late_frames(tmp_path: Path) -> None:
    path = raw_recording(tmp_path, lost=180 + 100, late=180 * 3 + 1 + 320 + 150)

    session = load(path, frame_correction=True)

    (message,) = [text for text in session.warnings if "corrected" in text]
    assert "1 missing flips inserted" in message
    assert "1 late frames are left" in message
    frames = session.metadata["frame_timestamps"]
    assert frames.size == 2_299
    run_step(session, "add_section_time")
    assert session.warnings == [message]
    for name in LENGTHS:
        assert attrs(session, name)["alignment"] == ["checked"]
        assert attrs(session, name)["frame_shift"].tolist() == [0]
        assert marks(session, name) == ["frames corrected"]


def test_without_movies_every_missing_flip_is_inserted(tmp_path: Path) -> None:
    path = raw_recording(tmp_path, late=180 + 100)
    (tmp_path / "playlist.csv").unlink()

    session = load(path, frame_correction=True)

    assert session.metadata["frame_timestamps"].size == 2_300
    assert session.metadata["frame_detection"]["late_at"].size == 0


def test_of_two_displays_the_light_chooses_the_one_that_fits_the_movies(tmp_path: Path) -> None:
    """A level that changes with every frame of 60 per second, against one pulse of half a frame at 30."""
    write_movies(tmp_path)
    levels = np.concatenate((np.full(4, 128.0), shown_levels(tuple(LENGTHS), 2_300)))
    frames = (2_000 + np.arange(levels.size) * 666).astype(np.uint64)
    light = np.full(int(frames[-1]) + 1_000, 128.0)
    sync = np.zeros(light.size)
    for frame, level in zip(frames.astype(np.int64), levels, strict=True):
        light[frame + 1 : frame + 667] = level
        sync[frame + 1 : frame + 334] = 1e6
    path = write_cmcr(tmp_path / "rec.cmcr", light=[(0, np.stack((light * 1_000, sync)).astype(np.int32))])

    session = load(path)

    assert session.metadata["frame_timestamps"].tolist() == frames[4:].tolist()
    assert any("fits 30.0 frames per second, not 60.1" in text for text in session.information)
    (tmp_path / "playlist.csv").unlink()
    assert load(path).metadata["frame_detection"]["rate_hz"] == pytest.approx(60.06, abs=0.01)


def test_a_movie_after_a_gap_is_offered_an_anchor(tmp_path: Path) -> None:
    session = recording(tmp_path)
    frames = session.metadata["frame_timestamps"].astype(np.int64)
    gap = (int(frames[600]) + 20, int(frames[660]) + 20)
    light = session.stimulus["light_reference"]["raw_ch1"].copy()
    light[gap[0] : gap[1]] = np.nan
    session.add_stimulus({"light_reference": {"raw_ch1": light}})
    session.metadata["segments"] = np.array([[0, gap[0]], [gap[1], light.size]])
    session.metadata["frame_timestamps"] = np.delete(frames, np.arange(601, 661)).astype(np.uint64)
    content = int(frames[180 * 3 + 1 + 320])

    run_step(session, "add_section_time")

    assert any(f"reanchor={{'chequer_noise': {content}}}" in text for text in session.information)
    assert anchors_offered(session)["chequer_noise"] == content
    run_step(session, "add_section_time", {"reanchor": {"chequer_noise": content}}, force=True)
    assert anchors_offered(session) == {}
    assert [attrs(session, name)["alignment"] for name in LENGTHS] == [["checked"]] * 3


def test_a_movie_with_its_frames_on_the_last_axis_is_told_and_not_used(tmp_path: Path) -> None:
    session = recording(tmp_path)
    path = tmp_path / "stimuli" / "chequer_noise.npy"
    np.save(path, np.moveaxis(movie("chequer_noise"), 0, -1))

    run_step(session, "add_section_time")

    assert session.warnings == []
    assert any("chequer_noise" in text and "400 frames are on axis 2" in text for text in session.information)
    with pytest.raises(DataLoadError, match="400 frames are on axis 2"):
        run_step(session, "compute_sta")


@pytest.mark.parametrize(("asked", "expected"), [("none", 0.0), (4.0, 4.0), ("measured", 5.0)])
def test_the_delay_of_the_light_is_taken_off_latencies(
    tmp_path: Path, asked: float | str, expected: float
) -> None:
    session = recording(tmp_path)
    light = session.stimulus["light_reference"]["raw_ch1"]
    session.add_stimulus({"light_reference": {"raw_ch1": np.roll(light, 100)}})

    run_step(session, "add_section_time", {"light_delay": asked})

    stored = attrs(session, "flicker")
    assert stored["light_delay_ms"][0] == pytest.approx(5.0, abs=0.2)
    taken_off = light_delay_ms(session.stimulus, "flicker")
    assert taken_off == stored["light_delay_taken_off_ms"] == pytest.approx(expected, abs=0.2)
    outputs = [
        Output(name, name, unit, (None, None), "") for name, unit in (("on_latency", "ms"), ("f1", "Hz"))
    ]
    values = without_light_delay({"on_latency": np.array([50.0, np.nan]), "f1": 3.0}, outputs, taken_off)
    np.testing.assert_allclose(values["on_latency"], [50.0 - taken_off, np.nan])
    assert values["f1"] == 3.0
    assert light_delay_ms(session.stimulus, None) == 0.0


def test_latencies_of_features_are_those_behind_the_light(tmp_path: Path) -> None:
    session = recording(tmp_path)
    run_step(session, "add_section_time")
    run_step(session, "compute_sta")
    run_step(
        session,
        "extract_features",
        {"features": ("dense_noise",), "config_overrides": {"dense_noise": {"alpha": 0.9999}}},
    )
    before = session.to_dataframe()["dense_noise.latency"]

    run_step(session, "add_section_time", {"light_delay": 4.0}, force=True)
    run_step(session, "compute_sta", force=True)
    run_step(
        session,
        "extract_features",
        {"features": ("dense_noise",), "config_overrides": {"dense_noise": {"alpha": 0.9999}}},
        force=True,
    )

    after = session.to_dataframe()["dense_noise.latency"]
    assert before.notna().any()
    np.testing.assert_allclose(after, before - 4.0)


def test_a_playlist_that_needs_more_frames_says_so(tmp_path: Path) -> None:
    session = recording(tmp_path)
    session.metadata["frame_timestamps"] = session.metadata["frame_timestamps"][:1_700]

    run_step(session, "add_section_time")

    assert any("takes 2163 display frames, 1700 were recorded: 463 fewer" in t for t in session.information)


def test_an_inverted_light_channel_is_read_the_other_way_round(tmp_path: Path) -> None:
    session = recording(tmp_path)
    light = session.stimulus["light_reference"]["raw_ch1"]
    session.add_stimulus({"light_reference": {"raw_ch1": 255 - light}})

    run_step(session, "add_section_time")

    assert session.warnings == []
    assert [attrs(session, name)["alignment"] for name in LENGTHS] == [["checked"]] * 3
    assert any("read inverted" in text for text in session.information)
