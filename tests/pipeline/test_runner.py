"""A step is a transaction, declared once; results are kept, conflicting ones refused, dependents stale."""

from __future__ import annotations

import inspect
import threading
from pathlib import Path

import numpy as np
import pytest

from hdmea.pipeline import PipelineSession, create_session, get_step, run_step
from hdmea.pipeline.calls import step_function
from hdmea.pipeline.context import ProgressEvent
from hdmea.pipeline.provenance import stale_because
from hdmea.utils.exceptions import (
    CacheConflictError,
    ConfigurationError,
    MissingInputError,
    SessionError,
    StepCancelled,
    ValidationError,
)

pytestmark = pytest.mark.usefixtures("toys")


@pytest.fixture
def session() -> PipelineSession:
    made = create_session("toy")
    run_step(made, "toy_load")
    return made


def _snapshot(session: PipelineSession) -> str:
    return repr((session.units, session.metadata, session.stimulus, session.steps, session.warnings,
                 list(session.completed_steps)))  # fmt: skip


def test_outputs_are_committed_with_provenance(session: PipelineSession) -> None:
    run = run_step(session, "toy_scale", {"factor": 3})

    entry = session.units["unit_002"]["features"]["scaled"]
    np.testing.assert_array_equal(entry["data"], np.arange(10) * 3)
    assert run.outcome == "scaled"
    assert list(session.completed_steps) == ["toy_load", "toy_scale"]
    step = session.steps["toy_scale"]
    assert step.params["factor"] == 3
    assert step.version == "1"
    assert step.stale is False
    assert entry["metadata"]["feature"] == "scaled"
    assert entry["metadata"]["stale"] is False
    assert session.warnings == ["scaled by 3"]


def test_failure_leaves_the_session_as_it_was(session: PipelineSession) -> None:
    before = _snapshot(session)
    with pytest.raises(RuntimeError, match="asked to fail"):
        run_step(session, "toy_scale", {"fail_at": 1})
    assert _snapshot(session) == before


def test_cancel_leaves_the_session_as_it_was(session: PipelineSession) -> None:
    before = _snapshot(session)
    stop = threading.Event()

    def on_progress(event: ProgressEvent) -> None:
        if event.text == "unit_001":
            stop.set()

    with pytest.raises(StepCancelled):
        run_step(session, "toy_scale", progress=on_progress, cancel=stop)
    assert _snapshot(session) == before


def test_cancel_after_the_last_report_still_leaves_the_session(session: PipelineSession) -> None:
    before = _snapshot(session)
    stop = threading.Event()

    class StopAtTheEnd:
        asked = 0

        def is_set(self) -> bool:
            self.asked += 1
            return self.asked > session.unit_count + 1  # the start, one report per unit, then the end

    with pytest.raises(StepCancelled):
        run_step(session, "toy_scale", cancel=StopAtTheEnd())
    assert not stop.is_set()
    assert _snapshot(session) == before


def test_progress_runs_from_zero_to_one(session: PipelineSession) -> None:
    events: list[ProgressEvent] = []
    run_step(session, "toy_scale", progress=events.append)
    fractions = [event.fraction for event in events]
    assert fractions[0] == 0
    assert fractions[-1] == 1
    assert fractions == sorted(fractions)
    assert {event.step for event in events} == {"toy_scale"}


def test_missing_prerequisite_names_the_step_to_run() -> None:
    with pytest.raises(MissingInputError, match=r"“Toy scale” needs “Toy load”\. Run toy_load first"):
        run_step(create_session("empty"), "toy_scale")


def test_same_request_is_kept(session: PipelineSession) -> None:
    run_step(session, "toy_scale", {"factor": 3})
    again = run_step(session, "toy_scale", {"factor": 3, "threads": 2})  # threads do not decide the result
    assert again.cached
    assert again.outcome is None


def test_other_parameters_conflict_unless_forced(session: PipelineSession) -> None:
    run_step(session, "toy_scale", {"factor": 3})
    with pytest.raises(CacheConflictError, match=r"“Factor” was 3, but 4 is requested\. Pass force=True"):
        run_step(session, "toy_scale", {"factor": 4})
    assert issubclass(CacheConflictError, FileExistsError)
    run_step(session, "toy_scale", {"factor": 4}, force=True)
    assert session.units["unit_001"]["features"]["scaled"]["data"][1] == 4


