"""Lights of simulated recordings whose faults are known."""

from __future__ import annotations

import ast
import csv
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from hdmea.cli import app
from hdmea.health import Health, HealthLimits, Light, health, health_of, health_page
from hdmea.pipeline import PipelineSession, create_session, load_recording
from hdmea.pipeline.session import twin_of
from hdmea.simulate import Experiment, FileOptions, Region, SimulatedRecording, simulate_recording
from hdmea.utils.arrays import AttrArray
from hdmea.utils.exceptions import HDMEAError, StepCancelled

NAMES = [
    "electrodes.noise", "electrodes.dead", "electrodes.saturated", "electrodes.hum",
    "spikes.units", "spikes.rate", "spikes.run_down", "spikes.refractory",
    "light.frames", "light.lost", "light.rate", "light.range",
    "alignment", "noise_sta", "pairing", "disk", "memory",
]  # fmt: skip
EXPERIMENT = Experiment.tiny(
    name="good-Rec",
    n_units=12,
    region=Region(rows=6, columns=7, first_row=30, first_column=28),
    raw_seconds=40.0,
    files=FileOptions(compressed=False),
)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> SimulatedRecording:
    """A recording without faults, with raw data throughout."""
    return simulate_recording(tmp_path_factory.mktemp("good"), EXPERIMENT)


@pytest.fixture(scope="module")
def loaded(good: SimulatedRecording) -> PipelineSession:
    """The same in memory."""
    session = create_session(None, good.cmcr_path, good.cmtr_path)
    load_recording(good.cmcr_path, good.cmtr_path, session=session)
    return session


@pytest.fixture
def copy(good: SimulatedRecording, tmp_path: Path) -> Path:
    """The raw recording in a folder of its own, with everything but the sorted units beside it."""
    for path in (good.cmcr_path, good.playlist_path, good.movie_length_path):
        shutil.copy(path, tmp_path)
    shutil.copytree(good.stimuli_dir, tmp_path / "stimuli")
    shutil.copytree(good.config_dir, tmp_path / "config")
    return tmp_path / good.cmcr_path.name


def lights(found: Health) -> dict[str, Light]:
    """Return the lights by name, after what is true of all."""
    by_name = {light.name: light for light in found.lights}
    assert len(by_name) == len(found.lights)
    assert [name for name in by_name if not name.startswith("alignment.")] == NAMES
    for light in found.lights:
        assert (light.value is None) == (light.light == "grey"), light
        assert light.sentence.endswith("."), light
    return by_name


def colours(found: Health) -> dict[str, str]:
    return {name: light.light for name, light in lights(found).items()}


def change_raw(path: Path, change: Callable[[np.ndarray[Any, Any]], None]) -> None:
    """Change the raw counts of a recording, (samples, column, row)."""
    with h5py.File(path, "r+") as file:
        data = file["Acquisition/Sensor Data/SensorData 1 1"]
        counts = data[:]
        change(counts)
        data[:] = counts


def hdmea(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["health", *map(str, arguments)], catch_exceptions=False)


# -- a good recording --------------------------------------------------------------------------------------


def test_a_good_pair_is_green(good: SimulatedRecording) -> None:
    found = lights(health(good.cmcr_path))
    not_green = {name for name, light in found.items() if light.light != "green"}
    # 8 s of noise show few receptive fields; space and memory are those of this computer.
    assert not_green <= {"noise_sta", "disk", "memory"}
    truth = good.truth
    assert found["spikes.units"].value == 12
    n_spikes = sum(len(unit.spike_samples) for unit in truth.units)
    assert str(n_spikes) in found["spikes.units"].sentence
    noise = found["electrodes.noise"].value
    assert noise is not None
    assert abs(noise - EXPERIMENT.noise_uv) < 0.05 * EXPERIMENT.noise_uv
    assert found["light.frames"].value == len(truth.timeline.frame_samples) - 4
    assert found["pairing"].value == 100


def test_the_other_file_of_the_pair_gives_the_same(good: SimulatedRecording) -> None:
    by_raw, by_units = (health(path).as_list() for path in (good.cmcr_path, good.cmtr_path))
    for one, other in zip(by_raw, by_units, strict=True):
        if one["name"] not in ("disk", "memory"):
            assert one == other


def test_a_result_gives_what_its_recording_gives(
    good: SimulatedRecording, loaded: PipelineSession, tmp_path: Path
) -> None:
    path = twin_of(loaded).save(tmp_path / "result.h5")
    of_result, of_files = colours(health(path)), colours(health(good.cmcr_path))
    assert of_result == of_files


