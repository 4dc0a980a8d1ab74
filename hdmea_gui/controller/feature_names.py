"""How the name of a number in a file is read in the window: ``cv_isi`` as “CV of ISI”."""

from __future__ import annotations

__all__ = ["readable_name"]

_WHOLE = {
    "col": "Column",
    "cv_isi": "CV of ISI",
    "lv": "Local variation (LV)",
    "median_isi_ms": "Median ISI",
    "r2": "R²",
    "unit_num": "Number of the unit",
}
_PARTS = {
    "bic": "BIC",
    "blue": "blue",
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


def _words(name: str) -> str:
    return " ".join(_PARTS.get(part, part) for part in name.split("_"))
