"""The recording sheet: what is known of a recording beside its files, in one vocabulary.

Names are those of NWB (https://nwb.org) where it has one, so that they mean the same in tables and exports.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from hdmea.pipeline.recording_sheet import SHEET_FIELDS

__all__ = ["SHEET_NAMES", "sheet_name", "sheet_value"]

SHEET_NAMES: Final = tuple(field.name for field in SHEET_FIELDS)
"""Names of a recording sheet; further ones of a lab are kept under their own."""

_SYNONYMS: Final[Mapping[str, str]] = {
    "animal": "subject_id",
    "animalid": "subject_id",
    "mouse": "subject_id",
    "mouseid": "subject_id",
    "subject": "subject_id",
    "gender": "sex",
    "dob": "date_of_birth",
    "birthdate": "date_of_birth",
    "date": "session_start_time",
    "starttime": "session_start_time",
    "recordingdate": "session_start_time",
    "place": "location",
    "position": "location",
    "quadrant": "location",
    "treatment": "drug",
    "compound": "drug",
    "operator": "experimenter",
    "laboratory": "lab",
    "university": "institution",
    "institute": "institution",
    "mea": "chip",
    "chipid": "chip",
    "note": "notes",
    "comment": "notes",
    "comments": "notes",
    "remark": "notes",
    "remarks": "notes",
    "line": "genotype",
}
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")


def sheet_name(column: str) -> str:
    """Return the name of a sheet's column in the one vocabulary; unknown ones as they are.

    Parameters
    ----------
    column
        A title as people write it: case, spaces and underscores do not count; ``animal`` is ``subject_id``.
    """
    key = "".join(letter for letter in column.casefold() if letter.isalnum())
    known = {name.replace("_", ""): name for name in SHEET_NAMES}
    return known.get(key) or _SYNONYMS.get(key) or column.strip()


def sheet_value(text: str) -> str | float | int:
    """Return a cell's value: a number where it is one, also with a decimal comma, else the text."""
    plain = text.strip()
    if _DECIMAL_COMMA.fullmatch(plain):
        plain = plain.replace(",", ".")
    for kind in (int, float):
        try:
            value = kind(plain)
        except ValueError:
            continue
        # "007" and "1_000" are names of animals and chips; "nan" and "inf" are words.
        return value if re.fullmatch(r"[+-]?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", plain) else text.strip()
    return text.strip()