def test_raw_data_alone_are_judged_by_threshold_crossings(copy: Path) -> None:
    found = lights(health(copy))
    for name in ("spikes.units", "spikes.refractory"):
        assert found[name].light == "grey"
        assert "after sorting" in found[name].sentence.lower()
    assert found["pairing"].light == "grey"
    assert found["spikes.rate"].light == "green"
    assert found["spikes.run_down"].light == "green"
    assert found["alignment"].light == "green"
    sta = found["noise_sta"]
    assert sta.unit == "electrodes"
    assert sta.value is not None
    assert sta.value >= 1


def test_sorted_units_alone_leave_the_rest_grey(good: SimulatedRecording, tmp_path: Path) -> None:
    alone = shutil.copy(good.cmtr_path, tmp_path)
    found = colours(health(alone))
    assert found["spikes.units"] == found["spikes.rate"] == found["spikes.refractory"] == "green"
    known = {"spikes.units", "spikes.rate", "spikes.run_down", "spikes.refractory", "disk", "memory"}
    assert {name for name, colour in found.items() if colour != "grey"} == known


# -- electrodes --------------------------------------------------------------------------------------------


def test_faults_of_electrodes_are_counted_and_named(copy: Path) -> None:
    def spoil(counts: np.ndarray[Any, Any]) -> None:
        rng = np.random.default_rng(1)
        counts[:, 1, 2] = 4
        counts[:, 3, 3] = 4
        counts[:, 4, 1] = rng.normal(0, 2000, len(counts))
        counts[::5, 5, 4] = 3000
        counts[len(counts) // 2 :, 6, 5] = 32767

    change_raw(copy, spoil)
    found = health(copy)
    by_name = lights(found)
    assert by_name["electrodes.dead"].value == 2
    assert by_name["electrodes.dead"].light == "amber"
    assert "column 29, row 32" in by_name["electrodes.dead"].sentence
    assert "column 31, row 33" in by_name["electrodes.dead"].sentence
    assert by_name["electrodes.saturated"].value == 1
    assert "column 34, row 35" in by_name["electrodes.saturated"].sentence
    assert by_name["electrodes.noise"].light == "amber"
    assert "column 32, row 31" in by_name["electrodes.noise"].sentence
    assert found.electrodes is not None
    assert found.electrodes.bad[2, 1]
    assert found.electrodes.bad.sum() == 5


def test_noise_of_the_whole_chip_is_red(copy: Path) -> None:
    rng = np.random.default_rng(2)

    def spoil(counts: np.ndarray[Any, Any]) -> None:
        counts += rng.normal(0, 60, counts.shape).astype(counts.dtype)

    change_raw(copy, spoil)
    noise = lights(health(copy))["electrodes.noise"]
    assert noise.light == "red"
    assert noise.value == pytest.approx(np.hypot(60, EXPERIMENT.noise_uv), rel=0.06)


def test_hum_is_seen(copy: Path) -> None:
    def spoil(counts: np.ndarray[Any, Any]) -> None:
        hum = 15 * np.sin(2 * np.pi * 50 * np.arange(len(counts)) / 20_000)
        counts += np.rint(hum).astype(counts.dtype)[:, None, None]

    change_raw(copy, spoil)
    hum = lights(health(copy))["electrodes.hum"]
    assert hum.light == "red"
    assert hum.value == 42
    assert "50 Hz" in hum.sentence


def test_unreadable_raw_data_do_not_hide_the_rest(copy: Path) -> None:
    with h5py.File(copy, "r+") as file:
        del file["Acquisition/Sensor Data"]
    found = lights(health(copy))
    assert found["electrodes.noise"].light == found["spikes.rate"].light == "grey"
    assert "no raw data" in found["electrodes.noise"].sentence
    assert found["light.frames"].light == "green"


# -- spikes ------------------------------------------------------------------------------------------------


def with_trains(
    session: PipelineSession, change: Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]
) -> PipelineSession:
    """Return the recording with other spikes."""
    changed = twin_of(session)
    for unit in changed.units.values():
        times = np.asarray(change(np.asarray(unit["spike_times"]).astype(np.int64)))
        unit["spike_times"] = AttrArray(np.sort(times).astype(np.uint64), {"unit": "sample_index"})
    return changed


