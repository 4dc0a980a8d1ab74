"""What a Linux desktop reads about the program, and the icons of the packages."""

from __future__ import annotations

import configparser
import struct
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from .scripts import ROOT, load

FOLDER = ROOT / "resources" / "desktop"
SIGNATURE = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def entry() -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(FOLDER / "hdmea-studio.desktop", encoding="utf-8")
    return parser["Desktop Entry"]


def mime_types() -> dict[str, list[str]]:
    space = "{http://www.freedesktop.org/standards/shared-mime-info}"
    root = ElementTree.parse(FOLDER / "hdmea-studio.xml").getroot()
    return {
        kind.attrib["type"]: [glob.attrib["pattern"] for glob in kind.iter(f"{space}glob")]
        for kind in root.iter(f"{space}mime-type")
    }


def test_the_entry_starts_the_program_with_files(entry: configparser.SectionProxy) -> None:
    assert entry["Type"] == "Application"
    assert entry["Exec"] == "hdmea-studio %F"
    assert entry["Icon"] == "hdmea-studio"
    assert entry["Terminal"] == "false"
    for name in ("Categories", "Keywords", "MimeType"):
        assert entry[name].endswith(";")


def test_the_entry_belongs_to_the_window(entry: configparser.SectionProxy) -> None:
    from hdmea_gui.shell.application import make_application

    assert entry["StartupWMClass"] == make_application().desktopFileName()


def test_recordings_are_known_by_their_suffix_and_opened() -> None:
    assert mime_types() == {"application/x-hdmea-cmcr": ["*.cmcr"], "application/x-hdmea-cmtr": ["*.cmtr"]}


def test_recordings_are_what_the_entry_of_the_menu_opens(entry: configparser.SectionProxy) -> None:
    assert set(entry["MimeType"].rstrip(";").split(";")) == set(mime_types())


def test_results_are_offered_after_every_other_program_for_hdf5() -> None:
    parser = configparser.ConfigParser(interpolation=None)
    (path,) = (found for found in FOLDER.glob("*.desktop") if found.name != "hdmea-studio.desktop")
    parser.read(path, encoding="utf-8")
    results = parser["Desktop Entry"]
    assert path.name.startswith("zz-")
    assert results["MimeType"] == "application/x-hdf;"
    assert results["NoDisplay"] == "true"
    assert "*.h5" not in [pattern for patterns in mime_types().values() for pattern in patterns]


def test_icons_are_files_of_their_kind() -> None:
    assert (FOLDER / "hdmea-studio.png").read_bytes().startswith(SIGNATURE)
    ico = (FOLDER / "hdmea-studio.ico").read_bytes()
    reserved, kind, n_images = struct.unpack("<HHH", ico[:6])
    assert (reserved, kind) == (0, 1)
    entries = [struct.unpack("<BBBBHHII", ico[6 + 16 * i : 22 + 16 * i]) for i in range(n_images)]
    assert {16, 32, 48, 0} <= {found[0] for found in entries}
    assert entries[-1][6] + entries[-1][7] == len(ico)
    icns = (FOLDER / "hdmea-studio.icns").read_bytes()
    assert icns[:4] == b"icns"
    assert struct.unpack(">I", icns[4:8]) == (len(icns),)


def test_icons_show_the_drawing_of_today(qtbot: Any, tmp_path: Path) -> None:
    from PySide6.QtGui import QImage

    load("make_icons").main(tmp_path)
    for name in ("hdmea-studio.png", "hdmea-studio.ico"):
        drawn, kept = QImage(str(tmp_path / name)), QImage(str(FOLDER / name))
        assert drawn.size() == kept.size()
        middle = drawn.rect().center()
        assert drawn.pixelColor(middle) == kept.pixelColor(middle)
