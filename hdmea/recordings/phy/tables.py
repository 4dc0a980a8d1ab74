"""Texts of a Phy folder: `params.py`, read as literals and never run, and the labels of the clusters."""

from __future__ import annotations

import ast
import csv
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hdmea.recordings.phy.npy import damaged
from hdmea.utils.exceptions import DataLoadError
from hdmea.utils.fixes import Advice
from hdmea.utils.notices import detail_of

__all__ = [
    "PARAMS",
    "UNLABELLED",
    "Labels",
    "label_tables",
    "read_labels",
    "read_params",
    "sampling_rate",
    "storable",
]

PARAMS = "params.py"
UNLABELLED = "unsorted"
_MOST_BYTES = 1 << 26
_RATES_HZ = (1.0, 1e6)
_UNUSABLE = re.compile(r"[^\w.%+-]+")
_IDS = ("cluster_id", "id")
_BY_HAND, _BY_SORTER = "group", "KSLabel"
_FIRST = ("cluster_info", "cluster_KSLabel", "cluster_group")
"""Tables in the order in which later ones overrule earlier ones; all others come before them."""

Literals = dict[str, Any]
Labels = dict[int, dict[str, Any]]
"""Number of a cluster to what the tables say of it; `label` is the one that counts."""


def read_params(folder: Path) -> Literals:
    """Return what `params.py` assigns, as far as it is literals.

    Raises
    ------
    DataLoadError
        If it does not exist, or is not Python.
    """
    path = folder / PARAMS
    if not os.path.isfile(path):
        raise DataLoadError(
            f"{path}: there is no such file; it states the sampling rate.",
            path,
            fix=Advice(
                "Copy it from where the spikes were sorted, or write it with the line sample_rate = 20000."
            ),
        )
    try:
        tree = ast.parse(_text(path))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise damaged(path, "this is not a file of settings as Phy reads it.", error) from error
    found: Literals = {}
    for line in tree.body:
        if isinstance(line, ast.Assign) and len(line.targets) == 1 and isinstance(line.targets[0], ast.Name):
            try:
                found[line.targets[0].id] = ast.literal_eval(line.value)
            except (ValueError, TypeError, RecursionError, MemoryError, SyntaxError):
                continue  # an expression: what it needs would have to be run
    return found


def sampling_rate(folder: Path, params: Literals) -> float:
    """Return the sampling rate in Hz that `params.py` states; DataLoadError if it states none."""
    path = folder / PARAMS
    rate = params.get("sample_rate")
    if isinstance(rate, int | float) and not isinstance(rate, bool) and _RATES_HZ[0] <= rate <= _RATES_HZ[1]:
        return float(rate)
    said = "no sample_rate" if rate is None else f"the sample_rate {rate!r}"
    raise DataLoadError(
        f"{path}: the file states {said}.",
        path,
        fix=Advice("Write the rate of the recording there, as in sample_rate = 20000."),
    )


def read_labels(folder: Path) -> Labels:
    """Return what the tables `cluster_*.tsv` say of each cluster.

    The label of a cluster is that given by hand (``group``); without one, that of the sorter (``KSLabel``);
    else ``unsorted``.

    Raises
    ------
    DataLoadError
        If a table cannot be read.
    """
    labels: Labels = {}
    for path in label_tables(folder):
        for number, values in _rows(path):
            labels.setdefault(number, {}).update(values)
    for values in labels.values():
        by_hand = str(values.get(_BY_HAND, UNLABELLED)).lower()
        by_sorter = str(values.get(_BY_SORTER, UNLABELLED)).lower()
        values["label"] = by_sorter if by_hand == UNLABELLED else by_hand
    return labels


def label_tables(folder: Path) -> list[Path]:
    """Return the tables of a folder about its clusters; later ones overrule earlier ones."""
    found = [
        path for path in sorted(folder.iterdir()) if path.name.startswith("cluster_") and os.path.isfile(path)
    ]
    found = [path for path in found if path.suffix.lower() in {".tsv", ".csv"}]
    return sorted(found, key=lambda path: _FIRST.index(path.stem) if path.stem in _FIRST else -1)


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    lines = _text(path).splitlines()
    if not lines:
        return
    try:
        table = csv.DictReader(lines, delimiter="\t" if "\t" in lines[0] else ",")
        key = next((name for name in _IDS if name in (table.fieldnames or ())), None)
        if key is None:
            raise damaged(path, "the table has no column cluster_id.")
        for row in table:
            number = _value(row[key] or "")
            if not isinstance(number, int):
                raise damaged(path, f"{row[key]!r} is not the number of a cluster.")
            texts = {name: cell for name, cell in row.items() if isinstance(cell, str) and name != key}
            cells = {_measure(name): _value(cell) for name, cell in texts.items()}
            yield number, {name: value for name, value in cells.items() if value != "" and value == value}
    except csv.Error as error:
        raise damaged(path, f"the table cannot be read ({error}).", error) from error


def _measure(column: str) -> str:
    """Return the name of a column as a result file can hold it."""
    return _UNUSABLE.sub("_", column).strip("_.") or "unnamed"


def _value(cell: str) -> int | float | str:
    text = storable(cell).strip()
    try:
        number = int(text)
        return number if abs(number) < 1 << 53 else float(number)
    except (ValueError, OverflowError):
        pass
    try:
        return float(text)
    except ValueError:
        return text


def storable(text: str) -> str:
    """Return a text without characters that a result file cannot hold: NUL, and halves of others."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise damaged(path, "the file is too large for its name.")
        return path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise damaged(path, f"the file cannot be read{detail_of(error)}.", error) from error