def test_rerun_marks_dependents_stale_and_a_stale_step_runs_again(session: PipelineSession) -> None:
    run_step(session, "toy_scale")
    run_step(session, "toy_parts")
    run_step(session, "toy_load", {"n_units": 2}, force=True)

    assert session.steps["toy_scale"].stale is True
    assert session.steps["toy_scale"].items[""].changed_step == "toy_load"
    assert stale_because(session.steps["toy_scale"]).startswith("Toy load ran again at ")
    assert session.steps["toy_parts"].stale is True
    assert session.units["unit_001"]["features"]["scaled"]["metadata"]["stale"] is True

    run = run_step(session, "toy_scale", {"factor": 5})  # stale: no conflict
    assert not run.cached
    assert session.steps["toy_scale"].stale is False
    assert session.units["unit_001"]["features"]["scaled"]["metadata"]["stale"] is False


def test_rerun_that_gives_the_same_makes_nothing_stale(session: PipelineSession) -> None:
    run_step(session, "toy_scale")
    run_step(session, "toy_parts")
    run = run_step(session, "toy_load", force=True)
    assert not run.cached
    assert not session.steps["toy_scale"].stale
    assert stale_because(session.steps["toy_scale"]) == ""
    session.units["unit_001"]["spike_times"] = session.units["unit_001"]["spike_times"].astype("int32")
    run_step(session, "toy_load", force=True)
    assert session.steps["toy_scale"].stale, "another type is another value"


def test_first_run_of_an_input_does_not_mark_what_did_without_it(session: PipelineSession) -> None:
    run_step(session, "toy_parts")
    run_step(session, "toy_scale")
    assert session.steps["toy_parts"].stale is False


def test_warnings_that_a_rerun_disproves_are_gone(session: PipelineSession) -> None:
    session.warnings.append("scaled by hand")
    run_step(session, "toy_scale", {"factor": 3})
    run_step(session, "toy_scale", {"factor": 4}, force=True)
    assert session.warnings == ["scaled by hand", "scaled by 4"]
    assert session.steps["toy_scale"].warnings == ("scaled by 4",)


def test_items_are_cached_one_by_one(session: PipelineSession) -> None:
    run_step(session, "toy_parts", {"parts": ("a", "b")})
    run = run_step(session, "toy_parts", {"parts": ("b", "ccc")})
    assert run.items == ("ccc",)
    assert run.cached_items == ("b",)
    assert session.stimulus["parts"] == {"a": 1, "b": 1, "ccc": 3}
    with pytest.raises(CacheConflictError, match=r"\(a\)"):
        run_step(session, "toy_parts", {"parts": ("a",), "offset": 1})


def test_reload_forgets_units_that_are_gone_and_keeps_results_of_the_others(session: PipelineSession) -> None:
    run_step(session, "toy_scale")
    run_step(session, "toy_load", {"n_units": 2}, force=True)
    assert list(session.units) == ["unit_001", "unit_002"]
    assert "scaled" in session.units["unit_001"]["features"]


def test_wrong_parameters_are_explained(session: PipelineSession) -> None:
    with pytest.raises(ValidationError, match=r"factor of toy_scale must be at least 1"):
        run_step(session, "toy_scale", {"factor": 0})
    with pytest.raises(ValidationError, match="facto of toy_scale is not known; known are factor"):
        run_step(session, "toy_scale", {"facto": 1})


def test_unknown_step_suggests_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match="Did you mean 'toy_scale'"):
        get_step("toy_scal")


def test_public_function_has_a_real_signature_and_docstring() -> None:
    public = step_function("toy_scale")
    signature = inspect.signature(public)
    assert list(signature.parameters) == [
        "hdf5_path", "factor", "fail_at", "force", "session", "defer_save", "layout", "threads",
    ]  # fmt: skip
    assert signature.parameters["factor"].default == 2
    assert signature.parameters["factor"].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    assert signature.parameters["fail_at"].kind is inspect.Parameter.KEYWORD_ONLY
    documentation = inspect.getdoc(public) or ""
    assert "What to multiply by." in documentation
    assert documentation.index("Parameters") < documentation.index("Raises")


def test_session_argument_returns_that_session(session: PipelineSession) -> None:
    assert step_function("toy_scale")(session=session) is session


def test_no_target_explains_both_ways() -> None:
    with pytest.raises(MissingInputError, match=r"hdf5_path.* session"):
        step_function("toy_scale")()


def test_path_and_session_together_are_refused(session: PipelineSession) -> None:
    with pytest.raises(SessionError, match="not on both"):
        step_function("toy_scale")("somewhere.h5", session=session)


def test_other_dataset_id_than_the_sessions_is_refused(session: PipelineSession) -> None:
    with pytest.raises(SessionError, match="'toy', not 'other'"):
        step_function("toy_load")(dataset_id="other", session=session)


