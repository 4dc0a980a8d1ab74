"""How the window says what to do: titles of steps and features, labels of parameters, names of buttons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

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

if TYPE_CHECKING:
    import pydantic

__all__ = ["WINDOW"]


class _WindowWords:
    """What the user sees in the window. A name that is not known stays as it is."""

    def fix(self, fix: Fix, step: str) -> str:
        match fix:
            case RunStep(name, again=True):
                return f"Run “{_step_title(name)}” again."
            case RunStep(name, feature=feature) if feature:
                return f"Run “{_step_title(name)}” with the feature “{_feature_title(feature)}” first."
            case RunStep(name):
                return f"Run “{_step_title(name)}” first."
            case SetParameter() if fix.feature:
                label = _feature_label(fix.feature, fix.parameter)
                return f"Set “{label}” of the feature “{_feature_title(fix.feature)}”."
            case SetParameter():
                return _setting(_step_label(fix.step or step, fix.parameter), fix.value, _of(fix.step, step))
            case ChooseFile():
                return f"Choose “{_step_label(fix.step or step, fix.parameter)}”{_of(fix.step, step)}."
            case ComputeAgain():
                return "Run the step again to recompute it."
            case SaveAs():
                return "Save under another name."
            case Replace():
                return "Choose another name."
            case Advice(text):
                return text
            case Either(fixes):
                return either(self.fix(each, step) for each in fixes)
            case Each(fixes):
                return " ".join(self.fix(each, step) for each in fixes)

    def parameter(self, name: str, title: str, step: str) -> str:
        return f"“{title}”"


WINDOW: Final[Words] = _WindowWords()
"""The words of the window."""


def _setting(label: str, value: Any, owner: str) -> str:
    if isinstance(value, bool):
        return f"{'Select' if value else 'Clear'} “{label}”{owner}."
    to = "" if value is None else f" to {value}"
    return f"Set “{label}”{owner}{to}."


def _of(owner: str, step: str) -> str:
    return f" of “{_step_title(owner)}”" if owner and owner != step else ""


def _step_title(name: str) -> str:
    from hdmea.declare import STEPS

    return STEPS.get(name).title if name in STEPS else name


def _step_label(step: str, parameter: str) -> str:
    from hdmea.declare import STEPS

    return _label(STEPS.get(step).params if step in STEPS else None, parameter)


def _feature_title(name: str) -> str:
    from hdmea.declare import FEATURES

    return FEATURES.get(name).title if name in FEATURES else name


def _feature_label(feature: str, parameter: str) -> str:
    from hdmea.declare import FEATURES

    return _label(FEATURES.get(feature).params if feature in FEATURES else None, parameter)


def _label(model: type[pydantic.BaseModel] | None, parameter: str) -> str:
    field = None if model is None else model.model_fields.get(parameter)
    return (field.title if field is not None else None) or parameter