@pytest.fixture(scope="module")
def long(loaded: PipelineSession) -> PipelineSession:
    """Ten minutes of units that fire at 5 Hz without end, without raw data."""
    rng = np.random.default_rng(9)
    session = with_trains(loaded, lambda _: rng.integers(0, 600 * 20_000, 3000))
    session.metadata.update(recording_duration_s=600.0, segments=np.array([[0, 600 * 20_000]]))
    session.source_files.clear()
    session.stimulus.clear()
    return session


def test_steady_units_do_not_run_down(long: PipelineSession) -> None:
    run_down = lights(health_of(long))["spikes.run_down"]
    assert run_down.light == "green"
    assert run_down.value is not None
    assert abs(run_down.value) < 10


@pytest.mark.parametrize(("left", "colour"), [(0.7, "amber"), (0.1, "red")])
def test_run_down_is_seen(long: PipelineSession, left: float, colour: str) -> None:
    rng = np.random.default_rng(4)

    def thinned(times: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        keep = 1 - (1 - left) * times / times.max()
        return np.asarray(times[rng.random(times.size) < keep])

    run_down = lights(health_of(with_trains(long, thinned)))["spikes.run_down"]
    assert run_down.light == colour
    expected = -100 * (1 - left) / ((1 + left) / 2)
    assert run_down.value == pytest.approx(expected, abs=8)


def test_violations_of_the_refractory_period_are_counted(long: PipelineSession) -> None:
    def doubled(times: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        # Trains with 10 ms between spikes, every tenth of which has another one 0.5 ms later.
        kept = np.arange(1000, 600 * 20_000, 4000)
        return np.concatenate([kept, kept[::10] + 10])

    found = lights(health_of(with_trains(long, doubled)))["spikes.refractory"]
    assert found.light == "red"
    assert found.value == pytest.approx(100 / 11, rel=0.01)


def test_a_few_units_with_violations_leave_the_light_green_and_many_do_not(long: PipelineSession) -> None:
    regular = with_trains(long, lambda _: np.arange(1000, 600 * 20_000, 4000))
    n = len(regular.units)
    bad = np.sort(np.concatenate([np.arange(1000, 600 * 20_000, 4000), np.arange(1010, 600 * 20_000, 4000)]))
    for part, colour in ((0.1, "green"), (0.3, "amber"), (0.7, "red")):
        session = twin_of(regular)
        for name in list(session.units)[: round(part * n)]:
            session.units[name] = {**session.units[name], "spike_times": bad}
        assert lights(health_of(session))["spikes.refractory"].light == colour


def test_spikes_that_were_found_while_recording_are_used(tmp_path: Path) -> None:
    experiment = Experiment.tiny(n_units=6, files=FileOptions(online_spikes=True))
    made = simulate_recording(tmp_path / "a", experiment)
    made.cmtr_path.unlink()
    found = health(made.cmcr_path)
    rate = lights(found)["spikes.rate"]
    sensors = np.repeat(
        [unit.sensor_id for unit in made.truth.units], [unit.spike_samples.size for unit in made.truth.units]
    )
    rates = np.unique(sensors, return_counts=True)[1] / made.truth.duration_s
    assert "found while recording" in rate.sentence
    assert rate.value == pytest.approx(np.median(rates[rates >= 0.5]), rel=0.05)
    assert found.rates is not None
    assert found.rates.time_s[-1] > 20
    assert lights(found)["noise_sta"].unit == "electrodes"
    assert lights(found)["noise_sta"].value is not None

    # Recordings of spikes alone have no raw data of the electrodes.
    alone = replace(experiment, files=FileOptions(online_spikes=True, sensor_data=False))
    made = simulate_recording(tmp_path / "b", alone)
    made.cmtr_path.unlink()
    found = health(made.cmcr_path)
    assert lights(found)["electrodes.noise"].light == "grey"
    assert lights(found)["spikes.rate"].value == pytest.approx(rate.value)


def test_silent_and_few_units(long: PipelineSession) -> None:
    few = with_trains(long, lambda times: times[:20])
    for name in list(few.units)[3:]:
        del few.units[name]
    found = lights(health_of(few))
    assert found["spikes.units"].light == "amber"
    assert found["spikes.rate"].light == "red"
    assert found["spikes.run_down"].light == "grey"


# -- light -------------------------------------------------------------------------------------------------


def test_lost_flips_are_amber_and_counted(tmp_path: Path) -> None:
    made = simulate_recording(tmp_path, Experiment.tiny(missing_flips=(700,)))
    lost = lights(health(made.cmcr_path))["light.lost"]
    assert (lost.light, lost.value) == ("amber", 1)


def test_no_display_is_red_and_nothing_is_claimed_of_movies(tmp_path: Path) -> None:
    made = simulate_recording(tmp_path, Experiment.tiny())
    with h5py.File(made.cmcr_path, "r+") as file:
        file["Acquisition/Analog Data/ChannelData 1"][1] = 0
    found = lights(health(made.cmcr_path))
    assert (found["light.frames"].light, found["light.frames"].value) == ("red", 0)
    for name in ("light.lost", "light.rate", "alignment", "noise_sta"):
        assert found[name].light == "grey"


def test_constant_and_noisy_light(tmp_path: Path) -> None:
    made = simulate_recording(tmp_path, Experiment.tiny())

    def light(change: Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]) -> Light:
        with h5py.File(made.cmcr_path, "r+") as file:
            channel = file["Acquisition/Analog Data/ChannelData 1"]
            channel[0] = change(channel[0])
        return lights(health(made.cmcr_path))["light.range"]

    rng = np.random.default_rng(1)
    noisy = light(lambda counts: counts + rng.normal(0, 400_000, counts.size).astype(np.int32))
    assert noisy.light == "amber"
    constant = light(lambda counts: np.full_like(counts, 1234))
    assert (constant.light, constant.value) == ("red", 0)


def test_recordings_without_analog_channels(tmp_path: Path) -> None:
    made = simulate_recording(tmp_path, Experiment.tiny(files=FileOptions(analog_channels=())))
    found = colours(health(made.cmcr_path))
    assert {found[name] for name in found if name.startswith(("light.", "alignment"))} == {"grey"}


# -- movies ------------------------------------------------------------------------------------------------


def test_exchanged_movies_are_red(good: SimulatedRecording, copy: Path) -> None:
    playlist = copy.with_name("playlist.csv")
    with playlist.open(encoding="utf-8", newline="") as file:
        header, (name, movies) = csv.reader(file)
    with playlist.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, [name, str(ast.literal_eval(movies)[::-1])]])
    found = lights(health(copy))
    assert found["alignment"].light == "red"
    one_by_one = [light for name, light in found.items() if name.startswith("alignment.")]
    assert {light.light for light in one_by_one} == {"red"}


