"""The step that computes features of all units."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from hdmea.declare import (
    FEATURES,
    Extractor,
    FeatureParams,
    FeatureTable,
    Output,
    Recording,
    StepParams,
    step,
    stored_as,
)
from hdmea.features.science.movie_trials import FRAMES
from hdmea.pipeline.context import StepContext, StepRun
from hdmea.pipeline.forecast import recording_size
from hdmea.pipeline.light_delay import light_delay_ms, without_light_delay
from hdmea.pipeline.marks import add_inherited_marks, add_section_marks
from hdmea.pipeline.requirements import reason_against
from hdmea.pipeline.results import ExtractionResult
from hdmea.pipeline.session import PipelineSession
from hdmea.utils.arrays import AttrArray
from hdmea.utils.exceptions import ConfigurationError, FeatureExtractionError, MissingInputError
from hdmea.utils.fixes import Each, Fix, RunStep, SetParameter
from hdmea.utils.giving_way import giving_way
from hdmea.utils.notices import Notice

__all__ = ["ExtractFeaturesParams", "extract_features"]

_SECTIONS = RunStep("add_section_time")
_FACTS_NBYTES = 150
_SHORT = 20
# Lengths of declared outputs in the protocols of the laboratory, before a movie is looked at.
_TYPICAL = {"trials": 3, "repetitions": 3, "frames": 900, "frequencies": 5, "directions": 8}


class ExtractFeaturesParams(StepParams):
    """Parameters of `extract_features`."""

    features: tuple[str, ...] = Field(
        (),
        title="Features",
        description="Names or aliases of the features to compute.",
        json_schema_extra={"names": "feature"},
    )
    config_overrides: dict[str, Any] | None = Field(
        None,
        title="Settings of features",
        description="Parameters by feature, as in {'baseline': {'refractory_ms': 2}}, or for all features "
        "that have them, as in {'alpha': 1}.",
        json_schema_extra={"advanced": True},
    )
    strict: bool = Field(
        False,
        title="Strict",
        description="Stop with an error where a feature would be skipped.",
        json_schema_extra={"affects_result": False},
    )


@dataclass
class _Outcome:
    skipped: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def _requested(session: PipelineSession, params: ExtractFeaturesParams) -> list[str]:
    """Names as they were asked for, each feature once, in the order in which they can be computed."""
    _overrides(params)
    names: dict[str, str] = {}
    for name in params.features:
        names.setdefault(FEATURES.canonical_name(name), name)
    return [names[canonical] for canonical in _in_order_of_need(list(names))]


def _in_order_of_need(names: list[str]) -> list[str]:
    """Features that others of the list are computed from come first."""
    ordered: list[str] = []

    def add(name: str, above: tuple[str, ...]) -> None:
        if name in ordered or name in above:
            return
        if name in FEATURES:
            for need in FEATURES.get(name).requires:
                if need.where == "feature" and need.key in names:
                    add(need.key, (*above, name))
        ordered.append(name)

    for name in names:
        add(name, ())
    return ordered


def _overrides(params: ExtractFeaturesParams) -> dict[str, Mapping[str, Any]]:
    """Parameters by canonical name, from ``{feature: {...}}`` and ``{name: value}`` for all that have it."""
    given = dict(params.config_overrides or {})
    for_all = {name: value for name, value in given.items() if not isinstance(value, Mapping)}
    asked = [FEATURES.get(name) for name in params.features if name in FEATURES]
    for name, value in for_all.items():
        if not any(_has(extractor, name) for extractor in asked):
            raise ConfigurationError(
                "The settings of features must map features to their parameters, as in "
                "{'baseline': {'refractory_ms': 2}}, or give a parameter to all that have it, as in "
                f"{{'alpha': 1}}; none of those asked for has {name!r} (it is {value!r}).",
                parameter="config_overrides",
                fix=SetParameter("config_overrides"),
            )
    found: dict[str, dict[str, Any]] = {}
    for extractor in asked:
        own = {name: value for name, value in for_all.items() if _has(extractor, name)}
        if own:
            found[extractor.name] = own
    for name, values in given.items():
        if isinstance(values, Mapping):
            canonical = FEATURES.canonical_name(name)
            found[canonical] = {**found.get(canonical, {}), **values}
    for name, merged in found.items():
        reason = reason_against(name)
        if reason is None or not isinstance(reason.fix, RunStep):
            FEATURES.get(name).make_params(merged)
    return dict(found)


def _has(extractor: Extractor, name: str) -> bool:
    """Return whether a feature has a parameter of this name, or takes any."""
    return name in extractor.params.model_fields or extractor.params.model_config.get("extra") == "allow"


def _inputs(session: PipelineSession, params: ExtractFeaturesParams) -> list[Path]:
    """No file decides the result; a wrong parameter is refused before anything else."""
    _requested(session, params)
    return []


def _item_params(params: ExtractFeaturesParams, item: str) -> dict[str, Any]:
    """Return what decides one feature's numbers: its version and its own parameters."""
    if reason_against(item) is not None:
        return {}
    extractor = FEATURES.get(item)
    return {
        "version": extractor.version,
        "params": extractor.make_params(_overrides(params).get(extractor.name)).model_dump(mode="json"),
    }


