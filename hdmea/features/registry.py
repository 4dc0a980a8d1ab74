"""Features that older scripts declare as classes, among all others: one registry, two ways to declare."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pydantic

from hdmea.declare import FEATURES, Extractor, FeatureParams, FeatureTable, Output, Recording
from hdmea.features.base import FeatureExtractor, GroupView, plain
from hdmea.utils.exceptions import ConfigurationError, FeatureExtractionError, ValidationError
from hdmea.utils.fixes import Advice
from hdmea.utils.giving_way import giving_way
from hdmea.utils.notices import Notice

__all__ = ["FeatureExtractor", "FeatureRegistry"]

C = TypeVar("C", bound=type[FeatureExtractor])


class _AnyParams(FeatureParams):
    """Whatever the caller sets is passed to the class."""

    model_config = pydantic.ConfigDict(frozen=True, extra="allow", arbitrary_types_allowed=True)


@dataclass(frozen=True)
class _ClassFeature(Extractor):
    """A feature whose numbers come from a class that is called unit by unit."""

    made_by: type[FeatureExtractor]

    @property
    def description(self) -> str:
        """What the class says of itself."""
        return self.made_by.description or inspect.getdoc(self.made_by) or self.title

    @property
    def module(self) -> str:
        """Name of the module that declares it."""
        return self.made_by.__module__

    def missing(self, recording: Recording) -> list[Notice]:
        """Reasons why the feature cannot be computed; empty if it can."""
        units = dict(recording.units)
        first = next(iter(units.values()), {})
        trees = {"units": units, "stimulus": recording.stimulus, "metadata": recording.metadata}
        absent = self.made_by().validate_inputs(GroupView({**first, **trees}))
        return [Notice(f"The recording does not contain {', '.join(absent)}.")] if absent else []

    def compute(self, recording: Recording, params: FeatureParams | None = None) -> FeatureTable:
        """Compute the feature for all units; a unit for which the class raises has none.

        Raises
        ------
        FeatureExtractionError
            If the class raises for every unit, or does not return a dictionary.
        """
        config = {} if params is None else params.model_dump()
        extractor = self.made_by(config)
        given: dict[str, Any] = {"config": config}
        if "metadata" in inspect.signature(extractor.extract).parameters:
            given["metadata"] = GroupView(recording.metadata)
        stimulus = GroupView(recording.stimulus)
        found: list[Mapping[str, Any]] = []
        reasons: dict[str, str] = {}
        for unit_id in giving_way(recording.units):
            try:
                outputs = extractor.extract(GroupView(recording.units[unit_id]), stimulus, **given)
                found.append(dict(outputs))
            except Exception as error:  # noqa: BLE001 - code of others: its errors become reasons
                reasons[unit_id] = f"{type(error).__name__}: {error}"
                found.append({})
        if reasons and len(reasons) == len(recording.units):
            first = next(iter(reasons.values()))
            raise FeatureExtractionError(
                f"{self.made_by.__name__} failed for every unit: {first}.",
                fix=Advice("Correct the class."),
            )
        names = dict.fromkeys(name for outputs in found for name in outputs)
        return FeatureTable(
            units={name: [outputs.get(name) for outputs in found] for name in names},
            reasons={"extract": reasons} if reasons else {},
            warnings=[f"{self.name} failed for {unit_id}: {said}" for unit_id, said in reasons.items()],
        )

    def outputs_of(self, table: FeatureTable) -> tuple[Output, ...]:
        """Return the outputs that the class returned, declared or not."""
        declared = {output.name: output for output in self.outputs}
        return tuple(declared.get(name, _output(name, {})) for name in table.units)


def _is_again(earlier: type, later: type) -> bool:
    return (earlier.__module__, earlier.__qualname__) == (later.__module__, later.__qualname__)


def _output(name: str, facts: Any) -> Output:
    """Return what is known of an output: scripts declare a dictionary with its unit, or only its type."""
    unit = str(facts.get("unit", "")) if isinstance(facts, Mapping) else ""
    return Output(name, name.replace("_", " "), unit, (None, None), "")


class FeatureRegistry:
    """All features by name: classes that scripts register, and those that come with the program."""

    @classmethod
    def register(cls, name: str) -> Callable[[C], C]:
        """Return a decorator that makes a class a feature of this name.

        The same class once more, as a cell of a notebook that runs again defines it, takes its own place.

        Raises
        ------
        ValidationError
            If the name is taken.
        """

        def decorate(extractor_class: C) -> C:
            # This also has the others found, so that none of them comes second.
            known = FEATURES.get(name) if name in FEATURES else None
            if isinstance(known, _ClassFeature) and _is_again(known.made_by, extractor_class):
                FEATURES.remove(name)
            elif known is not None:
                raise ValidationError(
                    f"The feature {name!r} is already registered.", fix=Advice("Choose another name.")
                )
            extractor_class.name = name
            outputs = tuple(_output(key, facts) for key, facts in extractor_class.output_schema.items())
            feature = _ClassFeature(
                name,
                name.replace("_", " "),
                extractor_class.version,
                outputs,
                (),
                _AnyParams,
                (),
                _unused,
                extractor_class,
            )
            FEATURES.register(feature, f"class {extractor_class.__qualname__}")
            return extractor_class

        return decorate

    @classmethod
    def get(cls, name: str) -> type[FeatureExtractor]:
        """Return the class of a feature; one of this program becomes a class that computes one unit.

        Raises
        ------
        KeyError
            If there is no such feature.
        """
        try:
            feature = FEATURES.get(name)
        except ConfigurationError as error:
            raise KeyError(f"Unknown feature. {error}") from None
        return feature.made_by if isinstance(feature, _ClassFeature) else _as_class(feature)

    @classmethod
    def list_all(cls) -> list[str]:
        """Return the names of all features, sorted."""
        return FEATURES.names()

    @classmethod
    def is_registered(cls, name: str) -> bool:
        """Return whether there is a feature of this name, or with this other name."""
        return name in FEATURES

    @classmethod
    def get_metadata(cls, name: str) -> dict[str, Any]:
        """Return what is declared of a feature; KeyError if there is none of this name."""
        found = cls.get(name)
        named = ("name", "version", "required_inputs", "output_schema", "runtime_class", "description")
        return {key: getattr(found, key) for key in named}

    @classmethod
    def get_all_metadata(cls) -> dict[str, dict[str, Any]]:
        """Return what is declared of every feature, by name."""
        return {name: cls.get_metadata(name) for name in cls.list_all()}


def _unused(recording: Recording, params: Any) -> FeatureTable:
    raise NotImplementedError


def _as_class(feature: Extractor) -> type[FeatureExtractor]:
    def extract(
        self: FeatureExtractor,
        unit_data: Any,
        stimulus_data: Any,
        config: Mapping[str, Any] | None = None,
        metadata: Any = None,
    ) -> dict[str, Any]:
        recording = Recording({"unit": plain(unit_data)}, plain(metadata or {}), plain(stimulus_data))
        table = feature.compute(recording, feature.make_params({**self.config, **(config or {})}))
        found = {name: values[0] for name, values in table.units.items()}
        return {name: np.asarray(value)[()] for name, value in found.items()}

    declared: dict[str, Any] = {
        "name": feature.name,
        "version": feature.version,
        "required_inputs": [
            f"{need.where}/{need.key}" if need.where in ("metadata", "stimulus") else need.key
            for need in feature.requires
        ],
        "output_schema": {
            output.name: {"dtype": output.dtype, "unit": output.unit} for output in feature.outputs
        },
        "description": feature.description,
        "__doc__": feature.description,
        "__module__": feature.module,
        "extract": extract,
    }
    return type(feature.function.__name__, (FeatureExtractor,), declared)