def test_without_a_playlist_nothing_is_claimed(copy: Path) -> None:
    copy.with_name("playlist.csv").unlink()
    found = lights(health(copy))
    assert found["alignment"].light == "grey"
    assert found["noise_sta"].light == "grey"
    assert found["light.frames"].light == "green"


def test_a_common_lag_is_amber_and_silent_if_known(loaded: PipelineSession) -> None:
    from hdmea.pipeline import add_section_time

    late = twin_of(loaded)
    light = np.asarray(late.stimulus["light_reference"]["raw_ch1"])
    late.stimulus["light_reference"]["raw_ch1"] = AttrArray(np.roll(light, 1000), {})
    unknown = lights(health_of(late))["alignment"]
    assert unknown.light == "amber"
    assert "3 frames later" in unknown.sentence
    add_section_time(session=late, display_latency_frames=3)
    assert lights(health_of(late))["alignment"].light == "green"


# -- files -------------------------------------------------------------------------------------------------


def test_the_spikes_of_another_recording_are_red(good: SimulatedRecording, tmp_path: Path) -> None:
    other = simulate_recording(tmp_path / "other", replace(EXPERIMENT, seed=77, raw_seconds=1.0))
    raw = Path(shutil.copy(good.cmcr_path, tmp_path))
    shutil.copy(other.cmtr_path, tmp_path)
    found = lights(health(raw))
    assert found["pairing"].light == "red"
    assert found["spikes.units"].value == 12, "they are judged as what they are"


def test_a_partner_that_cannot_be_read_is_red_and_the_rest_is_judged(copy: Path) -> None:
    copy.with_name("good-Rec-.cmtr").write_bytes(b"not HDF5")
    found = lights(health(copy))
    assert found["pairing"].light == "red"
    assert "good-Rec-.cmtr" in found["pairing"].sentence
    assert found["light.frames"].light == "green"
    assert found["spikes.units"].light == "grey"


def test_limits_are_those_of_the_laboratory(loaded: PipelineSession) -> None:
    strict = HealthLimits(units=(100, 50), rate_hz=(50.0, 20.0), memory_part=(0.0, 0.0))
    found = lights(health_of(loaded, limits=strict))
    assert found["spikes.units"].light == found["spikes.rate"].light == "red"
    assert found["memory"].light == "red"