def _forecast(session: PipelineSession, params: ExtractFeaturesParams) -> int:
    """Size of the declared outputs; lengths that are not known yet count as the usual ones."""
    known = recording_size(session)
    lengths = {**_TYPICAL, "n_frames - 1": max(known.n_frames - 1, 0)}
    total = 0
    for name in _requested(session, params):
        if name not in FEATURES:
            continue
        total += known.n_units * _FACTS_NBYTES
        for output in FEATURES.get(name).outputs:
            item = 8 if output.dtype == "str" or not output.shape else np.dtype(output.dtype).itemsize
            for length in output.shape:
                item *= length if isinstance(length, int) else lengths.get(length, _SHORT)
            total += item * (known.n_units if output.per == "unit" else 1)
    return total


def _result(run: StepRun) -> ExtractionResult:
    assert run.hdf5_path is not None
    outcome = run.outcome or _Outcome()
    missing = {*outcome.skipped, *outcome.failed}
    requested = _requested(run.session, run.params)
    return ExtractionResult(
        hdf5_path=run.hdf5_path,
        features_extracted=[name for name in requested if name not in missing],
        features_skipped=outcome.skipped,
        features_failed=outcome.failed,
        warnings=list(run.warnings),
    )


@step(
    "extract_features",
    title="Features",
    params=ExtractFeaturesParams,
    requires=("units",),
    uses=(
        "stimulus/section_time",
        "units/*/spike_times_sectioned",
        "units/*/features/direction_sections_*",
        "units/*/features/sta_*",
        "units/*/features/eimage_sta",
    ),
    provides=("units/*/features",),
    version="1",
    positional=("features",),
    selectors=("features", "config_overrides"),
    inputs=_inputs,
    items=_requested,
    item_params=_item_params,
    forecast=_forecast,
    result=_result,
)
def extract_features(session: PipelineSession, params: ExtractFeaturesParams, ctx: StepContext) -> _Outcome:
    """Compute features of all units.

    Each feature declares what it needs. One whose inputs are missing, or that does not exist, is skipped with
    a warning that says why and what to run; the others are computed. Stored per unit under the name that was
    asked for; what is equal for all units is stored once, below ``stimulus``.

    Raises
    ------
    ConfigurationError
        If a parameter of a feature is wrong.
    MissingInputError
        With ``strict=True``, if a feature would be skipped, or a name is not a feature.
    FeatureExtractionError
        With ``strict=True``, if a feature fails.
    """
    run = _Extraction(session, params, ctx, _overrides(params))
    for index, name in enumerate(ctx.items):
        ctx.checkpoint(index / len(ctx.items), name)
        run.extract(name)
    return run.outcome


