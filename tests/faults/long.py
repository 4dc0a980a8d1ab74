"""The long run: every call of every operation, thousands of kills, ten thousand files, hours of the window.

    python -m tests.faults.long [--share 0.25] [--seed 1] [--parts faults kills quotas files windows]

Whatever the share is, each call of each operation fails and is killed at; the share says with how many of
the kinds of failure. It prints one line per part, and ends with code 1 if anything was lost, silent, crashed,
hung or foreign.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.faults.fuzz import fuzz
from tests.faults.operations import OPERATIONS
from tests.faults.trials import compiled, in_child

_PARTS = ("faults", "kills", "quotas", "files", "windows")
_KINDS_OF_FAILURE = {"faults": 9, "kills": 2}
_QUOTAS = 40
_FILES = 10_000
_WINDOWS = 120
_CYCLES = 200


def main() -> int:
    """Run all parts; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="Part of the kinds of failure.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--parts", nargs="*", choices=_PARTS, default=_PARTS)
    found = parser.parse_args()
    failed = False

    def say(part: str, result: dict[str, Any]) -> None:
        nonlocal failed
        failed = failed or bool(result["problems"])
        sys.stdout.write(f"{part}: {json.dumps(result['counts'])}\n")
        sys.stdout.writelines(f"    {problem}\n" for problem in result["problems"])
        sys.stdout.flush()

    def some(most: int, at_least: int = 1) -> str:
        return str(max(at_least, round(most * found.share)))

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        library = compiled(folder)
        seed = ("--seed", str(found.seed))
        for kind, number in _KINDS_OF_FAILURE.items():
            for operation in OPERATIONS if kind in found.parts else ():
                arguments = ("--each", some(number), *seed, "--operations", operation)
                say(f"{kind}, {operation}", in_child(kind, folder, *arguments))
                if library is not None:
                    result = in_child(kind, folder, "--reads", *arguments, library=library)
                    say(f"{kind} of the C library, {operation}", result)
        for operation in OPERATIONS if "quotas" in found.parts else ():
            arguments = ("--most", some(_QUOTAS), *seed, "--operations", operation)
            say(f"quotas, {operation}", in_child("quotas", folder, *arguments))
        if "files" in found.parts:
            say("files", fuzz(int(some(_FILES)), found.seed))
        for what, most in (("kills", _WINDOWS), ("cycles", _CYCLES)) if "windows" in found.parts else ():
            arguments = ("--most", some(most, 8), *seed)
            say(f"{what} of the window", in_child(what, folder, *arguments, module="tests.faults.window"))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
