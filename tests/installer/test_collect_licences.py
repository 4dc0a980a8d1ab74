"""What the list of licences in a package is made of."""

from __future__ import annotations

import json

import pytest

from .scripts import ROOT, load

collector = load("collect_licences")
LICENCES = ROOT / "installer" / "licences"


def entry(source: str) -> object:
    return collector.Entry(source.rpartition("/")[2], source)


def test_packages_are_listed_by_the_modules_that_were_taken() -> None:
    found = {
        package.metadata["Name"]
        for package in collector.distributions_of(["numpy.linalg", "h5py", "PySide6.QtGui", "os"])
    }
    assert found == {"numpy", "h5py", "PySide6_Essentials"}


@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("/x/PySide6/Qt/lib/libQt6Core.so.6", {"Qt", "PCRE2 (in Qt)", "zlib (in Qt)"}),
        ("C:\\x\\PySide6\\Qt6Core.dll", {"Qt", "PCRE2 (in Qt)", "zlib (in Qt)"}),
        ("/x/h5py.libs/libhdf5-9e18f0c6.so.320.0.0", {"HDF5"}),
        ("/x/h5py/hdf5.dll", {"HDF5"}),
        ("/x/PySide6/Qt/lib/libicudata.so.73", {"ICU"}),
        ("/x/numpy.libs/libscipy_openblas64_-32a4b2a6.so", {"OpenBLAS, LAPACK and GCC runtime libraries"}),
        ("/x/llvmlite/binding/llvmlite.dll", {"LLVM"}),
        ("/x/libm.so", set()),
    ],
)
def test_libraries_inside_packages_are_listed_by_their_files(file: str, names: set[str]) -> None:
    found = collector.libraries_inside([entry(file)])
    assert {item.name for item in found} == names
    for item in found:
        assert item.licence
        assert all(len(path.read_text(encoding="utf-8")) > 500 for path in item.texts)
        assert item.texts


def test_qt_may_be_replaced_and_has_a_version() -> None:
    qt = next(item for item in collector.libraries_inside([entry("libQt6Core.so.6")]) if item.name == "Qt")
    assert qt.version.startswith("6.")
    assert qt.licence == "LGPL-3.0-only"
    assert "replace" in qt.note
    assert "GNU LESSER GENERAL PUBLIC LICENSE" in qt.text()


def test_every_stored_text_is_used() -> None:
    rows = json.loads((LICENCES / "libraries.json").read_text(encoding="utf-8"))
    named = {text for row in rows for text in row["texts"] if ":" not in text}
    assert named == {path.name for path in LICENCES.glob("*.txt")}


def test_a_debian_file_is_said_in_short_by_what_holds_for_all_files() -> None:
    machine = (
        "Format: x\n\nFiles: debian/*\nLicense: GPL-3\n\nFiles: *\nCopyright: A\nLicense: Expat\n text\n"
    )
    assert collector.shown_licence(machine) == "Expat"
    assert collector.shown_licence("This package was debianized by somebody.") == "see the text"
