"""`PipelineSession` as the requirements FR-002 … FR-008 say."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdmea.pipeline import PipelineSession, SaveState, create_session
from hdmea.pipeline.session import CompletedSteps
from hdmea.utils.exceptions import (
    CheckpointError,
    ConfigurationError,
    ExistingFileError,
    MissingInputError,
    SessionError,
    ValidationError,
)
from hdmea.utils.fixes import Advice


@pytest.fixture
def session(tmp_path: Path) -> PipelineSession:
    made = create_session("recording", output_dir=tmp_path / "results")
    made.add_units({"unit_001": {"spike_times": np.array([5, 9], np.uint64), "row": 3},
                    "unit_1002": {"spike_times": np.empty(0, np.uint64), "row": 4}})  # fmt: skip
    made.add_metadata({"acquisition_rate": np.array([20_000.0]), "sys_meta": {"program": "Control"}})
    made.add_stimulus({"section_time": {"movie": np.array([[10, 20]], np.int64)}})
    made.mark_step_complete("load_recording")
    return made


class TestCreation:
    @pytest.mark.parametrize(
        ("arguments", "expected"),
        [
            ({"dataset_id": "my recording"}, "my recording"),
            ({"cmcr_path": "a/2025.04.10-11.12.57-Rec.cmcr"}, "2025.04.10-11.12.57-Rec"),
            ({"cmtr_path": Path("a/2025.04.10-11.12.57-Rec-.cmtr")}, "2025.04.10-11.12.57-Rec"),
            ({"cmcr_path": "raw.cmcr", "cmtr_path": "sorted.cmtr"}, "sorted"),
        ],
    )
    def test_name_is_given_or_taken_from_the_files(self, arguments: dict[str, str], expected: str) -> None:
        session = create_session(**arguments)  # type: ignore[arg-type]
        assert session.dataset_id == expected
        assert session.save_state is SaveState.DEFERRED
        assert session.hdf5_path is None
        assert session.output_dir == Path("artifacts")
        assert session.default_path == Path("artifacts") / f"{expected}.h5"
        assert not session.has_unsaved_changes

    @pytest.mark.parametrize(
        "name", ["", "  ", "a/b", "a\\b", "a:b", 'a"b', "a<b", "a|b", "a?b", "a*b", ".."]
    )
    def test_names_that_cannot_be_files_are_refused(self, name: str) -> None:
        with pytest.raises(ValidationError):
            create_session(name)

    def test_nothing_given_is_refused(self) -> None:
        with pytest.raises(ValidationError, match="dataset_id"):
            create_session()

    @pytest.mark.parametrize("unit_id", ["unit_1", "unit_01", "1", "unit_abc", "Unit_001", "unit_001 ", 7])
    def test_unit_ids_have_three_digits_or_more(self, unit_id: object) -> None:
        with pytest.raises(ValidationError):
            create_session("x").add_units({unit_id: {}})  # type: ignore[dict-item]
        with pytest.raises(ValidationError):
            PipelineSession("x", units={unit_id: {}})


class TestContent:
    def test_adding_merges_dictionaries_and_replaces_values(self, session: PipelineSession) -> None:
        session.add_stimulus({"section_time": {"other": np.zeros((1, 2))}})
        session.add_units({"unit_001": {"col": 8}})
        assert set(session.stimulus["section_time"]) == {"movie", "other"}
        assert session.units["unit_001"]["row"] == 3
        assert session.units["unit_001"]["col"] == 8
        assert session.unit_count == 2

    def test_feature_of_unknown_unit_is_a_key_error(self, session: PipelineSession) -> None:
        session.add_feature("unit_001", "frif", np.ones(3), {"version": "1"})
        assert session.units["unit_001"]["features"]["frif"]["metadata"] == {"version": "1"}
        with pytest.raises(KeyError, match="unit_777"):
            session.add_feature("unit_777", "frif", np.ones(3))

    def test_require_says_what_to_do(self, session: PipelineSession) -> None:
        assert session.acquisition_rate == 20_000.0
        with pytest.raises(MissingInputError, match=r"frame_timestamps\. Run the light step\."):
            session.require("metadata", "frame_timestamps", fix=Advice("Run the light step."))
        with pytest.raises(MissingInputError, match="load_recording"):
            _ = create_session("x").duration_s

    def test_memory_counts_at_any_depth(self, session: PipelineSession) -> None:
        before = session.memory_estimate_gb
        session.add_feature("unit_001", "deep", {"a": {"b": [np.zeros(1_000_000)]}})
        assert session.memory_estimate_gb - before == pytest.approx(0.008, rel=0.01)

    def test_every_kind_of_change_is_noticed(self, session: PipelineSession) -> None:
        session.save()
        assert not session.has_unsaved_changes
        changes = [
            lambda: session.add_units({"unit_001": {"row": 5}}),
            lambda: session.add_metadata({"note": "x"}),
            lambda: session.add_stimulus({"light": np.zeros(2)}),
            lambda: session.add_feature("unit_001", "f", 1.0),
            lambda: session.mark_step_complete("other"),
            lambda: session.set_source_files(cmcr_path="x.cmcr"),
            lambda: session.units["unit_001"].update(spike_times=np.array([1], np.uint64)),
            lambda: session.stimulus["section_time"].pop("movie"),
        ]
        for change in changes:
            change()
            assert session.has_unsaved_changes
            assert session.is_saved
            session.save()
            assert not session.has_unsaved_changes


class TestFiles:
    def test_nothing_appears_before_save_and_one_file_after(self, session: PipelineSession) -> None:
        assert not session.output_dir.exists()
        path = session.save()
        assert path == session.output_dir / "recording.h5"
        assert [item.name for item in session.output_dir.iterdir() if item.suffix == ".h5"] == [
            "recording.h5"
        ]
        assert session.is_saved
        assert session.hdf5_path == path

    def test_existing_file_is_replaced_with_a_warning_or_refused(
        self, session: PipelineSession, caplog: pytest.LogCaptureFixture
    ) -> None:
        path = session.save()
        session.save()
        assert f"Overwriting existing file {path}" in caplog.text
        with pytest.raises(FileExistsError):
            session.save(path, overwrite=False)
        with pytest.raises(FileExistsError):
            session.checkpoint(path, overwrite=False)

    def test_checkpoint_leaves_the_session_deferred_and_restores_all(
        self, session: PipelineSession, tmp_path: Path
    ) -> None:
        session.warnings.append("a frame was lost at 3 s")
        session.mark_step_complete("add_section_time")
        path = session.checkpoint(tmp_path / "points" / "after.h5", checkpoint_name="after sections")
        assert session.is_deferred
        assert session.has_unsaved_changes

        again = PipelineSession.load(path)
        assert again.is_deferred
        assert again.hdf5_path is None
        assert again.checkpoint_name == "after sections"
        assert again.output_dir == session.output_dir
        assert again.warnings == session.warnings
        assert list(again.completed_steps) == ["load_recording", "add_section_time"]
        assert not again.has_unsaved_changes
        assert list(again.units) == ["unit_001", "unit_1002"]
        restored = again.units["unit_001"]["spike_times"]
        assert restored.dtype == np.uint64
        np.testing.assert_array_equal(restored, [5, 9])
        assert again.units["unit_1002"]["spike_times"].shape == (0,)
        assert again.metadata["sys_meta"] == {"program": "Control"}

        written = path.read_bytes()
        again.save()
        assert path.read_bytes() == written, "save goes to the default path, never over the checkpoint"
        assert again.hdf5_path == session.output_dir / "recording.h5"

    def test_saved_result_loads_as_saved(self, session: PipelineSession) -> None:
        path = session.save()
        again = PipelineSession.load(path, lazy=True)
        assert again.is_saved
        assert again.hdf5_path == path
        assert again.checkpoint_name is None
        assert again.units["unit_001"]["spike_times"].sum() == 14
        assert not again.has_unsaved_changes, "reading on first use is no change"
        again.units["unit_001"]["spike_times"] = np.array([1], np.uint64)
        assert again.has_unsaved_changes

    @pytest.mark.parametrize("lazy", [False, True])
    def test_what_an_update_does_not_write_stays_unsaved(self, session: PipelineSession, lazy: bool) -> None:
        session.add_feature("unit_001", "x", np.arange(3))
        path = session.save()
        session = PipelineSession.load(path, lazy=lazy)
        feature = ("units", "unit_001", "features", "x")
        session.units["unit_001"]["features"]["x"] = {"data": np.arange(4), "metadata": {"n": 1}}
        session.metadata["note"] = "new"

        session.write_changes(path, [feature])
        assert session.has_unsaved_changes
        assert session.unsaved_changes().values == {"metadata": {"note": "new"}}
        del session.units["unit_001"]["features"]["x"]
        session.write_changes(path, [feature, ("metadata", "note")])

        assert not session.has_unsaved_changes
        again = PipelineSession.load(path)
        assert "x" not in again.units["unit_001"]["features"]
        assert again.metadata["note"] == "new"

    def test_missing_and_foreign_files(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            PipelineSession.load(tmp_path / "nonexistent.h5")
        (tmp_path / "text.h5").write_text("no HDF5")
        with pytest.raises(CheckpointError):
            PipelineSession.load(tmp_path / "text.h5")
        assert issubclass(CheckpointError, ValueError)

    def test_a_value_that_cannot_be_stored_is_named_and_nothing_changes(
        self, session: PipelineSession
    ) -> None:
        path = session.save()
        before = path.read_bytes()
        session.add_feature("unit_001", "strange", {"value": object()})
        with pytest.raises(ValidationError, match=r"units/unit_001/features/strange"):
            session.save()
        assert path.read_bytes() == before
        assert session.has_unsaved_changes

    def test_ensure_saved_warns_once_and_protects_other_recordings(
        self, session: PipelineSession, caplog: pytest.LogCaptureFixture
    ) -> None:
        other = create_session("other", output_dir=session.output_dir)
        other.save(session.default_path)
        with pytest.raises(FileExistsError, match="'other', not 'recording'"):
            session.ensure_saved()
        assert PipelineSession.load(session.default_path).dataset_id == "other"
        path = session.ensure_saved(session.output_dir / "mine.h5")
        assert "Auto-saving deferred session to" in caplog.text
        caplog.clear()
        assert session.ensure_saved() == path
        assert "Auto-saving" not in caplog.text

    def test_stopping_a_save_keeps_the_old_file(self, session: PipelineSession) -> None:
        path = session.save()
        before = path.read_bytes()
        session.add_metadata({"more": np.zeros(10)})

        def stop(fraction: float, text: str) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            session.save(progress=stop)
        assert path.read_bytes() == before
        assert session.has_unsaved_changes
        assert [item for item in path.parent.iterdir() if ".tmp" in item.name] == []


class TestCompletedSteps:
    def test_is_a_set_with_a_memory(self) -> None:
        steps = CompletedSteps(["load_recording", "b", "a"])
        assert steps == {"a", "b", "load_recording"}
        assert {"a", "b", "load_recording"} == steps
        assert list(steps) == ["load_recording", "b", "a"]
        assert repr(CompletedSteps(["load_recording"])) == "{'load_recording'}"
        assert repr(CompletedSteps()) == repr(set())
        steps.add("b")
        assert list(steps) == ["load_recording", "a", "b"]
        steps.discard("a")
        steps.remove("b")
        assert list(steps) == ["load_recording"]
        assert isinstance(steps, set)
        assert list(pickle.loads(pickle.dumps(CompletedSteps(["z", "y"])))) == ["z", "y"]
        steps.update(["c"], ["b"])
        assert list(steps.copy()) == ["load_recording", "c", "b"]


def test_a_layout_that_does_not_exist_is_refused_by_its_name(tmp_path: Path) -> None:
    session = create_session("rec", output_dir=tmp_path)

    with pytest.raises(ConfigurationError, match="'labb'") as caught:
        session.save(layout="labb")

    assert caught.value.parameter == "layout"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("unit_id", ["unit_x000", "a", "", "unit_1", "x/y", "unit_\ud800", 3])
@pytest.mark.parametrize("layout", ["columns", "lab"])
def test_what_cannot_be_loaded_is_not_saved(tmp_path: Path, unit_id: Any, layout: str) -> None:
    session = PipelineSession("x", output_dir=tmp_path)
    session.units[unit_id] = {"spike_times": np.arange(3, dtype=np.uint64)}
    for write in (lambda: session.save(layout=layout), lambda: session.checkpoint(tmp_path / "c.h5")):
        with pytest.raises(ValidationError, match="Unit id"):
            write()
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_not_replaced_unless_the_session_was_opened_through_it(tmp_path: Path) -> None:
    PipelineSession("x").save(tmp_path / "x.h5")
    (tmp_path / "notes.txt").write_text("precious")
    link, foreign = tmp_path / "link.h5", tmp_path / "foreign.h5"
    link.symlink_to("x.h5")
    foreign.symlink_to("notes.txt")
    opened = PipelineSession.load(link)
    opened.add_metadata({"new": 1})
    opened.save()
    assert link.is_symlink()
    assert PipelineSession.load(tmp_path / "x.h5").metadata["new"] == 1
    for session, path in ((opened, foreign), (PipelineSession("x"), link)):
        with pytest.raises(SessionError, match="is a link"):
            session.save(path)
    link.unlink()
    link.symlink_to("notes.txt")
    with pytest.raises(ExistingFileError, match="was replaced by another file"):
        opened.save()
    with pytest.raises(SessionError, match="is a link"):
        opened.save(overwrite="other")
    assert (tmp_path / "notes.txt").read_text() == "precious"
