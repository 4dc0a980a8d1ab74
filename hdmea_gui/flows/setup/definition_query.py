"""What the form of a stimulus asks of the engine: preview, comparison with the movie, files."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pydantic
from numpy.typing import NDArray

from hdmea.stimuli.definition import StimulusDefinition, read_definition, write_definition
from hdmea.stimuli.library import StimulusLibrary, library_to_write
from hdmea.stimuli.movies import movie_levels
from hdmea.stimuli.render import can_be_rendered, rendered_levels, write_movie
from hdmea.stimulus_setup import Block, RecordedStimulus, renewed, trial_frames
from hdmea.stimulus_setup.check_definition import check_movie
from hdmea.stimulus_setup.forms import FORMS, FileNoise, StimulusForm, form_of
from hdmea.utils.exceptions import ExistingFileError, HDMEAError
from hdmea.utils.notices import said
from hdmea.utils.text_files import read_text
from hdmea.utils.whole_file import whole_file, write_whole
from hdmea_gui.engine.snapshot import FieldSpec, StepSpec
from hdmea_gui.engine.words import WINDOW

if TYPE_CHECKING:
    from hdmea_gui.engine.jobs import JobContext
    from hdmea_gui.engine.workspace import Workspace

__all__ = [
    "CopyQuery",
    "DefinitionQuery",
    "FormFound",
    "ImportQuery",
    "OccupiedFile",
    "Preview",
    "PreviewQuery",
    "RenewQuery",
    "SaveQuery",
    "WriteMovieJob",
    "form_spec",
]

_MOST_POINTS = 4000


@dataclass(frozen=True)
class FormFound:
    """The definition of a movie as far as there is one.

    Attributes
    ----------
    form, values
        Name of its form and values that differ from the defaults; empty if it was not made by one.
    path
        Its file, None without one.
    about
        What the user reads of it.
    is_foreign
        Whether it was not made with a form.
    """

    form: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    path: Path | None = None
    about: str = ""
    is_foreign: bool = False


@dataclass(frozen=True)
class DefinitionQuery:
    """The definition of a movie, where every step finds it."""

    movie: str
    chosen: Mapping[str, str] = field(default_factory=dict)

    def answer(self, workspace: Workspace) -> FormFound:
        """Return it; what cannot be read is said."""
        path = _library(workspace, self.chosen).definition_path(self.movie)
        if path is None:
            return FormFound(about=f"{self.movie} has no definition yet.")
        try:
            return _found(read_definition(path, self.movie), path)
        except HDMEAError as error:
            return FormFound(path=path, about=said(error, WINDOW))


@dataclass(frozen=True)
class ImportQuery:
    """A definition in a file."""

    path: Path
    title: str = "Reading the definition"

    def answer(self, workspace: Workspace) -> FormFound:
        """Return it; raises what `read_definition` raises."""
        return _found(read_definition(self.path), self.path)


@dataclass(frozen=True, eq=False)
class Preview:
    """What a form gives.

    Attributes
    ----------
    problem
        Why it gives nothing; empty if it does.
    about
        What comes of it, as the user reads it.
    levels, movie
        float64: level of each frame by the form (0 to 1), and in the movie's file; empty without.
    trials
        int64 (n, 2) first and last + 1 frame of each trial.
    verdict, fits
        What the comparison with the movie's file says; None without one.
    can_write
        Whether the movie can be made from the form.
    """

    problem: str = ""
    about: str = ""
    levels: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    movie: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    trials: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 2), np.int64))
    verdict: str = ""
    fits: bool | None = None
    can_write: bool = False


@dataclass(frozen=True)
class PreviewQuery:
    """What a form with these values gives, and whether the movie of that name agrees."""

    form: type[StimulusForm]
    values: Mapping[str, Any]
    chosen: Mapping[str, str] = field(default_factory=dict)

    def answer(self, workspace: Workspace) -> Preview:
        """Return it; what is wrong is said in it."""
        try:
            definition = self.form.model_validate(dict(self.values)).definition()
        except pydantic.ValidationError:
            # What is wrong with a single value is said beside it.
            return Preview("The durations give no trial.")
        except (HDMEAError, OSError) as error:
            return Preview(said(error, WINDOW))
        path = _library(workspace, self.chosen).find_movie(definition.name or "")
        layout = definition.section_kwargs
        length = definition.movie_length or layout.end_frame
        trial, rate = layout.trial_length_frame, float(self.values.get("frame_rate_hz", 60.0))
        about = (
            f"{definition.name}: {_count(layout.n_trials, 'trial')} of {trial} frames "
            f"({trial / rate:.2f} s), movie of {length} frames ({length / rate:.1f} s) at {rate:g} frames/s."
        )
        block = Block(definition.name or "", 0, length, "hand")
        found = Preview(about=about, trials=trial_frames(block, layout))
        if can_be_rendered(definition):
            found = replace(found, levels=rendered_levels(definition), can_write=True)
        elif self.form is FileNoise:
            found = replace(found, can_write=True)
        if path is None:
            return replace(found, verdict="There is no movie file of this name to compare with.")
        try:
            check = check_movie(definition, path)
            return replace(found, movie=movie_levels(path), verdict=check.text, fits=check.fits)
        except (HDMEAError, OSError) as error:
            return replace(found, verdict=said(error, WINDOW), fits=False)


@dataclass(frozen=True)
class OccupiedFile:
    """Nothing was written: the file exists already and was not to be replaced."""

    path: Path


@dataclass(frozen=True)
class SaveQuery:
    """Write the definition that a form gives.

    Attributes
    ----------
    form, values
        The form.
    path
        Where to; None: into the library, or beside the recording.
    in_library
        Which of both.
    overwrite
        Replace a file that exists.
    """

    form: type[StimulusForm]
    values: Mapping[str, Any]
    path: Path | None = None
    in_library: bool = True
    overwrite: bool = False
    title: str = "Writing the definition"

    def answer(self, workspace: Workspace) -> Path | OccupiedFile:
        """Return the file, or that it exists and was not replaced."""
        definition = self.form.model_validate(dict(self.values)).definition()
        path = (
            self.path
            or _folder(workspace, self.in_library) / "config" / "stimuli" / f"{definition.name}.json"
        )
        try:
            return write_definition(definition, path, overwrite=self.overwrite)
        except ExistingFileError:
            return OccupiedFile(path)


@dataclass(frozen=True)
class CopyQuery:
    """Copy a definition that was not made with a form, as it is."""

    path: Path
    in_library: bool = True
    overwrite: bool = False
    title: str = "Copying the definition"

    def answer(self, workspace: Workspace) -> Path | OccupiedFile:
        """Return the file, or that it exists and was not replaced."""
        target = _folder(workspace, self.in_library) / "config" / "stimuli" / self.path.name
        if target.exists() and not self.overwrite:
            return OccupiedFile(target)
        write_whole(target, read_text(self.path))
        return target


@dataclass(frozen=True)
class WriteMovieJob:
    """Write the movie that a form gives, for the rig; of noise in a file, copy that file."""

    form: type[StimulusForm]
    values: Mapping[str, Any]
    in_library: bool = True
    overwrite: bool = False
    title: str = "Writing the movie"

    def run(self, workspace: Workspace, ctx: JobContext) -> Path | OccupiedFile:
        """Return the file, or that it exists and was not replaced."""
        definition = self.form.model_validate(dict(self.values)).definition()
        path = _folder(workspace, self.in_library) / "stimuli" / f"{definition.name}.npy"
        if path.exists() and not self.overwrite:
            return OccupiedFile(path)
        ctx.progress_or_stop(0.0, path.name)
        if self.form is FileNoise:
            with whole_file(path) as file, Path(str(self.values["movie_path"])).open("rb") as given:
                shutil.copyfileobj(given, file)
            return path
        return write_movie(definition, path)


@dataclass(frozen=True, eq=False)
class RenewQuery:
    """What is known of a recording, with one movie and its definition read again."""

    known: RecordedStimulus
    movie: str
    chosen: Mapping[str, str] = field(default_factory=dict)

    def answer(self, workspace: Workspace) -> RecordedStimulus:
        """Return it."""
        return renewed(self.known, self.movie, _library(workspace, self.chosen))


def form_spec(form: type[StimulusForm], durations: str) -> StepSpec:
    """Return the declaration of a form for the window, with the unit of its durations.

    Parameters
    ----------
    form
        One of `FORMS`.
    durations
        "frames" or "seconds".
    """
    from hdmea.declare.parameters import field_extra
    from hdmea_gui.engine.forms import describe_fields

    def with_unit(described: FieldSpec) -> FieldSpec:
        if not field_extra(form.model_fields[described.name]).get("duration"):
            return described
        unit, decimals = ("s", 2) if durations == "seconds" else ("frames", 0)
        return replace(described, unit=unit, decimals=decimals)

    fields = tuple(map(with_unit, describe_fields(form)))
    summary = (form.__doc__ or form.title).strip().partition("\n")[0]
    return StepSpec(form.form_name(), form.title, summary, (), fields, form)


def thinned(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return frames and values to draw: smallest and largest of each column where there are many."""
    if values.size <= _MOST_POINTS:
        return np.arange(values.size, dtype=np.float64), values
    step = -(-2 * values.size // _MOST_POINTS)
    columns = values[: values.size // step * step].reshape(-1, step)
    frames = np.repeat(np.arange(len(columns), dtype=np.float64) * step, 2)
    return frames, np.column_stack((columns.min(axis=1), columns.max(axis=1))).ravel()


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _found(definition: StimulusDefinition, path: Path) -> FormFound:
    made = form_of(definition)
    n_trials = definition.section_kwargs.n_trials
    if made is not None:
        values = made.model_dump(mode="python", exclude_defaults=True)
        return FormFound(made.form_name(), values, path, f"From {path.name} in {path.parent}.")
    guess = next((form.form_name() for form in FORMS if form.kind == definition.kind), "")
    about = f"{path.name} in {path.parent} has {_count(n_trials, 'trial')} and was not made with this form."
    return FormFound(guess, {"name": definition.name or path.stem}, path, about, is_foreign=True)


def _library(workspace: Workspace, chosen: Mapping[str, str]) -> StimulusLibrary:
    session = workspace.session
    return StimulusLibrary.for_recording({} if session is None else session.source_files, **chosen)


def _folder(workspace: Workspace, in_library: bool) -> Path:
    session = workspace.session
    source = None
    if session is not None:
        source = session.source_files.get("cmcr_path") or session.source_files.get("cmtr_path")
    return library_to_write() if in_library or not source else Path(str(source)).parent
