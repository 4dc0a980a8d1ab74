"""Set up and start HD-MEA Studio from a checkout, on Linux, Windows and macOS.

    python3 run.py demo            open the application on a demo recording
    python3 run.py test [ARGS]     run the tests, all of them on all cores; ARGS go to pytest
    python3 run.py check [NAME]    lint, formatting, types and import-rules, or only those that are named
    python3 run.py hooks           let git run these checks before each commit
    python3 run.py coverage [ARGS] run the tests and write which lines they reach into artifacts/coverage
    python3 run.py docs            build the documentation into the folder site
    python3 run.py pictures        take the pictures of the documentation anew
    python3 run.py setup           only set up

The first start makes ``.venv`` beside this file and installs the locked dependencies into it; later starts
find that done. Nothing outside the checkout changes, except that system libraries which Qt needs are
installed on Debian and Ubuntu when this may be done without a password; else they are named.

This file uses the standard library only, and can be read by a Python that is too old to go on.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Libraries = dict[str, tuple[str, ...]]

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
LOCK = ROOT / "requirements.lock"
PROJECT = ROOT / "pyproject.toml"

ON_LINUX = sys.platform.startswith("linux")
ON_WINDOWS = os.name == "nt"

OLDEST = (3, 11)
NEWEST = (3, 14)

# File that the loader looks for: names of its Debian package, the newest first.
OFFSCREEN_LIBRARIES: Libraries = {
    "libglib-2.0.so.0": ("libglib2.0-0t64", "libglib2.0-0"),
    "libGL.so.1": ("libgl1",),
    "libEGL.so.1": ("libegl1",),
    "libfontconfig.so.1": ("libfontconfig1",),
    "libxkbcommon.so.0": ("libxkbcommon0",),
    "libdbus-1.so.3": ("libdbus-1-3",),
}
X11_LIBRARIES: Libraries = {
    "libxcb-cursor.so.0": ("libxcb-cursor0",),
    "libxkbcommon-x11.so.0": ("libxkbcommon-x11-0",),
    "libxcb-icccm.so.4": ("libxcb-icccm4",),
    "libxcb-keysyms.so.1": ("libxcb-keysyms1",),
    "libxcb-shape.so.0": ("libxcb-shape0",),
}
WAYLAND_LIBRARIES: Libraries = {
    "libwayland-client.so.0": ("libwayland-client0",),
    "libwayland-cursor.so.0": ("libwayland-cursor0",),
    "libwayland-egl.so.1": ("libwayland-egl1",),
}

NO_DISPLAY = """\
There is no display on which a window could open. What you can do:
  * start this command in a terminal of the desktop;
  * over ssh: connect with  ssh -X  (or -Y) and start it again;
  * without any screen: use the command line instead, for example
      {python} run.py setup
      {hdmea} demo demo
      {hdmea} --help
  * to try the window unseen:  QT_QPA_PLATFORM=offscreen {python} run.py demo"""


class SetupError(Exception):
    """Something that the person has to do; the message says what."""


# The machine: Python, display, system libraries.


def check_python(version: tuple[int, int]) -> None:
    """Raise SetupError if this Python is older or newer than what the locked packages support."""
    if OLDEST <= version <= NEWEST:
        return
    raise SetupError(
        f"HD-MEA Studio needs Python 3.{OLDEST[1]} to 3.{NEWEST[1]}; "
        f"this is Python {version[0]}.{version[1]} ({sys.executable}).\n"
        "Install one from https://www.python.org/downloads/ or your system's packages, and start again with\n"
        "it, for example  python3.13 run.py demo  (Windows:  py -3.13 run.py demo)."
    )


def other_python() -> str | None:
    """Return a supported Python on the search path when this one is not, newest first."""
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        if found:
            return found
    return None


def platform_is_chosen() -> bool:
    """Return True when the person said where Qt draws."""
    return bool(os.environ.get("QT_QPA_PLATFORM"))


def has_display() -> bool:
    """Return True when a window can open here."""
    if not ON_LINUX:
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def window_libraries() -> Libraries:
    """Return the libraries that a window needs beyond those of drawing off screen."""
    return WAYLAND_LIBRARIES if not os.environ.get("DISPLAY") and has_display() else X11_LIBRARIES


def can_load(library: str) -> bool:
    """Return True when the loader finds a shared library."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def missing_from(libraries: Libraries) -> Libraries:
    """Return those libraries that are not installed; none elsewhere than on Linux."""
    if not ON_LINUX:
        return {}
    return {name: packages for name, packages in libraries.items() if not can_load(name)}