def test_limits_of_the_settings_are_read_and_bad_ones_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings = tmp_path / "settings.json"
    given = {"noise_uv": [5, 6], "units": [1, 100], "unheard": [1, 2]}
    settings.write_text(json.dumps({"health": given}), encoding="utf-8")
    monkeypatch.setattr("hdmea.utils.text_files.settings_path", lambda: settings)
    found = HealthLimits.from_settings()
    assert found.noise_uv == (5, 6)
    assert found.units == HealthLimits().units
    assert "units" in caplog.text
    assert "unheard" in caplog.text


def test_nothing_is_changed_and_nothing_written(loaded: PipelineSession, good: SimulatedRecording) -> None:
    before = sorted((path, path.stat().st_mtime_ns) for path in good.folder.rglob("*"))
    places = {name: list(getattr(loaded, name)) for name in ("metadata", "stimulus", "steps")}
    health_of(loaded)
    assert {name: list(getattr(loaded, name)) for name in places} == places
    assert sorted((path, path.stat().st_mtime_ns) for path in good.folder.rglob("*")) == before


def test_it_can_be_stopped(good: SimulatedRecording) -> None:
    import threading

    cancel = threading.Event()

    def stop(fraction: float, text: str) -> None:
        if fraction > 0.5:
            cancel.set()

    with pytest.raises(StepCancelled):
        health(good.cmcr_path, progress=stop, cancel=cancel)


def test_the_page_of_the_documentation_states_the_limits() -> None:
    text = (Path(__file__).parents[2] / "docs/health.md").read_text(encoding="utf-8").replace("−", "-")
    rows = {
        name: row for row in text.splitlines() if row.startswith("|") for name in HealthLimits.model_fields
        if f"`{name}`" in row
    }  # fmt: skip
    assert set(rows) == set(HealthLimits.model_fields)
    for name, (amber, red) in HealthLimits().model_dump().items():
        said = {float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", rows[name])}
        # One times what is free is not written as a number.
        assert {amber, red} - {1.0} <= said | {0.0}, name


# -- command line ------------------------------------------------------------------------------------------


def test_json_is_a_list_of_lights(copy: Path) -> None:
    outcome = hdmea("--json", "--seconds", "5", copy)
    assert outcome.exit_code == 0, outcome.output
    listed = json.loads(outcome.stdout)
    assert [set(entry) for entry in listed] == [{"name", "light", "value", "unit", "sentence"}] * len(listed)
    assert [entry["name"] for entry in listed if not entry["name"].startswith("alignment.")] == NAMES


def test_red_lights_are_no_error_and_the_page_is_written(copy: Path, tmp_path: Path) -> None:
    change_raw(copy, lambda counts: counts.fill(3))
    page = tmp_path / "pages" / "health.html"
    outcome = hdmea(copy, "--html", page)
    assert outcome.exit_code == 0, outcome.output
    assert "red" in outcome.stdout
    assert "electrodes.dead" in page.read_text(encoding="utf-8")
    refused = hdmea(copy, "--html", page)
    assert refused.exit_code == 2, "an existing page is not replaced"
    assert "--html" in refused.stderr


def test_the_page_needs_nothing_else_and_shows_text_as_text(loaded: PipelineSession) -> None:
    page = health_page(replace(health_of(loaded), name='<script>alert("1")</script>&'))
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "http" not in page
    assert "<svg" in page
    assert "data:image/png;base64," in page


@pytest.mark.parametrize("name", ["none.cmcr", "empty.cmcr", "text.cmtr", "empty.h5", "foreign.h5", "a.txt"])
def test_what_cannot_be_read_ends_with_2_and_our_error(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.startswith("empty"):
        path.touch()
    elif name.startswith("foreign"):
        with h5py.File(path, "w") as file:
            file["x"] = 1
    elif name != "none.cmcr":
        path.write_text("nothing of ours", encoding="utf-8")
    outcome = hdmea(path, "--json")
    assert outcome.exit_code == 2
    assert outcome.stdout == ""
    assert "error: " in outcome.stderr
    assert "Traceback" not in outcome.stderr
    with pytest.raises((HDMEAError, FileNotFoundError)):
        health(path)


def test_a_truncated_recording_ends_with_2(copy: Path) -> None:
    content = copy.read_bytes()
    copy.write_bytes(content[: len(content) // 3])
    outcome = hdmea(copy)
    assert outcome.exit_code == 2
    assert "error: " in outcome.stderr
