"""What F1 says about a step, a parameter, a column, a view: text made from their own declarations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from PySide6.QtWidgets import QAbstractButton, QTabBar, QTabWidget, QWidget

from hdmea_gui.engine.snapshot import FieldSpec
from hdmea_gui.models.steps import StepItem

__all__ = [
    "ExplainsItself",
    "HelpTopic",
    "field_topic",
    "limits_text",
    "step_topic",
    "topic_of",
    "value_text",
]


@dataclass(frozen=True)
class HelpTopic:
    """A title, paragraphs, and facts as label and text."""

    title: str
    paragraphs: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()


@runtime_checkable
class ExplainsItself(Protocol):
    """A widget that says what it, or what in it has the focus, is about."""

    def help_topic(self, focus: QWidget) -> HelpTopic | None:
        """Return the help for the focused widget in it; None if it has none."""


def topic_of(focus: QWidget | None) -> HelpTopic | None:
    """Return the help for a widget: its own, that of what it is in, or its tooltip; None without any."""
    widget, tip = focus, None
    while widget is not None and focus is not None:
        if isinstance(widget, ExplainsItself):
            topic = widget.help_topic(focus)
            if topic is not None:
                return topic
        if tip is None and widget.toolTip():
            tip = HelpTopic(_name_of(widget), tuple(widget.toolTip().split("\n")))
        parent = widget.parentWidget()
        # The row of tabs stands for the view it shows.
        shows = isinstance(widget, QTabBar) and isinstance(parent, QTabWidget)
        widget = parent.currentWidget() if shows and isinstance(parent, QTabWidget) else parent
        if widget is not None and widget.isWindow():
            break
    return tip


def step_topic(item: StepItem) -> HelpTopic:
    """Return the help for a step: what it does, its state, its parameters with units."""
    state = item.reason or item.detail or item.state.value
    fields = [field for field in item.spec.fields if not field.advanced]
    n_advanced = len(item.spec.fields) - len(fields)
    facts = [("State", state)]
    facts += [(_with_unit(field), field.help or field.title) for field in fields]
    if n_advanced:
        facts.append(("Advanced", f"{n_advanced} more, below the others"))
    if not item.spec.fields:
        facts.append(("Parameters", "none"))
    return HelpTopic(item.spec.title, (item.spec.help,), tuple(facts))


def field_topic(field: FieldSpec, default: Any) -> HelpTopic:
    """Return the help for a parameter: what it means, its unit, limits, choices and default."""
    facts = [("Unit", field.unit or "none"), ("Default", value_text(default))]
    if limits_text(field):
        facts.append(("Allowed", limits_text(field)))
    if field.choices:
        facts.append(("Choices", ", ".join(map(str, field.choices))))
    if field.optional:
        facts.append(("Left empty", "the step chooses automatically"))
    return HelpTopic(field.title, (field.help or field.title,), tuple(facts))


def limits_text(field: FieldSpec) -> str:
    """Return what a number may be, empty without limits."""
    pairs = (("at least", field.minimum), ("at most", field.maximum))
    return " and ".join(f"{word} {number:g}" for word, number in pairs if number is not None)


def value_text(value: object) -> str:
    """Return a value as the user reads it."""
    if value is None or value == "":
        return "automatic"
    if isinstance(value, (list, tuple)):
        several = any(isinstance(part, (list, tuple)) for part in value)
        return ("; " if several else ", ").join(map(value_text, value)) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {value_text(part)}" for name, part in value.items())
    return str(value)


def _with_unit(field: FieldSpec) -> str:
    return f"{field.title} ({field.unit})" if field.unit else field.title


def _name_of(widget: QWidget) -> str:
    text = widget.text().replace("&", "") if isinstance(widget, QAbstractButton) else ""
    return widget.accessibleName() or text or "Help"
