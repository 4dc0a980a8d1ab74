"""Deferred and immediate mode, one thread and two, twice the same: identical content, dataset by dataset."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdmea.pipeline import (
    ExtractionResult,
    LoadResult,
    LoadWithEImageSTAResult,
    PipelineSession,
    SectionResult,
    STAResult,
    create_session,
    load_recording_with_eimage_sta,
    run_flow,
    run_step,
)
from hdmea.pipeline.calls import step_function
from hdmea.pipeline.flows import FlowOptions
from hdmea.results.files import summarize
from hdmea.simulate import Experiment, SimulatedRecording, simulate_recording
from hdmea.utils.exceptions import ConfigurationError, SessionError

STEPS: dict[str, dict[str, Any]] = {
    "add_section_time": {},
    "section_spike_times": {"pad_margin": (0.1, 0.05)},
    "compute_sta": {"cover_range": (-20, 1)},
    "compute_eimage_sta": {"duration_s": 5.0, "chunk_duration_s": 0.2},
    "extract_features": {"features": ("frif", "baseline")},
}
# Times of day, durations, where a session was going to be saved, and the history of the file itself.
EXEMPT = {
    "created_at", "updated_at", "extracted_at", "hdmea_extracted_at", "started_at", "finished_at",
    "duration_s", "saved_at", "output_dir", "revision", "saved_by", "%unused", "%keys", "stage1_timestamp",
}  # fmt: skip


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> SimulatedRecording:
    return simulate_recording(tmp_path_factory.mktemp("source"), Experiment.tiny())


def sources(recording: SimulatedRecording) -> dict[str, str]:
    return {"cmcr_path": str(recording.cmcr_path), "cmtr_path": str(recording.cmtr_path)}


def deferred(
    recording: SimulatedRecording, folder: Path, workers: int = 1, layout: str | None = None
) -> Path:
    session = create_session(**sources(recording), output_dir=folder)
    run_step(session, "load_recording", sources(recording), workers=workers)
    for name, params in STEPS.items():
        run_step(session, name, params, workers=workers)
    assert not folder.exists()
    return session.save(layout=layout)


def content(path: Path) -> dict[str, Any]:
    """Return everything in a file by name: bytes, type and shape of datasets, values of attributes."""
    found: dict[str, Any] = {}

    def visit(name: str, item: h5py.Group | h5py.Dataset) -> None:
        for key, value in item.attrs.items():
            if key not in EXEMPT and name != "pipeline/hdmea":
                found[f"{name}@{key}"] = (np.asarray(value).dtype.str, np.asarray(value).tolist())
        if not isinstance(item, h5py.Dataset) or name.rpartition("/")[2] in EXEMPT:
            return
        if name.startswith("pipeline/hdmea/"):
            return
        if name.startswith("pipeline/steps/"):
            record = json.loads(item.asstr()[()])
            for part in record.get("items", {}).values():
                part.pop("changed_at", None)
            found[name] = {key: value for key, value in record.items() if key not in EXEMPT}
        else:
            values = np.asarray(item[()])
            values = np.asarray(values.tolist(), "S") if values.dtype.hasobject else values
            found[name] = (item.dtype.str, item.shape, values.tobytes())

    with h5py.File(path) as file:
        visit("/", file)
        file.visititems(visit)
    return found


def assert_same(first: Path, second: Path) -> None:
    one, other = content(first), content(second)
    assert one.keys() == other.keys()
    different = [name for name in one if repr(one[name]) != repr(other[name])]
    assert different == []


@pytest.mark.parametrize("layout", [None, "columns", "lab"])
def test_immediate_and_deferred_mode_write_the_same(
    recording: SimulatedRecording, tmp_path: Path, layout: str | None
) -> None:
    """Given steps on files, which make the laboratory's layout unless another is asked for."""
    load = step_function("load_recording")
    loaded = load(**sources(recording), output_dir=tmp_path / "immediate", layout=layout)
    assert isinstance(loaded, LoadResult)
    assert loaded.stage1_completed
    assert loaded.num_units == len(recording.truth.units)
    kinds = {
        "add_section_time": bool, "section_spike_times": SectionResult, "compute_sta": STAResult,
        "compute_eimage_sta": LoadWithEImageSTAResult, "extract_features": ExtractionResult,
    }  # fmt: skip
    for name, params in STEPS.items():
        result = step_function(name)(hdf5_path=loaded.hdf5_path, **params)
        assert isinstance(result, kinds[name])
    assert summarize(loaded.hdf5_path).layout == (layout or "lab-steps")
    saved = deferred(recording, tmp_path / "deferred", layout=layout or "lab-steps")
    assert_same(loaded.hdf5_path, saved)
    # What the layout has no word for is the same as well.
    both = (loaded.hdf5_path, saved)
    assert_same(
        *(PipelineSession.load(path).save(path.with_name("columns.h5"), layout="columns") for path in both)
    )


