"""Declarations: what a step, a feature and a number are, and where new ones are found. Knows no caller."""

from hdmea.declare.features import (
    FEATURES,
    Extractor,
    FeatureParams,
    FeatureTable,
    Recording,
    Requirement,
    extractor,
    stored_as,
)
from hdmea.declare.outputs import UNIT_OF_ENTRY, Output, with_limits
from hdmea.declare.parameters import Params, field_extra
from hdmea.declare.registry import Registry
from hdmea.declare.steps import STEPS, StepDefinition, StepParams, all_steps, calls_go_to, get_step, step

__all__ = [
    "FEATURES",
    "STEPS",
    "UNIT_OF_ENTRY",
    "Extractor",
    "FeatureParams",
    "FeatureTable",
    "Output",
    "Params",
    "Recording",
    "Registry",
    "Requirement",
    "StepDefinition",
    "StepParams",
    "all_steps",
    "calls_go_to",
    "extractor",
    "field_extra",
    "get_step",
    "step",
    "stored_as",
    "with_limits",
]
