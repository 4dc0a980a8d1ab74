"""The pictures of the documentation can be taken, and none is blank; each is taken in one of the themes.

They stay in ``artifacts/screenshots``, to be looked at after the run.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtGui import QImage

from docs.tools.screenshots import Photographer

FOLDER = Path(__file__).resolve().parents[2] / "artifacts" / "screenshots"
DIALOGS = ("overwrite", "palette", "help", "about", "settings", "error", "topic_step", "topic_field")
PREVIEWS = ("units", "receptive_field", "electrical_image", "raw", "stimulus")


def test_pictures_of_all_views(qtbot: object, no_leaks: None, tmp_path: Path) -> None:
    taken = Photographer(FOLDER, tmp_path / "scratch", "tiny", alternate=True).run()

    names = {path.stem for path in taken}
    for view in (
        "welcome",
        "card",
        "recording",
        "recording_zoomed",
        "unit",
        "log",
        "batch",
        "rig",
        *DIALOGS,
        *PREVIEWS,
    ):
        assert {f"{view}_light", f"{view}_dark"} & names, view
    assert {name.rpartition("_")[2] for name in names} == {"light", "dark"}
    for path in taken:
        picture = QImage(str(path))
        colours = {
            picture.pixel(x, y) for x in range(0, picture.width(), 7) for y in range(0, picture.height(), 7)
        }
        assert len(colours) > 5, path.name
    window = QImage(str(next(path for path in taken if path.stem.startswith("unit_"))))
    assert (window.width(), window.height()) == (1280, 720)
