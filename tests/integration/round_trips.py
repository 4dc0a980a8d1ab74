"""Sessions through all layouts and back: whatever the way, the session is the same and so is the file.

    python -m tests.integration.round_trips [--only NAME ...] [--shared FOLDER]

It runs all simulated variants and the demo, and of a folder with further recordings (``sample``,
``variants``) and result files (``lab_files``) those too, prints a line for each, and ends with code 1 if
anything differs.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from hdmea.pipeline import PipelineSession, create_session, run_flow
from hdmea.pipeline.session import SaveState
from hdmea.results import files
from hdmea.results.content import SessionContent
from hdmea.simulate import simulate_recording, write_demo
from hdmea.simulate.recipes import RECIPES
from tests.results.exact import assert_exact
from tests.results.same import assert_same
from tests.results.same_file import differences

CHAIN = ("columns", "lab", "lab-steps", "columns")
WAYS = tuple((first, second, first) for first, second in itertools.product(files.LAYOUTS, repeat=2))
ELSEWHERE = ("steps", "extra", "completed_steps", "warnings", "created_at", "dataset_id")


def assert_round_trip(session: PipelineSession, folder: Path, way: tuple[str, ...], *, lazy: bool) -> None:
    """Write a session in one layout after the other, each from what was read of the one before.

    Fails where a session that was read differs from the first one, or files of the same layout differ.
    """
    expected = session.content(SaveState.SAVED, checkpoint_name=None)
    content, written = expected, dict[str, Path]()
    for number, layout in enumerate(way):
        path = files.write_session(folder / f"{number}.h5", content, layout=layout).path
        content = files.read_session(path, lazy=lazy)
        content.outputs = expected.outputs
        if layout in written:
            assert differences(written[layout], path) == [], (layout, way)
        written[layout] = path
        if not lazy or number == len(way) - 1:
            assert_same_session(content, expected)


def assert_same_session(found: SessionContent, expected: SessionContent) -> None:
    """Fail where two sessions differ, apart from who wrote them and when."""
    for tree in ("units", "metadata", "stimulus", "source_files"):
        assert_exact(getattr(found, tree), getattr(expected, tree), tree)
    for name in ELSEWHERE:
        assert_same(getattr(found, name), getattr(expected, name), name)


def standard_session(cmcr: Path, cmtr: Path | None = None) -> PipelineSession:
    """Return a recording after all steps that it allows."""
    session = create_session(cmcr_path=cmcr, cmtr_path=cmtr)
    result = run_flow("standard", cmcr, cmtr, session=session)
    assert result.success, result.error
    return session


def simulated_session(name: str, folder: Path) -> PipelineSession:
    """Return the session of a simulated variant, or of the demo."""
    demo = write_demo(folder) if name == "demo" else simulate_recording(folder, RECIPES[name])
    return standard_session(demo.cmcr_path, demo.cmtr_path)


def shared_sessions(folder: Path) -> Iterator[tuple[str, Callable[[Path], PipelineSession]]]:
    """Yield names of further recordings and result files with what makes their sessions."""
    for cmcr in sorted(folder.glob("**/*.cmcr")):
        yield cmcr.stem, lambda scratch, cmcr=cmcr: standard_session(cmcr)
    for file in sorted(folder.glob("lab_files/*.h5")):
        yield file.stem, lambda scratch, file=file: PipelineSession.load(file)


def main() -> int:
    """Check all; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", help="names of variants")
    parser.add_argument("--shared", type=Path, help="folder with further recordings")
    options = parser.parse_args()
    logging.getLogger("hdmea").setLevel(logging.ERROR)
    failed = False
    makers: dict[str, Callable[[Path], PipelineSession]] = {
        name: lambda scratch, name=name: simulated_session(name, scratch) for name in (*RECIPES, "demo")
    }
    if options.shared is not None:
        makers |= dict(shared_sessions(options.shared))
    for name in makers if options.only is None else options.only:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            session = makers[name](folder / "recording")
            said = "the same in all layouts"
            try:
                for way, lazy in itertools.product((*WAYS, CHAIN), (False, True)):
                    assert_round_trip(session, folder, way, lazy=lazy)
            except AssertionError as error:
                failed, said = True, str(error)
            sys.stdout.write(f"{name}: {said}\n")
            sys.stdout.flush()
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