def missing_for_venv() -> Libraries:
    """Return what Debian's Python lacks for making a virtual environment."""
    if venv_python().exists() or importlib.util.find_spec("ensurepip"):
        return {}
    return {"ensurepip": (f"python3.{sys.version_info[1]}-venv",)}


# Debian packages.


def admin_prefix() -> list[str] | None:
    """Return what goes before apt-get to be allowed to install, or None when a password would be needed."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return []
    if shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0:
        return ["sudo", "-n"]
    return None


def apt_names(packages: list[tuple[str, ...]]) -> list[str]:
    """Return, for packages that were renamed between releases, the name that this release knows."""
    return [next((name for name in names[:-1] if is_known(name)), names[-1]) for names in packages]


def is_known(package: str) -> bool:
    """Return True when the package lists of this machine have an installable version."""
    environment = {**os.environ, "LC_ALL": "C"}
    answer = subprocess.run(["apt-cache", "policy", package], capture_output=True, text=True, env=environment)
    return "Candidate:" in answer.stdout and "Candidate: (none)" not in answer.stdout


def install_system_packages(missing: Libraries) -> None:
    """Install what is missing with apt, or raise SetupError with the line that does it."""
    found = ", ".join(missing)
    if not shutil.which("apt-get"):
        raise SetupError(
            f"Not found on this system: {found}.\nInstall the packages that hold these, then start again."
        )
    prefix = admin_prefix()
    if prefix is not None:
        say(f"Not found on this system: {found}. Installing with apt-get.")
        apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]
        if subprocess.call([*apt, "update"]) == 0:
            names = apt_names(list(missing.values()))
            if subprocess.call([*apt, "install", "-y", "--no-install-recommends", *names]) == 0:
                return
        found += " (apt-get failed, see above)"
    names = apt_names(list(missing.values()))
    raise SetupError(
        f"Not found on this system: {found}.\nInstall it with\n\n  {apt_line(names)}\n\nand start again."
    )


def apt_line(names: list[str]) -> str:
    """Return the line that a person types to install packages."""
    return "sudo apt-get update && sudo apt-get install --no-install-recommends " + " ".join(names)


# The virtual environment.


def venv_python() -> Path:
    """Return the path of the environment's interpreter."""
    return VENV / ("Scripts/python.exe" if ON_WINDOWS else "bin/python")


def fingerprint(path: Path) -> str:
    """Return what decides whether an installation made from `path` is still good."""
    digest = hashlib.sha256(path.read_bytes())
    digest.update(str(ROOT).encode())
    return digest.hexdigest()


def is_done(path: Path) -> bool:
    """Return True when the environment was installed from the present contents of `path`."""
    stamp = VENV / f"{path.name}.sha256"
    return venv_python().exists() and stamp.exists() and stamp.read_text() == fingerprint(path)


def mark_done(path: Path) -> None:
    """Note that the environment was installed from the present contents of `path`."""
    (VENV / f"{path.name}.sha256").write_text(fingerprint(path))


def make_environment() -> None:
    """Make ``.venv`` unless one with a working pip is there."""
    if venv_python().exists():
        works = subprocess.run([str(venv_python()), "-m", "pip", "--version"], capture_output=True)
        if works.returncode == 0:
            return
        say("The environment in .venv does not work; making it anew.")
    say("Making the environment .venv")
    if subprocess.call([sys.executable, "-m", "venv", "--clear", str(VENV)]) != 0:
        raise SetupError(
            "The environment .venv could not be made (see above). Is the disk full or read-only?"
        )


def pip_install(*arguments: str) -> None:
    """Run ``pip install`` in the environment; what it downloads is kept beside it until that succeeds."""
    cache = VENV / "download-cache"
    quiet = () if sys.stdout.isatty() else ("-q",)
    command = [str(venv_python()), "-m", "pip", "--disable-pip-version-check", "--cache-dir", str(cache)]
    if subprocess.call([*command, "install", *quiet, *arguments], cwd=str(ROOT)) != 0:
        raise SetupError(
            "Not everything could be downloaded or installed (see above). Check the network, and behind a\n"
            "proxy the variable HTTPS_PROXY; then start the same command again: it goes on from here."
        )
    shutil.rmtree(cache, ignore_errors=True)


