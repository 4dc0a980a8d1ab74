"""What the pages "How to write a …" show is right: each example is one file that works everywhere."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from hdmea.pipeline import PipelineSession
from tests.docs.own_files import Shown
from tests.recordings.phy_folders import write_phy

FLOW = {"name": "load", "steps": [{"step": "load_recording"}]}


# -- a reader ------------------------------------------------------------------------------------------


def test_the_reader_works_as_an_installed_package(tmp_path: Path) -> None:
    shown = Shown(tmp_path / "my lab", "docs/how_to_write_a_reader.md", "hdmea.readers")
    table = tmp_path / "X-Rec.spikes"
    table.write_text("7,0.5\n3,0.0125\n7,0.25\n3,1.75\n")
    (tmp_path / "load.json").write_text(json.dumps(FLOW))

    told = shown.hdmea("info", table)
    shown.hdmea("run", table, "--flow", tmp_path / "load.json", "-o", tmp_path / "result.h5")
    script = (
        "from hdmea.pipeline import load_recording\n"
        f"session = load_recording(cmtr_path={str(table)!r}, defer_save=True)\n"
        "print({name: unit['spike_times'].tolist() for name, unit in session.units.items()})\n"
    )

    assert "spike table" in told
    assert "sorted units" in told
    saved = PipelineSession.load(tmp_path / "result.h5")
    assert saved.dataset_id == "X-Rec"
    expected = {"unit_003": [250, 35_000], "unit_007": [5_000, 10_000]}
    assert {name: np.asarray(unit["spike_times"]).tolist() for name, unit in saved.units.items()} == expected
    assert shown.script(script).strip() == repr(expected)


def test_the_reader_works_from_its_file_and_says_what_is_wrong(tmp_path: Path) -> None:
    shown = Shown(tmp_path / "my lab", "docs/how_to_write_a_reader.md")
    (tmp_path / "bad.spikes").write_text("3,now\n")
    script = (
        "from hdmea.recordings import READERS, open_units\n"
        "from hdmea.utils.exceptions import DataLoadError\n"
        f"(reader,) = READERS.register_file({str(shown.path)!r})\n"
        "assert reader.offers == ('units',)\n"
        "try:\n"
        f"    open_units({str(tmp_path / 'bad.spikes')!r})\n"
        "except DataLoadError as error:\n"
        "    print(error)\n"
    )
    assert "bad.spikes" in shown.script(script)


# -- an exporter ---------------------------------------------------------------------------------------


@pytest.fixture
def result(tmp_path: Path) -> Path:
    """A result file with two units."""
    session = PipelineSession("X-Rec")
    session.add_metadata({"acquisition_rate": np.array([20_000.0]), "recording_duration_s": np.array([2.0])})
    session.add_units(
        {
            "unit_003": {"unit_num": 3, "spike_times": np.array([250, 35_000], np.uint64)},
            "unit_007": {"unit_num": 7, "spike_times": np.array([5_000], np.uint64)},
        }
    )
    return session.save(tmp_path / "result.h5")


def test_the_exporter_works_as_an_installed_package(result: Path, tmp_path: Path) -> None:
    shown = Shown(tmp_path / "my lab", "docs/how_to_write_an_exporter.md", "hdmea.exporters")
    script = (
        "import hdmea\n"
        "from hdmea.pipeline import PipelineSession\n"
        f"hdmea.export(PipelineSession.load({str(result)!r}), 'spikes', {str(tmp_path / 'b.spikes')!r})\n"
    )

    assert "spikes (.spikes): Write the spike times of all units" in shown.hdmea("export", "--list")
    shown.hdmea("export", result, tmp_path / "a.spikes", "--set", "decimals=3")
    shown.script(script)

    assert (tmp_path / "a.spikes").read_text() == "3,0.013\n3,1.750\n7,0.250\n"
    assert (tmp_path / "b.spikes").read_text() == "3,0.012500\n3,1.750000\n7,0.250000\n"


def test_the_exporter_works_from_its_file(result: Path, tmp_path: Path) -> None:
    shown = Shown(tmp_path / "my lab", "docs/how_to_write_an_exporter.md")
    shown.script(
        "from hdmea.exporters import EXPORTERS, export\n"
        "from hdmea.pipeline import PipelineSession\n"
        f"EXPORTERS.register_file({str(shown.path)!r})\n"
        f"export(PipelineSession.load({str(result)!r}), None, {str(tmp_path / 'b.spikes')!r})\n"
    )
    assert (tmp_path / "b.spikes").read_text().startswith("3,0.012500\n")


# -- a step --------------------------------------------------------------------------------------------

COLUMNS_OF_STEP = {
    "activity.mean_rate": ("Mean rate", "Hz", "number of spikes over the recorded time"),
    "activity.is_silent": ("Silent", "", "1 if the mean rate is below the limit"),
}
COLUMNS_OF_FEATURE = {"longest_pause.pause": ("Longest pause", "s", "longest inter-spike interval")}
DESCRIBE = (
    "from hdmea.pipeline.feature_table import feature_columns\n"
    "def describe(session):\n"
    "    return {c.name: (c.title, c.unit, c.definition, list(c.values)) for c in feature_columns(session)}\n"
)


@pytest.fixture
def spikes(tmp_path: Path) -> Path:
    """A Phy folder of 10 s, as a recording that is quick to load."""
    write_phy(tmp_path / "X-Rec_phy")
    return tmp_path / "X-Rec_phy"


def rates(folder: Path) -> list[float]:
    """Return the mean rates of the units of a folder, which lasts until 1 s after its last spike."""
    times, clusters = np.load(folder / "spike_times.npy").ravel(), np.load(folder / "spike_clusters.npy")
    duration = times.max() / 20_000 + 1
    return [float(np.count_nonzero(clusters == number) / duration) for number in np.unique(clusters)]


def pauses(folder: Path) -> list[float]:
    """Return the longest pauses of the units of a folder."""
    times, clusters = np.load(folder / "spike_times.npy").ravel(), np.load(folder / "spike_clusters.npy")
    trains = [np.sort(times[clusters == number].astype(int)) for number in np.unique(clusters)]
    return [float(np.diff(train).max() / 20_000) for train in trains]


def exported(shown: Shown, result: Path, expected: dict[str, tuple[str, str, str]]) -> dict[str, list[float]]:
    """Return columns of the exported table, and check how they are described there."""
    shown.hdmea("export", result, result.with_suffix(".csv"))
    with result.with_name(f"{result.stem}_columns.csv").open(encoding="utf-8-sig", newline="") as file:
        described = {row["name_in_program"]: row for row in csv.DictReader(file)}
    for name, facts in expected.items():
        assert tuple(described[name][key] for key in ("title", "unit", "definition")) == facts
    with result.with_suffix(".csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[described[name]["column"]]) for row in rows] for name in expected}


def test_the_step_works_as_an_installed_package(spikes: Path, tmp_path: Path) -> None:
    shown = Shown(tmp_path / "my lab", "docs/how_to_write_a_step.md", "hdmea.steps")
    steps = [{"step": "load_recording"}, {"step": "find_silent_units"}]
    (tmp_path / "flow.json").write_text(json.dumps({"name": "mine", "steps": steps}))
    result = tmp_path / "result.h5"

    shown.hdmea("run", spikes, "--flow", tmp_path / "flow.json", "-o", result,
                "--set", "find_silent_units.min_rate=100")  # fmt: skip

    table = exported(shown, result, COLUMNS_OF_STEP)
    np.testing.assert_allclose(table["activity.mean_rate"], rates(spikes))
    assert table["activity.is_silent"] == [float(rate < 100) for rate in rates(spikes)]


def test_the_step_works_from_its_file_in_memory_and_on_a_file(spikes: Path, tmp_path: Path) -> None:
    shown = Shown(tmp_path / "my lab", "docs/how_to_write_a_step.md")
    path = tmp_path / "saved.h5"
    printed = shown.script(
        DESCRIBE + "import json\n"
        "from hdmea.declare import STEPS\n"
        "from hdmea.pipeline import PipelineSession, load_recording\n"
        f"(step,) = STEPS.register_file({str(shown.path)!r})\n"
        f"session = load_recording(cmtr_path={str(spikes)!r}, defer_save=True)\n"
        "step(min_rate=100, session=session)\n"
        "in_memory = describe(session)\n"
        f"session.save({str(path)!r})\n"
        f"reloaded = describe(PipelineSession.load({str(path)!r}))\n"
        f"n_silent = step({str(path)!r}, min_rate=1e6, force=True)\n"
        f"again = describe(PipelineSession.load({str(path)!r}))\n"
        "print(json.dumps([in_memory, reloaded, n_silent, again]))\n"
    )
    in_memory, reloaded, n_silent, again = json.loads(printed)
    assert in_memory == reloaded
    for name, facts in COLUMNS_OF_STEP.items():
        assert tuple(reloaded[name][:3]) == facts
    np.testing.assert_allclose(reloaded["activity.mean_rate"][3], rates(spikes))
    assert n_silent == len(rates(spikes))
    assert again["activity.is_silent"][3] == [1] * n_silent


# -- a feature -----------------------------------------------------------------------------------------


def test_the_feature_works_as_an_installed_package(spikes: Path, tmp_path: Path) -> None:
    shown = Shown(tmp_path / "my lab", "docs/how_to_write_a_feature.md", "hdmea.features")
    steps = [
        {"step": "load_recording"},
        {"step": "extract_features", "params": {"features": ["longest_pause"]}},
    ]
    (tmp_path / "flow.json").write_text(json.dumps({"name": "mine", "steps": steps}))
    result = tmp_path / "result.h5"

    shown.hdmea("run", spikes, "--flow", tmp_path / "flow.json", "-o", result)

    assert "longest_pause: Longest time between two consecutive spikes" in shown.hdmea("features")
    table = exported(shown, result, COLUMNS_OF_FEATURE)
    np.testing.assert_allclose(table["longest_pause.pause"], pauses(spikes))


def test_the_feature_works_from_its_file(spikes: Path, tmp_path: Path) -> None:
    shown = Shown(tmp_path / "my lab", "docs/how_to_write_a_feature.md")
    (tmp_path / "load.json").write_text(json.dumps(FLOW))
    path = tmp_path / "saved.h5"
    shown.hdmea("run", spikes, "--flow", tmp_path / "load.json", "-o", path)
    printed = shown.script(
        DESCRIBE + "import json\n"
        "from hdmea.declare import FEATURES\n"
        "from hdmea.pipeline import PipelineSession, extract_features\n"
        f"FEATURES.register_file({str(shown.path)!r})\n"
        f"extract_features({str(path)!r}, ['longest_pause'],\n"
        "    config_overrides={'longest_pause': {'min_spikes': 700}})\n"
        f"session = PipelineSession.load({str(path)!r})\n"
        "kept = [unit['features']['longest_pause']['metadata'] for unit in session.units.values()]\n"
        "print(json.dumps([describe(session), [str(facts.get('missing')) for facts in kept]]))\n"
    )
    described, missing = json.loads(printed)
    title, unit, definition, values = described["longest_pause.pause"]
    assert {"longest_pause.pause": (title, unit, definition)} == COLUMNS_OF_FEATURE
    counts = np.unique(np.load(spikes / "spike_clusters.npy"), return_counts=True)[1]
    expected = np.where(counts >= 700, pauses(spikes), np.nan)
    np.testing.assert_allclose(np.array(values, float), expected)
    assert ["700 are needed" in text for text in missing] == (counts < 700).tolist()


# -- a file of each kind -------------------------------------------------------------------------------


def test_each_kind_is_one_file(tmp_path: Path) -> None:
    pages = {
        "hdmea.steps": "step",
        "hdmea.features": "feature",
        "hdmea.readers": "reader",
        "hdmea.exporters": "exporter",
    }
    for group, kind in pages.items():
        article = "an" if kind == "exporter" else "a"
        shown = Shown(tmp_path / kind, f"docs/how_to_write_{article}_{kind}.md", group)
        assert [file.name for file in shown.folder.iterdir() if file.suffix == ".py"] == [shown.path.name]


def test_all_four_are_files_of_one_command_line(tmp_path: Path) -> None:
    places = {
        kind: Shown(tmp_path / kind, f"docs/how_to_write_{article}_{kind}.md")
        for kind, article in {"step": "a", "feature": "a", "reader": "a", "exporter": "an"}.items()
    }
    plugins = {kind: ("--plugin", shown.path) for kind, shown in places.items()}
    table, result, copy = (tmp_path / name for name in ("X-Rec.spikes", "result.h5", "copy.spikes"))
    table.write_text("3,0.012500\n3,1.750000\n7,0.250000\n")
    flow = {"name": "mine", "steps": [*FLOW["steps"], {"step": "find_silent_units"}]}
    (tmp_path / "flow.json").write_text(json.dumps(flow))
    hdmea = places["step"].hdmea

    hdmea("info", table, *plugins["reader"])
    hdmea("run", table, "--flow", tmp_path / "flow.json", "-o", result, *plugins["reader"], *plugins["step"])
    hdmea("export", result, copy, *plugins["exporter"])

    assert copy.read_text() == table.read_text()
    assert "longest_pause:" in hdmea("features", *plugins["feature"])
