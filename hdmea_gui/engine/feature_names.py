"""How the name of a number in a file is read in the window: ``cv_isi`` as “CV of ISI”."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hdmea.pipeline.feature_table import FeatureColumn

__all__ = ["SORTER", "feature_heading", "plain_unit", "readable_name", "readable_units"]

SORTER = "sorter"
_HEADINGS = {
    "": "Unit",
    SORTER: "Spike sorter",
    "soma": "Soma",
    "axon": "Axon",
    "rf": "Receptive field geometry",
    "lnl": "Linear–nonlinear model",
}

_WHOLE = {
    "amplitudesd": "SD of amplitudes",
    "col": "Column",
    "cv_isi": "CV of ISI",
    "icaconverged": "ICA converged",
    "icaiterations": "ICA iterations",
    "isoibg": "IsoI BG",
    "isoinn": "IsoI NN",
    "lv": "Local variation (LV)",
    "median_isi_ms": "Median ISI",
    "n_significant": "Number of significant electrodes",
    "noisestd": "SD of the noise",
    "r2": "R²",
    "rstd": "RSTD",
    "sdscore": "SD score",
    "unit_num": "Number of the unit",
}
_PARTS = {
    "bic": "BIC",
    "blue": "blue",
    "col": "column",
    "cv": "CV",
    "dog": "DoG",
    "dsi": "DSI",
    "id": "ID",
    "isi": "ISI",
    "num": "number",
    "off": "OFF",
    "on": "ON",
    "osi": "OSI",
    "r2": "R²",
    "rf": "RF",
    "sd": "SD",
    "snr": "SNR",
}
_ENDINGS = {"_um2": " in µm²", "_um": " in µm", "_m_s": " in m/s"}


def readable_name(name: str) -> str:
    """Return the name of a number as the field writes it.

    Parameters
    ----------
    name
        Name in files and filters, without that of its feature.

    Returns
    -------
    str
        Words with a capital at the beginning; ``p`` values and counts as “p of …” and “Number of …”.
    """
    if name in _WHOLE:
        return _WHOLE[name]
    if name.startswith("n_"):
        return f"Number of {_words(name.removeprefix('n_'))}"
    if name.endswith("_p"):
        return f"p of {_words(name.removesuffix('_p'))}"
    ending = next((ending for ending in _ENDINGS if name.endswith(ending)), "")
    said = _words(name.removesuffix(ending)).replace("ON OFF", "ON–OFF") + _ENDINGS.get(ending, "")
    return said[:1].upper() + said[1:]


def feature_heading(prefix: str) -> tuple[str, str]:
    """Return the title of a feature and what it is about.

    Parameters
    ----------
    prefix
        What stands before its numbers in the feature table: ``moving_bar``, ``rf[noise_15x15]``; empty for
        facts of the unit.
    """
    from hdmea.features.registry import default_registry

    registry = default_registry()
    if prefix in registry:
        extractor = registry.get(prefix)
        return extractor.title, " ".join(extractor.description.split())
    name, _, movie = prefix.partition("[")
    title = _HEADINGS.get(name) or readable_name(name)
    return (f"{title}, {movie.rstrip(']')}" if movie else title), ""


def plain_unit(unit: str) -> str:
    """Return a physical unit as the field writes it: ``px²`` for ``px^2``."""
    return unit.replace("^2", "²").replace("^3", "³").replace("uV", "µV")


def readable_units(columns: Iterable[FeatureColumn]) -> Mapping[str, str]:
    """Return the physical unit of each number by its name.

    A unit may name another number of the same feature which says it: ``waveform_unit/ms`` is µV/ms if that
    is “uV” in all units, else “unit of the waveform/ms”.
    """
    by_name = {column.name: column for column in columns}
    found = {}
    for name, column in by_name.items():
        prefix = name.rpartition(".")[0]
        unit = column.unit
        first = unit.partition("/")[0]
        said = by_name.get(f"{prefix}.{first}")
        if "_" in first:
            known = set() if said is None else {value for value in said.values if isinstance(value, str)}
            spoken = known.pop() if len(known) == 1 else _spoken(first)
            unit = unit.replace(first, spoken, 1)
        found[name] = plain_unit(unit)
    return found


def _spoken(name: str) -> str:
    what = name.removesuffix("_unit")
    return f"unit of the {_words(what)}" if what != name else _words(name)


def _words(name: str) -> str:
    return " ".join(_PARTS.get(part, part) for part in name.split("_"))
