"""A Windows to try packages on: the machine itself, or wine on Linux."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PureWindowsPath

__all__ = ["Windows", "wait_until"]

NATIVE = sys.platform == "win32"


def wait_until(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Wait until a condition holds; return whether it did in time."""
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.25)
    return True


class Windows:
    """Runs Windows programs and looks at the registry and at processes."""

    def command(self, arguments: Sequence[str]) -> list[str]:
        """Return a command line that runs a Windows program."""
        return list(arguments) if NATIVE else ["wine", *arguments]

    def run(self, *arguments: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """Run a program to its end; its output goes to a pipe, as wine's Python needs it."""
        return subprocess.run(
            self.command(arguments),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            check=False,
            encoding="utf-8",
            errors="replace",
        )

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a program and go on."""
        return subprocess.Popen(
            self.command(arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def variable(self, name: str) -> PureWindowsPath:
        """Return a folder that an environment variable of Windows names."""
        return PureWindowsPath(self.run("cmd", "/c", f"echo %{name}%").stdout.strip())

    def here(self, path: PureWindowsPath) -> Path:
        """Return how this Python finds a path of Windows."""
        if NATIVE:
            return Path(path)
        # Not winepath: it knows no folder that is not there yet.
        drive = Path(os.environ["WINEPREFIX"]) / "dosdevices" / path.drive.lower()
        return drive.resolve().joinpath(*path.parts[1:])

    def there(self, path: Path) -> PureWindowsPath:
        """Return how Windows finds a path of this machine."""
        return PureWindowsPath(path if NATIVE else "Z:" + str(path.resolve()))

    def registry(self, key: str, name: str = "") -> str | None:
        """Return a value of the registry, the default one without a name, or None."""
        asked = self.run("reg", "query", key, *(["/v", name] if name else ["/ve"]))
        for line in asked.stdout.splitlines():
            found = line.strip().split("REG_", 1)
            if asked.returncode == 0 and len(found) == 2:
                value = found[1].partition("    ")[2].strip()
                return None if value == "(value not set)" else value
        return None

    def has_key(self, key: str) -> bool:
        """Return whether a key of the registry is there."""
        return self.run("reg", "query", key).returncode == 0

    def set_registry(self, key: str, value: str) -> None:
        """Set the default value of a key."""
        self.run("reg", "add", key, "/ve", "/d", value, "/f")

    @contextmanager
    def classes_of_user(self, extension: str, program: str) -> Iterator[None]:
        """Have an association of this user work: wine looks at those of the machine only."""
        machine, user = r"HKLM\Software\Classes", r"HKCU\Software\Classes"
        command = self.registry(rf"{user}\{program}\shell\open\command")
        if NATIVE or command is None:
            yield
            return
        self.set_registry(rf"{machine}\{extension}", self.registry(rf"{user}\{extension}") or "")
        self.set_registry(rf"{machine}\{program}\shell\open\command", command)
        try:
            yield
        finally:
            for key in (extension, program):
                self.run("reg", "delete", rf"{machine}\{key}", "/f")

    def processes(self, program: str) -> list[str]:
        """Return the command lines of the running processes of a program."""
        lines = self._windows_processes() if NATIVE else self._wine_processes()
        return [line for line in lines if program.lower() in line.lower()]

    def _windows_processes(self) -> list[str]:
        query = "ConvertTo-Json @(Get-CimInstance Win32_Process | ForEach-Object { [string]$_.CommandLine })"
        return json.loads(self.run("powershell", "-NoProfile", "-Command", query).stdout)

    def _wine_processes(self) -> list[str]:
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                environment = (folder / "environ").read_bytes()
                line = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if f"WINEPREFIX={os.environ['WINEPREFIX']}".encode() in environment.split(b"\0"):
                # Programs of Windows have a command line like "C:\x.exe"; wine's own loader has not.
                words = line.rstrip(b"\0").decode(errors="replace").split("\0")
                if not words[0].startswith("/"):
                    found.append(" ".join(words))
        return found

    def ask_to_close(self, program: str) -> None:
        """Do what a click on the cross of a program's window does."""
        self.run("taskkill", "/im", program)
