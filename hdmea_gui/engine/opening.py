"""Opening what was dropped: pairs are found, results are loaded, the rest is refused with a reason."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hdmea.utils.exceptions import DataLoadError, HDMEAError
from hdmea.utils.fixes import Advice
from hdmea.utils.notices import said
from hdmea_gui.engine.inspection import inspect_sources
from hdmea_gui.engine.jobs import JobContext
from hdmea_gui.engine.snapshot import Candidate, OpenResult, Refused
from hdmea_gui.engine.words import WINDOW

if TYPE_CHECKING:
    from hdmea_gui.engine.workspace import Workspace

__all__ = ["RESULT_SUFFIXES", "open_paths", "readable_suffixes"]

RESULT_SUFFIXES = (".h5", ".hdf5")


def open_paths(workspace: Workspace, paths: Sequence[Path], ctx: JobContext) -> OpenResult:
    """Open the recording or result among `paths`; of several, say which there are and open none.

    The session that was open stays if nothing is opened. What cannot be used is named with the reason.
    """
    files, refused = _expand(paths)
    found = _candidates(files)
    if len(found) > 1:
        return OpenResult(None, refused=tuple(refused), candidates=found)
    opened: OpenResult | None = None
    for candidate in found:
        if candidate.is_source:
            opened = _open_sources(workspace, candidate.paths, refused, ctx)
        else:
            opened = _open_result(workspace, candidate.paths[0], refused, ctx)
    if opened is None:
        return OpenResult(None, refused=tuple(refused))
    return OpenResult(opened.state, opened.card, (*opened.refused, *refused), opened.notes)


def readable_suffixes() -> tuple[str, ...]:
    """Return the endings of the files that can be opened: those of the readers, then those of results."""
    from hdmea.recordings.reader import suffixes

    return (*suffixes(), *RESULT_SUFFIXES)


def _expand(paths: Sequence[Path]) -> tuple[list[Path], list[Refused]]:
    """Return the files that may be opened, each once, and what is refused already by its name."""
    files: list[Path] = []
    refused: list[Refused] = []
    for path in paths:
        try:
            files += [found for found in _files_of(path) if found not in files]
        except HDMEAError as error:
            refused.append(Refused(path, said(error, WINDOW)))
        except OSError as error:
            refused.append(Refused(path, f"it cannot be read: {error.strerror or error}"))
    return files, refused


def _files_of(path: Path) -> list[Path]:
    from hdmea.recordings.reader import find_reader

    known = readable_suffixes()
    listed = f"{', '.join(known[:-1])} or {known[-1]}"
    if not path.exists():
        raise DataLoadError(
            "It does not exist.",
            fix=Advice("Check whether it was moved, and whether the drive is connected."),
        )
    if find_reader(path) is not None:
        return [path]
    if path.is_dir():
        inside = _known_inside(path, known)
        if not inside:
            # A day of experiments is often a folder of folders.
            below = [entry for entry in sorted(path.iterdir()) if entry.is_dir()]
            inside = [found for folder in below for found in _known_inside(folder, known)]
        if not inside:
            raise DataLoadError(
                f"The folder does not contain a {listed} file.",
                fix=Advice("Choose the folder with the recording."),
            )
        return inside
    if find_reader(path.parent) is not None:
        return [path.parent]
    if path.suffix.lower() not in known:
        kind = f"a {path.suffix} file" if path.suffix else "a file without an extension"
        raise DataLoadError(f"It is {kind}.", fix=Advice(f"Choose a {listed} file."))
    return [path]


def _known_inside(folder: Path, known: tuple[str, ...]) -> list[Path]:
    """Return files with these endings, and folders that a reader recognises."""
    from hdmea.recordings.reader import find_reader

    entries = sorted(folder.iterdir())
    files = [entry for entry in entries if entry.name.lower().endswith(known) and entry.is_file()]
    return [*files, *(entry for entry in entries if entry.is_dir() and find_reader(entry) is not None)]


def _candidates(files: Sequence[Path]) -> tuple[Candidate, ...]:
    """Return what could be opened, one entry for each recording and result."""
    from hdmea.recordings.pairing import find_partner, kind_of, sort_pair

    # A recording may be called .h5 like a result: its content tells.
    sources = [path for path in files if kind_of(path) is not None]
    pairs = sort_pair(sources)
    lone = [path for pair in pairs for path in pair if path is not None and None in pair]
    if len(pairs) == 2 and len(lone) == 2 and {kind_of(path) for path in lone} == {"cmcr", "cmtr"}:
        # Names that do not fit each other: a pair all the same, unless each has a partner of its own.
        first, second = (find_partner(path).path for path in lone)
        if first is None or second is None or (first, second) == (lone[1].absolute(), lone[0].absolute()):
            pairs = [_pair_of(lone)]
    found = [Candidate(tuple(path for path in pair if path is not None), is_source=True) for pair in pairs]
    results = [path for path in files if path not in sources]
    return (*found, *(Candidate((path,), is_source=False) for path in results))


def _pair_of(paths: Sequence[Path]) -> tuple[Path | None, Path | None]:
    """Return the raw recording and the sorted units among one or two paths, None for what does not exist."""
    from hdmea.recordings.pairing import kind_of

    by_kind = {kind_of(path): path for path in paths}
    return by_kind.get("cmcr"), by_kind.get("cmtr")


def _open_result(
    workspace: Workspace, path: Path, refused: list[Refused], ctx: JobContext
) -> OpenResult | None:
    from hdmea.pipeline.session import PipelineSession
    from hdmea.utils.exceptions import HDMEAError

    ctx.progress(0.0, f"opening {path.name}")
    try:
        session = PipelineSession.load(path, lazy=True, progress=ctx.progress_or_stop)
    except (HDMEAError, OSError) as error:
        refused.append(Refused(path, said(error, WINDOW)))
        return None
    nbytes = _nbytes((path,))
    with ctx.commit():
        return OpenResult(workspace.adopt(session, (path,), source_bytes=nbytes))


def _open_sources(
    workspace: Workspace, paths: Sequence[Path], refused: list[Refused], ctx: JobContext
) -> OpenResult | None:
    from hdmea.pipeline.session import create_session

    cmcr, cmtr, notes = _with_partner(*_pair_of(paths))
    ctx.progress(0.3, "inspecting the files")
    cmcr, cmtr, card = inspect_sources(cmcr, cmtr, refused)
    if card is None:
        return None
    folder = (cmtr or cmcr or Path()).parent
    session = create_session(None, cmcr, cmtr, folder)
    session.set_source_files(cmcr, cmtr)
    session.mark_clean()
    used = tuple(path for path in (cmcr, cmtr) if path is not None)
    nbytes = _nbytes(used)
    with ctx.commit():
        state = workspace.adopt(session, used, card.announced, nbytes)
        return OpenResult(state, card, notes=notes)


def _nbytes(paths: Sequence[Path]) -> int:
    from hdmea.recordings.reader import source_stamp

    try:
        return sum(source_stamp(path)[0] for path in paths)
    except OSError:
        return 0


def _with_partner(cmcr: Path | None, cmtr: Path | None) -> tuple[Path | None, Path | None, tuple[str, ...]]:
    """Return both files if the other one is beside the one that is given, and what to say about it."""
    from hdmea.pipeline.loading import resolve_sources
    from hdmea.recordings.pairing import find_partner

    try:
        sources = resolve_sources(cmcr, cmtr, {}, True)
    except (HDMEAError, OSError):
        # The file itself cannot be read: its partner may, and the inspection says why.
        partner = find_partner(cmcr or cmtr or Path()).path
        return cmcr or partner, cmtr or partner, ()
    return sources.cmcr, sources.cmtr, sources.notes
