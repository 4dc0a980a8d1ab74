"""The commands: ``hdmea run | batch | study | info | health | features | export | convert | demo | …``."""

from __future__ import annotations

import dataclasses
import enum
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hdmea._version import __version__
from hdmea.cli.batch import batch, batch_worker, study
from hdmea.cli.health import health, health_worker
from hdmea.cli.settings import Debug, Plugins, parse_settings, register_plugins, setting
from hdmea.cli.terminal import EXIT_FAILED, Bars, cancel_on_interrupt, errors_told
from hdmea.cli.words import COMMAND_LINE
from hdmea.utils.citation import citation
from hdmea.utils.exceptions import (
    ExistingFileError,
    HDMEAError,
    StepCancelled,
    ValidationError,
)
from hdmea.utils.fixes import Advice, Either, Replace, SaveAs
from hdmea.utils.notices import said, told

if TYPE_CHECKING:
    from hdmea.features import Extractor
    from hdmea.pipeline.context import StepRun
    from hdmea.pipeline.destination import Destination
    from hdmea.pipeline.flows import FlowOptions
    from hdmea.pipeline.results import FlowResult
    from hdmea.pipeline.session import PipelineSession

__all__ = ["app", "main"]

app = typer.Typer(
    name="hdmea",
    help="From CMOS-MEA5000 recordings to results that can be published.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)

_PAIR = (
    "One or both files of the pair; the other is found in the same folder. Sorted units can be a Phy folder."
)
_SHEET = (
    "What is known of the recording: YAML with one “name: value” per line, or a CSV or Excel table with a "
    "row per recording."
)


_OUTPUT = "Result file, with .h5 added to a name without ending; default: <recording>.h5 here."


class Layout(enum.StrEnum):
    """Layouts of result files."""

    COLUMNS = "columns"
    LAB = "lab"
    LAB_STEPS = "lab-steps"


def main() -> None:
    """Run the command line; the entry point ``hdmea``."""
    app()


@app.callback(invoke_without_command=True)
def _common(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    cite: Annotated[bool, typer.Option("--citation", help="Print how to cite the program.")] = False,
) -> None:
    if version or cite:
        typer.echo(__version__ if version else citation())
        raise typer.Exit


@app.command()
def run(
    recording: Annotated[
        list[Path] | None,
        typer.Argument(metavar="CMCR [CMTR]", help=_PAIR),
    ] = None,
    flow: Annotated[str, typer.Option(help="Name of a flow, or a JSON file.")] = "standard",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help=_OUTPUT),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing result file.")] = False,
    name: Annotated[
        str | None, typer.Option(help=("Name of the recording; default: from the file names."))
    ] = None,
    checkpoint_each: Annotated[
        bool, typer.Option("--checkpoint-each", help="Write OUTPUT.checkpoint.h5 after each step.")
    ] = False,
    resume: Annotated[Path | None, typer.Option(help="Continue from this checkpoint.")] = None,
    layout: Annotated[
        Layout | None,
        typer.Option(
            help="Layout of the result file; default: HDMEA_LAYOUT, else that of the settings, else columns."
        ),
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="STEP.PARAM=VALUE", help="Set a parameter of a step.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Recompute the results in the checkpoint.")] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help=("Number of threads; default: all processors."))
    ] = None,
    require_stimulus: Annotated[
        bool,
        typer.Option("--require-stimulus", help="Exit with an error if nothing says what was shown."),
    ] = False,
    sheet: Annotated[Path | None, typer.Option(help=_SHEET)] = None,
    plugins: Plugins = None,
    debug: Debug = False,
) -> None:
    """Run a flow on one recording and write its result file."""
    with errors_told(debug), cancel_on_interrupt() as cancel:
        from hdmea.declare import get_step
        from hdmea.features.science.compiled import compiling_ahead
        from hdmea.pipeline.flows import (
            FlowOptions,
            execute_flow,
            load_flow,
            prepare_flow,
            waiting_for_stimulus,
        )

        register_plugins(plugins)
        chosen = load_flow(flow)
        overrides = parse_settings(settings or [])
        session, sources = _open(recording or [], resume, name)
        target = Path(f"{session.dataset_id}.h5") if output is None else _with_suffix(output)
        _refuse_existing(target, overwrite)
        session.output_dir = target.parent
        if sheet is not None:
            from hdmea.study.recordings import read_sheet

            session.add_metadata({"sheet": read_sheet(sheet, session)})
        for item in chosen.steps:
            if get_step(item.step).creates:
                overrides[item.step] = {**sources, **overrides.get(item.step, {})}
        chosen = chosen.with_parameters(overrides)
        chosen.check_parameters()
        destination = prepare_flow(session, chosen, target)
        with Bars() as bars:
            checkpoint = _Checkpointer(session, target) if checkpoint_each else None
            options = FlowOptions(force, force, bars.show, cancel, workers, checkpoint)
            with compiling_ahead():
                result = execute_flow(session, chosen, options)
            _finish(session, result, destination, overwrite, bars, options, layout)
        waiting = waiting_for_stimulus(result)
        if waiting:
            typer.echo(
                f"{len(waiting)} steps need the stimulus: {', '.join(waiting)}. "
                "`hdmea stimuli` finds out from the recorded light what was shown.",
                err=True,
            )
            if require_stimulus:
                raise typer.Exit(EXIT_FAILED)


