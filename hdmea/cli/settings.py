"""Options of the form ``--set NAME=VALUE``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from hdmea.utils.exceptions import ConfigurationError

__all__ = ["parse_settings", "setting"]


def parse_settings(settings: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return step → parameter → value from texts ``step.param=value``; values are JSON where they can be."""
    parsed: dict[str, dict[str, Any]] = {}
    for text in settings:
        place, value = setting(text, "step.param=value")
        step, dot, parameter = place.partition(".")
        if not (dot and step and parameter):
            raise ConfigurationError(f"--set {text!r} does not have the form step.param=value.")
        parsed.setdefault(step.strip(), {})[parameter.strip()] = value
    return parsed


def setting(given: str, form: str) -> tuple[str, Any]:
    """Return name and value of a text ``name=value``; the value is JSON where it can be."""
    name, equals, text = given.partition("=")
    if not (equals and name.strip()):
        raise ConfigurationError(f"--set {given!r} does not have the form {form}.")
    try:
        return name.strip(), json.loads(text)
    except json.JSONDecodeError:
        return name.strip(), text
