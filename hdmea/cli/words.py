"""How the command line says what to do: by its options."""

from __future__ import annotations

import json
from typing import Any, Final

from hdmea.utils.fixes import (
    Advice,
    ChooseFile,
    ComputeAgain,
    Each,
    Either,
    Fix,
    Replace,
    RunStep,
    SaveAs,
    SetParameter,
    Words,
    either,
)

__all__ = ["COMMAND_LINE"]

_SOURCES = {"cmcr_path": ".cmcr", "cmtr_path": ".cmtr"}


class _CommandLineWords:
    """Commands and options, as they are typed."""

    def fix(self, fix: Fix, step: str) -> str:
        match fix:
            case RunStep(name, again=True):
                return f"Run {name} again: add --force to hdmea run."
            case RunStep(name, feature=feature) if feature:
                return f"Add the feature: {_setting(name, 'features', [feature])}."
            case RunStep(name):
                return f"Choose a flow that runs {name} before it: hdmea run … --flow FLOW."
            case SetParameter() if fix.feature:
                return (
                    f"Pass {_setting(step, 'config_overrides', {fix.feature: {fix.parameter: fix.value}})}."
                )
            case SetParameter():
                return f"Pass {_setting(fix.step or step, fix.parameter, fix.value)}."
            case ChooseFile(parameter) if parameter in _SOURCES:
                return f"Name the {_SOURCES[parameter]} file on the command line."
            case ChooseFile():
                return f"Pass {_setting(fix.step or step, fix.parameter, 'PATH')}."
            case ComputeAgain():
                return "Pass --force to recompute it."
            case SaveAs():
                return "Choose another file with --output."
            case Replace():
                return "Pass --overwrite to replace it."
            case Advice(text):
                return text
            case Either(fixes):
                return either(self.fix(each, step) for each in fixes)
            case Each(fixes):
                return " ".join(self.fix(each, step) for each in fixes)

    def parameter(self, name: str, title: str, step: str) -> str:
        return f"{step}.{name}" if step else name


COMMAND_LINE: Final[Words] = _CommandLineWords()
"""The words of ``hdmea``."""


def _setting(step: str, parameter: str, value: Any) -> str:
    """Return the option that sets a parameter; in quotes where a shell needs them."""
    place = f"{step or 'STEP'}.{parameter}"
    if value is None:
        return f"--set {place}=VALUE"
    if isinstance(value, str):
        return f"--set {place}={value}"
    text = json.dumps(value, ensure_ascii=False).replace("null", '"VALUE"')
    return f"--set {place}={text}" if isinstance(value, bool | int | float) else f"--set '{place}={text}'"
