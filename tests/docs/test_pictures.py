"""Pictures of the documentation: each that a page shows is there, in both themes, and small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtGui import QImage

from docs.tools.pictures import few_colours, pages_of, pictures_in, renew
from tests.docs.blocks import ROOT

FOLDER = ROOT / "docs" / "images"


def test_the_folder_has_what_pages_show_in_both_themes_and_nothing_else() -> None:
    shown = pictures_in(pages_of(ROOT))

    assert len(shown) > 10
    assert {path.name for path in FOLDER.iterdir()} == {
        f"{name}_{theme}.png" for name in shown for theme in ("light", "dark")
    }


def test_a_page_names_the_light_picture_and_says_what_it_shows() -> None:
    for page in pages_of(ROOT)[1:]:
        for line in page.read_text(encoding="utf-8").splitlines():
            if "images/" in line and ".png" in line:
                assert line.startswith("!["), f"{page}: {line}"
                assert "_light.png)" in line, f"{page}: {line}"
                assert len(line.partition("](")[0]) > len("![") + 8, f"{page}: {line}"


def test_pictures_are_small_and_of_equal_size_in_both_themes() -> None:
    sizes = {path.name: path.stat().st_size for path in FOLDER.iterdir()}

    assert sum(sizes.values()) < 3_000_000
    assert max(sizes.values()) < 100_000
    for name in sorted(sizes):
        if name.endswith("_light.png"):
            light, dark = QImage(str(FOLDER / name)), QImage(str(FOLDER / name.replace("_light", "_dark")))
            assert light.size() == dark.size() != QImage().size(), name
            assert not light.textKeys(), name


def test_a_palette_keeps_flat_areas_and_changes_others_little() -> None:
    picture = QImage(64, 40, QImage.Format.Format_RGB32)
    for x in range(64):
        for y in range(40):
            picture.setPixel(x, y, 0xFF1F6FB4 if y < 20 else 0xFF000000 | (4 * x << 16) | (6 * y << 8) | x)

    few = few_colours(picture, 64)

    assert few.colorCount() <= 64
    assert all(few.pixel(x, 3) == 0xFF1F6FB4 for x in range(64))
    differences = np.abs(_channels(few) - _channels(picture))
    assert differences.max() < 64
    assert differences.mean() < 5


def test_few_colours_stay_as_they_are() -> None:
    picture = QImage(5, 3, QImage.Format.Format_RGB32)
    picture.fill(0xFF112233)
    picture.setPixel(2, 1, 0xFFEEDDCC)

    few = few_colours(picture)

    assert few.convertToFormat(QImage.Format.Format_RGB32) == picture


def test_renewing_replaces_removes_and_names_what_is_missing(tmp_path: Path) -> None:
    images, taken = tmp_path / "docs" / "images", tmp_path / "taken"
    images.mkdir(parents=True)
    taken.mkdir()
    (images / "old_light.png").write_bytes(b"")
    (tmp_path / "README.md").write_text("![The new one](docs/images/new_light.png)\n", encoding="utf-8")
    picture = QImage(4, 4, QImage.Format.Format_RGB32)
    picture.fill(0xFF112233)
    picture.save(str(taken / "new_light.png"))

    with pytest.raises(LookupError, match=r"new_dark\.png"):
        renew(tmp_path, taken)
    assert [path.name for path in images.iterdir()] == ["old_light.png"]

    picture.save(str(taken / "new_dark.png"))
    assert [path.name for path in renew(tmp_path, taken)] == ["new_dark.png", "new_light.png"]
    assert sorted(path.name for path in images.iterdir()) == ["new_dark.png", "new_light.png"]


def _channels(picture: QImage) -> np.ndarray:
    pixels = [
        [picture.pixelColor(x, y).getRgb()[:3] for x in range(picture.width())]
        for y in range(picture.height())
    ]
    return np.array(pixels, np.int64)
