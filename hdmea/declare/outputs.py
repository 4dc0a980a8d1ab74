"""A number, text or array that a feature or step makes: declared once, read everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["UNIT_OF_ENTRY", "Output"]

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
