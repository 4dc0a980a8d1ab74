"""Types at the front door: the stub, the signatures and the type hints of the public functions agree."""

from __future__ import annotations

import inspect
import subprocess
import sys
import typing
from pathlib import Path

import pytest

import hdmea.pipeline
from hdmea.declare import all_steps
from hdmea.pipeline.stub import PATH, stub

ROOT = Path(__file__).resolve().parents[2]

RIGHT = """
from hdmea.pipeline import PipelineSession, STAResult, compute_sta, extract_features, load_recording

session: PipelineSession = load_recording("a.cmcr", "a.cmtr", defer_save=True)
session = compute_sta(session=session, cover_range=[-40, 0], movie_name=None)
session = extract_features(features=["frif", "baseline"], session=session)
result: STAResult = compute_sta("a.h5", force=True)
count: int = load_recording("a.cmcr").num_units
"""
WRONG = {
    "load_recording(cmcr_pth=3)": "call-overload",
    "load_recording('a.cmcr', session=3)": "call-overload",
    "compute_sta('a.h5', cover_range='ten')": "arg-type",
    "compute_sta('a.h5').save()": "attr-defined",
    "compute_spikes('a.h5')": "name-defined",
}


def formatted(text: str) -> str:
    for command in (["check", "--select", "I", "--fix", "--quiet"], ["format"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "-", "--stdin-filename", str(PATH)],
            input=text,
            capture_output=True,
            text=True,
            encoding="utf-8",
            cwd=ROOT,
            check=True,
        )
        text = done.stdout
    return text


def test_the_stub_is_current() -> None:
    current = PATH.read_text(encoding="utf-8")
    assert current == formatted(stub()), (
        "python -m hdmea.pipeline.stub, then ruff check --fix and ruff format"
    )


@pytest.mark.parametrize("name", sorted(all_steps()))
def test_signature_and_type_hints_say_the_same(name: str) -> None:
    function = getattr(hdmea.pipeline, name)
    signature = inspect.signature(function)
    hints = typing.get_type_hints(function)

    assert {one: parameter.annotation for one, parameter in signature.parameters.items()} | {
        "return": signature.return_annotation
    } == hints
    assert {"force", "session", "defer_save"} <= set(signature.parameters)
    assert inspect.Parameter.empty not in hints.values()
    assert all(f"\n{one}" in function.__doc__ for one in signature.parameters)


def test_a_type_checker_takes_what_is_right_and_refuses_what_is_wrong(tmp_path: Path) -> None:
    right, wrong = tmp_path / "right.py", tmp_path / "wrong.py"
    right.write_text(RIGHT, encoding="utf-8")
    wrong.write_text(
        "from hdmea.pipeline import compute_sta, load_recording\n\n" + "\n".join(WRONG) + "\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--config-file",
            str(ROOT / "pyproject.toml"),
            right,
            wrong,
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    found = [line for line in done.stdout.splitlines() if "error:" in line]
    assert len(found) == len(WRONG), done.stdout + done.stderr
    for line, code in zip(found, WRONG.values(), strict=True):
        assert "wrong.py" in line
        assert f"[{code}]" in line


@pytest.mark.parametrize(
    ("function", "name", "default"),
    [
        ("load_recording", "frame_correction", False),
        ("load_recording", "drop_duplicates", None),
        ("load_recording_with_eimage_sta", "drop_duplicates", None),
        ("add_section_time", "reanchor", None),
        ("add_section_time", "align", "none"),
        ("add_section_time", "stimuli_path", None),
        ("add_section_time", "light_delay", "none"),
        ("compute_eimage_sta", "bad_electrodes", None),
        ("compute_eimage_sta", "min_spikes", 5),
        ("compute_eimage_sta", "min_image_snr", 10.0),
        ("load_recording_with_eimage_sta", "bad_electrodes", None),
        ("load_recording_with_eimage_sta", "min_spikes", 5),
        ("load_recording_with_eimage_sta", "min_image_snr", 10.0),
    ],
)
def test_newer_parameters_are_keywords_behind_the_older_ones(
    function: str, name: str, default: object
) -> None:
    parameters = inspect.signature(getattr(hdmea.pipeline, function)).parameters

    assert parameters[name].kind is inspect.Parameter.KEYWORD_ONLY
    assert parameters[name].default == default
    assert list(parameters).index(name) > list(parameters).index("session")