app.command()(batch)
app.command(hidden=True)(batch_worker)
app.command()(study)


@app.command()
def info(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Recordings or results.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    plugins: Plugins = None,
    debug: Debug = False,
) -> None:
    """Show the contents of files, how they were interpreted, and why."""
    from hdmea.recordings.inspect import inspect_file

    with errors_told(debug):
        register_plugins(plugins)
    failed = False
    found: list[dict[str, Any]] = []
    for path in files:
        try:
            inspection = inspect_file(path)
            warnings = tuple(said(warning, COMMAND_LINE) for warning in inspection.warnings)
            inspection = replace(inspection, warnings=warnings)
        except Exception as error:
            if debug:
                raise
            failed = True
            message = told(error, COMMAND_LINE)
            found.append({"path": str(path), "error": message})
            typer.echo(f"error: {message}", err=True)
            continue
        found.append(inspection.as_dict())
        if not as_json:
            typer.echo(inspection.as_text())
    if as_json:
        typer.echo(json.dumps(found if len(files) > 1 else found[0], indent=2, ensure_ascii=False))
    if failed:
        raise typer.Exit(EXIT_FAILED)


app.command()(health)
app.command(hidden=True)(health_worker)


@app.command()
def stimuli(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A raw recording, or a result of it.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Folder to write to; default: the recording's."),
    ] = None,
    movies: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of further movies (<movie>.npy).")
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Log of the stimulus program: a table of time and name, or QDSpy."),
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Only show what would be written.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing list.")] = False,
    debug: Debug = False,
) -> None:
    """Find out from the light what was shown, and write it for the steps: <recording>.stimuli.json."""
    with errors_told(debug):
        from hdmea.stimulus_setup import playlist_note, propose_for, write_stimuli

        with Bars() as bars:
            found = propose_for(
                file,
                stimuli_dir=movies,
                log=log,
                progress=lambda fraction, text: bars.update("stimuli", "Stimuli", fraction, text),
            )
        typer.echo(json.dumps(found.as_dict(), indent=2, ensure_ascii=False) if as_json else found.as_text())
        if show:
            return
        done = write_stimuli(found, output, overwrite=overwrite)
        for path in done.written:
            typer.echo(f"written: {path}", err=True)
        for path in done.kept:
            typer.echo(f"kept: {path}, which says something else", err=True)
        if note := playlist_note(found.proposal.blocks):
            typer.echo(note, err=True)


@app.command()
def features(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    plugins: Plugins = None,
    debug: Debug = False,
) -> None:
    """List the features: names, requirements, and the definition of each number."""
    with errors_told(debug):
        from hdmea.declare import FEATURES

        register_plugins(plugins)
        found = list(FEATURES)
        if as_json:
            typer.echo(
                json.dumps([_described(extractor) for extractor in found], indent=2, ensure_ascii=False)
            )
            return
        for extractor in found:
            also = f" (also {', '.join(extractor.aliases)})" if extractor.aliases else ""
            typer.echo(f"{extractor.name}{also}: {extractor.description}")
            for output in extractor.outputs:
                unit = f" [{output.unit}]" if output.unit else ""
                typer.echo(f"  {output.name}{unit}: {output.definition}")


def _described(extractor: Extractor) -> dict[str, Any]:
    return {
        "name": extractor.name,
        "aliases": list(extractor.aliases),
        "title": extractor.title,
        "version": extractor.version,
        "description": extractor.description,
        "requires": [f"{need.where}: {need.key} ({need.source})" for need in extractor.requires],
        "parameters": extractor.params.model_json_schema().get("properties", {}),
        "outputs": [dataclasses.asdict(output) for output in extractor.outputs],
    }


