"""What an exporter is, and how its files come into place whole or not at all.

```python
from pathlib import Path

from hdmea.exporters import ExportOptions, exporter


@exporter(name="spike_times", title="Spike times", suffixes=(".txt",))
def spike_times(session, target: Path, options: ExportOptions) -> None:
    ...
```

Command line and window list every exporter with its title, endings and options.
"""

from __future__ import annotations

import contextlib
import filecmp
import inspect
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hdmea.declare.parameters import Params, make_params
from hdmea.declare.registry import Registry
from hdmea.utils.atomic import exclusive, refuse_irregular, remove_leftovers, replacing, temporary_path
from hdmea.utils.exceptions import ConfigurationError, ExistingFileError, HDMEAError
from hdmea.utils.fixes import Advice, Replace
from hdmea.utils.notices import of_system

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession

__all__ = ["EXPORTERS", "ExportOptions", "ExportProgress", "Exporter", "export", "exporter", "exporters_for"]

ExportProgress = Callable[[float, str], None]
"""Called with a fraction (0 to 1) and a text; may raise to stop."""


class ExportOptions(Params):
    """Base of the options of an exporter, which has none by default; see `Params`."""


@dataclass(frozen=True, eq=False)
class Exporter:
    """A way out: its declaration and the function that writes the files (see `exporter` for the parts)."""

    name: str
    title: str
    suffixes: tuple[str, ...]
    options: type[ExportOptions]
    function: Callable[..., None]
    apart: bool = False

    @property
    def reports(self) -> bool:
        """Whether the function has a parameter `progress`."""
        return "progress" in inspect.signature(self.function).parameters

    @property
    def description(self) -> str:
        """First paragraph of the function's docstring, on one line."""
        return " ".join((self.function.__doc__ or self.title).strip().split("\n\n")[0].split())

    @property
    def module(self) -> str:
        """Name of the module that declares it."""
        return self.function.__module__


EXPORTERS: Registry[Exporter] = Registry("hdmea.exporters", Exporter, "hdmea.exporters", "exporter")
"""Every exporter: ours, those of installed packages, and those of a user's own files."""


def exporter(
    *,
    name: str,
    title: str,
    suffixes: Sequence[str],
    options: type[ExportOptions] = ExportOptions,
    apart: bool = False,
) -> Callable[[Callable[..., None]], Exporter]:
    """Declare the decorated function ``(session, target, options)`` as an exporter.

    If it has a fourth parameter `progress` (`ExportProgress`), it should call it often: this is where a long
    export stops when the user asks for it.

    The function writes the file or folder `target`, and further files beside it if it needs them. It works in
    a folder of its own: the files come into place when it has ended well, and after an error there are none.

    Parameters
    ----------
    name
        Short name, as in ``hdmea export --to``.
    title
        What a user sees: ``"Table of units (CSV)"``.
    suffixes
        Endings of `target`, with the dot and in lower case; the first one is proposed.
    options
        Model of the options.
    apart
        Whether it computes for so long that the window leaves it to a process of its own.
    """

    def declare(function: Callable[..., None]) -> Exporter:
        return Exporter(name, title, tuple(suffixes), options, function, apart)

    return declare


def exporters_for(target: str | Path) -> list[Exporter]:
    """Return the exporters that write files of this ending."""
    name = Path(target).name.lower()
    return [found for found in EXPORTERS if name.endswith(found.suffixes)]