def install() -> None:
    """Install the locked dependencies and the project itself where that is not done already."""
    if is_done(LOCK) and is_done(PROJECT):
        return
    started = time.monotonic()
    make_environment()
    if not is_done(LOCK):
        say("Installing the locked dependencies into .venv; the first time, this takes some minutes.")
        pip_install("--require-hashes", "--only-binary", ":all:", "-r", str(LOCK))
        mark_done(LOCK)
    pip_install("--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    mark_done(PROJECT)
    say(f"Set up in {time.monotonic() - started:.0f} s.")


def set_up(libraries: Libraries) -> None:
    """Make everything ready that a command needs."""
    missing = {**missing_for_venv(), **missing_from(libraries)}
    if missing:
        install_system_packages(missing)
    install()


# The commands.


def setup(arguments: list[str]) -> int:
    """Set up; say which libraries a window would still need."""
    set_up(OFFSCREEN_LIBRARIES)
    missing = missing_from(window_libraries())
    if missing and has_display() and admin_prefix() is not None:
        install_system_packages(missing)
    elif missing:
        say("Ready for everything but an open window, which also needs: " + ", ".join(missing) + ".")
        if shutil.which("apt-get"):
            say("  " + apt_line(apt_names(list(missing.values()))))
    say(f"The command line is {venv_python().with_name('hdmea')}")
    return 0


def demo(arguments: list[str]) -> int:
    """Open the application on a demo recording."""
    if not has_display() and not platform_is_chosen():
        hdmea = venv_python().with_name("hdmea").relative_to(ROOT)
        raise SetupError(NO_DISPLAY.format(python=Path(sys.executable).name, hdmea=hdmea))
    set_up({**OFFSCREEN_LIBRARIES, **({} if platform_is_chosen() else window_libraries())})
    return in_environment("-m", "hdmea_gui", "--demo", *arguments)


def test(arguments: list[str]) -> int:
    """Run the tests, drawing off screen unless QT_QPA_PLATFORM says otherwise."""
    set_up(OFFSCREEN_LIBRARIES)
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    # A file's tests stay together: they share recordings that are made once.
    how = arguments or ["-n", "auto", "--dist", "loadfile"]
    return in_environment("-m", "pytest", *how)


def check(arguments: list[str]) -> int:
    """Run the checks that need no recording, all of them or those named; all also when an early one fails."""
    rules = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    checks = {
        "lint": ("-m", "ruff", "check", "."),
        "formatting": ("-m", "ruff", "format", "--check", "."),
        "types": ("-m", "mypy"),
        "import-rules": ("-c", rules),
    }
    unknown = [name for name in arguments if name not in checks]
    if unknown:
        raise SetupError(f"Unknown check: {', '.join(unknown)}. The checks are {', '.join(checks)}.")
    set_up({})
    failed = []
    for name in arguments or checks:
        say(f"== {name}")
        if in_environment(*checks[name]) != 0:
            failed.append(name)
    say("failed: " + ", ".join(failed) if failed else "all checks passed")
    return 1 if failed else 0


def hooks(arguments: list[str]) -> int:
    """Let git run the checks of ``.pre-commit-config.yaml`` before each commit."""
    set_up({})
    return in_environment("-m", "pre_commit", "install", *arguments)


def coverage(arguments: list[str]) -> int:
    """Run the tests and report the lines and branches that they reach."""
    set_up(OFFSCREEN_LIBRARIES)
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    how = arguments or ["-n", "auto", "--dist", "loadfile"]
    return in_environment("-m", "pytest", "--cov", "--cov-report=term", "--cov-report=html", *how)


def docs(arguments: list[str]) -> int:
    """Build the documentation as a site that opens without a server."""
    set_up({})
    os.environ.setdefault("NO_MKDOCS_2_WARNING", "1")
    code = in_environment("-m", "mkdocs", "build", "--strict", *arguments)
    if code == 0:
        say(f"Open {ROOT / 'site' / 'index.html'}")
    return code


def pictures(arguments: list[str]) -> int:
    """Take the pictures that the documentation shows, from the running program."""
    set_up(OFFSCREEN_LIBRARIES)
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    return in_environment("-m", "docs.tools.pictures", *arguments)


def in_environment(*command: str) -> int:
    """Run the environment's Python in the checkout and return its exit code."""
    return subprocess.call([str(venv_python()), *command], cwd=str(ROOT))


COMMANDS = {
    "demo": demo,
    "test": test,
    "check": check,
    "hooks": hooks,
    "coverage": coverage,
    "docs": docs,
    "pictures": pictures,
    "setup": setup,
}


def say(text: str) -> None:
    """Tell the person something at once, also when the output is a pipe."""
    print(text, flush=True)


def main(arguments: list[str]) -> int:
    """Carry out one command and return the exit code."""
    if not arguments or arguments[0] not in COMMANDS:
        say(__doc__ or "")
        return 0 if arguments in (["-h"], ["--help"]) else 2
    version = (sys.version_info[0], sys.version_info[1])
    try:
        if not OLDEST <= version <= NEWEST and other_python():
            return subprocess.call([other_python() or "", __file__, *arguments])
        check_python(version)
        return COMMANDS[arguments[0]](arguments[1:])
    except SetupError as error:
        print(error, file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
