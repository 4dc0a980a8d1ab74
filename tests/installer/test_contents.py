"""What goes into a package: all that is found at run time, every resource, one version, no surplus."""

from __future__ import annotations

import pkgutil
import re
import tomllib
from importlib.metadata import version as installed_version
from pathlib import Path

import pytest

import hdmea.features.extractors
import hdmea.pipeline.steps
from hdmea._version import __version__
from hdmea.utils.resources import resource_path
from hdmea_gui.diagnostics.versions import LIBRARIES, PROJECT, library_version, release_page

from .scripts import ROOT, load

contents = load("contents")


@pytest.mark.parametrize("package", [hdmea.pipeline.steps, hdmea.features.extractors])
def test_every_step_and_feature_is_named_to_the_packager(package: object) -> None:
    found = {module.name for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")}  # type: ignore[attr-defined]
    assert len(found) > 5
    assert found <= set(contents.own_modules())


def test_modules_are_named_as_they_are_imported() -> None:
    names = contents.own_modules()
    assert {"hdmea", "hdmea.cli", "hdmea_gui", "hdmea_gui.shell.app"} <= set(names)
    assert not any(name.startswith("docs") for name in names)
    assert not [name for name in names if name.endswith("__init__")]


def test_functions_for_numba_are_shipped_as_source() -> None:
    users = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in (ROOT / "hdmea").rglob("*.py")
        if re.search(
            r"^@(compiled(_for)?|(numba\.)?(n?jit|vectorize|guvectorize))\b",
            path.read_text(encoding="utf-8"),
            re.M,
        )
    }
    assert users
    assert users == set(contents.kernel_modules())


def test_resources_keep_their_place() -> None:
    shipped = {f"{folder}/{Path(file).name}" for file, folder in contents.resources()}
    assert {"resources/self_test.json", "resources/icons/hdmea-studio.svg"} <= shipped
    there = {path.relative_to(ROOT).as_posix() for path in resource_path().rglob("*") if path.is_file()}
    assert {name for name in there - shipped if not name.startswith("resources/desktop/")} == set()


def test_a_package_knows_its_version_and_those_of_its_libraries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = {name: installed_version(name) for name in LIBRARIES}
    written = contents.write_metadata(tmp_path)
    assert all(tmp_path / place == Path(file) for place, file in written)
    assert contents.LIBRARIES == LIBRARIES
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    assert {name: library_version(name) for name in LIBRARIES} == expected
    assert library_version(PROJECT) == __version__


def test_a_package_carries_the_release_page_that_the_project_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    page = project["project"].get("urls", {}).get("Releases", "")
    contents.write_metadata(tmp_path / "now")
    monkeypatch.setattr("sys.path", [str(tmp_path / "now")])
    assert release_page() == page

    named = '[project]\nname = "hdmea-studio"\ndescription = "D"\nlicense = "MIT"\n[project.urls]\n'
    (tmp_path / "pyproject.toml").write_text(
        named + 'Source = "https://x.org"\nReleases = "https://x.org/r"\n'
    )
    monkeypatch.setattr(contents, "ROOT", tmp_path)
    monkeypatch.setattr(contents, "version", lambda: __version__)
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    folder = tmp_path / "hdmea_studio-0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(contents.project_metadata(), encoding="utf-8")
    assert release_page() == "https://x.org/r"


def test_the_version_is_that_of_the_program() -> None:
    assert contents.version() == __version__


@pytest.mark.parametrize(
    "name",
    [
        "PySide6/Qt/plugins/platforms/libqvnc.so",
        "PySide6/plugins/platforms/qdirect2d.dll",
        "PySide6/Qt/lib/libQt6Quick.so.6",
        "libQt6Network.so.6",
        "PySide6\\translations\\qt_de.qm",
        "libgtk-3.so.0",
        "pyarrow/libarrow_flight.so.2600",
        "pyarrow/arrow_flight.dll",
        "pyarrow/arrow_substrait.dll",
        "pyarrow/libarrow_python.so.2600.1.0",
        "h5py/tests/data.h5",
    ],
)
def test_what_the_program_does_not_use_stays_out(name: str) -> None:
    assert contents.is_dropped(name)


@pytest.mark.parametrize(
    "name",
    [
        "PySide6/Qt/plugins/platforms/libqoffscreen.so",
        "PySide6/Qt/plugins/platforms/libqxcb.so",
        "PySide6/plugins/platforms/qwindows.dll",
        "PySide6/Qt/plugins/imageformats/libqsvg.so",
        "PySide6/Qt/plugins/iconengines/libqsvgicon.so",
        "PySide6/Qt/lib/libQt6Svg.so.6",
        "pyarrow/libarrow_python.so.2600",
        "pyarrow/arrow_dataset.dll",
        "pyarrow/arrow_python.dll",
        "scipy.libs/libscipy_openblas-6cdc3b4a.so",
        "resources/icons/hdmea-studio.svg",
        "hdmea/features/science/sta_kernels.py",
    ],
)
def test_what_the_program_uses_stays_in(name: str) -> None:
    assert not contents.is_dropped(name)


def test_packages_are_made_from_the_versions_that_the_tests_run_with() -> None:
    def versions(file: Path) -> dict[str, str]:
        text = file.read_text(encoding="utf-8")
        return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE))

    tested = versions(ROOT / "requirements.lock")
    packaged = versions(ROOT / "installer" / "requirements-build.lock")
    assert {"numpy", "pyside6-essentials", "numba", "pyinstaller"} <= set(packaged)
    differing = {name for name in packaged if packaged[name] != tested.get(name, packaged[name])}
    assert differing == set()


def test_the_package_starts_no_second_window_for_a_worker_process() -> None:
    lines = (ROOT / "installer" / "start.py").read_text(encoding="utf-8").splitlines()
    statements = [line for line in lines[1:] if line and not line.startswith("#")]
    assert statements[:2] == ["import multiprocessing", "multiprocessing.freeze_support()"]
