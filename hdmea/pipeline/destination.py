"""Where results go: tried before a run needs it; and where they are kept if saving fails in the end.

A run may take hours. Whether its result can be written is therefore found out before its first step, by
making and removing a file with the longest name that writing needs: access rights, mounts, quotas and the
rules of network drives answer only to that. At the same time a second place is chosen.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hdmea.utils import drive
from hdmea.utils.atomic import check_free_space, refuse_irregular, temporary_path
from hdmea.utils.exceptions import HDMEAError, ResultsRescuedError, SessionError, StepCancelled
from hdmea.utils.fixes import Advice, Either, SaveAs
from hdmea.utils.notices import fix_of, reason_of

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession

__all__ = ["Destination", "check_target", "prepare", "rescue", "rescue_folders", "rescued_files"]

logger = logging.getLogger(__name__)

_SPARE_NBYTES = 16 << 20


def check_target(target: Path, nbytes: int = 0, *, is_copied: bool = False) -> None:
    """Raise unless a file can be written; make its folder.

    Parameters
    ----------
    target
        The file.
    nbytes
        How much space it will take.
    is_copied
        Whether writing begins with a copy of the file that exists; it takes its size too, except on drives
        that share the blocks of copies.

    Raises
    ------
    SessionError
        If the folder cannot be made or written to, the name is too long, something other than a file is in
        the way, or the space does not suffice.
    """
    try:
        real = Path(os.path.realpath(target))
        # A step on a file changes what the link leads to, which is a result.
        refuse_irregular(real if is_copied else target)
        real.parent.mkdir(parents=True, exist_ok=True)
        if os.name == "posix" and real.exists():
            _refuse_protected(real)
        shares = _try(real)
    except ValueError as error:
        raise SessionError(f"{str(target)!r} cannot be the name of a file.", fix=SaveAs()) from error
    except OSError as error:
        if isinstance(error, HDMEAError):
            raise
        fix = Either((fix_of(error), SaveAs()))
        raise SessionError(
            f"{target} cannot be written: {reason_of(error)}.", path=target, fix=fix
        ) from error
    copied = real.stat().st_size if is_copied and not shares and real.is_file() else 0
    check_free_space(real, nbytes + copied)


def _refuse_protected(path: Path) -> None:
    """Raise OSError if a folder can be written but a file in it not replaced."""
    folder, file = os.stat(path.parent), os.stat(path)
    if folder.st_mode & stat.S_ISVTX and os.geteuid() not in (0, folder.st_uid, file.st_uid):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), str(path))
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
    except OSError as error:
        # A file without the right to write it is replaced all the same, one that is immutable is not.
        if error.errno == errno.EPERM:
            raise


def _try(target: Path) -> bool:
    """Make and remove a file as writing `target` does; return whether it could share the target's blocks."""
    part = temporary_path(target)
    descriptor = drive.create(part)
    try:
        if not target.is_file():
            return False
        with open(target, "rb") as present:
            return drive.clone(present.fileno(), descriptor)
    except OSError:
        return False  # of a file that cannot be read, the step itself says more
    finally:
        os.close(descriptor)
        try:
            drive.remove(part)
        except OSError:
            # Where nothing can be removed nothing can be replaced. Windows refuses for a moment, too.
            if os.name == "posix":
                raise


# -- where results are kept if saving fails ----------------------------------------------------------------


@dataclass(frozen=True)
class Destination:
    """Where a run saves its results, and the folder where they are kept if that fails.

    Attributes
    ----------
    target
        The result file.
    refuge
        A folder; None if no other one can be written to.
    """

    target: Path
    refuge: Path | None = None

    @contextlib.contextmanager
    def keeping(self, session: PipelineSession) -> Iterator[None]:
        """Keep the results of `session` elsewhere if what the block writes cannot be written.

        Raises
        ------
        ResultsRescuedError
            If that was so; it says where they are.
        """
        try:
            yield
        except StepCancelled:
            raise
        except (HDMEAError, OSError, MemoryError, RuntimeError) as error:
            kept = rescue(session, self.target, self.refuge)
            if kept is None:
                raise
            why = error.message if isinstance(error, HDMEAError) else f"{self.target} cannot be written."
            raise ResultsRescuedError(
                f"{why} All results are kept in {kept}.",
                path=self.target,
                rescued=kept,
                fix=Advice("Open that file and save it in a place of your choice."),
            ) from error


