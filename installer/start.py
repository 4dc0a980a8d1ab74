"""Where a packaged program starts: the window, or the command line if it was called ``hdmea``."""

import multiprocessing

multiprocessing.freeze_support()

import atexit  # noqa: E402 - a process of the pool has gone another way by now
import os  # noqa: E402
import shutil  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
from pathlib import Path  # noqa: E402

__all__ = ["keep_compiled_functions", "main"]


def keep_compiled_functions() -> Path:
    """Have numba keep what it compiles in the user's cache; return the folder.

    The folder of the program may be read-only. Each executable has a folder of its own, as numba takes a
    change of the executable for a change of the functions. Without a place to write in, what is compiled
    lasts as long as the program.
    """
    given = os.environ.get("NUMBA_CACHE_DIR")
    if given:
        return Path(given)
    import platformdirs

    cache = Path(platformdirs.user_cache_dir("hdmea-studio", appauthor=False))
    folder = cache / "compiled" / Path(sys.executable).stem
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="hdmea-studio-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    return folder


def main() -> int:
    """Start what the program was called as; return the exit code."""
    from hdmea_gui.engine import look_child

    if sys.argv[1:] == [look_child.COMMAND]:
        look_child.serve()
        return 0
    keep_compiled_functions()
    if Path(sys.argv[0]).stem.lower() == "hdmea":
        from hdmea.cli import main as command_line

        command_line()
        return 0
    from hdmea_gui.shell.app import main as window

    return window()


if __name__ == "__main__":
    sys.exit(main())
