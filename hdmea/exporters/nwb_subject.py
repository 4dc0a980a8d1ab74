"""What NWB says of a recording and its animal, from a recording sheet, with what is missing named."""

from __future__ import annotations

import datetime
import re
import zoneinfo
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from hdmea.pipeline.recording_sheet import SHEET_FIELDS
from hdmea.utils.exceptions import ValidationError
from hdmea.utils.fixes import Advice

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession

__all__ = [
    "age_text",
    "missing_entries",
    "recorded_at",
    "session_start",
    "species_text",
    "subject_facts",
    "weight_text",
]

_NEEDED: Final = ("subject_id", "species", "sex", "age")
_SPECIES: Final = {
    "mouse": "Mus musculus",
    "rat": "Rattus norvegicus",
    "human": "Homo sapiens",
    "macaque": "Macaca mulatta",
    "rhesus macaque": "Macaca mulatta",
    "marmoset": "Callithrix jacchus",
    "rabbit": "Oryctolagus cuniculus",
    "guinea pig": "Cavia porcellus",
    "zebrafish": "Danio rerio",
    "salamander": "Ambystoma tigrinum",
    "axolotl": "Ambystoma mexicanum",
    "chicken": "Gallus gallus",
    "pig": "Sus scrofa",
    "ground squirrel": "Ictidomys tridecemlineatus",
}
_SEXES: Final = {"male": "M", "female": "F", "unknown": "U", "other": "O"}
_DURATION: Final = re.compile(
    r"P(?=.)(\d+(\.\d+)?Y)?(\d+(\.\d+)?M)?(\d+(\.\d+)?W)?(\d+(\.\d+)?D)?(T.+)?(/P?.*)?"
)
_AGE: Final = re.compile(
    r"p?\s*(\d+(?:[.,]\d+)?)\s*(d|w|m|y)?(?:ays?|eeks?|onths?|o|ears?|r|k)?s?", re.IGNORECASE
)
_WEIGHT: Final = re.compile(r"(\d+(?:[.,]\d+)?)\s*(mg|g|kg)", re.IGNORECASE)
_KILOGRAMS: Final = {"mg": 1e-6, "g": 1e-3, "kg": 1.0}


def subject_facts(sheet: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Return what NWB says of the animal, and the names of entries that are missing.

    Parameters
    ----------
    sheet
        The recording sheet.

    Raises
    ------
    ValidationError
        If an entry is not what NWB can say.
    """
    facts: dict[str, Any] = {
        name: sheet[name] for name in ("subject_id", "strain", "genotype") if name in sheet
    }
    if "species" in sheet:
        facts["species"] = species_text(sheet["species"])
    if "sex" in sheet:
        sex = _SEXES.get(sheet["sex"].casefold(), sheet["sex"].upper())
        if sex not in _SEXES.values():
            raise _wrong("sex", sheet["sex"])
        facts["sex"] = sex
    if "age" in sheet:
        facts["age"] = age_text(sheet["age"])
    if "weight" in sheet:
        facts["weight"] = weight_text(sheet["weight"])
    if "date_of_birth" in sheet:
        facts["date_of_birth"] = _moment("date_of_birth", sheet["date_of_birth"])
    missing = [name for name in _NEEDED if name not in facts]
    if "date_of_birth" in facts and "age" in missing:
        missing.remove("age")
    return facts, missing


def missing_entries(session: PipelineSession, sheet: Mapping[str, str], time_zone: str = "") -> list[str]:
    """Return the names of the entries that NWB needs and neither the sheet nor the recording has.

    Raises
    ------
    ValidationError
        If an entry is not what NWB can say.
    """
    missing = subject_facts(sheet)[1]
    known = session_start(sheet, recorded_at(session), time_zone) is not None
    return missing if known else ["session_start_time", *missing]


def recorded_at(session: PipelineSession) -> str:
    """Return the local time that the recording states, as it writes it; empty without any."""
    meta = session.metadata.get("cmcr_meta") or session.metadata.get("cmtr_meta") or {}
    return str(meta.get("DateTime", ""))


def species_text(text: str) -> str:
    """Return the Latin name of a species; ValidationError if it is neither that nor a common name."""
    found = _SPECIES.get(text.casefold(), text)
    if not re.fullmatch(
        r"[A-Z][a-z]+ [a-z]+( [a-z]+)?|https?://purl\.obolibrary\.org/obo/NCBITaxon_\d+", found
    ):
        raise _wrong("species", text)
    return found


def age_text(text: str) -> str:
    """Return an age as an ISO 8601 duration: ``P90D`` for 90 days and P90; ValidationError if it is none."""
    if _DURATION.fullmatch(text) and not text[-1].isdigit():
        return text
    found = _AGE.fullmatch(text.strip())
    # P60 is a postnatal day; 60 alone may be days or weeks.
    if found is None or not (found.group(2) or text.strip().upper().startswith("P")):
        raise _wrong("age", text)
    number = found.group(1).replace(",", ".")
    return f"P{number}{(found.group(2) or 'D').upper()}"


def weight_text(text: str) -> str:
    """Return a weight in kilograms as NWB writes it; ValidationError without a unit."""
    found = _WEIGHT.fullmatch(text.strip())
    if found is None:
        raise _wrong("weight", text)
    return f"{float(found.group(1).replace(',', '.')) * _KILOGRAMS[found.group(2).lower()]:.6g} kg"


def session_start(sheet: Mapping[str, str], recorded: str, time_zone: str) -> datetime.datetime | None:
    """Return when the recording began, with its time zone; None if time or zone are not known.

    Parameters
    ----------
    sheet
        The recording sheet.
    recorded
        What the recording states, a local time such as ``10.10.2017 10:08:46``; empty if nothing.
    time_zone
        Name of the zone of times that do not state theirs, as in ``Europe/Berlin``; empty if not known.

    Raises
    ------
    ValidationError
        If the time or the zone cannot be read.
    """
    if "session_start_time" in sheet:
        start = _moment("session_start_time", sheet["session_start_time"])
    else:
        try:
            start = datetime.datetime.strptime(recorded, "%d.%m.%Y %H:%M:%S")
        except ValueError:
            return None
    if start.tzinfo is not None:
        return start
    if not time_zone:
        return None
    try:
        return start.replace(tzinfo=zoneinfo.ZoneInfo(time_zone))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValidationError(
            f"{time_zone!r} is not a time zone.",
            parameter="time_zone",
            fix=Advice("Write it as Europe/Berlin or America/New_York."),
        ) from error


def _moment(name: str, text: str) -> datetime.datetime:
    try:
        found = datetime.datetime.fromisoformat(text)
    except ValueError as error:
        raise _wrong(name, text) from error
    if name == "date_of_birth" and found.tzinfo is None:
        return found.replace(tzinfo=datetime.UTC)
    return found


def _wrong(name: str, text: str) -> ValidationError:
    help_text = next(field.help for field in SHEET_FIELDS if field.name == name)
    return ValidationError(f"The entry {name} cannot be “{text}”.", parameter=name, fix=Advice(help_text))
