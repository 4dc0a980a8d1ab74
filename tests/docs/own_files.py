"""Files that pages show: written into a folder, found as a file or as an installed package, and run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.docs.blocks import ROOT, python_blocks

__all__ = ["Shown", "file_of"]


def file_of(page: str) -> str:
    """Return the file that a page shows under "A complete example"."""
    return python_blocks(page)["A complete example"].lstrip("\n")


class Shown:
    """The file of a page in a folder, announced there as the entry point of an installed package.

    Parameters
    ----------
    folder
        An empty folder.
    page
        Path of the page.
    group
        Group of entry points; empty for a file that is not announced.
    """

    def __init__(self, folder: Path, page: str, group: str = "") -> None:
        self.folder = folder
        self.path = folder / f"{re.sub('[^a-z]', '_', Path(page).stem)}.py"
        folder.mkdir(parents=True, exist_ok=True)
        self.path.write_text(file_of(page), encoding="utf-8")
        if group:
            facts = folder / "my_lab-1.0.dist-info"
            facts.mkdir()
            (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: my-lab\nVersion: 1.0\n")
            (facts / "entry_points.txt").write_text(f"[{group}]\nmine = {self.path.stem}\n")

    def hdmea(self, *arguments: object) -> str:
        """Run the command line where the package is installed; return what it printed."""
        return self._run("-m", "hdmea", *map(str, arguments))

    def script(self, text: str) -> str:
        """Run a script where the package is installed; return what it printed."""
        return self._run("-c", text)

    def _run(self, *arguments: str) -> str:
        paths = [str(self.folder), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        done = subprocess.run(
            [sys.executable, "-W", "error", *arguments],
            capture_output=True,
            text=True,
            encoding="utf-8",
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONIOENCODING": "utf-8"},
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
