"""Options of commands: ``--set NAME=VALUE``, files of options, and ``--plugin FILE``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from hdmea.utils.exceptions import ConfigurationError
from hdmea.utils.fixes import Advice
from hdmea.utils.text_files import parse_json

__all__ = ["Debug", "Plugins", "parse_settings", "register_plugins", "setting"]

Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]

Plugins = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin",
        "--feature-file",
        "--step-file",
        metavar="FILE",
        help="A Python file with steps, features, readers or exporters of your own.",
    ),
]


def parse_settings(settings: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return step → parameter → value from texts ``step.param=value``; values are JSON where they can be."""
    parsed: dict[str, dict[str, Any]] = {}
    for text in settings:
        place, value = setting(text, "step.param=value")
        step, dot, parameter = place.partition(".")
        if not (dot and step and parameter):
            raise ConfigurationError(
                f"--set {text!r} does not have the form step.param=value.",
                fix=Advice("Write it as in --set compute_sta.cover_range=[-60,0]."),
            )
        parsed.setdefault(step.strip(), {})[parameter.strip()] = value
    return parsed


def setting(given: str, form: str) -> tuple[str, Any]:
    """Return name and value of a text ``name=value``; the value is JSON where it can be."""
    name, equals, text = given.partition("=")
    if not (equals and name.strip()):
        raise ConfigurationError(
            f"--set {given!r} does not have the form {form}.", fix=Advice(f"Write it as --set {form}.")
        )
    try:
        return name.strip(), parse_json(text)
    except ValueError:
        return name.strip(), text


def register_plugins(files: list[Path] | None) -> None:
    """Register what files of the user's own declare."""
    if files:
        from hdmea.study.plugins import register_files

        register_files(files)
