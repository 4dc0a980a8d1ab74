"""The long run: every call of every operation, thousands of kills, ten thousand files, hours of the window.

    python -m tests.faults.long [--share 0.1] [--seed 1]

It prints one line per part, and ends with code 1 if anything was lost, silent, crashed, hung or foreign.
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

_KILLS = 100
_QUOTAS = 40
_FILES = 10_000
_WINDOWS = 120
_CYCLES = 200
_CALLS_OF_ONE = 4_000


def main() -> int:
    """Run all parts; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="Part of all tries that is run.")
    parser.add_argument("--seed", type=int, default=1)
    found = parser.parse_args()
    failed = False

    def say(part: str, result: dict[str, Any]) -> None:
        nonlocal failed
        failed = failed or bool(result["problems"])
        sys.stdout.write(f"{part}: {json.dumps(result['counts'])}\n")
        sys.stdout.writelines(f"    {problem}\n" for problem in result["problems"])
        sys.stdout.flush()

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        library = compiled(folder)
        for kind, most in (("faults", _CALLS_OF_ONE), ("kills", _KILLS), ("quotas", _QUOTAS)):
            arguments = ["--most", str(max(1, round(most * found.share))), "--seed", str(found.seed)]
            for operation in OPERATIONS:
                say(f"{kind}, {operation}", in_child(kind, folder, *arguments, "--operations", operation))
                if library is not None and kind != "quotas":
                    result = in_child(
                        kind, folder, *arguments, "--reads", "--operations", operation, library=library
                    )
                    say(f"{kind} of the C library, {operation}", result)
        for what, most in (("kills", _WINDOWS), ("cycles", _CYCLES)):
            arguments = ["--most", str(max(8, round(most * found.share))), "--seed", str(found.seed)]
            say(f"{what} of the window", in_child(what, folder, *arguments, module="tests.faults.window"))
    say("files", fuzz(round(_FILES * found.share), found.seed))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
