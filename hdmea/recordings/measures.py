"""Measures that spike sorters report of their units, and how the field writes them."""

from __future__ import annotations

__all__ = ["measure_title"]

_TITLES = {
    "amplitudesd": "SD of amplitudes",
    "contampct": "Contamination in %",
    "icaconverged": "ICA converged",
    "icaiterations": "ICA iterations",
    "isoibg": "IsoI BG",
    "isoinn": "IsoI NN",
    "kslabel": "Label of Kilosort",
    "ndroppedduplicates": "Dropped duplicates",
    "nduplicates": "Duplicates",
    "nleftoutpeaks": "Peaks left out",
    "nrejectedpeaks": "Rejected peaks",
    "noisestd": "SD of the noise",
    "rstd": "RSTD",
    "sdscore": "SD score",
    "snr": "SNR",
    "xum": "x in µm",
    "yum": "y in µm",
}


def measure_title(name: str) -> str:
    """Return the title of a measure; of one that is not known, its name with blanks and a capital."""
    letters = "".join(filter(str.isalnum, name)).lower()
    words = name.replace("_", " ").strip() or name
    return _TITLES.get(letters, words[:1].upper() + words[1:])
