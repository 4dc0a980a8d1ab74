"""Install, use and remove the packages for Windows, on Windows or under wine, and say what was found.

    python try_packages.py SETUP.exe PORTABLE.zip VERSION [--table FILE]

Settings of the user that runs this are left as they are; an installed HD-MEA Studio is replaced and removed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
import traceback
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from package import EXECUTABLES
from windows import NATIVE, Windows, wait_until

__all__ = ["Trial", "main"]

APP = "HD-MEA Studio"
CLASSES = r"HKCU\Software\Classes"
UNINSTALL_KEY = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Uninstall\hdmea-studio"
SELF_TEST_S = 900
VIEWS = 6


@dataclass
class Check:
    """One line of the closing table."""

    name: str
    seconds: float
    wrong: list[str]


class Trial:
    """The checks, in their order.

    Parameters
    ----------
    setup, portable
        The packages.
    version
        What they should say they are.
    """

    def __init__(self, setup: Path, portable: Path, version: str) -> None:
        self.windows = Windows()
        self.setup, self.portable, self.version = setup, portable, version
        self.checks: list[Check] = []
        local = self.windows.variable("LOCALAPPDATA")
        self.folder = local / "Programs" / APP
        self.settings = self.windows.here(local / "hdmea-studio" / "settings.json")
        roaming, profile = self.windows.variable("APPDATA"), self.windows.variable("USERPROFILE")
        menu = roaming / "Microsoft" / "Windows" / "Start Menu" / "Programs"
        self.menu = self.windows.here(menu / f"{APP}.lnk")
        self.desktop = self.windows.here(profile / "Desktop" / f"{APP}.lnk")
        self.place = self.windows.variable("TEMP") / "hdmea trial"

    def run(self) -> bool:
        """Do everything; return whether all is well."""
        place = self.windows.here(self.place)
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        self.do_checks()
        shutil.rmtree(place, ignore_errors=True)
        return not any(check.wrong for check in self.checks)

    def do_checks(self) -> None:
        """Install, use and remove the packages."""
        self.check("silent installation", self.install)
        self.check("files", self.look_at_files)
        self.check("shortcuts", self.look_at_shortcuts)
        self.check("associations", self.look_at_associations)
        self.check("entry in Apps and features", self.look_at_entry)
        self.check("self-test, console program", lambda: self.self_test(self.folder))
        self.check("self-test, windowed program", lambda: self.self_test_of_window(self.folder))
        self.check("command line", self.command_line)
        self.check("a recording opened as by double click", self.open_by_association)
        self.check("no upgrade while it runs", self.refuse)
        self.check("closing the window", self.close)
        self.check("upgrade in place", self.upgrade)
        self.check("removal", self.uninstall)
        self.check("portable: self-test, path with blanks and accents", self.try_portable)

    def check(self, name: str, do: Callable[[], Iterator[str] | None]) -> None:
        """Do one check; what it yields is wrong."""
        started = time.monotonic()
        try:
            wrong = list(do() or ())
        except (OSError, LookupError, ValueError, subprocess.SubprocessError):
            # The other checks and the removal follow in any case.
            wrong = [traceback.format_exc()]
        self.checks.append(Check(name, time.monotonic() - started, wrong))
        say(self.line(self.checks[-1]))
        for sentence in wrong:
            say(f"       {sentence}")

    def line(self, check: Check) -> str:
        """Return a line of the table."""
        return f"{'FAILED' if check.wrong else 'ok    '} {check.name:<52}{check.seconds:7.1f} s"

    def here(self, *parts: str) -> Path:
        """Return where this Python finds something of the installed program."""
        return self.windows.here(self.folder.joinpath(*parts))

    def run_setup(self, *options: str) -> int:
        """Run the installer silently and return its exit code."""
        return self.windows.run(str(self.windows.there(self.setup)), "/S", *options).returncode

    def install(self) -> Iterator[str]:
        """Install silently, where another program already opens .cmtr files."""
        self.windows.set_registry(rf"{CLASSES}\.cmtr", "Another.Program")
        code = self.run_setup()
        if code != 0:
            yield f"the exit code is {code}"

    def look_at_files(self) -> Iterator[str]:
        """Look for what must be there."""
        for name in (*EXECUTABLES, "uninstall.exe", "_internal"):
            if not self.here(name).exists():
                yield f"{name} is not there"

    def look_at_shortcuts(self) -> Iterator[str]:
        """Look for a shortcut in the start menu, and none on the desktop unless wanted."""
        if not self.menu.is_file():
            yield f"{self.menu} is not there"
        if self.desktop.exists():
            yield "there is one on the desktop that nobody asked for"

    def look_at_associations(self) -> Iterator[str]:
        """Look at who opens what."""
        opener = f'"{self.folder / "hdmea-studio.exe"}" "%1"'
        defaults = {"cmcr": "HDMEAStudio.cmcr", "cmtr": "Another.Program", "h5": None}
        for suffix, default in defaults.items():
            found = self.windows.registry(rf"{CLASSES}\.{suffix}")
            if found != default:
                yield f".{suffix} is opened by {found}, not by {default}"
            if (
                self.windows.registry(rf"{CLASSES}\.{suffix}\OpenWithProgids", f"HDMEAStudio.{suffix}")
                is None
            ):
                yield f"the program is not offered for .{suffix}"
            command = self.windows.registry(rf"{CLASSES}\HDMEAStudio.{suffix}\shell\open\command")
            if command != opener:
                yield f".{suffix} is opened with {command}, not {opener}"

    def look_at_entry(self) -> Iterator[str]:
        """Look at what Windows lists."""
        expected = {
            "DisplayName": APP,
            "DisplayVersion": self.version,
            "InstallLocation": str(self.folder),
            "QuietUninstallString": f'"{self.folder / "uninstall.exe"}" /S',
        }
        for name, value in expected.items():
            found = self.windows.registry(UNINSTALL_KEY, name)
            if found != value:
                yield f"{name} is {found}, not {value}"

    def self_test(self, folder: PureWindowsPath) -> Iterator[str]:
        """Run the demo in the program that has a console."""
        done = self.windows.run(str(folder / EXECUTABLES[1]), "--self-test", timeout=SELF_TEST_S)
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        if not lines:
            yield f"no report; exit code {done.returncode}; {done.stdout[-2000:]} {done.stderr[-2000:]}"
        else:
            yield from self.judge(lines[-1], done.returncode)

    def self_test_of_window(self, folder: PureWindowsPath) -> Iterator[str]:
        """Run the demo in the program that has none."""
        report = self.place / "a report.json"
        program = str(folder / EXECUTABLES[0])
        done = self.windows.run(program, "--self-test", "--report", str(report), timeout=SELF_TEST_S)
        path = self.windows.here(report)
        yield from self.judge(path.read_text(encoding="utf-8"), done.returncode)
        path.unlink()

    def judge(self, line: str, code: int) -> Iterator[str]:
        """Look at a report; its numbers were compared by the program itself."""
        report = json.loads(line)
        say(f"       {line.strip()}")
        if code != 0 or not report["ok"]:
            yield f"exit code {code}: {report['problems']}"
        if not report["frozen"] or report["version"] != self.version:
            yield f"this is not the packaged {self.version}"
        if not report["kernels"] or not all(report["kernels"].values()):
            yield f"compiled functions: {report['kernels']}"
        if len(report["views"]) < VIEWS:
            yield f"only {len(report['views'])} views were looked at"

    def command_line(self) -> Iterator[str]:
        """Make the demo recording with the command line, and look into it."""
        target = self.place / "a demo"
        hdmea = str(self.folder / "hdmea.exe")
        made = self.windows.run(hdmea, "demo", str(target))
        if made.returncode != 0 or not list(self.windows.here(target).glob("*.cmcr")):
            yield f"hdmea demo: exit code {made.returncode}: {made.stdout[-500:]} {made.stderr[-500:]}"
        version = self.windows.run(hdmea, "--version")
        if self.version not in version.stdout:
            yield f"hdmea --version says {version.stdout!r} {version.stderr[-500:]!r}"

    @property
    def recording(self) -> PureWindowsPath:
        """The raw file of the demo recording that the command line made."""
        folder = self.place / "a demo"
        return folder / sorted(self.windows.here(folder).glob("*.cmcr"))[0].name

    def running(self) -> list[str]:
        """Return the command lines of running windows of the program."""
        return self.windows.processes("hdmea-studio.exe")

    def open_by_association(self) -> Iterator[str]:
        """Have Windows open the demo recording."""
        name = self.recording.name
        with self.windows.classes_of_user(".cmcr", "HDMEAStudio.cmcr"):
            self.windows.start("cmd", "/c", "start", "", str(self.recording))
            begun = wait_until(lambda: any(name in line for line in self.running()), 60)
        if not begun:
            yield f"nothing runs with {name}: {self.running()}"
        elif wait_until(lambda: not self.running(), 10):
            yield "the program ended at once"

    def refuse(self) -> Iterator[str]:
        """Try to install over the running program."""
        if not self.running():
            yield "it does not run"
        before = len(list(self.here("_internal").rglob("*")))
        code = self.run_setup()
        if code != 4:
            yield f"the exit code is {code}, not 4"
        if len(list(self.here("_internal").rglob("*"))) != before:
            yield "files were changed"

    def close(self) -> Iterator[str]:
        """Close the window; nothing was computed that could be lost."""
        self.windows.ask_to_close("hdmea-studio.exe")
        if not wait_until(lambda: not self.running(), 60):
            yield "it still runs"

    def upgrade(self) -> Iterator[str]:
        """Install again over what is there, with a shortcut on the desktop."""
        stale = self.here("_internal", "of an older version.txt")
        stale.write_text("")
        with kept(self.settings):
            self.settings.parent.mkdir(parents=True, exist_ok=True)
            self.settings.write_text('{"theme": "dark"}')
            code = self.run_setup("/DESKTOP")
            if code != 0:
                yield f"the exit code is {code}"
            if not self.settings.is_file():
                yield "the user's settings are gone"
        if stale.exists():
            yield "a file of the older version is still there"
        if not self.desktop.is_file():
            yield "no shortcut on the desktop"
        yield from self.look_at_files()
        yield from self.look_at_associations()

    def uninstall(self) -> Iterator[str]:
        """Remove it as Windows does, and look for what is left."""
        command = self.windows.registry(UNINSTALL_KEY, "QuietUninstallString") or ""
        with kept(self.settings):
            self.settings.parent.mkdir(parents=True, exist_ok=True)
            self.settings.write_text('{"theme": "dark"}')
            self.windows.run(command.split('"')[1], "/S")
            # The uninstaller goes on as a copy of itself.
            if not wait_until(lambda: not self.here().exists(), 120):
                yield f"left: {[path.name for path in self.here().iterdir()]}"
            wait_until(lambda: not self.windows.has_key(UNINSTALL_KEY), 30)
            if not self.settings.is_file():
                yield "the user's settings are gone"
        yield from self.look_for_rests()

    def look_for_rests(self) -> Iterator[str]:
        """Look for what is left after the removal."""
        classes = [rf"{CLASSES}\HDMEAStudio.{suffix}" for suffix in ("cmcr", "cmtr", "h5")]
        extensions = [
            rf"{CLASSES}\.cmcr",
            rf"{CLASSES}\.cmtr\OpenWithProgids",
            rf"{CLASSES}\.h5\OpenWithProgids",
        ]
        for key in (UNINSTALL_KEY, r"HKCU\Software\hdmea-studio", *classes, *extensions):
            if self.windows.has_key(key):
                yield f"{key} is left"
        if self.windows.registry(rf"{CLASSES}\.cmtr") != "Another.Program":
            yield "the other program opens .cmtr no more"
        for shortcut in (self.menu, self.desktop):
            if shortcut.exists():
                yield f"{shortcut} is left"
        self.windows.run("reg", "delete", rf"{CLASSES}\.cmtr", "/f")

    def try_portable(self) -> Iterator[str]:
        """Unpack the zip where the path is awkward, and run it."""
        place = self.place / "Mes données – été 2026 (µ)"
        with zipfile.ZipFile(self.portable) as archive:
            archive.extractall(self.windows.here(place))
        yield from self.self_test(place / f"{APP} {self.version}")

    def table(self) -> str:
        """Return the closing table."""
        machine = "Windows" if NATIVE else "wine"
        lines = [self.line(check) for check in self.checks]
        wrong = sum(bool(check.wrong) for check in self.checks)
        lines.append(f"{len(lines)} checks under {machine}: " + (f"{wrong} FAILED" if wrong else "all ok"))
        return "\n".join(lines)


@contextmanager
def kept(path: Path) -> Iterator[None]:
    """Put a file back as it was."""
    before = path.read_bytes() if path.is_file() else None
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        if before is not None:
            path.write_bytes(before)


def say(text: str) -> None:
    """Write a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(argv: Sequence[str] | None = None) -> int:
    """Try the packages; return the exit code."""
    parser = argparse.ArgumentParser(description="Try the packages for Windows.")
    parser.add_argument("setup", type=Path)
    parser.add_argument("portable", type=Path)
    parser.add_argument("version")
    parser.add_argument("--table", type=Path, help="file for the closing table")
    options = parser.parse_args(argv)
    trial = Trial(options.setup.resolve(), options.portable.resolve(), options.version)
    well = trial.run()
    if options.table:
        options.table.write_text(trial.table() + "\n", encoding="utf-8")
    say("\n" + trial.table())
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
