"""The script that makes and tests the Linux packages ends with an error when anything in it failed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from .scripts import ROOT

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a script for Linux")

PASSING = '#!/bin/bash\n. "$(dirname "$0")/checks.sh"\ncheck "it works" true\nexit $failed\n'
FAILING = PASSING.replace("exit", 'check "it is perfect" false\ncheck "it ends well" true\nexit')
WRITING = '#!/bin/bash\necho packed > "$2"\n'
BROKEN = "#!/bin/bash\nexit 3\n"
# What stands for Python makes an environment whose tools do nothing; else it is the real one.
PYTHON = """#!/bin/bash
if [ "$1 $2" != "-m venv" ]; then exec {python} "$@"; fi
mkdir -p "$4/bin"
echo '#!/bin/bash' > "$4/bin/pip"
printf '#!/bin/bash\\n[ "$4" = --distpath ] || exit 1\\nmkdir -p "$5/hdmea-studio"\\n' > "$4/bin/pyinstaller"
printf 'head -c 1000000 /dev/zero > "$5/hdmea-studio/hdmea-studio"\\n' >> "$4/bin/pyinstaller"
chmod +x "$4/bin/pip" "$4/bin/pyinstaller"
"""
DPKG = "#!/bin/bash\necho amd64\n"
DPKG_QUERY = "#!/bin/bash\necho 'install ok installed'\n"
ID = "#!/bin/bash\necho 0\n"


# What stands for a minimal system: its commands are noted; PyInstaller leaves a folder there.
DEBOOTSTRAP = """#!/bin/bash
echo "debootstrap $*" >> {log}
mkdir -p "$4/etc"
"""
UNSHARE = """#!/bin/bash
root=$6
echo "in $(basename "$root"): ${{*:13}}" >> {log}
case "$*" in *pyinstaller*)
    mkdir -p "$root/build/folder/hdmea-studio"
    head -c 1000000 /dev/zero > "$root/build/folder/hdmea-studio/hdmea-studio" ;;
esac
"""


@dataclass
class Build:
    """A copy of the scripts whose steps are stand-ins."""

    folder: Path

    def write(self, name: str, content: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        path.chmod(0o755)

    def run(self, **environment: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "HOME": str(self.folder),
            "PATH": f"{self.folder / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin",
            "PYTHON": str(self.folder / "bin" / "python"),
            "WORK": str(self.folder / "work"),
            **environment,
        }
        script = self.folder / "installer" / "build-linux.sh"
        return subprocess.run(
            ["bash", str(script), str(self.folder / "out")],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture
def build(tmp_path: Path) -> Build:
    made = Build(tmp_path)
    for name in (
        "build-linux.sh",
        "contents.py",
        *(f"linux/{file}" for file in ("checks.sh", "weigh.py", "starts.py")),
    ):
        (tmp_path / "installer" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "installer" / name, tmp_path / "installer" / name)
    for name in ("hdmea", "hdmea_gui", "resources"):
        (tmp_path / name).mkdir()
    for name in ("pyproject.toml", "LICENSE"):
        (tmp_path / name).touch()
    shutil.copy(ROOT / "hdmea" / "_version.py", tmp_path / "hdmea")
    for name in ("folder", "deb", "run"):
        made.write(f"installer/linux/test-{name}.sh", PASSING)
    for name in ("deb", "run"):
        made.write(f"installer/{name}/make.sh", WRITING)
    made.write("bin/python", PYTHON.format(python=sys.executable))
    made.write("bin/dpkg", DPKG)
    made.write("bin/dpkg-query", DPKG_QUERY)
    made.write("bin/id", ID)
    return made


def test_a_build_without_a_fault_says_what_it_made(build: Build) -> None:
    done = build.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("3 passed, 0 failed\n")
    sums = (build.folder / "out" / "SHA256SUMS").read_text(encoding="utf-8").split()
    assert [name.rpartition(".")[2] for name in sums[1::2]] == ["deb", "run"]


@pytest.mark.parametrize("part", ["folder", "deb", "run"])
def test_a_failed_check_fails_the_build_at_its_end(build: Build, part: str) -> None:
    build.write(f"installer/linux/test-{part}.sh", FAILING)
    done = build.run()
    assert done.returncode == 1
    assert "FAILED  it is perfect" in done.stdout
    assert done.stdout.endswith("4 passed, 1 failed\n")


@pytest.mark.parametrize("step", ["installer/deb/make.sh", "installer/run/make.sh", "bin/python"])
def test_a_step_that_fails_ends_the_build(build: Build, step: str) -> None:
    build.write(step, BROKEN)
    done = build.run()
    assert done.returncode != 0
    assert "passed" not in done.stdout
    assert not (build.folder / "out" / "SHA256SUMS").exists()


def test_the_folder_is_made_in_a_minimal_system(build: Build) -> None:
    log = build.folder / "log"
    build.write("bin/debootstrap", DEBOOTSTRAP.format(log=log))
    build.write("bin/unshare", UNSHARE.format(log=log))
    first, again = build.run(HOST="0"), build.run(HOST="0")

    assert (first.returncode, again.returncode) == (0, 0), first.stdout + first.stderr
    lines = log.read_text(encoding="utf-8").splitlines()
    assert [line.split()[1] for line in lines if line.startswith("debootstrap")] == ["--variant=minbase"]
    assert any("python3-venv libdbus-1-3" in line for line in lines)
    assert len([line for line in lines if "/build/environment/bin/pyinstaller" in line]) == 2
    assert not any("--find-links" in line and "--no-index" not in line for line in lines)
    assert (build.folder / "work" / "folder" / "hdmea-studio" / "hdmea-studio").stat().st_size == 1_000_000
