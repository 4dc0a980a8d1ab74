"""Opening what was dropped: pairs are found, results are loaded, the rest is refused with a reason."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hdmea_gui.controller.snapshot import Card, OpenResult, Refused
from hdmea_gui.jobs import JobContext
from hdmea_gui.texts import size_text

if TYPE_CHECKING:
    from hdmea_gui.controller.workspace import Workspace

__all__ = ["RESULT_SUFFIXES", "SOURCE_SUFFIXES", "open_paths"]

SOURCE_SUFFIXES = (".cmcr", ".cmtr")
RESULT_SUFFIXES = (".h5", ".hdf5")
_ONE_AT_A_TIME = "one recording is open at a time; open this one afterwards"


def open_paths(workspace: Workspace, paths: Sequence[Path], ctx: JobContext) -> OpenResult:
    """Open the first recording or result among `paths`; what is left out is named with the reason.

    The session that was open stays if nothing can be opened.
    """
    files, refused = _expand(paths)
    results = [path for path in files if path.suffix.lower() in RESULT_SUFFIXES]
    sources = [path for path in files if path.suffix.lower() in SOURCE_SUFFIXES]
    opened: OpenResult | None = None
    if sources:
        opened = _open_sources(workspace, sources, refused, ctx)
    for path in results:
        if opened is None:
            opened = _open_result(workspace, path, refused, ctx)
        else:
            refused.append(Refused(path, _ONE_AT_A_TIME))
    if opened is None:
        return OpenResult(None, refused=tuple(refused))
    return OpenResult(opened.state, opened.card, (*opened.refused, *refused), opened.notes)


def _expand(paths: Sequence[Path]) -> tuple[list[Path], list[Refused]]:
    files: list[Path] = []
    refused: list[Refused] = []
    known = (*SOURCE_SUFFIXES, *RESULT_SUFFIXES)
    for path in paths:
        if path.is_dir():
            inside = sorted(entry for entry in path.iterdir() if entry.suffix.lower() in known)
            files += inside
            if not inside:
                refused.append(Refused(path, f"the folder holds no {', '.join(known)} file"))
        elif not path.exists():
            refused.append(
                Refused(path, "there is no such file; was it moved, or is the drive not connected?")
            )
        elif path.suffix.lower() in known:
            files.append(path)
        else:
            refused.append(Refused(path, f"only {', '.join(known)} files and folders can be opened"))
    return files, refused


def _open_result(
    workspace: Workspace, path: Path, refused: list[Refused], ctx: JobContext
) -> OpenResult | None:
    from hdmea.pipeline.session import PipelineSession
    from hdmea.utils.exceptions import HDMEAError

    ctx.progress(0.0, f"opening {path.name}")
    try:
        session = PipelineSession.load(path, lazy=True, progress=ctx.progress_or_stop)
    except (HDMEAError, OSError) as error:
        refused.append(Refused(path, str(error)))
        return None
    with ctx.commit():
        return OpenResult(workspace.adopt(session, (path,)))


def _open_sources(
    workspace: Workspace, paths: list[Path], refused: list[Refused], ctx: JobContext
) -> OpenResult | None:
    from hdmea.io.pairing import find_partner, sort_pair
    from hdmea.pipeline.session import create_session

    opened: OpenResult | None = None
    for cmcr, cmtr in sort_pair(paths):
        if opened is not None:
            refused += [Refused(path, _ONE_AT_A_TIME) for path in (cmcr, cmtr) if path is not None]
            continue
        notes = []
        if cmcr is None or cmtr is None:
            alone = cmcr or cmtr
            assert alone is not None
            partner = find_partner(alone)
            wanted = ".cmtr" if cmtr is None else ".cmcr"
            if partner.path is None:
                notes.append(f"{alone.name} is opened without a {wanted} file: {partner.reason}.")
            else:
                notes.append(f"{partner.path.name} belongs to it ({partner.reason}).")
            cmcr, cmtr = cmcr or partner.path, cmtr or partner.path
        ctx.progress(0.3, "looking into the files")
        cmcr, cmtr, card = _look_into(cmcr, cmtr, refused)
        if card is None:
            continue
        folder = (cmtr or cmcr or Path()).parent
        session = create_session(None, cmcr, cmtr, folder)
        session.set_source_files(cmcr, cmtr)
        session.mark_clean()
        used = tuple(path for path in (cmcr, cmtr) if path is not None)
        with ctx.commit():
            opened = OpenResult(workspace.adopt(session, used), card, notes=tuple(notes))
    return opened


def _look_into(
    cmcr: Path | None, cmtr: Path | None, refused: list[Refused]
) -> tuple[Path | None, Path | None, Card | None]:
    """Return the files that can be read, and what is inside."""
    import psutil

    from hdmea.io.cmcr import CmcrReader
    from hdmea.io.cmtr import CmtrReader
    from hdmea.pipeline.loading import memory_estimate_gb
    from hdmea.utils.exceptions import HDMEAError

    needed_gb = 0.0
    lines: list[tuple[str, str]] = []
    warnings: list[str] = []
    if cmcr is not None:
        try:
            with CmcrReader(cmcr) as raw:
                info = raw.info
            needed_gb += memory_estimate_gb(info, None)
            lines += [
                ("Raw recording", f"{cmcr.name} ({size_text(cmcr.stat().st_size)})"),
                ("Duration", f"{info.duration_s:.1f} s at {info.sampling_rate:,.0f} Hz"),
                ("Light channels", str(len(info.light_labels)) if info.light_labels else "none"),
            ]
            warnings += info.warnings
        except (HDMEAError, OSError) as error:
            refused.append(Refused(cmcr, str(error)))
            cmcr = None
    if cmtr is not None:
        try:
            with CmtrReader(cmtr) as sorting:
                n_units, said = sorting.info.n_units, sorting.info.warnings
                needed_gb += memory_estimate_gb(None, sorting)
            lines += [
                ("Spike-sorted file", f"{cmtr.name} ({size_text(cmtr.stat().st_size)})"),
                ("Sorted units", str(n_units)),
            ]
            warnings += said
        except (HDMEAError, OSError) as error:
            refused.append(Refused(cmtr, str(error)))
            cmtr = None
    if cmcr is None and cmtr is None:
        return None, None, None
    free_gb = psutil.virtual_memory().available / 1e9
    lines.append(("Memory", f"needs about {size_text(needed_gb * 1e9)} of {free_gb:.1f} GB free"))
    if cmcr is None:
        warnings.append("Without the .cmcr there are no light channels: no section times, no averages.")
    if cmtr is None:
        warnings.append("Without the .cmtr there are no units.")
    title = (cmtr or cmcr or Path()).stem.rstrip("-")
    return cmcr, cmtr, Card(title, tuple(lines), tuple(warnings))
