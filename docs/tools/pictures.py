"""Pictures that the documentation shows: ``python -m docs.tools.pictures`` in a checkout renews them.

The pages name the picture in light colours; the one in dark colours is taken with it. What no page names any
more is removed.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage

from docs.tools.screenshots import THEMES, Photographer

__all__ = ["few_colours", "main", "pages_of", "pictures_in"]

_PICTURE = re.compile(r"images/(\w+)_(?:light|dark)\.png")
_N_COLOURS = 240
_ALPHA = 0xFF000000


def pages_of(root: Path) -> list[Path]:
    """Return the pages of a checkout that may show pictures."""
    return [root / "README.md", *sorted((root / "docs").rglob("*.md"))]


def pictures_in(pages: Iterable[Path]) -> set[str]:
    """Return the names of the pictures that pages show, without their theme."""
    return {name for page in pages for name in _PICTURE.findall(page.read_text(encoding="utf-8"))}


def few_colours(picture: QImage, n_colours: int = _N_COLOURS) -> QImage:
    """Return a picture with a palette: a third of the size as a PNG, and no difference that is seen.

    Parameters
    ----------
    picture
        A picture without transparency.
    n_colours
        Most colours of the palette, at most 256.

    Notes
    -----
    The most frequent colours, a third of the palette, stay as they are: flat areas, text. The others are
    grouped by median cut, each weighted by the root of its pixels, and shown by the one nearest to the mean.
    """
    source = picture.convertToFormat(QImage.Format.Format_RGB32)
    height, width = source.height(), source.width()
    pixels = np.frombuffer(source.constBits(), np.uint32).reshape(height, -1)[:, :width]
    colours, place, counts = np.unique(pixels, return_inverse=True, return_counts=True)
    channels = np.stack([(colours >> shift) & 0xFF for shift in (16, 8, 0)], axis=1).astype(np.float64)
    group = np.empty(len(colours), np.uint8)
    palette = []
    for number, members in enumerate(_groups(channels, counts, n_colours)):
        group[members] = number
        shown = members[_nearest_to_mean(channels[members], counts[members])]
        palette.append(int(colours[shown]) | _ALPHA)
    result = QImage(width, height, QImage.Format.Format_Indexed8)
    result.setColorTable(palette)
    into = np.frombuffer(result.bits(), np.uint8).reshape(height, -1)
    into[:, :width] = group[place].reshape(height, width)
    return result


def _nearest_to_mean(channels: NDArray[np.float64], counts: NDArray[np.intp]) -> int:
    """Return the place of the colour that stands for a group."""
    mean = np.average(channels, axis=0, weights=counts)
    return int(np.argmin(((channels - mean) ** 2).sum(axis=1)))


def _groups(channels: NDArray[np.float64], counts: NDArray[np.intp], n_groups: int) -> list[NDArray[np.intp]]:
    """Return the places of the colours that are shown as one."""
    weights = np.sqrt(counts)
    ranked = np.argsort(-counts, kind="stable")
    if len(ranked) <= n_groups:
        return list(ranked[:, None])
    kept = list(ranked[: n_groups // 3, None])
    groups = [ranked[n_groups // 3 :]]
    while len(kept) + len(groups) < n_groups:
        widths = [np.ptp(channels[members], axis=0) for members in groups]
        costs = [w.max() * weights[m].sum() ** 0.25 for w, m in zip(widths, groups, strict=True)]
        worst = int(np.argmax(costs))
        members, axis = groups.pop(worst), int(np.argmax(widths[worst]))
        members = members[np.argsort(channels[members, axis], kind="stable")]
        share = np.cumsum(weights[members])
        cut = int(np.clip(np.searchsorted(share, share[-1] / 2), 1, len(members) - 1))
        groups += [members[:cut], members[cut:]]
    return kept + groups


def renew(root: Path, taken: Path) -> list[Path]:
    """Put the pictures that the pages of a checkout show into ``docs/images``; return their files.

    Raises
    ------
    LookupError
        If a page shows a picture that was not taken.
    """
    folder = root / "docs" / "images"
    folder.mkdir(exist_ok=True)
    names = {f"{name}_{theme}.png" for name in pictures_in(pages_of(root)) for theme in THEMES}
    missing = sorted(name for name in names if not (taken / name).exists())
    if missing:
        raise LookupError(f"Pages show pictures that were not taken: {', '.join(missing)}.")
    for old in folder.glob("*.png"):
        old.unlink()
    for name in names:
        few_colours(QImage(str(taken / name))).save(str(folder / name), "PNG", 0)  # type: ignore[call-overload]
    return sorted(folder / name for name in names)


def main(argv: Sequence[str] | None = None) -> int:
    """Take the pictures; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m docs.tools.pictures")
    parser.add_argument("root", type=Path, nargs="?", default=Path(), help="the checkout")
    options = parser.parse_args(argv)
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    # A fixed name: a path in a picture is the same on each computer.
    scratch = Path(tempfile.gettempdir()) / "hdmea-pictures"
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        Photographer(scratch / "taken", scratch, flow="standard").run()
        files = renew(options.root, scratch / "taken")
    except LookupError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    size = sum(path.stat().st_size for path in files)
    sys.stdout.write(f"{len(files)} pictures, {size / 1e6:.1f} MB, in {options.root / 'docs' / 'images'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