def prepare(target: Path, nbytes: int = 0, *, is_copied: bool = False) -> Destination:
    """Check that a file can be written, and choose where its content is kept if that fails in the end.

    Parameters
    ----------
    target, nbytes, is_copied
        As of `check_target`.

    Raises
    ------
    SessionError
        As of `check_target`.
    """
    check_target(target, nbytes, is_copied=is_copied)
    return Destination(target, next(_refuges(target, nbytes), None))


def rescue(session: PipelineSession, target: Path, first: Path | None = None) -> Path | None:
    """Write all of a session to the first place that takes it; None if there is none.

    Parameters
    ----------
    session
        The session; it is not changed.
    target
        The file that could not be written.
    first
        The folder that was chosen before the run.
    """
    stem = re.sub(r'[\\/:*?"<>|\x00-\x1f]', "_", session.dataset_id)[:100]
    name = f"{stem}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.h5"
    folders = [folder for folder in [first] if folder is not None]
    for folder in [*folders, *(folder for folder in _refuges(target, 0) if folder not in folders)]:
        try:
            path = session.checkpoint(folder / name, checkpoint_name="rescued", overwrite=False)
        except (HDMEAError, OSError, MemoryError, RuntimeError) as error:
            logger.debug("The results cannot be kept in %s: %s", folder, error)
        else:
            logger.warning("The results are kept in %s", path)
            _note(path)
            return path
    return None


def _note(path: Path) -> None:
    """Let the window find results that are in none of the user's own folders."""
    own = rescue_folders()
    for folder in own if path.parent not in own else []:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            (folder / f"{path.stem}.txt").write_text(f"{path}\n", encoding="utf-8")
        except (OSError, ValueError):
            continue
        return


def rescued_files() -> list[Path]:
    """Return the results that were kept because they could not be saved where they were asked for."""
    found: list[Path] = []
    for folder in rescue_folders():
        try:
            if not _is_mine(folder):
                continue
            notes = [note.read_text(encoding="utf-8").strip() for note in folder.glob("*.txt")]
            found += [path for path in (*folder.glob("*.h5"), *map(Path, notes)) if path.is_file()]
        except (OSError, ValueError):
            continue
    return found


def rescue_folders() -> list[Path]:
    """Return the folders of this user where results are kept, whether or not they exist."""
    import platformdirs

    data = platformdirs.user_data_path("hdmea-studio", appauthor=False) / "rescued"
    user = str(os.getuid()) if hasattr(os, "getuid") else "results"
    # Without a home the first is relative: results would go to wherever the program was started.
    return [folder for folder in (data, _temporary() / f"hdmea-rescued-{user}") if folder.is_absolute()]


def _temporary() -> Path:
    try:
        return Path(tempfile.gettempdir()).absolute()
    except OSError:
        return Path()


def _refuges(target: Path, nbytes: int) -> Iterator[Path]:
    """Yield the folders that take a file of `nbytes`: the user's own, then those above the output folder."""
    own = rescue_folders()
    above = Path(os.path.realpath(target)).parent.parents
    for folder in [*own, *above]:
        try:
            if folder in own:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                if not _is_mine(folder):
                    continue
            _try(folder / "results.h5")
            if shutil.disk_usage(folder).free >= nbytes + _SPARE_NBYTES:
                yield folder
        except OSError:
            continue


def _is_mine(folder: Path) -> bool:
    """Return whether a folder is one, no link, and no one else's: the temporary folder is everyone's."""
    found = os.lstat(folder)
    return stat.S_ISDIR(found.st_mode) and (not hasattr(os, "getuid") or found.st_uid == os.getuid())
