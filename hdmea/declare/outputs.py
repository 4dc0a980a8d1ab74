"""A number, text or array that a feature or step makes: declared once, read everywhere."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

__all__ = ["UNIT_OF_ENTRY", "Output", "with_limits"]

UNIT_OF_ENTRY = "image unit"
"""Unit of an output whose unit is stated by the metadata of the feature's entry that it is in."""


@dataclass(frozen=True, slots=True)
class Output:
    """One number, text or array that a feature or a step gives.

    Table, window, tooltips, documentation and exported descriptions are made from it.

    Parameters
    ----------
    name
        Name in file, table and code.
    title
        How the field writes it, with a capital and without the unit: ``"Direction selectivity index"``.
    unit
        Physical unit, ``""`` for a pure number. It may begin with the name of a text output of the same
        feature that says the unit: ``"waveform_unit/ms"``.
    range
        Smallest and largest possible value, None for no limit.
    definition
        One line: what the number is.
    dtype
        numpy dtype of the values, or ``"str"``.
    shape
        Per unit: ``()`` for a scalar; lengths or their meaning for an array, as in ``("n_frames - 1",)``.
    per
        ``"unit"``, or ``"recording"`` for what is equal for all units and stored once with the stimulus.
    standard
        Heading of the column that the unit table has by default; empty if it has none.
    preference
        Where several outputs have the same heading, the one with the lowest number that has values is shown.
    interval
        Whether there is a 95 % interval: its limits ``<name>_low`` and ``<name>_high`` are declared with it.
    test
        Output that is its p value: a name, or True for ``<name>_p``.
    n
        Output that counts what it is measured in: trials, repetitions, spikes.
    """

    name: str
    title: str
    unit: str
    range: tuple[float | None, float | None]
    definition: str
    dtype: str = "float64"
    shape: tuple[int | str, ...] = ()
    per: Literal["unit", "recording"] = "unit"
    standard: str = ""
    preference: int = 0
    interval: bool = False
    test: bool | str = False
    n: str = ""

    @property
    def limits(self) -> tuple[str, ...]:
        """Names of the limits of the interval, the lower first; none without an interval."""
        return (f"{self.name}_low", f"{self.name}_high") if self.interval else ()

    @property
    def p(self) -> str:
        """Name of the p value, empty if there is none."""
        return self.test if isinstance(self.test, str) else f"{self.name}_p" if self.test else ""

    def __post_init__(self) -> None:
        """Refuse what cannot be a declaration, where it is made."""
        limits = self.range
        texts = (self.name, self.title, self.unit, self.definition, self.dtype, self.standard)
        if not all(isinstance(text, str) for text in texts) or not self.name:
            raise TypeError(f"Output {self.name!r}: name, title, unit, definition and dtype are texts.")
        if not isinstance(limits, tuple) or len(limits) != 2:
            raise TypeError(f"Output {self.name!r}: range is (smallest, largest), None for no limit.")
        if not isinstance(self.shape, tuple):
            raise TypeError(f"Output {self.name!r}: shape is a tuple, () for a scalar.")


def with_limits(*outputs: Output) -> tuple[Output, ...]:
    """Return declarations together with those of the limits of their intervals.

    Raises
    ------
    TypeError
        If a p value or a count that an output names is not declared.
    """
    names = {output.name for output in outputs}
    for output in outputs:
        unknown = {name for name in (output.p, output.n) if name} - names
        if unknown:
            raise TypeError(f"Output {output.name!r} names {', '.join(sorted(unknown))}, not declared.")
    return tuple(
        each
        for output in outputs
        for each in (output, *_limits(output))
        if each is output or each.name not in names
    )


def _limits(output: Output) -> tuple[Output, ...]:
    return tuple(
        replace(
            output,
            name=name,
            title=f"{output.title}, {word} limit",
            range=(None, None) if output.unit else output.range,
            definition=f"{word} limit of the 95 % interval of {output.name}",
            standard="",
            interval=False,
            test=False,
            n="",
        )
        for name, word in zip(output.limits, ("lower", "upper"), strict=False)
    )