def export(
    session: PipelineSession,
    kind: str | None,
    path: str | Path,
    *,
    overwrite: bool = False,
    progress: ExportProgress | None = None,
    **options: Any,
) -> list[Path]:
    """Write what a session contains as a file of another kind.

    Parameters
    ----------
    session
        A session; it is not changed.
    kind
        Name of the exporter; None: the only one that writes files of this ending.
    path
        The file to write.
    overwrite
        Replace files that exist.
    progress
        Told how far the export is; may raise to stop, in which case nothing is written.
    **options
        Options of the exporter.

    Returns
    -------
    list of pathlib.Path
        The files that were written, `path` first.

    Raises
    ------
    ConfigurationError
        If no exporter, or more than one, writes files of this ending, `kind` writes files of another, or a
        package that it needs is not installed.
    ValidationError
        If an option is not allowed.
    ExistingFileError
        If a file exists and `overwrite` is False; nothing is written. One beside `path` that says the same
        is shared: ``x_columns.csv`` describes both ``x.csv`` and ``x.parquet``.
    OSError
        If a file cannot be written; what was there is unchanged.
    """
    from hdmea.pipeline.run import blaming_file

    target = Path(path)
    chosen = _only(target) if kind is None else _named(kind, target)
    values = make_params(chosen.options, options, chosen.name)
    _refuse(target, overwrite)
    place = Path(os.path.realpath(target.parent)) / target.name
    raised: list[BaseException] = []
    with _told(target, raised), exclusive(place), contextlib.ExitStack() as stack:
        remove_leftovers(place)
        stage = temporary_path(place)
        stage.mkdir(mode=0o700)
        stack.callback(shutil.rmtree, stage, ignore_errors=True)

        def report(fraction: float, text: str) -> None:
            try:
                (progress or _ignore)(fraction, text)
            except BaseException as error:
                raised.append(error)
                raise

        report(0.0, chosen.title)
        with blaming_file(session, chosen.title, chosen.function, lambda: raised[-1] if raised else None):
            chosen.function(
                session, stage / target.name, values, **({"progress": report} if chosen.reports else {})
            )
        report(1.0, chosen.title)
        made = sorted(stage.iterdir(), key=lambda file: (file.name != target.name, file.name))
        if not made or made[0].name != target.name:
            raise ConfigurationError(
                f"The exporter {chosen.name!r} did not write {target.name}.",
                path=target,
                fix=Advice("Correct its function."),
            )
        written = [target.with_name(file.name) for file in made]
        changed = [(file, to) for file, to in zip(made, written, strict=True) if not _is_same(file, to)]
        for _, final in changed:
            _refuse(final, overwrite)
        for file, final in changed:
            if file.is_dir():
                os.replace(file, final)
                continue
            with replacing(place.with_name(final.name)) as part:
                os.replace(file, part)
    return written


@contextlib.contextmanager
def _told(target: Path, raised: Sequence[BaseException]) -> Iterator[None]:
    """Let errors of the system be ours; what a receiver of progress raised is passed on."""
    try:
        yield
    except OSError as error:
        if isinstance(error, HDMEAError) or error in raised:
            raise
        raise of_system(error, f"{target} cannot be written") from error


def _ignore(fraction: float, text: str) -> None:
    """Report progress to nobody."""


def _is_same(new: Path, there: Path) -> bool:
    return new.is_file() and there.is_file() and filecmp.cmp(new, there, shallow=False)


def _refuse(file: Path, overwrite: bool) -> None:
    if file.is_dir():
        # It may hold what a user has added since.
        said = f"{file} is a folder and is not replaced."
        raise ExistingFileError(said, path=file, fix=Advice("Choose another name."))
    if file.is_symlink():
        refuse_irregular(file)
    if file.exists() and not overwrite:
        raise ExistingFileError(f"{file} already exists.", path=file, fix=Replace())


def _only(target: Path) -> Exporter:
    found = exporters_for(target)
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(one.name for one in found)
        raise ConfigurationError(
            f"Files of the name {target.name} are written by several exporters: {names}.",
            path=target,
            fix=Advice(f"Choose one of them by its name: {names}."),
        )
    endings = sorted({suffix for one in EXPORTERS for suffix in one.suffixes})
    raise ConfigurationError(
        f"No exporter writes files of the name {target.name}.",
        path=target,
        fix=Advice(f"Let the name end in {', '.join(endings[:-1])} or {endings[-1]}."),
    )


def _named(name: str, target: Path) -> Exporter:
    chosen = EXPORTERS.get(name)
    if not target.name.lower().endswith(chosen.suffixes):
        raise ConfigurationError(
            f"The exporter {name!r} writes files that end in {' or '.join(chosen.suffixes)}, and "
            f"{target.name} does not.",
            path=target,
            fix=Advice("Choose a file with one of these endings, or another exporter."),
        )
    return chosen
