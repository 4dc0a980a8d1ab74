"""Flows: named recipes; what was computed before a failure is kept."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from hdmea.declare import get_step
from hdmea.pipeline import PipelineSession, create_session, list_available_flows, run_flow
from hdmea.pipeline.context import ProgressEvent
from hdmea.pipeline.flows import FlowOptions, execute_flow, load_flow, waiting_for_stimulus
from hdmea.pipeline.results import FlowResult
from hdmea.utils.exceptions import ConfigurationError, StepCancelled, ValidationError
from hdmea.utils.notices import Notice


@pytest.fixture
def config(tmp_path: Path, toys: None) -> Path:
    def write(name: str, *steps: dict[str, Any]) -> None:
        text = json.dumps({"name": name, "steps": list(steps)})
        (tmp_path / "config" / "flows" / f"{name}.json").write_text(text, encoding="utf-8")

    (tmp_path / "config" / "flows").mkdir(parents=True)
    write("good", {"step": "toy_load"}, {"step": "toy_scale"}, {"step": "toy_parts"})
    write(
        "fails", {"step": "toy_load"}, {"step": "toy_scale", "params": {"fail_at": 1}}, {"step": "toy_parts"}
    )
    write("lacking", {"step": "toy_scale", "optional": True}, {"step": "toy_load"})
    write("needs", {"step": "toy_scale"})
    write("typo", {"step": "toy_laod"})
    return tmp_path / "config"


def test_shipped_flows_name_known_steps() -> None:
    assert {"standard", "quick"} <= set(list_available_flows())
    for name in ("standard", "quick"):
        flow = load_flow(name)
        for item in flow.steps:
            get_step(item.step).make_params(item.params)
    assert "compute_eimage_sta" not in [item.step for item in load_flow("quick").steps]


def test_a_flow_takes_what_is_registered_unless_it_says_otherwise(config: Path) -> None:
    steps = [{"step": "toy_load"}, {"step": "toy_parts", "params": {"offset": 2}}]
    own: dict[str, Any] = {"name": "own", "steps": steps, "others": True, "exclude": ["fit_lnl", "frif"]}
    (config / "flows" / "own.json").write_text(json.dumps(own), encoding="utf-8")

    flow = load_flow("own", config)

    names = [item.step for item in flow.steps]
    assert names.index("toy_load") < names.index("toy_scale") < names.index("toy_parts")
    assert "fit_lnl" not in names
    assert "load_recording" not in names, "what starts a recording is not added"
    assert "add_section_time_analog" not in names, "what needs a value from the user is not added"
    assert next(item for item in flow.steps if item.step == "toy_parts").params == {"offset": 2}
    features = next(item for item in flow.steps if item.step == "extract_features").params["features"]
    assert {"baseline", "cell_type"} <= set(features)
    assert "frif" not in features
    assert [item.step for item in load_flow("good", config).steps] == ["toy_load", "toy_scale", "toy_parts"]


def test_flow_is_written_once_at_its_end(config: Path, tmp_path: Path) -> None:
    result = run_flow("good", dataset_id="toy", output_dir=tmp_path / "out", config_dir=config)
    assert result.success
    assert result.hdf5_path == tmp_path / "out" / "toy.h5"
    assert result.steps_completed == ["toy_load", "toy_scale", "toy_parts"]
    assert result.results["toy_scale"]["path"] == result.hdf5_path
    assert result.load_result["outcome"] == 3  # type: ignore[index]
    assert list(PipelineSession.load(result.hdf5_path).completed_steps) == result.steps_completed


def test_second_run_keeps_everything(config: Path, tmp_path: Path) -> None:
    path = run_flow("good", dataset_id="toy", output_dir=tmp_path, config_dir=config).hdf5_path
    assert path is not None
    stamp = path.stat().st_mtime_ns
    again = run_flow("good", dataset_id="toy", output_dir=tmp_path, config_dir=config)
    assert again.steps_cached == ["toy_load", "toy_scale", "toy_parts"]
    assert again.hdf5_path == path
    assert path.stat().st_mtime_ns == stamp


def test_failure_keeps_what_was_computed(config: Path, tmp_path: Path) -> None:
    result = run_flow("fails", dataset_id="toy", output_dir=tmp_path, config_dir=config)
    assert not result.success
    assert result.failed_step == "toy_scale"
    assert isinstance(result.error, RuntimeError)
    assert result.hdf5_path is not None
    assert list(PipelineSession.load(result.hdf5_path).completed_steps) == ["toy_load"]


def test_what_is_missing_is_left_out_or_fails(config: Path) -> None:
    session = create_session("toy")
    result = run_flow("lacking", config_dir=config, session=session)
    assert result.success
    assert result.hdf5_path is None
    assert list(result.steps_skipped) == ["toy_scale"]
    assert "Toy load" in result.steps_skipped["toy_scale"]
    assert waiting_for_stimulus(result) == []
    assert not run_flow("needs", config_dir=config, session=create_session("toy")).success


def test_what_waits_for_the_stimulus_is_what_needs_sections() -> None:
    skipped: dict[str, str] = {
        name: Notice("") for name in ("compute_sta", "fit_lnl", "section_by_direction")
    }
    result = FlowResult(None, None, None, success=True, flow_name="standard")

    result.steps_skipped = dict(skipped)
    assert waiting_for_stimulus(result) == []  # There are sections, but none of noise.

    result.steps_skipped = {"add_section_time": Notice(""), **skipped}
    assert waiting_for_stimulus(result) == ["add_section_time", "compute_sta", "fit_lnl"]

    names = ("add_section_time", "section_spike_times", "section_by_direction")
    result.steps_skipped = {name: Notice("") for name in names}
    assert waiting_for_stimulus(result) == list(names)  # Trials come from sections.


def test_cancel_writes_no_file(config: Path, tmp_path: Path) -> None:
    stop = threading.Event()

    def on_progress(event: ProgressEvent) -> None:
        if event.step == "toy_scale":
            stop.set()

    with pytest.raises(StepCancelled):
        run_flow(
            "good", dataset_id="toy", output_dir=tmp_path / "out", config_dir=config,
            options=FlowOptions(progress=on_progress, cancel=stop),
        )  # fmt: skip
    assert list((tmp_path / "out").glob("*.h5")) == []


def test_parameters_can_be_set_by_step(config: Path) -> None:
    session = create_session("toy")
    flow = load_flow("good", config).with_parameters({"toy_scale": {"factor": 9}})
    assert execute_flow(session, flow).success
    assert session.units["unit_001"]["features"]["scaled"]["data"][1] == 9
    with pytest.raises(ConfigurationError, match="has no step nothing"):
        flow.with_parameters({"nothing": {}})
    wrong = execute_flow(create_session("toy"), flow.with_parameters({"toy_scale": {"factor": 0}}))
    assert isinstance(wrong.error, ValidationError)


def test_unknown_and_broken_flows_are_explained(config: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"Choose one of .*good.*standard"):
        load_flow("unheard", config)
    with pytest.raises(ConfigurationError, match="Did you mean 'toy_load'"):
        load_flow("typo", config)
    (config / "flows" / "broken.json").write_text("{", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"broken\.json is not JSON text"):
        load_flow("broken", config)
    assert load_flow(config / "flows" / "good.json").name == "good"


def test_a_step_after_a_skipped_one_does_not_advise_to_run_that(shared_data: Path) -> None:
    session = create_session(
        None, *(shared_data / "variants" / "no_aux" / f"no_aux.{x}" for x in ("cmcr", "cmtr"))
    )

    result = run_flow("standard", session=session)

    assert "There are no section times." in result.steps_skipped["section_spike_times"]
    assert "section_spike_times" not in result.steps_skipped["section_by_direction"]
    assert "add_section_time" not in result.steps_skipped["section_spike_times"]
    assert "cmcr" in result.steps_skipped["add_section_time"]
