"""What the Linux packages say and do: needed system, weights, installing and removing for one user."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .scripts import ROOT, load

INSTALLER = ROOT / "installer"
DESKTOP = ROOT / "resources" / "desktop"


def test_the_newest_symbol_decides_which_system_is_needed(tmp_path: Path) -> None:
    needed = load("linux/glibc").needed
    assert needed(tmp_path) == (2, 17)
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "one.so").write_bytes(
        b"\x7fELF..\0GLIBC_2.9\0GLIBC_2.34\0GLIBC_PRIVATE\0GLIBC_2.3.4\0"
    )
    assert needed(tmp_path) == (2, 34)
    (tmp_path / "two.txt").write_bytes(b"no program\0GLIBC_2.99\0")
    assert needed(tmp_path) == (2, 34)


@pytest.mark.parametrize(
    ("place", "group"),
    [
        ("hdmea-studio", "Python, and the archive of modules"),
        ("_internal/libpython3.11.so.1.0", "Python, and the archive of modules"),
        ("_internal/llvmlite/binding/libllvmlite.so", "numba and LLVM (compiled functions)"),
        ("_internal/PySide6/Qt/lib/libicudata.so.73", "ICU (Unicode, for Qt)"),
        ("_internal/PySide6/Qt/lib/libQt6Core.so.6", "Qt and PySide6"),
        ("_internal/scipy.libs/libscipy_openblas.so", "scipy"),
        ("_internal/numpy/_core/x.so", "numpy"),
        ("_internal/pyarrow/libarrow.so.2600", "Arrow (Parquet tables)"),
        ("_internal/libX11.so.6", "libraries of the system"),
        ("_internal/licences/Qt.txt", "licences"),
        ("_internal/something", "other"),
    ],
)
def test_every_file_belongs_to_something(place: str, group: str) -> None:
    assert load("linux/weigh").group_of(place) == group


def test_weights_add_up(tmp_path: Path) -> None:
    for place, size in {
        "hdmea-studio": 2_000_000,
        "_internal/numba/a.so": 3_000_000,
        "_internal/x": 100_000,
    }.items():
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_bytes(bytes(size))
    (tmp_path / "hdmea").symlink_to("hdmea-studio")
    assert load("linux/weigh").weigh(tmp_path) == {
        "numba and LLVM (compiled functions)": 3.0,
        "Python, and the archive of modules": 2.0,
        "other": 0.1,
    }


def test_a_report_is_a_row_of_the_closing_table(tmp_path: Path) -> None:
    report = tmp_path / "folder.json"
    report.write_text(
        json.dumps({"start": {"shown": 0.812, "computed": 0.7, "usable": 1.499}}), encoding="utf-8"
    )
    assert load("linux/starts").row(report) == "| folder | 0.81 s | 0.70 s | 1.50 s |"


@pytest.mark.parametrize(
    ("licence", "fits"),
    [
        ("MIT", True),
        ("LGPL-3.0-only", True),
        ("GPL-3.0-or-later WITH GCC-exception-3.1", True),
        ("BSD-3-clause or GPL-2", True),
        ("GPL-2+ or AFL-2.1, and Expat and Tcl-BSDish", True),
        ("BSD-3-Clause AND GPL-3.0-or-later WITH GCC-exception-3.1 AND LGPL-2.1-or-later", True),
        ("GPL-2+", False),
        ("GPL-2+ or AGPL-3", False),
        ("MIT AND GPL-3.0-only", False),
        ("see the text", False),
        ("", False),
    ],
)
def test_what_is_under_the_gpl_alone_stays_out(licence: str, fits: bool) -> None:
    found = load("linux/gpl").obstacles([{"name": "part", "licence": licence}])
    assert found == ([] if fits else [f"part: {licence}"])


def test_the_package_depends_on_what_is_measured_and_is_named_as_the_program() -> None:
    control = (INSTALLER / "deb" / "control.in").read_text(encoding="utf-8")
    fields = dict(re.findall(r"^([A-Z][A-Za-z-]*): (.*)$", control, re.MULTILINE))
    assert fields["Package"] == "hdmea-studio"
    assert fields["Version"] == "@VERSION@"
    assert "libc6 (>= @GLIBC@)" in fields["Depends"]
    filled = set(re.findall(r"@([A-Z]+)@", (INSTALLER / "deb" / "make.sh").read_text(encoding="utf-8")))
    assert set(re.findall(r"@([A-Z]+)@", control)) == filled


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a Linux package")
@pytest.mark.parametrize(
    "script", sorted(INSTALLER.rglob("*.sh")), ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_scripts_can_be_read_by_their_shell(script: Path) -> None:
    shell = "sh" if script.read_text(encoding="utf-8").startswith("#!/bin/sh") else "bash"
    done = subprocess.run([shell, "-n", str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


class Home:
    """A home of a user who installs from what a .run file unpacks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "a home ü"
        self.folder.mkdir()
        self.unpacked = folder / "unpacked"
        self.program = self.folder / ".local" / "opt" / "hdmea-studio"

    def run(self, script: Path) -> str:
        environment = {"HOME": str(self.folder), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        done = subprocess.run(
            ["sh", str(script)], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def install(self, content: str) -> str:
        shutil.rmtree(self.unpacked, ignore_errors=True)
        (self.unpacked / "hdmea-studio").mkdir(parents=True)
        (self.unpacked / "hdmea-studio" / "hdmea-studio").write_text(content, encoding="utf-8")
        for path in (*DESKTOP.iterdir(), *(INSTALLER / "run").glob("*install.sh")):
            shutil.copy(path, self.unpacked)
        return self.run(self.unpacked / "install.sh")

    def files(self) -> set[str]:
        return {path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*")}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    if not sys.platform.startswith("linux"):
        pytest.skip("a Linux package")
    return Home(tmp_path)


def test_installing_for_one_user_puts_the_program_into_the_menu(home: Home) -> None:
    said = home.install("one")
    assert str(home.program / "uninstall") in said
    data = home.folder / ".local" / "share"
    entry = (data / "applications" / "hdmea-studio.desktop").read_text(encoding="utf-8")
    assert f'Exec="{home.program}/hdmea-studio" %F\n' in entry
    assert f"TryExec={home.program}/hdmea-studio\n" in entry
    assert (data / "mime" / "packages" / "hdmea-studio.xml").is_file()
    for name in ("hdmea-studio", "hdmea"):
        assert (home.folder / ".local" / "bin" / name).readlink() == home.program / name


def test_a_newer_version_replaces_the_older(home: Home) -> None:
    home.install("one")
    (home.program / "left over").write_text("from the older version")
    home.install("two")
    assert (home.program / "hdmea-studio").read_text(encoding="utf-8") == "two"
    assert not (home.program / "left over").exists()
    assert not [name for name in home.files() if name.endswith(".new")]


def test_removing_leaves_nothing(home: Home) -> None:
    home.install("one")
    home.run(home.program / "uninstall")
    assert home.files() == set()


def test_removing_leaves_what_belongs_to_others(home: Home) -> None:
    kept = {
        ".local/bin/hdmea-tool": "another program",
        ".local/share/applications/other.desktop": "[Desktop Entry]\nType=Application\nName=O\nExec=o\n",
        ".config/hdmea-studio/settings.json": "{}",
    }
    for name, content in kept.items():
        (home.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (home.folder / name).write_text(content, encoding="utf-8")
    home.install("one")
    home.run(home.program / "uninstall")
    left = {name for name in home.files() if (home.folder / name).is_file()}
    assert left - {".local/share/applications/mimeinfo.cache"} == set(kept)
