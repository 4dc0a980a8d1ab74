"""The compiler is found and read without being imported."""

from __future__ import annotations

import subprocess
import sys


def test_the_compiler_is_read_and_not_imported() -> None:
    program = (
        "import sys\n"
        "read = []\n"
        "sys.addaudithook(lambda event, args: read.append(str(args[0])) if event == 'open' else None)\n"
        "from hdmea_gui.engine.compiler import compiler_files, read_compiler\n"
        "files = compiler_files()\n"
        "read_compiler()\n"
        "assert 'llvmlite' not in sys.modules\n"
        "print(sum(path.stat().st_size for path in files), {str(path) for path in files} <= set(read))\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    size, was_read = done.stdout.split()
    assert int(size) > 10_000_000
    assert was_read == "True"
