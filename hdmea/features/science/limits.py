"""Declarations of the interval that a number has."""

from __future__ import annotations

from dataclasses import replace

from hdmea.declare import Output

__all__ = ["with_limits"]


def with_limits(output: Output) -> tuple[Output, Output, Output]:
    """Return a number's declaration and those of the limits of its 95 % interval.

    Parameters
    ----------
    output
        The number; its limits are called ``<name>_low`` and ``<name>_high``.
    """
    limits = tuple(
        replace(
            output,
            name=f"{output.name}_{end}",
            title=f"{output.title}, {word} limit",
            range=(None, None) if output.unit else output.range,
            definition=f"{word} limit of the 95 % interval of {output.name}",
            standard="",
        )
        for end, word in (("low", "lower"), ("high", "upper"))
    )
    return output, limits[0], limits[1]