class _Extraction:
    """One run of the step; features computed in it are visible to those that come after."""

    def __init__(
        self,
        session: PipelineSession,
        params: ExtractFeaturesParams,
        ctx: StepContext,
        overrides: Mapping[str, Mapping[str, Any]],
    ) -> None:
        self.ctx = ctx
        self.strict = params.strict
        self.everything = {extractor.name for extractor in FEATURES} <= set(_requested(session, params))
        self.overrides = overrides
        self.outcome = _Outcome()
        self.not_shown: set[Fix] = set()
        units: dict[str, dict[str, Any]] = {}
        for unit_id, unit in session.units.items():
            features = unit.get("features") or {}
            # Copies leave unread what is unread: of a large file only what the features need is read.
            units[unit_id] = unit.copy()
            units[unit_id]["features"] = features.copy()
        self.recording = Recording(units, session.metadata, session.stimulus, session.source_files)

    def extract(self, name: str) -> None:
        reason = reason_against(name)
        missing = [reason] if reason else FEATURES.get(name).missing(self.recording)
        if missing:
            self._skip(name, missing)
            return
        extractor = FEATURES.get(name)
        params = extractor.make_params(self.overrides.get(FEATURES.canonical_name(name)))
        try:
            table = extractor.compute(self.recording, params)
        except FeatureExtractionError as error:
            message = f"The feature “{extractor.title}” failed. {error.message}"
            if self.strict:
                raise FeatureExtractionError(message, fix=error.fix) from error
            self._leave_out(name, self.outcome.failed, message, error.fix)
            return
        self._store(name, extractor, params, table)

    def _skip(self, name: str, missing: Sequence[Notice]) -> None:
        title = FEATURES.get(name).title if name in FEATURES else name
        # What nothing can mend makes it idle to mend the rest.
        missing = [reason for reason in missing if reason.fix is None] or missing
        message = f"The feature “{title}” was skipped. {' '.join(reason.message for reason in missing)}"
        given = (reason.fix for reason in missing if reason.fix is not None)
        fixes = tuple(dict.fromkeys(fix for fix in given if fix == _SECTIONS or fix not in self.not_shown))
        fix = Each(fixes) if len(fixes) > 1 else next(iter(fixes), None)
        if self.strict:
            raise MissingInputError(message, fix=fix)
        # Nobody shows every kind of stimulus: where all features are asked for, that is not a fault; nor that
        # there is none at all, which is said when the recording is loaded.
        no_frames = FRAMES.missing_from(self.recording) in missing
        no_sections = _SECTIONS in _single(fix)
        not_shown = self.everything and (fix is None or no_frames or no_sections)
        if not_shown:
            if no_sections and not no_frames and _SECTIONS not in self.not_shown:
                text = "There are no section times, so features of responses to movies were skipped."
                self.ctx.warn(text, fix=_SECTIONS)
                self.not_shown.add(_SECTIONS)
            self.not_shown.add(RunStep("extract_features", feature=FEATURES.canonical_name(name)))
        self._leave_out(name, self.outcome.skipped, message, fix, self.ctx.inform if not_shown else None)

    def _leave_out(
        self,
        name: str,
        where: list[str],
        message: str,
        fix: Fix | None,
        tell: Callable[..., None] | None = None,
    ) -> None:
        tell = tell or self.ctx.warn
        tell(message, fix=fix)
        self.ctx.skip(name)
        where.append(name)

    def _store(self, name: str, extractor: Extractor, params: FeatureParams, table: FeatureTable) -> None:
        for message in table.warnings:
            self.ctx.warn(message)
        outputs = extractor.outputs_of(table)
        delay = light_delay_ms(self.recording.stimulus, table.notes.get("movie"))
        columns = without_light_delay(table.units, outputs, delay)
        shared = {
            "version": extractor.version,
            "params": json.dumps(params.model_dump(mode="json"), sort_keys=True),
            **table.notes,
            **({"light_delay_taken_off_ms": delay} if delay else {}),
        }
        for output in outputs:
            if output.per == "recording":
                self.ctx.put(_storable(output, table.recording[output.name]), "stimulus", output.name)
        used = [need.key for need in extractor.requires if need.where == "feature"]
        for index, unit_id in enumerate(giving_way(self.recording.units)):
            data = {
                output.name: _storable(output, columns[output.name][index])
                for output in outputs
                if output.per == "unit" and columns[output.name][index] is not None
            }
            metadata = {**shared, "missing": json.dumps(table.reasons_for(unit_id), sort_keys=True)}
            if table.marks.get(unit_id):
                marks = [{"mark": mark, "cause": cause} for mark, cause in table.marks[unit_id]]
                metadata["marks"] = json.dumps(marks, ensure_ascii=False)
            entry = {"data": data, "metadata": metadata}
            add_section_marks(entry, self.recording.stimulus)
            features = self.recording.units[unit_id]["features"]
            add_inherited_marks(entry, features, [stored_as(features, need) for need in used])
            self.ctx.put(entry, "units", unit_id, "features", name)
            self.recording.units[unit_id]["features"][name] = entry


def _single(fix: Fix | None) -> tuple[Fix, ...]:
    """Return the parts of a fix."""
    if isinstance(fix, Each):
        return tuple(part for inner in fix.fixes for part in _single(inner))
    return () if fix is None else (fix,)


def _storable(output: Output, value: Any) -> Any:
    """Return a Python scalar for a scalar output, otherwise an array that carries its unit."""
    if output.dtype == "str":
        return str(value)
    if isinstance(value, (str, Mapping)):
        return value
    array = np.asarray(value)
    return array.item() if array.ndim == 0 else AttrArray(array, {"unit": output.unit} if output.unit else {})
