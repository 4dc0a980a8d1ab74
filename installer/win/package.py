"""Make the packages for Windows from the one-folder program that PyInstaller made.

    python package.py PAYLOAD OUT [--comp lzma] [--target amd64-unicode]

OUT gets ``hdmea-studio-VERSION-windows-setup.exe``, ``…-windows-portable.zip`` and ``SHA256SUMS``. Runs on
Linux and on Windows, needs ``makensis``, and refuses a payload that holds anything of wine or of the
stand-ins in ``../wineshim``.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

__all__ = ["installer_numbers", "make_portable", "make_setup", "problems", "removals", "write_sums"]

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

# What wine lacks and wineshim/ stands in for, and wine's own copies of it.
STAND_INS = {
    "bcryptprimitives.dll",
    "icuuc.dll",
    "mscms.dll",
    "mscmswine.dll",
    "ucrtbase.dll",
    "ucrtwine.dll",
}
WINE_MARKS = (b"Wine builtin DLL", b"Wine placeholder DLL")

EXECUTABLES = ("hdmea-studio.exe", "hdmea-studio-console.exe", "hdmea.exe")

# Windows allows 259 characters; a folder such as C:\Users\NAME\AppData\Local\Programs\HD-MEA Studio takes 80.
MAX_PATH_IN_PAYLOAD = 170


def files_of(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, in order."""
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def problems(payload: Path) -> list[str]:
    """Return a sentence for each thing that must not be shipped, or is missing."""
    found = [f"{name} is missing" for name in EXECUTABLES if not (payload / name).is_file()]
    for path in files_of(payload):
        name = path.relative_to(payload).as_posix()
        if path.name.lower() in STAND_INS:
            found.append(f"{name} has the name of a stand-in for tests under wine")
        if path.suffix.lower() in {".dll", ".exe", ".pyd"}:
            with path.open("rb") as file:
                head = file.read(512)
            if any(mark in head for mark in WINE_MARKS):
                found.append(f"{name} is a library of wine")
            if not head.startswith(b"MZ"):
                found.append(f"{name} is no program or library for Windows")
        if len(name) > MAX_PATH_IN_PAYLOAD:
            found.append(f"{name} is a path that is too long for Windows ({len(name)} characters)")
    return found


def installer_numbers(version: str) -> str:
    """Return a version as the four numbers that Windows wants: 0.2.0rc1 gives 0.2.0.0."""
    numbers = re.match(r"\d+(\.\d+)*", version)
    if numbers is None:
        raise ValueError(f"{version!r} is no version")
    return ".".join([*numbers[0].split("."), "0", "0", "0", "0"][:4])


def removals(payload: Path) -> str:
    """Return lines for NSIS that remove what lies at the top of the payload, and nothing else."""
    lines = []
    for path in sorted(payload.iterdir()):
        target = f'"$INSTDIR\\{path.name}"'
        lines.append(f"RMDir /r {target}" if path.is_dir() else f"Delete {target}")
    return "\n".join(lines) + "\n"


def make_setup(payload: Path, out: Path, version: str, comp: str, target: str | None) -> Path:
    """Write the installer with makensis and return its path."""
    made = out / f"hdmea-studio-{version}-windows-setup.exe"
    removing = out / "removals.nsh"
    removing.write_text(removals(payload), encoding="utf-8")
    definitions = {
        "VERSION": version,
        "NUMBERS": installer_numbers(version),
        "PAYLOAD": str(payload),
        "REMOVALS": str(removing),
        "SIZE_KB": str(sum(path.stat().st_size for path in files_of(payload)) // 1024),
        "ICON": str(ROOT / "resources" / "desktop" / "hdmea-studio.ico"),
        "OUT": str(made),
        "COMP": comp,
        **({"TARGET": target} if target else {}),
    }
    command = ["makensis", "-V2", "-WX", "-INPUTCHARSET", "UTF8"]
    command += [f"-D{name}={value}" for name, value in definitions.items()]
    try:
        subprocess.run([*command, str(HERE / "setup.nsi")], check=True)
    finally:
        removing.unlink()
    return made


def make_portable(payload: Path, out: Path, version: str) -> Path:
    """Write the program as a zip with one folder in it, and return its path."""
    made = out / f"hdmea-studio-{version}-windows-portable.zip"
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path in files_of(payload):
            archive.write(path, f"HD-MEA Studio {version}/{path.relative_to(payload).as_posix()}")
    return made


def write_sums(out: Path, made: Sequence[Path]) -> Path:
    """Write SHA256SUMS as ``sha256sum -c`` reads it, and return its path."""
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in made]
    sums = out / "SHA256SUMS"
    sums.write_bytes("".join(lines).encode())
    return sums


def main(argv: Sequence[str] | None = None) -> int:
    """Make the packages; return the exit code."""
    parser = argparse.ArgumentParser(description="Make the packages for Windows.")
    parser.add_argument("payload", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument(
        "--comp", choices=("zlib", "lzma"), default="zlib", help="lzma: smaller, for a release"
    )
    parser.add_argument("--target", help="kind of the installer itself, as NSIS names it")
    options = parser.parse_args(argv)
    payload, out = options.payload.resolve(), options.out.resolve()
    bad = problems(payload)
    if bad:
        sys.stderr.write("Not to be shipped:\n  " + "\n  ".join(bad) + "\n")
        return 1
    out.mkdir(parents=True, exist_ok=True)
    version = program_version()
    setup = make_setup(payload, out, version, options.comp, options.target)
    write_sums(out, [setup, make_portable(payload, out, version)])
    return 0


def program_version() -> str:
    """Return the version, from its one place."""
    sys.path.insert(0, str(HERE.parent))
    import contents

    return contents.version()


if __name__ == "__main__":
    sys.exit(main())