def test_a_step_keeps_the_layout_of_its_file_and_changes_it_when_asked(
    recording: SimulatedRecording, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = deferred(recording, tmp_path / "results", layout="lab")

    step_function("extract_features")(path, ["waveform"])
    assert summarize(path).layout == "lab"

    step_function("extract_features")(path, ["quality"], layout="columns")
    assert summarize(path).layout == "columns"
    assert "changes its layout from lab to columns" in caplog.text
    assert {"waveform", "quality"} <= set(PipelineSession.load(path).units["unit_001"]["features"])


def test_a_layout_is_not_chosen_for_a_session(recording: SimulatedRecording, tmp_path: Path) -> None:
    session = create_session(**sources(recording), output_dir=tmp_path)
    for where in ({"session": session}, {"defer_save": True}):
        with pytest.raises(SessionError, match="writes no file") as caught:
            step_function("load_recording")(**sources(recording), layout="lab", **where)
        assert "save(layout='lab')" in str(caught.value)
    with pytest.raises(ConfigurationError, match="'other'"):
        step_function("load_recording")(**sources(recording), layout="other")


def test_a_session_keeps_path_and_layout_of_its_file(
    recording: SimulatedRecording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = create_session(**sources(recording), output_dir=tmp_path)
    run_step(session, "load_recording", sources(recording))
    monkeypatch.setenv("HDMEA_LAYOUT", "lab")
    path = session.save()
    assert summarize(path).layout == session.layout == "lab"

    monkeypatch.setenv("HDMEA_LAYOUT", "columns")
    session.add_metadata({"note": "x"})
    session.save()
    other = session.save(tmp_path / "other.h5")
    point = PipelineSession.load(path).checkpoint(tmp_path / "point.h5")

    assert [summarize(each).layout for each in (path, other, point)] == ["lab", "columns", "columns"]
    monkeypatch.setenv("HDMEA_LAYOUT", "rows")
    with pytest.raises(ConfigurationError, match="HDMEA_LAYOUT"):
        session.save(tmp_path / "third.h5")


def test_the_settings_file_says_the_layout_of_new_files(
    recording: SimulatedRecording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HDMEA_LAYOUT", raising=False)
    settings = tmp_path / "settings.json"
    monkeypatch.setattr("hdmea.utils.text_files.settings_path", lambda: settings)
    session = create_session(**sources(recording), output_dir=tmp_path)
    run_step(session, "load_recording", sources(recording))
    for text, layout in (("{", "columns"), ('{"layout": "rows"}', "columns"), ('{"layout": "lab"}', "lab")):
        settings.write_text(text)
        path = PipelineSession.load(session.checkpoint(tmp_path / "point.h5")).save(tmp_path / "new.h5")
        assert summarize(path).layout == layout


def test_one_thread_and_two_and_twice_give_the_same_bytes(
    recording: SimulatedRecording, tmp_path: Path
) -> None:
    first = deferred(recording, tmp_path / "one")
    assert_same(first, deferred(recording, tmp_path / "two", workers=2))
    assert_same(first, deferred(recording, tmp_path / "again"))


def test_resumed_session_reaches_the_same_result(recording: SimulatedRecording, tmp_path: Path) -> None:
    session = create_session(**sources(recording), output_dir=tmp_path / "resumed")
    run_step(session, "load_recording", sources(recording))
    for number, (name, params) in enumerate(STEPS.items()):
        path = session.checkpoint(tmp_path / "points" / f"{number}.h5")
        session = PipelineSession.load(path, lazy=number % 2 == 0)
        run_step(session, name, params)
    assert_same(session.save(), deferred(recording, tmp_path / "straight"))


def test_load_with_electrical_images_is_both_steps(recording: SimulatedRecording, tmp_path: Path) -> None:
    image = STEPS["compute_eimage_sta"]
    result = load_recording_with_eimage_sta(**sources(recording), output_dir=tmp_path / "file", **image)
    assert isinstance(result, LoadWithEImageSTAResult)
    assert 0 < result.units_with_sta <= result.num_units
    held = load_recording_with_eimage_sta(**sources(recording), **image, defer_save=True)
    assert isinstance(held, PipelineSession)
    assert held.completed_steps == {
        "load_recording",
        "compute_eimage_sta",
        "load_recording_with_eimage_sta",
    }
    stored = PipelineSession.load(result.hdf5_path)
    for unit_id, unit in held.units.items():
        np.testing.assert_array_equal(
            unit["features"]["eimage_sta"]["data"], stored.units[unit_id]["features"]["eimage_sta"]["data"]
        )


def test_flow_gives_the_result_of_its_steps(recording: SimulatedRecording, tmp_path: Path) -> None:
    options = FlowOptions(workers=1)
    result = run_flow("standard", **sources(recording), output_dir=tmp_path, options=options)
    assert result.success, result.error
    assert isinstance(result.load_result, LoadResult)
    assert isinstance(result.extraction_result, ExtractionResult)
    assert {"frif", "baseline", "on_off", "dense_noise", "cell_type"} <= set(
        result.extraction_result.features_extracted
    )
    assert set(result.steps_skipped) == {"section_by_direction"}, "there are no moving bars"
    again = run_flow("standard", **sources(recording), output_dir=tmp_path)
    assert again.steps_completed == [], "features that cannot be made are no reason to write again"
    assert again.steps_cached == result.steps_completed


def test_older_import_paths_hand_on_the_same_functions() -> None:
    import hdmea.features
    import hdmea.features.sta
    import hdmea.io.hdf5_store
    import hdmea.io.section_time
    import hdmea.io.spike_sectioning
    import hdmea.pipeline.flows
    import hdmea.pipeline.runner
    import hdmea.pipeline.session
    from hdmea import pipeline

    assert hdmea.features.sta.compute_sta is pipeline.compute_sta
    assert hdmea.features.compute_sta is pipeline.compute_sta
    assert hdmea.io.section_time.add_section_time is pipeline.add_section_time
    assert hdmea.io.section_time.add_section_time_analog is pipeline.add_section_time_analog
    assert hdmea.io.spike_sectioning.section_spike_times is pipeline.section_spike_times
    assert hdmea.io.add_section_time is pipeline.add_section_time
    assert hdmea.io.section_spike_times is pipeline.section_spike_times
    assert hdmea.pipeline.runner.load_recording is pipeline.load_recording
    assert hdmea.pipeline.runner.extract_features is pipeline.extract_features
    assert hdmea.pipeline.session.PipelineSession is pipeline.PipelineSession
    assert hdmea.pipeline.flows.run_flow is pipeline.run_flow


def test_a_recording_is_known_by_its_files_not_by_how_they_were_named(
    recording: SimulatedRecording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = step_function("load_recording")
    path = load(**sources(recording), output_dir=tmp_path).hdf5_path
    stamp = path.stat().st_mtime_ns
    monkeypatch.chdir(recording.cmcr_path.parent)
    load(recording.cmcr_path.name, recording.cmtr_path.name, output_dir=tmp_path)
    load(cmtr_path=recording.cmtr_path.name, output_dir=tmp_path)
    assert path.stat().st_mtime_ns == stamp
