"""The recording sheet: what is known of a recording beside its files, under names that NWB uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hdmea.utils.text_files import setting

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession

__all__ = ["OF_LAB", "SHEET_FIELDS", "SheetField", "recording_sheet"]


@dataclass(frozen=True)
class SheetField:
    """One entry of a recording sheet: its name in files, what a form calls it, and what to write."""

    name: str
    title: str
    help: str


SHEET_FIELDS: Final = (
    SheetField(
        "session_start_time",
        "Start of the recording",
        "Date and time with time zone, as in 2026-11-29T10:31:00+01:00.",
    ),
    SheetField("session_description", "Description", "What was recorded, in one sentence."),
    SheetField("subject_id", "Animal", "Name or number of the animal."),
    SheetField("species", "Species", "Latin name, as in Mus musculus; mouse and other common ones do too."),
    SheetField("strain", "Strain", "Strain of the animal, as in C57BL/6J."),
    SheetField("sex", "Sex", "M, F, U (unknown) or O (other)."),
    SheetField("age", "Age", "Duration such as P90D, 90 days or 12 weeks."),
    SheetField("date_of_birth", "Date of birth", "As in 2026-08-30."),
    SheetField("weight", "Weight", "With its unit, as in 25 g."),
    SheetField("genotype", "Genotype", "Genotype or mouse line."),
    SheetField("experimenter", "Experimenter", "Last name, first name; a semicolon separates several."),
    SheetField("lab", "Laboratory", "Name of the laboratory."),
    SheetField("institution", "Institution", "University or institute."),
    SheetField("keywords", "Keywords", "Separated by commas."),
    SheetField("eye", "Eye", "left or right."),
    SheetField("location", "Location", "Place of the piece on the retina, as in dorsal."),
    SheetField("condition", "Condition", "Condition of the experiment."),
    SheetField("drug", "Drug", "Compound and concentration."),
    SheetField("chip", "Chip", "Name or number of the chip."),
    SheetField("notes", "Notes", "Anything else."),
)
"""The vocabulary; further entries of a laboratory are kept under their own names."""


OF_LAB: Final = ("species", "strain", "experimenter", "lab", "institution")
"""Entries that are alike in most recordings of a laboratory."""


def recording_sheet(session: PipelineSession, given: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Return what is known of a recording: what is given first, then its sheet, then the lab's defaults.

    Parameters
    ----------
    session
        A session; its sheet is ``metadata["sheet"]``.
    given
        Name to value; empty ones do not count.

    Returns
    -------
    dict
        Name to text. Defaults of a laboratory are the entry ``recording_sheet`` of its settings file.
    """
    defaults = setting("recording_sheet")
    stored = session.metadata.get("sheet")
    found: dict[str, str] = {}
    for source in (defaults, stored, given):
        if isinstance(source, Mapping):
            texts = {str(name): str(value).strip() for name, value in source.items()}
            found |= {name: text for name, text in texts.items() if text}
    return found
