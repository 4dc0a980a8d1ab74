"""What stands around the code: workflows, templates, citation. It is read by others, so it must be right."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from hdmea._version import __version__
from hdmea.utils.citation import AUTHORS, TITLE

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = [
    form for form in sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")) if form.stem != "config"
]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def lines_that_run(workflow: Path) -> list[str]:
    steps = [step for job in read(workflow)["jobs"].values() for step in job.get("steps", [])]
    return [line for step in steps for line in step.get("run", "").splitlines()]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_call_commands_and_files_that_exist(workflow: Path) -> None:
    run = "\n".join(lines_that_run(workflow))
    script = (ROOT / "run.py").read_text(encoding="utf-8")
    commands = set(re.findall(r'^    "(\w+)": ', script, re.MULTILINE))
    assert set(re.findall(r"run\.py (\w+)", run)) <= commands
    for name in re.findall(r"\b((?:installer|tests)/[\w/]+\.(?:py|sh))", run):
        assert (ROOT / name).is_file(), name


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_install_extras_that_exist(workflow: Path) -> None:
    named = re.findall(r'-e "\.\[([\w,]+)\]"', "\n".join(lines_that_run(workflow)))
    extras = {extra for names in named for extra in names.split(",")}
    assert extras <= set(PROJECT["optional-dependencies"])


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_may_only_read_unless_one_job_needs_more(workflow: Path) -> None:
    assert read(workflow)["permissions"] == {"contents": "read"}


def test_tests_run_on_every_system_with_every_python_of_the_project() -> None:
    matrix = read(ROOT / ".github" / "workflows" / "checks.yml")["jobs"]["tests"]["strategy"]["matrix"]
    classifiers = re.findall(r"Python :: (3\.\d+)", " ".join(PROJECT["classifiers"]))
    assert matrix["python"] == classifiers == ["3.11", "3.12", "3.13", "3.14"]
    assert [name.split("-")[0] for name in matrix["system"]] == ["ubuntu", "windows", "macos"]


@pytest.mark.parametrize(
    "form", [form for form in FORMS if form.stem != "config"], ids=lambda path: path.stem
)
def test_issue_forms_ask_with_labels_and_ids_of_their_own(form: Path) -> None:
    content = read(form)
    asked = [field for field in content["body"] if field["type"] != "markdown"]
    assert content["name"]
    assert content["description"]
    assert all(field["attributes"]["label"] for field in asked)
    assert len({field["id"] for field in asked}) == len(asked)


def test_the_citation_is_of_this_version_and_licence() -> None:
    citation = read(ROOT / "CITATION.cff")
    assert citation["version"] == __version__
    assert citation["license"] == PROJECT["license"]
    assert (citation["title"], citation["authors"]) == (TITLE, [{"name": AUTHORS}])
    assert {"cff-version", "message", "title", "authors", "type"} <= set(citation)


def test_a_skipped_test_can_be_made_a_failure(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from tests.conftest import pytest_addoption, pytest_runtest_makereport\n"
    )
    (tmp_path / "test_one.py").write_text(
        "import pytest\n"
        "def test_skips(): pytest.skip('not installed')\n"
        "@pytest.mark.xfail\n"
        "def test_is_expected_to_fail(): assert False\n"
    )

    def run(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options, str(tmp_path)]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert run().returncode == 0
    strict = run("--fail-on-skip")
    assert strict.returncode == 1
    assert "1 failed, 1 xfailed" in strict.stdout
    assert "not installed" in strict.stdout