class TestOnFiles:
    """The same steps on files: written when the call returns, kept, refused, deferred."""

    def test_immediate_calls_write_and_return_results(self, tmp_path: Path) -> None:
        loaded = step_function("toy_load")(dataset_id="toy", output_dir=tmp_path)
        assert loaded["path"] == tmp_path / "toy.h5"
        scaled = step_function("toy_scale")(loaded["path"], 3)
        assert scaled["outcome"] == "scaled"
        session = PipelineSession.load(loaded["path"])
        assert session.is_saved
        np.testing.assert_array_equal(
            session.units["unit_003"]["features"]["scaled"]["data"], np.arange(10) * 3
        )
        assert list(session.completed_steps) == ["toy_load", "toy_scale"]

    def test_failure_leaves_the_file_byte_for_byte(self, tmp_path: Path) -> None:
        path = step_function("toy_load")(dataset_id="toy", output_dir=tmp_path)["path"]
        before = path.read_bytes()
        with pytest.raises(RuntimeError):
            step_function("toy_scale")(path, fail_at=1)
        assert path.read_bytes() == before
        assert [item.name for item in tmp_path.glob("*.h5*") if item.suffix == ".h5"] == ["toy.h5"]

    def test_an_empty_name_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ValidationError, match="must not be empty"):
            step_function("toy_load")(dataset_id="", cmcr_path="x.cmcr", output_dir=tmp_path)

    def test_second_load_is_kept_and_other_parameters_conflict(self, tmp_path: Path) -> None:
        load = step_function("toy_load")
        path = load(dataset_id="toy", output_dir=tmp_path)["path"]
        stamp = path.stat().st_mtime_ns
        assert load(dataset_id="toy", output_dir=tmp_path)["cached"]
        assert path.stat().st_mtime_ns == stamp
        with pytest.raises(CacheConflictError):
            load(dataset_id="toy", output_dir=tmp_path, n_units=5)
        assert PipelineSession.load(path).unit_count == 3
        load(dataset_id="toy", output_dir=tmp_path, n_units=5, allow_overwrite=True)
        assert PipelineSession.load(path).unit_count == 5
        load(dataset_id="toy", output_dir=tmp_path, config={"n_units": 4}, force=True)
        assert PipelineSession.load(path).unit_count == 4

    def test_a_file_of_something_else_is_never_replaced_silently(self, tmp_path: Path) -> None:
        (tmp_path / "toy.h5").write_bytes(b"notes of a colleague")
        with pytest.raises(FileExistsError, match="no result of this program"):
            step_function("toy_load")(dataset_id="toy", output_dir=tmp_path, force=True)
        assert (tmp_path / "toy.h5").read_bytes() == b"notes of a colleague"

    def test_defer_save_returns_a_session_and_writes_nothing(self, tmp_path: Path) -> None:
        session = step_function("toy_load")(dataset_id="toy", output_dir=tmp_path, defer_save=True)
        assert session.is_deferred
        assert list(tmp_path.iterdir()) == []
        path = session.save()
        stamp = path.read_bytes()
        held = step_function("toy_scale")(path, defer_save=True)
        assert held.is_deferred
        assert held.hdf5_path is None
        assert "toy_scale" in held.completed_steps
        assert path.read_bytes() == stamp

    def test_a_deferred_session_in_place_of_a_path_is_saved_first(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        session = step_function("toy_load")(dataset_id="toy", output_dir=tmp_path, defer_save=True)
        result = step_function("toy_scale")(hdf5_path=session)
        assert "Auto-saving deferred session to" in caplog.text
        assert session.is_saved
        assert not session.has_unsaved_changes
        assert result["path"] == session.hdf5_path == tmp_path / "toy.h5"
        assert "toy_scale" in PipelineSession.load(result["path"]).completed_steps
        assert "toy_scale" in session.completed_steps

    def test_stale_marks_reach_the_file(self, tmp_path: Path) -> None:
        path = step_function("toy_load")(dataset_id="toy", output_dir=tmp_path)["path"]
        step_function("toy_scale")(path)
        step_function("toy_parts")(path)
        step_function("toy_scale")(path, 7, force=True)
        session = PipelineSession.load(path)
        assert session.steps["toy_parts"].stale is True
        assert session.steps["toy_scale"].stale is False


def test_results_are_kept_where_earlier_ones_cannot_be_read_to_compare(
    session: PipelineSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_step(session, "toy_scale")

    def fail(*_args: object) -> bool:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("hdmea.pipeline.run._is_there", fail)
    run = run_step(session, "toy_load", {"n_units": 3}, force=True)
    assert not run.cached
    assert session.steps["toy_scale"].stale, "nobody knows that nothing changed"