def _list_exporters(wanted: bool) -> None:
    if not wanted:
        return
    from hdmea.exporters import EXPORTERS

    for found in EXPORTERS:
        typer.echo(f"{found.name} ({', '.join(found.suffixes)}): {found.description}")
        for name, field in found.options.model_fields.items():
            typer.echo(f"  {name}={json.dumps(field.get_default())}: {field.description or field.title}")
    raise typer.Exit


@app.command()
def export(
    source: Annotated[Path, typer.Argument(metavar="RESULT", help="A result file.")],
    target: Annotated[
        Path, typer.Argument(metavar="TARGET", help=("The file to write; its extension selects the format."))
    ],
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="KIND", help=("Format of the file, if the extension is ambiguous.")),
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="OPTION=VALUE", help="Set an option of the format.")
    ] = None,
    recipe: Annotated[
        Path | None,
        typer.Option(
            "--recipe",
            "--options",
            help="YAML or JSON file with options of the format, which “kind” may name; --set counts more.",
        ),
    ] = None,
    sheet: Annotated[Path | None, typer.Option(help=f"{_SHEET} The result is not changed.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
    plugins: Plugins = None,
    debug: Debug = False,
    list_kinds: Annotated[
        bool, typer.Option("--list", is_eager=True, callback=_list_exporters, help="List all formats.")
    ] = False,
) -> None:
    """Write a result in another format, such as a table with one row per unit."""
    with errors_told(debug), cancel_on_interrupt() as cancel:
        from hdmea.exporters import export as write
        from hdmea.pipeline.destination import check_target
        from hdmea.pipeline.session import PipelineSession
        from hdmea.utils.text_files import read_options

        register_plugins(plugins)
        options = {} if recipe is None else read_options(recipe)
        kind = options.pop("kind", None)
        options |= dict(setting(text, "OPTION=VALUE") for text in settings or [])
        check_target(target)
        session = PipelineSession.load(source, lazy=True)
        if sheet is not None:
            from hdmea.study.recordings import read_sheet

            session.metadata["sheet"] = {**session.metadata.get("sheet", {}), **read_sheet(sheet, session)}
        with Bars() as bars:

            def report(fraction: float, text: str) -> None:
                if cancel.is_set():
                    raise StepCancelled("The export was stopped. No file was written.")
                bars.update("export", f"Export {target.name}", fraction, text)

            written = write(session, to or kind, target, overwrite=overwrite, progress=report, **options)
        for path in written:
            typer.echo(str(path))


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="A result file of any layout.")],
    target: Annotated[Path, typer.Argument(metavar="OUTPUT", help="File to write, with .h5 if needed.")],
    layout: Annotated[
        Layout | None,
        typer.Option(help="Default: columns for a file of the laboratory's scripts; otherwise required."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
    debug: Debug = False,
) -> None:
    """Write a result file in another layout; the source is not changed."""
    with errors_told(debug):
        from hdmea.pipeline.destination import check_target
        from hdmea.pipeline.session import PipelineSession, SaveState
        from hdmea.results import files

        if layout is None and files.summarize(source).layout == Layout.COLUMNS:
            raise ValidationError(
                f"{source} already has the layout columns.",
                fix=Advice("Choose another layout with --layout."),
            )
        target = _with_suffix(target)
        _refuse_existing(target, overwrite)
        check_target(target, source.stat().st_size)
        content = PipelineSession.load(source, lazy=True).content(SaveState.SAVED, checkpoint_name=None)
        files.write_session(target, content, overwrite=overwrite, layout=layout or Layout.COLUMNS)
        typer.echo(str(target))


@app.command()
def script(
    source: Annotated[Path, typer.Argument(metavar="RESULT", help="A result file or a checkpoint.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File that the script will write; default: RESULT.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Print a Python script that reproduces the result."""
    with errors_told(debug):
        from hdmea.pipeline.script import session_script
        from hdmea.pipeline.session import PipelineSession

        session = PipelineSession.load(source, lazy=True)
        typer.echo(session_script(session, output_path=output), nl=False)


@app.command()
def demo(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help=("Folder for the recording; created if needed."))
    ],
    drug: Annotated[
        bool, typer.Option("--drug", help="Three recordings of one retina: before, with and after a drug.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 2026,
    debug: Debug = False,
) -> None:
    """Write a synthetic recording with known truth, playlist and stimuli beside it."""
    with errors_told(debug):
        from hdmea.simulate import write_demo, write_retina

        if drug:
            retina = write_retina(folder, seed=seed)
            for each in retina.recordings.values():
                typer.echo(f"{each.cmcr_path}\n{each.cmtr_path}")
            typer.echo(f'Next: hdmea batch "{retina.table_path}" --output results')
            return
        recording = write_demo(folder, seed=seed)
        typer.echo(f"{recording.cmcr_path}\n{recording.cmtr_path}")
        typer.echo(f'Next: hdmea run "{recording.cmcr_path}" --output demo.h5')


def _open(
    recording: list[Path], resume: Path | None, name: str | None
) -> tuple[PipelineSession, dict[str, Any]]:
    """Return the session to work on and the parameters that say where the recording is."""
    from hdmea.pipeline.session import PipelineSession, create_session

    if resume is not None:
        session = PipelineSession.load(resume, lazy=True)
        if not recording:
            kinds = ("cmcr_path", "cmtr_path")
            known = {kind: session.source_files[kind] for kind in kinds if session.source_files.get(kind)}
            return session, known
    elif not recording:
        raise ValidationError(
            "Neither a recording nor a checkpoint is given.",
            fix=Advice("Name the .cmcr and/or .cmtr file or a Phy folder, or a checkpoint with --resume."),
        )
    sources = _pair(recording)
    if resume is None:
        session = create_session(name, sources.get("cmcr_path"), sources.get("cmtr_path"))
    return session, dict(sources)


def _pair(recording: list[Path]) -> dict[str, str]:
    """Return the paths of a pair by parameter name; a partner is searched for in the same folder."""
    from hdmea.recordings.pairing import find_partner, kind_of
    from hdmea.study.recordings import linked_recording

    pair: dict[str, str] = {}
    for path in recording:
        kind = kind_of(path)
        if kind is None or f"{kind}_path" in pair:
            raise ValidationError(
                f"{path}: a recording is one .cmcr and/or one .cmtr file, or a Phy folder instead of the "
                "latter.",
                fix=Advice("Name the files of one recording; hdmea batch runs several."),
            )
        pair[f"{kind}_path"] = str(path)
    if len(recording) == 1 and recording[0].exists():
        partner = find_partner(recording[0], linked_recording(recording[0]))
        if partner.path is not None:
            typer.echo(f"{partner.path.name}: {partner.reason}", err=True)
            pair["cmtr_path" if "cmcr_path" in pair else "cmcr_path"] = str(partner.path)
    return pair


def _with_suffix(target: Path) -> Path:
    """Return the result file that is meant; a folder or device is refused later by its own name."""
    return target if target.suffix or os.path.lexists(target) else target.with_name(f"{target.name}.h5")


def _refuse_existing(target: Path, overwrite: bool) -> None:
    if os.path.exists(target) and not overwrite:
        raise ExistingFileError(f"{target} already exists.", path=target, fix=Either((SaveAs(), Replace())))


def _finish(
    session: PipelineSession,
    result: FlowResult,
    destination: Destination,
    overwrite: bool,
    bars: Bars,
    options: FlowOptions,
    layout: Layout | None,
) -> None:
    """Write the result file, or after a failure what was computed before it."""

    def saving(fraction: float, text: str) -> None:
        if options.cancel is not None and options.cancel.is_set():
            raise StepCancelled("Saving was stopped. No file was written.")
        bars.update("save", "Save", fraction, text)

    if not result.success:
        bars.close()
        typer.echo(f"error: {result.failed_step}: {told(result.error, COMMAND_LINE)}", err=True)
        if session.completed_steps:
            with destination.keeping(session):
                kept = session.checkpoint(_beside(destination.target, "partial"))
            typer.echo(f"The results so far are in {kept}; continue with --resume {kept}", err=True)
        raise typer.Exit(EXIT_FAILED) from result.error
    with destination.keeping(session):
        path = session.save(destination.target, overwrite=overwrite, layout=layout, progress=saving)
    bars.close()
    for step, reason in result.steps_skipped.items():
        typer.echo(f"skipped: {step}: {said(reason, COMMAND_LINE)}", err=True)
    typer.echo(f"{path} ({session.unit_count} units; {', '.join(session.completed_steps)})")


def _beside(target: Path, kind: str) -> Path:
    return target.with_name(f"{target.stem}.{kind}.h5")


class _Checkpointer:
    """Writes one checkpoint file after each step, replacing the one before."""

    def __init__(self, session: PipelineSession, target: Path) -> None:
        from hdmea.pipeline.destination import check_target

        self._session = session
        self._path = _beside(target, "checkpoint")
        check_target(self._path)

    def __call__(self, run: StepRun) -> None:
        if run.cached:
            return
        try:
            self._session.checkpoint(self._path, checkpoint_name=f"after_{run.definition.name}")
        except (HDMEAError, OSError) as error:
            # The results are in memory: the run continues, and is saved at its end, here or elsewhere.
            typer.echo(f"warning: no checkpoint: {said(error, COMMAND_LINE)}", err=True)
